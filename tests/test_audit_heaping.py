"""heaping: last digits that somebody chose, weeks that were copied, and honest figures that only look so."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from books import START, entry, known
from checkweigh.derived.audit import heaping
from checkweigh.derived.audit.digits import LEAST_UNEVEN, Digits, even_expected, of_figures
from checkweigh.derived.audit.digits import tested as digit_test
from checkweigh.tables import collect

LEVEL = 0.05


def told(quantities, worker="ada", by="login:anna", job="hewing", first=date(1935, 1, 1)):
    """Shifts of a worker, one a day."""
    return [
        {**entry("shift", id=f"{worker}-{job}-{first}-{number}", worker=worker, job=job, site="mine",
                 started=f"{first + timedelta(days=number)}T06:00:00Z", quantity=str(quantity).removesuffix(".0")), "by": by}
        for number, quantity in enumerate(quantities)
    ]  # fmt: skip


def findings(book):
    """What is found at a level of 0.05, by who entered and which of the two tests."""
    start = [*START[:-1], entry("job", id="haul", name="Hauling", industry="coal", unit="piece", better="higher")]
    rows = sorted(collect(heaping.find(known([*start, *book]))).to_pylist(), key=lambda row: row["p_value"])
    kept = max((n for n, row in enumerate(rows, 1) if row["p_value"] * row["tests"] / n <= LEVEL), default=0)
    return {
        (row["about"], dict(row["evidence"])["test"]): row | {"evidence": dict(row["evidence"])} for row in rows[:kept]
    }


# ---- last digits


def test_the_test_is_that_of_pearson():
    counts = np.array([30, 12, 8, 9, 10, 25, 11, 9, 8, 8], float)
    found = digit_test(counts)
    square = sum((count - counts.sum() / 10) ** 2 / (counts.sum() / 10) for count in counts)
    assert found.chi_square == pytest.approx(square) and found.p_value == pytest.approx(stats.chi2.sf(square, 9))
    assert found.uneven == pytest.approx((17 + 12) / 130 - 0 * LEAST_UNEVEN, abs=0.001)


def weighed(rng, count=1000, mean=500, spread=60):
    return np.round(rng.normal(mean, spread, count)).astype(np.int64)


@pytest.mark.parametrize("count", [100, 1000, 20_000])
def test_even_digits_are_found_uneven_no_more_often_than_the_level_says(count):
    rng = np.random.default_rng(count)
    found = [of_figures(weighed(rng, count)) for _ in range(200)]
    assert np.mean([one.p_value <= LEVEL and one.uneven >= LEAST_UNEVEN for one in found]) <= LEVEL + 3 * np.sqrt(
        LEVEL * 0.95 / 200
    )


@pytest.mark.parametrize(("count", "rounded"), [(300, 0.4), (1000, 0.2), (20_000, 0.1)])
def test_rounding_to_fives_is_found(count, rounded):
    rng = np.random.default_rng(count)

    def estimated():
        figures = weighed(rng, count)
        return np.where(rng.random(count) < rounded, np.round(figures / 5).astype(np.int64) * 5, figures)

    assert np.mean([of_figures(estimated()).p_value <= 0.001 for _ in range(50)]) >= 0.9


def test_where_even_digits_cannot_be_expected_nothing_is_tested():
    rng = np.random.default_rng(1)
    assert not even_expected(weighed(rng, 99)) and even_expected(weighed(rng, 100))
    assert not even_expected(weighed(rng, 500, spread=5))  # all within a few steps of one another
    assert of_figures(weighed(rng, 500, mean=60, spread=12)) is None  # of two digits the last is half of the figure
    assert of_figures(np.array([], np.int64)) is None


def test_a_scale_that_shows_fives_and_boxes_of_twelve_are_left_alone():
    rng = np.random.default_rng(2)
    fives, boxes = weighed(rng) * 5, weighed(rng) * 12
    assert digit_test(np.bincount(fives % 10, minlength=10).astype(float)).p_value < 1e-100
    assert of_figures(fives).p_value > 0.001 and of_figures(boxes).p_value > 0.001
    boxes[:100] += 1 + rng.integers(0, 11, 100)  # a tenth of the boxes were not full
    assert of_figures(boxes) is None
    fives[:10] += 1  # but nearly always fives, where ones can be told, is rounding
    assert of_figures(fives).p_value < 1e-100


def test_who_rounds_is_named_with_the_digits():
    rng = np.random.default_rng(3)
    honest = weighed(rng, 200) / 10
    rounded = np.where(rng.random(200) < 0.6, np.round(honest * 2) / 2, honest)
    exact = np.where(rng.random(200) < 0.5, 7.0, honest)  # half of them exactly the quota: that is for another check
    book = (
        told(honest, by="login:eve")
        + told(rounded, worker="bo", by="login:anna")
        + told(exact, worker="cy", by="login:max")
    )
    found = findings(book)
    assert set(found) == {("login:anna", "last digits")}
    row = found["login:anna", "last digits"]
    assert row["tests"] == 6 and row["score"] == pytest.approx(100 * float(row["evidence"]["uneven"]), abs=0.01)
    assert (
        int(row["evidence"]["end_in_0"]) + int(row["evidence"]["end_in_5"]) > 120
        and row["evidence"]["figures"] == "200"
    )
    assert "login:anna entered 200 quantities of Hewing coal" in row["message"]


def test_figures_of_a_calculation_are_left_alone():
    rng = np.random.default_rng(4)
    computed = [
        f"{figure / 7:.{places}f}" for figure, places in zip(weighed(rng, 300), rng.integers(4, 9, 300), strict=True)
    ]
    assert findings(told([figure.rstrip("0").rstrip(".") for figure in computed])) == {}


# ---- copied weeks


def test_a_copied_week_is_found_with_both_places():
    rng = np.random.default_rng(5)
    week = [51.3, 47.2, 55.1, 49.8, 52.6, 50.4]
    own, other = weighed(rng, 150) / 10, weighed(rng, 150) / 10
    own[20:26], other[90:96] = week, week
    found = findings(told(own) + told(other, worker="bo"))
    row = found["login:anna", "copied runs"]
    assert row["evidence"]["run"] == "51.3, 47.2, 55.1, 49.8, 52.6, 50.4" and row["evidence"]["copied"] == "1"
    start = len(START)
    assert (row["evidence"]["first_time"], row["evidence"]["again"]) == (str(start + 20), str(start + 150 + 90))
    assert row["entries"] == [start + 20, *range(start + 150 + 90, start + 150 + 96)] and row["entry"] == start + 240
    runs, often = 290, 2 / 300
    assert row["p_value"] == pytest.approx(runs**2 * np.prod([max((np.r_[own, other] == one).mean(), (other == one).mean(),
                                                                  (own == one).mean()) for one in week]), rel=0.5)  # fmt: skip
    assert row["p_value"] < 1e-3 and often < 0.01


def test_what_honest_people_repeat_is_no_copy():
    """Shared work has the same figures on the same days; who makes the same every day repeats it; and another hand copies nothing."""
    rng = np.random.default_rng(6)
    shared = weighed(rng, 150) / 10
    steady = rng.choice([50.0, 50.1, 50.2], 150)
    alone = weighed(rng, 150) / 10
    book = (
        told(shared) + told(shared, worker="bo") + told(steady, worker="cy") + told(alone, worker="di", by="login:eve")
    )
    book += told(alone[:120], worker="di", by="login:max", first=date(1936, 1, 1))
    assert findings(book) == {}


def test_a_run_of_one_figure_is_no_copy():
    rng = np.random.default_rng(7)
    quantities = weighed(rng, 200) / 10
    quantities[20:26] = quantities[100:106] = 33.3
    assert findings(told(quantities)) == {}


def test_honest_books_have_no_copies_and_even_digits():
    rng = np.random.default_rng(8)
    book = [shift for worker in ("ada", "bo", "cy") for shift in told(weighed(rng, 250) / 10, worker=worker)]
    assert findings(book) == {}


@pytest.mark.parametrize(
    "quantities", [[], [0] * 120, [7] * 120, [50] * 120], ids=["empty", "nothing", "always the quota", "alike"]
)
def test_nothing_is_found_where_nothing_can_be(quantities):
    assert findings(told(quantities)) == {}
    assert isinstance(digit_test(np.full(10, 10.0)), Digits)
