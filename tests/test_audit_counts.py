"""The named cases of the checks that compare entries with one another: overlap, duplicate, count-mismatch, backdated, displaced."""

import random

import pytest

from books import START, book, derive, entry, known


def found(check, told, **options):
    """The findings of one check, evidence as dicts."""
    rows = derive("findings", told if not isinstance(told, list) else known(told), check=check, **options)
    return [row | {"evidence": dict(row["evidence"])} for row in rows]


def test_overlap_is_half_open_and_guesses_no_duration():
    rows = found("overlap", book("""
        shift  id  worker  started           hours  quantity  ended             helpers
               a   ada     2024-01-02 06:00  8      7         -                 -
               b   ada     2024-01-02 14:00  8      6         -                 -
               c   bo      2024-01-02 06:00  8      7         -                 -
               d   bo      2024-01-02 13:59  8      6         -                 -
               e   cy      2024-01-02 06:00  -      7         -                 -
               f   cy      2024-01-02 07:00  8      6         -                 -
               g   di      2024-01-02 06:00  40     70        2024-01-08 06:00  -
               h   di      2024-01-03 06:00  8      7         -                 -
    """))  # fmt: skip
    (row,) = rows
    assert (row["shift"], row["about"], row["evidence"]["other_shift"]) == ("d", "bo", "c")
    assert row["evidence"]["hours_twice"] == "0.02" and row["evidence"]["until"] == "2024-01-02 14:00"


def test_a_helper_with_output_of_their_own_in_the_same_hours_and_one_who_was_there_for_only_a_part():
    rows = found("overlap", book("""
        shift  id  worker  started           hours  quantity  helpers
               a   ada     2024-01-02 06:00  8      30        bo:8+cy:5+di:3
               b   bo      2024-01-02 10:00  8      7         -
               c   cy      2024-01-02 11:00  3      7         -
               d   cy      2024-01-02 10:00  1      7         -
               e   di      2024-01-02 06:00  8      7         -
    """))  # fmt: skip
    assert {(row["shift"], row["about"]) for row in rows} == {("b", "bo"), ("d", "cy")}
    assert "helps on shift a" in next(row for row in rows if row["about"] == "bo")["message"]


def test_more_hours_than_a_day_has_are_told_once():
    rows = found("overlap", book("""
        shift  id  worker  started           hours  quantity  helpers
               a   ada     2024-01-02 00:00  22     30        bo:10
               b   cy      2024-01-02 01:00  20     7         bo:9
               c   bo      2024-01-01 21:00  3      7         -
               d   bo      2024-01-02 12:00  8      7         -
    """))  # fmt: skip
    # Ten hours out of 22, nine out of 20, eight and three: no hour is certain to be counted twice until they are added up.
    assert [(row["about"], row["score"]) for row in rows] == []
    (row,) = found("overlap", book("""
        shift  id  worker  started           hours  quantity  site  helpers
               a   ada     2024-01-02 00:00  20     30        mine  bo:10
               b   cy      2024-01-02 00:00  20     7         mill  bo:9
               d   bo      2024-01-02 12:00  8      7         mine  -
    """, start=[*START, entry("site", id="mill", name="The mill", industry="coal", timezone="Europe/Moscow")]))  # fmt: skip
    assert (row["about"], row["evidence"]["hours"], row["evidence"]["over"]) == ("bo", "27", "3")


def test_a_duplicate_is_the_same_work_and_not_more_work():
    told = book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 06:00  8      7.25
               b   ada     2024-01-02 06:15  8      7.25
               c   bo      2024-01-02 06:00  0.25   7
               d   bo      2024-01-02 06:15  0.25   7
               e   cy      2024-01-02 06:00  -      7
               f   cy      2024-01-02 06:15  -      7
               g   di      2024-01-02 06:00  8      7
               h   di      2024-01-02 06:15  8      7.01
    """)
    rows = found("duplicate", told)
    assert sorted((row["shift"], row["entries"]) for row in rows) == [
        ("b", [len(told) - 7, len(told) - 8]), ("f", [len(told) - 3, len(told) - 4]),
    ]  # fmt: skip
    assert [row["shift"] for row in found("overlap", told)] == ["h"], "a duplicate is told once"


def test_whoever_claims_a_load_each_time_does_not_claim_it_twice():
    loads = "\n".join(f"x{n}  ada  2024-01-02 06:{n:02d}  1" for n in range(0, 60, 5))
    assert found("duplicate", book(f"shift  id  worker  started  quantity\n{loads}")) == []


COUNTED = """
    shift  id  worker  started           hours  quantity  precision
           a   ada     2024-01-02 06:00  8      10        -
           b   bo      2024-01-02 14:00  8      10        -
           c   cy      2024-01-02 20:00  8      10        -
           d   di      2024-01-01 22:00  8      10        -
           e   ada     2024-01-03 00:00  8      10        -
           f   bo      2024-01-01 00:00  8      10        month
"""


def counted(name, quantity, tolerance=None, month="2024-01", **fields):
    period = {"from_": f"{month}-02T00:00:00Z", "until": f"{month}-03T00:00:00Z", "site": "mine", "job": "hewing"}
    return entry(
        "count", id=name, quantity=quantity, tolerance=tolerance, instrument="The weighbridge", **period | fields
    )


def test_a_count_against_shifts_that_reach_over_the_ends_of_its_period():
    """Shifts a and b lie in it for sure; c, d and f may have yielded nothing on that day, or everything."""
    told = [
        *book(COUNTED), counted("least", "20"), counted("most", "50"), counted("two percent", "19.61"), counted("less", "19.6"),
        counted("stated", "19.6", "0.4"), counted("more", "51.03"), counted("close", "51", "0.999999999"),
        counted("other", "5", month="2023-01"),
    ]  # fmt: skip
    rows = {told[row["entry"]]["id"]: row for row in found("count-mismatch", told)}
    assert {name: row["score"] for name, row in rows.items()} == pytest.approx(
        {"less": 0.4 / 0.392, "more": 1.03 / 1.0206, "close": 1 / 0.999999999, "other": 50}
    )
    numbers = rows["less"]["evidence"]
    assert [numbers[name] for name in ("shifts", "straddling", "least", "most")] == ["2", "3", "20", "50"]
    assert "That is 0.4 tonne more than was counted" in rows["less"]["message"] and rows["less"]["about"] == "mine"
    assert [rows["other"]["evidence"][name] for name in ("shifts", "tolerance")] == ["0", "0.1"]
    assert all(row["entries"][0] == row["entry"] for row in rows.values())


def at(recorded, told, by="login:anna"):
    return [item | {"recorded": recorded, "by": by} for item in told]


def days(first, count, hours=8):
    return book(
        "shift  id  worker  started  hours  quantity\n"
        + "\n".join(f"{first}{n}  ada  2024-01-{n + 1:02d} 06:00  {hours}  {n + 1}" for n in range(count)),
        start=[],
    )


def test_backdated_is_measured_by_what_is_usual_and_one_import_is_one_finding():
    daily = [at(f"2024-01-{n + 1:02d}T16:00:00Z", [shift])[0] for n, shift in enumerate(days("a", 28))]
    start = at("2023-06-01T00:00:00Z", START)
    late = at("2024-03-01T00:00:00Z", days("b", 1))
    bulk = at("2024-03-02T00:00:00Z", days("c", 25))
    rows = found("backdated", [*start, *daily, *late, *bulk])
    assert [(row["shift"], row["about"], row["evidence"]["shifts"]) for row in rows] == [
        (None, "login:anna", "25"), ("b0", None, "1"),
    ]  # fmt: skip
    assert len(rows[0]["entries"]) == 20 and rows[1]["evidence"]["days_late"] == "59.4"


def test_the_history_with_which_a_ledger_begins_is_not_late():
    assert found("backdated", at("2024-03-02T00:00:00Z", [*START, *days("c", 25)])) == []


def test_a_few_days_count_when_an_award_or_the_end_of_a_rule_comes_right_after():
    rule = entry(
        "rule",
        id="r",
        gives="Medal",
        conditions={"measure": "quantity", "at_least": "1"},
        from_="2024-01-01",
        until="2024-01-08",
    )
    award = entry("award", worker="ada", name="Medal", for_=["b0"])
    start = at("2023-06-01T00:00:00Z", [*START, rule])
    told = [*start, *at("2024-01-07T12:00:00Z", days("a", 1)), *at("2024-01-09T12:00:00Z", days("b", 1))]
    assert [row["shift"] for row in found("backdated", told)] == ["a0"]
    rows = found("backdated", [*told, *at("2024-01-10T12:00:00Z", [award])])
    assert {row["shift"]: row["evidence"]["followed_by"] for row in rows} == {
        "a0": "The end of rule r", "b0": f"The award of entry {len(told)}",
    }  # fmt: skip


def hall(moved, shares, days=30, seed=1):
    """A month of seven tonnes a shift by five people, give or take a tenth; on the 20th `moved` from the others to ada, by their shares."""
    draw = random.Random(seed)
    made = [*START, entry("worker", id="ed", site="mine", from_="1900-01-01")]
    for day in range(1, days):
        for place, name in enumerate(("ada", "bo", "cy", "di", "ed")):
            quantity = 7 * draw.gauss(1, 0.1) + (
                0 if day != 20 else moved if place == 0 else -moved * shares[place - 1]
            )
            started = f"2024-01-{day:02d}T06:0{place}:00Z"
            fields = {"worker": name, "job": "hewing", "site": "mine", "started": started, "hours": "8"}
            made.append(entry("shift", id=f"{name}-{day}", quantity=f"{quantity:.3f}1", **fields))
    return made


def test_displaced_needs_an_excess_that_the_others_lack():
    (row,) = found("displaced", hall(7, (0.3, 0.3, 0.4, 0)))
    assert row["shift"] == "ada-20" and len(row["entries"]) == 5 and row["q_value"] < 1e-6
    assert row["entries"][0] == row["entry"] and row["evidence"]["others"] == "4"
    assert found("displaced", hall(7, (0, 0, 0, 0))) == [], "a good day alone is none"
    assert found("displaced", hall(0, (0, 0, 0, 0))) == []
    assert found("displaced", hall(-5, (0.3, 0.3, 0.4, 0))) == [], "nor is a bad one that others make up for"


def test_a_repeated_identity_is_told_and_the_first_entry_counts():
    told = book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 06:00  8      7
               a   ada     2024-01-02 06:00  8      9
               b   bo      2024-01-02 06:00  8      7
               a   bo      2024-01-05 06:00  8      8

        worker  id   site  from
                ada  mine  1900-01-01
                ada  mine  2000-01-01
    """)
    first = len(START)
    rows = found("repeated-identity", told)
    assert {(row["entry"], row["shift"], row["about"], tuple(row["entries"])) for row in rows} == {
        (first + 1, "a", None, (first + 1, first)), (first + 3, "a", None, (first + 3, first)), (first + 4, None, "ada", (first + 4, 2)),
    }  # fmt: skip
    assert f"Entry {first} counts in every figure; entry {first + 1} is passed over." in rows[0]["message"]
    assert found("repeated-identity", book(COUNTED)) == []
