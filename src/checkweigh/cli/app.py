"""The commands and `main`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from . import (
    auditing,
    erasing,
    judging,
    keeping,
    proving,
    reading,
    showing,
    taking,
    telling,
    writing,
)

app = typer.Typer(
    name="checkweigh",
    help="The second book: quotas, shifts, records and honours on a ledger that nobody can rewrite unnoticed.",
    epilog="Start here: [bold]checkweigh demo[/bold] builds and shows the campaign of 1935.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, READ, KEEP = "Write", "Read", "Keep"
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
    ("log", reading.log, READ, "checkweigh log mine.ledger --about s-17"),
    ("demo", telling.demo, READ, "checkweigh demo"),
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
)
"""Every command: its name, what it does, the group of `--help` that it stands in, and an example."""

OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""The options of a derived table, such as `--period week`, come from its registry."""

for name, function, group, example in COMMANDS:
    settings = OWN_OPTIONS if function is showing.show else None
    app.command(name, rich_help_panel=group, epilog=f"Example: [bold]{example}[/bold]", context_settings=settings)(
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
    try:
        typer.main.get_command(app).main(args=None if arguments is None else list(arguments), prog_name="checkweigh")
    except Exception as error:
        from .edge import failure

        sys.exit(failure(error))
