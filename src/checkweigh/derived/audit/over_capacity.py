"""over-capacity: more in a labour hour than the equipment can do.

    quantity > capacity × labour hours        exactly; the score is how many times as much

A machine, a seam or a loom has a limit whoever stands at it, and `capacity` of a job states it for one labour hour. The figures are those
that the last verdict leaves, so a shift whose helpers have come to light is divided among all of them before it is doubted.

It cannot see a shift of which the hours are not stated, nor jobs without a stated capacity or where less is better; and it believes the
capacity, which may have been stated too high, or too low for newer equipment.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..attainment import judged
from .found import evidence, finding, is_empty, named, said

CODE = "over-capacity"
HELP = "more in a labour hour than the equipment can do"
FAMILY = False
PRODUCT = "decimal(38, 18)"
NEARLY = 0.999999
MESSAGE = (
    "{who} is credited with {quantity} {unit} ({what}) for {labour_hours} labour hours; "
    "at {capacity} an hour the equipment can do {most} in that time."
)


def lacking(tables: Tables) -> str | None:
    """Why there is nothing to look at."""
    return "no job states a capacity" if is_empty(_capacities(tables)) else None


def find(tables: Tables) -> ir.Table:
    """One row per shift above the capacity of its job."""
    limit = _capacities(tables)
    shifts = judged(tables)
    shifts = shifts.inner_join(limit, shifts.job_key == limit.of_job).drop("of_job")
    shifts = named(shifts.filter(_above(shifts) & (shifts.status != "annulled")), tables)
    shifts = shifts.mutate(most=shifts.capacity * shifts.labour_hours.cast("decimal(20, 9)"))
    numbers = {name: shifts[name] for name in ("quantity", "unit", "labour_hours", "capacity", "most")}
    return finding(
        shifts, entry=shifts.entry, shift=shifts.id, score=shifts.quantity.cast("float64") / shifts.most.cast("float64"),
        evidence=evidence(**numbers), message=said(MESSAGE, who=shifts.who, what=shifts.what, **numbers),
    )  # fmt: skip


def _capacities(tables: Tables) -> ir.Table:
    job = tables.job
    return job.filter(job.capacity.notnull() & (job.better == "higher")).select(of_job="key", capacity="capacity")


def _above(shifts: ir.Table) -> ir.BooleanValue:
    """Exactly, where a double leaves it open: then the product is small enough for a decimal."""
    quantity = shifts.quantity.cast("float64")
    most = shifts.capacity.cast("float64") * shifts.labour_hours.cast("float64")
    exact = shifts.quantity.cast(PRODUCT) > shifts.capacity * shifts.labour_hours.cast("decimal(20, 9)")
    close = ibis.cases((quantity < most * NEARLY, False), (quantity * NEARLY > most, True), else_=exact)
    return (shifts.labour_hours > 0) & close
