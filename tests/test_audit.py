"""The audit: the frame in which checks stand, and the named cases of each check that counts."""

import json
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from books import START, book, derive, entry, known
from checkweigh import cli, tables
from checkweigh.derived import findings
from checkweigh.derived.audit import CHECKS, FOUND, Check, given
from checkweigh.errors import Refused
from conftest import EDGE, JOB, shift


def starting(kind, **fields):
    """The usual beginning of a book, with these fields in its entries of a kind."""
    return [entry(**item | fields) if item["kind"] == kind else item for item in START]


CAPACITY = starting("job", capacity="2.5")


def found(check, told, size=None, **options):
    """The findings of one check, evidence as dicts."""
    rows = derive("findings", told, size, check=check, **options)
    return [row | {"evidence": dict(row["evidence"])} for row in rows]


def shifts_of(rows):
    return [row["shift"] for row in rows]


# ---- the frame


def test_every_check_says_what_it_is_and_an_empty_ledger_has_no_finding():
    shown = known(START)
    assert len({check.code for check in CHECKS}) == len(CHECKS)
    assert all(check.help and check.help[0].islower() and not check.help.endswith(".") for check in CHECKS)
    assert derive("findings", shown) == []
    assert set(findings.lacking(shown)) == {check.code for check in CHECKS} - {"repeated-identity"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_a_check_gives_findings_in_their_shape(check):
    told = book("shift  id  worker  started           hours  quantity\n       a   ada     2024-01-02 06:00  8      7")
    rows = check.find(known(told))
    assert list(rows.schema()) == list(FOUND)
    assert tables.collect(rows).num_rows == 0


def test_findings_of_a_family_are_controlled_together(monkeypatch):
    """Benjamini-Hochberg with m = all tests made, though those above the highest level are left out; the others are not touched."""
    draw = np.random.default_rng(7)
    chances = np.concatenate([draw.uniform(0, 0.004, 12), [0.01, 0.01], draw.uniform(0, 1, 186)])
    wanted = false_discovery_control(chances)
    rows = [
        {"entry": n, "entries": [n], "p_value": float(p), "tests": len(chances), "evidence": {}, "message": str(n)}
        for n, p in enumerate(chances)
        if p <= 0.2
    ]
    many = Check("many", "many tests", lambda tables: given(tables, rows), True, lambda tables: None)
    sure = Check(
        "sure", "none", lambda tables: given(tables, [{"entry": 5, "message": "x"}]), False, lambda tables: None
    )
    monkeypatch.setattr(findings, "CHECKS", (many, sure))
    for level in (0.01, 0.05, 0.2):
        shown = derive("findings", known(START), level=level)
        q_values = {row["entry"]: row["q_value"] for row in shown if row["code"] == "many"}
        assert q_values == pytest.approx({n: q for n, q in enumerate(wanted) if q <= level})
        assert [(row["entry"], row["q_value"]) for row in shown if row["code"] == "sure"] == [(5, None)]
    with pytest.raises(Refused, match="level"):
        derive("findings", known(START), level=0.3)


def test_a_check_searches_once_however_it_is_asked_and_again_where_a_verdict_makes_a_difference(monkeypatch):
    searched = []

    def search(tables):
        searched.append(tables)
        return given(tables, [{"entry": 5, "entries": [5], "evidence": {}, "message": "x"}])

    monkeypatch.setattr(findings, "CHECKS", (Check("one", "one", search, False, lambda tables: None),))
    shown = known(START)
    for asked in ({}, {"job": "hewing"}, {"site": "mine"}, {"level": 0.2}, {"check": "one"}):
        derive("findings", shown, **asked)
    derive("cases", shown)
    assert len(searched) == 1
    derive("findings", shown.as_reported())
    assert len(searched) == 2 and searched[1] is not shown


def test_findings_can_be_asked_for_by_check_job_and_site():
    shown = known(book("""
        shift  id  worker  started           hours  quantity  claimed_attainment
               a   ada     2024-01-02 06:00  8      21        2
               b   bo      2024-01-02 06:00  8      14        2
    """, start=CAPACITY))  # fmt: skip
    assert [row["code"] for row in derive("findings", shown)] == ["over-capacity", "claimed-attainment"]
    assert [row["code"] for row in derive("findings", shown, check="over-capacity")] == ["over-capacity"]
    assert len(derive("findings", shown, job="hewing", site="mine")) == 2
    assert derive("findings", shown, site="mill") == []


# ---- over-capacity


def test_over_capacity_compares_exactly_and_shares_among_all_labour_hours():
    told = book("""
        shift  id  worker  started           hours  quantity      helpers
               a   ada     2024-01-02 06:00  6      15            -
               b   bo      2024-01-02 06:00  6      15.000000001  -
               c   cy      2024-01-02 06:00  6      102           -
               d   di      2024-01-02 06:00  6      30            ada:6
               e   di      2024-01-02 12:00  -      500           -

        verdict  shift  ruling     reason   quantity
                 c      annulled   mistake  -
    """, start=CAPACITY)  # fmt: skip
    assert shifts_of(found("over-capacity", told, len(told) - 1)) == ["c", "b"]
    (row,) = found("over-capacity", told)
    assert (row["shift"], row["entry"], row["entries"]) == ("b", len(told) - 5, [len(told) - 5])
    assert row["evidence"] == {
        "quantity": "15.000000001", "unit": "tonne", "labour_hours": "6", "capacity": "2.5", "most": "15",
    }  # fmt: skip
    assert "bo is credited with 15.000000001 tonne (Hewing coal) for 6 labour hours" in row["message"]


def test_over_capacity_withstands_figures_at_their_bounds():
    huge = starting("job", capacity="999999999.999999999")
    told = book("""
        shift  id  crew  headcount   started           ended             hours          quantity
               a   six   999999.999  2000-01-01 06:00  2023-12-01 06:00  209000.5       999999999.999999999
    """, start=huge)  # fmt: skip
    assert found("over-capacity", told) == []


def test_every_check_withstands_the_largest_and_the_smallest_figures():
    scrap = entry("job", id="scrap", name="Scrap", industry="coal", unit="kg", better="lower")
    jobs = [*starting("job", capacity="999999999.999999999"), scrap]
    told = book("""
        quota  id     job      quantity     per     from
               least  scrap    0.000000001  worker  1900-01-02

        shift  id  worker  crew  headcount   job      started           ended             hours     quantity             claimed_attainment
               a   -       six   999999.999  hewing   2000-01-01 06:00  2023-12-01 06:00  209000.5  999999999.999999999  999999999999.999999
               b   ada     -     -           hewing   2000-01-01 06:00  -                 0.000001  999999999.999999999  0.000001
               c   ada     -     -           hewing   2000-01-01 06:00  -                 24        999999999.999999999  0
               d   ada     -     -           scrap    2000-01-01 06:00  -                 24        999999999.999999999  999999999999.999999
               e   ada     -     -           scrap    2000-01-01 06:00  -                 24        0.000000001          0.000001
    """, start=jobs)  # fmt: skip
    told += [
        entry("count", id=f"k{n}", site="mine", job="hewing", from_="0001-01-01T00:00:00Z", until="9999-12-31T00:00:00Z", quantity=quantity,
              instrument="The scale", tolerance=tolerance)
        for n, (quantity, tolerance) in enumerate([("999999999.999999999", None), ("0", None), ("0", "0.000000001"), ("5", "999999999")])
    ]  # fmt: skip
    codes = [row["code"] for row in derive("findings", told)]
    assert (
        codes.count("over-capacity") == 1
        and codes.count("count-mismatch") == 4
        and codes.count("claimed-attainment") == 4
    )


# ---- claimed attainment


def test_a_claim_may_be_rounded_in_any_way_but_not_more_than_that():
    told = book("""
        shift  id  worker  started           hours  quantity  claimed_attainment
               a   ada     1935-08-31 02:00  5.75   102       14
               b   bo      1935-08-31 02:00  6      102       15
               c   cy      1935-08-31 02:00  6      102       16
               d   di      1935-08-31 02:00  6      102       14.58
               e   ada     1935-09-01 02:00  6      102       14.6
               f   bo      1935-09-01 02:00  6      102       15.29
    """)  # fmt: skip
    rows = found("claimed-attainment", told)
    assert sorted(shifts_of(rows)) == ["c", "f"]
    f = next(row for row in rows if row["shift"] == "f")
    assert f["evidence"]["implied"] == "6.671026" and f["evidence"]["quota"] == "norm"
    assert f["score"] == pytest.approx((15.29 - 14.571428) / 0.01)


def test_170_t_at_2023_percent_implies_a_quota_of_8_40():
    other = [
        *starting("quota", site="mine"),
        entry("site", id="mill", name="The mill", industry="coal", timezone="Europe/Moscow"),
    ]
    told = book("""
        shift  id  worker  site  started           precision  quantity  claimed_attainment
               a   ada     mill  2010-01-01 00:00  year       170       20.23
    """, start=other)  # fmt: skip
    (row,) = found("claimed-attainment", told)
    assert Decimal(row["evidence"]["implied"]) == Decimal("8.403361")
    assert row["shift"] == "a" and "no quota" in row["message"]


def test_many_claims_without_a_quota_are_one_finding():
    other = starting("quota", until="2000-01-01")
    rows = "\n".join(f"x{n}  ada  2010-01-{n:02d} 06:00  8  {n}  1.5" for n in range(1, 28))
    told = book(f"shift  id  worker  started  hours  quantity  claimed_attainment\n{rows}", start=other)
    (row,) = found("claimed-attainment", told)
    assert (row["about"], row["shift"], len(row["entries"])) == ("mine", None, 20)
    assert row["evidence"] == {"claims": "27", "least_implied": "0.666666", "most_implied": "18", "unit": "tonne"}


def test_the_habit_of_who_enters_tells_the_last_place():
    """Half of a percent is below the last place of whole percents; of who always writes whole percents, 1.1 means 1.10."""
    rows = [
        f"x{n}  ada  2010-01-{n % 28 + 1:02d} {n % 24:02d}:00  1  {round(n * 0.07, 2):g}  {n / 100}"
        for n in range(101, 131)
    ]
    wrong = "y  bo  2010-01-01 06:00  1  7.35  1.1"
    table = "shift  id  worker  started  hours  quantity  claimed_attainment\n"
    assert shifts_of(found("claimed-attainment", book(table + "\n".join([*rows, wrong])))) == ["y"]
    assert found("claimed-attainment", book(table + wrong)) == []


def test_evidence_is_an_object_in_json(tmp_path):
    from io import BytesIO

    from checkweigh import render
    from checkweigh.asking import answer
    from checkweigh.derived import DERIVED

    shown = known(book("""
        shift  id  worker  started           hours  quantity
               a   ada     2024-01-02 06:00  8      21
    """, start=CAPACITY))  # fmt: skip
    into = BytesIO()
    with answer([shown], DERIVED["findings"], {}) as reader:
        render.write(reader, into, "json")
    (row,) = json.loads(into.getvalue())
    assert row["evidence"]["capacity"] == "2.5" and row["score"] == 1.05 and row["entries"] == [len(START)]


def test_the_command_tells_findings_then_what_is_clean_and_what_had_nothing_to_look_at(ledger, tmp_path, capsysbinary):
    with ledger.append(EDGE) as batch:
        batch.add("job", {**JOB, "capacity": "2.5", "replaces": 1, "note": "measured"})
        for name, quantity in (("a", "21"), ("b", "14"), ("c", "22")):
            batch.add(
                "shift", shift(name, quantity=quantity, hours="8", started=f"2025-09-0{ord(name) - 96}T06:00:00Z")
            )
    ledger.close()
    for options in (["--limit", "1"], ["--check", "overlap"], ["--check", "over-capacity", "--format", "csv"]):
        with pytest.raises(SystemExit) as left:
            cli.main(["audit", str(tmp_path / "ledger"), *options])
        assert not left.value.code
    _, whole, rest = capsysbinary.readouterr().out.decode().split("Audit of ")
    whole = " ".join(whole.split())  # as if the terminal were wide enough
    assert "over-capacity: more in a labour hour than the equipment can do 2 findings" in whole
    assert "22 tonne" in whole and "21 tonne" not in whole and "and 1 more (--limit 0 tells all" in whole
    assert "Looked at and found nothing: " in whole and "overlap (one person in two places" in whole
    assert "count-mismatch: the ledger holds no independent count" in whole and "not a judgement" in whole
    assert "Looked at and found nothing: overlap" in rest and "not a judgement" not in rest
    assert [line.split(",")[2] for line in rest.splitlines() if line.startswith("over-capacity")] == ["c", "a"]
