"""tail: more than the tail of the job's own distribution gives in as many shifts.

    P(pace > x) × shifts of the job < 0.05        P by peaks over a threshold (Coles 2001; `pareto` has formula and fit)

A generalised Pareto distribution is fitted to the paces (`pace`: quantity per labour hour) above a threshold, the highest tenth of the
job's shifts and at most 1,000, of jobs with at least 500 shifts. So an output is a finding when one as large is expected less often than
once in twenty times as many shifts. The highest figures, which may be the false ones, do not widen the tail that they are judged by.
There is one test for each shift of these jobs. The score is how often so large an output is expected in as many shifts.

It cannot see a false figure that somebody else reaches honestly, nor a job of which more than a hundredth of the shifts is false: those
are the tail. Where people of very different skill or machines of very different size do one job, the tail is long, and little stands out.
"""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from ...tables import Tables, collect
from ..attainment import judged
from .discoveries import can_survive
from .found import given, named, plain
from .pace import paces
from .pareto import Tail, fitted

CODE = "tail"
HELP = "more than the tail of the job's own distribution gives in as many shifts"
FAMILY = True
RATE = 0.05
SHARE = 10
MOST_ABOVE = 1000
FEWEST = 500
MESSAGE = (
    "{who}: {quantity} {unit} ({what}) in one shift. By the tail of the {shifts} shifts of this job so high a pace is expected "
    "{score:.2g} times in as many. It is {pace:.4g} {per}; no more than a tenth of them exceed {threshold:.4g}."
)


def find(tables: Tables) -> ir.Table:
    """One row per shift that is beyond the tail of its job."""
    highest = collect(_highest(paces(tables)))
    keys = [highest[name].to_numpy(zero_copy_only=False) for name in ("job_key", "timed")]
    order = np.lexsort([highest["entry"].to_numpy(), *keys])
    job, timed = (key[order] for key in keys)
    starts = np.flatnonzero(np.r_[True, (job[1:] != job[:-1]) | (timed[1:] != timed[:-1])][: len(order)])
    figures = {name: highest[name].to_numpy()[order] for name in ("entry", "pace", "shifts")}
    found = [one for rows in np.split(np.arange(len(order)), starts[1:]) if len(rows) for one in _beyond(figures, rows)]
    tests = int(figures["shifts"][starts].sum())
    survive = can_survive(np.array([one["p_value"] for one in found]), tests)
    return _told(
        tables, {one["entry"]: one | {"tests": tests} for one, keep in zip(found, survive, strict=True) if keep}
    )


def _highest(shifts: ir.Table) -> ir.Table:
    """The highest paces of each job that has enough shifts, with how many shifts it has."""
    of_job = ["job_key", "timed"]
    best = ibis.window(group_by=of_job, order_by=[shifts.pace.desc(), shifts.entry])
    table = shifts.mutate(shifts=shifts.entry.count().over(group_by=of_job), place=ibis.row_number().over(best))
    table = table.filter((table.shifts >= FEWEST) & (table.place <= ibis.least(table.shifts // SHARE, MOST_ABOVE)))
    return table.select("entry", "pace", "shifts", "job_key", "timed")


def _beyond(figures: dict[str, np.ndarray], rows: np.ndarray) -> list[dict[str, Any]]:
    """The shifts of one job that are beyond its tail."""
    pace, shifts = figures["pace"][rows], int(figures["shifts"][rows[0]])
    tail = fitted(pace, shifts)
    if tail is None:
        return []
    chance = tail.chance(pace)
    return [
        {
            "entry": int(figures["entry"][rows[at]]),
            "pace": float(pace[at]),
            "p_value": float(chance[at]),
            "tail": tail,
            "shifts": shifts,
        }
        for at in np.flatnonzero(chance * shifts < RATE)
    ]


def _told(tables: Tables, found: dict[int, dict[str, Any]]) -> ir.Table:
    """The findings, in the order of the ledger."""
    if not found:
        return given(tables, [])
    shifts = judged(tables).select(
        "entry", "id", "worker", "crew", "job", "site", "job_key", "site_key", "party_key", "quantity", "lower", "hours"
    )
    shifts = named(shifts.filter(shifts.entry.isin(list(found))), tables)
    return given(
        tables, [_finding(row, **found[row["entry"]]) for row in collect(shifts.order_by("entry")).to_pylist()]
    )


def _finding(
    row: dict[str, Any], pace: float, p_value: float, tail: Tail, shifts: int, tests: int, entry: int
) -> dict[str, object]:
    score = p_value * shifts
    hour, unit = "labour hour" if row["hours"] is not None else "head", row["unit"]
    per = f"{hour.replace('labour', 'own')}s per {unit}" if row["lower"] else f"{unit} per {hour}"
    numbers = {
        "quantity": plain(row["quantity"]), "unit": row["unit"], "pace": f"{pace:.6g}", "shifts": str(shifts),
        "threshold": f"{tail.threshold:.6g}", "share_above": f"{tail.share:.4g}", "shape": f"{tail.shape:.2f}",
        "scale": f"{tail.scale:.6g}",
        "upper_shape": f"{tail.most_shape:.2f}", "upper_scale": f"{tail.most_scale:.6g}", "expected_in_as_many": f"{score:.3g}",
    }  # fmt: skip
    told = {
        "score": score,
        "threshold": tail.threshold,
        "pace": pace,
        "per": per,
        "who": row["who"],
        "what": row["what"],
    }
    return {
        "entry": entry, "entries": [entry], "shift": row["id"], "score": score, "p_value": p_value, "tests": tests, "evidence": numbers,
        "message": MESSAGE.format(**numbers | told),
    }  # fmt: skip
