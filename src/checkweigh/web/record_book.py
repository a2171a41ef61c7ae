"""The record book: each class with its marks as steps, as known on any day, and what changed between two days in words.

/records             filters job, measure, scope, within, holder, length; at and since: dates, months or sizes
/records/book        the classes alone, as a script puts them in place while the slider is dragged
/records/changes     what changed from `since` to `at` alone
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import ibis
import ibis.expr.types as ir
from litestar import Request, Response, get
from litestar.params import FromQuery
from litestar.response import Template

from .. import charts
from ..derived.records import MEASURES, SCOPES
from ..errors import Refused
from ..tables import Tables
from .asked import Asked, Option, named_options, options
from .differing import Said, changed
from .kept import KEPT
from .live import Known, Live
from .marks import BEST, Book, Class, Wanted, book, shown
from .page import Served, page
from .pictures import Picture, picture
from .roles import May, Who, needs

MOST_MOMENTS = 60
MOST_SAID = 40
WITHIN = {"industry": "industry", "site": "site", "worker": "worker"}
MEASURE_WORDS = {
    "quantity": "Quantity", "rate_per_hour": "Quantity per hour", "rate_per_labour_hour": "Quantity per labour hour",
    "attainment": "Attainment", "labour_attainment": "Labour attainment",
}  # fmt: skip
SCOPE_WORDS = {"all": "Everybody", "industry": "Each industry", "site": "Each site", "worker": "Each worker's own"}
HOLDER_WORDS = {
    "": "Single workers and crews",
    "single": "One worker, no stated helper",
    "crew": "Crews and helped workers",
}
LENGTH_WORDS = {"": "Any length", "shift": "One shift", "period": "More than 24 hours"}


@dataclass(frozen=True)
class Moment:
    """A day on which shifts or verdicts were recorded."""

    day: date
    size: int
    ruled: bool
    """Whether there was a verdict among them."""

    @property
    def said(self) -> str:
        """The day in words."""
        return f"{self.day.day} {self.day:%B %Y}"


@dataclass(frozen=True)
class Drawn:
    """A class of the book with its picture."""

    of: Class
    """The class."""
    chart: Picture
    """Its marks as steps."""


@dataclass(frozen=True)
class Changes:
    """What changed between two days."""

    since: str
    """The earlier day, in words; empty where none was asked for."""
    until: str
    """The later one."""
    said: list[Said]
    """What changed, in sentences."""
    more: int
    """How many more things changed."""


@dataclass(frozen=True)
class RecordBook:
    """The record book as known on a day."""

    wanted: Wanted
    """What was asked for."""
    drawn: list[Drawn]
    """The classes, mark by mark."""
    others: list[Class]
    """Further classes, of which only standing marks are shown."""
    on: str
    """The day as of which it is known, in words."""
    changes: Changes
    """What changed since another day."""
    moments: list[Moment]
    """Days on which shifts or verdicts were recorded, for the slider."""
    at_day: date | None
    """The day at which the slider stands."""
    since_day: str
    """The day to compare with, as it was asked for."""
    choices: dict[str, list[Option]]
    """The choices of the filters."""


@get("/records", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def records_page(
    request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None, since: FromQuery[str | None] = None
) -> Template:
    """The record book."""
    return _page(request, live, "records.html", at, since)


@get("/records/book", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def records_book(request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None) -> Response[Any]:
    """The classes as known on a day, without a page around them."""
    return _page(request, live, "records_book.html", at, None)


@get("/records/changes", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def records_changes(
    request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None, since: FromQuery[str | None] = None
) -> Response[Any]:
    """What changed between two days, without a page around it."""
    return _page(request, live, "records_changes.html", at, since)


def _page(request: Request[Who, Any, Any], live: Live, template: str, at: str | None, since: str | None) -> Template:
    known = live.at(at)
    wanted = _wanted(Asked(request.query_params))
    found = book(known, wanted)
    drawn = [Drawn(one, _picture(known, one)) for one in found.classes]
    whole = template == "records.html"
    moments = _moments(live.now()) if whole else []
    made = page(request, template, RecordBook(
        wanted, drawn, list(found.others), _on(known, at), _changes(live, known, found, at, since, wanted), moments,
        _day_of(at, known), since or "", _choices(known, wanted) if whole else {},
    ), known)  # fmt: skip
    made.headers["Cache-Control"] = "no-cache"
    return made


def _wanted(asked: Asked) -> Wanted:
    scope = asked.one_of("scope", SCOPES, "all")
    within = asked.text("within")
    if within and scope == "all":
        raise Refused(f"within={within} needs a scope: industry, site or worker")
    if scope == "worker" and not within:
        raise Refused("scope=worker needs whose marks are meant: add within=ID, or look at the worker's own page")
    holder, length = asked.one_of("holder", ["", *HOLDER_WORDS], ""), asked.one_of("length", ["", *LENGTH_WORDS], "")
    return Wanted(
        asked.text("job"), asked.one_of("measure", MEASURES, "quantity"), scope, within, holder or None, length or None
    )


def _choices(known: Known, wanted: Wanted) -> dict[str, list[Option]]:
    scopes = {name: word for name, word in SCOPE_WORDS.items() if name != "worker" or wanted.scope == "worker"}
    return {
        "job": named_options(known, "job", wanted.job, "All jobs"),
        "measure": options(MEASURE_WORDS, wanted.measure),
        "scope": options(scopes, wanted.scope),
        "holder": options(HOLDER_WORDS, wanted.holder),
        "length": options(LENGTH_WORDS, wanted.length),
    }


def _day_of(at: str | None, known: Known) -> date | None:
    """The day that an address asks for; else that of the newest entry known."""
    if at and len(at) == 10:
        return date.fromisoformat(at)
    return known.recorded.date() if known.recorded else None


def _on(known: Known, at: str | None) -> str:
    day = _day_of(at, known)
    if not at:
        return "today"
    return f"{day.day} {day:%B %Y}" if day and len(at) == 10 else at if not at.isdigit() else f"size {at}"


def _changes(live: Live, known: Known, now: Book, at: str | None, since: str | None, wanted: Wanted) -> Changes:
    """From the earlier of the two to the later, whichever was asked for as which."""
    if not since:
        return Changes("", "", [], 0)
    other = live.at(since)
    first, second, words = (other, known, (since, at)) if other.size <= known.size else (known, other, (at, since))
    books = (book(other, wanted), now) if first is other else (now, book(other, wanted))
    said = changed(*books, first.size)
    return Changes(_on(first, words[0]), _on(second, words[1]), said[:MOST_SAID], max(0, len(said) - MOST_SAID))


# --------------------------------------------------------------------------------------------------------------- moments

_MOMENTS: OrderedDict[bytes, list[Moment]] = OrderedDict()
_LOCK = threading.Lock()


def _moments(known: Known) -> list[Moment]:
    """The days on which shifts or verdicts were recorded; of many the first, the last, those with verdicts, and some between."""
    with _LOCK:
        if known.root not in _MOMENTS:
            days = known.computed("days on which shifts or verdicts were recorded", _recorded)
            _MOMENTS[known.root] = _thinned([Moment(row["day"], row["size"], row["ruled"]) for row in days])
            while len(_MOMENTS) > 16:
                _MOMENTS.popitem(last=False)
        return _MOMENTS[known.root]


def _recorded(tables: Tables) -> ir.Table:
    kinds = [(tables.shift, False), (tables.verdict, True)]
    each = [kind.select(day=kind.recorded.date(), entry="entry", ruled=ibis.literal(ruled)) for kind, ruled in kinds]
    together = ibis.union(*each)
    return together.group_by("day").agg(size=together.entry.max() + 1, ruled=together.ruled.any()).order_by("day")


def _thinned(moments: list[Moment]) -> list[Moment]:
    if len(moments) <= MOST_MOMENTS:
        return moments
    ruled = [one for one in moments if one.ruled][-MOST_MOMENTS // 2 :]
    step = len(moments) // (MOST_MOMENTS - len(ruled)) + 1
    kept = {one.day: one for one in [*moments[::step], moments[-1], *ruled]}
    return [kept[day] for day in sorted(kept)]


# -------------------------------------------------------------------------------------------------------------- pictures


def _picture(known: Known, of: Class) -> Picture:
    last = of.standing[-1] if of.standing else None
    out = "".join(f" {mark.named} left the class." for mark in of.marks if mark.out)
    alt = f"{of.title}, as steps. {len(of.kept)} marks" + (f"; {last.named} stands." if last else ".") + out
    asked = {
        "job": of.job,
        "measure": of.measure,
        "scope": of.scope,
        "within": of.within,
        "holder": of.holder,
        "length": of.length,
    }
    return Picture.of(known, "progression", alt, **asked)


@picture("progression")
def progression(
    known: Known, width: int, *, holder: str, job: str = "", measure: str = "quantity", scope: str = "all", within: str = "",
    length: str = "shift",
) -> "charts.Chart":  # fmt: skip
    """The marks of one class as steps."""
    asked = {"job": job, "measure": measure, "scope": scope, "within": within, "holder": holder, "length": length}
    wanted = _wanted(Asked(asked))
    found = next((one for one in book(known, wanted).classes if (one.job or "") == job), None)
    marks = found.marks if found else ()
    title, unit = (found.title, found.unit) if found else ("No mark of this class", "")
    return charts.progression(
        shown(marks), title=title, unit=unit, measure=BEST[measure].removeprefix("the "), width=width
    )


def address_of(wanted: Wanted, **more: Any) -> str:
    """The address of the record book of some classes."""
    query = {**{name: value for name, value in wanted.parameters.items() if value}, "within": wanted.within, **more}
    return "/records?" + urlencode({name: value for name, value in query.items() if value})


ROUTES = [records_page, records_book, records_changes]
