"""The tree of an explanation: figures, the figures that they are made of, and at its ends the entries.

A figure is taken from its derivation and never computed here; only the formula, in words and in numbers, is written beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import codec
from ..entries import Entry
from ..render import text

MOST_PARTS = 1000
"""Of a figure over many shifts no more of them than this are listed; `Node.more` says how many are not."""
Key = Mapping[str, Any]


@dataclass(frozen=True)
class Leaf:
    """An entry on which a figure rests, and as what."""

    entry: int
    role: str


@dataclass(frozen=True)
class Node:
    """A figure: what it is called, what it is, how it comes about in words and in numbers, and from what.

    `table`, `key` and `name` say where the derivation has it; a step between two figures has no `table`.
    """

    name: str
    value: Any
    says: str = ""
    numbers: str = ""
    parts: tuple["Node | Leaf", ...] = ()
    more: int = 0
    table: str | None = None
    key: Key = field(default_factory=dict)


@dataclass(frozen=True)
class Book:
    """What an explanation looks into: the tables as known at a size, and the entries themselves."""

    tables: Any
    read: Callable[[int], bytes]
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def entry(self, index: int) -> Entry:
        """An entry by its index."""
        return self.once(("entry", index), lambda: codec.decode(self.read(index)))  # type: ignore[no-any-return]

    def once(self, name: Any, make: Callable[[], Any]) -> Any:
        """What is looked up several times, looked up once."""
        if name not in self.memory:
            self.memory[name] = make()
        return self.memory[name]


def leaves(book: Book, index: int | None, role: str) -> tuple[Leaf, ...]:
    """An entry, and behind it those that it replaces, one after the other; nothing where there is no entry."""
    found: list[Leaf] = []
    while index is not None:
        found.append(Leaf(index, role))
        index, role = book.entry(index).replaces, f"what entry {index} replaces"
    return tuple(found)


def walk(part: Node | Leaf) -> Iterator[Node | Leaf]:
    """A tree, from its figure to its entries."""
    yield part
    for below in part.parts if isinstance(part, Node) else ():
        yield from walk(below)


def equation(left: str, value: Any) -> str:
    """A formula in numbers, where there is a figure."""
    return "" if value is None or not left else f"{left} = {text(value)}"


def joined(values: Sequence[Any], sign: str, most: int = 6) -> str:
    """Numbers with a sign between them; of many only the first, and how many."""
    told = [text(value) for value in values[:most]]
    return f" {sign} ".join(told) + (f" {sign} … ({len(values):,} numbers)" if len(values) > most else "")


def within(parts: Sequence["Node | Leaf"], most: int = MOST_PARTS) -> tuple[tuple["Node | Leaf", ...], int]:
    """The first of many parts, and how many are left out."""
    return tuple(parts[:most]), max(0, len(parts) - most)
