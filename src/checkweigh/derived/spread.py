"""Spread: where and when quotas were met, from job to job or from industry to industry.

A shift met its quota when its attainment (with `labour`, its labour attainment) is at least 1. Counted are the shifts that have that
figure, in the periods that hold them whole, as in standings; annulled ones are out. The share is met ÷ shifts, rounded down to 6 places.
Parties stand in the order in which they first met a quota, those that never did last.
"""

from typing import Literal

import ibis
import ibis.expr.types as ir

from ..tables import Tables
from . import periods, standings
from .arithmetic import FIGURE, QUANTITY, exact, near, settled
from .parameter import Parameter
from .periods import Period

By = Literal["job", "industry"]
SCHEMA = ibis.schema(
    {
        "party": "string", "name": "string", "from": "date", "until": "date", "shifts": "int64", "met": "int64", "share": FIGURE,
        "best": FIGURE, "first_met": "date", "first": "string", "entry": "int64",
    }
)  # fmt: skip
COLUMNS = {
    "party": "the job or industry",
    "name": "the job's name",
    "from": "first day of the period; absent for all time",
    "until": "the day after its last",
    "shifts": "how many shifts have an attainment",
    "met": "how many of them met their quota",
    "share": "met ÷ shifts",
    "best": "the highest attainment among them",
    "first_met": "the day on which a quota was first met in this job or industry, in whatever period; absent where none was",
    "first": "the shift that did",
    "entry": "index of that shift's entry",
}
KEY = ("party", "from")
FIRST = ("party", "name", "from", "met", "shifts", "share", "until", "best", "first_met", "first")
RESTS_ON = {"entry": "the first shift that met its quota"}
PARAMETERS = (
    Parameter("period", "choice", "a day, a week from Monday, ... or all time", periods.PERIODS, "month"),
    Parameter("by", "choice", "from job to job or from industry to industry", ("job", "industry"), "job"),
    Parameter("labour", "flag", "share each shift among all labour hours", default=False),
)


def derive(tables: Tables, *, period: Period = "month", by: By = "job", labour: bool = False) -> ir.Table:
    """One row per job or industry and period, those that met a quota first before the others."""
    shifts = standings.counted(tables, period, "industry" if by == "industry" else "all", labour)
    shifts = shifts.mutate(party=shifts.job_key) if by == "job" else shifts
    known = shifts.filter(shifts.whole & shifts.figure.notnull())
    names = ("party", "at", "figure", "day", "started", "first_entry", "entry")
    known = tables.kept(known.select(*names, met=known.figure >= exact("1", FIGURE)))
    first = _first(known, tables)
    table = _counts(known).left_join(first, "party").drop("party_right")
    start, end = (periods.start_of(table["at"] + ahead, period) for ahead in (0, 1))
    table = table.mutate(**{"from": start, "until": end})
    return (
        _named(table, tables, by).order_by("first_met", "started", "first_entry", "party", "at").select(*SCHEMA.names)
    )


def _counts(shifts: ir.Table) -> ir.Table:
    """One row per party and period."""
    table = shifts.group_by("party", "at").agg(
        shifts=shifts.count(), met=shifts.count(where=shifts.met), best=shifts.figure.max()
    )
    above, below = table.met.cast(QUANTITY), table.shifts.cast(QUANTITY)
    table = table.mutate(close=near(above, below))
    return table.mutate(share=settled(table.close, above, below)).drop("close")


def _first(shifts: ir.Table, tables: Tables) -> ir.Table:
    """The first shift of each party that met its quota."""
    met = shifts.filter(shifts.met)
    order = ibis.row_number().over(ibis.window(group_by=met.party, order_by=[met.started, met.first_entry]))
    earliest = met.mutate(order=order).filter(lambda t: t.order == 0)
    ids = tables.shift.select(of_entry="entry", first="id")
    joined = earliest.inner_join(ids, earliest.entry == ids.of_entry)
    return joined.select("party", "started", "first_entry", "entry", "first", first_met="day")


def _named(table: ir.Table, tables: Tables, by: By) -> ir.Table:
    """From keys to ids and names."""
    if by == "industry":
        return table.mutate(name=ibis.null("string"))
    job = tables.job.select("key", id="id", called="name")
    joined = table.inner_join(job, table.party == job.key)
    return joined.select(
        *(table[name] for name in table.columns if name != "party"), party=job.id, name=job.called
    ).view()
