"""Agree to a checkpoint, or refuse it: the rules of C2SP tlog-witness, without a clock, a file or a network.

A witness agrees to a checkpoint of a ledger that it follows when the key that it knows has signed it and a proof shows that it continues
the last one agreed to. What is refused may prove that the ledger's owner showed two histories. That is told apart with care, because
anybody may send a witness an honest checkpoint with a wrong proof:

    fork        two checkpoints, both signed by the ledger, that no one history has: of one size, or the shown one begins otherwise.
                This is proof, wherever it came from.
    rollback    a signed checkpoint of fewer entries than agreed to. Either entries are gone, or an old checkpoint was sent late.
    unproven    a signed checkpoint whose proof does not lead from what was agreed to. Either there are two histories, or the proof is
                wrong; the whole ledger decides.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from ..checkpoint import Checkpoint, Verifier, open_note, split_note
from ..errors import BadProof, BadSignature
from ..merkle import EMPTY, check_consistency, prefix_root
from .submission import Submission

What = Literal["fork", "rollback", "unproven"]
OK, MALFORMED, NOT_SIGNED, NOT_FOLLOWED, OTHER_SIZE, INCONSISTENT = 200, 400, 403, 404, 409, 422


@dataclass(frozen=True)
class Followed:
    """A ledger that a witness follows: its origin, its keys from the first followed to the one that signs now, and what was agreed last.

    `handovers` holds the signature by which each key but the first was named by the one before it.
    """

    origin: str
    keys: tuple[Verifier, ...]
    handovers: tuple[str, ...] = ()
    note: str | None = None
    moment: int = 0

    @property
    def checkpoint(self) -> Checkpoint:
        """The last one agreed to; that of the empty ledger where none was."""
        if self.note is None:
            return Checkpoint(self.origin, 0, EMPTY)
        return Checkpoint.parse(split_note(self.note)[0])


@dataclass(frozen=True)
class Conflict:
    """What contradicts a checkpoint agreed to: `prefix` is the root that the shown one commits to at the size of the agreed one."""

    what: What
    agreed: str
    shown: str
    prefix: bytes | None = None
    proof: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Whether a witness agrees, as the status that HTTP has for it, and why not; `size` is what it agreed to last."""

    status: int
    reason: str = ""
    size: int = 0
    conflict: Conflict | None = None


def decide(shown: Submission, followed: Followed | None, agreed: Callable[[int], str | None]) -> Answer:
    """Whether to agree to what is shown. `agreed` gives the note once agreed to at a size, if one was."""
    checkpoint = shown.checkpoint
    if followed is None:
        return Answer(NOT_FOLLOWED, f"{checkpoint.origin} is not followed here")
    last = followed.checkpoint
    try:
        open_note(shown.note, *followed.keys)
    except BadSignature as error:
        return Answer(NOT_SIGNED, str(error), last.size)
    answer = _answer(shown, checkpoint, last)
    if not _signed_by(shown.note, followed.keys[-1]):
        answer = Answer(NOT_SIGNED, "the note is signed by a key that has handed over to another", last.size)
    if answer.status == OK or followed.note is None:
        return answer
    return replace(answer, conflict=_conflict(shown, checkpoint, followed.note, agreed))


def _signed_by(note: str, key: Verifier) -> bool:
    try:
        open_note(note, key)
    except BadSignature:
        return False
    return True


def _answer(shown: Submission, checkpoint: Checkpoint, last: Checkpoint) -> Answer:
    """The checks that follow the signature's, in the order of the specification."""
    if shown.old > checkpoint.size:
        return Answer(MALFORMED, f"old {shown.old} is beyond the checkpoint, of size {checkpoint.size}", last.size)
    if shown.old != last.size:
        return Answer(OTHER_SIZE, f"the size agreed to is {last.size}, not {shown.old}", last.size)
    if checkpoint.size == 0 and checkpoint.root != EMPTY:
        return Answer(INCONSISTENT, "an empty ledger has the root of the empty tree", last.size)
    if shown.old == 0:
        wrong = "there is nothing to prove from size 0 on; leave the proof out" if shown.proof else ""
        return Answer(INCONSISTENT if wrong else OK, wrong, last.size)
    try:
        check_consistency(last.size, checkpoint.size, last.root, checkpoint.root, list(shown.proof))
    except BadProof as error:
        return Answer(INCONSISTENT, str(error), last.size)
    return Answer(OK, size=last.size)


def _conflict(
    shown: Submission, checkpoint: Checkpoint, note: str, agreed: Callable[[int], str | None]
) -> Conflict | None:
    """How what is shown contradicts what was agreed to, if it does."""
    last = Checkpoint.parse(split_note(note)[0])
    before = agreed(checkpoint.size)
    if before is not None:
        same = Checkpoint.parse(split_note(before)[0]).root == checkpoint.root
        return None if same else Conflict("fork", before, shown.note)
    if checkpoint.size < last.size:
        return Conflict("rollback", note, shown.note)
    if shown.old != last.size or last.size == 0:
        return None
    try:
        prefix = _prefix(shown, checkpoint, last)
    except BadProof:
        return Conflict("unproven", note, shown.note, None, shown.proof)
    # A wrong key alone, over a right history, contradicts nothing.
    return None if prefix == last.root else Conflict("fork", note, shown.note, prefix, shown.proof)


def _prefix(shown: Submission, checkpoint: Checkpoint, last: Checkpoint) -> bytes:
    """The root at size `old` that the shown checkpoint commits to. Raises BadProof where the proof does not show it."""
    for root in (last.root, shown.prefix or b""):
        with suppress(BadProof):
            check_consistency(last.size, checkpoint.size, root, checkpoint.root, list(shown.proof))
            return root
    return prefix_root(last.size, checkpoint.size, checkpoint.root, list(shown.proof))
