"""uncredited-help: what one person can hardly have done, on the campaign of 1935 and on small books."""

from datetime import UTC, datetime

import numpy as np
import pytest

from books import START, book, entry, known
from checkweigh.demo import build
from checkweigh.derived import DERIVED
from checkweigh.derived.audit import uncredited_help
from checkweigh.derived.audit.uncredited_help import FAR, doubted
from checkweigh.ledger import Edge, Ledger
from checkweigh.tables import at, collect


def findings(told, size=None):
    """What is found, by the shift."""
    rows = collect(uncredited_help.find(known(told, size))).to_pylist()
    return {row["shift"]: row | {"evidence": dict(row["evidence"])} for row in rows}


# ---- the campaign


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """The findings of the demonstration's audit as known on a day, by shift."""
    path, _ = build(tmp_path_factory.mktemp("demo"), Edge("login:anna", datetime(2026, 1, 1, tzinfo=UTC)))

    def on(year):
        with Ledger.open(path) as ledger:
            tables = at(ledger, ledger.size_at(datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)))
            rows = collect(DERIVED["findings"].derive(tables, check="uncredited-help")).to_pylist()
        return {row["shift"]: row | {"evidence": dict(row["evidence"])} for row in rows}

    return on


def test_before_anyone_confessed_the_audit_of_1935_names_the_102_tons_and_says_why(campaign):
    found = campaign(1935)
    august = found["august"]
    assert (august["evidence"]["quantity"], august["evidence"]["best_before"], august["evidence"]["helpers"]) == (
        "102",
        "70",
        "not stated",
    )
    assert "1.46 times the 70 t that one person had done at best before" in august["message"]
    assert august["score"] == pytest.approx(102 / 70)


def test_a_staged_mark_does_not_vouch_for_the_next(campaign):
    """Each mark of September stands less than 1.41 times above the last, and all of them above what anybody did unaided."""
    found = campaign(1935)
    assert set(found) == {"august", "dyukanov-115", "kontsedalov-125", "stakhanov-175", "stakhanov-227"}
    assert {row["evidence"]["best_before"] for row in found.values()} == {"70"}
    assert [found[name]["evidence"]["people"] for name in ("august", "stakhanov-175", "stakhanov-227")] == [
        "2",
        "3",
        "4",
    ]


def test_once_the_helpers_are_known_the_august_shift_is_no_doubt_any_more(campaign):
    assert "august" in campaign(1987)
    assert set(campaign(1989)) == {"dyukanov-115", "kontsedalov-125", "stakhanov-175", "stakhanov-227", "stakhanov-321"}


# ---- named cases

FIRM = """
    shift  id  worker  started           hours  quantity  helpers
           z   ada     1935-01-01 06:00  6      10        none
"""


def shifts(*rows):
    return "shift  id  worker  started  hours  quantity  helpers\n" + "\n".join(f"    {row}" for row in rows)


def test_a_book_without_a_firm_mark_says_nothing_until_there_are_twenty_shifts():
    def after(count):
        earlier = shifts(
            *(f"s{n}  ada  1935-02-{n + 1:02} 06:00  6  10  -" for n in range(count)),
            "x  bo  1935-03-01 06:00  6  20  -",
        )
        return set(findings(book(earlier)))

    assert (after(19), after(20)) == (set(), {"x"})


def test_a_long_shift_is_compared_by_the_hour():
    rows = (
        "long  bo  1935-02-01 06:00  12  19  -",
        "much  bo  1935-02-02 06:00  12  29  -",
        "fast  bo  1935-02-03 06:00  3  12  -",
    )
    assert set(findings(book(FIRM, shifts(*rows)))) == {
        "much"
    }  # 19 in 12 hours is no faster; 12 in 3 hours is not much


def test_where_hours_are_not_known_the_quantity_alone_is_compared():
    assert set(findings(book(FIRM, shifts("x  bo  1935-02-01 06:00  -  15  -")))) == {"x"}


def test_what_stands_exactly_at_the_limit_is_no_finding():
    rows = ("at  bo  1935-02-01 06:00  6  14  -", "over  cy  1935-02-02 06:00  6  19.7  -")
    assert set(findings(book(FIRM, shifts(*rows)))) == {"over"}
    assert FAR * 10 == 14.0


def test_shifts_with_stated_helpers_and_crews_raise_the_bar_by_their_share():
    crew = """
        shift  id  crew  started           hours  quantity
               c   six   1935-01-15 06:00  6      {quantity}
    """
    mark = shifts("x  bo  1935-02-01 06:00  6  20  -")
    assert set(findings(book(FIRM, crew.format(quantity=60), mark))) == {"x"}  # ten a head
    assert set(findings(book(FIRM, crew.format(quantity=90), mark))) == set()  # fifteen a head
    helped = shifts("h  cy  1935-01-15 06:00  6  30  bo:6", "x  bo  1935-02-01 06:00  6  20  -")
    assert set(findings(book(FIRM, helped))) == set()  # fifteen each, and itself no mark of one person


def test_a_verified_mark_raises_the_bar_and_an_annulled_one_is_gone():
    rows = shifts("x  bo  1935-02-01 06:00  6  20  -", "y  cy  1935-02-02 06:00  6  22  -")
    verdict = "verdict  shift  ruling    reason\n         x  {ruling}  as found"
    assert set(findings(book(FIRM, rows))) == {"x", "y"}
    assert set(findings(book(FIRM, rows, verdict.format(ruling="verified")))) == set()
    assert set(findings(book(FIRM, rows, verdict.format(ruling="annulled")))) == {"y"}


def test_only_marks_are_findings_and_the_rest_of_a_leap_is_not_told():
    rows = shifts(
        *(f"s{n}  bo  1935-02-{n + 1:02} 06:00  6  {quantity}  -" for n, quantity in enumerate((20, 20, 19, 21, 18)))
    )
    found = findings(book(FIRM, rows))
    assert set(found) == {"s0", "s3"}
    assert found["s3"]["evidence"]["marks_in_doubt_between"] == "1"


def test_a_mark_between_raises_the_bar_for_what_follows():
    rows = shifts(
        "x  bo  1935-02-01 06:00  6  20  -", "m  cy  1935-02-02 06:00  6  13  -", "y  di  1935-02-03 06:00  6  21  -"
    )
    assert findings(book(FIRM, rows))["y"]["evidence"]["best_before"] == "13"
    rows = shifts(
        "x  bo  1935-02-01 06:00  6  15  -", "m  cy  1935-02-02 06:00  6  13  -", "y  di  1935-02-03 06:00  6  18  -"
    )
    assert set(findings(book(FIRM, rows))) == {"x"}


def test_jobs_where_less_is_better_and_empty_books_say_nothing():
    lower = [
        *START[:1],
        entry("job", id="hewing", name="Scrap", industry="coal", unit="kg", better="lower"),
        *START[2:],
    ]
    assert findings(book(FIRM, shifts("x  bo  1935-02-01 06:00  6  30  -"), start=lower)) == {}
    assert findings(book()) == {}


# ---- against the plainest Python


def plainly(rows):
    """The entries of marks in doubt, one shift after another."""
    best = best_rate = top = 0.0
    found = []
    for entry_, single, settled, amount, rate, leaping in rows:
        known_rate = not np.isnan(rate)
        far = amount > FAR * best and (not known_rate or rate > FAR * best_rate)
        if single and far and leaping and not settled:
            if amount > top:
                found.append((entry_, best))
        else:
            best, best_rate = max(best, amount), max(best_rate, rate) if known_rate else best_rate
        top = max(top, amount) if single else top
    return found


def test_the_leaps_from_mark_to_mark_are_those_of_one_shift_after_another():
    rng = np.random.default_rng(0)
    for _ in range(300):
        count = int(rng.integers(1, 40))
        amount = np.round(np.exp(rng.normal(0, 0.6, count)), 1) + 0.1
        rate = np.where(rng.random(count) < 0.3, np.nan, amount / rng.choice([4, 6, 12], count))
        single, settled, leaping = (
            rng.random(count) < 0.8,
            rng.random(count) < 0.1,
            np.arange(count) >= rng.integers(0, 4),
        )
        columns = (np.arange(count), single, settled, amount, rate, leaping)
        assert [(one.entry, one.best) for one in doubted(*columns)] == plainly(zip(*columns, strict=True))


def test_honest_books_say_next_to_nothing():
    """Workers of different skill, five hundred shifts each of 40 jobs."""
    rng = np.random.default_rng(1)
    marks = 0
    for _ in range(40):
        amount = np.exp(rng.normal(0, 0.15, 500) + rng.normal(0, 0.2, 20)[rng.integers(0, 20, 500)])
        columns = (np.arange(500), np.ones(500, bool), np.zeros(500, bool), amount, amount / 8, np.arange(500) >= 20)
        marks += len(doubted(*columns))
    assert marks <= 2
