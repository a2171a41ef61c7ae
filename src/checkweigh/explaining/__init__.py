"""Explaining a figure: from the figure through the formulas to the entries, as known at a size, and what has changed it since.

    choosing     which row of a table is meant
    tree         figures and entries, as a tree
    shifts       the figures of a shift; the other tables lead here
    records, standings, honours
    rests        any other table, from what it declares: the columns that hold entries
    since        the later entries that changed it

A figure in the tree is the table's own: it is looked up in the derivation, never computed again.
"""

from collections.abc import Mapping
from typing import Any

from ..derived import Derivation
from ..tables import Tables, collect
from . import choosing, honours, records, rests, shifts, standings
from .since import MOST_SIZES, Change, changes
from .tree import MOST_PARTS, Book, Key, Leaf, Node, walk

__all__ = [
    "MOST_PARTS", "MOST_SIZES", "Book", "Change", "Leaf", "Node", "address", "changes", "choosing", "explain", "figures_at",
    "figures_of", "walk",
]  # fmt: skip
OWN: dict[str, Any] = {"records": records, "standings": standings, "honours": honours}


def figures_of(derivation: Derivation, row: Mapping[str, Any]) -> list[str]:
    """The figures of a row that are explained where none is named."""
    own = shifts if derivation.name == "attainment" else OWN.get(derivation.name)
    if own is not None:
        return [name for name in own.FIGURES if row[name] is not None]
    plain = [name for name, kind in derivation.schema.items() if kind.is_numeric() or kind.is_map()]
    left = {*derivation.key, *(derivation.rests_on or rests.USUAL)}
    return [name for name in plain if name not in left and row[name] is not None]


def explain(
    book: Book, derivation: Derivation, parameters: Mapping[str, Any], row: Mapping[str, Any], name: str
) -> Node:
    """One figure of a row of a table that was asked for with these parameters."""
    if derivation.name == "attainment":
        return shifts.node(book, shifts.rows(book, [row["entry"]])[row["entry"]], name)
    asked = {**row, "asked": dict(parameters)}
    if derivation.name in OWN:
        node: Node = OWN[derivation.name].node(book, asked, name)
        return node
    return rests.node(book, derivation, asked, name)


def figures_at(
    tables: Tables, derivation: Derivation, parameters: Mapping[str, Any], key: Key, names: list[str]
) -> dict[str, Any] | None:
    """Some figures of the row with a key, as known at another size; None where there is no such row."""
    table = choosing.of_key(derivation.derive(tables, **parameters), key)
    found = collect(table.select(*names)).to_pylist()
    return found[0] if found else None


def address(node: Node) -> list[str]:
    """The words after `checkweigh explain LEDGER` that ask for a figure of a table."""
    if node.table is None:
        return []
    asked = node.key.get("asked", {})
    options = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in asked.items() if value
    ]
    key = {name: value for name, value in node.key.items() if name not in ("asked", *asked)}
    if len(key) == 1:
        return [node.table, *(str(value) for value in key.values()), node.name, *options]
    columns = [f"--{name.replace('_', '-')}={'none' if value is None else value}" for name, value in key.items()]
    return [node.table, node.name, *options, *columns]
