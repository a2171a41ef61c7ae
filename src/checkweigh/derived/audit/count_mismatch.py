"""count-mismatch: the shifts do not add up to what was counted independently: the checkweighman's own test.

    count + tolerance < least   or   count - tolerance > most        least = Σ quantity of the shifts that lie in the count's period
                                                                     most = least + Σ quantity of those that may lie in it in part

over the shifts of the count's site and job; the period [from, until) is half-open, and every sum is exact. A shift lies in the period when
it starts in it and does not end after it; where its end is not known its start decides. A shift that reaches over an end of the period,
or of which only the month or the year is known and that may lie in it, may have yielded anything between nothing and its quantity in the
period: hence two sums, and the finding says how many such shifts there are. The score is the distance to the nearer sum in tolerances.

A count that states no tolerance is allowed 2 % of its quantity: what a belt weigher of the coarsest class may err in service (OIML R 50,
class 2). Finer instruments should state theirs.

It cannot see output that was moved from one worker to another, or a count that was read off the shifts. A count of a period for which the
ledger holds no shift at all is a mismatch too.
"""

from decimal import Decimal

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..arithmetic import EXPECTED
from .found import MOST_ENTRIES, evidence, finding, is_empty, said
from .spans import standing

CODE = "count-mismatch"
HELP = "the shifts do not add up to what was counted independently"
FAMILY = False
SUM = "decimal(38, 9)"
TOLERANCE = "decimal(38, 11)"
DEFAULT_SHARE = Decimal("0.02")
MONTH_DAYS, YEAR_DAYS = 31, 366
FIGURES = ("count", "unit", "tolerance", "tolerance_is", "since", "until", "shifts", "least", "straddling", "most")
MESSAGE = (
    "{instrument} counted {count} {unit} of {what} at {where} from {since} to {until} UTC, give or take {tolerance}; "
    "the {shifts} shifts in that time add up to {least} {unit}{besides}. That is {apart} {unit} {side}."
)
BESIDES = ", and {straddling} more shifts lie in it only in part, up to {most} {unit}"


def lacking(tables: Tables) -> str | None:
    """Why there is nothing to look at."""
    return "the ledger holds no independent count" if is_empty(tables.count) else None


def find(tables: Tables) -> ir.Table:
    """One row per count that the shifts do not add up to."""
    count = tables.kept(_counts(tables))
    pairs = tables.kept(_pairs(count, tables))
    sums = pairs.group_by("of_count").agg(
        shifts=pairs.sure.sum().cast("int64"), straddling=(~pairs.sure).sum().cast("int64"),
        inside=ibis.ifelse(pairs.sure, pairs.quantity, 0).sum().cast(SUM), at_most=pairs.quantity.sum().cast(SUM),
    )  # fmt: skip
    joined = count.left_join(sums, count.entry == sums.of_count).drop("of_count")
    none, nothing = ibis.literal(0, "int64"), ibis.literal(0, SUM)
    joined = joined.mutate(
        shifts=ibis.coalesce(joined.shifts, none), straddling=ibis.coalesce(joined.straddling, none),
        least=ibis.coalesce(joined.inside, nothing), most=ibis.coalesce(joined.at_most, nothing),
    ).view()  # fmt: skip
    short, over = joined["count"] - joined.most, joined.least - joined["count"]
    wrong = joined.mutate(apart=ibis.greatest(short, over), missing=short > over).filter(
        lambda t: t.apart > t.tolerance
    )
    return _told(wrong.view(), pairs)


def _counts(tables: Tables) -> ir.Table:
    """Counts with the keys and names of their site and job, and their tolerance."""
    count = tables.count
    site = tables.site.select(of_site="id", site_key="key", where="name")
    job = tables.job.select(of_job="id", job_key="key", what="name", unit="unit")
    joined = count.inner_join(site, count.site == site.of_site).inner_join(job, count.job == job.of_job)
    share = (joined.quantity.cast(EXPECTED) * ibis.literal(DEFAULT_SHARE, "decimal(2, 2)")).cast(TOLERANCE)
    return joined.select(
        "entry", "id", "site", "instrument", "site_key", "where", "job_key", "what", "unit", "until", since="from",
        count=joined.quantity.cast(SUM), tolerance=ibis.coalesce(joined.tolerance.cast(TOLERANCE), share),
        tolerance_is=ibis.ifelse(joined.tolerance.isnull(), "2 % of the count, since none is stated", "stated"),
    ).view()  # fmt: skip


def _pairs(count: ir.Table, tables: Tables) -> ir.Table:
    """of_count, shift, quantity, sure: the shifts that lie in the period of a count for sure, or may."""
    shift = standing(tables)
    vague = shift.precision.notnull()
    longest = ibis.ifelse(shift.precision == "month", ibis.interval(days=MONTH_DAYS), ibis.interval(days=YEAR_DAYS))
    last = ibis.ifelse(
        vague, ibis.greatest(ibis.coalesce(shift.ends, shift.started), shift.started + longest), shift.ends
    )
    shift = shift.select("entry", "job_key", "site_key", "quantity", "started", last=last, short=~vague & ~shift.long)
    period = count.select("job_key", "site_key", "since", "until", of_count="entry")
    keys = ["job_key", "site_key"]
    by_month = period.mutate(
        month=ibis.range(_month(period.since - ibis.interval(days=1)), _month(period.until) + 1).unnest()
    )
    near = (
        shift.filter(shift.short)
        .mutate(month=_month(shift.started))
        .inner_join(by_month, [*keys, "month"])
        .drop("month")
    )
    far = shift.filter(~shift.short).inner_join(period, keys)
    both = near.union(far[near.columns])
    both = both.filter(
        (both.started < both.until) & (ibis.coalesce(both.last > both.since, False) | (both.started >= both.since))
    )
    sure = (both.started >= both.since) & ~ibis.coalesce(both.last > both.until, False)
    return both.select("of_count", "quantity", shift="entry", sure=sure)


def _month(moment: ir.Value) -> ir.IntegerValue:
    return (moment.year() * 12 + moment.month()).cast("int64")


def _told(wrong: ir.Table, pairs: ir.Table) -> ir.Table:
    shift = pairs.semi_join(wrong, pairs.of_count == wrong.entry)
    listed = shift.group_by("of_count").agg(listed=shift["shift"].collect(order_by=shift["shift"])[: MOST_ENTRIES - 1])
    wrong = wrong.left_join(listed, wrong.entry == listed.of_count).drop("of_count")
    nobody = ibis.literal([], "array<int64>")
    names = (
        "count",
        "unit",
        "what",
        "where",
        "instrument",
        "since",
        "until",
        "tolerance",
        "shifts",
        "straddling",
        "apart",
        "most",
    )
    words = {name: wrong[name] for name in names}
    besides = ibis.ifelse(wrong.straddling > 0, said(BESIDES, **words), "")
    side = ibis.ifelse(wrong.missing, "less than was counted", "more than was counted")
    numbers = {name: wrong[name] for name in FIGURES}
    return finding(
        wrong, entry=wrong.entry, entries=ibis.array([wrong.entry]).concat(ibis.coalesce(wrong.listed, nobody)), about=wrong.site,
        score=wrong.apart.cast("float64") / wrong.tolerance.cast("float64").nullif(0.0), evidence=evidence(**numbers),
        message=said(MESSAGE, besides=besides, side=side, least=wrong.least, **words),
    )  # fmt: skip
