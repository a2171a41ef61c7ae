"""Periods: half-open stretches of days on a site's clock, and which reports they hold whole.

Periods of a sort are numbered, so that the one before has the number before: days from 1970, weeks (from Monday) from 5 January 1970,
months, quarters and years from the year 0; all time is 0.
"""

from datetime import date
from typing import Literal

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from .attainment import utc_day

Period = Literal["day", "week", "month", "quarter", "year", "all"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "quarter", "year", "all")
EPOCHS = {"day": date(1970, 1, 1), "week": date(1970, 1, 5)}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
VAGUE: dict[str, tuple[Period, ...]] = {"month": ("day", "week"), "year": ("day", "week", "month", "quarter")}
"""Periods that cannot hold a start of which only the month or the year is known."""


def number(day: ir.DateValue, month: ir.IntegerValue, period: Period) -> ir.IntegerValue:
    """The number of the period that holds a day, counted so that the period before has the number before."""
    if period == "day":
        return day.delta(ibis.literal(EPOCHS["day"]), unit="day")
    if period == "week":
        return (day.delta(ibis.literal(EPOCHS["week"]), unit="day") // 7).cast("int64")
    if period == "all":
        return ibis.literal(0, "int64")
    return (month if period == "month" else month // MONTHS[period]).cast("int64")


def number_of(day: date, period: Period) -> int:
    """`number` of one day."""
    if period in ("day", "week"):
        return (day - EPOCHS[period]).days // (1 if period == "day" else 7)
    return 0 if period == "all" else (day.year * 12 + day.month - 1) // MONTHS[period]


def start_of(at: ir.IntegerValue, period: Period) -> ir.DateValue:
    """The first day of a period of a number."""
    if period == "all":
        return ibis.null("date")
    if period in ("day", "week"):
        epoch = ibis.timestamp(f"{EPOCHS[period]} 00:00:00")
        return (epoch + (at * (1 if period == "day" else 7)).as_interval("D")).date()
    month = at * MONTHS[period]
    return ibis.date((month // 12).cast("int32"), (month % 12 + 1).cast("int32"), 1)


def with_last_day(shifts: ir.Table, tables: Tables) -> ir.Table:
    """Adds `last_day` and `last_month`: of the last moment of a report of more than 24 hours, else those of the start."""
    last = shifts.ended - ibis.interval(microseconds=1)
    key = ibis.ifelse(shifts.long, utc_day(last), ibis.null("date"))
    shifts = shifts.mutate(last_moment=last, last_utc_day=key)
    days = tables.days.select(
        zone_="zone", day_="day", turn="turn", back="back", again="again", day_before="before", day_after="after",
        then_before="month_before", then_after="month_after",
    )  # fmt: skip
    joined = shifts.left_join(days, [shifts.zone == days.zone_, shifts.last_utc_day == days.day_])
    earlier = (shifts.last_moment < days.turn) | ((shifts.last_moment >= days.back) & (shifts.last_moment < days.again))
    kept = (shifts[name] for name in shifts.columns if name not in ("last_moment", "last_utc_day"))
    return joined.select(
        *kept,
        last_day=ibis.cases((shifts.long, ibis.ifelse(earlier, days.day_before, days.day_after)), else_=shifts.day),
        last_month=ibis.cases(
            (shifts.long, ibis.ifelse(earlier, days.then_before, days.then_after)), else_=shifts.month
        ),
    ).view()


def precise_enough(precision: ir.StringValue, period: Period) -> ir.BooleanValue:
    """Whether a start of this precision lies in one period for certain."""
    vague = [name for name, finer in VAGUE.items() if period in finer]
    return ~ibis.coalesce(precision, "").isin(vague) if vague else ibis.literal(True)
