"""Records: who held the mark of each class, from when to when.

A class is a job, a measure, a scope (all, an industry, a site, a worker), a holder (single: one worker with no stated helper; crew: the
rest) and a length (shift; period: a report of more than 24 hours). A shift is a record when it is strictly better than everything of
its class that started before. Of shifts with equal start only the best counts, and equal bests share the mark; starts known only by
month or year stand after the precise ones of that moment, ordered by index. Rates exist where more is better. Attainment and labour
attainment have records across all jobs too (`job` is absent there).

Scopes nest: a record of an industry is a record of its site, and of (job, site, party). So one pass takes the bests of each stretch of
days in the narrowest class that is wanted; only shifts that beat the stretches before can be records, and each scope is searched among
those of the narrower one. Each stretch is twice as long as the one before, since a class sees fewer and fewer records. What is measured
stays side by side in one row of each shift, where one window finds the marks of all measures.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

import ibis
import ibis.expr.types as ir

from ..tables import Tables, collect
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
KEY = ("job", "measure", "scope", "within", "holder", "length", "shift")
FIRST = (
    "job", "measure", "scope", "value", "worker", "crew", "within", "holder", "set_on", "shift", "beaten_on", "beaten_by",
)  # fmt: skip
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
    shifts = _eligible(judged(tables, keep=True), job, holder, length)
    found = marks(tables, shifts, MEASURES if measure is None else (measure,), _scopes(scope))
    found = _told(found.filter(found.beaten_by.isnull()) if standing else found)
    return found.order_by("in_order", "started", "entry").select(*SCHEMA.names)


def unordered(tables: Tables, scope: Scope | None = None) -> ir.Table:
    """The same rows for who puts them away: of one scope, or of all."""
    shifts = _eligible(judged(tables, keep=True), None, None, None)
    return _told(marks(tables, shifts, MEASURES, _scopes(scope), ordered=False)).select(*SCHEMA.names)


def _scopes(scope: Scope | None) -> tuple[Scope, ...]:
    return SCOPES if scope is None else (scope,)


def _eligible(shifts: ir.Table, job: str | None, holder: Holder | None, length: Length | None) -> ir.Table:
    shifts = shifts.filter(shifts.status != "annulled")
    if job is not None:
        shifts = shifts.filter(shifts.job == job)
    if holder is not None:
        shifts = shifts.filter(shifts.single == (holder == "single"))
    if length is not None:
        shifts = shifts.filter(shifts.long == (length == "period"))
    return shifts


def marks(
    tables: Tables,
    shifts: ir.Table,
    measures: tuple[Measure, ...],
    scopes: tuple[Scope, ...],
    ordered: bool = True,
) -> ir.Table:
    """Every mark among judged shifts, with its class (`job`, `measure`, `scope`, `within`, `single`, `long`), `value` and end.

    All measures of a shift stay side by side in one row until the marks are found. `ordered` adds `in_order`, to sort by.
    """
    score = scored(shifts, measures, first_day(tables.shift))
    rows = tables.kept(score.select(*CARRIED, *CLASS, "stretch", *measures))
    candidates = tables.kept(_candidates(tables, rows, measures, scopes))
    let_go(rows)
    found = tables.kept(_marks(tables, candidates, measures, scopes))
    return _with_names(_by_measure(found, measures), found, tables, ordered)


def let_go(step: ir.Table) -> None:
    """Gives back the memory of a large step that nothing refers to any more."""
    backend = step.get_backend()
    backend.con.execute(f"DROP TABLE {step.get_name()}")


def first_day(shifts: ir.Table) -> date:
    """The UTC day of the first shift."""
    first = collect(shifts.aggregate(first=shifts.started.min().date())).to_pylist()[0]["first"]
    return first or date.min


def scored(shifts: ir.Table, measures: tuple[Measure, ...], first: date) -> ir.Table:
    """Turns each measure into a score, the higher the better, and adds

    `stretch`, which numbers the stretches of days since the `first`, each twice as long as the one before (what is earlier still belongs
    to the first of them), and `tie`, which orders vague starts behind precise ones.
    """
    scores: dict[str, ir.Value] = {}
    if {"rate_per_hour", "rate_per_labour_hour"} & set(measures):
        shifts = _rated(shifts, measures)
    if "quantity" in measures:
        scores["quantity"] = ibis.ifelse(shifts.lower, -shifts.quantity, shifts.quantity)
    days = ibis.greatest(shifts.started.date().delta(ibis.literal(first), unit="day") + 1, 1)
    return shifts.mutate(
        stretch=days.log2().floor().cast("int8"),
        tie=ibis.ifelse(shifts.precision.isnull(), ibis.literal(0, "int64"), shifts.first_entry + 1),
        **scores,
    )


def _rated(shifts: ir.Table, measures: tuple[Measure, ...]) -> ir.Table:
    """Adds the rates, where more is better; who works alone has one labour hour an hour."""
    hours = ibis.ifelse(shifts.lower, ibis.null("decimal(12, 6)"), shifts.hours)
    shifts = shifts.mutate(hourly=near(shifts.quantity, hours))
    shifts = shifts.mutate(rate_per_hour=settled(shifts.hourly, shifts.quantity, shifts.hours))
    if "rate_per_labour_hour" not in measures:
        return shifts
    alone = shifts.alone & ~shifts.by_crew
    labour = ibis.ifelse(shifts.lower | alone, ibis.null("decimal(24, 9)"), shifts.labour_hours)
    shifts = shifts.mutate(labourly=near(shifts.quantity, labour))
    shared = settled(shifts.labourly, shifts.quantity, shifts.labour_hours)
    return shifts.mutate(rate_per_labour_hour=ibis.ifelse(alone, shifts.rate_per_hour, shared))


def ahead(shifts: ir.Table, best: ir.Table, keys: list[str], scores: Iterable[str]) -> ir.Table:
    """Shifts that are better, in some score, than everything of their class in the stretches before; `best` has the bests of each."""
    before = ibis.window(group_by=keys, order_by="stretch", preceding=(None, 1))
    earlier = best.group_by(*keys, "stretch").agg(**{name: best[name].max() for name in scores})
    earlier = earlier.select(
        *keys, "stretch", **{f"{name}_before": earlier[name].max().over(before) for name in scores}
    )
    joined = shifts.inner_join(earlier, [*keys, "stretch"])
    better = [_beats(joined[name], joined[f"{name}_before"]) for name in scores]
    return joined.filter(ibis.or_(*better)).select(*shifts.columns)


def _beats(score: ir.DecimalValue, before: ir.DecimalValue) -> ir.BooleanValue:
    return score.notnull() & ibis.coalesce(score > before, True)


WITHIN: dict[Scope, str | None] = {"worker": "party_key", "site": "site_key", "industry": "industry_key", "all": None}
"""The column that tells the classes of a scope apart; from the narrowest scope on."""
GROUP = ["scope", "within"]
MOST_JOBS, MOST_NAMES = 2**24, 2**32
"""So many jobs, and names within a scope, one number has room for: sixteen million and four billion."""


def _candidates(tables: Tables, shifts: ir.Table, measures: tuple[Measure, ...], scopes: tuple[Scope, ...]) -> ir.Table:
    """Rows that may be marks of a worker, or in the narrowest of the other scopes, with their `place` in the order of starts."""
    industry = tables.site.select(site_key="key", industry_key=_industry_key(tables.site))
    wide = _wide(scopes)
    if "industry" in wide:
        shifts = shifts.inner_join(industry, "site_key").view()
    at = [name for scope in wide[:1] if (name := WITHIN[scope])]
    keys = [*CLASS, *(["party_key"] if "worker" in scopes else []), *at]
    best = tables.kept(shifts.group_by(*keys, "stretch").agg(**{name: shifts[name].max() for name in measures}))
    rows = tables.kept(placed(ahead(shifts, best, keys, measures)))
    found = [_in_scope(rows.filter(~rows.by_crew), "worker")] if "worker" in scopes else []
    found += [_in_scope(ahead(rows, best, [*CLASS, *at], measures), scope) for scope in wide[:1]]
    return beneath(found)


def _industry_key(site: ir.Table) -> ir.IntegerValue:
    """One number for the sites of an industry."""
    return site.key.min().over(ibis.window(group_by=site.industry))


def _wide(scopes: tuple[Scope, ...]) -> list[Scope]:
    """The wanted scopes in which many compete, from the narrowest on."""
    return [scope for scope in WITHIN if scope in scopes and scope != "worker"]


def _in_scope(rows: ir.Table, scope: Scope) -> ir.Table:
    """The rows as competing in a scope."""
    name = WITHIN[scope]
    within = rows[name] if name else ibis.literal(0, "int64")
    return rows.mutate(scope=ibis.literal(SCOPES.index(scope), "int8"), within=within)


def beneath(tables: Sequence[ir.Table]) -> ir.Table:
    """One table beneath the other."""
    return ibis.union(*tables) if len(tables) > 1 else tables[0]


def placed(rows: ir.Table) -> ir.Table:
    """Adds `place`, which orders by start: what started at the same moment has the same; and `line`, in the same order without equals."""
    place = ibis.rank().over(ibis.window(order_by=["started", "tie"]))
    line = ibis.row_number().over(ibis.window(order_by=["started", "tie", "first_entry"]))
    return rows.mutate(place=place, line=line)


def firsts(rows: ir.Table, keys: list[str], scores: Sequence[str]) -> ir.Table:
    """The rows that beat, in some score, all of their class that started before; where they do not, the score is absent."""
    so_far, before = (ibis.window(group_by=keys, order_by="place", range=(None, end)) for end in (0, -1))
    best = {f"{name}_best": rows[name].max().over(so_far) for name in scores}
    best |= {f"{name}_before": rows[name].max().over(before) for name in scores}
    table = rows.mutate(**best)
    first = {
        name: (table[name] == table[f"{name}_best"]) & _beats(table[name], table[f"{name}_before"]) for name in scores
    }
    marks = {name: ibis.ifelse(first[name], table[name], ibis.null(table[name].type())) for name in scores}
    others = [name for name in rows.columns if name not in scores]
    return table.filter(ibis.or_(*first.values())).select(*others, **marks)


def _marks(tables: Tables, candidates: ir.Table, measures: tuple[Measure, ...], scopes: tuple[Scope, ...]) -> ir.Table:
    """The marks of every wanted class, one beneath the other. A mark of a wider scope is one of the narrower too."""
    candidates = candidates.select(*(name for name in candidates.columns if name not in ("tie", "stretch", "by_crew")))
    narrow = tables.kept(firsts(candidates, [*GROUP, *CLASS], measures))
    found, wide = [narrow], _wide(scopes)
    if wide[1:]:
        source = narrow.filter(narrow.scope == SCOPES.index(wide[0]))
        wider = beneath([_in_scope(source, scope) for scope in wide[1:]])
        found.append(firsts(wider, [*GROUP, *CLASS], measures))
    shares = [name for name in ACROSS_JOBS if name in measures]
    if shares:
        by_job = tables.kept(beneath(found))
        nothing = {name: ibis.null(by_job[name].type()) for name in ("job_key", *measures) if name not in shares}
        rows = by_job.filter(ibis.or_(*(by_job[name].notnull() for name in shares))).mutate(**nothing)
        found = [by_job, firsts(rows, [*GROUP, "single", "long"], shares).select(*by_job.columns)]
    return beneath(found)


def _by_measure(marks: ir.Table, measures: tuple[Measure, ...]) -> ir.Table:
    """One row per mark and measure, with its `value` and the `next` mark's line: the first of the next place that has a mark."""
    after = ibis.window(group_by=[*GROUP, *CLASS], order_by="place", range=(1, None))
    following = {
        f"{name}_next": ibis.ifelse(marks[name].notnull(), marks.line, ibis.null("int64")).min().over(after)
        for name in measures
    }
    marks = marks.mutate(**following)
    kept = [name for name in marks.columns if name not in (*measures, *following, "place", "line", "industry_key")]
    each = [
        marks.filter(marks[name].notnull()).select(
            *kept, measure=ibis.literal(name), value=marks[name].abs().cast(VALUE), next=marks[f"{name}_next"]
        )
        for name in measures
    ]
    return beneath(each)


def _with_names(marks: ir.Table, setters: ir.Table, tables: Tables, ordered: bool) -> ir.Table:
    """From keys to ids, for the shifts that set a mark."""
    lines = setters.select(of_entry="entry", line="line", beaten_on="day").distinct()
    ids = tables.shift.select("entry", "id")
    known = tables.kept(lines.inner_join(ids, lines.of_entry == ids.entry).select("entry", "line", "beaten_on", "id"))
    setter, beater = known.select(at_entry="entry", shift="id"), known.select("line", "beaten_on", beaten_by="id")
    job, site, party = _names(tables, ordered)
    joined = (
        marks.inner_join(setter, marks.entry == setter.at_entry)
        .left_join(beater, marks.next == beater.line)
        .left_join(job, marks.job_key == job.of_key)
        .inner_join(site, marks.site_key == site.at_key)
        .inner_join(party, marks.party_key == party.party)
    )
    within: dict[Scope, ir.Value] = {"worker": party.worker, "site": site.site, "industry": site.industry}
    number = {name: marks.scope == SCOPES.index(name) for name in SCOPES}
    return joined.select(
        *(marks[name] for name in marks.columns if name not in ("scope", "within", "next")),
        *(setter.shift, beater.beaten_on, beater.beaten_by, job.job, site.site, party.worker, party.crew),
        scope=ibis.cases(*((number[name], name) for name in SCOPES)),
        within=ibis.cases(*((number[name], text) for name, text in within.items()), else_=ibis.null("string")),
        **({"in_order": _in_order(marks, job, site, party)} if ordered else {}),
    ).view()


def _names(tables: Tables, ordered: bool) -> tuple[ir.Table, ir.Table, ir.Table]:
    """The ids of jobs, sites and parties by their keys; `ordered` adds the place of each in the order of the ids."""
    nobody = ibis.null("string")
    job = tables.job.select(of_key="key", job="id")
    site = tables.site.select(at_key="key", site="id", industry="industry")
    worker = tables.worker.select(party="key", worker="id", crew=nobody)
    party = worker.union(tables.crew.select(party="key", worker=nobody, crew="id")).distinct()
    if ordered:
        job, party = job.mutate(job_place=_place(job.job)), party.mutate(worker_place=_place(party.worker))
        site = site.mutate(site_place=_place(site.site), industry_place=_place(site.industry))
    return job, site, party


def _place(name: ir.StringValue) -> ir.IntegerValue:
    return ibis.rank().over(ibis.window(order_by=name))


def _in_order(marks: ir.Table, job: ir.Table, site: ir.Table, party: ir.Table) -> ir.IntegerValue:
    """One number for each class, in the order of job, measure, scope, within, holder and length: far quicker to sort by than the names."""
    measure = ibis.cases(*((marks.measure == name, place) for place, name in enumerate(sorted(MEASURES))))
    places: dict[Scope, ir.Value] = {
        "worker": party.worker_place,
        "site": site.site_place,
        "industry": site.industry_place,
    }
    within = ibis.cases(*((marks.scope == SCOPES.index(name), place) for name, place in places.items()), else_=0)
    number = ibis.coalesce(job.job_place, MOST_JOBS - 1) * len(MEASURES) + measure
    number = (number * len(SCOPES) + marks.scope) * MOST_NAMES + within
    return number * 4 + marks.single.cast("int8") * 2 + (~marks.long).cast("int8")


def _told(marks: ir.Table) -> ir.Table:
    """The columns as declared."""
    stood = ibis.greatest(marks.beaten_on.delta(marks.day, unit="day"), 0)
    return marks.mutate(
        set_on=marks.day, holder=ibis.ifelse(marks.single, "single", "crew"), length=ibis.ifelse(marks.long, "period", "shift"),
        days_stood=ibis.ifelse(marks.beaten_on.isnull(), ibis.null("int64"), stood),
    )  # fmt: skip
