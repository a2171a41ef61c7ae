"""import: a foreign file into the ledger, with a report of every refused row."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..address import Address
from . import edge
from .writing import LEDGER

if TYPE_CHECKING:
    from ..importing import Report, Settings

FILE = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, Parquet or Excel file.", show_default=False)]
KIND = Annotated[str | None, typer.Option(help="What its rows are: shift unless told otherwise.", show_default=False)]
MAP = Annotated[
    list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Which column holds a field of another name.")
]
SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A value that holds for every row.")
]
DATES = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORMAT", help="How dates are written that are not ISO 8601: mdy, dmy, ymd, or such as %d.%m.%Y."
    ),
]
SETTINGS = Annotated[Path | None, typer.Option("--settings", metavar="FILE.toml", help="All this in a file instead.")]
CREATE = Annotated[bool, typer.Option("--create", help="Make missing sites, jobs, workers and crews.")]
ACCEPT = Annotated[bool, typer.Option("--accept-valid", help="Take in the good rows although others are refused.")]
CORRECT = Annotated[
    str | None,
    typer.Option(metavar="REASON", help="Replace what the ledger holds under the same id with other content."),
]
FOLD = Annotated[
    str | None, typer.Option(metavar="earlier|later", help="Which of two moments is meant where the clocks changed.")
]
PRIVATE = Annotated[
    str | None,
    typer.Option(metavar="worker", help="Give workers random ids; payroll numbers and names stay out of the log."),
]
SHEET = Annotated[str | None, typer.Option(metavar="NAME", help="The sheet of an Excel file; the first unless told.")]
REPORT = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.csv", help="Write every refused row and its reason to this file."),
]
TOLD = 20


def take(
    ledger: LEDGER,
    file: FILE,
    kind: KIND = None,
    mapping: MAP = None,
    constants: SET = None,
    dates: DATES = None,
    settings: SETTINGS = None,
    create: CREATE = False,
    accept_valid: ACCEPT = False,
    correct: CORRECT = None,
    fold: FOLD = None,
    private: PRIVATE = None,
    sheet: SHEET = None,
    report: REPORT = None,
) -> None:
    """Import a file: all of its rows, or none. The same file again adds nothing."""
    from ..importing import Settings, settings_from

    told = (settings_from(settings) if settings else Settings()).over(
        kind=kind, mapping=_pairs("--map", mapping), constants=_pairs("--set", constants), dates=tuple(dates or ()), create=create,
        accept_valid=accept_valid, correct=correct, fold=fold, private=private, sheet=sheet,
    )  # fmt: skip
    _tell(_imported(ledger, file, told, report), ledger, report)


def _imported(ledger: Address, file: Path, settings: "Settings", report: Path | None) -> "Report":
    from .. import importing
    from ..errors import Refused

    with edge.opened(ledger, write=True) as opened:
        try:
            with edge.progress(f"importing {file.name}") as bar:
                if far := edge.far(opened):
                    return far.take(file, settings)
                return importing.read(opened, file, edge=edge.edge(), settings=settings, progress=bar.at)
        except importing.RowsRefused as refused:
            found = refused.report
            step = (
                "; put them right, or add --accept-valid to take in the others"
                if found.refused_rows < found.rows
                else ""
            )
            said = f"{found.refused_rows:,} of {found.rows:,} rows of {file}, and nothing was written{step}"
            raise Refused(said + _refusals(found, report)) from None


def _pairs(option: str, written: Iterable[str] | None) -> dict[str, str]:
    """Field -> what it is mapped or set to. Raises Refused for what is no pair."""
    from ..errors import Refused

    pairs: dict[str, str] = {}
    for text in written or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Refused(f"{option} {text!r} is not of the form field=value")
        pairs[name.strip()] = value.strip()
    return pairs


def _refusals(found: "Report", report: Path | None) -> str:
    """Every reason, to the file if one was named; else the first ones, line by line."""
    if report is not None:
        from .. import render

        with edge.place(report).open("wb") as into:
            render.write(found.refused.to_reader(), into, "csv")
        return f"\n  {report} holds all {len(found.refused):,} reasons"
    lines = [f"\n  {row}" for row, _ in zip(found.refusals(), range(TOLD), strict=False)]
    more = len(found.refused) - len(lines)
    return "".join(lines) + (f"\n  and {more:,} more; --report FILE.csv lists them all" if more > 0 else "")


def _tell(found: "Report", ledger: Address, report: Path | None) -> None:
    if found.late_clock:
        edge.warn("this computer's clock is behind the ledger; the entries are recorded at the ledger's last moment")
    if found.ignored:
        edge.warn(f"columns that were not used: {', '.join(found.ignored)}")
    if found.nothing_new:
        edge.tell(
            (str(found.file), "bold green"), f": the ledger holds all {found.rows:,} rows already; nothing was added."
        )
        return
    made = "".join(f", {number:,} {kind}" for kind, number in sorted(found.created.items()))
    counts = [f"{found.added:,} of {found.rows:,} rows added as {found.kind}"]
    counts += [f"{found.corrected:,} corrected"] if found.corrected else []
    counts += [f"{found.skipped:,} were in the ledger already"] if found.skipped else []
    edge.tell((str(found.file), "bold green"), ": ", "; ".join(counts), f" ({found.seconds:.1f} s)")
    if made:
        edge.tell(f"Made along with them: {made[2:]}")
    if found.refused_rows:
        edge.tell((f"{found.refused_rows:,} rows were refused and left out:", "yellow"), _refusals(found, report))
    edge.tell(f"The ledger now has {edge.counted(found.size_after)}. Next: checkweigh show standings {ledger.typed}")
