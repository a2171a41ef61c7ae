"""Honours: what each rule gives to whom, on which entries; what was granted; and what has lost its basis.

A rule gives its honour to whoever set a record of a class (`record`), or to whoever reached a measure over a period (`at_least`), with
shifts that started while the rule was in force. An honour was *earned* when its rule holds as known now; it has *lost its basis* when it
was earned on the figures as reported and is not on the figures as judged since. An award was *granted*; it loses its basis when its rule
no longer gives it for those shifts or, without a rule, when every shift it was for is annulled or has left its class: a single-handed
record found to have had helpers is single-handed no more.

Rules are few and each is searched by itself. Verdicts are few too: what was given as reported is looked for only where a shift under a
verdict has a part. So each shift stands in one table once, `BOTH` then and now; and those under a verdict twice, `NOW` and `THEN`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from ..tables import Tables, collect
from . import periods, records
from .arithmetic import EXPECTED, FIGURE, near, settled, share
from .attainment import judged
from .parameter import Parameter
from .standings import units

Rule = dict[str, Any]
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
KEY = ("honour", "rule", "award", "worker", "crew", "from", "on", "shift")
FIRST = ("honour", "status", "worker", "crew", "on", "from", "measure", "value", "until", "shift", "award")
PARAMETERS: tuple[Parameter, ...] = ()
BOTH, NOW, THEN = 0, 1, 2
"""Whether a row tells of a shift that nobody has ruled on, of one as judged now, or of one as reported before the verdict."""
OF_A_SHIFT = [
    "entry", "first_entry", "party_key", "by_crew", "job_key", "site_key", "started", "precision", "day", "month",
    "last_day", "last_month", "single", "long", "lower", "status",
]  # fmt: skip
OF_A_MEASURE = {
    "quantity": {"quantity"},
    "rate_per_hour": {"quantity", "hours"},
    "rate_per_labour_hour": {"quantity", "hours", "labour_hours", "alone"},
    "attainment": {"quantity", "expected", "attainment"},
    "labour_attainment": {"quantity", "expected", "labour_attainment", "own", "labour_hours", "alone"},
}
GIVEN = ["rule_entry", "as_reported", "party_key", "occasion", "value", "from", "until", "on", "entries"]


def derive(tables: Tables) -> ir.Table:
    """One row per honour earned, granted or lost."""
    rules = rules_of(tables)
    given = _given(tables, rules) if rules else _nothing(tables)
    now = given.filter(~given.as_reported)
    found = now.mutate(status=ibis.literal("earned"))
    if rules:
        found = found.union(_lost(given, now).mutate(status=ibis.literal("basis lost")))
    found = found.mutate(award=ibis.null("int64")).select(*SCHEMA.names)
    table = found.union(_granted(tables, now).select(*SCHEMA.names))
    return table.order_by("honour", "on", "from", "award", "worker", "crew")


def rules_of(tables: Tables) -> list[Rule]:
    """Rules with their conditions, and whether a verdict came after them."""
    rule, asked = tables.rule, tables.rule.conditions
    names = ("measure", "at_least", "shifts_at_least", "job", "industry", "site", "holder", "length")
    newest = tables.verdict.aggregate(newest=tables.verdict.entry.max())
    table = rule.select(
        rule_entry="entry", begins="from", stops="until",
        period=ibis.coalesce(asked.period, "shift"), verified=ibis.coalesce(asked.verified_only, False),
        record=ibis.coalesce(asked.record, False), scope=ibis.coalesce(asked.scope, "all"),
        **{name: asked[name] for name in names},
    ).cross_join(newest)  # fmt: skip
    table = table.mutate(questioned=ibis.coalesce(table.newest > table.rule_entry, False))
    found: list[Rule] = collect(table.order_by("rule_entry")).to_pylist()
    return found


def _given(tables: Tables, rules: list[Rule]) -> ir.Table:
    """What the rules give now, and where verdicts made a difference, what they gave before."""
    shifts = tables.kept(_shifts(tables, rules))
    first = records.first_day(shifts)
    each = []
    for rule in rules:
        known = shifts if rule["questioned"] else shifts.filter(shifts.when != THEN)
        each.append(_set(known, rule, first) if rule["record"] else _reached(known, rule))
    given = tables.kept(_named(records.beneath([table.select(*GIVEN) for table in each]), tables))
    records.let_go(shifts)
    return given


def marks(tables: Tables) -> ir.Table | None:
    """`entry`: the shifts that set a mark of the class that a rule honours, as judged or as reported, whether or not it was in force.

    None where no rule honours records.
    """
    rules = [rule for rule in rules_of(tables) if rule["record"]]
    if not rules:
        return None
    shifts = tables.kept(_shifts(tables, rules))
    first = records.first_day(shifts)
    return records.beneath([_marks(shifts, rule, first).select("entry") for rule in rules]).distinct()


def _shifts(tables: Tables, rules: list[Rule]) -> ir.Table:
    """What the rules look at, of each shift: those under a verdict `NOW` and `THEN`."""
    names = set().union(*(OF_A_MEASURE[rule["measure"]] for rule in rules))
    names |= {name for name in ("job", "industry", "site") if any(rule[name] is not None for rule in rules)}
    names |= {"industry"} if any(rule["scope"] == "industry" for rule in rules) else set()
    shifts = judged(tables)
    when = ibis.ifelse(shifts.verdict.isnull(), ibis.literal(BOTH, "int8"), ibis.literal(NOW, "int8"))
    found = shifts.mutate(when=when).filter(shifts.status != "annulled")
    if any(rule["questioned"] for rule in rules):
        then = tables.held("reported", lambda: reported(tables))
        found = found.union(then.mutate(when=ibis.literal(THEN, "int8")))
    unit = tables.held("units", lambda: units(tables))
    found = periods.with_last_day(found.view(), tables)
    return found.left_join(unit, found.job_key == unit.of_job).select(
        *(found[name] for name in (*OF_A_SHIFT, *sorted(names), "when")), unit.unit_key
    )


def reported(tables: Tables) -> ir.Table:
    """The shifts under a verdict, judged as reported before it."""
    ruled = tables.verdict.select(ruled="shift").distinct()
    shift = tables.kept(tables.shift.semi_join(ruled, tables.shift.id == ruled.ruled))
    return judged(replace(tables.as_reported(), shift=shift))


def _fitting(shifts: ir.Table, rule: Rule, names: Iterable[str]) -> ir.Table:
    """The shifts that meet some of the conditions of a rule which a shift meets by itself."""
    met = {
        "holder": lambda: shifts.single == (rule["holder"] == "single"),
        "length": lambda: shifts.long == (rule["length"] == "period"),
        "stops": lambda: shifts.day < rule["stops"],
    }
    asked = [name for name in names if rule[name] is not None]
    conditions = [met[name]() if name in met else shifts[name] == rule[name] for name in asked]
    return shifts.filter(*conditions) if conditions else shifts


def _in_force(shifts: ir.Table, rule: Rule) -> ir.Table:
    """The shifts that started while a rule was in force, where and as it asks."""
    shifts = shifts.filter(shifts.day >= rule["begins"])
    shifts = shifts.filter(shifts.status == "verified") if rule["verified"] else shifts
    return _fitting(shifts, rule, ("industry", "site", "stops"))


OF_A_CLASS = ("job", "holder", "length")


# ---- a measure reached over a period


def _reached(shifts: ir.Table, rule: Rule) -> ir.Table:
    """Who reached a measure, on which entries."""
    shifts = _in_force(_fitting(shifts, rule, OF_A_CLASS), rule)
    if rule["period"] == "shift":
        return _by_one(shifts, rule)
    period: periods.Period = rule["period"]
    at = periods.number(shifts.day, shifts.month, period)
    whole = at == periods.number(shifts.last_day, shifts.last_month, period)
    shifts = shifts.mutate(occasion=at).filter(whole & periods.precise_enough(shifts.precision, period))
    keys = ["as_reported", "party_key", "occasion"]
    shifts = _then_and_now(_divided(shifts, rule), rule, keys[1:])
    enough = _enough(_summed(shifts, keys), rule).select(*keys, "value")
    joined = shifts.inner_join(enough, keys)
    gathered = joined.group_by(*keys).agg(
        value=joined.value.arbitrary(), entries=joined.entry.collect(order_by=joined.first_entry)
    )
    return _as_given(gathered, rule)


def _then_and_now(shifts: ir.Table, rule: Rule, keys: list[str]) -> ir.Table:
    """Adds `as_reported`; the rows of whatever holds a shift under a verdict stand there as reported too."""
    now = shifts.filter(shifts.when != THEN).mutate(as_reported=False)
    if not rule["questioned"]:
        return now
    touched = shifts.filter(shifts.when != BOTH).select(*keys).distinct()
    beside = shifts.filter(shifts.when == BOTH).semi_join(touched, keys).mutate(as_reported=True)
    return ibis.union(now, shifts.filter(shifts.when == THEN).mutate(as_reported=True), beside)


def _divided(shifts: ir.Table, rule: Rule) -> ir.Table:
    """Adds what the measure divides, `above` and `below`, and each shift's own `figure`."""
    measure, lower = rule["measure"], shifts.lower
    wide = shifts.quantity.cast(EXPECTED)
    if measure == "quantity":
        return shifts.mutate(above=wide, below=ibis.literal(1, "int64"), figure=ibis.null(FIGURE))
    if measure not in records.ACROSS_JOBS:
        hours = shifts.hours if measure == "rate_per_hour" else shifts.labour_hours
        above = ibis.ifelse(lower, ibis.null(EXPECTED), wide)
        return shifts.mutate(above=above, below=hours.cast(EXPECTED), figure=ibis.null(FIGURE))
    above, below = ibis.ifelse(lower, shifts.expected, wide), ibis.ifelse(lower, wide, shifts.expected)
    if measure == "labour_attainment":
        above = ibis.ifelse(shifts.alone, above, share(above, shifts.own, shifts.labour_hours))
    return shifts.mutate(above=above, below=below, figure=shifts[measure])


def _summed(shifts: ir.Table, keys: list[str]) -> ir.Table:
    """One row per party and period with what the measure divides, over the shifts that have it."""
    known = shifts.above.notnull() & shifts.below.notnull()
    return shifts.group_by(*keys).agg(
        shifts=shifts.count(),
        known=shifts.count(where=known),
        above=shifts.above.sum(where=known),
        below=shifts.below.sum(where=known),
        total=shifts.figure.sum(),
        figures=shifts.figure.count(),
        alike=shifts.unit_key.min() == shifts.unit_key.max(),
    )


def _enough(sums: ir.Table, rule: Rule) -> ir.Table:
    """The rows that reach what their rule asks, with the `value` they reach."""
    if rule["shifts_at_least"]:
        sums = sums.filter(sums.shifts >= rule["shifts_at_least"])
    above, below = ibis.ifelse(sums.alike, sums.above, ibis.null(sums.above.type())).try_cast(EXPECTED), sums.below
    if rule["measure"] == "quantity":
        sums = sums.mutate(value=above.try_cast(VALUE))
    else:
        if rule["measure"] in records.ACROSS_JOBS:  # the sum of one is the figure of that one
            by_mean = ~sums.alike | (sums.known == 1)
            above = ibis.ifelse(by_mean, sums.total.try_cast(EXPECTED), above)
            below = ibis.ifelse(by_mean, sums.figures.cast(below.type()), below)
        sums = sums.mutate(top=above, bottom=below.try_cast(EXPECTED))
        sums = sums.mutate(close=near(sums.top, sums.bottom))
        sums = sums.mutate(value=settled(sums.close, sums.top, sums.bottom).cast(VALUE))
    return sums.filter(sums.value >= rule["at_least"])


def _by_one(shifts: ir.Table, rule: Rule) -> ir.Table:
    """The single shifts that reach what a rule asks."""
    if (rule["shifts_at_least"] or 0) > 1:
        shifts = shifts.filter(False)
    if rule["measure"] in records.ACROSS_JOBS:
        shifts = shifts.filter(shifts[rule["measure"]] >= rule["at_least"])
    shifts = _divided(shifts, rule)
    one = ibis.literal(1, "int64")
    each = shifts.mutate(
        shifts=one, known=(shifts.above.notnull() & shifts.below.notnull()).cast("int64"), total=shifts.figure,
        figures=shifts.figure.notnull().cast("int64"), alike=ibis.literal(True), as_reported=shifts.when == THEN,
        occasion=shifts.first_entry, entries=ibis.array([shifts.entry]),
    )  # fmt: skip
    return _as_given(_enough(each, rule), rule)


def _as_given(table: ir.Table, rule: Rule) -> ir.Table:
    """Adds the rule, and the days that it speaks of."""
    nothing, period = ibis.null("date"), rule["period"]
    start = end = nothing
    if not rule["record"] and period not in ("shift", "all"):
        start, end = (periods.start_of(table.occasion + ahead, period) for ahead in (0, 1))
    on = table.day if "day" in table.columns else nothing
    return table.mutate(rule_entry=ibis.literal(rule["rule_entry"], "int64"), on=on, **{"from": start, "until": end})


# ---- records


def _set(shifts: ir.Table, rule: Rule, first: date) -> ir.Table:
    """The records that a rule honours."""
    marks = _in_force(_marks(shifts, rule, first), rule)
    marks = marks.mutate(value=marks[rule["measure"]].abs().cast(VALUE))
    marks = marks if rule["at_least"] is None else marks.filter(marks.value >= rule["at_least"])
    return _as_given(marks.mutate(occasion=marks.first_entry, entries=ibis.array([marks.entry])), rule)


def _marks(shifts: ir.Table, rule: Rule, first: date) -> ir.Table:
    """The marks of a rule's class.

    What others beat in an earlier month is no record. Those others count only if nobody has ruled on them, since they count twice.
    """
    rows = _fitting(shifts, rule, OF_A_CLASS)
    rows = rows.filter(~rows.by_crew) if rule["scope"] == "worker" else rows
    within = "industry" if rule["scope"] == "industry" else records.WITHIN[rule["scope"]]
    keys = [*records.CLASS, *([within] if within else [])]
    measure = rule["measure"]
    rows = records.scored(rows, (measure,), first).filter(lambda t: t[measure].notnull())
    calm = rows.filter(rows.when == BOTH)
    found = records.ahead(calm, calm, keys, [measure])
    worlds = [records.beneath([found, rows.filter(rows.when == NOW)]).mutate(as_reported=False)]
    if rule["questioned"]:
        worlds.append(records.beneath([found, rows.filter(rows.when == THEN)]).mutate(as_reported=True))
    return records.firsts(records.placed(records.beneath(worlds)), [*keys, "as_reported"], [measure])


# ---- who, and under what name


def _named(given: ir.Table, tables: Tables) -> ir.Table:
    """Adds the honour, its rule, and from keys to ids."""
    rule = tables.rule.select(at_rule="entry", rule="id", honour="gives", measure=tables.rule.conditions.measure)
    worker = tables.worker.select(by_worker="key", worker="id").distinct()
    crew = tables.crew.select(by_crew="key", crew="id").distinct()
    given = given.mutate(only=ibis.ifelse(given.entries.length() == 1, given.entries[0], ibis.null("int64")))
    shift = tables.shift.select(of_entry="entry", shift="id")
    joined = (
        given.left_join(rule, given.rule_entry == rule.at_rule)
        .left_join(worker, given.party_key == worker.by_worker)
        .left_join(crew, given.party_key == crew.by_crew)
        .left_join(shift, given.only == shift.of_entry)
    )
    return joined.select(
        *(given[name] for name in GIVEN), rule.rule, rule.honour, rule.measure, worker.worker, crew.crew, shift.shift
    ).view()


def _nothing(tables: Tables) -> ir.Table:
    """What no rules give."""
    shape = {"rule_entry": "int64", "as_reported": "boolean", "party_key": "int64", "occasion": "int64"} | dict(
        SCHEMA.items()
    )
    nothing = {name: ibis.null(kind) for name, kind in shape.items() if name not in ("status", "award")}
    return tables.rule.filter(False).select(**nothing)


# ---- what does not hold any more


def _lost(given: ir.Table, now: ir.Table) -> ir.Table:
    """What the rules gave on the figures as reported and do not give now, because of a verdict that came after the rule."""
    same = ["rule_entry", "party_key", "occasion"]
    return given.filter(given.as_reported).anti_join(now, same)


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
        entries=ibis.coalesce(joined.entry.collect(distinct=True).sort(), ibis.literal([], "array<int64>")),
        still_earned=joined.on_entry.notnull().any(),
        still_standing=stands.any(),
    )


def _reported_single(shift: ir.Table) -> ir.BooleanValue:
    more = ibis.coalesce(shift.labour_hours > shift.hours, False)
    return shift.crew.isnull() & (ibis.coalesce(shift.helper_count, 0) == 0) & ~more
