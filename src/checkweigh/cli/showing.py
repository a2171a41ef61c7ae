"""show: every derived table, as known at any size or date, and what changed between two."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..moments import Known, known_at
from . import edge
from .target import COLUMNS, FORMAT, LIMIT, OUT, ZONE, Target, listed
from .writing import WHICH

if TYPE_CHECKING:
    import pyarrow as pa

    from ..address import Address
    from ..derived import Derivation
    from ..ledger import Ledger

TABLE = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="attainment, records, standings, honours, findings, cases; `show tables` tells more.",
        show_default=False,
    ),
]
WHERE = Annotated[str | None, typer.Argument(metavar="LEDGER", help=WHICH, show_default=False)]
AT = Annotated[
    str | None, typer.Option(metavar="SIZE|DATE", help="As known at a size, or at the end of a date or month.")
]
AGAINST = Annotated[
    str | None, typer.Option(metavar="SIZE|DATE", help="What changed between this state and that of --at.")
]
SMALL = 200_000
"""Up to so many entries a verdict tells at once what it changed."""


def show(
    context: typer.Context,
    table: TABLE,
    ledger: WHERE = None,
    at: AT = None,
    against: AGAINST = None,
    form: FORMAT = None,
    out: OUT = None,
    limit: LIMIT = 40,
    columns: COLUMNS = None,
    zone: ZONE = "UTC",
) -> None:
    """Show a table that is derived from the ledger. A table's own options, such as --period week, are told by `show tables`."""
    from ..errors import Refused

    if table == "tables":
        _tell_tables()
        return
    target = Target(form, out, limit, listed(columns))
    target.format()
    derivation = derivation_named(table)
    # An option of the table before the ledger is taken for the ledger: all that follows the table is read again here.
    plain, parameters = _parameters(table, derivation, [*([ledger] if ledger else []), *context.args])
    if len(plain) != 1:
        raise Refused(
            f"which ledger? checkweigh show {table} LEDGER" + (f", not {' and '.join(plain)}" if plain else "")
        )
    with edge.opened(plain[0]) as opened:
        states = _states(opened, at, against, zone)
        with rows(opened, [state.size for state in states], derivation, parameters) as reader:
            target.write(reader, " ".join([table, *_said(parameters)]), _caption(opened, states), derivation)
        if not edge.far(opened):
            _sweep(opened.address)


@contextmanager
def rows(
    opened: "Ledger", sizes: Sequence[int], derivation: "Derivation", parameters: Mapping[str, Any]
) -> "Iterator[pa.RecordBatchReader]":
    """The rows of a table as known at a size, or what changed between two: derived here, or where the ledger is."""
    from .. import asking, tables

    if far := edge.far(opened):
        with far.answer(sizes, derivation, parameters) as reader:
            yield reader
        return
    with asking.answer([tables.at(opened, size) for size in sizes], derivation, parameters) as reader:
        yield reader


def _states(opened: "Ledger", at: str | None, against: str | None, zone: str) -> list[Known]:
    """One state, or two in the order of time."""
    states = [known_at(opened, at, zone)]
    if against is not None:
        states.append(known_at(opened, against, zone, "--against"))
    return sorted(states, key=lambda known: known.size)


def derivation_named(table: str) -> "Derivation":
    """The derived table of a name. Raises Refused where there is none."""
    from .. import asking
    from ..derived import DERIVED
    from ..errors import Refused

    if table not in DERIVED and Path(table).exists():
        raise Refused(
            f"the table comes before the ledger: checkweigh show records {table}; the tables are {', '.join(DERIVED)}"
        )
    return asking.derivation_named(table)


def _tell_tables() -> None:
    from ..derived import DERIVED

    for name, derivation in DERIVED.items():
        edge.tell((name, "bold"), f"  {derivation.help}")
        for parameter in derivation.parameters:
            edge.tell(f"  --{_option(parameter.name)} ", (_values(parameter), "cyan"), ("  " + parameter.help, "dim"))
        edge.tell()


def _option(name: str) -> str:
    return name.replace("_", "-")


def _values(parameter: Any) -> str:
    shown = {"choice": "|".join(parameter.choices), "flag": "", "whole": "NUMBER", "ratio": "RATIO"}.get(
        parameter.kind, "NAME"
    )
    default = parameter.default if parameter.kind != "flag" else None
    return shown + (f" (default {default})" if default is not None else "")


def _parameters(table: str, derivation: "Derivation", written: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """What is no option, the ledger, and what the table's own options say. Raises Refused for an option that it does not have."""
    from ..asking import value_of
    from ..errors import Refused
    from ..fields import meant

    known = {_option(parameter.name): parameter for parameter in derivation.parameters}
    found: dict[str, Any] = {}
    plain: list[str] = []
    rest = list(written)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            plain.append(name + equals + value)
            continue
        if name[2:] not in known:
            has = f"it has {', '.join('--' + option for option in known)}" if known else "it has no options of its own"
            raise Refused(f"{table} has no option {name}{meant(name.removeprefix('--'), known)}; {has}")
        parameter = known[name[2:]]
        if parameter.kind == "flag":
            found[parameter.name] = value.lower() not in ("no", "false") if equals else True
        elif not equals and not rest:
            raise Refused(f"{name} needs a value: {_values(parameter)}")
        else:
            found[parameter.name] = value_of(name, parameter, value if equals else rest.pop(0))
    return plain, found


def chosen(derivation: "Derivation", written: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a table that a command of its own takes, those that were not given left out. Raises Refused as `show` does."""
    from ..asking import value_of

    known = {parameter.name: parameter for parameter in derivation.parameters}
    given = {name: value for name, value in written.items() if value is not None}
    return {name: value_of(f"--{_option(name)}", known[name], str(value)) for name, value in given.items()}


def _said(parameters: Mapping[str, Any]) -> list[str]:
    return [
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in parameters.items()
    ]


def _caption(opened: "Ledger", states: Sequence[Known]) -> list[str]:
    last = states[-1]
    root = f"root {opened.root(last.size).hex()[:16]}…"
    if len(states) == 1:
        return [f"{last.said}, {root}"]
    return [f"first {states[0].said}", f"then  {last.said}, {root}"]


def _sweep(ledger: "Address") -> None:
    """Let go of columns that longer ones have covered for an hour."""
    from .. import columns

    columns.sweep(columns.directory_of(ledger), edge.now())


def tell_effect(opened: "Ledger", shift: str, index: int) -> None:
    """Say what a verdict has just changed of its shift, where that is quickly found out."""
    from ..derived import DERIVED
    from ..render import text

    if index >= SMALL:
        edge.tell(f"What it changed: checkweigh show attainment {opened.address.typed} --against {index}")
        return
    with rows(opened, (index, index + 1), DERIVED["attainment"], {}) as changed:
        found = [row for row in changed.read_all().to_pylist() if row["id"] == shift]
    for name in DERIVED["attainment"].schema if found else ():
        before, now = found[0].get(f"{name}_before"), found[0][name]
        if f"{name}_before" in found[0] and before != now and name != "verdict":
            edge.tell(f"  {name.replace('_', ' ')}: {text(before) or 'absent'} → ", (text(now) or "absent", "bold"))
    if not found:
        edge.tell("  No figure of the shift changes.")
