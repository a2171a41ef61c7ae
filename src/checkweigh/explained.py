"""An explanation as it is asked for and as it is given: from words to one row, and from its figures to plain JSON.

Every face asks here: the command line draws as a tree what the API hands out.

    {"origin", "size", "root", "table", "row": {key}, "figures": [part], "changed_since": [entry and "before", "after"],
     "all_changes_found"}

A part is a figure, {"figure", "value", "formula", "numbers", "explain", "parts": [part], ["more"]}, or an entry, {"entry", "kind", "id",
"recorded", "by", "cites", "hash", "says", "role"}.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import asking, codec, entries, erasing, explaining, tables
from .derived import Derivation
from .errors import Refused
from .explaining import Book, Change, Leaf, Node, choosing
from .fields import meant
from .ledger import Ledger
from .merkle import leaf_hash
from .moments import Known
from .render import text
from .tables import Tables

FEW = 200
"""Verdicts are looked for on so many shifts of a tree."""


class SeveralRows(Refused):
    """Several rows fit what was asked; `rows` are the first of them, `known` says of which state."""

    def __init__(self, message: str, derivation: Derivation, rows: list[dict[str, Any]]) -> None:
        self.derivation, self.rows = derivation, rows
        super().__init__(message)


@dataclass
class Wanted:
    """What was asked for: options of the table, words and columns of the row, and figures."""

    parameters: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)


def read(derivation: Derivation, written: Sequence[str]) -> Wanted:
    """Reads words, `--option value` and `--column=value`. Raises Refused for an option that is neither."""
    wanted, rest = Wanted(), list(written)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            figure = choosing.named(derivation, word)
            (wanted.figures.append(figure) if figure else wanted.words.append(word))
            continue
        name, equals, value = word[2:].partition("=")
        _read_option(derivation, wanted, name.replace("-", "_"), value if equals else None, rest)
    return wanted


def _read_option(derivation: Derivation, wanted: Wanted, name: str, value: str | None, rest: list[str]) -> None:
    parameter = next((one for one in derivation.parameters if one.name == name), None)
    if parameter is None and name not in derivation.schema:
        known = [*(one.name for one in derivation.parameters), *derivation.key]
        raise Refused(
            f"{derivation.name} has no option or column --{name}{meant(name, known)}; choose by --{', --'.join(known)}"
        )
    if parameter is not None and parameter.kind == "flag":
        wanted.parameters[name] = value is None or asking.value_of(f"--{name}", parameter, value)
        return
    if value is None and not rest:
        raise Refused(f"--{name} needs a value")
    given = rest.pop(0) if value is None else value
    if parameter is not None and not (given in choosing.ABSENT and name in derivation.schema):
        wanted.parameters[name] = asking.value_of(f"--{name}", parameter, given)
    else:
        wanted.columns[name] = given


def answer(ledger: Ledger, known: Tables, state: Known, derivation: Derivation, wanted: Wanted) -> dict[str, Any]:
    """The explanation of what was asked, as plain JSON. Raises Refused where no row fits, and SeveralRows where several do."""
    row = _row(known, derivation, wanted, state)
    names = wanted.figures or explaining.figures_of(derivation, row)
    book = Book(known, ledger.entry)
    nodes = [explaining.explain(book, derivation, wanted.parameters, row, name) for name in names]
    later, complete = _later(ledger, known, derivation, wanted, row, names, nodes)
    told = _Told(ledger, book)
    return {
        "origin": ledger.origin, "size": state.size, "root": ledger.root(state.size).hex(), "table": derivation.name,
        "row": {name: said(row[name]) for name in derivation.key},
        "figures": [told.part(node) for node in nodes],
        "changed_since": [
            {**told.entry(change.entry), "before": _said(change.before), "after": _said(change.after)} for change in later
        ],
        "all_changes_found": complete,
    }  # fmt: skip


def _row(known: Tables, derivation: Derivation, wanted: Wanted, state: Known) -> dict[str, Any]:
    """The one row that is meant. Raises Refused where none is, with a guess, or several."""
    found = choosing.rows(known, derivation, wanted.parameters, wanted.words, wanted.columns)
    if len(found) == 1:
        return found[0]
    if found:
        rows = [dict(row) for row in found[: choosing.MOST_ROWS]]
        raise SeveralRows(_which(derivation, rows, len(found)), derivation, rows)
    held = choosing.near(known, derivation, wanted.parameters)
    strange = [word for word in wanted.words if word not in held]
    guess = f"{strange[0]!r} stands in none{meant(strange[0], held)}" if strange else "no row has all of these"
    raise Refused(
        f"{derivation.name}, {state.said}, has no such row: {guess}; `checkweigh show {derivation.name} LEDGER` shows the rows"
    )


def _which(derivation: Derivation, rows: list[dict[str, Any]], found: int) -> str:
    """How to choose among some rows."""
    hints = []
    for name, values in choosing.differing(derivation, rows).items():
        told = [shlex.quote(text(value) or "none") for value in values]
        hints.append(f"--{name.replace('_', '-')} " + "|".join(told[:6]) + ("|…" if len(told) > 6 else ""))
    several = f"{len(rows)} rows" if found == len(rows) else f"more than {len(rows)} rows"
    return f"{several} fit; choose one, by a word that stands in it alone or with {' and '.join(hints)}"


def _later(
    ledger: Ledger, known: Tables, derivation: Derivation, wanted: Wanted, row: Mapping[str, Any], names: list[str],
    nodes: Sequence[Node],
) -> tuple[list[Change], bool]:  # fmt: skip
    """The entries after the size that changed the figures, and whether all could be looked for."""
    size = ledger.size
    if known.size == size:
        return [], True
    key = {name: row[name] for name in derivation.key}
    latest = tables.at(ledger, size)

    def at(asked: int) -> Any:
        there = known if asked == known.size else latest if asked == size else tables.at(ledger, asked)
        return explaining.figures_at(there, derivation, wanted.parameters, key, names)

    parts = [part for node in nodes for part in explaining.walk(node)]
    if at(size) is not None:
        now = choosing.of_key(derivation.derive(latest, **wanted.parameters), key)
        book = Book(latest, ledger.entry)
        then = tables.collect(now).to_pylist()[0]
        parts += [
            part
            for name in names
            for part in explaining.walk(explaining.explain(book, derivation, wanted.parameters, then, name))
        ]
    touched = {part.entry for part in parts if isinstance(part, Leaf)}
    shifts = {str(part.key["id"]) for part in parts if isinstance(part, Node) and part.table == "attainment"}
    ruled = {index for shift in sorted(shifts)[:FEW] for index in ledger.find("verdict", shift)}
    return explaining.changes(known.size, size, touched | ruled, at)


@dataclass
class _Told:
    """Turns parts of a tree into JSON."""

    ledger: Ledger
    book: Book

    def part(self, part: Node | Leaf) -> dict[str, Any]:
        if isinstance(part, Leaf):
            return {**self.entry(part.entry), "role": part.role}
        told = {"figure": part.name, "value": said(part.value), "formula": part.says, "numbers": part.numbers or None}
        address = shlex.join(explaining.address(part)) or None
        below = {"explain": address, "parts": [self.part(one) for one in part.parts]}
        return told | below | ({"more": part.more} if part.more else {})

    def entry(self, index: int) -> dict[str, Any]:
        """An entry as an explanation lists it, with its hash whole."""
        data = self.ledger.entry(index)
        erased = self.book.once("erased", self.ledger.erased)
        entry = self.book.once(("shown", index), lambda: erasing.shown(codec.decode(data), erased))
        return {
            "entry": index, "kind": entries.kind_of(entry), "id": (entries.identity(entry) or (None, None))[1], "recorded": entry.recorded,
            "by": entry.by, "cites": list(entry.cites or ()), "hash": leaf_hash(data).hex(), "says": json.loads(codec.encode(entry)),
        }  # fmt: skip


def said(value: Any) -> Any:
    """A value as JSON has it: decimals as exact text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {name: said(part) for name, part in value.items()}
    if isinstance(value, list):
        return [said(part) for part in value]
    return text(value)


def _said(figures: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if figures is None else {name: said(value) for name, value in figures.items()}
