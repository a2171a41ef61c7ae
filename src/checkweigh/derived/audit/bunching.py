"""bunching: more reports lie on the quota, or just above it, than a smooth distribution of work would put there.

Per site, crew and person who enters, attainments within a quarter of the quota are counted in bins of one percent, and the excess in the
quota's own bin [1, 1.01) is measured against a polynomial counterfactual with dummies for round numbers (`excess`, where formula and
sources stand: Saez 2010, Chetty and others 2011, Kleven and Waseem 2013). Units are respected (`lattice`): where only whole pieces can be
written, only bins that can hold a whole number of pieces take part. There is one test for each group of at least 50 reports near the
quota, and one for groups that are made of the same reports. The score is b: the excess in multiples of what was to be expected.

It cannot tell why: work may be held back once the quota is met, reported up to it, or planned to it. It cannot see groups of fewer reports,
quotas of so few pieces that fewer than eight other figures lie within a quarter of them, nor figures that are drawn to the quota and
spread smoothly over several percent around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np

from ...tables import Tables, collect
from ..arithmetic import exact
from ..attainment import judged
from .excess import BINS, REACH, Excess, Floats, excess
from .found import MOST_ENTRIES, given
from .lattice import billionths, exposure, step_of

CODE = "bunching"
HELP = "more reports on the quota than a smooth distribution would put there"
FAMILY = True
FEWEST_REPORTS = 50
QUOTAS_A_GROUP = 200
"""The most frequent quotas of a group stand for all of them where the steps of the unit are weighed."""
SAMPLE = 200_000
KINDS = ("site", "crew", "by")
MESSAGE = (
    "{about}: {found} of {reports} reports within a quarter of the quota lie on it or less than 1 % above. A smooth spread would put "
    "{expected:.0f} there; {excess:.0f} more, with a standard error of {error:.1f}. Less than 1 % below the quota lie {below}."
)


@dataclass(frozen=True)
class Group:
    """The reports near the quota of one site, crew or person who enters."""

    kind: str
    name: str
    first: int
    counts: Floats
    within_a_thousandth: int
    exposure: Floats
    rounds: Floats


def find(tables: Tables) -> ir.Table:
    """One row per site, crew or person who enters with an excess of reports at the quota."""
    near = tables.kept(_near(tables))
    steps = _steps(tables)
    groups = [group for kind in KINDS for group in _groups(near, kind, steps)]
    once = {(group.first, *group.counts): group for group in reversed(groups)}
    groups = [group for group in groups if once[group.first, *group.counts] is group]
    found = [(group, figures) for group in groups if (figures := excess(group.counts, group.exposure, group.rounds))]
    sites = {group.name for group in groups if group.kind == "site"}
    return given(tables, [_told(near, group, figures, len(groups), group.name in sites) for group, figures in found])


def _near(tables: Tables) -> ir.Table:
    """Every report within a quarter of its quota: its bin, its quota, and the groups that it is in."""
    shifts = judged(tables)
    least, most = (exact(f"{number / 100}", "decimal(18, 6)") for number in (100 - REACH, 100 + REACH))
    shifts = shifts.filter((shifts.status != "annulled") & (shifts.attainment >= least) & (shifts.attainment < most))
    author = tables.shift.select(of_entry="entry", by="by")
    shifts = shifts.inner_join(author, shifts.entry == author.of_entry)
    thousandth = (shifts.attainment >= exact("1", "decimal(18, 6)")) & (
        shifts.attainment < exact("1.001", "decimal(18, 6)")
    )
    return shifts.select(
        "entry", "site", "crew", "by", "job_key", "lower",
        bin=(shifts.attainment * 100).floor().cast("int64") - 100,
        expected=shifts.expected,
        thousandth=thousandth.cast("int64"),
    )  # fmt: skip


def _steps(tables: Tables) -> dict[int, tuple[int, int]]:
    """The last decimal place and the step between the figures of each job, from a sample of its quantities."""
    shifts = tables.shift
    every = max(tables.size // SAMPLE, 1)
    sample = shifts.filter(shifts.entry % every == 0) if every > 1 else shifts
    held = collect(sample.select("job_key", "quantity").order_by("job_key"))
    jobs, quantities = held["job_key"].to_numpy(), billionths(held["quantity"])
    return {int(jobs[rows[0]]): step_of(quantities[rows]) for rows in _runs(jobs)}


def _runs(keys: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of each key of a sorted column."""
    yield from (rows for rows in np.split(np.arange(len(keys)), np.flatnonzero(keys[1:] != keys[:-1]) + 1) if len(rows))


def _groups(near: ir.Table, kind: str, steps: dict[int, tuple[int, int]]) -> Iterator[Group]:
    """The groups of a kind that have enough reports near the quota."""
    held = near.filter(near[kind].notnull())
    sums = held.group_by(kind, "bin").agg(
        reports=held.count(), first=held.entry.min(), thousandth=held.thousandth.sum()
    )
    binned = collect(sums.order_by(kind, "bin"))
    quotas = _quotas(held, kind, steps)
    names = binned[kind].to_numpy(zero_copy_only=False)
    bins, reports, first, thousandth = (binned[name].to_numpy() for name in ("bin", "reports", "first", "thousandth"))
    for rows in _runs(names):
        counts = np.bincount(bins[rows] + REACH, reports[rows], len(BINS)).astype(np.float64)
        if counts.sum() >= FEWEST_REPORTS:
            name = str(names[rows[0]])
            filled, rounds = quotas[name]
            yield Group(kind, name, int(first[rows].min()), counts, int(thousandth[rows].sum()), filled, rounds)


def _quotas(held: ir.Table, kind: str, steps: dict[int, tuple[int, int]]) -> dict[str, tuple[Floats, Floats]]:
    """How much of each bin the figures can fill, by group, from its most frequent quotas."""
    sums = held.group_by(kind, "job_key", "lower", "expected").agg(reports=held.count())
    often = ibis.window(group_by=sums[kind], order_by=[sums.reports.desc(), sums.job_key, sums.expected])
    sums = sums.mutate(place=ibis.row_number().over(often)).filter(lambda t: t.place < QUOTAS_A_GROUP)
    table = collect(sums.filter(sums.expected.notnull()).order_by(kind, "place"))
    names, lower = (table[name].to_numpy(zero_copy_only=False) for name in (kind, "lower"))
    expected, reports = billionths(table["expected"]), table["reports"].to_numpy().astype(float)
    units = np.array([steps.get(job, (1, 1)) for job in table["job_key"].to_pylist()], np.int64).reshape(-1, 2)
    return {
        str(names[rows[0]]): exposure(
            expected[rows], units[rows, 0], units[rows, 1], lower[rows].astype(bool), reports[rows]
        )
        for rows in _runs(names)
    }


def _told(near: ir.Table, group: Group, figures: Excess, tests: int, is_site_too: bool) -> dict[str, object]:
    """The finding about a group; of a crew that bears the name of a site it is said that the crew is meant."""
    at_quota = near.filter((near[group.kind] == group.name) & (near.bin == 0)).order_by("entry").limit(MOST_ENTRIES)
    entries = collect(at_quota.select("entry"))["entry"].to_pylist()
    numbers: dict[str, object] = {
        "group": group.kind, "reports": int(group.counts.sum()), "found": figures.found, "expected": f"{figures.counterfactual:.2f}",
        "excess": f"{figures.excess:.2f}", "standard_error": f"{figures.standard_error:.2f}", "b": f"{figures.b:.3f}",
        "b_standard_error": f"{figures.b_standard_error:.3f}", "within_a_thousandth": group.within_a_thousandth,
        "below": int(group.counts[REACH - 1]),
    }  # fmt: skip
    worded = group.name if group.kind == "by" else f"{group.kind} {group.name}"
    about = worded if group.kind == "crew" and is_site_too else group.name
    told = {
        "about": worded,
        "expected": figures.counterfactual,
        "excess": figures.excess,
        "error": figures.standard_error,
    }
    return {
        "entry": entries[0], "entries": entries, "about": about, "score": figures.b, "p_value": figures.p_value, "tests": tests,
        "evidence": {name: str(number) for name, number in numbers.items()}, "message": MESSAGE.format(**numbers | told),
    }  # fmt: skip
