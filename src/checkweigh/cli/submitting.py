"""The ledger's side of the second book: who its witnesses are, and asking them."""

import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from . import edge
from .writing import LEDGER

if TYPE_CHECKING:
    from ..cosigned import Witness
    from ..ledger import Ledger
    from ..submitting import Outcome

PAUSE_SECONDS = 5
"""A witness is asked at most so often."""
LONGEST_PAUSE_SECONDS = 60
FRESH_SECONDS = 3600
"""A cosignature older than this is asked for anew, although nothing was added: it says that nothing was rewritten meanwhile."""
ADD = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--add", metavar="ADDRESS VKEY", help="Name a witness: where it is asked, and the key that it showed."
    ),
]
REMOVE = Annotated[str | None, typer.Option("--remove", metavar="NAME", help="Ask this witness no more.")]
FOLLOW = Annotated[bool, typer.Option("--follow", help="Keep on: ask whenever entries were added, until stopped.")]


def witnesses(ledger: LEDGER, add: ADD = None, remove: REMOVE = None) -> None:
    """Show the witnesses of a ledger and what they have agreed to; name one, or remove one."""
    from .. import cosigned
    from ..ledger import Ledger

    with Ledger.open(ledger) as opened:
        found = cosigned.witnesses(ledger)
        if add is not None:
            found = _added(found, *add)
        if remove is not None:
            found = _without(found, remove)
        if add is not None or remove is not None:
            cosigned.write_witnesses(ledger, found)
        for witness in found:
            _tell_witness(opened, witness)
    if not found:
        edge.tell(f"{ledger} has no witness; name one with --add ADDRESS VKEY.")


def _added(found: "list[Witness]", address: str, key: str) -> "list[Witness]":
    from ..cosigned import Witness, checked_address, cosigner
    from ..errors import Refused

    new = Witness(checked_address(address), cosigner(key.strip()))
    if any(one.key.name == new.key.name and one.key != new.key for one in found):
        raise Refused(f"{new.key.name} is a witness already, with another key; remove it first if it has changed")
    return [one for one in found if one.key != new.key] + [new]


def _without(found: "list[Witness]", name: str) -> "list[Witness]":
    from ..errors import Refused

    kept = [one for one in found if name not in (one.key.name, one.address)]
    if kept == found:
        raise Refused(f"{name!r} is not a witness of this ledger; the witnesses are shown without --remove")
    return kept


def _tell_witness(opened: "Ledger", witness: "Witness") -> None:
    from .. import cosigned
    from ..submitting import last_size

    edge.tell((witness.key.name, "bold"), f" at {witness.address}")
    edge.tell(f"  key {witness.key}")
    note = cosigned.newest(opened.address, witness.key)
    moment = None if note is None else cosigned.cosigned_by(note, witness.key)
    if moment is None:
        edge.tell("  has agreed to nothing yet; `checkweigh submit` asks it")
    else:
        edge.tell(f"  agreed to {last_size(opened, witness):,} of {edge.counted(opened.size)} {edge.ago(moment)}")


def submit(ledger: LEDGER, follow: FOLLOW = False) -> None:
    """Show the newest checkpoint to the ledger's witnesses, and keep what they cosign. Others may go on writing meanwhile."""
    from .. import cosigned
    from ..errors import Refused
    from ..ledger import Ledger

    found = cosigned.witnesses(ledger)
    if not found:
        raise Refused(
            f"{ledger} has no witness; name one with `checkweigh witnesses {ledger.typed} --add ADDRESS VKEY`"
        )
    with Ledger.open(ledger) as opened:
        if follow:
            _follow(opened, found)
        else:
            _once(opened, found)


def _once(opened: "Ledger", found: "list[Witness]") -> None:
    from ..errors import Broken, Refused
    from ..submitting import post
    from ..submitting import submit as ask

    outcomes = []
    for witness in found:
        time.sleep(_too_early(opened, witness))
        outcomes.append(ask(opened, witness, post))
        _tell(outcomes[-1])
    left = [outcome.witness.key.name for outcome in outcomes if outcome.kind != "agreed"]
    if any(outcome.kind == "conflict" for outcome in outcomes):
        raise Broken("a witness has agreed to another history than this ledger tells")
    if left:
        raise Refused(f"not every witness has agreed: {', '.join(left)}; try again later")


def _too_early(opened: "Ledger", witness: "Witness") -> float:
    """How many seconds are left until a witness may be asked again."""
    from .. import cosigned

    note = cosigned.newest(opened.address, witness.key)
    moment = None if note is None else cosigned.cosigned_by(note, witness.key)
    return 0 if moment is None else min(PAUSE_SECONDS, max(0, moment + PAUSE_SECONDS - edge.now().timestamp()))


def _tell(outcome: "Outcome") -> None:
    from rich.text import Text

    name, said = outcome.witness.key.name, f": {outcome.message}"
    if outcome.kind == "agreed":
        edge.tell((name, "bold green"), said)
    else:
        loud = "bold red" if outcome.kind in ("conflict", "false") else "bold yellow"
        edge.aside().print(Text.assemble((name, loud), said), soft_wrap=True)


def _follow(opened: "Ledger", found: "list[Witness]") -> None:
    """Ask each witness by itself, so that none waits for another; until the process is interrupted."""
    edge.tell(
        f"Asking {len(found)} {'witness' if len(found) == 1 else 'witnesses'} whenever entries are added; stop with Ctrl-C."
    )
    threads = [threading.Thread(target=_keep_on, args=(opened, witness), daemon=True) for witness in found]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)


def _keep_on(opened: "Ledger", witness: "Witness") -> None:
    """Ask a witness again and again; say only what is new."""
    from ..errors import CheckweighError
    from ..submitting import post
    from ..submitting import submit as ask

    size, asked, pause, said = -1, 0.0, PAUSE_SECONDS, ""
    while True:
        try:
            if opened.size != size or time.monotonic() - asked > FRESH_SECONDS:
                outcome = ask(opened, witness, post)
                if said != (said := outcome.message):
                    _tell(outcome)
                size, asked = (outcome.size if outcome.kind == "agreed" else -1), time.monotonic()
                pause = PAUSE_SECONDS if outcome.kind == "agreed" else min(2 * pause, LONGEST_PAUSE_SECONDS)
        except CheckweighError as error:
            edge.warn(f"{witness.key.name}: {error}")
            pause = LONGEST_PAUSE_SECONDS
        time.sleep(pause)
