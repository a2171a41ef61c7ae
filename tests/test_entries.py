"""What one entry must satisfy on its own, kind by kind."""

import pytest

from checkweigh import entries
from checkweigh.errors import BadEntry

RECORDED = {"recorded": "2026-01-01T00:00:00Z", "by": "login:anna"}
SALT = "AAAAAAAAAAAAAAAA"
SHIFT = {
    "id": "s",
    "job": "j",
    "site": "p",
    "started": "2025-01-01T06:00:00Z",
    "quantity": "1",
    "salt": SALT,
    "worker": "w",
}
CREW = {**{k: v for k, v in SHIFT.items() if k != "worker"}, "crew": "c"}
VERDICT = {"shift": "s", "ruling": "adjusted", "reason": "seen", "salt": SALT, "quantity": "2"}
QUOTA = {"id": "q", "job": "j", "quantity": "7", "per": "worker", "from": "2025-01-01"}
RULE = {"id": "r", "gives": "Hero", "conditions": {"measure": "attainment", "at_least": "1"}, "from": "2025-01-01"}


def build(kind, fields, **changed):
    return entries.build(kind, {**RECORDED, **fields, **changed})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("shift", SHIFT), ("shift", CREW), ("shift", {**SHIFT, "hours": "24"}), ("shift", {**SHIFT, "helpers": []}),
        ("shift", {**SHIFT, "ended": "2025-02-01T06:00:00Z", "hours": "744"}), ("shift", {**SHIFT, "hours": "5", "labour_hours": "5"}),
        ("shift", {**CREW, "headcount": "30.5", "labour_hours": "9"}), ("verdict", VERDICT), ("quota", QUOTA), ("rule", RULE),
        ("verdict", {"shift": "s", "ruling": "annulled", "reason": "staged", "salt": SALT}),
        ("crew", {"id": "c", "name": "C", "from": "2025-01-01", "members": ["a", "b"]}),
        ("rule", {**RULE, "conditions": {"measure": "quantity", "record": True, "job": "hew", "scope": "all", "holder": "single"}}),
    ],
)  # fmt: skip
def test_is_an_entry(kind, fields):
    assert entries.kind_of(build(kind, fields)) == kind


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("shift", {**SHIFT, "crew": "c"}, "worker"), ("shift", {**SHIFT, "hours": "24.000001"}, "hours"),
        ("shift", {**SHIFT, "hours": "0"}, "hours"), ("shift", {**SHIFT, "ended": "2025-01-01T06:00:00Z"}, "ended"),
        ("shift", {**SHIFT, "ended": "2025-01-01T14:00:00Z", "hours": "8.1"}, "hours"),
        ("shift", {**SHIFT, "started": "2025-02-30T06:00:00Z"}, "started"), ("shift", {**SHIFT, "headcount": "2"}, "headcount"),
        ("shift", {**SHIFT, "helpers": [{"worker": "w", "hours": "1"}]}, "helpers"),
        ("shift", {**SHIFT, "helpers": [{"worker": "b", "hours": "0"}]}, "helpers"),
        ("shift", {**SHIFT, "helpers": [], "labour_hours": "9"}, "labour_hours"),
        ("shift", {**SHIFT, "hours": "8", "labour_hours": "7"}, "labour_hours"),
        ("shift", {**CREW, "hours": "8", "headcount": "3", "labour_hours": "23"}, "labour_hours"),
        ("shift", {**SHIFT, "void": True}, "void"), ("shift", {**SHIFT, "replaces": 3}, "note"),
        ("verdict", {**VERDICT, "ruling": "annulled"}, "quantity"), ("verdict", {**VERDICT, "ruling": "maybe"}, "ruling"),
        ("verdict", {"shift": "s", "ruling": "adjusted", "reason": "x", "salt": SALT}, "ruling"),
        ("quota", {**QUOTA, "quantity": "0"}, "quantity"), ("quota", {**QUOTA, "until": "2025-01-01"}, "until"),
        ("quota", {**QUOTA, "per": "crew", "worker": "w"}, "per"), ("quota", {**QUOTA, "worker": "w", "crew": "c"}, "worker"),
        ("crew", {"id": "c", "name": "C", "from": "2025-01-01"}, "headcount"),
        ("crew", {"id": "c", "name": "C", "from": "2025-01-01", "members": ["a", "a"]}, "members"),
        ("site", {"id": "s", "name": "S", "industry": "coal", "timezone": "Europe/Nowhere"}, "timezone"),
        ("rule", {**RULE, "conditions": {"at_least": "1"}}, "conditions"), ("rule", {**RULE, "conditions": {"bravery": "1"}}, "conditions"),
        ("award", {"worker": "w", "salt": SALT}, "name"), ("training", {"trainee": "w", "salt": SALT}, "course"),
        ("incident", {"site": "s", "on": "2025-01-01", "severity": "minor", "days_lost": -1, "salt": SALT}, "days_lost"),
        ("tale", {}, "kind"),
    ],
)  # fmt: skip
def test_is_refused_naming_the_field(kind, fields, field):
    with pytest.raises(BadEntry) as refused:
        build(kind, fields)
    assert field in {name for name, _, _ in refused.value.problems}


def test_identity_and_references():
    shift = build("shift", SHIFT, helpers=[{"worker": "b", "hours": "5.75"}], quota="q", cites=["M"])
    assert entries.identity(shift) == ("shift", "s")
    assert {(r.kind, r.id) for r in entries.references(shift)} == {
        ("worker", "w"), ("worker", "b"), ("job", "j"), ("site", "p"), ("quota", "q"), ("source", "M"),
    }  # fmt: skip
    assert entries.identity(build("worker", {"id": "w", "site": "p", "from": "2025-01-01"})) == (
        "worker",
        "w",
        "2025-01-01",
    )
    assert entries.identity(build("verdict", VERDICT)) is None


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1,234.50", "1234.5"),
        ("5.750", "5.75"),
        ("+3", "3"),
        ("1e3", "1000"),
        (" 007 ", "7"),
        (".5", "0.5"),
        ("0.000", "0"),
    ],
)
def test_numbers_as_people_write_them_have_one_canonical_string(written, canonical):
    assert entries.decimal_text(entries.decimal_of(written)) == canonical


@pytest.mark.parametrize("written", ["", "-", "1,23", "1.2.3", "12 t", "NaN", "inf", "0x10", "1e999", "１２"])
def test_what_is_no_number_is_none(written):
    assert entries.decimal_of(written) is None


@pytest.mark.parametrize("field", ["id", "quantity", "started", "salt"])
def test_a_final_line_feed_is_not_overlooked(field):
    with pytest.raises(BadEntry) as refused:
        build("shift", SHIFT, **{field: SHIFT[field] + "\n"})
    assert {name for name, _, _ in refused.value.problems} == {field}
