"""backdated: written into the ledger long after the work was done.

    lag = recorded - the end of the work                                     of work that was over before the ledger began: 0
    usual lag of who enters = the 90 % quantile of the lags of their batches (the shifts recorded at one moment; a batch has its median lag)
    late: lag > 3 × the usual lag, and more than 14 days
          or more than 2 days, if recorded on the last day before a rule or a campaign ended that covers the work,
          or not more than a day before an award was recorded that names the shift

The usual lag is taken over batches, so that one import of a year's history says no more about somebody's habit than one entry. Of whom
fewer than 20 batches are known, the usual lag is that of the whole ledger; if that has fewer than 20, none is known and only the days
count. What is late of one batch is one finding; the score is its longest lag in days. Days end by UTC.

It cannot see work that was entered in time under a false date, nor what was late before the ledger began. Corrections are left out: they
say why themselves.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from .found import MOST_ENTRIES, evidence, finding, named, said
from .spans import standing

CODE = "backdated"
HELP = "written into the ledger long after the work was done"
FAMILY = False
LATE_DAYS, CLOSE_DAYS = 14, 2
TIMES = 3
QUANTILE = 0.9
FEW = 20
DAY_SECONDS = 86_400
ONE = "{by} entered shift {shift} of {who} ({what}, {where}) {lag} days after the work; {usually}.{closing}"
MANY = "{by} entered {shifts} shifts at once, up to {lag} days after the work; {usually}.{closing}"
CLOSING = " {closed} came right after."


def find(tables: Tables) -> ir.Table:
    """One row per batch with late entries."""
    shift = tables.kept(_lags(tables))
    usual = _usual(shift, tables)
    joined = shift.left_join(usual, shift.by == usual.of_by).drop("of_by")
    beyond = joined.filter(joined.lag > TIMES * ibis.coalesce(joined.usual, 0.0))
    late = tables.kept(beyond.filter(beyond.lag > CLOSE_DAYS))
    closing = _closing(late, tables)
    found = late.left_join(closing, late.entry == closing.of_entry).drop("of_entry")
    return _told(found.filter((found.lag > LATE_DAYS) | found.closed.notnull()).view(), tables)


def _lags(tables: Tables) -> ir.Table:
    """Shifts that are no corrections, with the days from their work to their entry."""
    shift, written = standing(tables), tables.shift.select(written="entry", recorded="recorded", by="by")
    shift = shift.filter(shift.precision.isnull() & (shift.entry == shift.first_entry))
    began = tables.held("began", lambda: _began(tables))
    both = shift.inner_join(written, shift.entry == written.written).cross_join(began)
    done = ibis.greatest(ibis.coalesce(both.ends, both.started), both.began)
    lag = ibis.greatest(both.recorded.epoch_seconds() - done.epoch_seconds(), 0).cast("float64") / DAY_SECONDS
    about = (
        "entry",
        "id",
        "worker",
        "crew",
        "job",
        "site",
        "party_key",
        "job_key",
        "site_key",
        "started",
        "recorded",
        "by",
    )
    return both.select(*about, lag=lag)


def _began(tables: Tables) -> ir.Table:
    """When the first entry that still stands was recorded."""
    kinds = (tables.site, tables.job, tables.worker, tables.crew, tables.quota, tables.shift, tables.source)
    return ibis.union(*(kind.select("recorded") for kind in kinds)).agg(began=lambda t: t.recorded.min())


def _usual(shift: ir.Table, tables: Tables) -> ir.Table:
    """of_by, usual: the lag in days that who enters does not often exceed."""
    batch = shift.group_by("by", "recorded").agg(lag=shift.lag.median()).view()
    whole = batch.agg(batches=batch.count(), all_lag=batch.lag.quantile(QUANTILE))
    known = ibis.ifelse(whole.batches >= FEW, whole.all_lag, ibis.null("float64"))
    each = batch.group_by("by").agg(batches=batch.count(), own_lag=batch.lag.quantile(QUANTILE))
    both = each.cross_join(whole.select(all_lag=known))
    return both.select(of_by="by", usual=ibis.ifelse(both.batches >= FEW, both.own_lag, both.all_lag))


def _closing(late: ir.Table, tables: Tables) -> ir.Table:
    """of_entry, closed: what ended or was awarded right after a late entry."""
    parts = [_ended(late, tables.rule, "rule"), _ended(late, tables.campaign, "campaign"), _awarded(late, tables)]
    found = ibis.union(*parts)
    return found.group_by("of_entry").agg(closed=found.closed.min())


def _ended(late: ir.Table, kind: ir.Table, word: str) -> ir.Table:
    """Late entries of the last day before a rule or a campaign ended, whose work it covers."""
    job = kind.conditions["job"] if word == "rule" else ibis.null("string")
    site = kind.conditions["site"] if word == "rule" else ibis.null("string")
    among = kind.jobs if word == "campaign" else ibis.null("array<string>")
    ends = kind.filter(kind.until.notnull()).select(
        name="id", since="from", until="until", of_job=job, at_site=site, among=among
    )
    both = late.cross_join(ends)
    last_day = (both.recorded.date() < both.until) & (both.recorded.date() >= both.until - ibis.interval(days=1))
    within = (both.started.date() >= both.since) & (both.started.date() < both.until)
    covered = (both.job == both.of_job).fill_null(True) & (both.site == both.at_site).fill_null(True)
    covered &= both.among.contains(both.job).fill_null(True)
    found = both.filter(last_day & within & covered)
    return found.select(of_entry="entry", closed=ibis.literal(f"The end of {word} ") + found.name)


def _awarded(late: ir.Table, tables: Tables) -> ir.Table:
    """Late entries that an award of the day after names."""
    award = tables.award.filter(tables.award["for"].notnull())
    award = award.select(award="entry", granted="recorded", named=award["for"].unnest()).view()
    both = late.inner_join(award, late.id == award.named)
    after = both.granted.epoch_seconds() - both.recorded.epoch_seconds()
    found = both.filter((after >= 0) & (after <= DAY_SECONDS))
    return found.select(of_entry="entry", closed=ibis.literal("The award of entry ") + found.award.cast("string"))


def _told(late: ir.Table, tables: Tables) -> ir.Table:
    batch = late.group_by("by", "recorded").agg(
        shifts=late.count(), first=late.entry.min(), lag=late.lag.max(), usual=late.usual.max(), closed=late.closed.min(),
        entries=late.entry.collect(order_by=late.entry),
    )  # fmt: skip
    about = late.select("entry", "id", "worker", "crew", "job", "site", "party_key", "job_key", "site_key")
    batch = named(batch.inner_join(about, batch["first"] == about.entry), tables)
    one = batch.shifts == 1
    days = {name: batch[name].round(1).cast("decimal(18, 1)") for name in ("lag", "usual")}
    closing = ibis.ifelse(batch.closed.isnull(), "", said(CLOSING, closed=batch.closed))
    usually = ibis.ifelse(
        batch.usual.isnull(), "what is usual is not known yet", said("the usual lag is {usual} days", **days)
    )
    words = {"usually": usually, "by": batch.by, "shifts": batch.shifts, "closing": closing, **days}
    alone = said(ONE, shift=batch.id, who=batch.who, what=batch.what, where=batch.where, **words)
    numbers = {
        "by": batch.by,
        "recorded": batch.recorded,
        "shifts": batch.shifts,
        "days_late": days["lag"],
        "usual_days": days["usual"],
    }
    return finding(
        batch, entry=batch.entry, entries=batch.entries[:MOST_ENTRIES], shift=ibis.ifelse(one, batch.id, ibis.null("string")),
        about=ibis.ifelse(one, ibis.null("string"), batch.by), score=batch.lag, evidence=evidence(**numbers, followed_by=batch.closed),
        message=ibis.ifelse(one, alone, said(MANY, **words)),
    )  # fmt: skip
