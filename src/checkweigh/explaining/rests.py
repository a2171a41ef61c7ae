"""Any other table: its figures as the table describes them, on the entries that it says they rest on."""

from collections.abc import Mapping
from typing import Any

from ..derived import Derivation
from ..kinds import Shift
from . import shifts
from .tree import Book, Leaf, Node, leaves, within

Row = dict[str, Any]
USUAL = {"entry": "the entry that it is about", "entries": "an entry concerned"}
"""Columns that hold indices of entries, and what these are, where a table does not say so itself."""


def node(book: Book, derivation: Derivation, row: Row, name: str) -> Node:
    """One figure of a table that has no explanation of its own."""
    parts, more = within(_parts(book, derivation, row))
    key = {column: row[column] for column in derivation.key} | {"asked": row["asked"]}
    value = (
        dict(row[name]) if isinstance(row[name], list) and row[name] and isinstance(row[name][0], tuple) else row[name]
    )
    return Node(name, value, derivation.columns[name], "", parts, more, derivation.name, key)


def _parts(book: Book, derivation: Derivation, row: Row) -> list[Node | Leaf]:
    """What the row rests on: entries, and of those that are shifts the figures."""
    said = _indices(derivation.rests_on or USUAL, row)
    made = shifts.rows(book, [index for index in said if isinstance(book.entry(index), Shift)])
    parts: list[Node | Leaf] = []
    for index, role in said.items():
        if index in made:
            figures = tuple(shifts.node(book, made[index], name) for name in ("quantity", "attainment", "status"))
            parts.append(Node(f"shift {made[index]['id']}", None, role, "", figures))
        else:
            parts += leaves(book, index, role)
    return parts


def _indices(rests_on: Mapping[str, str], row: Row) -> dict[int, str]:
    """Every entry once, as the first column that names it says."""
    found: dict[int, str] = {}
    for column, role in rests_on.items():
        held = row.get(column)
        for index in held if isinstance(held, list) else [] if held is None else [held]:
            found.setdefault(index, role)
    return found
