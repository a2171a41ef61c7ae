"""Cases: what is doubted and not settled, what depends on it, and in which order it is told."""

from datetime import datetime

import pytest

from books import book, derive, entry, known
from checkweigh import asking, tables
from checkweigh.derived import DERIVED, findings
from checkweigh.derived.audit import CHECKS
from checkweigh.derived.cases import _open as open_doubts


@pytest.fixture(autouse=True)
def one_check(request, monkeypatch):
    """The audit asks one question only, but of the campaign, where it asks all of them."""
    if "campaign" not in request.fixturenames:
        monkeypatch.setattr(findings, "CHECKS", tuple(one for one in CHECKS if one.code == "claimed-attainment"))


SHIFTS = """
shift  id      worker  started           hours  quantity  claimed_attainment
       plain   ada     2021-01-01 06:00  6      8         -
       false   bo      2021-01-02 06:00  6      9         7.5
       mark    cy      2021-01-03 06:00  6      102       -
       small   di      2021-01-04 06:00  6      7         -
"""


def at(day, made):
    """The same entry, recorded on a day of 2022."""
    return made | {"recorded": f"2022-{day}T12:00:00Z"}


def doubted(*more):
    """The shifts (entries 8 to 11), and further entries, each recorded a day after the other."""
    return book(SHIFTS) + [at(f"01-{day + 1:02}", one) for day, one in enumerate(more)]


def objection(index):
    return entry("objection", entry=index, reason="that was two men's coal")


def verdict(shift, ruling, **fields):
    return entry("verdict", shift=shift, ruling=ruling, reason="as found", **fields)


def cases(held, size=None, **asked):
    with asking.answer([known(held, size)], DERIVED["cases"], asked) as reader:
        return {row["shift"]: row for row in reader.read_all().to_pylist()}


def doubts(held, size=None):
    """The open doubts of each shift: entries of objections, codes of findings; quicker than all of the cases."""
    found: dict[str, list] = {}
    for row in tables.collect(open_doubts(known(held, size)).order_by("doubt")).to_pylist():
        found.setdefault(row["of_shift"], []).append(row["code"] or row["doubt"])
    return found


def test_a_finding_makes_a_case_and_a_verdict_settles_it():
    [(name, case)] = cases(doubted()).items()
    assert (name, case["findings"], case["finding_count"], case["objections"]) == (
        "false",
        ["claimed-attainment"],
        1,
        0,
    )
    assert (case["status"], case["entry"], case["entries"], case["since"]) == ("reported", 9, [9], datetime(2020, 1, 1))
    for ruling in ("verified", "annulled"):
        assert not doubts(doubted(verdict("false", ruling)))
    assert doubts(doubted(verdict("false", "disputed"))) == {"false": ["claimed-attainment", 12]}


def test_an_objection_is_open_until_a_verdict_that_comes_after_it():
    open_ = cases(doubted(objection(10), objection(10), objection(11)))
    assert [(name, case["objections"]) for name, case in open_.items()] == [("mark", 2), ("false", 0), ("small", 1)]
    assert open_["mark"]["entries"] == [12, 13]
    held = doubted(objection(10), verdict("mark", "verified"), objection(10))
    assert "mark" not in doubts(held, 14) and doubts(held)["mark"] == [14]
    assert cases(held)["mark"]["status"] == "verified" and cases(held)["mark"]["since"] == datetime(2022, 1, 3, 12)
    assert doubts(doubted(verdict("mark", "verified"), objection(12)))["mark"] == [13]
    assert doubts(doubted(objection(10), verdict("mark", "annulled"), verdict("mark", "withdrawn")))["mark"] == [12]


def test_an_objection_to_what_a_shift_replaced_is_one_to_the_shift():
    again = entry("shift", id="small", worker="di", job="hewing", site="mine", started="2021-01-04T06:00:00Z", quantity="7.5",
                  replaces=11, note="misread")  # fmt: skip
    assert cases(doubted(objection(11), again))["small"]["objections"] == 1
    assert not cases(doubted(objection(11), objection(11) | {"replaces": 12, "note": "taken back", "void": True})).get(
        "small"
    )


def test_a_dispute_is_a_case_from_its_own_day_on():
    held = doubted(verdict("small", "disputed"), entry("fact", about="mine", field="weather", value="rain"))
    case = cases(held)["small"]
    assert (case["status"], case["since"], case["days_open"]) == ("disputed", datetime(2022, 1, 1, 12), 1)
    assert cases(held, 13)["small"]["days_open"] == 0


def test_facts_that_disagree_about_a_shift_are_a_doubt():
    facts = [
        entry("fact", about="small", field=field, value=value)
        for field, value in (("quantity", "7 t"), ("hours", "6"), ("quantity", "5 t"))
    ]
    assert doubts(doubted(*facts[:2])) == {"false": ["claimed-attainment"]}
    assert doubts(doubted(*facts))["small"] == [14]
    assert "small" not in doubts(doubted(*facts, verdict("small", "verified")))


def test_what_depends_on_a_case_is_counted_and_comes_first():
    rule = entry(
        "rule", id="r", gives="Best hewer", from_="2020-01-01", conditions={"measure": "quantity", "at_least": "100"}
    )
    award = entry("award", worker="cy", name="Medal", for_=["mark"])
    held = doubted(rule, award, objection(10), objection(8), objection(11))
    found = cases(held)
    assert next(iter(found)) == "mark"
    marks = [row for row in derive("records", held) if row["shift"] == "mark"]
    assert found["mark"]["records_ever"] == len(marks) and found["mark"]["honours"] == 2
    assert found["mark"]["records_standing"] == sum(row["beaten_by"] is None for row in marks) > 0
    weights = [(case["records_standing"], case["honours"], case["records_ever"]) for case in found.values()]
    assert weights == sorted(weights, reverse=True)


def test_cases_are_those_of_a_job_or_site_if_asked():
    held = doubted(objection(10))
    assert set(cases(held, job="hewing")) == {"mark", "false"} and not cases(held, site="mill")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    from checkweigh.demo import build
    from checkweigh.ledger import Ledger
    from conftest import EDGE

    with Ledger.open(build(tmp_path_factory.mktemp("demo"), EDGE)[0]) as ledger:
        yield tables.at(ledger)


def test_the_campaign_lists_what_nobody_has_judged(campaign):
    with asking.answer([campaign], DERIVED["cases"], {}) as reader:
        found = {row["shift"]: row for row in reader.read_all().to_pylist()}
    assert {"claim-2010", "claim-2013"} <= set(found) and "august" not in found
    assert all(case["status"] == "reported" for case in found.values())
    assert found["crew-640"]["contradictions"] == 1 and found["crew-640"]["records_standing"] > 0
    assert set(list(found)[:2]) == {"stakhanov-227", "stakhanov-321"}, "the standing single-handed marks"
