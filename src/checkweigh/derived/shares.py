"""Shares: how many of those with shifts met the quota, job by job and period by period.

A worker met the quota of a job in a period when Σ quantity ÷ Σ expected over the worker's shifts of that job is at least 1; where less is
better Σ expected ÷ Σ quantity. The sums are compared and nothing is divided: 3,000 of 3,000 has met it, and 2,999.999999999 has not.
Which shifts a period holds is as in standings. The share is met ÷ parties, rounded down to 6 places. Who has no shift with an
expected figure in a period is not counted in it.
"""

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from . import periods, standings
from .arithmetic import FIGURE, QUANTITY, near, settled
from .parameter import Parameter
from .periods import Period
from .standings import Scope

SCHEMA = ibis.schema(
    {
        "job": "string", "from": "date", "until": "date", "parties": "int64", "met": "int64", "share": FIGURE, "shifts": "int64",
        "shifts_without_quota": "int64", "entries": "array<int64>",
    }
)  # fmt: skip
COLUMNS = {
    "job": "the job",
    "from": "first day of the period; absent for all time",
    "until": "the day after its last",
    "parties": "how many workers, or crews, have shifts with an expected figure",
    "met": "how many of them met the quota",
    "share": "met ÷ parties",
    "shifts": "how many shifts count",
    "shifts_without_quota": "shifts without an expected figure, or, with labour, without known labour hours",
    "entries": "indices of the quotas that judged the shifts; of many the first twenty",
}
KEY = ("job", "from")
FIRST = ("job", "from", "until", "parties", "met", "share", "shifts", "shifts_without_quota")
RESTS_ON = {"entries": "a quota that judged these shifts"}
MOST_QUOTAS = 20
PARAMETERS = (
    Parameter("period", "choice", "a day, a week from Monday, ... or all time", periods.PERIODS, "month"),
    Parameter("scope", "choice", "whether workers or crews are counted", ("worker", "crew"), "worker"),
    Parameter("labour", "flag", "share each shift among all labour hours", default=False),
    Parameter("job", "text", "of this job only"),
)


def derive(
    tables: Tables, *, period: Period = "month", scope: Scope = "worker", labour: bool = False, job: str | None = None
) -> ir.Table:
    """One row per job and period, job by job, the earliest first."""
    shifts = standings.counted(tables, period, scope, labour, job=job)
    shifts = tables.kept(
        shifts.filter(shifts.whole).select("job_key", "party", "at", "quota_entry", "expected", "above", "below")
    )
    table, judges = _shares(_sums(shifts)), _judges(shifts)
    jobs = tables.job.select("key", job="id")
    table = table.inner_join(jobs, table.job_key == jobs.key)
    table = table.left_join(judges, [table.job_key == judges.of_job, table["at"] == judges.of_period]).view()
    start, end = (periods.start_of(table["at"] + ahead, period) for ahead in (0, 1))
    return table.mutate(**{"from": start, "until": end}).order_by("job", "at").select(*SCHEMA.names)


def _sums(shifts: ir.Table) -> ir.Table:
    """One row per job, party and period: exact sums of what would be divided, and counts."""
    known = shifts.expected.notnull() & shifts.above.notnull()
    sums = shifts.mutate(
        above=ibis.ifelse(known, shifts.above, ibis.null(shifts.above.type())),
        below=ibis.ifelse(known, shifts.below, ibis.null(shifts.below.type())),
    )
    return sums.group_by("job_key", "party", "at").agg(
        shifts=sums.count(), known=sums.above.count(), above=sums.above.sum(), below=sums.below.sum()
    )


def _shares(sums: ir.Table) -> ir.Table:
    """One row per job and period: who can be compared, and who met the quota."""
    compared = (sums.known > 0) & (sums.below > 0)
    table = sums.group_by("job_key", "at").agg(
        parties=sums.count(where=compared),
        met=sums.count(where=compared & (sums.above >= sums.below)),
        shifts=_total(sums.shifts),
        known=_total(sums.known),
    )
    above, below = table.met.cast(QUANTITY), table.parties.cast(QUANTITY)
    table = table.mutate(close=near(above, below), shifts_without_quota=table.shifts - table.known)
    return table.mutate(share=settled(table.close, above, below))


def _total(counts: ir.IntegerColumn) -> ir.Value:
    """Their sum, in 64 bits: the engine adds in 128."""
    return counts.sum().cast("decimal(38, 0)").cast("int64")


def _judges(shifts: ir.Table) -> ir.Table:
    """The quotas that judged the shifts of a job in a period, those of the log's beginning first."""
    each = shifts.filter(shifts.quota_entry.notnull()).select("job_key", "at", "quota_entry").distinct()
    place = ibis.row_number().over(ibis.window(group_by=[each.job_key, each["at"]], order_by=each.quota_entry))
    first = each.mutate(place=place).filter(lambda t: t.place < MOST_QUOTAS)
    return first.group_by(of_job="job_key", of_period="at").agg(entries=first.quota_entry.collect().sort())
