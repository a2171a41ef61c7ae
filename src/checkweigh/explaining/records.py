"""The figures of a record: the mark, what it beat, and by what it was beaten."""

from typing import Any

import ibis
import ibis.expr.types as ir

from ..derived import records
from ..render import text
from ..tables import collect
from . import shifts
from .tree import Book, Leaf, Node, equation, leaves, walk

Row = dict[str, Any]
FIGURES = ("value", "status", "set_on", "beaten_on", "days_stood")
CLASS = ("job", "measure", "scope", "within", "holder", "length")
RATES = {"rate_per_hour": "hours", "rate_per_labour_hour": "labour_hours"}


def node(book: Book, row: Row, name: str) -> Node:
    """One figure of a record."""
    made = {
        "value": _value,
        "beaten_on": _beaten,
        "beaten_by": _beaten,
        "days_stood": _days,
        "status": _status,
        "holder": _status,
    }
    return made.get(name, _plain)(book, row, name)


def _node(row: Row, name: str, says: str, numbers: str = "", parts: tuple[Node | Leaf, ...] = ()) -> Node:
    return Node(
        name, row[name], says, numbers, parts, table="records", key={column: row[column] for column in records.KEY}
    )


def _plain(book: Book, row: Row, name: str) -> Node:
    return _node(row, name, records.COLUMNS[name], parts=leaves(book, row["entry"], "the shift that set it"))


def _status(book: Book, row: Row, name: str) -> Node:
    return _node(row, name, f"that of the shift {row['shift']}", parts=(_of_shift(book, row, name),))


def _of_shift(book: Book, row: Row, name: str) -> Node:
    return shifts.node(book, shifts.rows(book, [row["entry"]])[row["entry"]], name)


def mark(book: Book, entry: int, measure: str) -> Node:
    """A measure of a shift: a figure of its own, or a rate."""
    row = shifts.rows(book, [entry])[entry]
    if measure not in RATES:
        return shifts.node(book, row, measure)
    hours = RATES[measure]
    parts = (shifts.node(book, row, "quantity"), shifts.node(book, row, hours))
    return Node(measure, None, f"quantity ÷ {hours.replace('_', ' ')}, rounded down to 6 places", parts=parts)


def _value(book: Book, row: Row, name: str) -> Node:
    beaten = [
        _mark_of(book, other, "the mark that it beat")
        for other in _neighbours(book, row)
        if other["beaten_by"] == row["shift"]
    ]
    of = mark(book, row["entry"], row["measure"])
    first = "" if beaten else "; the first of its class"
    says = f"{row['measure'].replace('_', ' ')} of shift {row['shift']}, better than all of its class that started before{first}"
    if row["measure"] not in RATES:
        return _node(row, name, says, parts=(of, *beaten))
    made = shifts.rows(book, [row["entry"]])[row["entry"]]
    numbers = equation(f"{text(made['quantity'])} ÷ {text(made[RATES[row['measure']]])}", row[name])
    return _node(row, name, says, numbers, (*of.parts, *beaten))


def _mark_of(book: Book, row: Row, says: str) -> Node:
    """Another mark of the class, with the shift that set it, and the verdict and the quota without which it would be no mark of it."""
    shift = shifts.rows(book, [row["entry"]])[row["entry"]]
    made = (mark(book, row["entry"], row["measure"]), shifts.node(book, shift, "holder"))
    rests = [
        *leaves(book, row["entry"], "the shift that set it"),
        *leaves(book, shift["verdict"], "the verdict that counts"),
        *(leaf for figure in made for leaf in walk(figure) if isinstance(leaf, Leaf)),
    ]
    parts = {leaf.entry: leaf for leaf in reversed(rests)}
    ends = tuple(parts[entry] for entry in dict.fromkeys(leaf.entry for leaf in rests))
    return _node(row, "value", f"{says}: shift {row['shift']} of {row['set_on']}", parts=ends)


def _beaten(book: Book, row: Row, name: str) -> Node:
    beaters = [other for other in _neighbours(book, row) if other["shift"] == row["beaten_by"]]
    if not beaters:
        return _node(
            row,
            name,
            "the mark stands: nobody has beaten it",
            parts=leaves(book, row["entry"], "the shift that set it"),
        )
    by = tuple(_mark_of(book, other, "the mark that beat it") for other in beaters)
    return _node(row, name, f"the day of shift {row['beaten_by']}, the next mark of the class", parts=by)


def _days(book: Book, row: Row, name: str) -> Node:
    if row["beaten_on"] is None:
        return _node(row, name, "the mark stands", parts=leaves(book, row["entry"], "the shift that set it"))
    parts = (node(book, row, "set_on"), node(book, row, "beaten_on"))
    numbers = f"{row['beaten_on']} − {row['set_on']} = {row[name]}"
    return _node(row, name, "days from the day that set it to the day that beat it", numbers, parts)


def _neighbours(book: Book, row: Row) -> list[Row]:
    """The marks of the class that this one beat or was beaten by, as the derivation has them."""
    return book.once(("neighbours", *(row[name] for name in (*CLASS, "shift"))), lambda: _found(book, row))  # type: ignore[no-any-return]


def _found(book: Book, row: Row) -> list[Row]:
    asked = {name: row[name] for name in ("job", "measure", "scope", "holder", "length") if row[name] is not None}
    table = records.derive(book.tables, **asked)
    near = (table.beaten_by == row["shift"]) | (table["shift"] == ibis.literal(row["beaten_by"], "string"))
    table = table.filter(same(table, "job", row["job"]), same(table, "within", row["within"]), near)
    return collect(table).to_pylist()  # type: ignore[no-any-return]


def same(table: ir.Table, column: str, value: Any) -> ir.BooleanValue:
    """Whether a column holds a value, or is absent where the value is."""
    return table[column].isnull() if value is None else table[column] == value
