"""How the quotas rose, and who still met them: the tables quotas and shares, on books that a person can read."""

from datetime import date
from decimal import Decimal

import reference
from books import START, book, compare, derive, entry

RAISED = book(
    """
    quota  id      job     quantity  per     from        hours  until       basis
           raised  hewing  13.96     worker  1937-01-01  -      -           decree
           hourly  hewing  2         worker  1938-01-01  6      -           time study
           hour    hewing  0.5       worker  1939-01-01  1      1940-01-01  history
           six     hewing  40        crew    1936-01-01  -      -           -
    """
)


def of(rows, name):
    """The row of a quota."""
    return next(row for row in rows if row["quota"] == name)


def test_a_quota_says_by_how_much_it_was_raised_from_the_one_before():
    rows = derive("quotas", RAISED)
    raised = of(rows, "raised")
    assert (raised["follows"], raised["before"], raised["factor"]) == ("norm", Decimal(7), Decimal("1.994285"))
    assert of(rows, "norm")["ends"] == date(1937, 1, 1) and of(rows, "norm")["factor"] is None
    assert of(rows, "hour")["ends"] == date(1940, 1, 1)
    compare("quotas", rows, reference.quotas(RAISED))


def test_quotas_of_an_hour_are_compared_for_the_same_time_and_with_those_of_a_shift_not_at_all():
    rows = derive("quotas", RAISED)
    assert of(rows, "hourly")["before"] is None, "a shift has no stated hours"
    assert of(rows, "hour")["before"] == Decimal("0.333333333") and of(rows, "hour")["factor"] == Decimal("1.5")


def test_a_quota_for_crews_follows_none_for_workers():
    six = of(derive("quotas", RAISED), "six")
    assert six["follows"] is None and six["ends"] is None


def test_a_quota_counts_the_shifts_that_were_there_before_it():
    late = book(
        """
        shift  id  worker  started           hours  quantity
               a   ada     1935-08-31 12:00  6      102
               b   bo      1934-08-31 12:00  6      7

        quota  id    job     quantity  per     from
               late  hewing  20        worker  1935-01-01

        shift  id  worker  started           hours  quantity
               c   ada     1935-09-01 12:00  6      19
        """
    )
    counts = {row["quota"]: (row["shifts"], row["shifts_earlier"]) for row in derive("quotas", late, shifts=True)}
    assert counts == {"norm": (1, 0), "late": (2, 1)}
    assert {row["shifts"] for row in derive("quotas", late)} == {None}
    compare("quotas", derive("quotas", late, shifts=True), reference.quotas(late, shifts=True))


MONTH = book(
    """
    shift  id  worker  started           hours  quantity      helpers
           a   ada     1935-08-01 12:00  6      3             -
           b   ada     1935-08-31 12:00  6      11            -
           c   bo      1935-08-31 12:00  6      6.999999999   -
           d   cy      1935-08-31 12:00  6      14            di:7
           e   ada     1935-09-01 12:00  6      1             -
    """
)


def test_who_reaches_the_quota_to_the_last_digit_has_met_it_and_who_misses_it_by_a_gram_has_not():
    august, september = derive("shares", MONTH)
    assert (august["parties"], august["met"], august["share"], august["shifts"]) == (3, 2, Decimal("0.666666"), 4)
    assert (september["from"], september["parties"], september["met"]) == (date(1935, 9, 1), 1, 0)
    assert derive("shares", MONTH, labour=True)[0]["met"] == 1, "with the helper's hours cy has not met it"


def test_shares_leave_out_whom_no_quota_asks_and_count_their_shifts():
    start = [one for one in START if one["kind"] != "quota"]
    made = [
        *start,
        entry("shift", id="a", worker="ada", job="hewing", site="mine", started="1935-08-01T12:00:00Z", quantity="3"),
    ]
    [row] = derive("shares", made)
    assert (row["parties"], row["share"], row["shifts_without_quota"], row["entries"]) == (0, None, 1, None)
