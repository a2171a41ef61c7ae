"""Trial: claims that await a verdict, the evidence, and the verdict, with what it would change shown before it is given.

    /trial              the cases, the most consequential first
    /trial/SHIFT        the evidence about a shift, what has been said of it, and the form of the verdict for those who judge

The form is sent twice: first to see what the ruling would change, then to give it. Nobody judges what they have entered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from .. import consequences, judging, tables
from ..consequences import Consequences
from ..derived.cases import SETTLING
from ..errors import BadEntry, Refused
from ..values import time_text
from . import audited, entering, evidence, naming, saying
from .choices import parties
from .entering import Problems
from .forms import HELPER_LINES, Asked, Form, Written, helpers, text_of
from .live import Known, Live, Row
from .page import Served, page
from .pictures import Picture
from .roles import May, Who, needs, who_asks
from .shift import Said, may_object, row_of, told

ROWS = 50
RULINGS = {
    "verified": "It was checked, and stands as reported.",
    "disputed": "It is doubted; it still counts, and is marked.",
    "adjusted": "It stands with the corrected figures below.",
    "annulled": "It did not happen so; it counts nowhere.",
    "withdrawn": "Takes the verdict back: the shift is as reported again.",
}
"""Each ruling, and what it means."""
CORRECTED = ("quantity", "hours", "headcount")


@dataclass(frozen=True)
class TrialPage:
    """The cases."""

    rows: list[Row] | None
    """The cases that are asked for, the most consequential first; None while the first audit of a large ledger is under way."""
    names: dict[str, str]
    """Workers by name, as far as the reader may know them."""
    crews: dict[str, str]
    """Crews by name."""
    units: dict[str, str]
    """The unit of each job."""
    called: dict[str, dict[str, str]]
    """Jobs and sites by name."""
    precisions: dict[str, str]
    """Shifts of whose start only the month or year is known."""
    total: int
    """How many cases there are."""
    after: int | None
    """From which case on the next page begins."""
    jobs: list[str]
    sites: list[str]
    checks: list[tuple[str, int]]
    """What can be asked for: jobs, sites, and why there is doubt, with how many cases."""
    job: str | None
    site: str | None
    doubt: str | None
    size: int
    """As known at which size the cases were found."""


@dataclass(frozen=True)
class Preview:
    """What a ruling would change, for confirmation."""

    found: Consequences
    ruling: str
    reason: str
    marks: list[tuple[str, list[saying.Mark]]]
    """Marks of the record book by what becomes of them, in words."""
    precisions: dict[str, str]
    """Of their shifts those of whose start only the month or year is known."""
    names: dict[str, str]
    """Workers whose honours change by name, as far as the reader may know them."""
    token: str
    """By which the verdict is given once."""


@dataclass(frozen=True)
class ShiftTrial:
    """The evidence about one shift, and the form of the verdict."""

    id: str
    row: Row
    """Its figures as judged."""
    name: str
    """Who is credited."""
    job: str
    site: str
    """Their names."""
    unit: str
    precision: str | None
    """Month or year, if no more is known of its start."""
    case: Row | None
    """Why it awaits a verdict; absent where it does not."""
    audit: audited.Audit | None
    """The audit; absent while the first one is under way."""
    findings: list[Row]
    """What it doubts about this shift."""
    counts: list[Row]
    """What it found about counts of the same work."""
    pictures: list[Picture]
    history: list[Said]
    """What has been said of it, the first first."""
    standing: Said | None
    """The verdict that counts."""
    may_object: bool
    """Whether the reader may object to this one."""
    may_judge: bool
    """Whether the reader may judge shifts at all."""
    own: bool
    """Whether the reader entered this one, and so does not judge it."""
    rulings: dict[str, str]
    looks: bool
    """Whether the evidence is shown: not where the form comes back."""
    form: dict[str, str]
    problems: Problems
    parties: list[str]
    """Whom the fields of helpers offer."""
    helper_lines: range
    preview: Preview | None
    """What the ruling would change; absent before it is asked for."""
    given: int | None
    """The verdict that was just given."""
    read_only: bool


@get("/trial", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def trial_page(
    request: Asked,
    live: Served,
    job: FromQuery[str | None] = None,
    site: FromQuery[str | None] = None,
    doubt: FromQuery[str | None] = None,
    after: FromQuery[int] = 0,
    at: FromQuery[str | None] = None,
) -> Template:
    """The cases, the most consequential first."""
    known = live.at(at)
    found = audited.of(live, "cases").ask(known, patient=False)
    every: list[Row] = found.findings.to_pylist() if found else []
    if found and found.size < known.size:
        every = [row for row in every if not _settled_since(live, row["shift"], found.size)]
    rows = [row for row in every if _wanted(row, job or None, site or None, doubt or None)]
    shown = rows[max(0, after) : max(0, after) + ROWS]
    names = naming.workers(live, known, who_asks(request), [row["worker"] for row in shown if row["worker"]])
    crews = {row["crew"]: known.name_of("crew", row["crew"]) for row in shown if row["crew"]}
    jobs, sites = (sorted({row[kind] for row in every}) for kind in ("job", "site"))
    units = {row["id"]: row["unit"] for row in known.rows("job", {"id": jobs})}
    called = {kind: {one: known.name_of(kind, one) for one in ids} for kind, ids in (("job", jobs), ("site", sites))}
    vague = saying.precisions(known, [(row["shift"], row["day"]) for row in shown])
    checks = Counter(word for row in every for word in doubts_of(row))
    context = TrialPage(
        shown if found else None, names, crews, units, called, vague, len(rows), after + ROWS if len(rows) > after + ROWS else None,
        jobs, sites, sorted(checks.items()), job, site, doubt,
        found.size if found else known.size,
    )  # fmt: skip
    return page(request, "trial.html", context, known)


def _settled_since(live: Live, shift: str, size: int) -> bool:
    """Whether a verdict has settled a case since a size."""
    ruled = next((one for one in judging.verdicts(live.ledger, shift) if one.counts), None)
    return ruled is not None and ruled.entry >= size and ruled.verdict.ruling in SETTLING


def doubts_of(case: Row) -> list[str]:
    """Why a case is one: the checks of the audit, and what people and sources say."""
    words = [word for word in ("objections", "contradictions") if case[word]]
    return [*words, *(["disputed"] if case["status"] == "disputed" else []), *case["findings"]]


def _wanted(row: Row, job: str | None, site: str | None, doubt: str | None) -> bool:
    return job in (None, row["job"]) and site in (None, row["site"]) and (doubt is None or doubt in doubts_of(row))


@get("/trial/{id:path}", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def shift_page(
    request: Asked,
    live: Served,
    id: FromPath[str],
    at: FromQuery[str | None] = None,
    given: FromQuery[int | None] = None,
) -> Template:
    """The evidence about a shift, and the form of the verdict."""
    known = live.at(at)
    return page(
        request,
        "trial_shift.html",
        _context(request, live, known, naming.id_in(request, "/trial/"), given=given),
        known,
    )


def _context(
    request: Asked,
    live: Live,
    known: Known,
    shift: str,
    form: Mapping[str, str] | None = None,
    problems: Problems | None = None,
    preview: Preview | None = None,
    given: int | None = None,
) -> ShiftTrial:
    who, row = who_asks(request), row_of(live, known, shift)
    looks = form is None  # whoever sends the form has seen the evidence, and does not wait for it again
    audit = audited.of(live).ask(known, patient=False) if looks else None
    findings = audit.about("shift", shift) if audit else []
    counts = evidence.counted(audit.about("code", "count-mismatch"), row) if audit else []
    cases = audited.of(live, "cases").last() if known.newest else None
    settled = cases is not None and cases.size < known.size and _settled_since(live, shift, cases.size)
    case = next(iter(cases.about("shift", shift)), None) if cases and not settled else None
    reports = judging.reports(live.ledger, shift)
    history = told(live, known, row, reports)
    standing = next((one for one in history if one.counts), None)
    may = who.may(May.JUDGE) and not live.read_only and known.newest
    job = known.rows("job", {"id": row["job"]}, limit=1)
    worker = naming.workers(live, known, who, [row["worker"]]).get(row["worker"]) if row["worker"] else None
    return ShiftTrial(
        id=shift, row=row, name=worker or row["worker"] or known.name_of("crew", row["crew"]),
        job=known.name_of("job", row["job"]), site=known.name_of("site", row["site"]), unit=job[0]["unit"] if job else "",
        precision=saying.precisions(known, [(shift, row["day"])]).get(shift),
        case=case, audit=audit, findings=findings, counts=counts, pictures=evidence.pictures(known, row, counts) if looks else [],
        history=history, standing=standing, may_object=may_object(live, who, reports[row["entry"]]), may_judge=may,
        own=is_own(live, who, shift), rulings=_rulings(standing), looks=looks,
        form=Written(form or {}), problems=problems or {}, parties=parties(live, known, who, row["site"]) if may else [],
        helper_lines=HELPER_LINES, preview=preview, given=given, read_only=live.read_only,
    )  # fmt: skip


def is_own(live: Live, who: Who, shift: str) -> bool:
    """Whether somebody entered a shift and so does not judge it. In a demonstration one hand makes all entries."""
    return bool(who.by) and who.by in judging.entered_by(live.ledger, shift) and not live.ledger.demonstration


def _rulings(standing: Said | None) -> dict[str, str]:
    """The rulings that can be given; a verdict is withdrawn only where one stands."""
    if standing is not None and standing.ruling != "withdrawn":
        return RULINGS
    return {name: said for name, said in RULINGS.items() if name != "withdrawn"}


@post("/trial/{id:path}", opt=needs(May.JUDGE), include_in_schema=False, sync_to_thread=True, status_code=200)
def judge(request: Asked, live: Served, id: FromPath[str], data: Form) -> Template | Redirect:
    """Show what a ruling would change or, when that has been seen and is confirmed, give it."""
    who, known, shift = who_asks(request), live.now(), naming.id_in(request, "/trial/")
    form = {name: text_of(data, name) for name in data}
    row_of(live, known, shift)
    try:
        judging.check(live.ledger, shift, form.get("ruling", ""), who.by)
        given = _verdict(live, known, shift, form)
        if form.get("step") == "give" and form.get("seen") == _seen(live, shift):
            index = _give(request, live, who, given, form.get("token", ""))
            return Redirect(f"/trial/{quote(shift)}?given={index}", status_code=303)
        preview = _preview(live, known, who, given, form)
        stale = form.get("step") == "give"
    except Refused as error:
        problems = entering.told(error) if isinstance(error, BadEntry) else {"": str(error)}
        return _answered(request, live, known, shift, form, problems, None, 422)
    said = {"": "something was said of this shift since you looked; look again before you rule"} if stale else {}
    return _answered(
        request, live, known, shift, {**form, "seen": _seen(live, shift)}, said, preview, 409 if stale else 200
    )


def _answered(
    request: Asked, live: Live, known: Known, shift: str, form: Mapping[str, str], problems: Problems, preview: Preview | None, status: int
) -> Template:  # fmt: skip
    answer = page(request, "trial_shift.html", _context(request, live, known, shift, form, problems, preview), known)
    answer.status_code = status
    return answer


def _seen(live: Live, shift: str) -> str:
    """What had been said of a shift when somebody looked: its entries and its verdicts."""
    indices = [*live.ledger.find("shift", shift), *live.ledger.find("verdict", shift)]
    return ".".join(str(index) for index in indices)


def _verdict(live: Live, known: Known, shift: str, form: Mapping[str, str]) -> dict[str, object]:
    """The fields of the verdict. Corrected figures belong to an adjustment alone."""
    written = {"shift": shift, "ruling": form.get("ruling", ""), "reason": form.get("reason", "")}
    problems: list[tuple[str, object, str]] = []
    if not written["ruling"]:
        problems.append(("ruling", None, "is missing; choose one"))
    if not written["reason"]:
        problems.append(("reason", None, "is missing; say why, in words that may stay for good"))
    if cites := form.get("cites", ""):
        written["cites"] = cites
    if written["ruling"] == "adjusted":
        reported = row_of(live, known, shift)
        whole = form.get("hours") or ("" if reported["hours"] is None else str(reported["hours"]))
        try:
            written |= {name: form.get(name, "") for name in CORRECTED}
            written["helpers"] = helpers(known, {**form, "hours": whole}, "verdict")
        except BadEntry as error:
            problems += error.problems
    if problems:
        raise BadEntry("verdict", problems)
    return entering.read(live, "verdict", written)


def _preview(live: Live, known: Known, who: Who, given: Mapping[str, object], form: Mapping[str, str]) -> Preview:
    """What the ruling would change, on tables of its own: it takes seconds in a large ledger, and nobody else waits for it."""
    verdict = consequences.proposed(dict(given), time_text(live.clock()), who.by)
    found = consequences.of(tables.at(live.ledger, known.size), verdict)
    vague = saying.precisions(known, [(one.row["shift"], one.row["set_on"]) for one in found.marks])
    names = naming.workers(live, known, who, [one.row["worker"] for one in found.honours if one.row["worker"]])
    return Preview(
        found, str(given["ruling"]), str(given["reason"]), list(_told_marks(known, found.marks)), vague, names,
        form.get("token") or entering.fresh_id(),
    )  # fmt: skip


EFFECTS = {
    "falls": "Falls", "alters": "Changes", "sets": "Is set", "stands": "Stands again", "counts": "Counts again", "beaten": "Is beaten",
    "lapses": "Is none any more",
}  # fmt: skip


def _told_marks(known: Known, marks: Sequence[consequences.Mark]) -> list[tuple[str, list[saying.Mark]]]:
    """Marks by what becomes of them, those of one shift and measure together."""
    found = []
    for effect, said in EFFECTS.items():
        rows = [one.row for one in marks if one.effect == effect]
        if rows:
            found.append((said, saying.marks(known, rows)))
    return found


def _give(request: Asked, live: Live, who: Who, given: Mapping[str, object], token: str) -> int:
    """Append the verdict, once for each preview."""
    once: entering.Once = request.app.state.once
    return entering.enter_once(live, who, once, token or entering.fresh_id(), "verdict", given).index


ROUTES = [trial_page, shift_page, judge]
