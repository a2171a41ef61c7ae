"""The figures of a standing: sums over shifts, one division, and the rank among the others."""

from collections.abc import Callable
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from ..derived import periods, standings
from ..derived.arithmetic import FIGURE, exact
from ..render import text
from ..tables import collect
from . import choosing, shifts
from .tree import MOST_PARTS, Book, Node, equation, joined, within

Row = dict[str, Any]
FIGURES = (
    "attainment",
    "rank",
    "change",
    "shifts",
    "quantity",
    "expected",
    "shifts_without_quota",
    "verified",
    "disputed",
    "left_out",
)
COUNTS: dict[str, tuple[str, Callable[[ir.Table], ir.BooleanValue]]] = {
    "shifts": ("attainment", lambda t: t.whole),
    "shifts_without_quota": ("attainment", lambda t: t.whole & ~t.known),
    "verified": ("status", lambda t: t.whole & (t.status == "verified")),
    "disputed": ("status", lambda t: t.whole & (t.status == "disputed")),
    "left_out": ("status", lambda t: ~t.whole),
    "quantity": ("quantity", lambda t: t.whole),
    "expected": ("expected", lambda t: t.whole & t.known),
}  # fmt: skip
"""Of each count and sum, what is told of its shifts, and which these are."""
ASKED = ("period", "scope", "labour", "verified_only", "job", "site")


def node(book: Book, row: Row, name: str) -> Node:
    """One figure of a standing; `row` has the parameters that it was asked with, beside its columns."""
    made = {"attainment": _attainment, "rank": _rank, "change": _change}.get(name)
    if made is not None:
        return made(book, row, name)
    return _count(book, row, name) if name in COUNTS else _node(row, name, standings.COLUMNS[name])


def _node(row: Row, name: str, says: str, numbers: str = "", parts: tuple[Any, ...] = (), more: int = 0) -> Node:
    key = {column: row[column] for column in standings.KEY} | {"asked": row["asked"]}
    return Node(name, row[name], says, numbers, parts, more, "standings", key)


def _parts(book: Book, row: Row) -> ir.Table:
    """The shifts of this party and period, as the derivation counts them."""
    return book.once(("parts", row["from"], row["party"]), lambda: _counted(book, row))


def _counted(book: Book, row: Row) -> ir.Table:
    asked = {"period": "month", "scope": "worker", **row["asked"]}
    scope = asked["scope"]
    table = standings.counted(book.tables, **{name: asked[name] for name in ASKED if name in asked})
    table = table.filter(table[scope] == row["party"]) if scope != "all" else table
    if row["from"] is not None:
        table = table.filter(periods.start_of(table["at"], asked["period"]) == ibis.date(row["from"].isoformat()))
    known = table.expected.notnull() & table.above.notnull()
    names = ("entry", "first_entry", "id", "status", "quantity", "expected", "above", "below", "figure", "whole")
    return book.tables.kept(table.select(*(table[name] for name in names), known=known))


def _listed(book: Book, table: ir.Table, figure: str) -> tuple[tuple[Node, ...], int]:
    """A figure of each of the shifts, in the order of the log, as far as they are listed."""
    entries = collect(table.order_by("first_entry").limit(MOST_PARTS).select("entry"))["entry"].to_pylist()
    number = collect(table.aggregate(n=table.count())).to_pylist()[0]["n"]
    made = shifts.rows(book, entries)
    parts = tuple(
        Node(f"shift {made[at]['id']}", None, "", "", (shifts.node(book, made[at], figure),)) for at in entries
    )
    return parts, number - len(parts)


def _count(book: Book, row: Row, name: str) -> Node:
    figure, which = COUNTS[name]
    table = _parts(book, row)
    some = table.filter(which(table))
    parts, more = _listed(book, some, figure)
    if name not in ("quantity", "expected"):
        return _node(row, name, standings.COLUMNS[name], parts=parts, more=more)
    if row[name] is None:
        return _node(row, name, "across different units", parts=parts, more=more)
    values = collect(some.order_by("first_entry").limit(MOST_PARTS).select(name))[name].to_pylist()
    number = len(values) + more
    numbers = (
        equation(joined(values, "+"), row[name]) if not more else f"the sum of {number:,} numbers = {text(row[name])}"
    )
    return _node(row, name, f"the sum over {_shifts(number)}", numbers, parts, more)


def _shifts(number: int) -> str:
    return f"{number:,} shift" + ("" if number == 1 else "s")


def _attainment(book: Book, row: Row, name: str) -> Node:
    table = _parts(book, row)
    known = table.filter(table.whole & table.known)
    sums = known.aggregate(
        n=known.count(), of=known.figure.count(),
        **{name: known[column].sum() for name, column in (("above", "above"), ("below", "below"), ("total", "figure"))},
    )  # fmt: skip
    found = collect(sums).to_pylist()[0]
    figure = "labour_attainment" if row["asked"].get("labour") else "attainment"
    parts, more = _listed(book, known, figure)
    if row[name] is None:
        return _node(row, name, "no shift of the period has an expected figure", parts=parts, more=more)
    if row["basis"] == "mean":
        says = f"the mean of the {figure.replace('_', ' ')} of {_shifts(found['of'])}, since their units differ"
        return _node(row, name, says, equation(f"{text(found['total'])} ÷ {found['of']}", row[name]), parts, more)
    if found["n"] == 1:
        return _node(row, name, "that of the only shift that has an expected figure", parts=parts, more=more)
    says = f"Σ quantity ÷ Σ expected over {_shifts(found['n'])} that have an expected figure, divided once"
    if figure == "labour_attainment":
        says = f"Σ of each quantity × own hours ÷ labour hours, ÷ Σ expected, over {_shifts(found['n'])}"
    return _node(row, name, says, equation(f"{text(found['above'])} ÷ {text(found['below'])}", row[name]), parts, more)


def _others(book: Book, row: Row, column: str, day: date | None) -> ir.Table:
    """The standings that the same question gives, of the period that begins (`from`) or ends (`until`) on a day."""
    table = standings.derive(book.tables, **row["asked"])
    return choosing.of_key(table, {column: day})


def _attainment_of(row: Row, asked: Any, says: str) -> Node:
    return _node(row | {"asked": asked}, "attainment", says)


def _rank(book: Book, row: Row, name: str) -> Node:
    own = _attainment(book, row, "attainment")
    if row[name] is None:
        return _node(row, name, "without an attainment there is no rank", parts=(own,))
    table = _others(book, row, "from", row["from"])
    ahead = collect(
        table.filter(table.attainment > exact(text(row["attainment"]), FIGURE)).order_by(table.attainment.desc())
    ).to_pylist()
    others, more = within([_attainment_of(one, row["asked"], f"that of {one['party']}, who is ahead") for one in ahead])
    numbers = f"1 + {len(ahead)} = {row[name]}" if ahead else ""
    return _node(row, name, "one more than those with a higher attainment", numbers, (own, *others), more)


def _change(book: Book, row: Row, name: str) -> Node:
    own = _attainment(book, row, "attainment")
    if row[name] is None:
        return _node(row, name, "there is no attainment in the period before", parts=(own,))
    [before] = collect(choosing.of_key(_others(book, row, "until", row["from"]), {"party": row["party"]})).to_pylist()
    earlier = _attainment_of(before, row["asked"], f"that of the period before, from {before['from']}")
    numbers = equation(f"{text(row['attainment'])} − {text(before['attainment'])}", row[name])
    return _node(row, name, "attainment less that of the period before", numbers, (own, earlier))
