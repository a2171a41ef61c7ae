"""Quotas: each against the one that it follows, and until when it asks.

A quota follows the one before it of the same job, asked of the same (`per`, site, worker or crew), in the order of `from`, then of the log.
The factor is quantity ÷ what the quota before asks in the same time, rounded down to 6 places: from 7 t to 13.96 t a shift it is 1.994285,
so the quota was raised by 99.4 %. It is absent where one is for a shift and the other for so many hours. A quota without `until` asks
until the next such one begins.

With `shifts`, the shifts that each judges are counted, and how many of them were in the ledger before it.
"""

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from .arithmetic import EXPECTED, FIGURE, QUANTITY, asked_of, exact, near, settled
from .attainment import judged
from .parameter import Parameter

SCHEMA = ibis.schema(
    {
        "quota": "string", "entry": "int64", "job": "string", "unit": "string", "per": "string", "site": "string", "worker": "string",
        "crew": "string", "quantity": QUANTITY, "hours": "decimal(12, 6)", "from": "date", "until": "date", "ends": "date",
        "basis": "string", "consequence": "string", "follows": "string", "follows_entry": "int64", "before": EXPECTED, "factor": FIGURE,
        "recorded": "timestamp(6)", "by": "string", "shifts": "int64", "shifts_earlier": "int64",
    }
)  # fmt: skip
COLUMNS = {
    "quota": "the quota",
    "entry": "index of its entry",
    "job": "of which job",
    "unit": "the job's unit",
    "per": "what it is asked of: worker or crew",
    "site": "at which site only",
    "worker": "of which worker only",
    "crew": "of which crew only",
    "quantity": "how much it asks",
    "hours": "in how many hours; absent: in one shift",
    "from": "the first day on which it asks",
    "until": "the day after the last, where it states one",
    "ends": "the day from which it asks no more, as stated or since the next one begins; absent while it has no end",
    "basis": "time study, history, decree or agreement",
    "consequence": "what follows for those who miss it",
    "follows": "the quota before it",
    "follows_entry": "index of that one's entry",
    "before": "what that one asks in the same time",
    "factor": "quantity ÷ before: above 1 it was raised",
    "recorded": "when it was recorded, UTC",
    "by": "who entered it",
    "shifts": "how many shifts it judges; only with shifts",
    "shifts_earlier": "how many of them were recorded before it; only with shifts",
}
KEY = ("quota",)
FIRST = (
    "quota",
    "job",
    "quantity",
    "unit",
    "hours",
    "from",
    "ends",
    "factor",
    "basis",
    "by",
    "recorded",
    "follows",
    "shifts_earlier",
)
RESTS_ON = {"entry": "the quota", "follows_entry": "the quota that it follows"}
PARAMETERS = (
    Parameter("job", "text", "quotas of this job only"),
    Parameter("shifts", "flag", "also count the shifts that each judges, and those recorded before it", default=False),
)
GROUP = ["job_key", "per", "site_key", "party_key"]


def derive(tables: Tables, *, job: str | None = None, shifts: bool = False) -> ir.Table:
    """One row per quota that stands, job by job, in the order in which they were to hold."""
    quota = tables.quota if job is None else tables.quota.filter(tables.quota.job == job)
    rows = _against_the_one_before(_ended(quota, tables))
    rows = rows.mutate(close=near(rows.quantity.cast(EXPECTED), rows.before))
    rows = rows.mutate(factor=settled(rows.close, rows.quantity.cast(EXPECTED), rows.before))
    unit = tables.job.select(of_job="key", unit="unit")
    rows = rows.left_join(unit, rows.job_key == unit.of_job).view()
    rows = (
        _counted(rows, tables) if shifts else rows.mutate(shifts=ibis.null("int64"), shifts_earlier=ibis.null("int64"))
    )
    return rows.order_by("job", "site", "worker", "crew", "per", "from", "first_entry").select(*SCHEMA.names)


def _ended(quota: ir.Table, tables: Tables) -> ir.Table:
    """Adds `ends`: as stated or, of an open quota, where the next open one begins."""
    opened = quota.filter(quota.until.isnull()).select(*GROUP, begins="from").distinct()
    following = ibis.window(group_by=GROUP, order_by="begins")
    opened = tables.kept(opened.mutate(next=opened.begins.lead().over(following)))
    same = [quota[name].identical_to(opened[name]) for name in GROUP]
    joined = quota.left_join(opened, [*same, quota["from"] == opened.begins])
    return joined.select(*(quota[name] for name in quota.columns), ends=ibis.coalesce(quota.until, opened.next)).view()


def _against_the_one_before(quota: ir.Table) -> ir.Table:
    """Adds `follows`, `follows_entry` and `before`."""
    order = ibis.window(group_by=GROUP, order_by=["from", "first_entry"])
    lagged = {"follows": "id", "follows_entry": "entry", "quantity_before": "quantity", "hours_before": "hours"}
    rows = quota.mutate(quota=quota.id, **{name: quota[column].lag().over(order) for name, column in lagged.items()})
    in_hours = asked_of(rows.quantity_before, rows.hours, exact("1", "decimal(9, 3)"), rows.hours_before)
    before = ibis.cases(
        (rows.hours.isnull() & rows.hours_before.isnull(), rows.quantity_before.cast(EXPECTED)),
        (rows.hours == rows.hours_before, rows.quantity_before.cast(EXPECTED)),
        (rows.hours.notnull() & rows.hours_before.notnull(), in_hours),
    )
    return rows.mutate(before=before)


def _counted(rows: ir.Table, tables: Tables) -> ir.Table:
    """Adds how many shifts each judges, and how many of them were recorded before it."""
    shifts = judged(tables)
    after = ibis.ifelse(shifts.quota_after_shift, ibis.literal(1, "int8"), ibis.null("int8"))
    asked = shifts.filter(shifts.quota_entry.notnull()).select("quota_entry", after=after)
    counts = asked.group_by(of_quota="quota_entry").agg(number=asked.count(), earlier=asked.after.count())
    joined = rows.left_join(counts, rows.entry == counts.of_quota)
    nothing = ibis.literal(0, "int64")
    numbers = {
        "shifts": ibis.coalesce(counts.number, nothing),
        "shifts_earlier": ibis.coalesce(counts.earlier, nothing),
    }
    return joined.select(*(rows[name] for name in rows.columns), **numbers).view()
