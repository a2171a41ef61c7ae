"""Receipts: what a worker takes home. An entry, the proof that it is in the ledger, and the checkpoint that the ledger signed.

A receipt is a C2SP tlog-proof file (`.tlog-proof`) whose extra data are the bytes of the entry, so that it says for itself what it
proves. Line by line, each ending in a line feed:

    c2sp.org/tlog-proof@v1
    extra BASE64              the canonical bytes of the entry
    index NUMBER              its index, without leading zeros
    BASE64                    none or more hashes of 32 bytes: from the entry's neighbour up to the root's child (RFC 6962)
                              an empty line
    ORIGIN ...                the checkpoint, a signed note, to the end of the file

There is one way to write a receipt: what does not encode again to the same bytes is refused. The second entry of a ledger of two,
under the verifier key mine.example/north+4f6e6910+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4:

    c2sp.org/tlog-proof@v1
    extra eyJieSI6ImxvZ2luOmEiLCJraW5kIjoiZXJhc3VyZSIsInJlYXNvbiI6IngiLCJyZWNvcmRlZCI6IjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwid29ya2VyIjoiYm8ifQ==
    index 1
    DWfb/Kcz9NteEhWts76gC2vArRpKS1DKwsVaWdtxwhw=

    mine.example/north
    2
    cVkYVPydotoMZHtGzwhTSebQ4JEqk2TMgj3/DqWfEKI=

    — mine.example/north T25pEIjPFtueC6UoxELzzKcjBn2Lfn82uz8yF0qdypGdRPSMnVcSXl2+PjIyj2///8u5+dJq9X+0vLee8WixWsUz0AU=

A receipt proves that the holder of the key signed a history that holds these very bytes at this index. It does not prove that they
are true, nor that no later entry says otherwise; and only a witness's cosignature says that others were shown the same history.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .checkpoint import COSIGNATURE, ED25519, Checkpoint, Verifier, open_note, open_rotation, split_note
from .codec import decode
from .cosigned import cosigned_by
from .entries import Entry, kind_of
from .errors import BadEntry, BadKey, BadReceipt, BadSignature, Broken, NotCanonical
from .kinds import Key
from .merkle import check_inclusion, leaf_hash
from .snapshot import Snapshot

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST_RECEIPT = 1 << 19
"""Bytes: an entry of 65,535, 64 hashes and 64 signatures, post-quantum ones too, stay below it."""
_FORM = re.compile(
    rf"{re.escape(HEADER)}\n"
    r"extra (?P<entry>[A-Za-z0-9+/]+={0,2})\n"
    r"index (?P<index>0|[1-9][0-9]{0,18})\n"
    r"(?P<proof>(?:[A-Za-z0-9+/]{43}=\n){0,64})\n"
    r"(?P<note>.+)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Receipt:
    """What a receipt states; `check` finds out whether it holds."""

    entry: bytes
    index: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, data: bytes) -> "Receipt":
        """The receipt in a file. Raises BadReceipt or BadSignature for everything but its one form."""
        if len(data) > LONGEST_RECEIPT:
            raise BadReceipt(f"this is no receipt: it has more than {LONGEST_RECEIPT:,} bytes")
        if b"\r" in data:
            raise BadReceipt(
                "the line ends of this receipt were changed on its way; get the file again, as it was written"
            )
        try:
            parts = _FORM.fullmatch(data.decode())
            found = parts and cls(
                base64.b64decode(parts["entry"], validate=True),
                int(parts["index"]),
                tuple(base64.b64decode(line) for line in parts["proof"].split()),
                parts["note"],
            )
        except (UnicodeDecodeError, binascii.Error):
            found = None
        if not found or found.encode() != data:
            raise BadReceipt("this receipt is not as it was written: it was altered or damaged; get the file again")
        if found.checkpoint.size <= found.index:
            raise BadReceipt(
                f"this receipt is of entry {found.index}, and its checkpoint covers only {found.checkpoint.size}"
            )
        return found

    def encode(self) -> bytes:
        """The bytes of the file."""
        lines = [
            HEADER,
            f"extra {_base64(self.entry)}",
            f"index {self.index}",
            *map(_base64, self.proof),
            "",
            self.note,
        ]
        return "\n".join(lines).encode()

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """What the ledger signed, not yet verified. Raises BadSignature when it is malformed."""
        return Checkpoint.parse(split_note(self.note)[0])

    def check_inclusion(self) -> None:
        """Raises BadProof unless the hashes lead from the entry to the root of the checkpoint, whoever signed that."""
        head = self.checkpoint
        check_inclusion(self.index, head.size, leaf_hash(self.entry), list(self.proof), head.root)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def note_for(snapshot: Snapshot, index: int, cosigned: Iterable[str] = ()) -> str:
    """The checkpoint under which to prove an entry: the first of `cosigned` that covers it, or else the ledger's newest."""
    covering = (note for note in cosigned if Checkpoint.parse(split_note(note)[0]).size > index)
    return next(covering, snapshot.note)


def of_entry(snapshot: Snapshot, index: int, keys: Sequence[Verifier], cosigned: Iterable[str] = ()) -> Receipt:
    """The receipt of an entry under a checkpoint that one of the ledger's `keys` signed.

    `cosigned` are checkpoints of the ledger with the cosignatures of witnesses, the newest first. A receipt is checked before it is
    handed out. Raises Refused when the ledger does not hold the entry, and Broken when it is not what it, or a witness, has signed.
    """
    entry, note = snapshot.entry(index), note_for(snapshot, index, cosigned)
    size = Checkpoint.parse(split_note(note)[0]).size
    if size > snapshot.size:
        raise Broken(f"entries are gone: witnesses have cosigned {size:,}, and the ledger holds {snapshot.size:,}")
    made = Receipt(entry, index, tuple(snapshot.inclusion_proof(index, size)), note)
    try:
        open_note(note, *keys)
        made.check_inclusion()
    except Broken as error:
        hint = "the ledger does not hold what was signed; run `checkweigh verify` with --against or --witness"
        raise type(error)(f"no receipt can be given of entry {index}: {error}; {hint}") from None
    return made


@dataclass(frozen=True)
class Cosigned:
    """That a witness had seen this checkpoint, and no other history, at `moment` (seconds since 1970)."""

    witness: str
    moment: int


@dataclass(frozen=True)
class Proven:
    """What a receipt proves: that `entry` is in the history that `key` signed."""

    entry: Entry
    key: Verifier
    cosigned: tuple[Cosigned, ...]


def check(
    receipt: Receipt, key: Verifier, witnesses: Iterable[Verifier] = (), rotations: Iterable[Receipt] = ()
) -> Proven:
    """What the receipt proves to someone who trusts the ledger's `key` and demands the cosignature of every witness given.

    `rotations` are receipts of `key` entries that lead from `key` to the one that signed, the earliest first. Raises BadSignature,
    BadProof or BadReceipt unless everything holds, and BadKey for a key that cannot sign what it is given for.
    """
    signer = followed(_able(key, ED25519, "a ledger's"), rotations)
    _check_signed(receipt, signer)
    cosigned = tuple(_cosigned(receipt, _able(witness, COSIGNATURE, "a witness's")) for witness in witnesses)
    receipt.check_inclusion()
    return Proven(_entry(receipt), signer, cosigned)


def followed(key: Verifier, rotations: Iterable[Receipt]) -> Verifier:
    """The key that `key` has handed over to, step by step; each hand-over is signed by the key before it."""
    for rotation in rotations:
        entry = _entry(rotation)
        if not isinstance(entry, Key):
            said = f"entry {rotation.index} is a {kind_of(entry)}, and a rotation of the key is an entry of kind key"
            raise BadReceipt(f"{said}; ask for the receipt of that")
        key = open_rotation(key.name, entry.verifier, entry.signature, key)
    return key


def _able(key: Verifier, algorithm: bytes, whose: str) -> Verifier:
    if key.algorithm != algorithm:
        raise BadKey(f"{key} is not {whose} key; ask its owner for the right one")
    return key


def _check_signed(receipt: Receipt, key: Verifier) -> None:
    """Raises BadSignature unless the ledger that `key` belongs to signed the checkpoint."""
    origin = receipt.checkpoint.origin
    if origin != key.name:
        raise BadSignature(
            f"the receipt is of the ledger {origin}, and the key is that of {key.name}: it cannot prove it"
        )
    others = [found.id.hex() for found in split_note(receipt.note)[1] if found.name == origin and found.id != key.id]
    try:
        open_note(receipt.note, key)
    except BadSignature as error:
        if not others:
            raise
        said = f"the receipt is signed by another key named {origin}, with the id {others[0]} instead of {key.id.hex()}"
        hint = (
            "if the ledger has changed its key, ask for the receipt of that entry of kind key and add --rotation FILE"
        )
        raise BadSignature(f"{said}; {hint}") from error


def _cosigned(receipt: Receipt, witness: Verifier) -> Cosigned:
    moment = cosigned_by(receipt.note, witness)
    if moment is None:
        hint = "ask the ledger for a receipt under a checkpoint that this witness has cosigned"
        raise BadSignature(f"the receipt is not cosigned by {witness.name} with the key that is known; {hint}")
    return Cosigned(witness.name, moment)


def _entry(receipt: Receipt) -> Entry:
    try:
        return decode(receipt.entry)
    except (NotCanonical, BadEntry) as error:
        raise BadReceipt(
            f"entry {receipt.index} was not written by this version of Checkweigh, which cannot read it: {error}"
        ) from None


def needed_key(receipt: Receipt) -> str:
    """How the verifier key begins that the receipt asks for, as far as it says: NAME+ID+."""
    origin = receipt.checkpoint.origin
    ids = [found.id.hex() for found in split_note(receipt.note)[1] if found.name == origin]
    return f"{origin}+{ids[0]}+" if ids else f"{origin}+"
