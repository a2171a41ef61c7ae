"""Marks: the record book as pages tell it, class by class, with what verdicts took out of it.

A book is a pure function of a state and of what was asked, so it is kept, and shown again at once when somebody comes back to that state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .. import tables as tabled
from ..derived import struck
from ..render import text
from . import saying
from .answers import Answers
from .asked import names
from .live import Known, Row

MOST_BOOKS = 400
MOST_CLASSES = 12
"""So many classes are told mark by mark; of the others the standing mark."""
MOST_STANDING = 300
BEST = {
    "quantity": "the most", "rate_per_hour": "the most per hour", "rate_per_labour_hour": "the most per labour hour",
    "attainment": "the highest attainment", "labour_attainment": "the highest labour attainment",
}  # fmt: skip
HOLDERS = {"single": "by one worker without a stated helper", "crew": "by a crew or with helpers"}
CLASSES = {"single": "one worker without a stated helper", "crew": "crews and workers with helpers"}
LENGTHS = {"shift": "in one shift", "period": "in a report of more than 24 hours"}


@dataclass(frozen=True)
class Mark:
    """One mark of a class."""

    shift: str
    entry: int
    value: Decimal
    said: str
    """The mark with its unit."""
    who: str
    party: str
    is_crew: bool
    site: str
    started: datetime
    on: date
    day: str
    """The day on which it was set, as far as it is known."""
    days_stood: int | None
    beaten_by: str | None
    beaten_on: date | None
    status: str
    ruling: str | None = None
    """The verdict that took it out of the class: adjusted or annulled."""
    reason: str | None = None
    ruled_on: date | None = None
    helpers: int | None = None
    """How many helpers that verdict states."""

    @property
    def out(self) -> bool:
        """Whether a verdict took it out of the class."""
        return self.ruling is not None

    @property
    def state(self) -> str:
        """What became of it, as charts sign it."""
        if self.out:
            return "out"
        return (
            "standing"
            if self.beaten_by is None
            else self.status
            if self.status in ("disputed", "adjusted")
            else "beaten"
        )

    @property
    def named(self) -> str:
        """Stakhanov's 102 t."""
        return f"{self.who}’s {self.said}"


@dataclass(frozen=True)
class Class:
    """One class of the record book, its marks in the order in which they were set."""

    job: str | None
    measure: str
    scope: str
    within: str | None
    holder: str
    length: str
    job_name: str
    unit: str
    title: str
    marks: tuple[Mark, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from other classes."""
        return tuple(part or "" for part in (self.job, self.measure, self.scope, self.within, self.holder, self.length))

    @property
    def kept(self) -> list[Mark]:
        """The marks that are in the class."""
        return [mark for mark in self.marks if not mark.out]

    @property
    def standing(self) -> list[Mark]:
        """The marks that nobody has beaten: several where they are equal."""
        return [mark for mark in self.kept if mark.beaten_by is None]


@dataclass(frozen=True)
class Wanted:
    """What of the record book is asked for."""

    job: str | None = None
    measure: str = "quantity"
    scope: str = "all"
    within: str | None = None
    holder: str | None = None
    length: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """As records take it."""
        return {
            "job": self.job,
            "measure": self.measure,
            "scope": self.scope,
            "holder": self.holder,
            "length": self.length,
        }


@dataclass(frozen=True)
class Book:
    """The record book as known at a state."""

    classes: tuple[Class, ...]
    """Told mark by mark."""
    others: tuple[Class, ...]
    """Further classes, of which only the standing marks are there."""


_BOOKS = Answers(MOST_BOOKS)
_READ = ("records", "verdict", "worker", "crew", "site", "job", "quota")
"""What a book is told from, besides the entries of the shifts that are in it: where the same stands there, the book is the same."""


def book(known: Known, wanted: Wanted) -> Book:
    """The classes that are asked for, those with the most marks first."""
    key = (known.told_by(*_READ, **wanted.parameters), wanted)
    return _BOOKS.once(key, lambda: _book(known, wanted))  # type: ignore[no-any-return]


def _book(known: Known, wanted: Wanted) -> Book:
    where: dict[str, Any] = {} if wanted.within is None else {"within": wanted.within}
    unbeaten = where | {"beaten_by": None}  # not the parameter `standing`: it would be another table
    standing = known.rows("records", unbeaten, order=["job", "holder"], limit=MOST_STANDING, **wanted.parameters)
    keys = list(dict.fromkeys(_key(row) for row in standing))
    told = set(keys[:MOST_CLASSES])
    jobs = sorted({key[0] for key in told}, key=str)
    asked = where | ({"job": jobs} if len(keys) > MOST_CLASSES and None not in jobs else {})
    rows = [
        row
        for row in known.rows("records", asked, **wanted.parameters)
        if len(keys) <= MOST_CLASSES or _key(row) in told
    ]
    gone = _struck(known, rows, wanted) if wanted.job or len(keys) <= MOST_CLASSES else []
    classes = sorted(_classes(known, rows, gone), key=lambda one: (-len(one.marks), one.key))
    return Book(tuple(classes), tuple(_classes(known, [row for row in standing if _key(row) not in told], [])))


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("job", "measure", "scope", "within", "holder", "length"))


def _struck(known: Known, rows: list[Row], wanted: Wanted) -> list[Row]:
    """Marks as reported that verdicts took out of their class."""
    ruled = known.rows("verdict", {"ruling": list(struck.TAKING_OUT)}, order=["entry"])
    if not ruled:
        return []
    setters = sorted({row["entry"] for row in rows})
    verdicts = tuple(row["entry"] for row in ruled)
    # No state is in the key: what these entries say never changes. A later verdict of another kind is among what is asked below.
    newest = known.rows("verdict", {"shift": sorted({row["shift"] for row in ruled})}, order=["-entry"], limit=1)[0][
        "entry"
    ]
    key = (known.ledger.origin, str(known.ledger.address), tuple(setters), verdicts, newest, wanted)
    found = _BOOKS.once(key, lambda: _search(known, setters, wanted))
    there = {(*_key(row), row["shift"]) for row in rows}
    return [row for row in found if (*_key(row), row["shift"]) not in there and wanted.within in (None, row["within"])]


def _search(known: Known, setters: list[int], wanted: Wanted) -> list[Row]:
    with known.deriving() as tables:
        found: list[Row] = tabled.collect(struck.derive(tables, setters, **wanted.parameters)).to_pylist()
    return found


def _classes(known: Known, rows: list[Row], gone: list[Row]) -> list[Class]:
    """Rows of records as classes, with names in place of ids."""
    everything = rows + gone
    called = {kind: names(known, kind, [row[kind] for row in everything]) for kind in ("worker", "crew", "site", "job")}
    # As for `saying.precisions`; by their entries, since many are looked up at once.
    firsts = sorted({row["entry"] for row in everything if row["set_on"].day == 1})
    vague = {row["id"]: row["precision"] for row in known.rows("shift", {"entry": firsts})} if firsts else {}
    jobs = {row["id"]: row for row in known.rows("job", {"id": sorted(called["job"])})} if called["job"] else {}
    verdicts = (
        {
            row["shift"]: row
            for row in known.rows("verdict", {"shift": [row["shift"] for row in gone]}, order=["first_entry"])
        }
        if gone
        else {}
    )
    groups: dict[tuple[Any, ...], list[Mark]] = {}
    for row in everything:
        mark = _mark(row, jobs.get(row["job"], {}).get("unit") or "", called, vague)
        if row in gone:
            ruling = verdicts[row["shift"]]
            mark = replace(
                mark, ruling=ruling["ruling"], reason=ruling["reason"], ruled_on=ruling["recorded"].date(), beaten_by=None,
                beaten_on=None, days_stood=None, helpers=ruling["helper_count"],
            )  # fmt: skip
        groups.setdefault(_key(row), []).append(mark)
    return [_class(key, marks, jobs.get(key[0], {}), known) for key, marks in groups.items()]


def _class(key: tuple[Any, ...], marks: list[Mark], job: Row, known: Known) -> Class:
    of, measure, scope, within, holder, length = key
    lower = job.get("better") == "lower" and measure == "quantity"
    best, name = "the least" if lower else BEST[measure], job.get("name") or "All jobs"
    title = f"{name}: {best} {HOLDERS[holder]} {LENGTHS[length]}{_where(scope, within, known)}"
    ordered = sorted(marks, key=lambda mark: (mark.started, -mark.value if lower else mark.value))
    unit = unit_of(measure, saying.plural(job["unit"]) if job.get("unit") else None)
    return Class(of, measure, scope, within, holder, length, name, unit, title, tuple(ordered))


def _where(scope: str, within: str | None, known: Known) -> str:
    if scope == "all" or within is None:
        return ""
    return f", {within}" if scope == "industry" else f", {known.name_of(scope, within)}"


def unit_of(measure: str, unit: str | None) -> str:
    """The unit of a measure of a job."""
    if measure in ("attainment", "labour_attainment"):
        return "times the quota"
    return (
        f"{unit} {'per hour' if measure == 'rate_per_hour' else 'per labour hour'}"
        if measure != "quantity"
        else str(unit)
    )


def _mark(row: Row, unit: str, called: dict[str, dict[str, str]], vague: dict[str, str | None]) -> Mark:
    kind = "worker" if row["worker"] else "crew"
    day = str(row["set_on"])[: {"month": 7, "year": 4}.get(vague.get(row["shift"]) or "", 10)]
    counted = unit if row["value"] == 1 else saying.plural(unit)
    said, day = f"{text(row['value'])} {unit_of(row['measure'], counted)}", day_in_words(day)
    return Mark(
        row["shift"], row["entry"], row["value"], said, str(called[kind].get(row[kind], row[kind])), row[kind],
        kind == "crew", str(called["site"].get(row["site"], row["site"])), row["started"], row["set_on"], day, row["days_stood"],
        row["beaten_by"], row["beaten_on"], row["status"],
    )  # fmt: skip


def day_in_words(day: str) -> str:
    """A day, a month or a year as people write it."""
    if len(day) == 4:
        return day
    found = date.fromisoformat(day if len(day) == 10 else f"{day}-01")
    return f"{found.day} {found:%B %Y}" if len(day) == 10 else f"{found:%B %Y}"


def shown(marks: Iterable[Mark]) -> list[Row]:
    """Marks as rows of a chart."""
    return [{"on": one.on, "value": one.value, "who": one.who, "state": one.state, "said": _fate(one)} for one in marks]


def _fate(mark: Mark) -> str:
    if mark.out:
        return f"{mark.ruling}: {mark.reason}"
    return "it stands" if mark.beaten_by is None else f"beaten by shift {mark.beaten_by}"
