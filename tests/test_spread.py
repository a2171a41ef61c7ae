"""Spread: the named cases of which shift met its quota first, and of what missed it by the last digit."""

from datetime import date
from decimal import Decimal

from books import book, derive

ROWS = """
    shift  id  worker  started           hours  quantity
           a   ada     2024-01-02 08:00  8      6.999999999
           b   bo      2024-01-03 08:00  8      7
           c   cy      2024-02-04 08:00  8      21
"""


def test_a_shift_that_missed_by_the_last_digit_has_not_met_its_quota():
    january, february = derive("spread", book(ROWS))
    assert (january["shifts"], january["met"], january["share"]) == (2, 1, Decimal("0.5"))
    assert (february["shifts"], february["met"], february["best"]) == (1, 1, 3)
    assert {(row["first"], row["first_met"]) for row in (january, february)} == {("b", date(2024, 1, 3))}


def test_who_met_a_quota_first_comes_first_and_who_never_did_comes_last():
    told = book(
        """
        job  id     name   industry  unit  better
             shoes  Shoes  shoes     pair  higher
             looms  Looms  textiles  loom  higher

        quota  id  job    quantity  per     from
               x   shoes  100       worker  2000-01-01
               y   looms  100       worker  2000-01-01

        shift  id  worker  job     started           hours  quantity
               l   ada     looms   2023-12-02 08:00  8      99
               s   bo      shoes   2024-01-01 08:00  8      100
               h   cy      hewing  2024-01-02 08:00  8      7
        """
    )
    assert [(row["party"], row["first"]) for row in derive("spread", told)] == [
        ("shoes", "s"),
        ("hewing", "h"),
        ("looms", None),
    ]


def test_a_verdict_moves_the_first():
    told = book(ROWS, """
        verdict  shift  ruling
                 b      annulled
    """)  # fmt: skip
    assert {(row["from"], row["first"], row["met"]) for row in derive("spread", told)} == {
        (date(2024, 1, 1), "c", 0), (date(2024, 2, 1), "c", 1),
    }  # fmt: skip
