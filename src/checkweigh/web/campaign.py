"""The campaign: how meeting the quota spread from job to job and from industry to industry, and the campaigns that are entries.

/campaign            period (month, quarter, year), by (job, industry), labour, at
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from .. import charts
from .asked import Asked, Option, names, options
from .live import Known, Row
from .marks import day_in_words
from .page import Served, page
from .pictures import Picture, picture
from .roles import May, Who, needs
from .saying import precisions
from .spans import said

PERIODS = {"month": "Month by month", "quarter": "Quarter by quarter", "year": "Year by year"}
BY = {"job": "From job to job", "industry": "From industry to industry"}
MOST_DRAWN = 30
MOST_ROWS = 1_000


@dataclass(frozen=True)
class Joined:
    """A job or industry that a campaign is about."""

    name: str
    """What it is called."""
    on: str
    """When a quota was first met in it since the campaign began, as far as it is known; empty where none was."""


@dataclass(frozen=True)
class Drive:
    """A campaign that is an entry."""

    row: Row
    """The campaign: id, name, goal, from, until, entry."""
    joined: list[Joined]
    """The jobs or industries that it is about."""


@dataclass(frozen=True)
class Campaign:
    """How meeting the quota spread."""

    by: str
    """Whether from job to job or from industry to industry."""
    period: str
    """The length of the periods."""
    labour: bool
    """Whether each shift is shared among all labour hours."""
    parties: list[Row]
    """Each job or industry over all time, in the order in which they first met a quota."""
    chart: Picture | None
    """Where and when; None where there is nothing to draw."""
    months: list[Row]
    """The numbers of the chart."""
    left_out: int
    """How many parties the chart leaves out."""
    drives: list[Drive]
    """The campaigns."""
    periods: list[Option]
    """The choice of periods."""
    bys: list[Option]
    """The choice of what is compared."""


@get("/campaign", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def campaign_page(request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None) -> Template:
    """How meeting the quota spread."""
    known, asked = live.at(at), Asked(request.query_params)
    period, by = asked.one_of("period", list(PERIODS), "month"), asked.one_of("by", list(BY), "job")
    labour = asked.flag("labour")
    parties = _parties(known, by, labour)
    months = _months(known, period, by, labour)
    words = (
        f"Where quotas were met, {PERIODS[period].lower()}: {len(parties)} {'jobs' if by == 'job' else 'industries'}."
    )
    chart = (
        Picture.of(known, "spread", words, period=period, by=by, labour="yes" if labour else None) if months else None
    )
    told = [row | {"said": said(period, row["from"])} for row in months[:MOST_ROWS]]
    return page(request, "campaign.html", Campaign(
        by, period, labour, parties, chart, told, max(0, len(parties) - MOST_DRAWN), _drives(known),
        options(PERIODS, period), options(BY, by),
    ), known)  # fmt: skip


def _months(known: Known, period: str, by: str, labour: bool) -> list[Row]:
    """Each party and period as a chart takes it."""
    rows = known.rows("spread", period=period, by=by, labour=labour)
    drawn = set(list(dict.fromkeys(row["party"] for row in rows))[:MOST_DRAWN])
    kept = [row for row in rows if row["party"] in drawn]
    return [
        {name: row[name] for name in ("from", "shifts", "share")}
        | {"party": row["name"] or row["party"], "exceeding": row["met"]}
        for row in kept
    ]


def _drives(known: Known) -> list[Drive]:
    """The campaigns, with when each of their jobs or industries first met a quota after their beginning."""
    found = known.rows("campaign", order=["from", "entry"])
    if not found:
        return []
    ever = {by: {row["party"]: row for row in _parties(known, by, False)} for by in BY}
    months = {by: known.rows("spread", period="month", by=by) for by in BY}
    called = names(known, "job", [job for row in found for job in row["jobs"] or []])
    made = []
    for row in found:
        about = [("job", job, called[job]) for job in row["jobs"] or []]
        about += [("industry", one, one) for one in row["industries"] or []]
        joined = [Joined(name, _joined(ever[by].get(one), months[by], one, row["from"])) for by, one, name in about]
        made.append(Drive(row, joined))
    return made


def _parties(known: Known, by: str, labour: bool) -> list[Row]:
    """Each party over all time, with the day on which it first met a quota as far as that is known."""
    rows = known.rows("spread", period="all", by=by, labour=labour)
    vague = precisions(known, [(row["first"], row["first_met"]) for row in rows])
    lengths = {"month": 7, "year": 4}
    days = [str(row["first_met"])[: lengths.get(vague.get(row["first"], ""), 10)] for row in rows]
    return [row | {"met_on": day_in_words(day) if row["first"] else ""} for row, day in zip(rows, days, strict=True)]


def _joined(ever: Row | None, months: list[Row], party: str, begins: date) -> str:
    """The first day, month or year in which a quota was met, from the beginning of a campaign on."""
    if ever is None or not ever["first"]:
        return ""
    same_year = " " not in ever["met_on"] and int(ever["met_on"]) >= begins.year
    if same_year or ever["first_met"] >= begins:
        return str(ever["met_on"])
    later = [
        row["from"] for row in months if row["party"] == party and row["met"] and row["from"] >= begins.replace(day=1)
    ]
    return said("month", min(later)) if later else ""


@picture("spread")
def spread(known: Known, width: int, *, period: str = "month", by: str = "job", labour: str = "") -> "charts.Chart":
    """Where and when quotas were met."""
    asked = Asked({"period": period, "by": by})
    period, by = asked.one_of("period", list(PERIODS), "month"), asked.one_of("by", list(BY), "job")
    rows = _months(known, period, by, bool(labour))
    title = f"Where quotas were met, {PERIODS[period].lower()}"
    return charts.spread(rows, title=title, by=by, width=width)


ROUTES = [campaign_page]
