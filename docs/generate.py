"""Writes the pages of docs/reference from the code: commands, kinds of entry, derived tables, errors.

    python -m docs.generate

A test compares the pages with what this module makes of the code, so they cannot go stale.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import typer
from msgspec import Meta

import checkweigh
from checkweigh import entries, fields, importing
from checkweigh.address import BESIDE_VARIABLE, TOKEN_VARIABLE
from checkweigh.cli.app import COMMANDS, app
from checkweigh.derived import DERIVED
from checkweigh.errors import CheckweighError
from checkweigh.fields import GIVEN_BY_THE_LEDGER
from checkweigh.kinds import KINDS, Conditions, Helper
from checkweigh.ledger import KEY_VARIABLE
from checkweigh.web import settings as board

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs` from the code; edit that instead. -->\n"


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    made = {
        "commands.md": commands,
        "entries.md": kinds,
        "tables.md": tables,
        "settings.md": settings,
        "errors.md": errors,
    }
    return {name: MADE + "\n" + "\n".join(page()).rstrip() + "\n" for name, page in made.items()}


def commands() -> Iterator[str]:
    """A heading for every command: what it does, how it is called, an example, its options."""
    yield "# Commands\n"
    yield inspect.cleandoc(app.info.help or "") + "\n"
    yield "Exit codes: 0 done, 1 a fault of Checkweigh itself, 2 Refused (nothing was written), 3 Broken, 4 Unsure, 130 interrupted.\n"
    group: Any = typer.main.get_command(app)
    for name, function, _, example in COMMANDS:
        yield f"## {name}\n"
        yield inspect.cleandoc(function.__doc__ or "") + "\n"
        yield f"```\n{example}\n```\n"
        yield from _rows(
            ("option", "what"), [_option(found) for found in _command(group, name).params if found.name != "help"]
        )


def _command(group: Any, name: str) -> Any:
    """A command by its name; one of two words is in a group."""
    first, _, second = name.partition(" ")
    return group.commands[first].commands[second] if second else group.commands[name]


def _option(parameter: Any) -> tuple[str, str]:
    shown = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        said = f"`{shown}`"
    else:
        flag = getattr(parameter, "is_flag", False)
        said = f"`{parameter.opts[0]}" + ("`" if flag else f" {shown}`")
    default = parameter.default
    plain = isinstance(default, str | int) and not isinstance(default, bool) and default != ""
    return said, (parameter.help or "") + (f" Default: {default}." if plain else "")


SHAPES = {
    "text": "text", "quantity": "quantity", "hours": "hours", "labour_hours": "hours", "headcount": "decimal", "ratio": "ratio",
    "whole": "whole number", "time": "time", "day": "date", "salt": "set by the ledger", "texts": "list of ids",
    "helpers": "helpers", "flag": "true or false", "conditions": "conditions",
}  # fmt: skip


def kinds() -> Iterator[str]:
    """A heading for every kind of entry, with its fields."""
    yield "# Kinds of entry\n"
    yield "An entry is one immutable fact in the ledger. The ledger itself sets `recorded` (when it took the entry in), `by` (who entered"
    yield "it) and, for entries about people's work, a `salt`. Every entry may have these fields besides its own:\n"
    yield from _rows(("field", "what"), list(SHARED.items()))
    yield "This is how values are written at the command line:\n"
    yield "```\n" + inspect.cleandoc((fields.__doc__ or "").split("\n\n")[1]) + "\n```\n"
    for kind, structure in KINDS.items():
        yield f"## {kind}\n"
        yield inspect.cleandoc(structure.__doc__ or "") + "\n"
        yield f"Known by {' and '.join(structure.id_fields) or 'its index alone'}.\n"
        own = [name for name in entries.fields(kind) if f"`{name}`" not in SHARED and name not in GIVEN_BY_THE_LEDGER]
        yield from _rows(("field", "value", ""), [_field(kind, name) for name in own])
    yield from _part("Helpers", Helper)
    yield from _part("Conditions of a rule", Conditions)


SHARED = {
    "`cites`": "ids of the sources that it rests on",
    "`note`": "a text; permanent, like everything in the ledger",
    "`replaces`": "the index of the entry of the same kind and identity that it replaces; then `note` says why",
    "`void`": "with `replaces`: the entry is withdrawn, and nothing stands in its place",
}


def _part(title: str, part: type[msgspec.Struct]) -> Iterator[str]:
    yield f"## {title}\n"
    yield inspect.cleandoc(part.__doc__ or "") + "\n"
    hints = get_type_hints(part, include_extras=True)
    found = msgspec.structs.fields(part)
    rows = [(f"`{f.name}`", _value(hints[f.name]), "required" if f.required else "") for f in found]
    yield from _rows(("field", "value", ""), rows)


def _field(kind: str, name: str) -> tuple[str, str, str]:
    hint = entries.fields(kind)[name]
    words = fields.choices(hint)
    target = KINDS[kind].targets.get(name)
    value = " or ".join(words) if words else f"id of a {target}" if target else SHAPES[entries.column_of(kind, name)]
    if target and entries.column_of(kind, name) == "texts":
        value = f"ids of {target}s"
    return f"`{name}`", value, "required" if name in entries.required(kind) else ""


def _value(hint: Any) -> str:
    """What a part of a field holds: one of a few words, or a shape."""
    if words := fields.choices(hint):
        return " or ".join(words).replace("True", "true")
    metas = [part for part in get_args(hint) if isinstance(part, Meta)]
    if metas and metas[0].extra:
        return SHAPES[str(metas[0].extra["column"])]
    return next((_value(part) for part in get_args(hint) if part is not type(None)), "true or false")


def tables() -> Iterator[str]:
    """A heading for every derived table: what it says, its options, its columns."""
    yield "# Derived tables\n"
    yield "`checkweigh show TABLE LEDGER` shows each of them as known at any size or date. In JSON, decimals are strings and absent"
    yield "figures null. With `--against`, rows have a `change` (added, removed, changed), and `NAME_before` what each figure was.\n"
    for name, derivation in DERIVED.items():
        yield f"## {name}\n"
        yield derivation.help + "\n"
        module = importlib.import_module(f"checkweigh.derived.{name}")
        yield inspect.cleandoc(module.__doc__ or "").partition("\n\n")[2] + "\n"
        yield from _rows(("option", "what"), [_own_option(parameter) for parameter in derivation.parameters])
        types = {column: str(kind).removeprefix("!") for column, kind in derivation.schema.items()}
        yield from _rows(
            ("column", "type", "what"), [(f"`{n}`", types[n], said) for n, said in derivation.columns.items()]
        )


def _own_option(parameter: Any) -> tuple[str, str]:
    values = {"choice": " " + "|".join(parameter.choices), "flag": "", "whole": " NUMBER", "ratio": " RATIO"}.get(
        parameter.kind, " NAME"
    )
    default = f" Default: {parameter.default}." if parameter.default not in (None, False) else ""
    return f"`--{parameter.name.replace('_', '-')}{values}`", parameter.help + "." + default


def settings() -> Iterator[str]:
    """A heading for every setting: of the environment, and of the file that tells an import what to do."""
    yield "# Settings\n"
    yield f"## {KEY_VARIABLE}\n"
    yield "An environment variable that holds the signing key, instead of the file `LEDGER.key`.\n"
    yield f"## {BESIDE_VARIABLE}\n"
    yield "An environment variable that names the directory for what belongs beside a ledger in a database: its key, the private workers,"
    yield "the columns. Without it that is `~/.local/share/checkweigh`, or `checkweigh` in the directory that XDG_DATA_HOME names.\n"
    yield f"## {TOKEN_VARIABLE}\n"
    yield "An environment variable: the token with which commands ask a board at `http://HOST`, as `checkweigh token` shows one.\n"
    yield "# Settings of an import\n"
    yield "In the file that `import --settings FILE.toml` reads. What the command line says goes before what the file says.\n"
    for name, said in _documented(importing.Settings):
        yield f"## {({'mapping': 'map', 'constants': 'set'}).get(name, name)}\n"
        yield f"{said or 'The kind of entry.'}\n"
    yield from _board()


def _board() -> Iterator[str]:
    """A heading for every setting of a board."""
    yield "# Settings of a board\n"
    yield "In the file that `serve --settings FILE.toml` reads, or in the environment, under the name in capitals after `CHECKWEIGH_`; a"
    yield "list is written with commas there. What the command line says goes before the environment, the environment before the file, and"
    yield "the file before the default. A setting that does not exist is refused, with the one that may have been meant.\n"
    defaults = board.Settings()
    for name, said in _documented(board.Settings):
        value = getattr(defaults, name)
        shown = "none" if value in ("", ()) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        yield f"## {name}\n"
        yield f"{said}\n"
        yield f"`{board.PREFIX}{name.upper()}`: {board.shape(name)}. Default: {shown}.\n"


def _documented(settings: type) -> Iterator[tuple[str, str]]:
    """The fields of a class of settings, each with what stands below it."""
    tree = ast.parse(inspect.getsource(settings))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    for field, said in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            told = isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
            yield field.target.id, said.value.value if told else ""


def errors() -> Iterator[str]:
    """A heading for every error, as a tree, with what it means."""
    _import_everything()
    yield "# Errors\n"
    yield "A message names what, where, and the next step. `Refused`: the caller can put it right, and nothing was written (exit code 2)."
    yield "`Broken`: the ledger is not what it claims to be (exit code 3). `Unsure`: ask again (exit code 4).\n"
    for error in _below(CheckweighError):
        yield f"## {error.__name__}\n"
        yield inspect.cleandoc(error.__doc__ or "") + "\n"
        if error is not CheckweighError:
            yield f"A kind of {error.__bases__[0].__name__}.\n"


def _import_everything() -> None:
    for module in pkgutil.walk_packages(checkweigh.__path__, "checkweigh."):
        importlib.import_module(module.name)


def _below(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for kind in sorted(error.__subclasses__(), key=lambda found: found.__name__):
        if kind.__module__.startswith("checkweigh"):
            yield from _below(kind)


def _rows(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table, if it has rows."""
    if rows:
        yield "| " + " | ".join(heads) + " |"
        yield "|" + " --- |" * len(heads)
        yield from (
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows
        )
        yield ""


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
