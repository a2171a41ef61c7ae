"""Honours: what each rule gives to whom, on which entries; what was granted; and what has lost its basis.

A rule gives its honour to whoever set a record of a class (`record`), or to whoever reached a measure over a period (`at_least`), with
shifts that started while the rule was in force. An honour was *earned* when its rule holds as known now; it has *lost its basis* when it
was earned on the figures as reported and is not on the figures as judged since. An award was *granted*; it loses its basis when its rule
no longer gives it for those shifts or, without a rule, when every shift it was for is annulled or has left its class: a single-handed
record found to have had helpers is single-handed no more.
"""

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from . import periods, records
from .arithmetic import EXPECTED, near, settled, share
from .attainment import judged
from .parameter import Parameter
from .standings import units

VALUE = records.VALUE
SCHEMA = ibis.schema(
    {
        "honour": "string", "status": "string", "rule": "string", "award": "int64", "worker": "string", "crew": "string",
        "measure": "string", "value": VALUE, "from": "date", "until": "date", "on": "date", "shift": "string",
        "entries": "array<int64>",
    }
)  # fmt: skip
COLUMNS = {
    "honour": "what was earned or granted",
    "status": "earned by a rule, granted by an award, or basis lost",
    "rule": "the rule it rests on",
    "award": "index of the award's entry, where it was granted",
    "worker": "who is honoured",
    "crew": "or which crew",
    "measure": "what the rule compares",
    "value": "what was reached",
    "from": "first day of the period in which it was reached; absent for a record, a single shift and all time",
    "until": "the day after the last of that period",
    "on": "the day of the record or the shift, or on which the award was granted",
    "shift": "the shift, where it rests on one",
    "entries": "indices of the shifts that it rests on",
}
PARAMETERS: tuple[Parameter, ...] = ()
EARNED = [
    "rule_entry",
    "rule",
    "honour",
    "worker",
    "crew",
    "party_key",
    "occasion",
    "measure",
    "value",
    "from",
    "until",
    "on",
    "shift",
    "entries",
]


def derive(tables: Tables) -> ir.Table:
    """One row per honour earned, granted or lost."""
    rules = tables.kept(_rules(tables))
    now = tables.kept(_given(tables, rules))
    reported = tables.kept(_given(tables.as_reported(), rules))
    earned = now.mutate(status=ibis.literal("earned"))
    lost = _lost(reported, now, tables).mutate(status=ibis.literal("basis lost"))
    given = earned.union(lost).mutate(award=ibis.null("int64"))
    table = given.select(*SCHEMA.names).union(_granted(tables, now).select(*SCHEMA.names))
    return table.order_by("honour", "on", "from", "award", "worker", "crew")


def _rules(tables: Tables) -> ir.Table:
    """Rules with their conditions as columns."""
    rule = tables.rule
    asked = rule.conditions
    names = ("measure", "at_least", "shifts_at_least", "job", "industry", "site", "holder", "length")
    return rule.select(
        rule_entry="entry", rule="id", honour="gives", begins="from", stops="until",
        period=ibis.coalesce(asked.period, "shift"), verified=ibis.coalesce(asked.verified_only, False),
        record=ibis.coalesce(asked.record, False), scope=ibis.coalesce(asked.scope, "all"),
        **{f"asked_{name}": asked[name] for name in names},
    )  # fmt: skip


def _given(tables: Tables, rules: ir.Table) -> ir.Table:
    """What the rules give on the figures of `tables`."""
    shifts = judged(tables)
    shifts = shifts.filter(shifts.status != "annulled")
    return _reached(shifts, tables, rules.filter(~rules.record)).union(
        _records_set(tables, shifts, rules.filter(rules.record))
    )


def _applies(shifts: ir.Table, rules: ir.Table) -> list[ir.BooleanValue]:
    """The conditions of a rule that a shift meets by itself."""
    holder = ibis.ifelse(shifts.single, "single", "crew")
    length = ibis.ifelse(shifts.long, "period", "shift")
    named = {"job": shifts.job, "industry": shifts.industry, "site": shifts.site, "holder": holder, "length": length}
    met = [
        ibis.coalesce(rules[f"asked_{name}"] == value, rules[f"asked_{name}"].isnull()) for name, value in named.items()
    ]
    met += [shifts.day >= rules.begins, ibis.coalesce(shifts.day < rules.stops, True)]
    return [*met, ~rules.verified | (shifts.status == "verified")]


# ---- a measure reached over a period


def _reached(shifts: ir.Table, tables: Tables, rules: ir.Table) -> ir.Table:
    shifts = periods.with_last_day(shifts, tables)
    unit = tables.held("units", lambda: units(tables))
    shifts = shifts.left_join(unit, shifts.job_key == unit.of_job).view()
    crossed = shifts.inner_join(rules, _applies(shifts, rules)).view()
    at = _occasion(crossed, crossed.day, crossed.month)
    whole = (at == _occasion(crossed, crossed.last_day, crossed.last_month)) & _precise(crossed)
    crossed = crossed.mutate(occasion=at).filter(whole)
    return _enough(_summed(crossed))


def _occasion(crossed: ir.Table, day: ir.DateValue, month: ir.IntegerValue) -> ir.IntegerValue:
    """The number of the period of the rule that holds a day; for rules about single shifts the place of the shift."""
    each = [(crossed.period == name, periods.number(day, month, name)) for name in periods.PERIODS]
    return ibis.cases((crossed.period == "shift", crossed.first_entry), *each)


def _precise(crossed: ir.Table) -> ir.BooleanValue:
    each = [(crossed.period == name, periods.precise_enough(crossed.precision, name)) for name in periods.PERIODS]
    return ibis.cases(*each, else_=True)


def _summed(crossed: ir.Table) -> ir.Table:
    """One row per rule, party and period with what the measure divides, over the shifts that have it."""
    measure = crossed.asked_measure
    wide = crossed.quantity.cast(EXPECTED)
    one = ibis.literal(1, "int64").cast(EXPECTED)
    rate = measure.isin(["rate_per_hour", "rate_per_labour_hour"])
    higher = ibis.ifelse(crossed.lower, ibis.null(EXPECTED), wide)
    crossed = crossed.mutate(
        top=ibis.ifelse(crossed.lower, crossed.expected, wide),
        bottom=ibis.ifelse(crossed.lower, wide, crossed.expected),
    )
    shared_top = ibis.ifelse(crossed.alone, crossed.top, share(crossed.top, crossed.own, crossed.labour_hours))
    above = ibis.cases(
        (measure == "quantity", wide), (rate, higher), (measure == "attainment", crossed.top), else_=shared_top
    )
    hours = ibis.ifelse(measure == "rate_per_hour", crossed.hours.cast(EXPECTED), crossed.labour_hours.cast(EXPECTED))
    below = ibis.cases((measure == "quantity", one), (rate, hours), else_=crossed.bottom)
    figure = ibis.cases(
        (measure == "attainment", crossed.attainment), (measure == "labour_attainment", crossed.labour_attainment)
    )
    crossed = crossed.mutate(above=above, below=below, figure=figure)
    known = crossed.above.notnull() & crossed.below.notnull()
    return crossed.group_by("rule_entry", "party_key", "occasion").agg(
        **{
            name: crossed[name].arbitrary()
            for name in ("rule", "honour", "worker", "crew", "period", "asked_shifts_at_least", "asked_at_least")
        },
        measure=measure.arbitrary(),
        shifts=crossed.count(),
        known=crossed.count(where=known),
        above=crossed.above.sum(where=known),
        below=crossed.below.sum(where=known),
        total=crossed.figure.sum(),
        figures=crossed.figure.count(),
        alike=crossed.unit_key.min() == crossed.unit_key.max(),
        day=crossed.day.min(),
        shift=crossed.id.argmin(crossed.first_entry),
        entries=crossed.entry.collect(order_by=crossed.first_entry),
    )


def _enough(sums: ir.Table) -> ir.Table:
    """The rows that reach what their rule asks."""
    ratio = sums.measure.isin(records.ACROSS_JOBS)
    by_mean = ratio & (~sums.alike | (sums.known == 1))
    above = ibis.cases((by_mean, sums.total.try_cast(EXPECTED)), (sums.alike, sums.above.try_cast(EXPECTED)))
    below = ibis.cases(
        (by_mean, sums.figures.cast(EXPECTED)),
        (sums.measure == "quantity", ibis.literal(1, "int64").cast(EXPECTED)),
        else_=sums.below.try_cast(EXPECTED),
    )
    sums = sums.mutate(top=above, bottom=below)
    sums = sums.mutate(close=near(sums.top, sums.bottom))
    value = ibis.ifelse(
        sums.measure == "quantity", sums.top.try_cast(VALUE), settled(sums.close, sums.top, sums.bottom).cast(VALUE)
    )
    sums = sums.mutate(value=value)
    sums = sums.filter(sums.value >= sums.asked_at_least, sums.shifts >= ibis.coalesce(sums.asked_shifts_at_least, 0))
    start, end = (_boundary(sums, ahead) for ahead in (0, 1))
    alone = sums.period == "shift"
    return sums.mutate(
        on=ibis.ifelse(alone, sums.day, ibis.null("date")), shift=ibis.ifelse(sums.shifts == 1, sums.shift, ibis.null("string")),
        **{"from": start, "until": end},
    ).select(*EARNED)  # fmt: skip


def _boundary(sums: ir.Table, ahead: int) -> ir.DateValue:
    each = [
        (sums.period == name, periods.start_of(sums.occasion + ahead, name))
        for name in periods.PERIODS
        if name != "all"
    ]
    return ibis.cases(*each, else_=ibis.null("date"))


# ---- records


def _records_set(tables: Tables, shifts: ir.Table, rules: ir.Table) -> ir.Table:
    """A row for each record that a rule honours. Shifts of jobs that no rule about records speaks of are left out first."""
    jobs = rules.select("asked_job").distinct()
    spoken = shifts.semi_join(jobs, ibis.coalesce(jobs.asked_job == shifts.job, jobs.asked_job.isnull())).view()
    marks = records.marks(tables, spoken, records.MEASURES, records.SCOPES)
    marks = marks.filter(marks.class_job.notnull())
    met = [marks.measure == rules.asked_measure, marks.scope == rules.scope, *_applies(marks, rules)]
    joined = marks.inner_join(rules, [*met, ibis.coalesce(marks.value >= rules.asked_at_least, True)])
    nothing = ibis.null("date")
    return joined.mutate(
        occasion=marks.first_entry,
        on=marks.day,
        shift=marks.id,
        entries=ibis.array([marks.entry]),
        **{"from": nothing, "until": nothing},
    ).select(*EARNED)


# ---- what does not hold any more


def _lost(reported: ir.Table, now: ir.Table, tables: Tables) -> ir.Table:
    """What the rules gave on the figures as reported and do not give now, because of a verdict that came after the rule."""
    same = [reported[name] == now[name] for name in ("rule_entry", "party_key", "occasion")]
    lost = reported.anti_join(now, same)
    newest = tables.verdict.aggregate(newest=tables.verdict.entry.max())
    return lost.cross_join(newest).filter(lambda t: t.newest > t.rule_entry).select(*EARNED)


# ---- awards


def _granted(tables: Tables, now: ir.Table) -> ir.Table:
    """One row per award, with whether its basis holds."""
    award = tables.award
    basis = tables.kept(_basis(tables, now))
    rule = tables.rule.select(by_rule="id", gives="gives")
    party = ibis.coalesce(award.worker, award.crew)
    kept = now.select(kept_rule="rule", kept_worker="worker", kept_crew="crew").distinct()
    holds = award.semi_join(
        kept,
        [
            award.rule == kept.kept_rule,
            party == ibis.coalesce(kept.kept_worker, kept.kept_crew),
            award.worker.isnull() == kept.kept_worker.isnull(),
        ],
    )
    holding = holds.select(held="entry").distinct()
    joined = award.left_join(basis, award.entry == basis.of_award).left_join(rule, award.rule == rule.by_rule)
    joined = joined.left_join(holding, award.entry == holding.held)
    by_rule = ibis.ifelse(award["for"].isnull(), holding.held.notnull(), ibis.coalesce(basis.still_earned, False))
    freely = ibis.coalesce(basis.still_standing, True)
    kept_up = ibis.ifelse(award.rule.notnull(), by_rule, freely)
    nothing = ibis.null("date")
    return joined.select(
        honour=ibis.coalesce(award.name, rule.gives), status=ibis.ifelse(kept_up, "granted", "basis lost"), rule=award.rule,
        award=award.entry, worker=award.worker, crew=award.crew, measure=ibis.null("string"), value=ibis.null(VALUE),
        on=award.on, entries=basis.entries, shift=ibis.ifelse(award["for"].length() == 1, award["for"][0], ibis.null("string")),
        **{"from": nothing, "until": nothing},
    ).view()  # fmt: skip


def _basis(tables: Tables, now: ir.Table) -> ir.Table:
    """For each award that names shifts: their entries, whether its rule still gives it for one, and whether one still stands."""
    award = tables.award
    named = award.select(
        of_award="entry", of_rule="rule", to_worker="worker", to_crew="crew", named=award["for"].unnest()
    )
    as_judged = judged(tables).select("id", "entry", "status", "single")
    shifts = as_judged.semi_join(named, as_judged.id == named.named).view()
    was = tables.shift.select(was_id="id", was_single=_reported_single(tables.shift))
    was = was.semi_join(named, was.was_id == named.named).view()
    earned = now.select(by_rule="rule", by_worker="worker", by_crew="crew", on_entry=now.entries.unnest()).view()
    joined = named.left_join(shifts, named.named == shifts.id).left_join(was, named.named == was.was_id).view()
    same = [
        joined.of_rule == earned.by_rule,
        joined.entry == earned.on_entry,
        ibis.coalesce(joined.to_worker == earned.by_worker, joined.to_crew == earned.by_crew),
    ]
    joined = joined.left_join(earned, same)
    stands = ibis.coalesce((joined.status != "annulled") & (joined.single == joined.was_single), False)
    return joined.group_by("of_award").agg(
        entries=joined.entry.collect(distinct=True).sort(),
        still_earned=joined.on_entry.notnull().any(),
        still_standing=stands.any(),
    )


def _reported_single(shift: ir.Table) -> ir.BooleanValue:
    more = ibis.coalesce(shift.labour_hours > shift.hours, False)
    return shift.crew.isnull() & (ibis.coalesce(shift.helper_count, 0) == 0) & ~more
