"""Attainment: the named cases of quotas, helpers, verdicts, clocks and extreme figures."""

from decimal import Decimal

import pytest

from books import book, derive, entry

NIGHT = """
    shift  id  worker  started           hours  quantity  helpers
           a   ada     1935-08-30 20:00  5.75   102       -
"""


def only(table, name="a"):
    """The row of one shift."""
    return next(row for row in table if row["id"] == name)


def test_102_tons_against_7_is_14_57_and_with_two_helpers_4_85():
    helped = """
        verdict  shift  ruling    reason                helpers
                 a      adjusted  two men were hidden   bo:5.75+cy:5.75
    """
    told = book(NIGHT, helped)
    before, after = only(derive("attainment", told, len(told) - 1)), only(derive("attainment", told))
    assert (before["attainment"], before["labour_attainment"]) == (Decimal("14.571428"), Decimal("14.571428"))
    assert (after["attainment"], after["labour_attainment"]) == (Decimal("14.571428"), Decimal("4.857142"))
    assert (before["holder"], after["holder"]) == ("single", "crew")
    assert (before["status"], after["status"], after["verdict"]) == ("reported", "adjusted", len(told) - 1)


def test_what_missed_the_quota_never_prints_as_met():
    table = derive("attainment", book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-01 08:00  8      7
               b   bo      2024-01-01 08:00  8      6.999999999
    """))  # fmt: skip
    assert [only(table, name)["attainment"] for name in "ab"] == [Decimal(1), Decimal("0.999999")]


QUOTAS = """
    quota  id        job      quantity  per     from        until       site  worker  crew
           general   hewing   10        worker  1900-01-01  -           -     -       -
           later     hewing   11        worker  1935-01-01  -           -     -       -
           mine      hewing   12        worker  1900-01-01  -           mine  -       -
           ada       hewing   13        worker  1900-01-01  -           -     ada     -
           brief     hewing   14        worker  1935-08-31  1935-09-01  -     ada     -
           six       hewing   15        crew    1900-01-01  -           -     -       six
"""


@pytest.mark.parametrize(
    ("worker", "started", "quota"),
    [
        ("ada", "1935-08-30 12:00", "ada"),  # the party before the site
        ("bo", "1935-08-30 12:00", "mine"),  # the site before neither, though another is later
        ("ada", "1935-08-30 20:59", "ada"),
        ("ada", "1935-08-30 21:00", "brief"),  # midnight on Moscow's clock
        ("ada", "1935-08-31 20:59", "brief"),
        ("ada", "1935-08-31 21:00", "ada"),  # half-open
    ],
)
def test_the_quota_of_a_shift(worker, started, quota):
    told = book(QUOTAS, f"shift  id  worker  started  hours  quantity\n a  {worker}  {started}  8  7")
    assert only(derive("attainment", told))["quota"] == quota


def test_of_quotas_with_equal_claims_the_latest_counts_and_then_the_highest_index():
    told = book("""
        quota  id      job     quantity  per     from
               old     hewing  8         worker  1900-02-01
               first   hewing  9         worker  1900-03-01
               second  hewing  10        worker  1900-03-01
    """, NIGHT)  # fmt: skip
    assert only(derive("attainment", told))["quota"] == "second"


def test_a_quota_per_crew_never_judges_a_single_worker():
    rows = """
        quota  id    job      quantity  per   from
               all   hauling  60        crew  1900-01-01
               each  hewing   8         worker  1900-02-01
    """
    told = book(
        rows,
        start=[*book(), entry("job", id="hauling", name="Hauling", industry="coal", unit="tonne", better="higher")],
    )
    told += book("""
        shift  id  worker  crew  job      started           hours  quantity  quota
               a   ada     -     hauling  1935-09-01 06:00  6      10        -
               b   -       six   hauling  1935-09-01 06:00  6      30        -
               c   ada     -     hewing   1935-09-01 06:00  6      10        all
               d   -       six   hewing   1935-09-01 06:00  6      96        -
    """, start=[])  # fmt: skip
    table = derive("attainment", told)
    assert [only(table, name)["expected"] for name in "abcd"] == [None, 60, None, 48]
    assert [only(table, name)["attainment"] for name in "abcd"] == [None, Decimal("0.5"), None, 2]


def test_a_quota_recorded_after_the_shift_is_used_and_marked():
    late = """
        quota  id    job     quantity  per     from
               late  hewing  14        worker  1935-01-01
    """
    told = book(NIGHT, late)
    before, after = only(derive("attainment", told, len(told) - 1)), only(derive("attainment", told))
    assert (before["quota"], before["quota_after_shift"]) == ("norm", False)
    assert (after["quota"], after["quota_after_shift"], after["attainment"]) == ("late", True, Decimal("7.285714"))


def test_a_verdict_is_complete_in_itself():
    told = book(NIGHT, """
        verdict  shift  ruling     reason      quantity  hours
                 a      adjusted   reweighed   90        -
                 a      adjusted   retimed     -         6
                 a      withdrawn  no reason   -         -
    """)  # fmt: skip
    found = [only(derive("attainment", told, size)) for size in (len(told) - 2, len(told) - 1, len(told))]
    assert [(row["quantity"], row["hours"], row["status"]) for row in found] == [
        (90, Decimal("5.75"), "adjusted"), (102, 6, "adjusted"), (102, Decimal("5.75"), "reported"),
    ]  # fmt: skip


def test_a_shift_without_a_quota_has_no_attainment_and_one_of_many_days_none_by_the_shift():
    told = book("""
        shift  id  worker  started           ended             hours  quantity
               a   ada     1899-12-01 06:00  -                 6      10
               b   ada     1935-09-01 06:00  1935-09-02 06:00  6      10
               c   ada     1935-09-01 06:00  1935-09-02 06:01  6      10
    """)  # fmt: skip
    table = derive("attainment", told)
    assert [only(table, name)["attainment"] is None for name in "abc"] == [True, False, True]
    assert [only(table, name)["length"] for name in "abc"] == ["shift", "shift", "period"]


EXTREMES = """
    quota  id     job     quantity             hours     per     from
           most   hewing  999999999.999999999  0.000001  worker  1900-01-02
           least  hewing  0.000000001          999999    worker  1900-01-02
           one    hewing  0.000000001          -         worker  1900-01-02

    shift  id  worker  crew  headcount   started           hours         ended             quantity             quota  helpers
           a   ada     -     -           2024-01-01 06:00  24            -                 999999999.999999999  most   -
           b   ada     -     -           2024-01-01 06:00  24            -                 999999999.999999999  least  bo:999999.999999
           c   ada     -     -           2024-01-01 06:00  24            -                 999999999.999999999  one    bo:0.000001
           d   -       six   999999.999  1900-01-02 06:00  999999.999999  2023-12-01 06:00  999999999.999999999  most   bo:0.000001
           e   -       six   999999.999  1900-01-02 06:00  999999.999999  2023-12-01 06:00  0.000000001          least  bo:999999.999999
           f   -       six   0.001       1900-01-02 06:00  0.000001      -                 0.000000001          most   none
           g   -       six   999999.999  1900-01-02 06:00  999999.999999  2023-12-01 06:00  999999999.999999999  least  bo:999999.999999
"""


def test_extreme_figures_break_nothing():
    """Figures that their types cannot hold are absent; whatever is there is exact."""
    from books import compare
    from reference import attainment, records, standings

    told = book(EXTREMES)
    compare("attainment", derive("attainment", told), attainment(told))
    compare("records", derive("records", told), records(told))
    for labour in (False, True):
        compare("standings", derive("standings", told, period="all", scope="crew", labour=labour),
                standings(told, period="all", scope="crew", labour=labour))  # fmt: skip
