"""audit: what can be doubted, told to the people who know the place."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..moments import known_at
from . import edge
from .target import FORMAT, OUT, ZONE, Target
from .writing import LEDGER

if TYPE_CHECKING:
    from ..ledger import Ledger

AT = Annotated[
    str | None, typer.Option(metavar="SIZE|DATE", help="As known at a size, or at the end of a date or month.")
]
CHECK = Annotated[
    str | None, typer.Option(metavar="CODE", help="Only this check, such as over-capacity.", show_default=False)
]
LEVEL = Annotated[
    float | None,
    typer.Option(metavar="RATIO", help="False discovery rate of the statistical checks; 0.05 unless told."),
]
LIMIT = Annotated[int, typer.Option(help="In a terminal, tell so many findings of each check; 0 for all.", min=0)]
NO_VERDICT = "A finding is a doubt, not a judgement. Ask the people concerned; a ruling is made with checkweigh judge."


def audit(
    ledger: LEDGER,
    at: AT = None,
    check: CHECK = None,
    level: LEVEL = None,
    form: FORMAT = None,
    out: OUT = None,
    limit: LIMIT = 10,
    zone: ZONE = "UTC",
) -> None:
    """Say what can be doubted in a ledger, with the numbers: one finding for each doubt, and never a verdict."""
    from ..derived import DERIVED
    from .showing import chosen, rows

    target = Target(form, out, limit)
    form = target.format()
    derivation = DERIVED["findings"]
    asked = chosen(derivation, {"check": check, "level": level})
    with edge.opened(ledger) as opened:
        state = known_at(opened, at, zone)
        caption = f"{state.said}, root {opened.root(state.size).hex()[:16]}…"
        with rows(opened, [state.size], derivation, asked) as reader:
            if form != "table":
                target.write(reader, "audit", [caption], derivation)
                return
            found = reader.read_all().to_pylist()
        _tell(_lacking(opened, state.size), found, check, limit, f"Audit of {ledger}, {caption}")


def _lacking(opened: "Ledger", size: int) -> dict[str, str]:
    """The checks that have nothing to look at, each with what is lacking."""
    from .. import tables
    from ..derived.findings import lacking

    if far := edge.far(opened):
        return far.lacking(size)
    return lacking(tables.at(opened, size))


def _tell(
    lacks: Mapping[str, str], found: Sequence[Mapping[str, Any]], asked: str | None, limit: int, title: str
) -> None:
    """Findings check by check, then the checks that found nothing, then those that had nothing to look at."""
    from ..derived.audit import CHECKS

    wanted = [check for check in CHECKS if asked in (None, check.code)]
    edge.tell((title, "bold"))
    clean = []
    missing = {code: why for code, why in lacks.items() if code in [check.code for check in wanted]}
    for check in wanted:
        rows = [row for row in found if row["code"] == check.code]
        if rows:
            _tell_check(check.code, check.help, rows, limit)
        elif check.code not in missing:
            clean.append(check)
    edge.tell()
    if clean:
        edge.tell(("Looked at and found nothing: ", "green"), "; ".join(f"{one.code} ({one.help})" for one in clean))
    if missing:
        edge.tell(("Nothing to look at: ", "yellow"), "; ".join(f"{code}: {why}" for code, why in missing.items()))
    if found:
        edge.tell((NO_VERDICT, "dim"))


def _tell_check(code: str, help: str, rows: Sequence[Mapping[str, Any]], limit: int) -> None:
    shown = rows[:limit] if limit else rows
    edge.tell()
    edge.tell(
        (code, "bold yellow"), f": {help}", (f"  {len(rows):,} {'finding' if len(rows) == 1 else 'findings'}", "dim")
    )
    for row in shown:
        _tell_finding(row)
    if len(rows) > len(shown):
        edge.tell((f"  … and {len(rows) - len(shown):,} more (--limit 0 tells all, --out FILE.csv writes them)", "dim"))


def _tell_finding(row: Mapping[str, Any]) -> None:
    """The sentence, and beneath it the evidence and the entries."""
    from rich.padding import Padding
    from rich.text import Text

    subject = row["shift"] or row["about"] or f"entry {row['entry']}"
    numbers = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in row["evidence"])
    entries = ", ".join(map(str, row["entries"]))
    chance = f" · q-value {row['q_value']:.2g}" if row["q_value"] is not None else ""
    edge.screen().print(Padding(Text.assemble((subject, "bold"), "  ", row["message"]), (0, 0, 0, 2)))
    noun = "entry" if len(row["entries"]) == 1 else "entries"
    edge.screen().print(Padding(Text(f"{numbers}{chance} · {noun} {entries}", style="dim"), (0, 0, 0, 6)))
