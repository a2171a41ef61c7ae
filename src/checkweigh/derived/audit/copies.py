"""Copied figures: the same run of quantities again, on other days, entered by the same person. For the check `heaping`.

A run is the quantities of six shifts that a worker or crew did one after the other in a job: a working week. With p the frequency of a
quantity among those that the person entered for that job, or among those of that worker or crew, whichever is greater, and N the number
of runs,

    P(some run of the job comes again) ≤ N² × p₁ × p₂ × ... × p₆

whatever the order in which honest figures come, as long as one does not depend on the one before: each of N runs may be met by each of N
others. Frequencies count the copies too, which makes the bound larger, never smaller. Runs of fewer than three different quantities are
no evidence, nor runs of the same days: two who share their work share its figures.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..arithmetic import function
from .found import MOST_LEVEL

RUN = 6
DIFFERENT = 3
JOB = ["by", "job_key"]


fingerprint = function(lambda run: None, "hash", "uint64")
"""A number that is the same for the same run."""
different = function(lambda run: None, "list_unique", "int64")
"""How many different quantities a run has."""


def copied(entered: ir.Table, tables: Tables) -> ir.Table:
    """by, job_key, entry and twin (the first entries of the latest copied run and of a run that it repeats), how many runs are `copied`,

    of how many `runs`, the `quantities`, and the `bound` on the probability: the least of the job.
    """
    runs = tables.kept(_rare_runs(_with_frequencies(entered)))
    again = (
        runs.group_by(*JOB, "print")
        .agg(times=runs.count(), days=runs.day.nunique())
        .filter(lambda t: (t.times > 1) & (t.days > 1))
    )
    runs = tables.kept(runs.semi_join(again, [*JOB, "print"]))
    other = runs.view()
    same = [runs[name] == other[name] for name in (*JOB, "print")]
    apart = (runs.party_key != other.party_key) | (runs.turn >= other.turn + RUN)
    pairs = runs.join(
        other, [*same, runs.day != other.day, runs.entry > other.entry, runs.quantities == other.quantities, apart]
    )
    pairs = pairs.select(
        *(runs[name] for name in (*JOB, "entry", "runs", "quantities", "entries")),
        twin=other.entry, bound=ibis.greatest(runs.bound, other.bound)
    )  # fmt: skip
    pairs = pairs.view()
    return pairs.group_by(JOB).agg(
        runs=pairs.runs.max(), copied=pairs.entry.nunique(), bound=pairs.bound.min(),
        **{name: pairs[name].argmin(pairs.bound) for name in ("entry", "twin", "quantities", "entries")},
    )  # fmt: skip


def _with_frequencies(entered: ir.Table) -> ir.Table:
    """Adds the logarithm of each quantity's frequency."""
    in_job = entered.group_by(*JOB, "quantity").agg(in_job=entered.count())
    in_job = in_job.mutate(often=in_job.in_job / in_job.in_job.sum().over(group_by=JOB)).drop("in_job")
    own = entered.group_by(*JOB, "party_key", "quantity").agg(own=entered.count())
    own = own.mutate(own_often=own.own / own.own.sum().over(group_by=[*JOB, "party_key"])).drop("own")
    joined = entered.join(in_job, [*JOB, "quantity"]).join(own, [*JOB, "party_key", "quantity"])
    return joined.mutate(log=ibis.greatest(joined.often, joined.own_often).ln()).drop("often", "own_often")


def _rare_runs(entered: ir.Table) -> ir.Table:
    """The runs that chance would hardly repeat."""
    onward = {"group_by": [*JOB, "party_key"], "order_by": [entered.started, entered.entry], "rows": (0, RUN - 1)}
    table = entered.mutate(
        length=entered.count().over(**onward), rarity=entered.log.sum().over(**onward),
        quantities=entered.quantity.collect().over(**onward), entries=entered.entry.collect().over(**onward),
        turn=ibis.row_number().over(group_by=[*JOB, "party_key"], order_by=[entered.started, entered.entry]),
    )  # fmt: skip
    table = table.filter(table.length == RUN)
    table = table.mutate(runs=table.count().over(group_by=JOB))
    table = table.mutate(bound=(table.rarity + 2 * table.runs.ln()).exp())
    table = table.filter((table.bound <= MOST_LEVEL) & (different(table.quantities) >= DIFFERENT))
    return table.mutate(print=fingerprint(table.quantities)).drop("length", "rarity", "log", "started")
