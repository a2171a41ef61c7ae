"""erase: a person's name and profile."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import edge
from .writing import LEDGER

if TYPE_CHECKING:
    from ..erasing import Erased

WORKER = Annotated[
    str,
    typer.Argument(
        metavar="WORKER", help="The worker's id, or the payroll number beside the ledger.", show_default=False
    ),
]
REASON = Annotated[
    str,
    typer.Option(help="Why, without saying who; it is permanent, like everything in the ledger.", show_default=False),
]
YES = Annotated[bool, typer.Option("--yes", help="Do not ask before erasing, for scripts.")]


def erase(ledger: LEDGER, worker: WORKER, reason: REASON, yes: YES = False) -> None:
    """Erase a person: name, payroll number and profile go for good; the work stays under its id, and every proof verifies."""
    from .. import erasing
    from ..ledger import Ledger
    from ..people import private_path

    with Ledger.open(ledger, write=True) as opened:
        found = erasing.worker_of(opened, worker)
        _confirm(found, yes)
        done = erasing.erase(opened, found, reason, edge.edge())
        _tell(done, private_path(ledger))


def _confirm(worker: str, yes: bool) -> None:
    from ..errors import Refused

    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked here, and what is erased cannot be brought back; add --yes if it is meant")
    if not typer.confirm(f"Erase who worker {worker} is? Nobody can bring it back"):
        raise Refused("nothing was erased")


def _tell(done: "Erased", private: Path) -> None:
    if done.new:
        edge.tell((f"Entry {done.entry}", "bold green"), f": erasure of worker {done.worker}")
    else:
        edge.tell((f"Entry {done.entry}", "bold green"), " had recorded this erasure; it is complete now.")
    held = "held the person, and what it held is overwritten" if done.person else "holds nothing of the person"
    edge.tell(f"  {private} {held}.")
    if done.accounts:
        edge.tell(f"  Their account is removed: {', '.join(done.accounts)}.")
    if done.columns:
        edge.tell(f"  Columns that held the name are deleted: {', '.join(path.name for path in done.columns)}.")
    if done.public:
        which = ", ".join(map(str, done.public))
        edge.warn(
            f"entry {which} states the name publicly. It is hidden wherever Checkweigh shows the ledger, at every size, but its "
            "bytes stay in the log and in every copy of it, because the proofs rest on them"
        )
    edge.tell("What was copied before is out of reach: erase in backups that hold LEDGER.private too, or delete them.")
