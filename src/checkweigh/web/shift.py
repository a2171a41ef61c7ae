"""The page of a shift: the claim, how its figures came about, what is doubted, what has been ruled, and what rests on it.

    /shifts/ID                    the page
    /shifts/ID?part=explained     the formulas, down to the entries
    /shifts/ID?part=findings      what the audit doubts

The last two take time and are asked for when somebody wants to see them: the page's script puts them in place (`bare=1`), and without
scripts they are pages of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from .. import codec, explaining, judging
from ..derived import DERIVED
from ..entries import Entry
from ..explaining.shifts import chosen
from ..kinds import Helper, Quota, Shift, Verdict
from . import audited, naming, saying
from .kept import KEPT
from .live import Known, Live
from .page import Served, page
from .problems import NotHere
from .roles import May, Role, Who, needs, who_asks

Row = dict[str, Any]
SHOWN = (
    "id", "entry", "worker", "crew", "job", "site", "started", "day", "quantity", "hours", "headcount", "labour_hours", "quota_entry",
    "expected", "attainment", "labour_attainment", "status", "quota_after_shift",
)  # fmt: skip
"""What the page tells of its figures."""
TOLD = ("attainment", "labour_attainment", "holder", "status")
"""The figures whose trees are shown; the others stand within them."""


@dataclass(frozen=True)
class Helped:
    """Somebody who worked on it."""

    worker: str
    name: str | None
    role: str | None
    hours: str


@dataclass(frozen=True)
class Claim:
    """What was reported, in the words of its entry."""

    index: int
    """The entry that stands."""
    entry: Shift
    """The entry itself."""
    when: str
    """When it started, on the clock of its site."""
    zone: str
    """That clock."""
    job: Row
    """The job, with its unit."""
    site: str
    """The name of the site."""
    party: str
    """Who is credited: a name where it may be known, else the id."""
    helpers: list[Helped] | None
    """Who helped; absent where nothing is stated, empty where it states that nobody did."""
    sources: list[Row]
    """The sources that it cites."""


@dataclass(frozen=True)
class Judge:
    """The quota that judges it."""

    index: int
    entry: Quota
    how: str
    """How it was chosen among the quotas."""


@dataclass(frozen=True)
class Said:
    """Something that was said of the shift, in the order of the log."""

    index: int
    what: str
    """reported, corrected, withdrawn, objection, fact or verdict."""
    entry: Entry
    text: str | None
    """The reason, the note, or what a source says."""
    ruling: str | None = None
    fallen: bool = False
    """Whether it was replaced or withdrawn since."""
    counts: bool = False
    """Whether this verdict is the one that counts."""
    own: bool = False
    """Whether whoever entered the shift judged it."""


@dataclass(frozen=True)
class ShiftPage:
    """One shift: the claim, its figures, and what became of it."""

    id: str
    """The shift."""
    row: Row
    """Its figures as judged, as `attainment` has them."""
    claim: Claim
    """The claim as reported."""
    judged_helpers: list[Helped] | None
    """Who helped, as the verdict that counts states it; absent where no verdict states it."""
    judge: Judge | None
    """The quota that judges it."""
    history: list[Said]
    """What has been said of it, the first first."""
    ruled: Said | None
    """The verdict that counts."""
    marks: list[saying.Mark]
    """The marks of the record book that it set."""
    beat: list[Row]
    """The marks of others that it beat, in the widest scope."""
    honours: list[Row]
    """The honours that rest on it."""
    precisions: dict[str, str]
    """Of the shifts named here, month or year where no more is known of the day."""
    may_object: bool
    """Whether who looks may object to it."""
    may_judge: bool
    """Whether who looks may judge it."""
    entered_it: bool
    """Whether who looks entered it."""


@get("/shifts/{id:path}", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def shift_page(
    request: Request[Who, Any, Any],
    live: Served,
    id: FromPath[str],
    at: FromQuery[str | None] = None,
    part: FromQuery[str | None] = None,
    bare: FromQuery[bool] = False,
) -> Template:
    """A shift, or a part of its page."""
    known, shift = live.at(at), naming.id_in(request, "/shifts/")
    if part == "explained":
        return page(request, "shift_explained.html", explained(known, row_of(live, known, shift), bare), known)
    row = row_of(live, known, shift, SHOWN)
    if part == "findings":
        answer = page(request, "shift_findings.html", doubts(live, known, row, bare), known)
        answer.headers["Cache-Control"] = "no-store"  # the audit may be under way
        return answer
    return page(request, "shift.html", context(live, known, who_asks(request), row), known)


ROUTES = [shift_page]


def row_of(live: Live, known: Known, shift: str, columns: Sequence[str] = ()) -> Row:
    """The figures of a shift, or some of them. Raises NotHere, which says why it is not there and what to do."""
    found = known.rows("attainment", {"id": shift}, columns=columns)
    if found:
        return found[0]
    entries = live.ledger.find("shift", shift)
    if not entries:
        raise NotHere(f"there is no shift {shift!r} in this ledger; look for it with Find, by worker, name or entry")
    first, last = (codec.decode(live.ledger.entry(index)) for index in (entries[0], entries[-1]))
    if entries[0] >= known.size:
        when = f"{first.recorded[:10]}, as entry {entries[0]}"
        raise NotHere(f"shift {shift} was recorded on {when}: {known.said}, it is not there yet; ask for a later date")
    raise NotHere(
        f"shift {shift} was withdrawn on {last.recorded[:10]} by entry {entries[-1]}: “{last.note}”; look at that entry"
    )


def context(live: Live, known: Known, who: Who, row: Row) -> ShiftPage:
    """Everything on the page of a shift."""
    reports = judging.reports(live.ledger, row["id"])
    claim = _claim(live, known, who, row, reports[row["entry"]])
    history = told(live, known, row, reports)
    ruled = next((one for one in history if one.counts), None)
    helpers = ruled.entry.helpers if ruled is not None and isinstance(ruled.entry, Verdict) else None
    party = {"worker": row["worker"]} if row["worker"] else {"crew": row["crew"]}
    marks = saying.marks(known, known.rows("records", {"shift": row["id"]}, columns=saying.MARKED))
    beat = _beaten(known, row) if marks else []  # what beats a mark is one
    honours = [
        one for one in known.rows("honours", party, columns=saying.HONOURED) if row["entry"] in (one["entries"] or ())
    ]
    named = [(row["id"], row["day"]), *((one["shift"], one["set_on"]) for one in beat)]
    named += [(fate.beaten_by, fate.beaten_on) for mark in marks for fate in mark.fates]
    entered = who.by in judging.makers_of(reports)
    return ShiftPage(
        id=row["id"], row=row, claim=claim, judged_helpers=_helped(live, known, who, helpers), judge=_judge(live, row, reports),
        history=history, ruled=ruled, marks=marks, beat=beat, honours=honours, precisions=saying.precisions(known, named),
        may_object=may_object(live, who, claim.entry), may_judge=who.may(May.JUDGE) and not live.read_only, entered_it=entered,
    )  # fmt: skip


def _claim(live: Live, known: Known, who: Who, row: Row, entry: Entry) -> Claim:
    assert isinstance(entry, Shift)
    [site], [job] = known.rows("site", {"id": row["site"]}), known.rows("job", {"id": row["job"]})
    name = naming.workers(live, known, who, [entry.worker]).get(entry.worker) if entry.worker else None
    party = name or entry.worker or known.name_of("crew", str(entry.crew))
    return Claim(
        row["entry"], entry, saying.started(row["started"], site["timezone"], entry.precision), site["timezone"], job, site["name"],
        party, _helped(live, known, who, entry.helpers), sources(known, [entry]),
    )  # fmt: skip


def _helped(live: Live, known: Known, who: Who, helpers: Iterable[Helper] | None) -> list[Helped] | None:
    if helpers is None:
        return None
    names = naming.workers(live, known, who, [one.worker for one in helpers])
    return [Helped(one.worker, names.get(one.worker), one.role, one.hours) for one in helpers]


def sources(known: Known, entries: Iterable[Entry]) -> list[Row]:
    """The sources that some entries cite, each once."""
    cited = list(dict.fromkeys(name for entry in entries for name in entry.cites or ()))
    found = {row["id"]: row for row in known.rows("source", {"id": cited})} if cited else {}
    return [found[name] for name in cited if name in found]


def _judge(live: Live, row: Row, reports: Mapping[int, Entry]) -> Judge | None:
    if row["quota_entry"] is None:
        return None
    quota = codec.decode(live.ledger.entry(row["quota_entry"]))
    assert isinstance(quota, Quota)
    book = explaining.Book(None, live.ledger.entry, {("entry", index): entry for index, entry in reports.items()})
    return Judge(row["quota_entry"], quota, chosen(book, row, quota))


def told(live: Live, known: Known, row: Row, reports: Mapping[int, Entry]) -> list[Said]:
    """Everything that was said of a shift, as known at the state: reports, corrections, objections, facts and verdicts."""
    entered = {index: entry for index, entry in reports.items() if index < known.size}
    said = [_reported(index, entry, index != row["entry"]) for index, entry in entered.items()]
    ruled = judging.verdicts(live.ledger, row["id"], known.size, reports)
    said += [
        Said(
            one.entry,
            "verdict",
            one.verdict,
            one.verdict.reason,
            one.verdict.ruling,
            not one.standing,
            one.counts,
            one.own,
        )
        for one in ruled
    ]
    against = sorted([*entered, *(one.entry for one in ruled)])
    said += [
        Said(one["entry"], "objection", known.entry(one["entry"]), one["reason"])
        for one in known.rows("objection", {"against": against})
    ]
    said += [
        Said(one["entry"], "fact", known.entry(one["entry"]), f"{one['field']}: {one['value']}")
        for one in known.rows("fact", {"about": row["id"]})
    ]
    return sorted(said, key=lambda one: one.index)


def _reported(index: int, entry: Entry, fallen: bool) -> Said:
    what = "withdrawn" if entry.void else "reported" if entry.replaces is None else "corrected"
    return Said(index, what, entry, entry.note, fallen=fallen)


def _beaten(known: Known, row: Row) -> list[Row]:
    """The marks of others that a shift beat, those of the widest scope of each class."""
    widest: dict[tuple[Any, ...], Row] = {}
    for one in known.rows("records", {"beaten_by": row["id"]}, columns=saying.MARKED):
        key = tuple(one[name] for name in ("job", "measure", "holder", "length", "shift"))
        kept = widest.get(key)
        if kept is None or saying.WIDEST.index(one["scope"]) < saying.WIDEST.index(kept["scope"]):
            widest[key] = one
    return list(widest.values())


def may_object(live: Live, who: Who, entry: Entry) -> bool:
    """Who may object at all: a worker to shifts that they are credited with or helped in."""
    if live.read_only or not who.may(May.OBJECT):
        return False
    assert isinstance(entry, Shift)
    named = {entry.worker, *(one.worker for one in entry.helpers or ())}
    return who.role is not Role.WORKER or who.worker in named or entry.crew is not None


@dataclass(frozen=True)
class Explained:
    """The figures of a shift as trees: formulas above, entries at the ends."""

    id: str
    """The shift."""
    nodes: list[explaining.Node]
    """Its figures."""
    bare: bool
    """Whether only this part is wanted, without the page around it."""


def explained(known: Known, row: Row, bare: bool) -> Explained:
    """How the figures of a shift came about."""
    with known.deriving():
        nodes = [explaining.explain(known.book, DERIVED["attainment"], {}, row, name) for name in TOLD]
    return Explained(row["id"], nodes, bare)


@dataclass(frozen=True)
class Doubts:
    """What the audit finds about a shift."""

    id: str
    """The shift."""
    audit: audited.Audit | None
    """The audit that was asked; absent while the first one is under way."""
    findings: list[Row]
    """Its findings about the shift."""
    bare: bool
    """Whether only this part is wanted, without the page around it."""


def doubts(live: Live, known: Known, row: Mapping[str, Any], bare: bool) -> Doubts:
    """The findings about a shift, with their evidence."""
    audit = audited.of(live).ask(known)
    return Doubts(row["id"], audit, audit.about("shift", row["id"]) if audit else [], bare)
