"""overlap: one person in two places at the same time, or for more hours than there are.

    starts < the latest end of what the same person began before           spans are half-open: see `spans`

in three ways: two shifts of their own; a shift of their own, and help that somebody else's shift states; help at two sites (help given to
several at one site at a time is how helpers work). The claim that begins later is the finding, beside the earlier one that ends last; the
score is the hours counted twice. Of the claims that begin on one day, the hours may also exceed 24 and all the time between the first
start and the last end: then some are counted twice, though the ledger does not say which, and the score is the hours too many (of help at
one site only the longest is added). Everything is one sort by person and start.

It cannot see shifts whose end is not stated, members of a crew, or help of less than half a shift unless a day runs over. Two equal claims
for the same work are left to the check `duplicate`.
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..standings import latest
from .found import MOST_ENTRIES, evidence, finding, named, said
from .spans import hours_between, people

CODE = "overlap"
HELP = "one person in two places at the same time, or for more hours than there are"
FAMILY = False
DAY_HOURS = 24
SLACK = 1e-6
MESSAGE = (
    "{person} {does} ({what}, {where}) from {starts} UTC and {other_does} ({other_what}, {other_where}) at the same time, "
    "until {until} UTC: {hours} hours are counted twice."
)
TOO_MANY = "{person} is down for {hours} hours in {claims} claims that begin on {day}, but has {room} hours for them: {over} too many."
NO_TIME = ibis.null("timestamp(6)")


def find(tables: Tables) -> ir.Table:
    """One row per claim that overlaps an earlier one, and per person and day with too many hours."""
    span = tables.kept(people(tables))
    pairs = tables.kept(_pairs(span, tables))
    return _overlapping(span, pairs, tables).union(_too_many(span, pairs, tables))


def _pairs(span: ir.Table, tables: Tables) -> ir.Table:
    """Each overlapping claim of a person (entry, person, helps) with the earlier one that ends last (other, other_helps)."""
    sure = span.filter(span.starts.notnull()).select("entry", "person", "helps", "starts", "ends", "site_key")
    before = ibis.window(group_by="person", order_by=["starts", "entry", "helps"], preceding=(None, 1), following=None)
    doubtful = (
        sure.mutate(latest=sure.ends.max().over(before))
        .filter(lambda t: t.latest > t.starts)
        .select("person")
        .distinct()
    )
    sure = sure.semi_join(
        tables.kept(doubtful), "person"
    ).view()  # to look closely at everybody would take ten times as long
    own_end, help_end = ibis.ifelse(sure.helps, NO_TIME, sure.ends), ibis.ifelse(sure.helps, sure.ends, NO_TIME)
    sure = sure.mutate(
        own_until=own_end.max().over(before), own_entry=sure.entry.argmax(own_end).over(before),
        help_until=help_end.max().over(before), help_entry=sure.entry.argmax(help_end).over(before),
        help_site=sure.site_key.argmax(help_end).over(before),
    ).view()  # fmt: skip
    own = ibis.coalesce(sure.own_until > sure.starts, False)
    helped = ibis.coalesce(sure.help_until > sure.starts, False) & (~sure.helps | (sure.help_site != sure.site_key))
    found = sure.filter(own | helped)
    return found.select(
        "entry", "person", "helps", "starts", other=ibis.ifelse(own, found.own_entry, found.help_entry), other_helps=~own,
        until=ibis.least(found.ends, ibis.ifelse(own, found.own_until, found.help_until)),
    )  # fmt: skip


def _overlapping(span: ir.Table, pairs: ir.Table, tables: Tables) -> ir.Table:
    here = _details(span, pairs, "entry", tables)
    there = _details(span, pairs, "other", tables).rename(lambda name: f"other_{name}")
    both = pairs.inner_join(here, pairs.entry == here.of).inner_join(there, pairs.other == there.other_of)
    same = (both.job_key == both.other_job_key) & (both.site_key == both.other_site_key)
    doubled = same & (both.quantity == both.other_quantity) & ~both.helps & ~both.other_helps
    both = _with_person(both.filter(~doubled), tables)
    hours = hours_between(both.starts, both.until).round(2).cast("decimal(18, 2)")
    words = {name: both[name] for name in ("person", "what", "where", "other_what", "other_where", "starts", "until")}
    numbers = {
        "person": both.person_id, "shift": both.id, "site": both.site, "other_shift": both.other_id, "other_site": both.other_site,
        "starts": both.starts, "until": both.until, "hours_twice": hours,
    }  # fmt: skip
    message = said(MESSAGE, hours=hours, does=_does(both, ""), other_does=_does(both, "other_"), **words)
    return finding(
        both, entry=both.entry, entries=ibis.array([both.entry, both.other]), shift=both.id, about=both.person_id,
        score=hours.cast("float64"), evidence=evidence(**numbers), message=message,
    )  # fmt: skip


def _does(rows: ir.Table, which: str) -> ir.StringValue:
    return ibis.ifelse(rows[f"{which}helps"], "helps on shift ", "works shift ") + rows[f"{which}id"]


def _details(span: ir.Table, pairs: ir.Table, column: str, tables: Tables) -> ir.Table:
    """What and where the shifts are whose entries a column names."""
    wanted = span.semi_join(pairs, span.entry == pairs[column]).select(of="entry", judged="quantity").distinct()
    shift = tables.shift.inner_join(wanted, tables.shift.entry == wanted.of)
    return (
        named(shift, tables)
        .select("of", "id", "site", "job_key", "site_key", "what", "where", quantity="judged")
        .view()
    )


def _with_person(rows: ir.Table, tables: Tables) -> ir.Table:
    """The id and the name of a person in place of the key."""
    worker = latest(tables.worker, "worker").select(of_person="key", person_id="id", given_name="name")
    joined = rows.inner_join(worker, rows.person == worker.of_person)
    return (
        joined.mutate(person=ibis.coalesce(joined.given_name, joined.person_id)).drop("of_person", "given_name").view()
    )


def _too_many(span: ir.Table, pairs: ir.Table, tables: Tables) -> ir.Table:
    """Days of a person with more hours than there are, where no overlap says so already."""
    known = span.filter(span.hours.notnull())
    part = known.group_by("person", "day", "helps", "site_key").agg(
        parts=known.count(), total=known.hours.sum(), most=known.hours.max(), first=known.since.min(), last=known.until.max()
    )  # fmt: skip
    own_or_longest = ibis.ifelse(part.helps, part.most.cast("decimal(38, 6)"), part.total)
    day = part.group_by("person", "day").agg(
        claims=part.parts.sum().cast("int64"), hours=own_or_longest.sum(), first=part["first"].min(), last=part["last"].max()
    )  # fmt: skip
    room = ibis.greatest(hours_between(day["first"], day["last"]), float(DAY_HOURS))
    day = day.mutate(room=room, over=day.hours.cast("float64") - room)
    day = day.filter(day.over > SLACK)
    again = known.select(of="person", on="day", entry="entry")
    again = day.inner_join(again, [day.person == again.of, day.day == again.on]).drop("of", "on")
    told = pairs.select(entry="entry", of="person").union(pairs.select(entry="other", of="person"))
    told = (
        again.semi_join(told, [again.entry == told.entry, again.person == told.of])
        .select(of="person", on="day")
        .distinct()
    )
    again = again.anti_join(told, [again.person == told.of, again.day == told.on]).view()
    figures = ("claims", "hours", "room", "over")
    each = again.group_by("person", "day").agg(
        entry=again.entry.max(),
        entries=again.entry.collect(order_by=again.entry.desc(), distinct=True),
        **{name: again[name].max() for name in figures},
    )  # fmt: skip
    shift = tables.shift.select(of="entry", shift="id")
    each = _with_person(each.inner_join(shift, each.entry == shift.of).drop("of"), tables)
    rounded = {name: each[name].round(2).cast("decimal(18, 2)") for name in ("room", "over")}
    words = {"hours": each.hours, "claims": each.claims, "day": each.day, **rounded}
    return finding(
        each, entry=each.entry, entries=each.entries[:MOST_ENTRIES], shift=each["shift"], about=each.person_id, score=each.over,
        evidence=evidence(person=each.person_id, **words), message=said(TOO_MANY, person=each.person, **words),
    )  # fmt: skip
