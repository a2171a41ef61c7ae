"""bunching: the excess at the target of real garment work, and none where there is none."""

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from books import START, entry, known
from checkweigh.derived.audit import bunching, lattice
from checkweigh.derived.audit.discoveries import can_survive
from checkweigh.derived.audit.excess import BINS, MEASURED, REACH, excess
from checkweigh.tables import collect

LEVEL = 0.05


def counts(attainment):
    """Attainments in the bins of the check."""
    bins = np.floor(np.round((np.asarray(attainment) - 1) * 100, 9)).astype(int)
    return np.bincount(bins[(bins >= -REACH) & (bins < REACH)] + REACH, minlength=len(BINS)).astype(float)


def p_value(attainment, **terms):
    found = excess(counts(attainment), **terms)
    return 1.0 if found is None else found.p_value


def found_in(tables, level=LEVEL):
    """What the check finds at a level, by what it is about."""
    rows = collect(bunching.find(tables)).to_pylist()
    ranked = sorted(rows, key=lambda row: row["p_value"])
    kept = [n for n, row in enumerate(ranked, 1) if row["p_value"] * row["tests"] / n <= level]
    return {row["about"]: row | {"evidence": dict(row["evidence"])} for row in ranked[: max(kept, default=0)]}


# ---- the real data


@pytest.fixture
def garments(shared):
    """Date, team, department, target and what was reached, of each row."""
    with shared("data/garments.csv").open() as file:
        rows = [(row["date"], row["team"], row["department"].strip(), row["targeted_productivity"], row["actual_productivity"])
                for row in csv.DictReader(file)]  # fmt: skip
    return [(datetime.strptime(day, "%m-%d-%Y" if "-" in day else "%m/%d/%Y").date(), *rest) for day, *rest in rows]


def factory(rows):
    """The tables of a ledger that holds these rows, each with its target as its quota."""
    made = [entry("site", id="factory", name="Factory", industry="garments", timezone="Asia/Dhaka")]
    made += [
        entry("job", id=job, name=job, industry="garments", unit="productivity", better="higher")
        for job in ("sewing", "finishing")
    ]
    made += [
        entry("crew", id=str(team), name=f"Team {team}", headcount="30", from_="2015-01-01") for team in range(1, 13)
    ]
    for number, (day, team, job, target, reached) in enumerate(rows):
        made.append(entry("quota", id=f"q{number}", job=job, quantity=target, per="crew", from_=str(day)))
        made.append(entry("shift", id=f"s{number}", crew=team, job=job, site="factory", started=f"{day}T02:00:00Z", quantity=reached,
                          quota=f"q{number}"))  # fmt: skip
    return known(made)


def plain(number):
    return f"{Decimal(number).normalize():f}"


def test_the_excess_at_the_target_of_the_garment_factory(garments):
    found = found_in(factory(garments))
    assert set(found) == {"factory", *(str(team) for team in range(1, 13))}
    factory_wide = found["factory"]
    numbers = {name: float(number) for name, number in factory_wide["evidence"].items() if name != "group"}
    assert (numbers["within_a_thousandth"], numbers["below"]) == (354, 22)
    assert 370 < numbers["excess"] < 399 == numbers["found"]
    assert 4 < numbers["standard_error"] < 12 and numbers["b"] == pytest.approx(
        numbers["excess"] / numbers["expected"], rel=0.01
    )
    assert factory_wide["p_value"] < 1e-100 and factory_wide["tests"] == 13  # who enters is tested with the site
    assert "site factory: 399 of 942 reports" in factory_wide["message"]
    assert len(factory_wide["entries"]) == 20


def blurred(garments, seed):
    """The attainments by team, each output multiplied by a factor of its own, to nine places as a ledger keeps them."""
    factor = np.random.default_rng(seed).uniform(0.93, 1.07, len(garments))
    reached = [round(float(row[4]) * by, 9) for row, by in zip(garments, factor, strict=True)]
    return reached, np.array([int(row[1]) for row in garments]), np.array([float(row[3]) for row in garments])


def finds(garments, seed):
    """Whether anything is found in blurred data: the tests that the check makes, on arrays."""
    reached, team, target = blurred(garments, seed)
    attainment = np.array(reached) / target
    groups = [attainment, *(attainment[team == one] for one in range(1, 13))]
    groups = [group for group in groups if counts(group).sum() >= bunching.FEWEST_REPORTS]
    rising = np.sort([p_value(group) for group in groups])
    return bool((rising * len(groups) <= LEVEL * np.arange(1, len(groups) + 1)).any())


def test_blurred_garment_data_give_a_finding_in_at_most_5_of_100_seeds(garments):
    assert sum(finds(garments, seed) for seed in range(100)) <= 5


@pytest.mark.parametrize("seed", [0, 25, 40])
def test_the_whole_path_agrees_with_the_arrays(garments, seed):
    reached, _, _ = blurred(garments, seed)
    rows = [(*row[:4], plain(f"{figure:.9f}")) for row, figure in zip(garments, reached, strict=True)]
    assert bool(found_in(factory(rows))) == finds(garments, seed)


# ---- the estimate


def test_the_same_counts_give_the_same_figures():
    reports = counts(np.random.default_rng(1).normal(1, 0.1, 500))
    reports[MEASURED] += 30
    assert excess(reports) == excess(reports)


def test_the_counterfactual_holds_as_many_reports_as_there_are_and_finds_what_was_moved():
    """Of 20,000 honest reports 400 are moved onto the quota from below: B is near what was moved in, b and the error agree with it."""
    rng = np.random.default_rng(2)
    work = rng.normal(1.02, 0.15, 20_000)
    honest = counts(work)[MEASURED].sum()
    below = np.flatnonzero((work > 0.9) & (work < 0.98))
    work[rng.choice(below, 400, replace=False)] = 1.0005
    found = excess(counts(work))
    assert found.found == honest + 400
    assert abs(found.excess - 400) < 3 * found.standard_error and found.standard_error < 60
    assert found.b == pytest.approx(found.excess / found.counterfactual)
    assert found.b_standard_error > found.standard_error / found.counterfactual


def test_whoever_bunches_would_otherwise_stand_elsewhere():
    """Half of 20,000 reports are moved to the quota from all over: the counterfactual is what all of them would have put there."""
    rng = np.random.default_rng(8)
    work = rng.normal(1, 0.15, 20_000)
    honest = counts(work)
    moved = excess(counts(np.where(rng.random(20_000) < 0.5, 1.001, work)))
    assert moved.counterfactual == pytest.approx(honest.sum() * (stats.norm.cdf(0.01 / 0.15) - 0.5) / 0.9044, rel=0.08)


HONEST = {
    "broad": lambda rng, n: rng.normal(1.03, 0.15, n),
    "skewed": lambda rng, n: np.exp(rng.normal(0.05, 0.25, n)),
    "narrow, at the quota": lambda rng, n: rng.normal(1.0, 0.06, n),
    "two sorts of people": lambda rng, n: np.where(
        rng.random(n) < 0.5, rng.normal(0.9, 0.05, n), rng.normal(1.12, 0.08, n)
    ),
}


@pytest.mark.parametrize("shape", HONEST)
@pytest.mark.parametrize("reports", [60, 400, 20_000])
def test_honest_work_is_found_no_more_often_than_the_level_says(shape, reports):
    """100 ledgers each; three standard errors above one in twenty are allowed."""
    rng = np.random.default_rng([len(shape), reports])
    rate = np.mean([p_value(HONEST[shape](rng, reports)) <= LEVEL for _ in range(100)])
    assert rate <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / 100)


@pytest.mark.parametrize(("reports", "held_back", "power"), [(200, 0.1, 0.9), (1000, 0.05, 0.9), (20_000, 0.01, 0.9)])
def test_a_planted_excess_is_found(reports, held_back, power):
    rng = np.random.default_rng(reports)

    def planted():
        work = rng.normal(1.0, 0.15, reports)
        return np.where(rng.random(reports) < held_back, 1.0, work)

    assert np.mean([p_value(planted()) <= 0.01 for _ in range(40)]) >= power


# ---- units


def test_points_are_those_that_can_be_counted():
    """How many multiples of a step lie in each bin, against counting them; the quota itself belongs to the bin above it."""
    for expected, step in ((7_000_000_000, 100_000_000), (120, 12), (1000, 7)):
        lower = np.array([[False]])
        held = lattice._points(np.array([[expected]]), np.array([[step]]), lower)[0]
        plainly = [
            sum(low * expected <= 100 * k * step < (low + 1) * expected for k in range(2 * expected // step))
            for low in 100 + BINS
        ]
        assert held.tolist() == plainly
    held = lattice._points(np.array([[120]]), np.array([[1]]), np.array([[True]]))[0]
    assert held.tolist() == [sum(low * k <= 100 * 120 < (low + 1) * k for k in range(1, 300)) for low in 100 + BINS]


def test_the_step_is_what_nearly_all_are_multiples_of():
    tenths = np.arange(1, 400) * 10**8
    assert lattice.step_of(tenths) == (10**8, 10**8)
    assert lattice.step_of(np.arange(1, 400) * 12 * 10**9) == (10**9, 12 * 10**9)
    assert lattice.step_of(np.append(np.arange(1, 400) * 12 * 10**9, 5)) == (10**9, 12 * 10**9)
    assert lattice.step_of(np.array([], np.int64)) == (1, 1)


def pieces(rng, quota, step, reports, spread=0.12):
    """Whole pieces, in steps, around a quota: attainments, and what the figures can fill."""
    quantity = np.round(rng.normal(quota, spread * quota, reports) / step) * step
    one = np.array([1])
    filled, rounds = lattice.exposure(one * quota, one, one * step, np.array([False]), np.array([1.0]))
    return quantity / quota, filled, rounds


@pytest.mark.parametrize(("quota", "step", "else_found"), [(60, 1, 0), (97, 2, 0), (120, 5, 0.2), (250, 10, 0.2)])
def test_few_whole_pieces_are_no_bunching(quota, step, else_found):
    """The bin of the quota holds a whole number of pieces where most of its neighbours hold none."""
    rng = np.random.default_rng([quota, step])
    found, blindly = [], []
    for _ in range(50):
        attainment, filled, rounds = pieces(rng, quota, step, 1000)
        found.append(p_value(attainment, exposure=filled, rounds=rounds) <= LEVEL)
        blindly.append(p_value(attainment) <= LEVEL)
    assert np.mean(found) <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / 50)
    assert np.mean(blindly) >= else_found  # what would be said without the steps


def test_figures_rounded_to_tens_are_no_bunching_at_a_round_quota():
    rng = np.random.default_rng(3)
    quota = np.array([200])

    def rounded():
        quantity = np.round(rng.normal(200, 25, 2000))
        return np.where(rng.random(2000) < 0.5, np.floor(quantity / 10 + rng.random(2000)) * 10, quantity)

    filled, rounds = lattice.exposure(quota, np.array([1]), np.array([1]), np.array([False]), np.array([1.0]))
    assert len(rounds)
    assert np.mean([p_value(rounded() / 200, exposure=filled, rounds=rounds) <= LEVEL for _ in range(50)]) <= 0.13
    assert np.mean([p_value(rounded() / 200) <= LEVEL for _ in range(20)]) > 0.5  # what would be said without them
    held = np.where(rng.random(2000) < 0.1, 200, rounded())
    assert p_value(held / 200, exposure=filled, rounds=rounds) < 1e-6


def test_too_few_other_figures_tell_nothing():
    rng = np.random.default_rng(4)
    attainment, filled, rounds = pieces(rng, 7, 1, 1000)
    assert excess(counts(attainment), filled, rounds) is None


# ---- ledgers without much to say


def pit(quantities, better="higher", start=START, quota="100"):
    """The tables of a ledger with these shifts of ada at the mine, one a day."""
    made = [
        *start[:1],
        entry("job", id="hewing", name="Hewing coal", industry="coal", unit="kg", better=better),
        *start[2:-1],
    ]
    made += [entry("quota", id="norm", job="hewing", quantity=quota, per="worker", from_="1900-01-01")] if quota else []
    for number, quantity in enumerate(quantities):
        day = date(1935, 1, 1) + timedelta(days=number)
        made.append(
            entry(
                "shift",
                id=f"s{number}",
                worker="ada",
                job="hewing",
                site="mine",
                started=f"{day}T06:00:00Z",
                quantity=plain(quantity),
            )
        )
    return known(made)


def test_less_is_better_is_tested_by_its_attainment():
    rng = np.random.default_rng(5)
    quantities = np.where(rng.random(300) < 0.2, 100, np.round(rng.normal(100, 12, 300), 2))
    found = found_in(pit([f"{quantity:.2f}" for quantity in quantities], better="lower"))
    assert set(found) == {"mine"}


@pytest.mark.parametrize(
    "ledger",
    [
        lambda: pit(["100"] * 49),
        lambda: pit(["0"] * 60),
        lambda: pit(["100"] * 60, quota=None),
        lambda: pit([]),
        lambda: pit(["10"] * 300, quota="9"),
    ],
    ids=["few", "nothing yielded", "no quota", "empty", "all alike, not at the quota"],
)
def test_nothing_is_found_where_nothing_can_be(ledger):
    assert found_in(ledger()) == {}


def test_everybody_always_at_the_quota_is_found():
    found = found_in(
        pit([*["100"] * 80, *(f"{quantity:.2f}" for quantity in np.random.default_rng(6).normal(100, 10, 20))])
    )
    assert found["mine"]["evidence"]["found"] >= "80"


def test_what_cannot_survive_is_what_benjamini_and_hochberg_drop_at_the_highest_level():
    rng = np.random.default_rng(7)
    for _ in range(20):
        p = np.r_[rng.random(200), rng.random(5) * 1e-4]
        assert (can_survive(p, len(p)) == (stats.false_discovery_control(p) <= 0.2)).all()
    assert not can_survive(np.array([0.9]), 10).any() and len(can_survive(np.array([]), 0)) == 0
