"""House rules that a program can decide: how the source may look, and who may import whom."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from checkweigh.asking import answer
from checkweigh.demo import build
from checkweigh.derived import DERIVED
from checkweigh.kinds import KINDS
from checkweigh.ledger import Edge, Ledger
from checkweigh.tables import from_entries

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "checkweigh"
SOURCES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").glob("*.py"), *(ROOT / "docs").glob("*.py")])
LONGEST_FUNCTION, LONGEST_FILE = 50, 500
WRITTEN = {".py", ".html", ".css", ".js", ".md", ".toml"}

# Who may import whom, part by part: the drawing of ARCHITECTURE.md as data. A new part is a new line here.
FACTS = {"errors", "values", "kinds", "entries"}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "arrays": set(),
    "units": set(),
    "values": set(),
    "kinds": {"values"},
    "entries": {"errors", "values", "kinds"},
    "codec": FACTS | {"arrays"},
    "bounds": FACTS | {"arrays", "codec"},
    "merkle": {"errors"},
    "checkpoint": {"errors"},
    "address": {"errors"},
    "cosigned": {"errors", "address", "checkpoint"},
    "stores": {"errors", "address"},
    "bundles": {"arrays", "errors", "values", "merkle"},
    "identities": FACTS | {"arrays", "stores"},
    "snapshot": {"errors", "values", "merkle", "checkpoint", "stores", "bundles"},
    "names": {"arrays", "kinds", "identities", "snapshot"},
    "hashing": {"errors", "merkle", "bundles"},
    "growth": {"arrays", "merkle", "stores", "bundles", "snapshot", "hashing"},
    "holdings": FACTS | {"arrays", "names", "snapshot"},
    "bulk": FACTS | {"arrays", "codec", "bounds", "identities", "names", "holdings"},
    "batch": FACTS
    | {"arrays", "codec", "checkpoint", "stores", "identities", "snapshot", "names", "growth", "holdings", "bulk"},
    "ledger": FACTS
    | {"address", "codec", "merkle", "checkpoint", "cosigned", "stores", "identities", "snapshot", "names", "batch"},
    "verify": FACTS
    | {"address", "codec", "merkle", "checkpoint", "cosigned", "stores", "bundles", "identities", "snapshot"},
    "receipt": FACTS | {"codec", "merkle", "checkpoint", "cosigned", "snapshot"},
    "published": {"errors", "merkle", "checkpoint", "tiles"},
    "listening": {"errors"},
    "witness": {"errors", "merkle", "checkpoint", "listening"},
    "submitting": {"errors", "checkpoint", "cosigned", "snapshot", "ledger", "witness"},
    "restore": {"errors", "cosigned", "address", "stores", "ledger", "verify"},
    "tiles": {"errors", "merkle", "checkpoint", "bundles", "snapshot"},
    "fields": FACTS | {"units"},
    "moments": FACTS | {"fields", "ledger"},
    "personal": set(),
    "columns": FACTS | {"address", "codec", "personal"},
    "clocks": set(),
    "queries": set(),
    "tables": FACTS | {"clocks", "codec", "personal", "columns", "queries"},
    "derived": FACTS | {"clocks", "codec", "tables"},
    "following": FACTS | {"clocks", "personal", "columns", "tables", "derived"},
    "changes": set(),
    "asking": FACTS | {"changes", "fields", "queries", "tables", "derived", "explaining"},
    "render": {"changes", "entries"},
    "charts": {"render"},
    "private": {"errors", "address"},
    "client": {"errors", "address"},
    "remote": FACTS
    | {"address", "bundles", "checkpoint", "client", "derived", "importing", "merkle", "published", "receipt", "tiles"},
    "answered": {"errors", "address", "private"},
    "listing": FACTS | {"codec", "erasing"},
    "people": FACTS | {"address", "private"},
    "accounts": {"errors", "address", "private"},
    "erasing": FACTS | {"accounts", "address", "codec", "personal", "columns", "people", "ledger"},
    "importing": FACTS | {"arrays", "codec", "units", "fields", "bounds", "bulk", "people", "ledger"},
    "explaining": FACTS | {"codec", "tables", "derived", "render"},
    "explained": FACTS
    | {
        "asking",
        "codec",
        "derived",
        "erasing",
        "explaining",
        "fields",
        "ledger",
        "merkle",
        "moments",
        "render",
        "tables",
    },
    "judging": FACTS | {"codec", "ledger"},
    "consequences": FACTS | {"codec", "columns", "tables", "derived", "asking", "changes"},
    "demo": FACTS
    | {"codec", "fields", "ledger", "verify", "tables", "derived", "asking", "changes", "render", "erasing"},
    "web": {"*"},
    "__main__": {"cli"},
    "cli": {"*"},
    "": set(),
}


def part_of(path: Path) -> str:
    """The part of the house that a source file belongs to: a module, or a package as a whole."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported(path: Path) -> Iterator[str]:
    """The parts of Checkweigh that a file imports, anywhere in it."""
    depth = len(path.relative_to(PACKAGE).parts) - 1
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inside = (".".join(path.relative_to(PACKAGE).parts[: depth - node.level + 1])).split(".")
            stem = ".".join(["checkweigh", *[part for part in inside if part], *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("checkweigh."))


def for_each(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """A test of each of some files, which goes on to the last and names all that fail: one for each would cost more than what it does."""

    def of(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            failed = {}
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    failed[named(path)] = str(error)
            assert paths and not failed, "\n".join(f"{path}: {said}" for path, said in failed.items())

        test.__doc__ = check.__doc__
        return test

    return of


@for_each([*SOURCES, *OTHERS])
def test_module_says_what_it_is(path):
    assert ast.get_docstring(tree(path)), "a module begins with what it is and what it promises"


@for_each(SOURCES)
def test_file_and_functions_are_short(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE, f"{lines} lines: split the file by what it is about"
    long = {
        f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno - f.lineno + 1 > LONGEST_FUNCTION
    }
    assert not long, "split these functions"


@for_each(SOURCES)
def test_public_functions_and_classes_have_docstrings(path):
    public = [
        n for n in tree(path).body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")
    ]
    assert not [node.name for node in public if not ast.get_docstring(node)]


@for_each(SOURCES)
def test_imports_go_one_way(path):
    part = part_of(path)
    assert part in LAYERS, "a new part: say in LAYERS what it may import"
    known = {p.stem for p in PACKAGE.glob("*.py")} | {p.name for p in PACKAGE.iterdir() if p.is_dir()}
    used = {name for name in imported(path) if name in known and name != part}
    assert "*" in LAYERS[part] or used <= LAYERS[part], f"{part} may not import {sorted(used - LAYERS[part])}"


def test_the_layers_have_no_circle_and_verification_is_a_second_path():
    settled: set[str] = set()
    while waiting := {part for part, uses in LAYERS.items() if part not in settled and uses - {"*"} <= settled}:
        settled |= waiting
    assert settled == set(LAYERS)
    assert "verify" not in LAYERS["ledger"] and "ledger" not in LAYERS["verify"]


CLOCKS = re.compile(
    r"\b(datetime|date)\.(now|utcnow|today)\(|\btime\.(time|time_ns|localtime|gmtime)\(|\bnow\(\)|current_(date|timestamp)",
    re.I,
)


@for_each([path for path in SOURCES if part_of(path) not in ("cli", "web")])
def test_only_the_edge_reads_a_clock(path):
    assert not CLOCKS.search(path.read_text(encoding="utf-8"))


@for_each([*SOURCES, *OTHERS])
def test_nothing_is_left_unfinished(path):
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error")
    text = path.read_text(encoding="utf-8")
    assert not [word for word in words if re.search(rf"\b{word}\b", text)]


def test_no_merge_is_left_half_done():
    texts = [path for place in ("src", "docs", "tests") for path in (ROOT / place).rglob("*") if path.suffix in WRITTEN]
    marks = re.compile(r"^(<{7} |>{7} |={7}$)", re.M)
    assert not [named(path) for path in texts if marks.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_frozen_and_facts_have_no_defaults(kind):
    config = KINDS[kind].__struct_config__
    assert config.frozen and config.forbid_unknown_fields
    defaults = [f.name for f in msgspec.structs.fields(KINDS[kind]) if f.default not in (None, msgspec.NODEFAULT)]
    assert not defaults, "a fact that nobody stated must be absent"


@pytest.fixture(scope="module")
def known():
    """The tables of the demonstration, which hold every kind of entry that a derivation looks at."""
    return from_entries((index, data) for index, data in enumerate(entries_of_the_campaign()))


def entries_of_the_campaign() -> Iterator[bytes]:
    with TemporaryDirectory() as place:
        path, _ = build(Path(place), Edge("login:anna", datetime(2026, 1, 1, tzinfo=UTC)))
        with Ledger.open(path) as ledger:
            yield from (data for _, data in ledger.entries())


@pytest.mark.parametrize("name", DERIVED)
def test_a_table_is_what_it_declares_to_be_and_has_a_key(known, name):
    derivation = DERIVED[name]
    found = derivation.derive(known)
    assert found.schema() == derivation.schema
    assert list(derivation.columns) == list(derivation.schema), "every column says what it means"
    assert all(parameter.help for parameter in derivation.parameters)
    with answer([known], replace(derivation, derive=lambda known: found), {}) as reader:
        rows = reader.read_all().select(derivation.key).to_pylist()
    assert len({tuple(row.values()) for row in rows}) == len(rows) > 0
    assert {*derivation.first, derivation.by_entry or derivation.key[0]} <= set(derivation.schema)


def test_the_repository_names_no_package_registry():
    hosts = re.compile(r"(python" + r"hosted|py" + r"pi|npm" + r"js|deb" + r"ian)\.(org|com)")
    texts = [p for p in ROOT.glob("*") if p.suffix in (".md", ".toml", ".txt") or p.name == "Makefile"]
    assert not [p.name for p in texts if hosts.search(p.read_text(encoding="utf-8"))]


def test_no_pile_of_odds_and_ends():
    assert not {"utils", "helpers", "models", "services", "managers"} & {path.stem for path in SOURCES}


def test_tables_are_shown_and_a_board_starts_without_what_is_seldom_asked_for():
    command = "import sys, checkweigh.web; sys.exit(bool({'scipy.stats', 'altair', 'pint'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", command], check=True)


@pytest.mark.parametrize("name", [part for part in LAYERS if part not in ("", "bench")])
def test_every_part_of_the_drawing_exists(name):
    importlib.import_module(f"checkweigh.{name}")
