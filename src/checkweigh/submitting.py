"""The ledger's side of being witnessed: show its newest checkpoint to a witness, and keep what the witness says of it.

What a witness says is believed only as far as its signature goes. A witness that is down, slow or lying costs the ledger nothing: appending
knows nothing of witnesses, and here each is asked by itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from . import cosigned
from .checkpoint import Checkpoint, join_note, split_note
from .cosigned import Witness
from .errors import BadSignature, Broken, Refused
from .ledger import Ledger
from .snapshot import Snapshot
from .witness import Submission

PATIENCE_SECONDS = 10.0
MOST_BYTES = 65_536
"""The longest answer that is read."""
ROUNDS = 3
"""How often a witness is asked before it is called wrong: it may name another size once, or twice if others submit meanwhile."""

Kind = Literal["agreed", "down", "refused", "false", "conflict"]


@dataclass(frozen=True)
class Reply:
    """What a witness answered over HTTP."""

    status: int
    text: str


class Unreachable(Refused):
    """A witness cannot be reached, or does not answer in time."""


Post = Callable[[str, bytes], Reply]
"""Send a body to an address. Raises Unreachable."""


@dataclass(frozen=True)
class Outcome:
    """What became of asking one witness.

    agreed    its cosignature is kept; `size` is what it agreed to
    down      it could not be reached
    refused   it does not follow this ledger, or did not take what it was shown
    false     its answer is not what a witness gives: a cosignature of another key or over another text
    conflict  it has agreed to another history than this ledger tells, or to a longer one
    """

    witness: Witness
    kind: Kind
    message: str
    size: int = 0


class _Given(Exception):
    """An outcome, from deep inside."""

    def __init__(self, kind: Kind, message: str) -> None:
        self.kind = kind
        self.message = message


class _Behind(Exception):
    """The witness knows `size` entries, more than the snapshot that it was to be shown."""

    def __init__(self, size: int) -> None:
        self.size = size


def submit(ledger: Ledger, witness: Witness, post: Post) -> Outcome:
    """Show the ledger's newest checkpoint to a witness and keep its cosignature. Raises nothing that is the witness's fault."""
    try:
        for _ in range(ROUNDS):
            try:
                return _agreed(ledger, witness, post)
            except _Behind as behind:
                _check_grown(ledger, behind.size)
        raise _Given("down", "others submit so fast that this did not get its turn")
    except _Given as given:
        return Outcome(witness, given.kind, given.message)
    except Unreachable as error:
        return Outcome(witness, "down", str(error))


def _agreed(ledger: Ledger, witness: Witness, post: Post) -> Outcome:
    with ledger.snapshot() as snapshot:
        reply = _asked(ledger, snapshot, witness, post)
        _keep(ledger, snapshot, witness, reply)
        said = f"agreed to {snapshot.size:,} {'entry' if snapshot.size == 1 else 'entries'}"
        return Outcome(witness, "agreed", said, snapshot.size)


def _check_grown(ledger: Ledger, size: int) -> None:
    """Give up unless the ledger has by now what a witness knows: then others have added and submitted meanwhile."""
    if ledger.size < size:
        gone = "entries are gone, or this is an older copy; do not go on with it before you know which"
        raise _Given("conflict", f"it has agreed to {size:,} entries, and the ledger holds {ledger.size:,}: {gone}")


def last_size(ledger: Ledger, witness: Witness) -> int:
    """The size to which a witness agreed last, as far as the ledger knows; 0 for none."""
    try:
        note = cosigned.newest(ledger.address, witness.key)
    except BadSignature:
        return 0
    return Checkpoint.parse(split_note(note)[0]).size if note else 0


def _asked(ledger: Ledger, snapshot: Snapshot, witness: Witness, post: Post) -> Reply:
    """The answer to a submission from the right size on, by the right key."""
    old, handed_over = last_size(ledger, witness), False
    for _ in range(ROUNDS):
        if old > snapshot.size:
            raise _Behind(old)
        proof = snapshot.consistency_proof(old, snapshot.size) if old else []
        reply = post(f"{witness.address}/add-checkpoint", Submission(old, tuple(proof), snapshot.note).body)
        if reply.status == 409:
            old = _size(reply)
        elif reply.status == 403 and not handed_over:
            handed_over = _hand_over(ledger, witness, post, reply)
        else:
            return reply
    raise _Given("false", "it names another size each time that it is asked")


def _size(reply: Reply) -> int:
    line = reply.text.removesuffix("\n")
    if not (line.isascii() and line.isdigit() and len(line) < 20 and str(int(line)) == line):
        raise _Given("false", f"where it should say to what size it agreed, it says {line[:60]!r}")
    return int(line)


def _hand_over(ledger: Ledger, witness: Witness, post: Post, refusal: Reply) -> bool:
    """Tell a witness which keys the ledger's first has handed over to. Raises what it refused, where that cannot be the reason."""
    handovers = ledger.handovers()
    for key, signature in handovers:
        reply = post(f"{witness.address}/add-handover", f"{ledger.origin}\n{key}\n{signature}\n".encode())
        if reply.status == 404:
            hint = f"ask its keeper for `checkweigh witness follow DIR {key} --handover {signature}`"
            raise _Given("refused", f"it does not know that the ledger has changed its key; {hint}")
    if not handovers:
        raise _Given("refused", _said(refusal))
    return True


def _keep(ledger: Ledger, snapshot: Snapshot, witness: Witness, reply: Reply) -> None:
    if reply.status == 422:
        other = "another history than this ledger tells; both sides should compare what they hold"
        raise _Given("conflict", f"it has agreed to {other} ({_said(reply)})")
    if reply.status != 200:
        raise _Given("refused", _said(reply))
    try:
        text, signatures = split_note(snapshot.note + reply.text)
        found = [one for one in signatures if (one.name, one.id) == (witness.key.name, witness.key.id)]
        note = join_note(text, [*split_note(snapshot.note)[1], *found])
        if cosigned.cosigned_by(note, witness.key) is None:
            raise _Given("false", "its answer is not signed with its key")
    except BadSignature as error:
        raise _Given("false", f"its answer is no cosignature of this checkpoint: {error}") from None
    try:
        cosigned.keep(ledger.address, note)
    except BadSignature:
        raise  # what was kept before has been damaged, which is not the witness's doing
    except Broken as error:
        raise _Given("conflict", str(error)) from None


def _said(reply: Reply) -> str:
    words = " ".join(letter for letter in [reply.text.strip()] if letter) or "nothing"
    shown = "".join(letter if letter.isprintable() else " " for letter in words[:300])
    return f"it answers {reply.status}: {shown}"


class _NoRedirect(HTTPRedirectHandler):
    """A witness answers where it was asked, or not at all."""

    def redirect_request(self, *given: Any) -> None:
        return None


def post(address: str, body: bytes) -> Reply:
    """Send a body by HTTP. Raises Unreachable, also for an answer that is too long or takes too long."""
    request = Request(address, data=body, headers={"Content-Type": "text/plain; charset=utf-8"}, method="POST")
    try:
        try:
            with build_opener(_NoRedirect).open(request, timeout=PATIENCE_SECONDS) as response:
                return Reply(response.status, _read(response))
        except HTTPError as error:
            with error:
                return Reply(error.code, _read(error))
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"it cannot be reached: {reason}") from None


def _read(response: Any) -> str:
    data, until = bytearray(), time.monotonic() + PATIENCE_SECONDS
    while part := response.read1(MOST_BYTES):
        data += part
        if len(data) > MOST_BYTES or time.monotonic() > until:
            raise Unreachable("its answer is too long or too slow")
    return data.decode("utf-8", "replace")
