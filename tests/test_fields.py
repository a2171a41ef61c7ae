"""Fields as a person writes them, and what is said when they cannot be read."""

from types import SimpleNamespace

import pytest

from checkweigh import fields
from checkweigh.errors import BadEntry

HELD = {
    ("job", "hewing"): SimpleNamespace(unit="t"),
    ("job", "shoes"): SimpleNamespace(unit="pair"),
    ("site", "berlin"): SimpleNamespace(timezone="Europe/Berlin"),
    ("shift", "s-1"): SimpleNamespace(job="hewing"),
}
SHIFT = ["id=s-2", "worker=ada", "job=hewing", "site=berlin"]


def read(kind: str, *arguments: str, fold: fields.Fold | None = None) -> dict[str, object]:
    return fields.read(kind, arguments, lambda kind, name: HELD.get((kind, name)), fold)


def problems(kind: str, *arguments: str) -> dict[str, str]:
    with pytest.raises(BadEntry) as refused:
        read(kind, *arguments)
    return {field: reason for field, _, reason in refused.value.problems}


def shift(*arguments: str, fold: fields.Fold | None = None) -> dict[str, object]:
    given = {a.partition("=")[0] for a in arguments}
    fill = [a for a in ["quantity=1", "started=2025-01-02T06:00"] if a.partition("=")[0] not in given]
    return read("shift", *SHIFT, *fill, *arguments, fold=fold)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("102", "102"), ("102 t", "102"), ("102t", "102"), ("102000kg", "102"), ("1,234.50", "1234.5"), ("0.5 kg", "0.0005"),
        ("1e2", "100"), ("102 tonnes", "102"),
    ],
)  # fmt: skip
def test_quantities_become_the_jobs_unit(written, canonical):
    assert shift(f"quantity={written}")["quantity"] == canonical


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-7", "must not be negative"), ("a lot", "is not a number"), ("102 l", "counted in t: give the quantity in t"),
        ("7 pair", "counted in t"), ("0.0000001 kg", "no exact value in t within 9 places"), ("1,23", "with a point before decimals"),
    ],
)  # fmt: skip
def test_quantities_that_are_refused(written, reason):
    assert reason in problems("shift", *SHIFT, "started=2025-01-02T06:00", f"quantity={written}")["quantity"]


def test_a_verdicts_quantity_is_in_the_unit_of_its_shifts_job():
    found = read("verdict", "shift=s-1", "ruling=adjusted", "reason=scale", "quantity=98000 kg")
    assert found["quantity"] == "98"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("5.75", "5.75"), ("5.750 h", "5.75"), ("5:45", "5.75"), ("5 h 45 min", "5.75"), ("5h45", "5.75")],
)
def test_hours(written, canonical):
    assert shift(f"hours={written}")["hours"] == canonical


def test_hours_that_have_no_exact_decimal_are_refused():
    assert (
        "give it as a decimal"
        in problems("shift", *SHIFT, "quantity=1", "started=2025-01-02T06:00", "hours=5:20")["hours"]
    )


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2025-01-02T06:00", "2025-01-02T05:00:00Z"), ("2025-07-02 06:00:30.50", "2025-07-02T04:00:30.5Z"),
        ("2025-01-02T06:00Z", "2025-01-02T06:00:00Z"), ("2025-01-02T06:00+03:00", "2025-01-02T03:00:00Z"),
        ("2025-01-02", "2025-01-01T23:00:00Z"),
    ],
)  # fmt: skip
def test_times_are_the_sites_own_unless_they_say_otherwise(written, moment):
    assert shift(f"started={written}")["started"] == moment


@pytest.mark.parametrize(
    ("written", "precision", "moment"),
    [("1935-09", "month", "1935-08-31T23:00:00Z"), ("1935", "year", "1934-12-31T23:00:00Z")],
)
def test_half_known_dates_need_their_precision(written, precision, moment):
    assert shift(f"started={written}", f"precision={precision}")["started"] == moment
    assert set(problems("shift", *SHIFT, "quantity=1", f"started={written}")) == {"started"}


@pytest.mark.parametrize(
    ("local", "fault", "earlier", "later"),
    [
        ("2025-03-30T02:30", "does not exist", "2025-03-30T00:30:00Z", "2025-03-30T01:30:00Z"),
        ("2025-10-26T02:30", "exists twice", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"),
    ],
)
def test_a_clock_change_is_never_guessed(local, fault, earlier, later):
    reason = problems("shift", *SHIFT, "quantity=1", f"started={local}")["started"]
    assert fault in reason and "--fold" in reason
    assert shift(f"started={local}", fold="earlier")["started"] == earlier
    assert shift(f"started={local}", fold="later")["started"] == later


@pytest.mark.parametrize(
    "written", ["2025-02-30T06:00", "2025-01-02T25:00", "yesterday", "02.01.2025", "2025-01-02T06:00+99:00"]
)
def test_times_that_are_refused(written):
    assert set(problems("shift", *SHIFT, "quantity=1", f"started={written}")) == {"started"}


def test_helpers():
    bo = {"worker": "bo", "role": "timberer", "hours": "5.75"}
    assert shift("helpers=bo:timberer:5.75,cy::5:45")["helpers"] == [bo, {"worker": "cy", "hours": "5.75"}]
    assert shift('helpers=[{"worker":"bo","role":"timberer","hours":5.75}]')["helpers"] == [bo]
    assert shift("helpers=none")["helpers"] == []
    assert (
        "worker:role:hours"
        in problems("shift", *SHIFT, "quantity=1", "started=2025-01-02T06:00", "helpers=bo")["helpers"]
    )


def test_lists_and_conditions():
    assert read("crew", "id=c", "name=C", "members=ada, bo", "from=2025-01-01")["members"] == ["ada", "bo"]
    rule = ["id=r", "gives=title", "from=2025-01-01"]
    wanted = {"measure": "attainment", "at_least": "1.25", "verified_only": True}
    dotted = ["conditions.measure=attainment", "conditions.at_least=125 %", "conditions.verified_only=yes"]
    assert read("rule", *rule, *dotted)["conditions"] == wanted
    assert (
        read("rule", *rule, 'conditions={"measure":"attainment","at_least":1.25,"verified_only":true}')["conditions"]
        == wanted
    )
    assert "did you mean at_least?" in problems("rule", *rule, "conditions.atleast=2")["conditions"]


def test_claims_may_be_per_cent():
    assert shift("claimed_attainment=2,023 %")["claimed_attainment"] == "20.23"


def test_every_problem_is_told_at_once():
    found = problems("shift", "wroker=ada", "job=mining", "quantity=-1", "hours=long", "started", "by=me")
    assert set(found) == {"wroker", "job", "hours", "started", "by", "id", "site"}
    assert "did you mean worker?" in found["wroker"]
    assert "add it first: checkweigh add LEDGER job id=mining" in found["job"]
    assert "did you mean shift?" in problems("shfit")["kind"]


def test_a_field_is_given_once():
    assert problems("site", "id=a", "id=b", "name=A", "industry=coal", "timezone=UTC")["id"] == "is given twice"
