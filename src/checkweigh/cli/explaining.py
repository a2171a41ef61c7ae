"""explain: from a figure to the entries that it rests on."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..moments import Known, known_at
from . import edge
from .showing import AT, derivation_named
from .target import ZONE
from .writing import LEDGER

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from ..derived import Derivation
    from ..explained import SeveralRows, Wanted
    from ..ledger import Ledger

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
Part = dict[str, Any]
"""A figure or an entry, as `explained` has it."""


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
    from .. import explained
    from ..errors import Refused

    if form not in ("tree", "json"):
        raise Refused(f"--format {form!r} is none of tree and json")
    derivation = derivation_named(table)
    wanted = explained.read(derivation, [*(words or []), *context.args])
    with edge.opened(ledger) as opened:
        state = known_at(opened, at, zone)
        try:
            answer = _answer(opened, state, derivation, wanted)
        except explained.SeveralRows as several:
            _show(several, state)
            raise
    if form == "json":
        edge.screen().print(json.dumps(answer, ensure_ascii=False, indent=1), soft_wrap=True, markup=False)
    else:
        _tell(answer, state)


def _answer(opened: "Ledger", state: Known, derivation: "Derivation", wanted: "Wanted") -> dict[str, Any]:
    """The explanation, made here or where the ledger is."""
    from .. import explained, tables

    if far := edge.far(opened):
        words = [*wanted.words, *wanted.figures]
        return far.explain(derivation, state.size, wanted.parameters, words, wanted.columns)
    return explained.answer(opened, tables.at(opened, state.size), state, derivation, wanted)


def _show(several: "SeveralRows", state: Known) -> None:
    """The rows that fit, for the choice among them."""
    from .. import render

    derivation = several.derivation
    fitted = render.fit(several.rows, derivation.in_order(derivation.schema.names), edge.screen().width)
    edge.screen().print(render.terminal(fitted, f"{derivation.name}: which of these?", [state.said]))


def _tell(answer: dict[str, Any], state: Known) -> None:
    """The tree of each figure, and what has changed it since."""
    from rich.padding import Padding

    key = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in answer["row"].items() if value is not None)
    edge.tell((f"{answer['table']}: {key}", "bold"), (f"  {state.said}", "dim"))
    told: set[Any] = set()
    for figure in answer["figures"]:
        if _name(figure) not in told:
            edge.screen().print(_tree(figure, told))
    if answer["changed_since"]:
        edge.tell(("Changed since:", "bold yellow"))
    for change in answer["changed_since"]:
        edge.screen().print(Padding(_line(change), (0, 0, 0, 2)))
        before, after = change["before"] or {}, change["after"] or {}
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                was = f"    {name.replace('_', ' ')}: {before.get(name) or 'absent'} → "
                edge.tell(was, (str(after.get(name) or "absent"), "bold"))
    if not answer["all_changes_found"]:
        from ..explaining import MOST_SIZES

        edge.warn(f"there may be more: the figure was asked at {MOST_SIZES} sizes at most")


def _name(part: Part) -> Any:
    """What tells one part of a tree from another."""
    if "entry" in part:
        return part["entry"]
    return part["explain"] or (part["figure"], part["formula"], id(part))


def _tree(figure: Part, told: set[Any]) -> "Tree":
    from rich.tree import Tree

    tree = Tree(_head(figure), guide_style="dim")
    told.add(_name(figure))
    _grow(tree, figure, told)
    return tree


def _grow(tree: "Tree", figure: Part, told: set[Any]) -> None:
    parts = figure["parts"]
    shown = FIRST_PARTS if len(parts) > 2 * FIRST_PARTS else len(parts)
    for part in parts[:shown]:
        name = _name(part)
        if "entry" in part:
            tree.add(_line(part, part["role"], short=name in told))
        elif name in told:
            tree.add(_above(part))
        else:
            _grow(tree.add(_head(part)), part, told)
        told.add(name)
    if more := len(parts) - shown + figure.get("more", 0):
        tree.add(f"[dim]and {more:,} more (--format json lists them)[/dim]")


def _head(figure: Part) -> "Text":
    from rich.text import Text

    value = "" if figure["value"] is None and not figure["explain"] else _value(figure)
    whole = Text.assemble((figure["figure"].replace("_", " "), "bold"), (f"  {value}" if value else "", "bold yellow"))
    if figure["numbers"]:
        whole.append(f"  {figure['numbers']}", "cyan")
    if figure["formula"]:
        whole.append(f"\n{figure['formula']}" if figure["numbers"] else f"  {figure['formula']}", "dim")
    return whole


def _above(figure: Part) -> "Text":
    from rich.text import Text

    name = figure["figure"].replace("_", " ")
    return Text.assemble((name, "bold"), "  ", (_value(figure), "yellow"), ("  as above", "dim"))


def _line(entry: Part, role: str = "", short: bool = False) -> "Text":
    from rich.text import Text

    name = f"{entry['kind']} {entry['id']}" if entry["id"] else entry["kind"]
    told = Text.assemble((f"entry {entry['entry']}", "green"), f"  {name}", (f"  {role}" if role else "", "italic"))
    if short:
        return told.append("  as above", "dim")
    cites = f", cites {', '.join(entry['cites'])}" if entry["cites"] else ""
    return told.append(f"\n{entry['recorded'][:10]}, by {entry['by']}{cites}, hash {entry['hash'][:8]}…", "dim")


def _value(figure: Part) -> str:
    value = figure["value"]
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "absent" if value is None else str(value)
