"""The pages of a worker and of a crew: what they did against the quota, their marks and honours, who taught whom, and what sources say.

    /workers/ID, /crews/ID                  the page; `job` and `page` choose what is listed
    /workers/ID?part=standing               where they stand now; it takes time, and is fetched when somebody wants to see it

Who a private worker is, and what harm came to anybody, is on no page but for those who may know it.
"""

from dataclasses import dataclass
from typing import Any

import ibis
from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from .. import charts, codec
from ..kinds import Erasure
from ..tables import collect
from . import biography, lineage, naming, saying
from .kept import KEPT
from .live import Known, Live
from .page import Served, page
from .pictures import Picture, picture
from .problems import NotHere
from .roles import May, Who, needs, who_asks

Row = dict[str, Any]
ON_A_PAGE = 25
VERSION = {
    "worker": ("entry", "recorded", "by", "from", "name", "site"),
    "crew": ("entry", "recorded", "by", "from", "name", "headcount", "members"),
}  # fmt: skip
"""What is told of each version."""
LISTED = ("id", "job", "day", "quantity", "expected", "attainment", "labour_attainment", "status")
"""What is listed of each shift."""
MOST_DRAWN = 500
"""So many of the newest shifts of a job are drawn."""


@dataclass(frozen=True)
class Work:
    """Shifts of one job, the newest first."""

    job: Row | None
    """The job that is listed and drawn; absent where there is no shift."""
    jobs: list[str]
    """The jobs of all their shifts, that of the newest shift first."""
    rows: list[Row]
    """The shifts on this page of the list."""
    number: int
    """Which page of the list."""
    more: bool
    """Whether there is a next one."""
    picture: Picture | None
    """Output against quota over time."""


@dataclass(frozen=True)
class Version:
    """What a worker or a crew was from a day on."""

    row: Row
    site: str | None
    """The name of a worker's site."""
    members: list[tuple[str, str | None]] | None
    """The members of a crew, with the names that may be known."""


@dataclass(frozen=True)
class Told:
    """What sources say of one thing, each value with its sources."""

    field: biography.Field
    sources: list[list[Row]]
    """For each value the sources that say it."""


@dataclass(frozen=True)
class PartyPage:
    """A worker or a crew."""

    kind: str
    """worker or crew."""
    id: str
    """The id."""
    name: str | None
    """The name, as far as whoever looks may know it."""
    private: bool
    """Whether it is a worker whose name is not public."""
    erased: Row | None
    """When and why who this was has been erased."""
    versions: list[Version]
    """What they were, the newest first."""
    work: Work
    """What they did."""
    marks: list[saying.Mark]
    """Their marks that nobody has beaten: for a worker personal bests too."""
    honours: list[Row]
    """What they earned or were granted, and what has lost its basis."""
    taught: tuple[lineage.Lesson, ...]
    """Whom a worker taught, and whom these taught."""
    learned: tuple[lineage.Lesson, ...]
    """From whom a worker learned, and from whom these did."""
    names: dict[str, str]
    """The names of everybody in the two trees, as far as they may be known."""
    incidents: list[Row] | None
    """Harm that came to a worker; absent where whoever looks may not know of it."""
    disputed: list[Told]
    """That on which sources disagree."""
    agreed: list[Told]
    """What else they say."""
    precisions: dict[str, str]
    """Of the shifts named here, month or year where no more is known of the day."""


@get("/workers/{id:path}", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def worker_page(
    request: Request[Who, Any, Any],
    live: Served,
    id: FromPath[str],
    at: FromQuery[str | None] = None,
    job: FromQuery[str | None] = None,
    page: FromQuery[int] = 1,
    part: FromQuery[str | None] = None,
    bare: FromQuery[bool] = False,
) -> Template:
    """A worker."""
    return _answer(request, live, "worker", naming.id_in(request, "/workers/"), Asked(at, job, page, part, bare))


@get("/crews/{id:path}", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def crew_page(
    request: Request[Who, Any, Any],
    live: Served,
    id: FromPath[str],
    at: FromQuery[str | None] = None,
    job: FromQuery[str | None] = None,
    page: FromQuery[int] = 1,
    part: FromQuery[str | None] = None,
    bare: FromQuery[bool] = False,
) -> Template:
    """A crew."""
    return _answer(request, live, "crew", naming.id_in(request, "/crews/"), Asked(at, job, page, part, bare))


ROUTES = [worker_page, crew_page]


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    at: str | None
    job: str | None
    number: int
    part: str | None
    bare: bool


def _answer(request: Request[Who, Any, Any], live: Live, kind: str, id: str, asked: Asked) -> Template:
    known = live.at(asked.at)
    if asked.part == "standing":
        return page(request, "party_standing.html", standing(known, kind, id, asked.bare), known)
    return page(
        request, "party.html", context(live, known, who_asks(request), kind, id, asked.job, asked.number), known
    )


def context(
    live: Live, known: Known, who: Who, kind: str, id: str, job: str | None = None, number: int = 1
) -> PartyPage:
    """Everything on the page of a worker or a crew. Raises NotHere, which says what to do."""
    versions = known.rows(kind, {"id": id}, order=["-from", "-first_entry"], columns=VERSION[kind])
    if not versions:
        raise NotHere(_missing(live, known, kind, id))
    worker = kind == "worker"
    taught = (
        lineage.tree(id, "trainee", lambda ids: known.rows("training", {"trainer": ids}, order=["entry"]))
        if worker
        else ()
    )
    learned = (
        lineage.tree(id, "trainer", lambda ids: known.rows("training", {"trainee": ids}, order=["entry"]))
        if worker
        else ()
    )
    public = next((row["name"] for row in versions if row["name"]), None)
    name = naming.private(live, who, [id]).get(id) if worker and public is None else public
    work, told = _work(known, kind, id, job, max(1, number)), _told(known, id)
    marks = saying.marks(known, known.rows("records", {kind: id, "beaten_by": None}, columns=saying.STANDING))
    honours = known.rows("honours", {kind: id}, columns=saying.HONOURED)
    named = [(row["id"], row["day"]) for row in work.rows] + [(mark.shift, mark.set_on) for mark in marks]
    named += [(row["shift"], row["on"]) for row in honours]
    return PartyPage(
        kind=kind, id=id, name=name, private=worker and public is None, erased=_erased(live, id) if worker else None,
        versions=[_version(live, known, who, row) for row in versions],
        work=work, marks=marks, honours=honours, taught=taught, learned=learned,
        names=naming.workers(live, known, who, lineage.people(taught) | lineage.people(learned)),
        incidents=known.rows("incident", {"worker": id}, order=["-on"]) if worker and naming.may_know(who, id) else None,
        disputed=[one for one in told if one.field.disagree], agreed=[one for one in told if not one.field.disagree],
        precisions=saying.precisions(known, named),
    )  # fmt: skip


def _missing(live: Live, known: Known, kind: str, id: str) -> str:
    found = live.ledger.find(kind, id)
    if found and found[0] >= known.size:
        when = codec.decode(live.ledger.entry(found[0])).recorded[:10]
        return f"{kind} {id} was recorded on {when}: {known.said}, it is not there yet; ask for a later date"
    other = "crew" if kind == "worker" else "worker"
    hint = f"; there is a {other} of that id" if live.ledger.find(other, id) else ""
    return f"there is no {kind} {id!r} in this ledger{hint}; look for it with Find, by name or id"


def _erased(live: Live, worker: str) -> Row | None:
    if worker not in live.ledger.erased():
        return None
    for index in live.ledger.find("erasure", ""):
        entry = codec.decode(live.ledger.entry(index))
        if isinstance(entry, Erasure) and entry.worker == worker:
            return {"entry": index, "recorded": entry.recorded, "reason": entry.reason}
    return None


def _version(live: Live, known: Known, who: Who, row: Row) -> Version:
    site = known.name_of("site", row["site"]) if "site" in row else None
    members = row.get("members")
    if members is None:
        return Version(row, site, None)
    names = naming.workers(live, known, who, members)
    return Version(row, site, [(one, names.get(one)) for one in members])


def _work(known: Known, kind: str, id: str, job: str | None, number: int) -> Work:
    """A page of the shifts of one job, that of the newest shift unless another is asked for."""
    most = max(MOST_DRAWN, number * ON_A_PAGE + 1)
    newest = known.rows("attainment", {kind: id}, order=["-started", "-entry"], limit=most, columns=LISTED)
    jobs = list(dict.fromkeys(row["job"] for row in newest))
    chosen = job or (jobs[0] if jobs else None)
    rows = newest
    if len(newest) < most:
        rows = [row for row in newest if row["job"] == chosen]
    elif len(jobs) > 1 or chosen not in jobs:
        of_job = {kind: id, "job": chosen}
        rows = known.rows("attainment", of_job, order=["-started", "-entry"], limit=most, columns=LISTED)
    held = known.rows("job", {"id": chosen}) if chosen is not None else []
    if not rows or not held:
        return Work(None, jobs, [], 1, False, None)
    start = (number - 1) * ON_A_PAGE
    said = f"{held[0]['name']}: each shift against its quota"
    drawn = Picture.of(known, "output", said, **{kind: id}, job=chosen)
    return Work(held[0], jobs, rows[start : start + ON_A_PAGE], number, len(rows) > start + ON_A_PAGE, drawn)


@picture("output")
def output(known: Known, width: int, *, job: str, worker: str | None = None, crew: str | None = None) -> "charts.Chart":
    """The newest shifts of a worker or a crew against their quotas."""
    party = {"worker": worker} if worker is not None else {"crew": crew}
    rows = known.rows("attainment", {**party, "job": job}, order=["-started", "-entry"], limit=MOST_DRAWN)
    held = known.rows("job", {"id": job})
    name, unit = (held[0]["name"], held[0]["unit"]) if held else (job, "")
    shown = [
        {
            "on": row["day"],
            "quantity": row["quantity"],
            "expected": row["expected"],
            "shift": row["id"],
            "status": row["status"],
        }
        | ({"met": row["attainment"] >= 1} if row["attainment"] is not None else {})
        for row in reversed(rows)
        if row["status"] != "annulled"
    ]
    return charts.output_against_quota(shown, title=f"{name}: each shift against its quota", unit=unit, width=width)


def _told(known: Known, about: str) -> list[Told]:
    """What sources say, with the sources."""
    fields = biography.fields(known.rows("fact", {"about": about}))
    cited = sorted({source for field in fields for value in field.values for source in value.sources})
    found = {row["id"]: row for row in known.rows("source", {"id": cited})} if cited else {}
    return [
        Told(one, [[found[name] for name in value.sources if name in found] for value in one.values]) for one in fields
    ]


@dataclass(frozen=True)
class Stands:
    """Where a worker or a crew stands."""

    kind: str
    """worker or crew."""
    id: str
    """The id."""
    rows: list[Row]
    """Their standing in each of the last months, the newest first."""
    whole: Row | None
    """Their standing over all time."""
    crews: list[Row]
    """The crews that a worker belongs to."""
    bare: bool
    """Whether only this part is wanted, without the page around it."""


def standing(known: Known, kind: str, id: str, bare: bool) -> Stands:
    """The last months, and all time; and in which crews."""
    months = known.rows("standings", {"party": id}, order=["-from"], limit=6, period="month", scope=kind)
    whole = known.rows("standings", {"party": id}, period="all", scope=kind)
    return Stands(kind, id, months, whole[0] if whole else None, _crews_of(known, id) if kind == "worker" else [], bare)


def _crews_of(known: Known, worker: str) -> list[Row]:
    """The crews of which a worker is a member in their newest version."""
    with known.deriving() as tables:
        crew = tables.crew
        mine = collect(
            crew.filter(ibis.coalesce(crew.members.contains(worker), False)).select("id").distinct().limit(50)
        )
    found = []
    for id in sorted(mine["id"].to_pylist()):
        newest = known.rows("crew", {"id": id}, order=["-from", "-first_entry"], limit=1)[0]
        if worker in (newest["members"] or ()):
            found.append(newest)
    return found
