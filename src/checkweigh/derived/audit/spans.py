"""When people worked: from when until when each claim says that somebody was at work.

Spans are half-open. A shift lasts until it `ended`, else for its hours from its start; where neither is stated nobody knows, and nothing is
guessed. Shifts of which only the month or the year is known, and reports of more than 24 hours, place nobody at an hour.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..attainment import judged, last_verdicts

MICROSECONDS_OF_AN_HOUR = 3_600_000_000


def standing(tables: Tables) -> ir.Table:
    """Judged shifts that are not annulled, with `ends`: when they end, absent where that is not known."""
    shift = judged(tables)
    shift = shift.filter(shift.status != "annulled")
    return shift.mutate(ends=ibis.coalesce(shift.ended, after(shift.started, shift.hours)))


def placed(shift: ir.Table) -> ir.Table:
    """Those of the shifts that say at which hours somebody was at work, or at least from when."""
    return shift.filter(shift.precision.isnull() & ~shift.long)


def after(moment: ir.Value, hours: ir.Value) -> ir.Value:
    """So many hours after a moment."""
    return moment + (hours.cast("float64") * MICROSECONDS_OF_AN_HOUR).round().cast("int64").as_interval("us")


def hours_between(start: ir.Value, end: ir.Value) -> ir.Value:
    """How many hours lie between two moments, to a hundredth."""
    return (end.epoch_seconds() - start.epoch_seconds()).cast("float64") / 3600


def people(tables: Tables) -> ir.Table:
    """Who was at work when: one row for each worker credited and each helper (`person`, a key; `helps`), with the columns of the shift.

    `starts` to `ends` is when the person was there for certain, `since` to `until` the time of the shift. A helper of fewer hours than
    the shift lasted was there at some time of it: for certain between the latest that they can have begun and the earliest that they can
    have left; if that is no time, `starts` and `ends` are absent.
    """
    shift = placed(standing(tables))
    shift = shift.filter(shift.ends.notnull())
    about = ["entry", "job_key", "site_key", "quantity", "day"]
    own = shift.filter(shift.worker.notnull()).select(
        *about,
        person="party_key",
        helps=ibis.literal(False),
        starts="started",
        ends="ends",
        since="started",
        until="ends",
        hours="hours",
    )
    helper = _helpers(tables)
    helped = shift.inner_join(helper, shift.entry == helper.of_shift)
    begins = ibis.greatest(helped.started, after(helped.ends, -helped.helper_hours))
    leaves = ibis.least(helped.ends, after(helped.started, helped.helper_hours))
    surely = begins < leaves
    helps = helped.select(
        *about, person="helper_key", helps=ibis.literal(True), starts=ibis.ifelse(surely, begins, ibis.null("timestamp(6)")),
        ends=ibis.ifelse(surely, leaves, ibis.null("timestamp(6)")), since="started", until="ends", hours="helper_hours",
    )  # fmt: skip
    return own.union(helps.cast(own.schema()))


def _helpers(tables: Tables) -> ir.Table:
    """of_shift (entry), helper_key, helper_hours: the helpers that each shift states, or its last verdict where that states any."""
    ruled = last_verdicts(tables)
    ruled = ruled.filter(ruled.helper_count.notnull()).select(ruled_shift="shift", restated="helpers")
    shift = tables.shift
    told = shift.left_join(ruled, shift.id == ruled.ruled_shift)
    told = told.select(of_shift=shift.entry, helpers=ibis.coalesce(ruled.restated, shift.helpers))
    each = told.filter(told.helpers.length() > 0)
    each = each.select("of_shift", helper=each.helpers.unnest()).view()
    each = each.select("of_shift", name=each.helper["worker"], helper_hours=each.helper["hours"]).view()
    worker = tables.worker.select(worker_id="id", helper_key="key").distinct()
    return each.inner_join(worker, each.name == worker.worker_id).select("of_shift", "helper_key", "helper_hours")
