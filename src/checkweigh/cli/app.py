"""The commands and `main`."""

import _thread
import sys
from collections.abc import Callable, Sequence
from functools import partial
from threading import Timer
from typing import Annotated, Any

import typer

from . import (
    accounts,
    auditing,
    erasing,
    explaining,
    judging,
    keeping,
    memory,
    proving,
    reading,
    serving,
    showing,
    submitting,
    taking,
    telling,
    tokens,
    witnessing,
    writing,
)

SOON_SECONDS = 0.05

app = typer.Typer(
    name="checkweigh",
    help="The second book: quotas, shifts, records and honours on a ledger that nobody can rewrite unnoticed.",
    epilog="Start here: [bold]checkweigh demo[/bold] builds and shows the campaign of 1935.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, READ, KEEP, WITNESS, BOARD = "Write", "Read", "Keep", "Witness", "Board"
COMMANDS = (
    ("init", writing.init, WRITE, "checkweigh init mine.ledger"),
    (
        "add",
        writing.add,
        WRITE,
        "checkweigh add mine.ledger site id=irmino name=Irmino industry=coal timezone=Europe/Moscow",
    ),
    (
        "import",
        taking.take,
        WRITE,
        "checkweigh import mine.ledger september.csv --map worker=payroll_no --set site=irmino",
    ),
    (
        "judge",
        judging.judge,
        WRITE,
        'checkweigh judge mine.ledger s-17 annulled --reason "coal of two crews on one tally"',
    ),
    ("erase", erasing.erase, WRITE, 'checkweigh erase mine.ledger P-4711 --reason "left the company and asked for it"'),
    ("rotate", writing.rotate, WRITE, "checkweigh rotate mine.ledger"),
    ("show", showing.show, READ, "checkweigh show records mine.ledger --at 1936-12-31"),
    ("audit", auditing.audit, READ, "checkweigh audit mine.ledger --at 1935-12-31"),
    ("explain", explaining.explain, READ, "checkweigh explain mine.ledger attainment s-17 labour_attainment"),
    ("log", reading.log, READ, "checkweigh log mine.ledger --about s-17"),
    ("demo", telling.demo, READ, "checkweigh demo"),
    ("serve", serving.serve, READ, "checkweigh serve mine.ledger"),
    ("verify", keeping.verify, KEEP, "checkweigh verify mine.ledger"),
    (
        "receipt",
        proving.receipt,
        KEEP,
        "checkweigh receipt mine.ledger s-17 --out s-17.tlog-proof",
    ),
    (
        "landed",
        keeping.landed,
        KEEP,
        "checkweigh landed postgresql://anna@db.example/works 904-6f1c…",
    ),
    ("export-log", proving.export_log, KEEP, "checkweigh export-log mine.ledger /srv/www/mine"),
    ("backup", keeping.backup, KEEP, "checkweigh backup mine.ledger /media/stick/mine.ledger"),
    ("restore", keeping.restore, KEEP, "checkweigh restore /media/stick/mine.ledger mine.ledger"),
    (
        "witnesses",
        submitting.witnesses,
        KEEP,
        "checkweigh witnesses mine.ledger --add http://rep.example:8650 union.example/rep+…",
    ),
    ("submit", submitting.submit, KEEP, "checkweigh submit mine.ledger --follow"),
    ("user add", accounts.add, BOARD, "checkweigh user add mine.ledger anna --role supervisor --site north"),
    ("user list", accounts.show, BOARD, "checkweigh user list mine.ledger"),
    ("user passwd", accounts.passwd, BOARD, "checkweigh user passwd mine.ledger anna"),
    ("user change", accounts.change, BOARD, "checkweigh user change mine.ledger anna --role verifier"),
    ("user remove", accounts.remove, BOARD, "checkweigh user remove mine.ledger anna"),
    ("user log", accounts.signings, BOARD, "checkweigh user log mine.ledger --user anna"),
    ("token add", tokens.add, BOARD, "checkweigh token add mine.ledger scale --role supervisor --site north"),
    ("token list", tokens.show, BOARD, "checkweigh token list mine.ledger"),
    ("token remove", tokens.remove, BOARD, "checkweigh token remove mine.ledger scale"),
    ("witness init", witnessing.init, WITNESS, "checkweigh witness init rep --name union.example/rep"),
    ("witness follow", witnessing.follow, WITNESS, "checkweigh witness follow rep mine.example/north+…"),
    ("witness check", witnessing.check, WITNESS, "checkweigh witness check rep https://mine.example/log"),
    ("witness serve", witnessing.serve, WITNESS, "checkweigh witness serve rep --port 8650"),
    ("witness show", witnessing.show, WITNESS, "checkweigh witness show rep"),
    ("witness evidence", witnessing.evidence, WITNESS, "checkweigh witness evidence rep/evidence"),
)
"""Every command: its name, what it does, the group of `--help` that it stands in, and an example. Those of two words are in a group."""

GROUPS = {
    "user": typer.Typer(
        help="Who may sign in to the board, and as what. Accounts are beside the ledger, never in it.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    ),
    "token": typer.Typer(
        help="Which programs may use the board's API, and as what.", no_args_is_help=True, rich_markup_mode="rich"
    ),
    "witness": typer.Typer(
        help="The second book of a workers' representative: agree to a ledger's checkpoints, and keep what contradicts them.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    ),
}
for name, commands in GROUPS.items():
    app.add_typer(commands, name=name, rich_help_panel=KEEP if name == "witness" else BOARD)

OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""The options of a derived table, such as `--period week`, come from its registry."""

for name, function, group, example in COMMANDS:
    settings = OWN_OPTIONS if function in (showing.show, explaining.explain) else None
    first, _, second = name.partition(" ")
    place, called, panel = (GROUPS[first], second, None) if second else (app, name, group)
    place.command(called, rich_help_panel=panel, epilog=f"Example: [bold]{example}[/bold]", context_settings=settings)(
        function
    )


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"checkweigh {version('checkweigh')}")
        raise typer.Exit()


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """The second book: quotas, shifts, records and honours on a ledger that nobody can rewrite unnoticed."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Never returns: it exits with 0, or with the code of the failure after one message."""
    if arguments is None and sys.argv[1:2] == ["serve"]:
        memory.keep_at_hand()
    before = sys.unraisablehook
    sys.unraisablehook = partial(_unraisable, before)
    try:
        typer.main.get_command(app).main(args=None if arguments is None else list(arguments), prog_name="checkweigh")
    except Exception as error:
        from .edge import failure

        sys.exit(failure(error))
    finally:
        sys.unraisablehook = before


def _unraisable(before: Callable[[Any], object], told: Any) -> None:
    """An interruption that came where Python can raise nothing, as while a module is being imported, comes once more."""
    if isinstance(told.exc_value, KeyboardInterrupt):
        Timer(SOON_SECONDS, _thread.interrupt_main).start()  # not now: here it would be lost again
    else:
        before(told)
