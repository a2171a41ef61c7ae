"""Honours: earned, granted, and what becomes of them after a verdict."""

from books import book, derive, entry

RULES = [
    entry("rule", id="alone", gives="Single-handed record", from_="1900-01-01",
          conditions={"measure": "quantity", "record": True, "holder": "single", "job": "hewing"}),
    entry("rule", id="double", gives="Two quotas a month", from_="1935-01-01", until="1936-01-01",
          conditions={"measure": "attainment", "at_least": "2", "period": "month", "shifts_at_least": 2}),
]  # fmt: skip
AUGUST = """
    shift  id  worker  started           hours  quantity
           a   ada     1935-08-30 20:00  5.75   102
           b   bo      1935-09-03 07:00  6      115

    award  worker  rule   name   for
           ada     alone  -      a
           ada     -      Medal  a
           bo      alone  -      b
"""
TRUTH = """
    verdict  shift  ruling    reason                helpers
             a      adjusted  two men were hidden   bo:5.75+cy:5.75
"""


def told_of(table, name):
    """(worker, status) of every honour of a name."""
    return [(row["worker"], row["status"]) for row in table if row["honour"] == name]


def test_the_honours_of_august_lose_their_basis_when_the_helpers_come_to_light():
    told = book(AUGUST, TRUTH, start=[*book(), *RULES])
    before, after = derive("honours", told, len(told) - 1), derive("honours", told)
    assert sorted(told_of(before, "Single-handed record")) == [
        ("ada", "earned"),
        ("ada", "granted"),
        ("bo", "earned"),
        ("bo", "granted"),
    ]
    assert sorted(told_of(after, "Single-handed record")) == [
        ("ada", "basis lost"),
        ("ada", "basis lost"),
        ("bo", "earned"),
        ("bo", "granted"),
    ]
    assert (told_of(before, "Medal"), told_of(after, "Medal")) == ([("ada", "granted")], [("ada", "basis lost")])
    assert {tuple(row["entries"]) for row in after if row["worker"] == "ada"} == {
        (told.index(next(e for e in told if e.get("id") == "a")),)
    }


def test_a_measure_reached_over_a_month_needs_its_shifts():
    rows = """
        shift  id  worker  started           hours  quantity
               a   ada     1935-08-01 06:00  6      14
               b   ada     1935-08-02 06:00  6      14
               c   bo      1935-08-02 06:00  6      70
               d   cy      1936-08-01 06:00  6      14
               e   cy      1936-08-02 06:00  6      14
    """
    found = [row for row in derive("honours", book(rows, start=[*book(), *RULES])) if row["rule"] == "double"]
    assert [(row["worker"], row["value"], len(row["entries"])) for row in found] == [("ada", 2, 2)]


def test_an_annulled_shift_takes_its_award_with_it_and_a_withdrawn_verdict_gives_it_back():
    verdicts = """
        verdict  shift  ruling
                 a      annulled
                 a      withdrawn
    """
    told = book(AUGUST, verdicts, start=[*book(), *RULES])
    assert [told_of(derive("honours", told, len(told) - back), "Medal")[0][1] for back in (2, 1, 0)] == [
        "granted",
        "basis lost",
        "granted",
    ]


def test_a_verdict_that_brings_a_shift_into_a_class_takes_the_honour_that_the_others_had_earned():
    single = entry("rule", id="single", gives="Two quotas alone", from_="1935-01-01",
                   conditions={"measure": "attainment", "at_least": "2", "period": "month", "holder": "single"})  # fmt: skip
    rows = """
        shift  id  worker  started           hours  quantity  labour_hours
               a   ada     1935-08-01 06:00  6      14        -
               b   ada     1935-08-02 06:00  6      14        -
               c   ada     1935-08-03 06:00  6      1         8
    """
    longer = """
        verdict  shift  ruling    reason                  hours
                 c      adjusted  he stayed till evening  8
    """
    told = book(rows, longer, start=[*book(), single])
    assert told_of(derive("honours", told, len(told) - 1), "Two quotas alone") == [("ada", "earned")]
    assert [(row["status"], len(row["entries"])) for row in derive("honours", told)] == [("basis lost", 2)]


def test_an_award_for_a_shift_that_was_withdrawn_rests_on_nothing():
    told = book(AUGUST, start=[*book(), *RULES])
    shift = next(e for e in told if e.get("id") == "a")
    told = [*told, shift | {"replaces": told.index(shift), "void": True, "note": "never hewn"}]
    assert [(row["status"], tuple(row["entries"])) for row in derive("honours", told) if row["honour"] == "Medal"] == [
        ("basis lost", ())
    ]


def test_what_a_rule_never_gave_since_it_came_after_the_verdict_is_not_lost():
    late, record = (
        entry(
            "rule",
            id=name,
            gives="Late",
            from_="1900-01-01",
            conditions={"measure": "attainment", "at_least": "2"} | more,
        )
        for name, more in (("late", {}), ("record", {"record": True, "job": "hewing"}))
    )
    told = book(AUGUST, """
        verdict  shift  ruling
                 a      annulled
                 b      annulled
    """, start=[*book(), *RULES])  # fmt: skip
    assert told_of(derive("honours", [*told, late, record]), "Late") == []
    assert {status for _, status in told_of(derive("honours", [*told[:-2], late, record, *told[-2:]]), "Late")} == {
        "basis lost"
    }
