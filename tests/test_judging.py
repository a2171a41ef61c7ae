"""Judging: who may, what is refused, and that every verdict stays to be seen while the last one counts."""

import json
from datetime import timedelta

import pytest

from checkweigh import judging
from checkweigh.cli import edge, main
from checkweigh.ledger import Edge, Ledger
from conftest import EDGE, shift


@pytest.fixture
def run(monkeypatch, capsysbinary):
    """Run a command as somebody: `run("boris", "judge", ...)`."""
    monkeypatch.setenv("COLUMNS", "200")

    def go(who, *arguments, code=0):
        monkeypatch.setattr(edge, "login", lambda: f"login:{who}")
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        out, err = (text.decode() for text in capsysbinary.readouterr())
        assert (exit.value.code or 0) == code, out + err
        return out + err

    return go


@pytest.fixture
def path(ledger):
    """The path of a ledger in which anna entered s-1 and s-2."""
    with ledger.append(EDGE) as batch:
        batch.add("shift", shift("s-1"))
        batch.add("shift", shift("s-2", quantity="9"))
    return ledger.address


def rulings(path, name="s-1"):
    with Ledger.open(path) as ledger:
        return [(one.verdict.ruling, one.standing, one.counts, one.own) for one in judging.verdicts(ledger, name)]


def status(run, path):
    rows = json.loads(run("anna", "show", "attainment", path, "--format", "json"))
    return {row["id"]: row["status"] for row in rows}


def test_whoever_entered_a_shift_does_not_judge_it_unless_they_say_so(run, path):
    said = run("anna", "judge", path, "s-1", "verified", "--reason", "seen", code=2)
    assert "login:anna entered shift s-1" in said and "--own" in said
    assert "--own" in run("anna", "add", path, "verdict", "shift=s-1", "ruling=verified", "reason=seen", code=2)
    assert rulings(path) == []
    assert judging_mark not in run("boris", "judge", path, "s-1", "verified", "--reason", "weighed again")
    assert judging_mark in run("anna", "judge", path, "s-1", "annulled", "--reason", "a slip", "--own")
    assert rulings(path) == [("verified", True, False, False), ("annulled", True, True, True)]
    listed = run("boris", "log", path, "--kind", "verdict")
    assert listed.count("judged by who") == 1


judging_mark = "judged by who entered the shift"


def test_a_correction_makes_whoever_entered_it_a_judge_of_their_own_too(run, path):
    with Ledger.open(path, write=True) as ledger, ledger.append(Edge("login:boris", EDGE.now)) as batch:
        batch.add("shift", shift("s-1", quantity="8", replaces=4, note="misread"))
    assert "login:boris entered" in run("boris", "judge", path, "s-1", "verified", "--reason", "seen", code=2)
    assert "login:anna entered" in run("anna", "judge", path, "s-1", "verified", "--reason", "seen", code=2)


def test_a_demonstration_is_not_troubled(tmp_path, run):
    from conftest import founded

    with founded(tmp_path / "show", demonstration=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("s-1"))
    run("anna", "judge", tmp_path / "show", "s-1", "verified", "--reason", "seen")


def test_the_last_verdict_counts_and_all_are_told(run, path):
    run("boris", "judge", path, "s-1", "disputed", "--reason", "two tallies")
    said = run("vera", "judge", path, "s-1", "annulled", "--reason", "coal of two crews")
    assert "two tallies" in said and "coal of two crews  counts" in said and said.count("counts") == 2
    assert status(run, path) == {"s-1": "annulled", "s-2": "reported"}
    run("vera", "judge", path, "s-1", "withdrawn", "--reason", "the other book was wrong")
    assert status(run, path)["s-1"] == "reported"
    assert [ruling for ruling, *_ in rulings(path)] == ["disputed", "annulled", "withdrawn"]


def test_nothing_is_withdrawn_that_does_not_stand(run, path):
    assert "is reported, and no verdict" in run("vera", "judge", path, "s-1", "withdrawn", "--reason", "x", code=2)
    run("vera", "judge", path, "s-1", "verified", "--reason", "seen")
    run("vera", "judge", path, "s-1", "withdrawn", "--reason", "another shift was meant")
    said = run("vera", "judge", path, "s-1", "withdrawn", "--reason", "x", code=2)
    assert "entry 7 has withdrawn the verdict already" in said
    assert "is reported" in run("vera", "add", path, "verdict", "shift=s-1", "ruling=withdrawn", "reason=x", code=2)


def test_a_replaced_verdict_keeps_its_place(run, path):
    run("boris", "judge", path, "s-1", "disputed", "--reason", "two tallies")
    run("vera", "judge", path, "s-1", "verified", "--reason", "weighed again")
    fields = ("shift=s-1", "ruling=annulled", "reason=two tallies", "replaces=6", "note=the wrong word")
    run("boris", "add", path, "verdict", *fields)
    assert rulings(path) == [
        ("disputed", False, False, False),
        ("annulled", True, False, False),
        ("verified", True, True, False),
    ]
    assert status(run, path)["s-1"] == "verified"


def test_a_shift_is_named_by_its_index_and_several_are_judged_together(run, path):
    run("vera", "judge", path, "4", "disputed", "--reason", "seen from afar")
    assert [one[0] for one in rulings(path)] == ["disputed"]
    run("vera", "judge", path, "s-1, 5", "verified", "--reason", "both weighed again")
    assert status(run, path) == {"s-1": "verified", "s-2": "verified"}
    assert "entry 2 is no shift" in run("vera", "judge", path, "2", "verified", "--reason", "x", code=2)
    before = rulings(path)
    assert "no shift 's-9'" in run("vera", "judge", path, "s-1,s-9", "annulled", "--reason", "x", code=2)
    assert "no shift '999'" in run("vera", "judge", path, "999", "annulled", "--reason", "x", code=2)
    assert rulings(path) == before


def test_several_are_judged_all_or_not_at_all(run, path):
    with Ledger.open(path, write=True) as ledger, ledger.append(Edge("login:vera", EDGE.now + timedelta(1))) as batch:
        batch.add("shift", shift("s-3"))
    assert "login:vera entered shift s-3" in run("vera", "judge", path, "s-1,s-3", "verified", "--reason", "x", code=2)
    assert rulings(path) == rulings(path, "s-3") == []
