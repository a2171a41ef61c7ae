"""Attainment: what each shift yielded, against what its quota asked.

    expected            a quota for one shift asks its quantity, a quota for so many hours quantity × hours ÷ those hours;
                        per worker × headcount, per crew once; rounded down to 9 places
    attainment          quantity ÷ expected, where less is better expected ÷ quantity; rounded down to 6 places
    labour attainment   attainment × own hours ÷ labour hours, divided once: own = hours × headcount, labour = own + helpers' hours,
                        or the stated total; with neither helpers nor total it is the attainment

So 102 t against 7 t a shift is 14.571428, and with two helpers for the same hours 4.857142. The last known verdict counts: the figures
that it corrects replace those of the shift. An annulled shift is here with its status, and counts nowhere else.
"""

import ibis
import ibis.expr.types as ir

from ..clocks import FIRST_DAY
from ..tables import Tables
from . import demands
from .arithmetic import (
    EXPECTED,
    FIGURE,
    LABOUR_HOURS,
    QUANTITY,
    asked_of,
    exact,
    hours_of,
    near,
    settled,
    shared,
)
from .parameter import Parameter

SCHEMA = ibis.schema(
    {
        "entry": "int64", "first_entry": "int64", "id": "string", "worker": "string", "crew": "string", "job": "string", "site": "string",
        "industry": "string", "started": "timestamp(6)", "day": "date", "length": "string", "holder": "string", "quantity": QUANTITY,
        "hours": "decimal(12, 6)", "headcount": "decimal(9, 3)", "labour_hours": LABOUR_HOURS, "quota": "string",
        "quota_entry": "int64", "expected": EXPECTED, "attainment": FIGURE, "labour_attainment": FIGURE, "status": "string",
        "verdict": "int64", "quota_after_shift": "boolean",
    }
)  # fmt: skip
COLUMNS = {
    "entry": "index of the shift's entry",
    "first_entry": "index of the first entry of this shift, which a correction keeps in every order",
    "id": "the shift",
    "worker": "who is credited",
    "crew": "or which crew",
    "job": "what was done",
    "site": "where",
    "industry": "the site's industry",
    "started": "when, UTC",
    "day": "the date on the site's clock when it started",
    "length": "shift, or period: a report of more than 24 hours",
    "holder": "single: one worker without a stated helper; crew: the rest",
    "quantity": "how much, in the job's unit, as judged",
    "hours": "hours worked, as judged",
    "headcount": "how many people are credited",
    "labour_hours": "hours of everyone who worked on it",
    "quota": "the quota that judges it",
    "quota_entry": "index of that quota's entry",
    "expected": "what the quota asks for the time worked",
    "attainment": "quantity ÷ expected; where less is better expected ÷ quantity",
    "labour_attainment": "the same, shared among all labour hours",
    "status": "reported, verified, disputed, adjusted or annulled",
    "verdict": "index of the verdict that counts",
    "quota_after_shift": "whether the quota was recorded after the shift",
}
KEY = ("id",)
FIRST = (
    "id", "worker", "crew", "day", "attainment", "labour_attainment", "status", "quantity", "expected", "job", "holder",
)  # fmt: skip
PARAMETERS: tuple[Parameter, ...] = ()
DAY_HOURS = 24


def derive(tables: Tables) -> ir.Table:
    """One row per shift, as judged."""
    table = judged(tables)
    length = ibis.ifelse(table.long, "period", "shift")
    holder = ibis.ifelse(table.single, "single", "crew")
    return table.select(
        *(name for name in SCHEMA.names if name not in ("length", "holder")), length=length, holder=holder
    )[list(SCHEMA.names)]


def judged(tables: Tables, keep: bool = False) -> ir.Table:
    """Every shift as judged, with its figures and what the other derivations look at: the columns of `SCHEMA` and

    by_crew, single, long (a period), lower (is better), alone (nobody else worked on it), own (hours), ended, precision, zone and month
    (numbers), and the keys of job, site and party.
    """
    return tables.seen("judged", lambda: _judged(tables), keep)


def _judged(tables: Tables) -> ir.Table:
    table = _with_expected(_with_labour(_judged_by_quota(_ruled(tables), tables)))
    return _with_attainment(_apart(table, tables), tables)


def _apart(table: ir.Table, tables: Tables) -> ir.Table:
    """The same rows, whose columns the engine computes before it goes on: else it writes them anew wherever they are named."""
    once = tables.held("once", lambda: tables.days.aggregate(once=tables.days.count()))
    return table.cross_join(once).drop("once")


def last_verdicts(tables: Tables) -> ir.Table:
    """The verdict that counts for each shift: the last one known."""
    verdicts = tables.verdict
    newest = ibis.row_number().over(ibis.window(group_by=verdicts.shift, order_by=verdicts.first_entry.desc()))
    return verdicts.mutate(newest=newest).filter(lambda t: t.newest == 0)


def _ruled(tables: Tables) -> ir.Table:
    """Shifts with the figures that the last verdict leaves them, on the clock of their site, with the quota that they name.

    A verdict that states helpers supersedes a stated total.
    """
    shift, days = tables.shift, tables.days
    ruling = last_verdicts(tables).select(
        ruled="shift", ruling="ruling", verdict="entry", new_quantity="quantity", new_hours="hours", new_headcount="headcount",
        new_helper_hours="helper_hours", new_helper_count="helper_count",
    )  # fmt: skip
    site = tables.site.select(at_site="key", zone="zone", industry="industry")
    job = tables.job.select(of_job="key", lower=tables.job.better == "lower")
    named = tables.quota.select(by_name="id", named_entry="entry", of_all=tables.quota.per == "crew")
    table = (
        shift.left_join(ruling, shift.id == ruling.ruled)
        .left_join(site, shift.site_key == site.at_site)
        .left_join(job, shift.job_key == job.of_job)
        .left_join(named, shift.quota == named.by_name)
        .left_join(days, [site.zone == days.zone, utc_day(shift.started) == days.day])
    )
    earlier = (shift.started < days.turn) | ((shift.started >= days.back) & (shift.started < days.again))
    headcount = ibis.coalesce(ruling.new_headcount, shift.headcount)
    restated = ruling.new_helper_count.notnull()
    return table.select(
        *(shift[name] for name in ("entry", "first_entry", "id", "worker", "crew", "job", "site", "started", "ended", "precision")),
        *(shift.job_key, shift.site_key, shift.party_key),
        *(ruling.verdict, site.zone, site.industry, job.lower),
        by_crew=shift.crew.notnull(),
        asked_crew=ibis.ifelse(shift.crew.notnull() & headcount.isnull(), shift.party_key, ibis.null("int64")),
        asking=shift.job_key * 2 + shift.crew.notnull().cast("int64"),
        long=ibis.coalesce(shift.ended > shift.started + ibis.interval(hours=DAY_HOURS), False),
        day=ibis.ifelse(earlier, days.before, days.after),
        month=ibis.ifelse(earlier, days.month_before, days.month_after),
        names_quota=shift.quota.notnull(),
        named_entry=ibis.ifelse(named.of_all & shift.crew.isnull(), ibis.null("int64"), named.named_entry),
        quantity=ibis.coalesce(ruling.new_quantity, shift.quantity),
        hours=ibis.coalesce(ruling.new_hours, shift.hours),
        headcount=headcount,
        helper_hours=ibis.coalesce(ruling.new_helper_hours, shift.helper_hours),
        helper_count=ibis.coalesce(ruling.new_helper_count, shift.helper_count, 0),
        total_hours=ibis.ifelse(restated, ibis.null(shift.labour_hours.type()), shift.labour_hours),
        status=ibis.ifelse(ibis.coalesce(ruling.ruling, "withdrawn") == "withdrawn", "reported", ruling.ruling),
    ).view()  # fmt: skip


def utc_day(moment: ir.TimestampValue) -> ir.DateValue:
    """The UTC day under which `Tables.days` has a moment."""
    return ibis.greatest(moment.date(), FIRST_DAY)


def _judged_by_quota(table: ir.Table, tables: Tables) -> ir.Table:
    """Adds the quota that judges each shift (the one it names, else the one its day leads to) and the headcount.

    A worker counts as 1; a crew as stated with the shift, else as its version of the day says.
    """
    joins, found = demands.find(table, tables)
    crew = tables.held("crews", lambda: demands.crews(tables))
    joins.append(
        (
            crew,
            [
                table.asked_crew == crew.of_crew,
                table.month == crew.in_month,
                table.day >= crew.starts,
                table.day < crew.ends,
            ],
        )
    )
    joined = table
    for side, matches in joins:
        joined = joined.left_join(side, matches)
    looked_up = ("names_quota", "named_entry", "headcount", "asking", "asked_crew")
    passed = [table[name] for name in table.columns if name not in looked_up]
    one = exact("1", "decimal(9, 3)")
    joined = joined.select(
        *passed,
        quota_entry=ibis.ifelse(table.names_quota, table.named_entry, found),
        headcount=ibis.ifelse(table.by_crew, ibis.coalesce(table.headcount, crew.crew_headcount), one),
    ).view()
    quota = tables.quota.select(
        at_quota="entry", quota="id", asked="quantity", asked_hours="hours", asked_of_all=tables.quota.per == "crew"
    )
    return joined.left_join(quota, joined.quota_entry == quota.at_quota).drop("at_quota")


def _with_labour(table: ir.Table) -> ir.Table:
    """Adds own hours, and for how many hours and people the quota asks."""
    one_person, one_hour = exact("1", "decimal(9, 3)"), exact("1", "decimal(12, 6)")
    of_one = table.asked_of_all | ~table.by_crew
    one_shift = ibis.ifelse(table.long, ibis.null("decimal(12, 6)"), one_hour)
    return table.mutate(
        own=ibis.ifelse(table.by_crew, hours_of(table.hours, table.headcount), table.hours.cast("decimal(21, 9)")),
        times=ibis.ifelse(table.asked_hours.isnull(), one_shift, table.hours),
        people=ibis.ifelse(of_one, one_person, table.headcount),
        asked_hours=ibis.coalesce(table.asked_hours, one_hour),
        quota_after_shift=table.quota_entry > table.first_entry,
    )


def _with_expected(table: ir.Table) -> ir.Table:
    """Adds `expected`, labour hours, whether nobody else worked on it (`alone`), and whether it is `single`."""
    helped = (table.own + ibis.coalesce(table.helper_hours, exact("0", "decimal(18, 6)"))).cast(LABOUR_HOURS)
    alone = (table.helper_count == 0) & table.total_hours.isnull()
    more = ibis.coalesce(table.total_hours > table.own, False)
    labour = ibis.cases(
        (alone, table.own.cast(LABOUR_HOURS)),
        (table.total_hours.isnull(), helped),
        else_=table.total_hours.cast(LABOUR_HOURS),
    )
    return table.mutate(
        expected=asked_of(table.asked, table.times, table.people, table.asked_hours),
        labour_hours=labour,
        alone=alone,
        single=~table.by_crew & (table.helper_count == 0) & ~more,
    ).drop("asked", "asked_hours", "asked_of_all", "times", "people", "helper_hours", "helper_count", "total_hours")


def _with_attainment(table: ir.Table, tables: Tables) -> ir.Table:
    """Adds attainment and labour attainment."""
    wide = table.quantity.cast(EXPECTED)
    table = table.mutate(
        above=ibis.ifelse(table.lower, table.expected, wide), below=ibis.ifelse(table.lower, wide, table.expected)
    )
    table = table.mutate(close=near(table.above, table.below))
    part = table.close * table.own.cast("float64") / table.labour_hours.cast("float64").nullif(0)
    table = _apart(table.mutate(part=ibis.ifelse(table.alone, ibis.null("float64"), part)), tables)
    table = table.mutate(attainment=settled(table.close, table.above, table.below))
    labour = ibis.cases(
        (table.alone, table.attainment),
        (table.part.notnull(), shared(table.part, table.above, table.own, table.below, table.labour_hours)),
    )
    return table.mutate(labour_attainment=labour).drop("close", "part", "above", "below")
