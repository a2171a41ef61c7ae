"""judge: verdicts on shifts."""

from typing import TYPE_CHECKING, Annotated

import typer

from . import edge
from .writing import LEDGER, RECORDED, append, tell_added

if TYPE_CHECKING:
    from ..ledger import Ledger

SHIFT = Annotated[
    str,
    typer.Argument(
        metavar="SHIFT",
        help="The id of the shift or the index of its entry; several with commas between.",
        show_default=False,
    ),
]
RULING = Annotated[
    str,
    typer.Argument(
        metavar="RULING",
        help="verified, disputed, adjusted, annulled, or withdrawn (back to reported).",
        show_default=False,
    ),
]
REASON = Annotated[
    str, typer.Option(help="Why; it is permanent and public to all who read the ledger.", show_default=False)
]
OWN = Annotated[
    bool,
    typer.Option("--own", help="You entered the shift yourself, and judge it all the same; everybody will see it."),
]


def judge(
    ledger: LEDGER,
    shift: SHIFT,
    ruling: RULING,
    reason: REASON,
    quantity: Annotated[str | None, typer.Option(help="For adjusted: the corrected quantity.")] = None,
    hours: Annotated[str | None, typer.Option(help="For adjusted: the corrected hours.")] = None,
    headcount: Annotated[str | None, typer.Option(help="For adjusted: the corrected headcount of a crew.")] = None,
    helpers: Annotated[str | None, typer.Option(help="For adjusted: helpers as worker:role:hours,... or none.")] = None,
    cites: Annotated[str | None, typer.Option(help="Ids of sources, separated by commas.")] = None,
    own: OWN = False,
    recorded: RECORDED = None,
) -> None:
    """Judge a shift. The verdict is an entry itself; every figure follows it from then on, and none before.

    The last verdict counts, and all of them stay. Whoever entered the shift does not judge it, unless they say so with --own.
    """
    from .. import judging

    stated = {"ruling": ruling, "reason": reason, "quantity": quantity, "hours": hours, "headcount": headcount,
              "helpers": helpers, "cites": cites}  # fmt: skip
    written = [f"{name}={text}" for name, text in stated.items() if text is not None]
    with edge.opened(ledger, write=True) as opened:
        shifts = judging.shifts_named(opened, shift)
        indices = append(opened, "verdict", [[f"shift={one}", *written] for one in shifts], recorded, None, own)
        for one, index in zip(shifts, indices, strict=True):
            tell_added(opened, index)
            _tell_effect(opened, one, index)
            _tell_history(opened, one)


def _tell_effect(opened: "Ledger", shift: str, index: int) -> None:
    from .showing import tell_effect

    tell_effect(opened, shift, index)


def _tell_history(opened: "Ledger", shift: str) -> None:
    """Where a shift has been judged before: every verdict on it, and which one counts; one's own is marked in any case."""
    from .. import judging

    ruled = judging.verdicts(opened, shift)
    if len(ruled) > 1:
        edge.tell(f"The verdicts on {shift}, of which the last that stands counts:")
    for one in ruled:
        if len(ruled) > 1:
            state = (
                ("  counts", "bold green") if one.counts else "" if one.standing else ("  replaced or withdrawn", "dim")
            )
            said = f"  {one.entry}  {one.verdict.recorded[:10]}  {one.verdict.ruling}  {one.verdict.by}  {one.verdict.reason}"
            edge.tell(said, state, (f"  {OWN_MARK}", "yellow") if one.own else "")
        elif one.own:
            edge.tell((f"  {OWN_MARK}", "yellow"))


OWN_MARK = "judged by who entered the shift"
