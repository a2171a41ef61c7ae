"""Telling: what the demonstration ledger shows, in a terminal. Every figure comes from a derivation, every claim from an entry.

A section is a heading, a sentence or two, and a table. What was known at the end of 1936 and in 1990 are two sizes of the same ledger.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from .. import asking, changes, codec, entries, erasing, render, verify
from ..derived import DERIVED
from ..ledger import Ledger
from ..tables import Tables, at

THEN = datetime(1936, 12, 31, 23, 59, 59, tzinfo=UTC)
LATER = datetime(1990, 12, 31, 23, 59, 59, tzinfo=UTC)
SHIFT = "august"
HEWING = {"job": "hewing", "measure": "quantity", "scope": "all", "holder": "single", "length": "shift"}
Row = dict[str, Any]


class Book:
    """The ledger of the demonstration, asked."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._tables: dict[int, Tables] = {}
        self.then, self.later, self.now = ledger.size_at(THEN), ledger.size_at(LATER), ledger.size

    def rows(self, table: str, *sizes: int, **parameters: Any) -> list[Row]:
        """A derived table at a size, or what changed between two."""
        with asking.answer([self.tables(size) for size in sizes], DERIVED[table], parameters) as reader:
            return list(reader.read_all().to_pylist())

    def tables(self, size: int) -> Tables:
        """What stood in the ledger at a size; looked up once."""
        if size not in self._tables:
            self._tables[size] = at(self.ledger, size)
        return self._tables[size]

    def shift(self, size: int) -> Row:
        """The figures of the shift of August 1935 as known at a size."""
        return next(row for row in self.rows("attainment", size) if row["id"] == SHIFT)

    @cached_property
    def entries(self) -> list[Any]:
        """Every entry of the ledger as it may be shown, in order."""
        erased = self.ledger.erased()
        return [erasing.shown(codec.decode(data), erased) for _, data in self.ledger.entries()]

    @cached_property
    def named(self) -> dict[tuple[str, str], Any]:
        """The entries that have an id, by kind and id."""
        return {(entries.kind_of(entry), entry.id): entry for entry in self.entries if hasattr(entry, "id")}

    def of_kind(self, kind: str) -> list[Any]:
        """The entries of a kind, in order."""
        return [entry for entry in self.entries if entries.kind_of(entry) == kind]

    def who(self, row: Row) -> str:
        """The name of whoever a row credits."""
        kind = "worker" if row["worker"] else "crew"
        name = getattr(self.named[kind, row[kind]], "name", None)
        return name or str(row[kind])

    def day(self, row: Row) -> str:
        """The day on which a mark was set, as far as it is known."""
        precision = self.named["shift", row["shift"]].precision
        return str(row["set_on"])[: {"month": 7, "year": 4}.get(precision or "", 10)]

    def mark(self, shift: str) -> str:
        """A shift in words: who, and how much."""
        entry = self.named["shift", shift]
        return f"{self.who({'worker': entry.worker, 'crew': entry.crew})}'s {self.quantity(shift)}"

    def quantity(self, shift: str) -> str:
        """What a shift yielded, as reported, with its unit."""
        entry = self.named["shift", shift]
        return f"{entry.quantity} {self.named['job', entry.job].unit}"

    def sources(self, cited: Sequence[str] | None) -> str:
        """Who published what an entry cites."""
        return "; ".join(self.named["source", name].publisher for name in cited or ())


def tell(console: Console, path: Path) -> None:
    """Print the whole story of the ledger at a path. Figures as known now are those of the ledger as it is, experiments included."""
    with Ledger.open(path) as ledger:
        book = Book(ledger)
        console.print(_title(book, path))
        for heading, section in SECTIONS:
            console.print(Rule(Text(heading, style="bold"), align="left", style="dim"))
            for part in section(book):
                console.print(Padding(part, (0, 0, 0, 2), expand=False))
            console.print()


def _title(book: Book, path: Path) -> RenderableType:
    sources = len(book.of_kind("source"))
    said = Text.assemble(
        ("The campaign of 1935", "bold"), "\n",
        f"A demonstration: {book.now} entries from {sources} sources, each recorded at its historical date,\n",
        f"contradictions kept.\nThe ledger is {path}",
    )  # fmt: skip
    return Panel(said, box=box.ROUNDED, border_style="yellow", padding=(0, 2), expand=False)


def _night(book: Book) -> Iterator[RenderableType]:
    shift, entry = book.shift(book.then), book.named["shift", SHIFT]
    site = book.named["site", shift["site"]].name
    yield _sentence(
        f"{book.who(shift)} is credited with ", _figure(shift["quantity"]), " t of coal in ", _figure(shift["hours"]),
        f" hours at the {site}. The quota asks for ", _figure(shift["expected"]), " t a shift.",
    )  # fmt: skip
    yield _sentence(
        _figure(shift["quantity"]), " ÷ ", _figure(shift["expected"]), " = ", _figure(shift["attainment"], "bold yellow"),
        f" quotas; {entry.claimed_attainment} were claimed. Helpers: "
        + ("not stated." if entry.helpers is None else f"{len(entry.helpers)}."),
    )  # fmt: skip


def _record_book(book: Book) -> Iterator[RenderableType]:
    then, later = (book.rows("records", size, **HEWING) for size in (book.then, book.later))
    kept = {row["shift"] for row in later}
    pages = (_page(book, "as known at the end of 1936", then, kept), _page(book, "as known in 1990", later, kept))
    yield _sentence(
        "Coal hewed by one worker in one shift, without a stated helper, in tonnes: each mark that beat all before it."
    )
    yield Columns(pages, padding=(0, 4))
    for row in book.rows("records", book.then, book.later, **HEWING):
        yield _change(book, row)
    for verdict in book.of_kind("verdict"):
        yield _sentence(
            f"Why: in {verdict.recorded[:4]} shift {verdict.shift} was ", (verdict.ruling, "yellow"), f". “{verdict.reason}” "
            f"({book.sources(verdict.cites)})",
        )  # fmt: skip
    standing = book.rows("records", book.now, **{**HEWING, "holder": None, "standing": True})
    marks = " and ".join(f"{book.mark(row['shift'])} ({row['holder']})" for row in standing)
    judged = "" if any(row["status"] != "reported" for row in standing) else " Nobody has judged them yet."
    yield _sentence(f"Standing today: {marks}.{judged}")


def _page(book: Book, title: str, marks: list[Row], kept: set[str]) -> Table:
    """A record book: the standing mark in green, one that will not stay in red."""
    page = _table("set on", "by", "tonnes>")
    page.title, page.title_style = title, "italic"
    for row in marks:
        style = "red" if row["shift"] not in kept else "bold green" if row["beaten_by"] is None else None
        page.add_row(book.day(row), book.who(row), _text(row["value"]), style=style)
    return page


def _change(book: Book, row: Row) -> Text:
    mark = book.mark(row["shift"])
    if row[changes.DIFFERENCE] == "removed":
        return _sentence(("− ", "red"), f"{mark} is no longer in this book.")
    if row[changes.DIFFERENCE] == "added":
        return _sentence(("+ ", "green"), f"{mark} is in it now.")
    before, now = (book.mark(row[name]) if row[name] else "nobody" for name in ("beaten_by_before", "beaten_by"))
    return _sentence(("~ ", "yellow"), f"{mark} was beaten by {before}, now by {now}.")


def _headline(book: Book) -> Iterator[RenderableType]:
    then, later = book.shift(book.then), book.shift(book.later)
    table = _table("of 31 August 1935", "end of 1936>", "1990>")
    for name in ("attainment", "labour_hours", "labour_attainment", "holder", "status"):
        style = "bold yellow" if name == "labour_attainment" else None
        table.add_row(render.heading(name), _text(then[name]), _text(later[name]), style=style)
    yield _sentence("Attainment is the headline. Labour attainment shares it among all who worked, the timberers too.")
    yield table


def _industries(book: Book) -> Iterator[RenderableType]:
    standings = book.rows("standings", book.now, period="year", scope="industry")
    year = [row for row in standings if row["from"] == date(1935, 1, 1)]
    table = _table("rank>", "industry", "shifts>", "attainment>", "without quota>")
    for row in year:
        table.add_row(*(_text(row[name]) for name in ("rank", "party", "shifts", "attainment", "shifts_without_quota")))
    unranked = " and ".join(row["party"] for row in year if row["rank"] is None)
    yield _sentence(f"The year 1935, as known now. The sources state no quota for {unranked}: no quota, no attainment.")
    yield table


def _honours(book: Book) -> Iterator[RenderableType]:
    then, now = ({_honour(row): row for row in book.rows("honours", size)} for size in (book.then, book.now))
    table = _table("honour", "to", "rests on", "end of 1936", "now")
    for key in sorted({**now, **then}, key=lambda key: [str(part or "") for part in key]):
        row = now.get(key) or then[key]
        known = [render.styled("status", (states.get(key) or {}).get("status")) for states in (then, now)]
        shift = book.quantity(row["shift"]) if row["shift"] else "–"
        table.add_row(row["honour"], book.who(row), shift, *(said if said.plain else "–" for said in known))
    lost = sum(row["status"] == "basis lost" for row in now.values())
    yield _sentence(
        f"An honour rests on shifts. When these are judged anew it loses its basis at once: {lost} have lost theirs."
    )
    yield table


def _honour(row: Row) -> tuple[Any, ...]:
    return (row["honour"], row["on"], row["shift"], row["award"], row["rule"])


def _man(book: Book) -> Iterator[RenderableType]:
    about = [fact for fact in book.of_kind("fact") if fact.about == "stakhanov"]
    table = _table("", "fact", "value", "source")
    doubtful = {fact.field for fact in about if _contradicted(fact, about)}
    order = list(dict.fromkeys(fact.field for fact in about))
    for fact in sorted(about, key=lambda fact: order.index(fact.field)):
        sign, style = ("≠", "yellow") if fact.field in doubtful else ("", None)
        table.add_row(sign, fact.field, fact.value, book.sources(fact.cites), style=style)
    yield _sentence("Sources may disagree; both stay, marked with ", ("≠", "yellow"), ".")
    yield table
    born, died, age = (
        next(fact for fact in about if fact.field == field) for field in ("born", "died", "age at death")
    )
    yield _sentence(f"{born.value} to {died.value} are {_years(born.value, died.value)} years, not {age.value}.")
    others = _table("also", "what", "value", "source")
    for fact in book.of_kind("fact"):
        if fact.about != "stakhanov" and _contradicted(
            fact, [other for other in book.of_kind("fact") if other.about == fact.about]
        ):
            others.add_row(book.mark(fact.about), fact.field, fact.value, book.sources(fact.cites))
    yield others


def _contradicted(fact: Any, others: list[Any]) -> bool:
    """Whether another source says something else of the same."""
    if fact.field in ("born", "died", "age at death"):
        return _years(*(next(o.value for o in others if o.field == field) for field in ("born", "died"))) != int(
            next(o.value for o in others if o.field == "age at death")
        )
    return any(o.field == fact.field and o.value != fact.value and o.cites != fact.cites for o in others)


def _years(born: str, died: str) -> int:
    first, last = date.fromisoformat(born), date.fromisoformat(died)
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _checkpoint(book: Book) -> Iterator[RenderableType]:
    report = verify.verify(book.ledger.address)
    yield _sentence(
        ("Verified: ", "bold green"),
        f"all {report.size} entries were hashed again from the stored bytes, and lead to the signed root.",
    )
    yield Panel(Text(report.checkpoint.strip(), style="dim"), box=box.ROUNDED, expand=False)
    yield _sentence("Whoever keeps these lines can prove later that nothing before them was changed.")


def _next(book: Book) -> Iterator[RenderableType]:
    path = book.ledger.address.typed
    for command, why in (
        (f"checkweigh show records {path} --job hewing --at 1936-12-31", "the record book of that day"),
        (f"checkweigh show attainment {path} --at 1936-12-31 --against 1990-12-31", "what became of the figures"),
        (f"checkweigh log {path} --about august", "every entry about the shift"),
        (
            f'checkweigh judge {path} stakhanov-227 annulled --reason "to see what happens"',
            "then look at the records again",
        ),
        (f"checkweigh verify {path}", "from the first byte to the last"),
        ("checkweigh init mine.ledger", "a ledger of your own"),
    ):
        yield Text.assemble((command, "bold"), "\n  ", (why, "dim"))


SECTIONS = (
    ("The night of 31 August 1935", _night),
    ("The record book, and what became of it", _record_book),
    ("Headline and labour", _headline),
    ("Across the industries", _industries),
    ("Honours", _honours),
    ("The man: what the sources say", _man),
    ("The checkpoint", _checkpoint),
    ("What to try next", _next),
)


def _table(*heads: str) -> Table:
    """An empty table; a column whose heading ends with > stands to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        side: JustifyMethod = "right" if head.endswith(">") else "left"
        table.add_column(head.removesuffix(">"), justify=side)
    return table


def _sentence(*parts: str | tuple[str, str] | Text) -> Text:
    return Text.assemble(*parts)


def _figure(value: object, style: str = "bold") -> Text:
    return Text(_text(value), style=style)


def _text(value: object) -> str:
    return render.text(value) or "–"


__all__ = ["Book", "tell"]
