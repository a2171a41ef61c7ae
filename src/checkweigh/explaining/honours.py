"""The figures of an honour: what was reached, under which rule, on which shifts, and why its basis holds or is lost."""

from dataclasses import replace
from typing import Any

from ..derived import honours
from ..kinds import Rule
from ..render import text
from ..tables import collect
from . import records, shifts
from .tree import Book, Leaf, Node, leaves, within

Row = dict[str, Any]
FIGURES = ("status", "value")


def node(book: Book, row: Row, name: str) -> Node:
    """One figure of an honour."""
    made = {"status": _status, "value": _value}.get(name)
    parts, more = within(_basis(book, row))
    return made(book, row, name) if made else _node(row, name, honours.COLUMNS[name], parts, more)


def _node(row: Row, name: str, says: str, parts: tuple[Node | Leaf, ...], more: int = 0) -> Node:
    key = {column: row[column] for column in honours.KEY}
    return Node(name, row[name], says, "", parts, more, "honours", key)


def _rule(book: Book, row: Row) -> tuple[Rule | None, tuple[Leaf, ...]]:
    if row["rule"] is None:
        return None, ()
    found = collect(book.tables.rule.filter(book.tables.rule.id == row["rule"]).select("entry"))["entry"].to_pylist()
    rule = book.entry(found[0]) if found else None
    return (rule, leaves(book, found[0], "the rule")) if isinstance(rule, Rule) else (None, ())


def _basis(book: Book, row: Row) -> list[Node | Leaf]:
    """The award and the rule, and each shift that it rests on with its status."""
    award = leaves(book, row["award"], "the award")
    entries = row["entries"] or ()
    made = shifts.rows(book, entries)
    each = [_shift(made[at], shifts.node(book, made[at], "status")) for at in entries if at in made]
    return [*award, *_rule(book, row)[1], *each]


def _shift(row: Row, figure: Node, as_reported: bool = False) -> Node:
    """A shift with a figure of it; one as reported stands in no table any more."""
    return Node(f"shift {row['id']}", None, parts=(_loose(figure) if as_reported else figure,))


def _loose(node: Node) -> Node:
    parts = tuple(_loose(part) if isinstance(part, Node) else part for part in node.parts)
    return replace(node, parts=parts, table=None, key={})


def _asked(rule: Rule) -> str:
    """The conditions of a rule in words."""
    asked = rule.conditions
    measure = (asked.measure or "").replace("_", " ")
    if asked.record:
        said = f"a record of {measure}" + (f" of at least {asked.at_least}" if asked.at_least else "")
    else:
        said = f"{measure} of at least {asked.at_least} over {asked.period or 'one shift'}"
    where = [
        f"{name} {held}"
        for name in ("job", "industry", "site", "scope", "holder", "length")
        if (held := getattr(asked, name))
    ]
    return ", ".join([said, *where, *(["verified shifts only"] if asked.verified_only else [])])


def _status(book: Book, row: Row, name: str) -> Node:
    rule, _ = _rule(book, row)
    parts, more = within(_basis(book, row))
    asked = f"the rule asks {_asked(rule)}; " if rule else ""
    says = {
        "earned": "it holds on the figures as judged",
        "granted": "it was granted, and its basis holds",
        "basis lost": "it does not hold any more on the figures as judged",
    }[row[name]]
    if row["status"] == "granted" and not rule and not row["entries"]:
        says = "it was granted, and no shift is named that it was for"
    if row["status"] == "basis lost" and not rule:
        says = "no shift that it was for stands as it was reported"
    says = f"{asked}{says}"
    return _node(row, name, says, parts, more)


def _value(book: Book, row: Row, name: str) -> Node:
    rule, of = _rule(book, row)
    if row[name] is None or rule is None:
        return _node(row, name, "what was granted has no measure of its own", tuple(_basis(book, row)))
    entries = row["entries"] or ()
    shown = shifts.rows(book if row["status"] != "basis lost" else _as_reported(book), entries)
    under = Book(book.tables, book.read, {("shift", at): one for at, one in shown.items()} | {("neighbours",): []})
    lost = row["status"] == "basis lost"
    each = [_shift(shown[at], records.mark(under, at, row["measure"]), lost) for at in entries if at in shown]
    parts, more = within([*of, *each])
    judged = "as reported, before a verdict took the basis away" if row["status"] == "basis lost" else "as judged"
    over = f"over {len(entries):,} shifts" if len(entries) != 1 else "of one shift"
    return _node(
        row,
        name,
        f"{text(row['measure']).replace('_', ' ')} {over}, {judged}; the rule asks {_asked(rule)}",
        parts,
        more,
    )


def _as_reported(book: Book) -> Book:
    return book.once("as reported", lambda: Book(book.tables.as_reported(), book.read))  # type: ignore[no-any-return]
