"""Evidence: two checkpoints that contradict each other, both signed by the ledger, as a file that anyone can check without the witness.

The file is JSON:

    format     "checkweigh evidence 1"
    what       fork, rollback or unproven (see `decision`)
    origin     the ledger
    keys       its verifier keys, from the first that the witness followed; `handovers`: by what signature each named the next
    witness    the witness's verifier key, whose cosignature on `agreed` says when it had agreed
    seen       when the contradiction was shown
    agreed     the signed checkpoint that was agreed to
    shown      the signed checkpoint that contradicts it
    prefix     with a fork of two sizes: the root that `shown` commits to at the size of `agreed`, which `proof` shows
"""

import base64
from hashlib import sha256

import msgspec

from ..checkpoint import Checkpoint, Verifier, open_checkpoint, open_note, open_rotation
from ..errors import BadProof, BadSignature, CheckweighError, Refused
from ..merkle import check_consistency
from .decision import Conflict, Followed, What

FORMAT = "checkweigh evidence 1"


class BadEvidence(Refused):
    """A file is not evidence, or does not show what it says."""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What such a file holds."""

    format: str
    what: What
    origin: str
    keys: tuple[str, ...]
    handovers: tuple[str, ...]
    witness: str
    seen: str
    agreed: str
    shown: str
    prefix: str = ""
    proof: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its file: the same contradiction, shown again, has the same."""
        about = sha256(f"{self.agreed.partition(chr(10) * 2)[0]}\n{self.shown}".encode()).hexdigest()
        return f"{self.what}-{sha256(self.origin.encode()).hexdigest()[:8]}-{about[:16]}.json"

    @property
    def text(self) -> str:
        """The content of its file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


def evidence(conflict: Conflict, followed: Followed, witness: Verifier, seen: str) -> Evidence:
    """The evidence of a contradiction."""
    return Evidence(
        format=FORMAT,
        what=conflict.what,
        origin=followed.origin,
        keys=tuple(str(key) for key in followed.keys),
        handovers=followed.handovers,
        witness=str(witness),
        seen=seen,
        agreed=conflict.agreed,
        shown=conflict.shown,
        prefix=base64.b64encode(conflict.prefix or b"").decode(),
        proof=tuple(base64.b64encode(found).decode() for found in conflict.proof),
    )


def parse(data: bytes) -> Evidence:
    """The evidence in a file. Raises BadEvidence."""
    try:
        found = msgspec.json.decode(data, type=Evidence)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadEvidence("this is no evidence of a witness") from None
    if found.format != FORMAT:
        raise BadEvidence(f"this evidence is in the format {found.format!r}; a newer Checkweigh may read it")
    return found


def check(found: Evidence, key: Verifier | None = None) -> tuple[Checkpoint, Checkpoint]:
    """The agreed and the shown checkpoint of evidence that shows what it says. Raises BadEvidence when it does not.

    With `key`, the ledger's keys must begin with it or have passed through it; else the reader compares `keys` with the key they know.
    """
    try:
        return _checked(found, key)
    except BadEvidence:
        raise
    except (CheckweighError, ValueError) as error:
        raise BadEvidence(f"the evidence does not show a {found.what}: {error}") from None


def _checked(found: Evidence, key: Verifier | None) -> tuple[Checkpoint, Checkpoint]:
    keys = _keys(found)
    if key is not None and key not in keys:
        raise BadEvidence(f"the evidence is about a ledger with another key than {key}")
    agreed, shown = open_checkpoint(found.agreed, *keys), open_checkpoint(found.shown, *keys)
    open_note(found.agreed, Verifier.parse(found.witness))
    if {agreed.origin, shown.origin} != {found.origin}:
        raise BadEvidence("the two checkpoints are not of the one ledger that the evidence names")
    shows = {"fork": _is_fork, "rollback": _is_rollback, "unproven": _is_unproven}[found.what]
    if not shows(found, agreed, shown):
        raise BadEvidence(f"the two checkpoints do not show a {found.what}")
    return agreed, shown


def _keys(found: Evidence) -> list[Verifier]:
    if not found.keys or len(found.handovers) != len(found.keys) - 1:
        raise BadEvidence("the evidence names no chain of keys")
    keys = [Verifier.parse(found.keys[0])]
    for successor, signature in zip(found.keys[1:], found.handovers, strict=True):
        keys.append(open_rotation(found.origin, successor, signature, keys[-1]))
    return keys


def _is_fork(found: Evidence, agreed: Checkpoint, shown: Checkpoint) -> bool:
    if agreed.size == shown.size:
        return agreed.root != shown.root
    prefix = base64.b64decode(found.prefix, validate=True)
    proof = [base64.b64decode(text, validate=True) for text in found.proof]
    check_consistency(agreed.size, shown.size, prefix, shown.root, proof)
    return prefix != agreed.root


def _is_rollback(found: Evidence, agreed: Checkpoint, shown: Checkpoint) -> bool:
    return shown.size < agreed.size


def _is_unproven(found: Evidence, agreed: Checkpoint, shown: Checkpoint) -> bool:
    proof = [base64.b64decode(text, validate=True) for text in found.proof]
    try:
        check_consistency(agreed.size, shown.size, agreed.root, shown.root, proof)
    except BadProof:
        return True
    return False


__all__ = ["BadEvidence", "BadSignature", "Evidence", "check", "evidence", "parse"]
