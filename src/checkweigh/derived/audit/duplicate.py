"""duplicate: the same work twice under two ids.

Two shifts of the same party, job and site with exactly the same quantity, where of such shifts in the order of their starts

    the later begins before the earlier has ended, or, where it is not known when that ended, within 30 minutes of its start

A later shift that begins when the earlier is over is more work, not the same. Where ends are not known, equal quantities are told only when
they are unusual: at most one in ten (and at least two) of the party's shifts of that job have it, since whoever carries one load each time
claims a load each time. The finding is the later of the two (of equal starts the one recorded later); the score is the quantity
counted twice.

It cannot see the same work with a changed quantity, under another job, or claimed by two people. Shifts of which only the month or the year
is known are left out.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from .found import evidence, finding, named, said
from .spans import placed, standing

CODE = "duplicate"
HELP = "the same work twice under two ids"
FAMILY = False
MINUTES = 30
SAME = ("party_key", "job_key", "site_key", "quantity")
MESSAGE = (
    "{who} is credited twice with {quantity} {unit} ({what}, {where}): shift {first} from {starts} and shift {second} from "
    "{other_starts} UTC. Is it the same work?"
)


def find(tables: Tables) -> ir.Table:
    """One row per shift that repeats one before it."""
    shift = placed(standing(tables)).filter(lambda t: t.quantity > 0)
    before = ibis.window(group_by=[shift[name] for name in SAME], order_by=[shift.started, shift.entry])
    shift = shift.mutate(
        other=shift.entry.lag().over(before), other_id=shift.id.lag().over(before), other_starts=shift.started.lag().over(before),
        other_ends=shift.ends.lag().over(before),
    ).view()  # fmt: skip
    soon = shift.started <= shift.other_starts + ibis.interval(minutes=MINUTES)
    timed = shift.other_ends.notnull()
    again = tables.kept(shift.filter(ibis.ifelse(timed, shift.started < shift.other_ends, soon)).mutate(timed=timed))
    return _told(_unusual(again, tables), tables)


def _unusual(again: ir.Table, tables: Tables) -> ir.Table:
    """Without those whose ends are not known and whose quantity is what the party usually claims."""
    untimed = again.filter(~again.timed)
    shift = standing(tables).semi_join(untimed, ["party_key", "job_key"])
    all_of_them = shift.group_by("party_key", "job_key").agg(of_job=shift.count())
    alike = shift.group_by("party_key", "job_key", "quantity").agg(alike=shift.count())
    alike = alike.inner_join(all_of_them, ["party_key", "job_key"])
    usual = alike.filter((alike.alike > 2) & (alike.alike * 10 > alike.of_job))
    usual = usual.select("party_key", "job_key", "quantity", timed=ibis.literal(False)).view()
    return again.anti_join(usual, ["party_key", "job_key", "quantity", "timed"]).view()


def _told(again: ir.Table, tables: Tables) -> ir.Table:
    again = named(again, tables)
    minutes = (again.started.epoch_seconds() - again.other_starts.epoch_seconds()) // 60
    words = {
        "quantity": again.quantity,
        "unit": again.unit,
        "starts": again.other_starts,
        "other_starts": again.started,
    }
    sentence = said(
        MESSAGE, who=again.who, what=again.what, where=again.where, first=again.other_id, second=again.id, **words
    )
    return finding(
        again, entry=again.entry, entries=ibis.array([again.entry, again.other]), shift=again.id,
        score=again.quantity.cast("float64"), message=sentence,
        evidence=evidence(shift=again.id, other_shift=again.other_id, minutes_apart=minutes, **words),
    )  # fmt: skip
