"""own-history: far faster than the worker or crew has been before.

    modified z = 0.6745 (x - median) / MAD > 3.5        (Iglewicz and Hoaglin 1993)

x is the pace of the shift (`pace`: quantity per labour hour); median and MAD, the median absolute deviation, are of the same party's
earlier shifts of the job, at least 10 and of more the latest 250 in the order of their starts: about a year, since what somebody did long
ago with other tools says little of today. Where MAD is 0 (more than half of the earlier shifts are alike) it is (x - median) / (1.253314
× MeanAD), with the mean absolute deviation, as Iglewicz and Hoaglin give; where that is 0 too, the spread is taken to be 2 % of the
median. In both cases x must exceed every earlier one, besides. The score is the modified z. Unusually slow shifts are no finding: nobody
is credited with them.

A threshold of 3.5 is passed by chance hundreds of times in a million honest shifts, so false discoveries are controlled as well. Paces
multiply, so for the p-value z is taken of their logarithms, with a spread of at least 2 %; divided by √(1 + π ÷ 2n), because the median
is itself uncertain, it is compared with Student's t of 0.35 (n - 1) degrees of freedom, because a MAD tells the spread no better than
that many observations would (0.37 n for normal figures, Rousseeuw and Croux 1993; 0.35 keeps the level down to n = 10). There is one test
per shift with enough earlier ones.

It cannot see what was exaggerated from the first day on, nor a pace that creeps up; and it doubts the first shifts after an honest change
of tools or practice.
"""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import scipy

from ...tables import Tables, collect
from ..arithmetic import aggregate
from ..attainment import judged
from .discoveries import can_survive
from .found import given, is_empty, named, plain
from .pace import paces

CODE = "own-history"
HELP = "far faster than the worker or crew has been before"
FAMILY = True
THRESHOLD = 3.5
FEWEST = 10
LATEST = 250
LEAST_SPREAD = 0.02
OF_MAD, OF_MEAN = 0.6745, 1.253314
DEGREES_A_SHIFT = 0.35
GROUP = ("party_key", "job_key", "timed")
MESSAGE = (
    "{who}: {quantity} {unit} ({what}) is {times:.2f} times the usual pace per {basis} of {earlier} earlier shifts, "
    "and {best:.2f} times the best of them. Modified z {score:.1f}; above 3.5 stands out."
)


deviation = aggregate(lambda pace: None, "mad", "float64")
"""The median absolute deviation from the median, as the engine computes it."""


def find(tables: Tables) -> ir.Table:
    """One row per shift that stands out above the earlier ones of its party and job."""
    shifts = paces(tables)
    tests = int(collect(shifts.aggregate(tests=(shifts.turn >= FEWEST).sum()))["tests"][0].as_py() or 0)
    high = tables.kept(_high(shifts))
    if is_empty(high):
        return given(tables, [])
    table = named(_with_history(high, shifts, tables), tables)
    rows = [
        row
        for row in collect(table.order_by("entry")).to_pylist()
        if modified_z(row["pace"], np.array(row["paces"])) > THRESHOLD
    ]
    chances = np.array([chance(row["pace"], np.array(row["paces"])) for row in rows])
    kept = zip(rows, chances, can_survive(chances, tests), strict=True)
    return given(tables, [_told(row, float(p_value), tests) for row, p_value, keep in kept if keep])


def _high(shifts: ir.Table) -> ir.Table:
    """Shifts whose modified z is above the threshold, or that exceed all of a history without a MAD."""
    earlier = {"group_by": list(GROUP), "order_by": "turn", "rows": (-LATEST, -1)}
    table = shifts.mutate(
        median=shifts.pace.median().over(**earlier),
        mad=deviation(shifts.pace).over(**earlier),
        best=shifts.pace.max().over(**earlier),
    )
    above = table.pace - table.median
    stands_out = ibis.ifelse(table.mad > 0, OF_MAD * above > THRESHOLD * table.mad, table.pace > table.best)
    return table.filter((table.turn >= FEWEST) & stands_out)


def _with_history(high: ir.Table, shifts: ir.Table, tables: Tables) -> ir.Table:
    """Adds the earlier paces, and what the shift says."""
    before = shifts.select(*GROUP, earlier="turn", was="pace").view()
    same = [high[name] == before[name] for name in GROUP]
    joined = high.join(before, [*same, before.earlier < high.turn, before.earlier >= high.turn - LATEST])
    history = joined.group_by(of_entry=high.entry).agg(paces=joined.was.collect()).view()
    shift = judged(tables).select("id", "worker", "crew", "job", "site", "site_key", "quantity", of_shift="entry")
    table = high.join(history, high.entry == history.of_entry)
    return table.join(shift, table.entry == shift.of_shift).drop("of_shift", "of_entry").view()


def modified_z(pace: float, earlier: np.ndarray) -> float:
    """How far a pace stands above earlier ones, in the measure of Iglewicz and Hoaglin, with its fallbacks."""
    median = float(np.median(earlier))
    apart = np.abs(earlier - median)
    if np.median(apart) > 0:
        return float(OF_MAD * (pace - median) / np.median(apart))
    return float((pace - median) / (OF_MEAN * apart.mean() or LEAST_SPREAD * median))


def chance(pace: float, earlier: np.ndarray) -> float:
    """How often an honest pace stands so high above earlier ones."""
    logs = np.log(earlier)
    apart = np.abs(logs - np.median(logs))
    spread = np.median(apart) / OF_MAD or OF_MEAN * apart.mean()
    z = (np.log(pace) - np.median(logs)) / max(spread, LEAST_SPREAD)
    count = len(earlier)
    return float(scipy.stats.t.sf(z / np.sqrt(1 + np.pi / 2 / count), DEGREES_A_SHIFT * (count - 1)))


def _told(row: dict[str, Any], p_value: float, tests: int) -> dict[str, object]:
    """The finding about a shift."""
    pace, earlier = row["pace"], np.array(row["paces"])
    score = modified_z(pace, earlier)
    numbers = {
        "quantity": plain(row["quantity"]), "unit": row["unit"], "pace": f"{pace:.6g}", "median": f"{np.median(earlier):.6g}",
        "mad": f"{np.median(np.abs(earlier - np.median(earlier))):.6g}", "best_before": f"{earlier.max():.6g}",
        "earlier": str(len(earlier)), "modified_z": f"{score:.3f}", "basis": "labour hour" if row["timed"] else "head",
    }  # fmt: skip
    told = {"times": pace / np.median(earlier), "best": pace / earlier.max(), "score": score}
    message = MESSAGE.format(**numbers | told, who=row["who"], what=row["what"])
    return {
        "entry": row["entry"], "entries": [row["entry"]], "shift": row["id"], "score": score, "p_value": p_value, "tests": tests,
        "evidence": numbers, "message": message,
    }  # fmt: skip
