"""Pace: how fast a shift was, as the checks of own history and of the tail compare it. Higher is faster.

    where more is better     quantity ÷ labour hours, so that who had helpers is not taken for faster; where hours are not known,
                             quantity ÷ headcount
    where less is better     own hours ÷ quantity, or headcount ÷ quantity: help is no reason why there should be more

As floating-point numbers, since only statistics are made of them. Shifts with and without known hours are never compared with each other
(`timed`). Left out are annulled shifts, shifts that yielded nothing, and reports of more than 24 hours whose hours are not known.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..attainment import judged


def paces(tables: Tables) -> ir.Table:
    """entry, job_key, party_key, timed, pace, and `turn`: the place of the shift among those of its party, job and sort, from 0."""
    return tables.held("paces", lambda: _paces(tables))


def _paces(tables: Tables) -> ir.Table:
    shifts = judged(tables)
    lower = ibis.coalesce(shifts.lower, False)
    labour = ibis.ifelse(lower, shifts.own.cast("float64"), shifts.labour_hours.cast("float64"))
    timed = ibis.coalesce(labour > 0, False)
    people = ibis.coalesce(shifts.headcount.cast("float64").nullif(0), 1.0)
    hours = ibis.ifelse(timed, labour, people)
    quantity = shifts.quantity.cast("float64")
    shifts = shifts.filter((shifts.status != "annulled") & (shifts.quantity > 0) & (timed | ~shifts.long))
    paces = shifts.select(
        "entry", "job_key", "party_key", "started",
        vague=shifts.precision.notnull(), place=shifts.first_entry, timed=timed,
        pace=ibis.ifelse(lower, hours / quantity, quantity / hours),
    )  # fmt: skip
    inorder = ibis.window(
        group_by=["party_key", "job_key", "timed"], order_by=[paces.started, paces.vague, paces.place]
    )
    return paces.mutate(turn=ibis.row_number().over(inorder)).drop("started", "vague", "place")
