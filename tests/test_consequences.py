"""What a ruling would change is what it does change: foretold and then compared with the ledger that holds it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import books
from checkweigh import codec, consequences, entries, tables
from checkweigh.errors import Refused
from damage import examples

RECORDED, BY = "2026-01-01T00:00:00Z", "login:boris"


def claims():
    return books.book("""
        shift  id  worker  started           hours  quantity  helpers
               a   ada     1935-08-31 23:00  6      102       none
               b   bo      1935-09-03 07:00  6      95        none
               c   cy      1935-09-05 07:00  6      100       none
    """)


def foretold(book, **ruling):
    verdict = consequences.proposed({"reason": "as found", **ruling}, RECORDED, BY)
    return consequences.of(books.known(book), verdict)


def test_an_annulment_makes_the_marks_fall_and_others_stand_in_their_place():
    found = foretold(claims(), shift="a", ruling="annulled")
    assert [(figure.name, figure.before, figure.now) for figure in found.figures] == [
        ("status", "reported", "annulled")
    ]
    own = {
        (mark.effect, mark.row["shift"])
        for mark in found.marks
        if (mark.row["measure"], mark.row["scope"], mark.row["job"]) == ("quantity", "all", "hewing")
    }
    assert own == {("falls", "a"), ("counts", "b"), ("stands", "c")}
    assert (found.standing.before["rank"], found.standing.now) == (1, None)
    assert (found.standing.before["attainment"], found.standing.others) == (Decimal("14.571428"), 2)


def test_an_adjustment_tells_figures_before_and_after():
    helped = [{"worker": "di", "hours": "6"}, {"worker": "cy", "hours": "6"}]
    found = foretold(claims(), shift="a", ruling="adjusted", helpers=helped)
    changed = {figure.name: (figure.before, figure.now) for figure in found.figures}
    assert changed["labour_attainment"] == (Decimal("14.571428"), Decimal("4.857142"))
    assert changed["holder"] == ("single", "crew")
    assert "attainment" not in changed
    assert {mark.effect for mark in found.marks if mark.row["shift"] == "a"} == {"falls", "sets"}


def test_a_reversal_gives_back_what_the_verdict_took():
    book = [*claims(), books.entry("verdict", shift="a", ruling="annulled", reason="two crews on one tally")]
    found = foretold(book, shift="a", ruling="withdrawn")
    quantity = [
        m for m in found.marks if (m.row["measure"], m.row["scope"], m.row["job"]) == ("quantity", "all", "hewing")
    ]
    assert {(mark.effect, mark.row["shift"]) for mark in quantity} == {("sets", "a"), ("lapses", "b"), ("lapses", "c")}


def test_honours_that_lose_their_basis_are_told():
    rule = books.entry(
        "rule", id="hero", gives="Hero of the pit", from_="1935-01-01",
        conditions={"measure": "quantity", "record": True, "holder": "single", "scope": "all", "job": "hewing"},
    )  # fmt: skip
    found = foretold([*claims(), rule], shift="a", ruling="annulled")
    lost = [
        (one.row["honour"], one.row["worker"], one.before, one.now) for one in found.honours if one.before == "earned"
    ]
    assert lost == [("Hero of the pit", "ada", "earned", "basis lost")]


def test_a_verdict_that_changes_nothing_says_so():
    book = [*claims(), books.entry("verdict", shift="a", ruling="verified", reason="weighed")]
    found = foretold(book, shift="a", ruling="verified")
    assert found.nothing


def test_a_shift_that_is_not_known_is_refused():
    with pytest.raises(Refused, match="there is no shift 'zed'"):
        foretold(claims(), shift="zed", ruling="annulled")


@given(book=books.books(most=10), data=st.data())
@examples(2)
def test_what_is_foretold_is_what_happens(book, data):
    """With the verdict in the ledger, every derived table says what was foretold."""
    shifts = sorted({item["id"] for item in book if item["kind"] == "shift"})
    verdict = data.draw(books.verdicts(int(data.draw(st.sampled_from(shifts))[1:])))
    given = {name: value for name, value in verdict.items() if name not in ("kind", "recorded", "by", "salt")}
    known = books.known(book)
    try:
        text = consequences.proposed(given, RECORDED, BY)
        found = consequences.of(known, text)
    except Refused:
        return
    real = books.known([*book, verdict])
    for name in ("attainment", "records", "honours", "standings"):
        books.compare(name, books.derive(name, consequences.with_verdict(known, text)), books.derive(name, real))
    now = next(row for row in books.derive("attainment", real) if row["id"] == given["shift"])
    assert all(now[figure.name] == figure.now for figure in found.figures)
    assert tables.collect(known.verdict).num_rows == sum(item["kind"] == "verdict" for item in book), (
        "nothing is written"
    )
    assert codec.decode(text) == entries.build("verdict", {**given, "recorded": RECORDED, "by": BY, "salt": "A" * 16})
