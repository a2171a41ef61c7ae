"""The pages of the quotas: which are in force, how each was raised and by whom, and what share of the workers meets them.

    /quotas                      in force on a day, job by job
    /quotas/JOB                  the history of a job's quotas
    /quotas/JOB?part=shares      the share that meets them, month by month, as a table

The day is that of `on`, else that of `at` where it is a date, else today, on the clock of the board.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from .. import charts
from ..errors import Refused
from ..kinds import Quota
from . import naming, saying
from .asked import names
from .live import Known, Live
from .page import Served, page
from .pictures import Picture, picture
from .problems import NotHere
from .roles import May, Who, needs
from .shift import sources

Row = dict[str, Any]
OF = ("per", "site", "worker", "crew")
"""What tells quotas of one job apart: only those alike in it follow one another."""
MOST = 2_000
"""So many quotas of a job are listed."""


@dataclass(frozen=True)
class Held:
    """A quota with what is said of it."""

    row: Row
    """The quota, as the table quotas has it."""
    change: str
    """By how much it was raised or lowered, in per cent."""
    note: str | None
    """The note of its entry."""
    sources: list[Row]
    """The sources that it cites."""


@dataclass(frozen=True)
class Line:
    """Quotas that follow one another: of a job, asked of the same."""

    of: str
    """Of whom they are asked, in words."""
    site: str | None
    worker: str | None
    crew: str | None
    held: list[Held]
    """The quotas, the latest first."""
    in_force: Row | None
    """The one that is in force on the day."""


@dataclass(frozen=True)
class OfJob:
    """What is asked of a job on a day."""

    job: Row
    """The job."""
    rows: list[tuple[Row, str]]
    """The quotas in force that name nobody, those for all sites first; each with by how much it was raised, in per cent."""
    personal: int
    """How many in force name a worker or a crew."""


@dataclass(frozen=True)
class QuotasPage:
    """The quotas in force on a day."""

    on: date
    """The day."""
    jobs: list[OfJob]
    """Each job, with what is asked of it."""
    sites: dict[str, str]
    """What the sites are called of which something else is asked."""


@dataclass(frozen=True)
class JobPage:
    """The quotas of a job."""

    job: Row
    """The job."""
    on: date
    """The day for which it is said what is in force."""
    lines: list[Line]
    """Its quotas, those that name nobody first."""
    more: bool
    """Whether there are more than are listed."""
    picture: Picture | None
    """The share of workers who meet them, month by month; absent where there is no quota."""


@dataclass(frozen=True)
class SharesPage:
    """Who meets the quotas of a job."""

    job: Row
    """The job."""
    workers: list[Row]
    """Month by month, the newest first: the workers."""
    crews: list[Row]
    """And the crews."""
    bare: bool
    """Whether only this part is wanted, without the page around it."""


@get("/quotas", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def quotas_page(
    request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None, on: FromQuery[str | None] = None
) -> Template:
    """The quotas in force."""
    known = live.at(at)
    day = asked_day(live, at, on)
    jobs = in_force(known, day)
    sites = names(known, "site", [row["site"] for one in jobs for row, _ in one.rows])
    return page(request, "quotas.html", QuotasPage(day, jobs, sites), known)


@get("/quotas/{job:path}", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def job_page(
    request: Request[Who, Any, Any],
    live: Served,
    job: FromPath[str],
    at: FromQuery[str | None] = None,
    on: FromQuery[str | None] = None,
    part: FromQuery[str | None] = None,
    bare: FromQuery[bool] = False,
) -> Template:
    """The quotas of a job."""
    known, name = live.at(at), naming.id_in(request, "/quotas/")
    held = known.rows("job", {"id": name})
    if not held:
        raise NotHere(_missing(live, known, name))
    if part == "shares":
        return page(request, "quota_shares.html", shares(known, held[0], bare), known)
    return page(request, "quota.html", history(known, held[0], asked_day(live, at, on)), known)


ROUTES = [quotas_page, job_page]


def _missing(live: Live, known: Known, job: str) -> str:
    if live.ledger.find("job", job):
        return f"job {job} is not there yet, {known.said}; ask for a later date"
    return f"there is no job {job!r} in this ledger; the page Quotas lists the jobs"


def asked_day(live: Live, at: str | None, on: str | None) -> date:
    """The day for which somebody asks what is in force. Raises Refused for what is no date."""
    for text in (on, at):
        try:
            if text and len(text) == 10:
                return date.fromisoformat(text)
        except ValueError:
            pass
        if text and text == on:
            raise Refused(f"on {text!r} is not a date; write it like 1936-12-31")
    return live.clock().date()


def holds_on(rows: Iterable[Row], day: date) -> list[Row]:
    """The quotas in force on a day: of those that are asked of the same, the latest."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["from"] <= day and (row["ends"] is None or day < row["ends"]):
            key = tuple(row[name] for name in ("job", *OF))
            before = found.get(key)
            if before is None or (before["from"], before["entry"]) < (row["from"], row["entry"]):
                found[key] = row
    return list(found.values())


def in_force(known: Known, day: date) -> list[OfJob]:
    """Every job with what is asked of it on a day."""
    found = holds_on(known.rows("quotas"), day)
    made = []
    for job in known.rows("job", order=["industry", "name"]):
        rows = [row for row in found if row["job"] == job["id"]]
        general = [row for row in rows if row["worker"] is None and row["crew"] is None]
        general.sort(key=lambda row: (row["site"] is not None, row["site"] or "", row["per"] != "worker"))
        made.append(OfJob(job, [(row, saying.change(row["factor"])) for row in general], len(rows) - len(general)))
    return made


def history(known: Known, job: Row, day: date) -> JobPage:
    """How the quotas of a job came about, and which are in force on a day."""
    rows = known.rows("quotas", {"job": job["id"]}, limit=MOST + 1, job=job["id"], shifts=True)
    lines: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows[:MOST]:
        lines.setdefault(tuple(row[name] for name in OF), []).append(row)
    holding = {row["quota"] for row in holds_on(rows, day)}
    made = [_line(known, held, holding) for held in lines.values()]
    made.sort(key=lambda line: (line.worker is not None or line.crew is not None, line.site is not None, line.of))
    drawn = Picture.of(known, "share", f"{job['name']}: the share of workers who meet the quota", job=job["id"])
    return JobPage(job, day, made, len(rows) > MOST, drawn if rows else None)


def _line(known: Known, rows: list[Row], holding: set[str]) -> Line:
    first = rows[0]
    held = [_held(known, row) for row in reversed(rows)]
    named = first["worker"] or first["crew"]
    of = f"each {first['per']}" if named is None else f"{'worker' if first['worker'] else 'crew'} {named}"
    where = (
        f" at {known.name_of('site', first['site'])}" if first["site"] else " at every site" if named is None else ""
    )
    in_force = next((row for row in rows if row["quota"] in holding), None)
    return Line(of + where, first["site"], first["worker"], first["crew"], held, in_force)


def _held(known: Known, row: Row) -> Held:
    entry = known.entry(row["entry"])
    assert isinstance(entry, Quota)
    return Held(row, saying.change(row["factor"]), entry.note, sources(known, [entry]))


def shares(known: Known, job: Row, bare: bool) -> SharesPage:
    """The share of workers, and of crews, who meet the quotas of a job."""
    each = [
        known.rows("shares", {"job": job["id"]}, order=["-from"], limit=120, period="month", scope=scope, job=job["id"])
        for scope in ("worker", "crew")
    ]
    return SharesPage(job, each[0], each[1], bare)


@picture("share")
def share(known: Known, width: int, *, job: str) -> "charts.Chart":
    """The share of workers who meet the quotas of a job, and when these changed."""
    scope = "worker"
    found = known.rows("shares", {"job": job}, order=["from"], period="month", scope=scope, job=job)
    if not any(row["share"] is not None for row in found):
        scope = "crew"
        found = known.rows("shares", {"job": job}, order=["from"], period="month", scope=scope, job=job)
    rows = [
        {"from": row["from"], "share": row["share"], "workers": row["parties"], "job": job}
        for row in found
        if row["share"] is not None
    ]
    changed = [
        {"on": row["from"], "said": saying.change(row["factor"])}
        for row in known.rows("quotas", {"job": job}, job=job)
        if row["factor"] is not None and row["worker"] is None and row["crew"] is None
    ]
    return charts.meeting(rows, changed, title=f"Who meets the quota: {scope}s", width=width)
