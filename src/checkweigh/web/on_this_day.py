"""On this day: records, honours, births and deaths of any calendar day, in all years.

/on-this-day         day (MM-DD; default: today), at
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from ..errors import Refused
from . import saying
from .asked import names
from .live import Known, Row
from .page import Served, page
from .roles import May, Who, needs, who_asks

LEAP = 2000
LIVES = ("born", "died")
BEFORE_ALL = 1


@dataclass(frozen=True)
class Event:
    """Something that happened on this day in some year."""

    year: int
    kind: str
    """record, honour, born, died or campaign."""
    sentence: str
    who: str
    party: str | None
    is_crew: bool
    shift: str | None
    entry: int | None
    status: str | None


@dataclass(frozen=True)
class OnThisDay:
    """What happened on a calendar day."""

    said: str
    """The day in words."""
    before: str
    """The day before, as an address has it."""
    after: str
    """The day after."""
    events: list[Event]
    """What happened, the earliest first."""
    nearest: list[tuple[str, str]]
    """Next days on which something happened: address and words."""


@get("/on-this-day", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def on_this_day(
    request: Request[Who, Any, Any], live: Served, day: FromQuery[str | None] = None, at: FromQuery[str | None] = None
) -> Template:
    """What happened on a calendar day."""
    known, asked = live.at(at), _asked(day, live.clock().date())
    people = who_asks(request).may(May.READ_PEOPLE)
    lives = _lives(known, people)
    years = _years(known, live.clock().year)
    days = [one for year in years if (one := _in(year, asked))]
    events = [*_records(known, days), *_honours(known, days), *_of(lives, asked), *_campaigns(known, asked)]
    order = {"born": 0, "campaign": 1, "record": 2, "honour": 3, "died": 4}
    shown = OnThisDay(
        _words(asked), _short(asked - timedelta(days=1)), _short(asked + timedelta(days=1)),
        sorted(events, key=lambda one: (one.year, order[one.kind], one.sentence)),
        [] if events else _nearest(known, lives, asked),
    )  # fmt: skip
    return page(request, "on_this_day.html", shown, known)


def _asked(day: str | None, today: date) -> date:
    """The day in a leap year, which has every calendar day."""
    if not day:
        return today.replace(year=LEAP)
    try:
        if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", day):
            raise ValueError
        return date.fromisoformat(f"{LEAP}-{day}")
    except ValueError:
        raise Refused(f"day={day} is not a calendar day; write month and day, such as 08-31") from None


def _words(day: date) -> str:
    return f"{day.day} {day:%B}"


def _short(day: date) -> str:
    return f"{day:%m-%d}"


def _in(year: int, day: date) -> date | None:
    """A calendar day in a year; None for 29 February of most."""
    try:
        return day.replace(year=year)
    except ValueError:
        return None


def _years(known: Known, now: int) -> Iterable[int]:
    """From the year of the first shift to this year."""
    first, last = (known.rows("shift", order=[order], limit=1) for order in ("started", "-started"))
    if not first:
        return range(now, now + 1)
    return range(max(BEFORE_ALL + 1, first[0]["started"].year - 1), max(now, last[0]["started"].year) + 2)


def _precise(known: Known, rows: list[Row]) -> list[Row]:
    """The rows whose shift, where they rest on one, is known to the day."""
    shifts = sorted({row["shift"] for row in rows if row["shift"]})
    vague = {row["id"] for row in known.rows("shift", {"id": shifts}) if row["precision"]} if shifts else set()
    return [row for row in rows if row["shift"] not in vague]


def _records(known: Known, days: list[date]) -> Iterable[Event]:
    """Marks by quantity, among all."""
    rows = known.rows("records", {"set_on": days}, order=["started", "entry"], measure="quantity", scope="all")
    rows = _precise(known, rows)
    called = {kind: names(known, kind, [row[kind] for row in rows]) for kind in ("worker", "crew", "job")}
    units = {row["id"]: row["unit"] for row in known.rows("job", {"id": sorted(called["job"])})} if rows else {}
    for row in rows:
        kind = "worker" if row["worker"] else "crew"
        sentence = (
            f"{saying.counted(row['value'], units.get(row['job'], ''))}, {called['job'][row['job']]}: a record of "
        )
        sentence += (
            "one worker without a stated helper" if row["holder"] == "single" else "crews and workers with helpers"
        )
        stood = f"{row['days_stood']} {'day' if row['days_stood'] == 1 else 'days'}"
        fate = "; it stands" if row["beaten_by"] is None else f"; it stood for {stood}"
        yield _event(row["set_on"].year, "record", sentence + fate, row, called[kind], row["shift"], row["status"])


def _honours(known: Known, days: list[date]) -> Iterable[Event]:
    rows = _precise(known, known.rows("honours", {"on": days}))
    called = names(known, "worker", [row["worker"] for row in rows]) | names(
        known, "crew", [row["crew"] for row in rows]
    )
    for row in rows:
        yield _event(row["on"].year, "honour", row["honour"], row, called, row["shift"], row["status"])


def _event(
    year: int, kind: str, sentence: str, row: Row, called: dict[str, str], shift: str | None, status: str
) -> Event:
    party = row["worker"] or row["crew"]
    return Event(
        year,
        kind,
        sentence,
        str(called.get(party, party)),
        party,
        row["worker"] is None,
        shift,
        row.get("entry"),
        status,
    )


def _lives(known: Known, people: bool) -> list[tuple[date, Event]]:
    """Births and deaths that sources give to the day: of workers whose name is public, for whom may see people of all."""
    rows = known.rows("fact", {"field": list(LIVES)}, order=["entry"])
    about = sorted({row["about"] for row in rows})
    workers = known.rows("worker", {"id": about}, order=["first_entry"]) if about else []
    public = {row["id"]: row["name"] for row in workers if row["name"]}
    found = []
    for row in rows:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["value"]) and (people or row["about"] in public):
            who = str(public.get(row["about"], row["about"]))
            on, field = date.fromisoformat(row["value"]), row["field"]
            found.append((on, Event(on.year, field, field, who, row["about"], False, None, row["entry"], None)))
    return found


def _of(lives: list[tuple[date, Event]], asked: date) -> Iterable[Event]:
    return (event for day, event in lives if (day.month, day.day) == (asked.month, asked.day))


def _campaigns(known: Known, asked: date) -> Iterable[Event]:
    for row in known.rows("campaign"):
        for name, word in (("from", "began"), ("until", "ended")):
            if row[name] and (row[name].month, row[name].day) == (asked.month, asked.day):
                sentence = f"The campaign “{row['name']}” {word}: {row['goal']}"
                yield Event(row[name].year, "campaign", sentence, "", None, False, None, row["entry"], None)


def _nearest(known: Known, lives: list[tuple[date, Event]], asked: date) -> list[tuple[str, str]]:
    """The next three calendar days of standing marks, births and deaths."""
    marks = _precise(known, known.rows("records", {"beaten_by": None}, measure="quantity", scope="all"))
    days = [row["set_on"] for row in marks] + [day for day, _ in lives]
    following = sorted({day.replace(year=LEAP) for day in days}, key=lambda one: (one < asked, one))[:3]
    return [(_short(day), _words(day)) for day in following]


ROUTES = [on_this_day]
