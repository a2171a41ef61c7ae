"""explain: from a figure to the entries that it rests on."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..moments import Known, known_at
from . import edge
from .showing import AT, derivation_named, value_of
from .target import ZONE
from .writing import LEDGER

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from ..derived import Derivation
    from ..explaining import Book, Change, Leaf, Node
    from ..ledger import Ledger
    from ..tables import Tables

TABLE = Annotated[
    str, typer.Argument(metavar="TABLE", help="The derived table that holds the figure.", show_default=False)
]
WORDS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORD]... [--COLUMN VALUE]...",
        help="Which row, by words that stand in it or by its columns; and which figure, by its column. Without a figure: all of the row.",
        show_default=False,
    ),
]
FORM = Annotated[str, typer.Option("--format", help="A tree for people, or all of it as JSON.", metavar="tree|json")]
FIRST_PARTS = 5
"""Of a figure over many shifts a terminal shows so many of them."""


def explain(
    context: typer.Context,
    ledger: LEDGER,
    table: TABLE,
    words: WORDS = None,
    at: AT = None,
    form: FORM = "tree",
    zone: ZONE = "UTC",
) -> None:
    """Explain a figure: the formulas with their numbers, the entries beneath them, and what has changed it since."""
    from .. import explaining, tables
    from ..errors import Refused
    from ..ledger import Ledger

    if form not in ("tree", "json"):
        raise Refused(f"--format {form!r} is none of tree and json")
    derivation = derivation_named(table)
    wanted = _wanted(derivation, [*(words or []), *context.args])
    with Ledger.open(ledger) as opened:
        state = known_at(opened, at, zone)
        known = tables.at(opened, state.size)
        row = _row(known, derivation, wanted, state)
        names = wanted.figures or explaining.figures_of(derivation, row)
        book = explaining.Book(known, opened.entry)
        nodes = [explaining.explain(book, derivation, wanted.parameters, row, name) for name in names]
        later, complete = _later(opened, known, derivation, wanted, row, names, nodes)
        answer = Answer(opened, book, state, derivation, row, nodes, later, complete)
        if form == "json":
            edge.screen().print(json.dumps(answer.plain(), ensure_ascii=False, indent=1), soft_wrap=True, markup=False)
        else:
            answer.tell()


@dataclass
class Wanted:
    """What the user asked for: options of the table, words and columns of the row, and figures."""

    parameters: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)


def _wanted(derivation: "Derivation", written: Sequence[str]) -> Wanted:
    """Reads words, `--option value` and `--column=value`. Raises Refused for an option that is neither."""
    from .. import explaining

    wanted, rest = Wanted(), list(written)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            figure = explaining.choosing.named(derivation, word)
            (wanted.figures.append(figure) if figure else wanted.words.append(word))
            continue
        name, equals, value = word[2:].partition("=")
        _read_option(derivation, wanted, name.replace("-", "_"), value if equals else None, rest)
    return wanted


def _read_option(derivation: "Derivation", wanted: Wanted, name: str, value: str | None, rest: list[str]) -> None:
    from ..errors import Refused
    from ..explaining.choosing import ABSENT
    from ..fields import meant

    parameter = next((one for one in derivation.parameters if one.name == name), None)
    if parameter is None and name not in derivation.schema:
        known = [*(one.name for one in derivation.parameters), *derivation.key]
        raise Refused(
            f"{derivation.name} has no option or column --{name}{meant(name, known)}; choose by --{', --'.join(known)}"
        )
    if parameter is not None and parameter.kind == "flag":
        wanted.parameters[name] = value is None or value.lower() not in ("no", "false")
        return
    if value is None and not rest:
        raise Refused(f"--{name} needs a value")
    text = rest.pop(0) if value is None else value
    if parameter is not None and not (text in ABSENT and name in derivation.schema):
        wanted.parameters[name] = value_of(f"--{name}", parameter, text)
    else:
        wanted.columns[name] = text


def _row(known: "Tables", derivation: "Derivation", wanted: Wanted, state: Known) -> dict[str, Any]:
    """The one row that is meant. Raises Refused where none is, with a guess, or several, after showing them."""
    from ..errors import Refused
    from ..explaining import choosing
    from ..fields import meant

    found = choosing.rows(known, derivation, wanted.parameters, wanted.words, wanted.columns)
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(_which(derivation, found, state))
    held = choosing.near(known, derivation, wanted.parameters)
    strange = [word for word in wanted.words if word not in held]
    guess = f"{strange[0]!r} stands in none{meant(strange[0], held)}" if strange else "no row has all of these"
    raise Refused(
        f"{derivation.name}, {state.said}, has no such row: {guess}; `checkweigh show {derivation.name} LEDGER` shows the rows"
    )


def _which(derivation: "Derivation", found: Sequence[Mapping[str, Any]], state: Known) -> str:
    """Shows the rows that fit, and says how to choose among them."""
    from .. import render
    from ..explaining import choosing

    rows = [dict(row) for row in found[: choosing.MOST_ROWS]]
    fitted = render.fit(rows, derivation.in_order(derivation.schema.names), edge.screen().width)
    edge.screen().print(render.terminal(fitted, f"{derivation.name}: which of these?", [state.said]))
    hints = []
    for name, values in choosing.differing(derivation, rows).items():
        told = [shlex.quote(render.text(value) or "none") for value in values]
        hints.append(f"--{name.replace('_', '-')} " + "|".join(told[:6]) + ("|…" if len(told) > 6 else ""))
    several = f"{len(rows)} rows" if len(found) == len(rows) else f"more than {len(rows)} rows"
    return f"{several} fit; choose one, by a word that stands in it alone or with {' and '.join(hints)}"


def _later(
    opened: "Ledger", known: "Tables", derivation: "Derivation", wanted: Wanted, row: Mapping[str, Any], names: list[str],
    nodes: Sequence["Node"],
) -> tuple[list["Change"], bool]:  # fmt: skip
    """The entries after the size that changed the figures, and whether all could be looked for."""
    from .. import explaining, tables

    if known.size == opened.size:
        return [], True
    key = {name: row[name] for name in derivation.key}
    latest = tables.at(opened, opened.size)

    def at(size: int) -> Any:
        there = known if size == known.size else latest if size == opened.size else tables.at(opened, size)
        return explaining.figures_at(there, derivation, wanted.parameters, key, names)

    parts = [part for node in nodes for part in explaining.walk(node)]
    if at(opened.size) is not None:
        now = explaining.choosing.of_key(derivation.derive(latest, **wanted.parameters), key)
        book = explaining.Book(latest, opened.entry)
        then = tables.collect(now).to_pylist()[0]
        parts += [
            part
            for name in names
            for part in explaining.walk(explaining.explain(book, derivation, wanted.parameters, then, name))
        ]
    entries = {part.entry for part in parts if isinstance(part, explaining.Leaf)}
    shifts = {str(part.key["id"]) for part in parts if isinstance(part, explaining.Node) and part.table == "attainment"}
    ruled = {index for shift in sorted(shifts)[:FEW] for index in opened.find("verdict", shift)}
    return explaining.changes(known.size, opened.size, entries | ruled, at)


FEW = 200
"""Verdicts are looked for on so many shifts of a tree."""


@dataclass
class Answer:
    """An explanation, to be told."""

    opened: "Ledger"
    book: "Book"
    state: Known
    derivation: "Derivation"
    row: Mapping[str, Any]
    nodes: Sequence["Node"]
    later: Sequence["Change"]
    complete: bool

    def plain(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        root = self.opened.root(self.state.size).hex()
        return {
            "origin": self.opened.origin, "size": self.state.size, "root": root, "table": self.derivation.name,
            "row": {name: said(self.row[name]) for name in self.derivation.key},
            "figures": [self._plain(node) for node in self.nodes],
            "changed_since": [
                {**self._entry(change.entry), "before": _said(change.before), "after": _said(change.after)} for change in self.later
            ],
            "all_changes_found": self.complete,
        }  # fmt: skip

    def _plain(self, part: "Node | Leaf") -> dict[str, Any]:
        from ..explaining import Leaf, address

        if isinstance(part, Leaf):
            return {**self._entry(part.entry), "role": part.role}
        told = {"figure": part.name, "value": said(part.value), "formula": part.says, "numbers": part.numbers or None}
        where = {"explain": shlex.join(address(part)) or None, "parts": [self._plain(one) for one in part.parts]}
        return told | where | ({"more": part.more} if part.more else {})

    def _entry(self, index: int) -> dict[str, Any]:
        """An entry as an explanation lists it, with its hash whole."""
        from .. import codec, entries, erasing
        from ..merkle import leaf_hash

        data = self.opened.entry(index)
        entry = self.book.once(("shown", index), lambda: erasing.shown(codec.decode(data), self.opened.erased()))
        return {
            "entry": index, "kind": entries.kind_of(entry), "id": (entries.identity(entry) or (None, None))[1], "recorded": entry.recorded,
            "by": entry.by, "cites": list(entry.cites or ()), "hash": leaf_hash(data).hex(), "says": json.loads(codec.encode(entry)),
        }  # fmt: skip

    def tell(self) -> None:
        """The tree of each figure, and what has changed it since."""
        from rich.padding import Padding

        from ..explaining import address

        key = ", ".join(
            f"{name.replace('_', ' ')} {said(self.row[name])}"
            for name in self.derivation.key
            if self.row[name] is not None
        )
        edge.tell((f"{self.derivation.name}: {key}", "bold"), (f"  {self.state.said}", "dim"))
        told: set[Any] = set()
        for node in self.nodes:
            if tuple(address(node)) not in told:
                edge.screen().print(self._tree(node, told))
        if self.later:
            edge.tell(("Changed since:", "bold yellow"))
        for change in self.later:
            edge.screen().print(Padding(self._line(change.entry), (0, 0, 0, 2)))
            for name in sorted({*(change.before or {}), *(change.after or {})}):
                before, after = ((figures or {}).get(name) for figures in (change.before, change.after))
                if before != after:
                    edge.tell(
                        f"    {name.replace('_', ' ')}: {said(before) or 'absent'} → ",
                        (str(said(after) or "absent"), "bold"),
                    )
        if not self.complete:
            from ..explaining import MOST_SIZES

            edge.warn(f"there may be more: the figure was asked at {MOST_SIZES} sizes at most")

    def _tree(self, node: "Node", told: set[Any]) -> "Tree":
        from rich.tree import Tree

        from ..explaining import address

        tree = Tree(self._head(node), guide_style="dim")
        told.add(tuple(address(node)))
        self._grow(tree, node, told)
        return tree

    def _grow(self, tree: "Tree", node: "Node", told: set[Any]) -> None:
        from ..explaining import Leaf, address

        for part in node.parts[: FIRST_PARTS if len(node.parts) > 2 * FIRST_PARTS else None]:
            name = part.entry if isinstance(part, Leaf) else tuple(address(part)) or (part.name, part.says, id(part))
            if isinstance(part, Leaf):
                tree.add(self._line(part.entry, part.role, short=name in told))
            elif name in told:
                tree.add(self._above(part))
            else:
                self._grow(tree.add(self._head(part)), part, told)
            told.add(name)
        shown = FIRST_PARTS if len(node.parts) > 2 * FIRST_PARTS else len(node.parts)
        if more := len(node.parts) - shown + node.more:
            tree.add(f"[dim]and {more:,} more (--format json lists them)[/dim]")

    def _head(self, node: "Node") -> "Text":
        from rich.text import Text

        value = "" if node.value is None and not node.table else _value(node)
        whole = Text.assemble((node.name.replace("_", " "), "bold"), (f"  {value}" if value else "", "bold yellow"))
        if node.numbers:
            whole.append(f"  {node.numbers}", "cyan")
        if node.says:
            whole.append(f"\n{node.says}" if node.numbers else f"  {node.says}", "dim")
        return whole

    def _above(self, node: "Node") -> "Text":
        from rich.text import Text

        return Text.assemble(
            (node.name.replace("_", " "), "bold"), "  ", (_value(node), "yellow"), ("  as above", "dim")
        )

    def _line(self, index: int, role: str = "", short: bool = False) -> "Text":
        from rich.text import Text

        entry = self._entry(index)
        name = f"{entry['kind']} {entry['id']}" if entry["id"] else entry["kind"]
        told = Text.assemble((f"entry {index}", "green"), f"  {name}", (f"  {role}" if role else "", "italic"))
        if short:
            return told.append("  as above", "dim")
        cites = f", cites {', '.join(entry['cites'])}" if entry["cites"] else ""
        return told.append(f"\n{entry['recorded'][:10]}, by {entry['by']}{cites}, hash {entry['hash'][:8]}…", "dim")


def _value(node: "Node") -> str:
    value = said(node.value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "absent" if value is None else str(value)


def said(value: Any) -> Any:
    """A value as JSON has it: decimals as exact text."""
    from ..render import text

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {name: said(part) for name, part in value.items()}
    if isinstance(value, list):
        return [said(part) for part in value]
    return text(value)


def _said(figures: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if figures is None else {name: said(value) for name, value in figures.items()}
