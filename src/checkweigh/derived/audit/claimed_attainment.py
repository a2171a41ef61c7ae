"""claimed-attainment: the attainment that a claim states is not what quota and quantity give.

    |claimed - attainment| ≥ 1 in the last place that is stated      so a claim may be rounded up, down or to the nearest

and it is not the labour attainment either. The ledger keeps "150 %" as 1.5, so the last place is the one to which the person who entered
the claim usually states attainments: the median of the places of at least 20 claims, rounded down, or the claim's own places if these
are more or the claims fewer. The score is the distance in units of that place. What a claim implies was asked for is quantity ÷ claimed,
where less is better quantity × claimed: 170 t at "2,023 %" imply 8.40 t.

A claim for which no quota is on record cannot be compared. Where its job has quotas at all that is a finding too: one for each claim of a
site and job while they are few (5), else one for all of them; the score is how many they are.

It cannot see a claim that agrees with a quota that is itself wrong. Shifts that a verdict has adjusted are left out: their claim was about
other figures.
"""

from decimal import Decimal

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from ..arithmetic import EXPECTED, FIGURE, near, settled
from ..attainment import judged
from .found import MOST_ENTRIES, evidence, finding, is_empty, named, said

CODE = "claimed-attainment"
HELP = "the attainment that is claimed is not what quota and quantity give"
FAMILY = False
HABIT = 20
FEW = 5
PLACES = 6
IMPLIED = "decimal(27, 6)"
DISAGREES = (
    "{who} claims {claimed} times what was asked for, but {quantity} {unit} ({what}) against {expected} is {attainment}. "
    "The claim implies that {implied} {unit} was asked for."
)
ALONE = (
    "{who} claims {claimed} times what was asked for with {quantity} {unit} ({what}, {where}), but the ledger holds no quota for it. "
    "The claim implies that {least} {unit} was asked for."
)
TOGETHER = (
    "{claims} shifts ({what}, {where}) claim an attainment, but the ledger holds no quota for them. "
    "The claims imply that {least} to {most} {unit} was asked for."
)


def lacking(tables: Tables) -> str | None:
    """Why there is nothing to look at."""
    return "no shift states an attainment" if is_empty(_claims(tables)) else None


def find(tables: Tables) -> ir.Table:
    """One row per claim that disagrees, and per claim, or site and job, without a quota."""
    claims = tables.kept(_with_figures(tables))
    return _disagreeing(claims, tables).union(_without_quota(claims, tables))


def _claims(tables: Tables) -> ir.Table:
    shift = tables.shift
    return shift.filter(shift.claimed_attainment.notnull()).select(
        claim="entry", claimed="claimed_attainment", by="by", places=_places(shift.claimed_attainment)
    )


def _places(figure: ir.Value) -> ir.IntegerValue:
    """How many places a figure is stated to."""
    units = [(n, ibis.literal(Decimal(1).scaleb(-n), FIGURE)) for n in range(PLACES)]
    return ibis.cases(*((figure % unit == 0, n) for n, unit in units), else_=PLACES).cast("int64")


def _with_figures(tables: Tables) -> ir.Table:
    """Every claim with the figures of its shift, what it `implied`, and `step`: 1 in the last place that it states."""
    claim, shift = _claims(tables), judged(tables)
    habit = claim.group_by("by").agg(claims=claim.count(), usual=claim.places.median().floor().cast("int64"))
    habit = habit.select(habitual="by", usual=ibis.ifelse(habit.claims >= HABIT, habit.usual, 0))
    claim = claim.left_join(habit, claim.by == habit.habitual)
    claim = claim.select("claim", "claimed", places=ibis.greatest(claim.places, claim.usual)).view()
    found = shift.inner_join(claim, shift.entry == claim.claim).drop("claim")
    found = found.filter(~found.status.isin(["annulled", "adjusted"])).view()
    above = found.quantity.cast(EXPECTED)
    divided = settled(near(above, found.claimed), above, found.claimed)
    implied = ibis.ifelse(found.lower, (above * found.claimed).cast(IMPLIED), divided.cast(IMPLIED))
    steps = ((found.places == n, ibis.literal(Decimal(1).scaleb(-n), FIGURE)) for n in range(PLACES + 1))
    return found.mutate(implied=implied, step=ibis.cases(*steps))


def _disagreeing(claims: ir.Table, tables: Tables) -> ir.Table:
    apart = (claims.claimed - claims.attainment).abs()
    beside = ibis.coalesce((claims.claimed - claims.labour_attainment).abs(), apart)
    wrong = named(claims.mutate(apart=apart).filter((apart >= claims.step) & (beside >= claims.step)), tables)
    numbers = {name: wrong[name] for name in ("claimed", "attainment", "quantity", "unit", "expected", "implied")}
    return finding(
        wrong, entry=wrong.entry, shift=wrong.id, score=wrong.apart.cast("float64") / wrong.step.cast("float64"),
        evidence=evidence(quota=wrong.quota, **numbers), message=said(DISAGREES, who=wrong.who, what=wrong.what, **numbers),
    )  # fmt: skip


def _without_quota(claims: ir.Table, tables: Tables) -> ir.Table:
    known = tables.quota.select(quoted="job_key").distinct()
    lone = claims.filter(claims.quota_entry.isnull())
    lone = lone.semi_join(known, lone.job_key == known.quoted).view()
    many = lone.count().over(ibis.window(group_by=[lone.job_key, lone.site_key])) > FEW
    lone = lone.mutate(part=ibis.ifelse(many, ibis.literal(-1, "int64"), lone.entry)).view()
    first = {
        name: lone[name].argmin(lone.entry)
        for name in ("id", "worker", "crew", "job", "site", "party_key", "claimed", "quantity")
    }
    group = lone.group_by("job_key", "site_key", "part").agg(
        claims=lone.count(), entry=lone.entry.min(), entries=lone.entry.collect(order_by=lone.entry), least=lone.implied.min(),
        most=lone.implied.max(), **first,
    )  # fmt: skip
    group = named(group, tables)
    alone = group.claims == 1
    words = {
        name: group[name] for name in ("who", "what", "where", "unit", "claims", "claimed", "quantity", "least", "most")
    }
    one = evidence(implied=group.least, **{name: words[name] for name in ("claimed", "quantity", "unit")})
    all_of_them = evidence(claims=group.claims, least_implied=group.least, most_implied=group.most, unit=group.unit)
    return finding(
        group, entry=group.entry, entries=group.entries[:MOST_ENTRIES], score=group.claims.cast("float64"),
        shift=ibis.ifelse(alone, group.id, ibis.null("string")), about=ibis.ifelse(alone, ibis.null("string"), group.site),
        evidence=ibis.ifelse(alone, one, all_of_them), message=ibis.ifelse(alone, said(ALONE, **words), said(TOGETHER, **words)),
    )  # fmt: skip
