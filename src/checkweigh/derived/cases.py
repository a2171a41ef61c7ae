"""Cases: the claims that await a verdict, the most consequential first.

A shift is a case when somebody objected to it or to a verdict on it, when its last verdict disputes it, when facts about it from
different sources disagree, or when the audit has findings about it; and when no verdict has settled that since: verified, adjusted and
annulled settle every doubt that was in the ledger before them, a withdrawn verdict settles nothing. What depends on a case is counted:
the marks that stand on it and all that it ever set, and the honours that rest on it. A derivation reads no clock: days are counted from
the first doubt to the last entry of the ledger as known at the size.
"""

import functools

import ibis
import ibis.expr.types as ir

from ..entries import KINDS
from ..tables import Tables
from . import findings, honours, records
from .arithmetic import FIGURE, QUANTITY
from .attainment import judged
from .parameter import Parameter

SCHEMA = ibis.schema(
    {
        "shift": "string", "entry": "int64", "worker": "string", "crew": "string", "job": "string", "site": "string", "day": "date",
        "quantity": QUANTITY, "attainment": FIGURE, "labour_attainment": FIGURE, "status": "string", "objections": "int64",
        "contradictions": "int64",
        "findings": "array<string>", "finding_count": "int64", "since": "timestamp(6)", "days_open": "int64",
        "records_standing": "int64", "records_ever": "int64", "honours": "int64", "entries": "array<int64>",
    }
)  # fmt: skip
COLUMNS = {
    "shift": "the shift that awaits a verdict",
    "entry": "index of its entry",
    "worker": "who is credited",
    "crew": "or which crew",
    "job": "what was done",
    "site": "where",
    "day": "the date on the site's clock when it started",
    "quantity": "how much, as judged",
    "attainment": "quantity ÷ expected, as judged",
    "labour_attainment": "the same, shared among all labour hours",
    "status": "reported, verified, disputed, adjusted or annulled",
    "objections": "how many objections nobody has ruled on yet",
    "contradictions": "on how much of it facts from different sources disagree",
    "findings": "which checks of the audit doubt it",
    "finding_count": "how many findings there are about it",
    "since": "when the first of these doubts was recorded, UTC",
    "days_open": "days from then to the last entry",
    "records_standing": "how many marks stand on it, in all classes",
    "records_ever": "how many marks it set, in all classes",
    "honours": "how many honours rest on it",
    "entries": "indices of the entries that doubt it; of a finding the last entry concerned",
}
KEY = ("shift",)
FIRST = (
    "shift", "findings", "worker", "records_standing", "crew", "quantity", "days_open", "objections", "contradictions", "honours",
    "status", "attainment", "records_ever", "since", "day", "job", "site",
)  # fmt: skip
RESTS_ON = {"entry": "the shift that is doubted", "entries": "an entry that doubts it, or that a finding concerns"}
PARAMETERS = (
    Parameter("job", "text", "cases of this job only"),
    Parameter("site", "text", "cases of this site only"),
)
SETTLING = ("verified", "adjusted", "annulled")
DOUBT = ("of_shift", "doubt", "sort", "code")


def derive(tables: Tables, *, job: str | None = None, site: str | None = None) -> ir.Table:
    """One row per case."""
    open_doubts = tables.kept(_open(tables))
    shifts = judged(tables)
    shifts = shifts.semi_join(open_doubts, shifts.id == open_doubts.of_shift).view()
    for name, wanted in (("job", job), ("site", site)):
        shifts = shifts.filter(shifts[name] == wanted) if wanted is not None else shifts
    cases = _summed(open_doubts, tables)
    marks, resting = _marks(tables), _resting(tables)
    joined = (
        shifts.inner_join(cases, shifts.id == cases.of_shift)
        .left_join(marks, shifts.id == marks.by_shift)
        .left_join(resting, shifts.entry == resting.on_entry)
    )
    none = ibis.literal(0, "int64")
    own = [name for name in SCHEMA.names if name in shifts.columns]
    counted = {name: ibis.coalesce(joined[name], none) for name in ("records_standing", "records_ever", "honours")}
    told = joined.select(*(shifts[name] for name in own), *_of_doubts(cases), shift=shifts.id, **counted)
    weight = (
        told[name].desc()
        for name in ("records_standing", "honours", "records_ever", "finding_count", "objections", "days_open")
    )
    return told.order_by(*weight, "entry").select(*SCHEMA.names)


def _of_doubts(cases: ir.Table) -> list[ir.Value]:
    return [
        cases[name]
        for name in ("objections", "contradictions", "findings", "finding_count", "since", "days_open", "entries")
    ]


def _open(tables: Tables) -> ir.Table:
    """The doubts (`DOUBT`) that no verdict has settled: of which shift, in which entry, of which sort, found by which check."""
    shifts = judged(tables).select("id", "status", "verdict")
    doubts = functools.reduce(
        ir.Table.union, [_objections(tables), _contradictions(tables), _disputes(shifts), _found(tables)]
    )
    settled = ibis.ifelse(shifts.status.isin(SETTLING), shifts.verdict, ibis.null("int64"))
    verdicts = shifts.select(judged_shift="id", settled=settled).filter(lambda t: t.settled.notnull())
    joined = doubts.left_join(verdicts, doubts.of_shift == verdicts.judged_shift)
    return joined.filter(joined.settled.isnull() | (joined.doubt > joined.settled)).select(*DOUBT)


def _objections(tables: Tables) -> ir.Table:
    """Objections to a shift, to what it replaced, or to a verdict on it."""
    shift, verdict = tables.shift, tables.verdict
    named = [shift.select(against_entry=name, of_shift="id") for name in ("entry", "first_entry", "replaces")]
    named.append(verdict.select(against_entry="entry", of_shift="shift"))
    known = functools.reduce(lambda one, other: one.union(other, distinct=True), named)
    objection = tables.objection
    joined = objection.inner_join(known, objection.against == known.against_entry)
    return joined.select("of_shift", doubt="entry", sort=ibis.literal("objection"), code=ibis.null("string"))


def _contradictions(tables: Tables) -> ir.Table:
    """Facts about a shift that say different things of the same; both stay, and the doubt is there since the second was recorded."""
    facts, shift = tables.fact, tables.shift.select(of_shift="id")
    said = facts.group_by("about", "field").agg(values=facts.value.nunique(), doubt=facts.entry.max())
    joined = said.filter(said["values"] > 1).inner_join(shift, said.about == shift.of_shift)
    return joined.select("of_shift", "doubt", sort=ibis.literal("contradiction"), code=ibis.null("string"))


def _disputes(shifts: ir.Table) -> ir.Table:
    disputed = shifts.filter(shifts.status == "disputed")
    return disputed.select(of_shift="id", doubt="verdict", sort=ibis.literal("dispute"), code=ibis.null("string"))


def _found(tables: Tables) -> ir.Table:
    """Findings about one shift; each has been there since the last of the entries that it concerns."""
    found = tables.kept(findings.derive(tables))
    found = found.filter(found["shift"].notnull())
    last = ibis.greatest(found.entry, ibis.coalesce(found.entries.maxs(), found.entry))
    return found.select(of_shift="shift", doubt=last, sort=ibis.literal("finding"), code="code")


def _summed(doubts: ir.Table, tables: Tables) -> ir.Table:
    """One row per shift: how many doubts there are of which sort, since when, and in which entries."""
    times = _times(tables, doubts)
    joined = doubts.inner_join(times, doubts.doubt == times.at_entry)
    sums = joined.group_by("of_shift").agg(
        objections=joined.count(where=joined.sort == "objection"),
        contradictions=joined.count(where=joined.sort == "contradiction"),
        finding_count=joined.code.count(),
        findings=joined.code.collect(distinct=True, where=joined.code.notnull()),
        since=joined.recorded.min(),
        entries=joined.doubt.collect(distinct=True),
    )
    last = _last(tables)
    sums = sums.cross_join(last)
    return sums.mutate(
        findings=ibis.coalesce(sums.findings, ibis.literal([], "array<string>")).sort(),
        entries=sums.entries.sort(),
        days_open=sums["last"].date().delta(sums.since.date(), unit="day"),
    )


def _times(tables: Tables, doubts: ir.Table) -> ir.Table:
    """When the entries of doubts were recorded."""
    every = [getattr(tables, kind).select(at_entry="entry", recorded="recorded") for kind in KINDS]
    union = functools.reduce(ir.Table.union, every)
    return tables.kept(union.semi_join(doubts, union.at_entry == doubts.doubt))


def _last(tables: Tables) -> ir.Table:
    """When the last entry was recorded."""
    each = [getattr(tables, kind).aggregate(last=getattr(tables, kind).recorded.max()) for kind in KINDS]
    union = functools.reduce(ir.Table.union, each)
    return union.aggregate(last=union["last"].max())


def _marks(tables: Tables) -> ir.Table:
    """How many marks each shift set, and how many of them stand."""
    marks = tables.kept(records.derive(tables))
    return marks.group_by(by_shift="shift").agg(
        records_ever=marks.count(), records_standing=marks.count(where=marks.beaten_by.isnull())
    )


def _resting(tables: Tables) -> ir.Table:
    """How many honours rest on each shift's entry."""
    given = tables.kept(honours.derive(tables))
    kept = given.filter(given.status != "basis lost").select(on_entry=given.entries.unnest())
    return kept.group_by("on_entry").agg(honours=kept.count())
