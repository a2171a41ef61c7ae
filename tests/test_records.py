"""Records: the named cases of ties, verdicts, holders and days."""

from datetime import date
from decimal import Decimal

from books import book, derive

SEPTEMBER = """
    shift  id  worker  started           hours  quantity
           a   ada     1935-08-31 23:00  6      102
           b   bo      1935-09-03 07:00  6      115
           c   cy      1935-09-05 07:00  6      110
"""
TONS = {"measure": "quantity", "scope": "all"}


def standing(told, size=None, **asked):
    """The shifts that hold the mark in quantity among all, single-handed."""
    return [row["shift"] for row in derive("records", told, size, standing=True, holder="single", **TONS | asked)]


def test_annulment_restores_the_record_it_had_beaten():
    told = book(SEPTEMBER, """
        verdict  shift  ruling    reason
                 b      annulled  coal of two crews on one tally
    """)  # fmt: skip
    assert standing(told, len(told) - 1) == ["b"]  # as known before, nothing has changed
    assert standing(told) == ["c"]
    assert [row["shift"] for row in derive("records", told, **TONS)] == ["a", "c"]


def test_a_shift_found_to_have_had_helpers_leaves_the_single_class():
    told = book(SEPTEMBER, """
        verdict  shift  ruling    reason           helpers
                 b      adjusted  a man was hidden  di:6
    """)  # fmt: skip
    assert (standing(told, len(told) - 1), standing(told)) == (["b"], ["c"])
    assert [row["shift"] for row in derive("records", told, holder="crew", **TONS)] == ["b"]


def test_a_mark_tells_when_it_was_set_and_beaten_and_by_what():
    first, second = derive("records", book(SEPTEMBER), **TONS)
    assert (first["set_on"], first["beaten_on"], first["days_stood"], first["beaten_by"]) == (
        date(1935, 9, 1), date(1935, 9, 3), 2, "b",
    )  # fmt: skip
    assert (second["value"], second["beaten_on"], second["days_stood"], second["beaten_by"]) == (115, None, None, None)


def test_of_equal_starts_only_the_best_counts_and_equal_bests_share_the_mark():
    told = book("""
        shift  id  worker  started           hours  quantity  precision
               a   ada     1935-09-01 06:00  6      10        -
               b   bo      1935-09-01 06:00  6      20        -
               c   cy      1935-09-01 06:00  6      20        -
               d   di      1935-09-01 06:00  6      20        month
               e   di      1935-09-01 06:00  6      30        month
               f   ada     1935-09-02 06:00  6      40        -
    """)  # fmt: skip
    found = [(row["shift"], row["beaten_by"]) for row in derive("records", told, **TONS)]
    assert found == [("b", "e"), ("c", "e"), ("e", "f"), ("f", None)]


def test_longer_reports_compete_among_themselves_and_attainment_across_jobs():
    told = book(SEPTEMBER, """
        shift  id    worker  started           ended             hours  quantity
               week  ada     1935-09-01 06:00  1935-09-08 06:00  48     700
    """)  # fmt: skip
    table = derive("records", told, scope="all")
    assert {row["shift"] for row in table if row["length"] == "period"} == {"week"}
    across = [row["shift"] for row in table if row["job"] is None and row["measure"] == "attainment"]
    assert across == ["a", "b"]
    assert {row["value"] for row in table if row["shift"] == "week" and row["measure"] == "rate_per_hour"} == {
        Decimal("14.583333")
    }
