"""Signed notes and checkpoints: write, read, sign, verify, cosign (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

A note is text that ends in a line feed, an empty line, and one line per signature: `— NAME BASE64`, where BASE64 holds the four
bytes of the key's id and the signature. A checkpoint is a note whose text is the origin, the size and the base64 root, a line
each. A verifier key is `NAME+ID+BASE64` (id in hex; 0x01 and the 32 bytes of an Ed25519 public key), a signing key
`PRIVATE+KEY+NAME+ID+BASE64` (0x01 and the seed). With id = SHA-256(name ‖ "\\n" ‖ 0x01 ‖ public key)[:4], the example of the
specification reads

    verifier  example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
    note      This is an example message.

              — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

The key of a ledger is named like its origin.
"""

import base64
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import BadKey, BadSignature

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
SIGNATURES_AT_MOST = 64
_PRIVATE = "PRIVATE+KEY+"


def key_id(name: str, algorithm: bytes, public: bytes) -> bytes:
    """The four bytes by which signatures name their key."""
    return sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


@dataclass(frozen=True)
class Verifier:
    """A public key with its name and what it signs: notes (0x01) or, for witnesses, timestamped cosignatures (0x04)."""

    name: str
    public: bytes
    algorithm: bytes = ED25519

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """The verifier of a vkey. Raises BadKey."""
        name, identifier, data = _parts(text, "verifier key")
        found = cls(name, data[1:], data[:1])
        if found.algorithm not in (ED25519, COSIGNATURE) or len(found.public) != 32 or found.id.hex() != identifier:
            raise BadKey(
                f"verifier key of {name!r}: its id or its algorithm does not fit the key; copy it again, whole"
            )
        return found

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.algorithm, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(self.algorithm + self.public)}"

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature of `message` is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def accepts_note(self, text: str, signature: bytes) -> bool:
        """Whether the signature is this key's over the text of a note, in the way of its algorithm."""
        if self.algorithm == ED25519:
            return self.accepts(text.encode(), signature)
        moment = int.from_bytes(signature[:8])
        return len(signature) == 72 and self.accepts(_cosigned(moment, text), signature[8:])


@dataclass(frozen=True, repr=False)
class Signer:
    """A private key with its name. Not printable: `private` gives the text that is kept in a file."""

    name: str
    seed: bytes
    algorithm: bytes = ED25519

    @classmethod
    def parse(cls, text: str) -> "Signer":
        """The signer of a private key in its text form. Raises BadKey, which never repeats the key."""
        if not text.startswith(_PRIVATE):
            raise BadKey(f"this is no signing key: a signing key starts with {_PRIVATE}")
        name, identifier, data = _parts(text.removeprefix(_PRIVATE).strip(), "signing key")
        if data[:1] != ED25519 or len(data) != 33:
            raise BadKey(f"the signing key of {name!r} is not an Ed25519 key")
        found = cls(name, data[1:])
        if found.verifier.id.hex() != identifier:
            raise BadKey(f"the signing key of {name!r} does not fit its id; restore it from a backup")
        return found

    @property
    def private(self) -> str:
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{_base64(self.algorithm + self.seed)}"

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._key.public_key().public_bytes_raw(), self.algorithm)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of `message`."""
        return self._key.sign(message)


def _parts(text: str, what: str) -> tuple[str, str, bytes]:
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not valid_name(parts[0]):
        raise BadKey(f"this is no {what}: it reads NAME+ID+BASE64")
    try:
        return parts[0], parts[1], base64.b64decode(parts[2], validate=True)
    except ValueError:
        raise BadKey(f"the {what} of {parts[0]!r} does not end in base64; copy it again, whole") from None


def valid_name(name: str) -> bool:
    """Whether a key or a ledger can be named so: not empty, no blank, no plus sign, no control character."""
    return bool(name) and "+" not in name and name.isprintable() and not any(letter.isspace() for letter in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def sign_note(text: str, *signers: Signer) -> str:
    """The note of a text, signed by each signer in order. Raises ValueError when the text cannot be a note's."""
    if not text.endswith("\n") or any(letter < " " and letter != "\n" for letter in text):
        raise ValueError("the text of a note ends in a line feed and holds no other control character")
    return text + "\n" + "".join(_line(signer.verifier, signer.sign(text.encode())) for signer in signers)


def _line(verifier: Verifier, signature: bytes) -> str:
    return f"— {verifier.name} {_base64(verifier.id + signature)}\n"


def cosign(note: str, signer: Signer, moment: int) -> str:
    """The note with a witness's cosignature added: that at `moment` (seconds since 1970) it had seen no other history."""
    text, _ = split_note(note)
    witness = Verifier(signer.name, signer.verifier.public, COSIGNATURE)
    return note + _line(witness, moment.to_bytes(8) + signer.sign(_cosigned(moment, text)))


def _cosigned(moment: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


@dataclass(frozen=True)
class Signature:
    """One signature line of a note; whether it holds, `open_note` finds out."""

    name: str
    id: bytes
    data: bytes

    @property
    def moment(self) -> int:
        """When a witness says that it cosigned, in seconds since 1970."""
        return int.from_bytes(self.data[:8])


def split_note(note: str) -> tuple[str, list[Signature]]:
    """The text and the signature lines of a note, not yet verified. Raises BadSignature when it is malformed."""
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or not _is_text(note):
        raise BadSignature("this is no signed note: text, an empty line and signature lines were expected")
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > SIGNATURES_AT_MOST:
        raise BadSignature(f"the note carries more than {SIGNATURES_AT_MOST} signatures")
    return text + "\n", signatures


def join_note(text: str, signatures: list[Signature]) -> str:
    """The note of a text and signature lines; `split_note` backwards."""
    return text + "\n" + "".join(f"— {found.name} {_base64(found.id + found.data)}\n" for found in signatures)


_NO_TEXT = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")


def _is_text(note: str) -> bool:
    """Whether a text is one: UTF-8 has it, and it holds no control character but the line feed."""
    return _NO_TEXT.search(note) is None


def _signature(line: str) -> Signature:
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        data = b""
    # Base64 with stray bits in its last letter decodes too; one spelling only, so that no bit of a note can change unseen.
    if mark != "—" or not valid_name(name) or len(data) < 5 or _base64(data) != encoded:
        raise BadSignature(f"this is no signature line: {line!r}")
    return Signature(name, data[:4], data[4:])


def open_note(note: str, *verifiers: Verifier) -> tuple[str, list[Signature]]:
    """The text of a note and those of its signatures that known keys made.

    Raises BadSignature when a known key's signature fails, or when no known key has signed.
    """
    text, signatures = split_note(note)
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    found = [signature for signature in signatures if (signature.name, signature.id) in known]
    for signature in found:
        if not known[signature.name, signature.id].accepts_note(text, signature.data):
            raise BadSignature(f"the signature of {signature.name} does not belong to this note")
    if not found:
        names = ", ".join(sorted({verifier.name for verifier in verifiers}))
        raise BadSignature(f"the note is not signed by {names} with the key that is known")
    return text, found


@dataclass(frozen=True)
class Checkpoint:
    """What a ledger signs: its origin, how many entries it holds, and their root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint that the text of a note states; extension lines are allowed and dropped. Raises BadSignature."""
        lines = text.split("\n")
        try:
            found = cls(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
        except (IndexError, ValueError):
            found = cls("", 0, b"")
        if len(found.root) != 32 or found.size < 0 or "" in lines[:-1] or lines[-1] or not text.startswith(found.text):
            raise BadSignature("this is no checkpoint: origin, size and base64 root were expected, a line each")
        return found


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.text, signer)


def open_checkpoint(note: str, *verifiers: Verifier) -> Checkpoint:
    """The checkpoint of a note that one of the verifiers signed. Raises BadSignature."""
    text, _ = open_note(note, *verifiers)
    return Checkpoint.parse(text)


def rotation_text(origin: str, successor: str) -> bytes:
    """What the old key signs when the verifier key `successor` takes over:

    "checkweigh key rotation\\n", the origin, "\\n", the new verifier key, "\\n".
    """
    return f"checkweigh key rotation\n{origin}\n{successor}\n".encode()


def sign_rotation(origin: str, successor: Verifier, signer: Signer) -> str:
    """The base64 signature by which a key hands over to its successor."""
    return _base64(signer.sign(rotation_text(origin, str(successor))))


def open_rotation(origin: str, successor: str, signature: str, verifier: Verifier) -> Verifier:
    """The successor that `verifier` handed over to. Raises BadSignature."""
    try:
        found = Verifier.parse(successor)
    except BadKey as error:
        raise BadSignature(f"the rotation names no key: {error}") from None
    try:
        data = base64.b64decode(signature, validate=True)
    except ValueError:
        data = b""
    if not verifier.accepts(rotation_text(origin, successor), data):
        raise BadSignature(f"the rotation to {successor} is not signed by the key before it")
    return found
