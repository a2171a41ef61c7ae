"""own-history and tail: what stands out above one's own past, and above the job's own distribution."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from books import START, entry, known
from checkweigh.derived.audit import own_history, tail
from checkweigh.derived.audit.own_history import chance, modified_z
from checkweigh.derived.audit.pareto import fitted
from checkweigh.tables import collect

DAY = date(1935, 1, 1)


def told(quantities, better="higher", worker="ada", hours="8", first=DAY, **fields):
    """Shifts of a worker, one a day."""
    return [
        entry("shift", id=f"{worker}{number}", worker=worker, job="hewing", site="mine",
              started=f"{first + timedelta(days=number)}T06:00:00Z",
              hours=hours, quantity=f"{quantity:.9f}".rstrip("0").rstrip("."), **fields)
        for number, quantity in enumerate(quantities)
    ]  # fmt: skip


def findings(check, book, start=START):
    """What is found at a level of 0.05, by shift."""
    rows = sorted(collect(check.find(known([*start, *book]))).to_pylist(), key=lambda row: row["p_value"])
    kept = max((n for n, row in enumerate(rows, 1) if row["p_value"] * row["tests"] / n <= 0.05), default=0)
    return {row["shift"]: row | {"evidence": dict(row["evidence"])} for row in rows[:kept]}


# ---- the modified z-score


def plain_z(pace, earlier):
    """Iglewicz and Hoaglin 1993, word for word."""
    from statistics import fmean, median

    middle = median(earlier)
    apart = [abs(one - middle) for one in earlier]
    if median(apart):
        return 0.6745 * (pace - middle) / median(apart)
    return (pace - middle) / (1.253314 * fmean(apart)) if any(apart) else (pace - middle) / (0.02 * middle)


@given(st.lists(st.integers(1, 40), min_size=10, max_size=40), st.integers(1, 200))
@settings(deadline=None)
def test_the_score_is_that_of_iglewicz_and_hoaglin(earlier, pace):
    assert modified_z(float(pace), np.array(earlier, float)) == pytest.approx(plain_z(pace, earlier))


def test_the_check_gives_the_score_of_the_plain_reference_for_every_shift_that_stands_out():
    rng = np.random.default_rng(0)
    quantities = np.round(np.exp(rng.normal(3, 0.1, 120)), 3)
    quantities[[40, 80, 81]] *= 3
    found = findings(own_history, told(quantities))
    paces = quantities / 8
    assert set(found) == {"ada40", "ada80", "ada81"}
    for shift, row in found.items():
        turn = int(shift[3:])
        assert row["score"] == pytest.approx(plain_z(paces[turn], list(paces[:turn])), rel=1e-9)
        assert row["p_value"] == pytest.approx(chance(paces[turn], paces[:turn])) and row["tests"] == 110
    assert (
        found["ada40"]["evidence"]["earlier"] == "40"
        and "times the usual pace per labour hour of 40 earlier shifts" in found["ada40"]["message"]
    )


def test_no_more_than_the_latest_250_shifts_are_remembered():
    rng = np.random.default_rng(1)
    slow, fast = np.exp(rng.normal(0, 0.05, 300)), 3 * np.exp(rng.normal(0, 0.05, 260))
    found = findings(own_history, told(np.r_[slow, fast, [9.5]]))
    assert "ada300" in found and "ada560" in found and not {f"ada{n}" for n in range(430, 560)} & set(found)
    assert found["ada560"]["evidence"]["earlier"] == "250"


def test_where_earlier_shifts_are_alike_the_mean_deviation_counts_and_then_two_percent():
    same = [10.0] * 29
    assert modified_z(11, np.array([*same, 12.0])) == pytest.approx(1 / (1.253314 * 2 / 30))
    assert modified_z(11, np.array(same)) == pytest.approx(5)


CASES = ["same", "once", "nine", "ten", "slow", "else", "gone", "held", "lone"]
USUAL = [10, 10.2, 9.9, 10.1, 10.3, 9.8, 10, 10.1, 9.9]


def test_named_cases():
    """One ledger, a worker for each case: who is found, and who is not."""
    helpers = [{"worker": name, "hours": "8"} for name in ("bo", "cy", "di")]
    late = DAY + timedelta(days=40)
    book = [entry("worker", id=name, site="mine", from_="1900-01-01") for name in CASES]
    book += told([10.0] * 29 + [15, 15], worker="same")  # the second is not above every earlier one
    book += told([*USUAL * 3, 10], worker="once")
    book += told([*USUAL, 1000], worker="nine") + told([*USUAL, 10.2, 1000], worker="ten")
    book += told([*USUAL * 2, 0.01], worker="slow")
    book += [{**shift, "job": "haul"} for shift in told([1000], worker="else", first=late)] + told(
        USUAL * 2, worker="else"
    )[1:]
    book += [
        *told([*(USUAL * 2), 1000], worker="gone"),
        entry("verdict", shift="gone18", ruling="annulled", reason="misread"),
    ]
    book += [
        *told(USUAL * 2, worker="held"),
        {**told([40], worker="held", first=late, helpers=helpers)[0], "id": "helped"},
    ]
    book += [*told(USUAL * 2, worker="lone"), {**told([40], worker="lone", first=late)[0], "id": "alone"}]
    haul = entry("job", id="haul", name="Hauling", industry="coal", unit="tonne", better="higher")
    found = findings(own_history, book, [*START, haul])
    assert set(found) == {"same29", "ten10", "alone"}
    assert found["same29"]["score"] == pytest.approx(25) and found["same29"]["evidence"]["mad"] == "0"


def test_where_less_is_better_little_is_fast():
    start = [
        *START[:1],
        entry("job", id="hewing", name="Scrap", industry="coal", unit="kg", better="lower"),
        *START[2:],
    ]
    quantities = [10, 10.2, 9.9, 10.1, 10.3, 9.8, 10, 10.1, 9.9, 10.2]
    book = told([*quantities, 2]) + told([*quantities, 50], worker="bo") + told([*quantities, 0], worker="cy")
    assert set(findings(own_history, book, start)) == {"ada10"}


@pytest.mark.parametrize("earlier", [10, 20, 60, 250])
@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_the_chance_is_no_smaller_than_it_is(earlier, spread):
    """Of honest log-normal paces no more than a share p has a chance of p or less (exactly, over many histories)."""
    rng = np.random.default_rng([earlier, int(spread * 10)])
    logs = rng.normal(0, spread, (2000, earlier))
    middle = np.median(logs, 1)
    mad = np.median(np.abs(logs - middle[:, None]), 1) / 0.6745
    for level in (0.01, 1e-4, 1e-6):
        reach = stats.t.isf(level, own_history.DEGREES_A_SHIFT * (earlier - 1)) * np.sqrt(1 + np.pi / 2 / earlier)
        assert stats.norm.sf((middle + reach * np.maximum(mad, own_history.LEAST_SPREAD)) / spread).mean() < level * 1.2
    one = np.exp(logs[0])
    z = stats.t.isf(1e-4, own_history.DEGREES_A_SHIFT * (earlier - 1)) * np.sqrt(1 + np.pi / 2 / earlier)
    assert chance(float(np.exp(middle[0] + z * mad[0])), one) == pytest.approx(1e-4, rel=0.01)


def test_a_year_of_honest_shifts_says_nothing_and_a_tripled_one_is_found():
    rng = np.random.default_rng(2)
    workers = {worker: np.exp(rng.normal(2, 0.15, 200)) for worker in ("ada", "bo", "cy", "di")}
    workers["di"][150] = 3 * np.e**2
    assert set(
        findings(own_history, [shift for worker, one in workers.items() for shift in told(one, worker=worker)])
    ) == {"di150"}


# ---- the tail


def test_the_fit_finds_the_parameters_of_a_generalised_pareto_tail():
    rng = np.random.default_rng(3)
    for shape in (-0.2, 0.0, 0.3):
        shapes, scales = [], []
        for _ in range(20):
            figures = np.sort(stats.genpareto.rvs(shape, scale=2.0, size=10_000, random_state=rng))[-1000:]
            found = fitted(figures, 10_000)
            shapes.append(found.shape)
            scales.append(found.scale - shape * found.threshold)  # the scale above a higher threshold
        assert np.mean(shapes) == pytest.approx(shape, abs=0.05) and np.mean(scales) == pytest.approx(2.0, abs=0.15)


def test_the_censored_fit_agrees_with_scipy_where_nothing_is_censored(monkeypatch):
    from checkweigh.derived.audit import pareto

    monkeypatch.setattr(pareto, "CENSORED", 0.001)
    figures = stats.genpareto.rvs(0.2, scale=1.5, size=2000, random_state=4)
    found = fitted(np.r_[0.0, figures], 2001)
    shape, _, scale = stats.genpareto.fit(figures, floc=0)
    assert (found.shape, found.scale) == (pytest.approx(shape, abs=0.03), pytest.approx(scale, abs=0.05))


def test_false_figures_do_not_hide_themselves(monkeypatch):
    """Five figures far out of a thousand: each is judged by a tail that they did not make. Fitted with them, they would pass."""
    from checkweigh.derived.audit import pareto

    figures = np.exp(np.random.default_rng(5).normal(0, 0.15, 1000))
    figures[:5] = 4.0
    false, highest = np.array([4.0]), np.sort(figures)[-100:]
    assert fitted(highest, 1000).chance(false)[0] * 1000 < tail.RATE
    monkeypatch.setattr(pareto, "CENSORED", 0.001)
    assert fitted(highest, 1000).chance(false)[0] * 1000 > 1


HONEST = {
    "normal": lambda rng, n: rng.normal(10, 2, n),
    "log-normal": lambda rng, n: np.exp(rng.normal(0, 0.35, n)),
    "exponential": lambda rng, n: rng.exponential(1, n),
    "twenty people": lambda rng, n: np.exp(rng.normal(0, 0.15, n) + rng.normal(0, 0.2, 20)[rng.integers(0, 20, n)]),
}


@pytest.mark.parametrize("shape", HONEST)
@pytest.mark.parametrize("shifts", [500, 10_000])
def test_honest_jobs_are_found_no_more_often_than_the_rate_says(shape, shifts):
    rng = np.random.default_rng([len(shape), shifts])
    above = min(shifts // tail.SHARE, tail.MOST_ABOVE)

    def finds():
        figures = np.sort(HONEST[shape](rng, shifts))[-above:]
        return fitted(figures, shifts).chance(figures[-1:])[0] * shifts < tail.RATE

    assert np.mean([finds() for _ in range(60)]) <= tail.RATE + 3 * np.sqrt(tail.RATE * (1 - tail.RATE) / 60)


def test_figures_that_are_alike_have_no_tail():
    assert fitted(np.full(50, 3.0), 500) is None
    assert fitted(np.r_[np.full(49, 3.0), 4.0], 500) is None
    assert fitted(np.r_[3.0, np.full(49, 4.0)], 500) is None


def test_the_check_finds_what_is_beyond_the_tail_of_its_job():
    rng = np.random.default_rng(6)
    quantities = np.exp(rng.normal(2, 0.1, 600))
    quantities[300] = 5 * np.e**2
    found = findings(tail, told(quantities))
    assert set(found) == {"ada300"}
    row = found["ada300"]
    assert row["tests"] == 600 and row["score"] == pytest.approx(600 * row["p_value"]) and row["score"] < tail.RATE
    assert row["evidence"]["shifts"] == "600" and "tail of the 600 shifts" in row["message"]
    assert findings(tail, told(quantities[102:])) == {}  # 498 shifts are too few


@pytest.mark.parametrize("check", [own_history, tail])
@pytest.mark.parametrize("quantities", [[], [0] * 20, [5] * 600], ids=["empty", "nothing yielded", "all alike"])
def test_nothing_is_found_where_nothing_can_be(check, quantities):
    assert findings(check, told(quantities)) == {}
