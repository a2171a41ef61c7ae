"""What a witness is shown: the body of `add-checkpoint` (C2SP tlog-witness), to the byte.

old 4                                            the size to which the witness agreed last, 0 for none
KNbQskk8sHgWvTFzYfvBcbfsPV0MMvEKBvpcdhvmkUU=     the consistency proof from there, a hash to a line, at most 63
                                                 an empty line
mine.example/north                               the checkpoint, a signed note
...
"""

import base64
import binascii
import re
from dataclasses import dataclass

from ..checkpoint import Checkpoint, split_note
from ..errors import BadSignature, Refused
from ..merkle import HASH_BYTES

LONGEST_PROOF = 63
LARGEST_SIZE = 2**63 - 1
MOST_BYTES = 65_536
"""The longest body that a witness reads: 64 signatures and 63 hashes take less than half of it."""
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class BadSubmission(Refused):
    """What a witness was shown is not what `add-checkpoint` asks for."""


@dataclass(frozen=True)
class Submission:
    """A signed checkpoint, and the proof that it continues the one of size `old`.

    `prefix` is the root that the shown ledger has at size `old`, where the whole ledger was at hand; it never travels.
    """

    old: int
    proof: tuple[bytes, ...]
    note: str
    prefix: bytes | None = None

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """The submission of a body. Raises BadSubmission unless it is spelled as the specification says."""
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise BadSubmission("the body is not UTF-8") from None
        head, separator, note = text.partition("\n\n")
        first, *rest = head.split("\n")
        spelled = _OLD.fullmatch(first)
        if not separator or spelled is None or int(spelled[1]) > LARGEST_SIZE:
            raise BadSubmission("the body does not begin with `old SIZE`, the proof, and an empty line")
        if len(rest) > LONGEST_PROOF:
            raise BadSubmission(f"the proof has more than {LONGEST_PROOF} hashes")
        found = cls(int(spelled[1]), tuple(_hash(line) for line in rest), note)
        if not 0 <= found.checkpoint.size <= LARGEST_SIZE:
            raise BadSubmission("the size of the checkpoint is beyond every ledger")
        return found

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note states; not verified. Raises BadSubmission when it is no checkpoint."""
        try:
            return Checkpoint.parse(split_note(self.note)[0])
        except BadSignature as error:
            raise BadSubmission(str(error)) from None

    @property
    def body(self) -> bytes:
        """The bytes that `parse` reads."""
        lines = [f"old {self.old}", *(base64.b64encode(found).decode() for found in self.proof)]
        return ("\n".join(lines) + "\n\n" + self.note).encode()


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES or base64.b64encode(found).decode() != line:
        raise BadSubmission(f"{line[:60]!r} is not a hash in base64")
    return found
