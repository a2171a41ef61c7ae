"""Records: who held the mark of each class, from when to when.

A class is a job, a measure, a scope (all, an industry, a site, a worker), a holder (single: one worker with no stated helper; crew: the
rest) and a length (shift; period: a report of more than 24 hours). A shift is a record when it is strictly better than everything of
its class that started before. Of shifts with equal start only the best counts, and equal bests share the mark; starts known only by
month or year stand after the precise ones of that moment, ordered by index. Rates exist where more is better. Attainment and labour
attainment have records across all jobs too (`job` is absent there).

Scopes nest: a record of an industry is a record of its site, and of (job, site, party). So one pass takes the bests of each month in the
narrowest class that is wanted; only shifts that beat the months before can be records, and each scope is searched among those of the
narrower one.
"""

from typing import Literal

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from .arithmetic import near, settled
from .attainment import judged
from .parameter import Parameter

VALUE = "decimal(21, 9)"
Measure = Literal["quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment"]
Scope = Literal["all", "industry", "site", "worker"]
Holder = Literal["single", "crew"]
Length = Literal["shift", "period"]
MEASURES: tuple[Measure, ...] = ("quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment")
SCOPES: tuple[Scope, ...] = ("all", "industry", "site", "worker")
ACROSS_JOBS = ("attainment", "labour_attainment")
SCHEMA = ibis.schema(
    {
        "job": "string", "measure": "string", "scope": "string", "within": "string", "holder": "string", "length": "string",
        "value": VALUE, "shift": "string", "entry": "int64", "worker": "string", "crew": "string", "site": "string",
        "started": "timestamp(6)", "set_on": "date", "beaten_on": "date", "days_stood": "int64", "beaten_by": "string",
        "status": "string",
    }
)  # fmt: skip
COLUMNS = {
    "job": "the job; absent in a class across all jobs",
    "measure": "what is compared",
    "scope": "among whom: all, those of an industry, of a site, or a worker's own shifts",
    "within": "the industry, site or worker; absent for all",
    "holder": "single: one worker without a stated helper; crew: the rest",
    "length": "shift, or period: reports of more than 24 hours",
    "value": "the mark",
    "shift": "the shift that set it",
    "entry": "index of that shift's entry",
    "worker": "who is credited",
    "crew": "or which crew",
    "site": "where",
    "started": "when the shift started, UTC",
    "set_on": "the date on the site's clock when it started",
    "beaten_on": "when the mark was beaten; absent while it stands",
    "days_stood": "how many days it stood until then",
    "beaten_by": "the shift that beat it",
    "status": "whether the shift is reported, verified, disputed or adjusted",
}
PARAMETERS = (
    Parameter("job", "text", "records of this job only"),
    Parameter("measure", "choice", "records in this measure only", MEASURES),
    Parameter("scope", "choice", "records of this scope only", SCOPES),
    Parameter("holder", "choice", "single-handed records or those of crews only", ("single", "crew")),
    Parameter("length", "choice", "records of shifts or of longer reports only", ("shift", "period")),
    Parameter("standing", "flag", "only marks that nobody has beaten", default=False),
)
CLASS = ["job_key", "single", "long"]
CARRIED = ["entry", "first_entry", "site_key", "party_key", "by_crew", "started", "tie", "day", "status"]
"""What is carried along for every shift: no names, which are looked up for the few marks that are found."""


def derive(
    tables: Tables,
    *,
    job: str | None = None,
    measure: Measure | None = None,
    scope: Scope | None = None,
    holder: Holder | None = None,
    length: Length | None = None,
    standing: bool = False,
) -> ir.Table:
    """One row per mark, each class in the order in which its marks were set."""
    shifts = _eligible(judged(tables), job, holder, length)
    found = _told(
        marks(tables, shifts, MEASURES if measure is None else (measure,), SCOPES if scope is None else (scope,))
    )
    found = found.filter(found.beaten_by.isnull()) if standing else found
    return found.order_by("job", "measure", "scope", "within", "holder", "length", "started", "entry").select(
        *SCHEMA.names
    )


def _eligible(shifts: ir.Table, job: str | None, holder: Holder | None, length: Length | None) -> ir.Table:
    shifts = shifts.filter(shifts.status != "annulled")
    if job is not None:
        shifts = shifts.filter(shifts.job == job)
    if holder is not None:
        shifts = shifts.filter(shifts.single == (holder == "single"))
    if length is not None:
        shifts = shifts.filter(shifts.long == (length == "period"))
    return shifts


def marks(tables: Tables, shifts: ir.Table, measures: tuple[Measure, ...], scopes: tuple[Scope, ...]) -> ir.Table:
    """Every mark among judged shifts, with its class (`class_job`, `measure`, `scope`, `within`, `single`, `long`), `value` and end."""
    scores = [f"{measure}_score" for measure in measures]
    shifts = scored(shifts, measures).select(*CARRIED, *CLASS, "utc_month", *scores)
    candidates = tables.kept(ahead(shifts, [*CLASS, *_narrowest(scopes)], scores))
    found = tables.kept(_marks_of_all(tables, candidates, measures, scopes))
    return _with_names(found.mutate(value=found.score.abs().cast(VALUE)), tables)


def scored(shifts: ir.Table, measures: tuple[Measure, ...]) -> ir.Table:
    """Adds a column for each measure, the higher the better, and `tie`, which orders vague starts behind precise ones."""
    tie = ibis.ifelse(shifts.precision.isnull(), ibis.literal(0, "int64"), shifts.first_entry + 1)
    rates = {"rate_per_hour", "rate_per_labour_hour"} & set(measures)
    scores: dict[str, ir.Value] = {}
    if rates:
        shifts = _rated(shifts)
        scores |= {f"{name}_score": shifts[name] for name in rates}
    if "quantity" in measures:
        scores["quantity_score"] = ibis.ifelse(shifts.lower, -shifts.quantity, shifts.quantity)
    for name in ACROSS_JOBS:
        if name in measures:
            scores[f"{name}_score"] = shifts[name]
    return shifts.mutate(tie=tie, **scores)


def _rated(shifts: ir.Table) -> ir.Table:
    """Adds both rates, where more is better; who works alone has one labour hour an hour."""
    alone = shifts.alone & ~shifts.by_crew
    hours = ibis.ifelse(shifts.lower, ibis.null("decimal(12, 6)"), shifts.hours)
    labour = ibis.ifelse(shifts.lower | alone, ibis.null("decimal(24, 9)"), shifts.labour_hours)
    shifts = shifts.mutate(hourly=near(shifts.quantity, hours), labourly=near(shifts.quantity, labour))
    shifts = shifts.mutate(rate_per_hour=settled(shifts.hourly, shifts.quantity, shifts.hours))
    shared = settled(shifts.labourly, shifts.quantity, shifts.labour_hours)
    return shifts.mutate(rate_per_labour_hour=ibis.ifelse(alone, shifts.rate_per_hour, shared))


def ahead(shifts: ir.Table, keys: list[str], scores: list[str]) -> ir.Table:
    """Shifts that are better, in some score, than everything of their class in the months before, with those bests."""
    best = shifts.group_by(*keys, "utc_month").agg(**{name: shifts[name].max() for name in scores})
    earlier = ibis.window(group_by=keys, order_by="utc_month", preceding=(None, 1))
    best = best.select(*keys, "utc_month", **{f"{name}_before": best[name].max().over(earlier) for name in scores})
    best = best.rename(lambda name: f"{name}_" if name in (*keys, "utc_month") else name)
    joined = shifts.left_join(best, [shifts[name] == best[f"{name}_"] for name in (*keys, "utc_month")])
    better = [_beats(shifts[name], best[f"{name}_before"]) for name in scores]
    kept = joined.select(
        *(shifts[name] for name in shifts.columns),
        *(best[f"{name}_before"] for name in scores),
        _better=ibis.or_(*better),
    )
    return kept.view().filter(lambda t: t._better)


def _beats(score: ir.DecimalValue, before: ir.DecimalValue) -> ir.BooleanValue:
    return score.notnull() & ibis.coalesce(score > before, True)


def _narrowest(scopes: tuple[Scope, ...]) -> list[str]:
    """The keys beside `CLASS` of a class that every wanted one is made of."""
    worker = ["party_key"] if "worker" in scopes else []
    return worker + (["site_key"] if {"site", "industry"} & set(scopes) or (worker and "all" in scopes) else [])


WITHIN: dict[Scope, str | None] = {"worker": "party_key", "site": "site_key", "industry": "industry", "all": None}
"""The column that tells the classes of a scope apart; from the narrowest scope on."""


def _marks_of_all(
    tables: Tables, candidates: ir.Table, measures: tuple[Measure, ...], scopes: tuple[Scope, ...]
) -> ir.Table:
    """The marks of every wanted class, one table beneath the other."""
    site = tables.site.select(at_site="key", industry="industry")
    candidates = candidates.left_join(site, candidates.site_key == site.at_site).drop("at_site").view()
    each = [_of_measure(candidates, measure) for measure in measures]
    rows = tables.kept(ibis.union(*each) if len(each) > 1 else each[0])
    found: list[ir.Table] = []
    source = rows
    for scope in (scope for scope in WITHIN if scope in scopes):
        searched = rows.filter(~rows.by_crew) if scope == "worker" else source
        within = [column] if (column := WITHIN[scope]) else []
        marks = tables.kept(firsts(searched, [*CLASS, "measure", *within]))
        found.append(_in_class(marks, scope, with_job=True))
        if scope != "worker":
            source = marks
        if set(measures) & set(ACROSS_JOBS):
            across = marks.filter(marks.measure.isin(ACROSS_JOBS))
            found.append(_in_class(firsts(across, ["single", "long", "measure", *within]), scope, with_job=False))
    return ibis.union(*found) if len(found) > 1 else found[0]


def _of_measure(candidates: ir.Table, measure: Measure) -> ir.Table:
    score = candidates[f"{measure}_score"]
    rows = candidates.filter(_beats(score, candidates[f"{measure}_score_before"]))
    return rows.select(*CARRIED, *CLASS, "industry", measure=ibis.literal(measure), score=score.cast(VALUE))


def firsts(rows: ir.Table, keys: list[str]) -> ir.Table:
    """The rows that beat all of their class that started before: as good as the best so far, and the first that were."""
    so_far = ibis.window(group_by=keys, order_by=["started", "tie"], range=(None, 0))
    best = rows.mutate(_best=rows.score.max().over(so_far)).filter(lambda t: t.score == t._best).drop("_best")
    same = ibis.window(group_by=[*keys, "score"], order_by=["started", "tie"])
    return best.mutate(_first=ibis.rank().over(same)).filter(lambda t: t._first == 0).drop("_first")


def _in_class(marks: ir.Table, scope: Scope, with_job: bool) -> ir.Table:
    """Adds the class that the marks were found in, and what beat them."""
    keys = [
        *(["job_key"] if with_job else []),
        "single",
        "long",
        "measure",
        *([WITHIN[scope]] if WITHIN[scope] else []),
    ]
    order = [
        "started",
        "tie",
        "first_entry",
    ]  # any_value takes the first that is there: of the next step, not of those who share
    before = ibis.window(group_by=keys, order_by=order)
    beside = (marks.started.lag().over(before) == marks.started) & (marks.tie.lag().over(before) == marks.tie)
    marks = marks.mutate(_new=~ibis.coalesce(beside, False))
    after = ibis.window(group_by=keys, order_by=order, rows=(1, None))
    return marks.mutate(
        of_job=ibis.literal(with_job), scope=ibis.literal(scope),
        beater=ibis.ifelse(marks._new, marks.entry, ibis.null("int64")).arbitrary().over(after),
        beaten_on=ibis.ifelse(marks._new, marks.day, ibis.null("date")).arbitrary().over(after),
    ).drop("_new")  # fmt: skip


def _with_names(marks: ir.Table, tables: Tables) -> ir.Table:
    """From keys to ids, for the shifts that set a mark."""
    setters = marks.select("entry").distinct()
    ids = tables.kept(tables.shift.select("entry", "id").semi_join(setters, "entry"))
    of_shift, of_beater = ids.rename(at_entry="entry"), ids.select(by_entry="entry", beaten_by="id")
    job, site = tables.job.select(of_key="key", job="id"), tables.site.select(at_key="key", site="id")
    worker = tables.worker.select(by_worker="key", worker="id").distinct()
    crew = tables.crew.select(by_crew_key="key", crew="id").distinct()
    joined = (
        marks.left_join(of_shift, marks.entry == of_shift.at_entry)
        .left_join(of_beater, marks.beater == of_beater.by_entry)
        .left_join(job, marks.job_key == job.of_key)
        .left_join(site, marks.site_key == site.at_key)
        .left_join(worker, marks.party_key == worker.by_worker)
        .left_join(crew, marks.party_key == crew.by_crew_key)
    )
    nobody = ibis.null("string")
    within = {"worker": worker.worker, "site": site.site, "industry": marks.industry}
    return joined.select(
        *(marks[name] for name in marks.columns if name != "beater"),
        *(of_shift.id, of_beater.beaten_by, job.job, site.site, worker.worker, crew.crew),
        class_job=ibis.ifelse(marks.of_job, job.job, nobody),
        within=ibis.cases(*((marks.scope == scope, name) for scope, name in within.items()), else_=nobody),
    ).view()


def _told(marks: ir.Table) -> ir.Table:
    """The columns as declared."""
    stood = ibis.greatest(marks.beaten_on.delta(marks.day, unit="day"), 0)
    return marks.mutate(
        job=marks.class_job, shift=marks.id, set_on=marks.day, holder=ibis.ifelse(marks.single, "single", "crew"),
        length=ibis.ifelse(marks.long, "period", "shift"),
        days_stood=ibis.ifelse(marks.beaten_on.isnull(), ibis.null("int64"), stood),
    )  # fmt: skip
