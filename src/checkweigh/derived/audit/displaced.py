"""displaced: one tally has what is missing from the others: the sign of output moved from many to one.

Who works at one job and site and begins within 90 minutes of one another is a group, of four or more. For each of them

    excess e = quantity - usual rate × hours        usual rate: the median of the party's rate (quantity ÷ hours) in this job
    spread s = usual rate × hours × d               d = 1.4826 × the median of |rate ÷ usual rate - 1| of the party, at least half of that
                                                    of everybody at the job (and all of that for parties with fewer than 10 shifts);
    of a party with fewer than 5 shifts of the job:  usual rate = that of all × gift, the median of what the party's rates are to the usual
                                                    rates of all, over all its jobs; d likewise of everybody in the job
    own z = ln(quantity ÷ (usual rate × hours)) ÷ d        output varies by factors, so a very good day is no outlier on this scale
    others' z = Σ e of the others ÷ √Σ s² of them, S
    z = (own z × S - others' z × s) ÷ √(S² + s²)           p = the upper tail of the normal distribution at z

z is the estimate of what has moved, from both sides and each by its precision, in its standard errors. If everybody's luck is their own,
it is standard normal. A finding must also hold from each side: own z at least 2, others' z at most -0.75, the others short also without the
one who lacks most, and the group as a whole within 3 √(S² + s²) of its usual output. The medians and the factor 1.4826, which makes them
comparable to a standard deviation, are Hampel's (1974). The score is z.

It cannot see what was moved from few (fewer than three others), from people who start at other hours, or little by little: the claimant's
usual rate has grown with it. In large groups a shift's worth disappears among the luck of so many. Shifts with stated helpers, of
unknown hours, or where less is better are left out.
"""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import scipy

from ...tables import Tables, collect
from .found import MOST_ENTRIES, MOST_LEVEL, evidence, finding, named, said
from .spans import placed, standing

CODE = "displaced"
HELP = "one tally has what is missing from the others beside it"
FAMILY = True
GAP_MINUTES = 90
OTHERS = 3
HISTORY, OWN_SPREAD = 5, 10
CONSISTENT = 1.4826
KEYS = ("party_key", "job_key")
BALANCE, ABOVE, BELOW = 3.0, 2.0, 0.75
LEAST = 1e-9
MESSAGE = (
    "{who} is credited with {quantity} {unit} ({what}, {where}), {excess} more than usual, while the {others} others of the same "
    "job and shift have together {shortfall} {unit} less than usual. Was output moved from many tallies to one?"
)


def find(tables: Tables) -> ir.Table:
    """One row per claim whose excess is matched by what the others lack."""
    shift = placed(standing(tables))
    shift = shift.filter(shift.single & ~shift.lower & (shift.hours > 0))
    groups = tables.kept(_groups(shift))
    rated = tables.kept(_compared(_with_usual(groups, shift, tables)))
    likely = rated.filter((rated.own_z >= ABOVE) & (rated.others_z <= -BELOW))
    likely = likely.filter(likely.others_excess < likely.least_excess)  # one who lacks it all is not many
    likely = likely.filter((likely.excess + likely.others_excess).abs() <= BALANCE * likely.group_spread)
    return _told(rated, _with_chance(likely, rated, tables), tables)


def _groups(shift: ir.Table) -> ir.Table:
    """Shifts with the group that they belong to, where that has enough others."""
    place = [shift.job_key, shift.site_key]
    before = shift.started.lag().over(ibis.window(group_by=place, order_by=[shift.started, shift.entry]))
    gap = ibis.coalesce(shift.started > before + ibis.interval(minutes=GAP_MINUTES), True)
    shift = shift.mutate(opens=gap.cast("int64")).view()
    so_far = ibis.window(
        group_by=["job_key", "site_key"], order_by=[shift.started, shift.entry], preceding=None, following=0
    )
    shift = shift.mutate(part=shift.opens.sum().over(so_far)).view()
    size = shift.count().over(ibis.window(group_by=["job_key", "site_key", "part"]))
    about = ("entry", "id", "worker", "crew", "job", "site", "party_key", "job_key", "site_key", "quantity", "hours", "part")  # fmt: skip
    return shift.mutate(size=size).filter(lambda t: t.size > OTHERS).select(*about)


def _with_usual(groups: ir.Table, shift: ir.Table, tables: Tables) -> ir.Table:
    """Adds what is usual of the party in these hours (`usual`), and its `spread`."""
    past = shift.select(*KEYS, rate=shift.quantity.cast("float64") / shift.hours.cast("float64"))
    past = tables.kept(past)
    own = tables.kept(_by_own_shifts(past.semi_join(groups, KEYS), tables))
    job, person = _by_all_shifts(past, groups, tables)
    joined = groups.left_join(own, KEYS).drop("party_key_right", "job_key_right")
    joined = joined.left_join(person, "party_key").drop("party_key_right").inner_join(job, "job_key")
    known = joined.gift.notnull()
    newcomer = joined.job_middle * ibis.ifelse(known, joined.gift, 1.0)
    width = ibis.ifelse(known, ibis.coalesce(joined.gifted_wide, joined.job_wide), joined.job_wide)
    usually = ibis.coalesce(joined.middle, newcomer) * joined.hours.cast("float64")
    joined = joined.mutate(usual=usually, spread=usually * ibis.coalesce(joined.share, width))
    return joined.drop("middle", "share", "gift", "job_middle", "job_wide", "gifted_wide")


def _by_own_shifts(past: ir.Table, tables: Tables) -> ir.Table:
    """The usual rate (`middle`) and relative spread (`share`) of each party with enough shifts of a job."""
    usual = past.group_by(KEYS).agg(known=past.count(), middle=past.rate.median())
    usual = tables.kept(usual.filter((usual.known >= HISTORY) & (usual.middle > 0)))
    off = past.inner_join(usual, KEYS)
    off = tables.kept(off.select(*KEYS, "known", "middle", off=(off.rate / off.middle - 1).abs()))
    own = off.group_by([*KEYS, "known", "middle"]).agg(own=off.off.median() * CONSISTENT)
    everybody = off.group_by("job_key").agg(job_spread=off.off.median() * CONSISTENT)
    own = own.inner_join(everybody, "job_key")
    least = ibis.ifelse(own.known >= OWN_SPREAD, own.job_spread / 2, own.job_spread)
    return own.select(*KEYS, "middle", share=ibis.greatest(own.own, least))


def _by_all_shifts(past: ir.Table, groups: ir.Table, tables: Tables) -> tuple[ir.Table, ir.Table]:
    """Of each job the usual rate of all, and how far from it people are, with and without regard to their gift; and each one's gift.

    A gift is the median of what somebody's rates are to the usual ones, over all their jobs.
    """
    anybody = tables.kept(
        past.group_by("job_key").agg(job_middle=past.rate.median()).filter(lambda t: t.job_middle > 0)
    )
    ratio = past.inner_join(anybody, "job_key")
    ratio = tables.kept(ratio.select(*KEYS, "job_middle", ratio=ratio.rate / ratio.job_middle))
    gift = ratio.semi_join(groups, "party_key").group_by("party_key")
    gift = gift.agg(known=lambda t: t.count(), gift=lambda t: t.ratio.median())
    gift = tables.kept(gift.filter((gift.known >= HISTORY) & (gift.gift > 0)).select("party_key", "gift"))
    gifted = ratio.inner_join(gift, "party_key").group_by("job_key")
    gifted = gifted.agg(gifted_wide=lambda t: (t.ratio / t.gift - 1).abs().median() * CONSISTENT)
    wide = ratio.group_by("job_key", "job_middle").agg(job_wide=(ratio.ratio - 1).abs().median() * CONSISTENT)
    return tables.kept(wide.left_join(gifted, "job_key").drop("job_key_right")), gift


def _compared(rated: ir.Table) -> ir.Table:
    """Adds each one's excess, that of the others of the group, and z."""
    rated = rated.mutate(excess=rated.quantity.cast("float64") - rated.usual, square=rated.spread**2).view()
    group = ibis.window(group_by=["job_key", "site_key", "part"])
    rated = rated.mutate(
        size=rated.count().over(group), all_excess=rated.excess.sum().over(group), all_square=rated.square.sum().over(group),
        least_excess=rated.excess.min().over(group),
    )  # fmt: skip
    rated = rated.filter(
        (rated["size"] > OTHERS) & (rated.spread > 0) & (rated.all_square > rated.square * (1 + LEAST))
    ).view()
    ratio = ibis.greatest(rated.quantity.cast("float64") / rated.usual, LEAST)
    rated = rated.mutate(
        others=rated["size"] - 1, others_excess=rated.all_excess - rated.excess, own_z=ratio.ln() * rated.usual / rated.spread,
        group_spread=rated.all_square.sqrt(), others_spread=(rated.all_square - rated.square).sqrt(),
    ).drop("square", "all_excess", "all_square", "size")  # fmt: skip
    rated = rated.mutate(others_z=rated.others_excess / rated.others_spread)
    moved = rated.own_z * rated.others_spread - rated.others_z * rated.spread
    return rated.mutate(z=moved / rated.group_spread)


def _with_chance(likely: ir.Table, rated: ir.Table, tables: Tables) -> ir.Table:
    """of, p_value, tests: of the likely ones, how often chance would show this much, and among how many."""
    found = collect(likely.select("entry", "z"))
    chance = scipy.stats.norm.sf(found["z"].to_numpy())
    tests = collect(rated.agg(tests=rated.count()))["tests"][0].as_py()
    shape = ibis.schema({"of": "int64", "p_value": "float64", "tests": "int64"})
    made = pa.table({"of": found["entry"], "p_value": chance, "tests": pa.array([tests] * len(found), pa.int64())})
    return tables.given(made.filter(pc.less_equal(made["p_value"], MOST_LEVEL)), shape)


def _told(rated: ir.Table, chance: ir.Table, tables: Tables) -> ir.Table:
    found = rated.inner_join(chance, rated.entry == chance.of)
    group = ["job_key", "site_key", "part"]
    beside = found.select(*group, claim="entry").inner_join(rated.select(*group, other="entry"), group)
    beside = beside.filter(beside.claim != beside.other)
    beside = beside.group_by("claim").agg(beside=beside.other.collect(order_by=beside.other)[: MOST_ENTRIES - 1])
    found = named(found.inner_join(beside, found.entry == beside.claim), tables)
    numbers = {name: found[name].round(2).cast("decimal(18, 2)") for name in ("excess", "usual")}
    short = (-found.others_excess).round(2).cast("decimal(18, 2)")
    words = {"quantity": found.quantity, "unit": found.unit, "others": found.others, **numbers}
    message = said(MESSAGE, who=found.who, what=found.what, where=found.where, shortfall=short, **words)
    return finding(
        found, entry=found.entry, entries=ibis.array([found.entry]).concat(found.beside), shift=found.id, score=found.z,
        p_value=found.p_value, tests=found.tests, evidence=evidence(others_short=short, z=found.z.round(2), **words), message=message,
    )  # fmt: skip
