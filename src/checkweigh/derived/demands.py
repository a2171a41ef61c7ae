"""Demands: which quota a day asks of whom, and how many people a crew is on a day.

Quotas may overlap: party named goes before site named before neither, then the latest `from`, then the highest index. Here the few
quotas are laid out as stretches of days that do not overlap, cut by the months of the shifts, so that a shift finds its quota by equality
of job, month (and party, site) and the one comparison of days that is left. The same for the versions of a crew.
"""

import ibis
import ibis.expr.types as ir

from ..tables import Tables, collect

NEVER = "9999-12-31"  # a day that no shift can start on: an open end
NOBODY = -1
LEVELS = (
    (True, True),
    (True, False),
    (False, True),
    (False, False),
)  # whether a quota names the party, and the site: first come first


def month_number(day: ir.DateValue) -> ir.IntegerValue:
    """The months from the year 0 to a date."""
    return (day.year() * 12 + day.month() - 1).cast("int32")


def months(tables: Tables) -> ir.Table:
    """Every month in which a shift may have started."""
    days = tables.days
    before, after = (days.select(in_month=column) for column in (days.month_before, days.month_after))
    return before.union(after, distinct=True)


def find(table: ir.Table, tables: Tables) -> tuple[list[tuple[ir.Table, list[ir.BooleanValue]]], ir.IntegerValue]:
    """What to join to a `table` of shifts, and the entry of the quota that its day leads to. Levels without quotas are left out."""
    cells = tables.held("stretches", lambda: stretches(tables))
    named = cells.select(of_party=cells.party != NOBODY, of_site=cells["at"] != NOBODY).distinct()
    asked = {(row["of_party"], row["of_site"]) for row in collect(named).to_pylist()}
    joins: list[tuple[ir.Table, list[ir.BooleanValue]]] = []
    winners: list[ir.Value] = [ibis.null("int64")]
    for level in (number for number, names in enumerate(LEVELS) if names in asked):
        side = _level(tables, level)
        keys = {"asking": "asking", "month": "in_month", "party_key": "party", "site_key": "at"}
        matches = [
            table[mine] == side[f"{name}_{level}"] for mine, name in keys.items() if f"{name}_{level}" in side.columns
        ]
        matches += [table.day >= side[f"starts_{level}"], table.day < side[f"ends_{level}"]]
        joins.append((side, matches))
        winners.append(side[f"winner_{level}"])
    return joins, ibis.coalesce(*winners)


def _level(tables: Tables, level: int) -> ir.Table:
    """The stretches of the quotas that name as much as the level says, under names of their own."""
    party, site = LEVELS[level]
    cells = tables.held("stretches", lambda: stretches(tables))
    fits = ((cells.party != NOBODY) == party) & ((cells.at != NOBODY) == site)
    unnamed = [name for name, named in (("party", party), ("at", site)) if not named]
    return cells.filter(fits).drop(*unnamed).rename(lambda name: f"{name}_{level}")


def stretches(tables: Tables) -> ir.Table:
    """asking (job key × 2, + 1 for crews), party and at (keys, or nobody), in_month, starts, ends, winner: the quota's entry."""
    quota = _asked(tables)
    group = ["asking", "party", "at"]
    edges = quota.select(*group, starts="from").union(quota.select(*group, starts="ends"), distinct=True)
    window = ibis.window(group_by=group, order_by="starts")
    cells = edges.mutate(ends=edges.starts.lead().over(window)).filter(lambda t: t.ends.notnull())
    other = quota.rename(asking_="asking", party_="party", at_="at", until_="ends")
    matches = [cells.asking == other.asking_, cells.party == other.party_, cells.at == other.at_]
    covered = cells.inner_join(other, [*matches, cells.starts >= other["from"], cells.starts < other.until_])
    best = ibis.window(group_by=[*group, "starts"], order_by=[covered["from"].desc(), covered.first_entry.desc()])
    won = covered.mutate(best=ibis.row_number().over(best)).filter(lambda t: t.best == 0)
    return _by_month(won.select(*group, "starts", "ends", winner="entry"), tables)


def _asked(tables: Tables) -> ir.Table:
    """Quotas by whom they can be asked of. An open quota ends where the next open one begins: a later one wins for good."""
    quota = tables.quota
    party = ibis.coalesce(quota.party_key, NOBODY)
    base = quota.select(
        "entry", "first_entry", "from", "until", "job_key", party=party, at=ibis.coalesce(quota.site_key, NOBODY),
        of_workers=(quota.per == "worker") & quota.crew.isnull(), of_crews=quota.worker.isnull(),
    )  # fmt: skip
    workers = base.filter(base.of_workers).mutate(asking=base.job_key * 2)
    crews = base.filter(base.of_crews).mutate(asking=base.job_key * 2 + 1)
    both = workers.union(crews)
    open_from = both.filter(both.until.isnull()).select("asking", "party", "at", begins="from").distinct()
    following = ibis.window(group_by=["asking", "party", "at"], order_by="begins")
    open_from = open_from.mutate(follows=open_from.begins.lead().over(following))
    ends = open_from.rename(asking_="asking", party_="party", at_="at")
    joined = both.left_join(
        ends, [both.asking == ends.asking_, both.party == ends.party_, both.at == ends.at_, both["from"] == ends.begins]
    )
    never = ibis.date(NEVER)
    end = ibis.coalesce(joined.until, joined.follows, never)
    return joined.select("entry", "first_entry", "asking", "party", "at", "from", ends=end)


def _by_month(cells: ir.Table, tables: Tables) -> ir.Table:
    month = months(tables)
    cells = cells.mutate(first=month_number(cells.starts), last=month_number(cells.ends))
    return cells.inner_join(month, [month.in_month >= cells["first"], month.in_month <= cells["last"]]).drop(
        "first", "last"
    )


def crews(tables: Tables) -> ir.Table:
    """of_crew (key), in_month, starts, ends, crew_headcount: how many people a crew is, by stretches of days."""
    crew = tables.crew
    members = crew.members.length().cast("decimal(9, 3)")
    window = ibis.window(group_by=crew.key, order_by=crew["from"])
    cells = crew.select(
        of_crew=crew.key, starts=crew["from"], ends=ibis.coalesce(crew["from"].lead().over(window), ibis.date(NEVER)),
        crew_headcount=ibis.coalesce(crew.headcount, members),
    )  # fmt: skip
    return _by_month(cells, tables)
