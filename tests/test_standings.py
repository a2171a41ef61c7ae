"""Standings: the named cases of ties, half-open periods, exact sums and what is left out."""

from datetime import date
from decimal import Decimal

import pytest

from books import book, derive, entry


def test_ties_share_a_rank():
    told = book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 08:00  8      14
               b   bo      2024-01-03 08:00  8      14
               c   cy      2024-01-04 08:00  8      7
               d   di      2024-01-05 08:00  8      7
    """)  # fmt: skip
    assert [(row["party"], row["rank"]) for row in derive("standings", told)] == [
        ("ada", 1),
        ("bo", 1),
        ("cy", 3),
        ("di", 3),
    ]


@pytest.mark.parametrize(
    ("started", "monday"), [("2024-01-07 20:59", date(2024, 1, 1)), ("2024-01-07 21:00", date(2024, 1, 8))]
)
def test_a_week_starts_on_monday_by_the_clock_of_the_site(started, monday):
    told = book(f"shift  id  worker  started  hours  quantity\n a  ada  {started}  8  7")
    assert [(row["from"], (row["until"] - row["from"]).days) for row in derive("standings", told, period="week")] == [
        (monday, 7)
    ]


def test_3000_of_3000_is_exactly_one():
    """Thirty shifts of a third of the quota's thirtieth parts: summed as numbers and divided once."""
    header = "shift  id  worker  started  hours  quantity\n"
    rows = "\n".join(f"s{n}  ada  2024-01-{n + 1:02} 08:00  8  {'107' if n < 20 else '86'}" for n in range(30))
    norm = entry("quota", id="hundred", job="hewing", quantity="100", per="worker", from_="2000-01-01")
    row = derive("standings", book(header + rows, start=[*book(), norm]))[0]
    assert (row["quantity"], row["expected"], row["attainment"]) == (3000, 3000, 1)


def test_a_report_of_many_days_counts_only_in_periods_that_hold_it_whole():
    told = book("""
        quota  id      job     quantity  hours  per     from
               hourly  hewing  1         1      worker  2000-01-01

        shift  id  worker  started           ended             hours  quantity
               a   ada     2024-01-01 08:00  2024-01-31 21:00  100    200
               b   ada     2024-01-01 08:00  2024-01-31 21:01  100    100
               c   ada     2024-01-01 08:00  -                 10     10
    """)  # fmt: skip
    month, year = (derive("standings", told, period=period)[0] for period in ("month", "year"))
    assert (month["shifts"], month["left_out"], month["attainment"]) == (2, 1, Decimal("1.909090"))
    assert (year["shifts"], year["left_out"]) == (3, 0)


def test_annulled_is_out_disputed_is_in_and_marked():
    told = book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 08:00  8      14
               b   ada     2024-01-03 08:00  8      7
               c   ada     2024-01-04 08:00  8      70

        verdict  shift  ruling
                 a      disputed
                 b      verified
                 c      annulled
    """)  # fmt: skip
    row = derive("standings", told)[0]
    assert (row["shifts"], row["disputed"], row["verified"], row["attainment"]) == (2, 1, 1, Decimal("1.5"))
    assert derive("standings", told, verified_only=True)[0]["attainment"] == 1


def test_across_units_the_attainment_is_the_mean():
    start = [
        *book(),
        entry("job", id="shoes", name="Shoes", industry="footwear", unit="pair", better="higher"),
        entry("quota", id="pairs", job="shoes", quantity="1000", per="worker", from_="2000-01-01"),
    ]
    told = book("""
        shift  id  worker  job     started           hours  quantity
               a   ada     hewing  2024-01-02 08:00  8      14
               b   ada     shoes   2024-01-03 08:00  8      1000
    """, start=start)  # fmt: skip
    row = derive("standings", told)[0]
    assert (row["basis"], row["quantity"], row["expected"], row["unit"], row["attainment"]) == (
        "mean",
        None,
        None,
        None,
        Decimal("1.5"),
    )


def test_change_is_against_the_period_before_and_no_other():
    told = book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 08:00  8      7
               b   ada     2024-02-03 08:00  8      14
               c   ada     2024-04-03 08:00  8      7
    """)  # fmt: skip
    assert [row["change"] for row in derive("standings", told)] == [None, 1, None]
