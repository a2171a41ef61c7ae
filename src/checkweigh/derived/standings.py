"""Standings: who stands where in a period.

Σ quantity ÷ Σ expected, divided once at the end, so that 3,000 of 3,000 is exactly one. Ties share a rank: 1, 1, 3. Periods are
half-open: a shift belongs to the period in which it started, by the clock of its site; weeks start on Monday. A report of several days
counts only in periods that hold it whole, and a start known only by month or year only in periods that hold that month or year;
`left_out` counts the others. Where jobs of different units come together, the attainment is the mean over the shifts.

With `labour`, what is divided is each shift's share: quantity × own hours ÷ labour hours, rounded down to 9 places.
"""

from collections.abc import Sequence
from typing import Literal

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from . import periods
from .arithmetic import CHANGE, EXPECTED, FIGURE, less, near, settled, share
from .attainment import judged
from .parameter import Parameter
from .periods import Period

SUM = "decimal(38, 9)"
Scope = Literal["worker", "crew", "site", "industry", "all"]
SCHEMA = ibis.schema(
    {
        "from": "date", "until": "date", "party": "string", "name": "string", "rank": "int64", "shifts": "int64", "quantity": SUM,
        "unit": "string", "expected": SUM, "attainment": FIGURE, "basis": "string", "change": CHANGE,
        "shifts_without_quota": "int64", "verified": "int64", "disputed": "int64", "left_out": "int64",
    }
)  # fmt: skip
COLUMNS = {
    "from": "first day of the period; absent for all time",
    "until": "the day after its last",
    "party": "the worker, crew, site or industry; absent where all stand together",
    "name": "its name, as last known",
    "rank": "place in the period, 1 is best; equal figures share a rank; absent without an attainment",
    "shifts": "how many shifts count",
    "quantity": "what they yielded; absent across different units",
    "unit": "in which unit; absent across different units",
    "expected": "what their quotas asked; absent across different units",
    "attainment": "quantity ÷ expected over the shifts that have an expected figure",
    "basis": "sum: divided once; mean: over the shifts, across different units",
    "change": "attainment less that of the period before, where there is one",
    "shifts_without_quota": "shifts without an expected figure, or, with labour, without known labour hours",
    "verified": "how many of the shifts were verified",
    "disputed": "how many of them are disputed",
    "left_out": "reports that started in the period and that it does not hold whole",
}
KEY = ("from", "party")
FIRST = ("from", "party", "name", "rank", "shifts", "attainment", "change", "quantity", "expected", "unit")
PARAMETERS = (
    Parameter("period", "choice", "what is compared: a day, a week from Monday, ... or all time", periods.PERIODS, "month"),
    Parameter("scope", "choice", "who is ranked", ("worker", "crew", "site", "industry", "all"), "worker"),
    Parameter("labour", "flag", "share each shift among all labour hours", default=False),
    Parameter("verified_only", "flag", "count verified shifts only", default=False),
    Parameter("minimum_shifts", "whole", "rank only who has so many shifts", default=0),
    Parameter("job", "text", "count shifts of this job only"),
    Parameter("site", "text", "count shifts at this site only"),
)  # fmt: skip

DIVIDED = {"rank", "attainment", "change"}
"""The columns that rest on the division."""
PARTY = {"worker": "party_key", "crew": "party_key", "site": "site_key", "industry": "industry"}


def derive(
    tables: Tables,
    *,
    period: Period = "month",
    scope: Scope = "worker",
    labour: bool = False,
    verified_only: bool = False,
    minimum_shifts: int = 0,
    job: str | None = None,
    site: str | None = None,
) -> ir.Table:
    """One row per party and period, best first."""
    sums = summed(tables, period=period, scope=scope, labour=labour, verified_only=verified_only, job=job, site=site)
    table = told(sums, tables, period, scope, minimum_shifts)
    return table.order_by("from", table["rank"].asc(nulls_first=False), "party")


def summed(
    tables: Tables,
    *,
    period: Period,
    scope: Scope,
    labour: bool,
    verified_only: bool,
    job: str | None,
    site: str | None,
) -> ir.Table:
    """One row per `party` (a key or an industry) and period `at` (its number): exact sums of what is divided, and counts.

    Every column is a sum over the shifts but `first_unit` and `last_unit`, the least and the greatest.
    """
    return _sums(counted(tables, period, scope, labour, verified_only, job, site))


def told(
    sums: ir.Table,
    tables: Tables,
    period: Period,
    scope: Scope,
    minimum_shifts: int,
    columns: Sequence[str] = SCHEMA.names,
) -> ir.Table:
    """Some columns of the standings of parties of which the sums are known, in any order.

    A rank needs all sums of its period, a change those of the period before; every other column is of a party's own sum.
    """
    ranked = _ranked(_figures(sums, tables, minimum_shifts, columns), columns)
    return _told(_named(ranked, tables, scope, columns), period, columns)


def counted(
    tables: Tables,
    period: Period,
    scope: Scope,
    labour: bool = False,
    verified_only: bool = False,
    job: str | None = None,
    site: str | None = None,
) -> ir.Table:
    """The shifts that could count, each with its `party`, the number `at` of its period, whether that period holds it `whole`,

    what it adds `above` and `below` the line of the division, and its own `figure`.
    """
    shifts = judged(tables)
    shifts = shifts.filter(shifts.status == "verified" if verified_only else shifts.status != "annulled")
    for name, wanted in (("job", job), ("site", site)):
        shifts = shifts if wanted is None else shifts.filter(shifts[name] == wanted)
    if scope in ("worker", "crew"):
        shifts = shifts.filter(shifts.by_crew == (scope == "crew"))
    return _divided(_placed(shifts, tables, period, scope), tables, labour)


def _placed(shifts: ir.Table, tables: Tables, period: Period, scope: Scope) -> ir.Table:
    """Adds `party` (a key or an industry), `at` (the number of the period) and whether that period holds it `whole`."""
    party = shifts[PARTY[scope]] if scope in PARTY else ibis.null("int64")
    shifts = periods.with_last_day(shifts.mutate(party=party), tables)
    at, end = (
        periods.number(shifts[day], shifts[month], period)
        for day, month in (("day", "month"), ("last_day", "last_month"))
    )
    return shifts.mutate(at=at, whole=(at == end) & periods.precise_enough(shifts.precision, period))


def _divided(shifts: ir.Table, tables: Tables, labour: bool) -> ir.Table:
    """Adds what each shift adds above and below the line, its own figure, and its unit."""
    unit = tables.held("units", lambda: units(tables))
    shifts = shifts.left_join(unit, shifts.job_key == unit.of_job).view()
    wide = shifts.quantity.cast(EXPECTED)
    above, below = ibis.ifelse(shifts.lower, shifts.expected, wide), ibis.ifelse(shifts.lower, wide, shifts.expected)
    shifts = shifts.mutate(above=above, below=below, figure=shifts.labour_attainment if labour else shifts.attainment)
    if labour:
        part = share(shifts.above, shifts.own, shifts.labour_hours)
        shifts = shifts.mutate(above=ibis.ifelse(shifts.alone, shifts.above, part))
    return shifts


def _sums(shifts: ir.Table) -> ir.Table:
    whole = shifts.whole
    known = whole & shifts.expected.notnull() & shifts.above.notnull()
    counted = shifts.select(  # absent instead of filtered: a filter for each sum costs more than the sum
        "party", "at",
        **{name: _if(whole, shifts[name]) for name in ("quantity", "figure", "unit_key")},
        **{name: _if(known, shifts[name]) for name in ("expected", "above", "below")},
        whole=_if(whole, ibis.literal(1, "int8")),
        verified=_if(whole & (shifts.status == "verified"), ibis.literal(1, "int8")),
        disputed=_if(whole & (shifts.status == "disputed"), ibis.literal(1, "int8")),
    )  # fmt: skip
    sums = counted.group_by("party", "at").agg(
        rows=counted.count(), shifts=counted.whole.count(), known=counted.expected.count(), figures=counted.figure.count(),
        verified=counted.verified.count(), disputed=counted.disputed.count(), quantity=counted.quantity.sum(),
        expected=counted.expected.sum(), above=counted.above.sum(), below=counted.below.sum(), total=counted.figure.sum(),
        first_unit=counted.unit_key.min(), last_unit=counted.unit_key.max(),
    )  # fmt: skip
    return sums.mutate(left_out=sums.rows - sums.shifts, shifts_without_quota=sums.shifts - sums.known).drop("rows")


def _if(holds: ir.BooleanValue, value: ir.Value) -> ir.Value:
    return ibis.ifelse(holds, value, ibis.null(value.type()))


def units(tables: Tables) -> ir.Table:
    """of_job (key), unit, unit_key: one number for the jobs that have the same unit and the same better."""
    job = tables.job
    same = ibis.window(group_by=[job.unit, job.better])
    return job.select(of_job="key", unit="unit", unit_key=job.key.min().over(same))


def _figures(sums: ir.Table, tables: Tables, minimum_shifts: int, columns: Sequence[str]) -> ir.Table:
    """party, at, and of the columns those that are told of one sum; divides once."""
    sums = sums.filter(sums.shifts >= minimum_shifts) if minimum_shifts else sums
    alike, empty = sums.first_unit == sums.last_unit, ibis.null(SUM)
    of_sum = {name: sums[name] for name in ("shifts", "shifts_without_quota", "verified", "disputed", "left_out")}
    of_sum |= {name: ibis.ifelse(alike, sums[name].cast(SUM), empty) for name in ("quantity", "expected")}
    of_sum["basis"] = ibis.ifelse(ibis.coalesce(alike, True), "sum", "mean")
    kept = {name: value for name, value in of_sum.items() if name in columns}
    if "unit" in columns:
        kept["unit_key"] = ibis.ifelse(alike, sums.first_unit, ibis.null("int64"))
    if DIVIDED.isdisjoint(columns):
        return _with_unit(sums.select("party", "at", **kept), tables)
    summed = alike & (sums.known > 1)  # the sum of one is the figure of that one
    above = ibis.ifelse(summed, sums.above.try_cast(EXPECTED), sums.total.try_cast(EXPECTED))
    below = ibis.ifelse(summed, sums.below.try_cast(EXPECTED), sums.figures.cast(EXPECTED))
    table = sums.select("party", "at", **kept, above=above, below=below)
    table = table.mutate(close=near(table.above, table.below))
    figure = settled(table.close, table.above, table.below)
    return _with_unit(table.select("party", "at", *kept, attainment=figure), tables)


def _with_unit(table: ir.Table, tables: Tables) -> ir.Table:
    """From the number of a unit to the unit."""
    if "unit_key" not in table.columns:
        return table.view()
    unit = tables.held("units", lambda: units(tables)).select(of_unit="unit_key", unit="unit").distinct()
    return table.left_join(unit, table.unit_key == unit.of_unit).drop("unit_key", "of_unit").view()


def _named(sums: ir.Table, tables: Tables, scope: Scope, columns: Sequence[str]) -> ir.Table:
    """From keys to ids and names."""
    if {"party", "name"}.isdisjoint(columns):
        return sums
    if scope in ("industry", "all"):
        return sums.mutate(party=sums.party.cast("string"), name=ibis.null("string"))
    names = tables.held(f"names of each {scope}", lambda: latest(getattr(tables, scope), scope))
    joined = sums.left_join(names, sums.party == names.key)
    return joined.select(
        *(sums[name] for name in sums.columns if name != "party"), party=names.id, name=names.name
    ).view()


def latest(table: ir.Table, scope: str) -> ir.Table:
    """key, id, name: the last version of each worker or crew, or each site."""
    if scope == "site":
        return table.select("key", "id", "name")
    last = ibis.window(group_by=table.key, order_by=[table["from"].desc(), table.first_entry.desc()])
    return table.mutate(last=ibis.row_number().over(last)).filter(lambda t: t.last == 0).select("key", "id", "name")


def _ranked(sums: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Adds the rank in the period, and the change against the period before."""
    table = sums
    if "rank" in columns:
        best = ibis.window(group_by=sums["at"], order_by=sums.attainment.desc())
        table = table.mutate(position=ibis.rank().over(best) + 1)
    if "change" in columns:
        before = ibis.window(group_by=sums.party, order_by=sums["at"])
        table = table.mutate(before_at=sums["at"].lag().over(before), before=sums.attainment.lag().over(before))
    if "rank" in columns:
        rank = ibis.ifelse(table.attainment.isnull(), ibis.null("int64"), table.position.cast("int64"))
        table = table.mutate(rank=rank).drop("position")
    if "change" in columns:
        follows = table.before_at == table["at"] - 1
        change = ibis.ifelse(follows, less(table.attainment, table.before), ibis.null(CHANGE))
        table = table.mutate(change=change).drop("before_at", "before")
    return table


def _told(table: ir.Table, period: Period, columns: Sequence[str]) -> ir.Table:
    """The columns as declared."""
    ahead = {"from": 0, "until": 1}
    bounds = {name: periods.start_of(table["at"] + ahead[name], period) for name in ahead if name in columns}
    return table.mutate(**bounds).select(*columns)
