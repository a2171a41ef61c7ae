"""A batch: what does not fit what the ledger holds is refused, alone or as a row of a table, and leaves no trace."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from checkweigh import codec, errors
from checkweigh.verify import verify
from conftest import EDGE, JOB, added, founded, refused, shift, shifts

# What must fit


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"job": "fly"}, errors.UnknownReference, "job 'fly' is not a job"),
        ({"worker": "zed"}, errors.UnknownReference, "worker 'zed' is not a worker"),
        ({"cites": ["press"]}, errors.UnknownReference, "cites 'press' is not a source"),
        ({"helpers": [{"worker": "zed", "hours": "1"}]}, errors.UnknownReference, "helpers 'zed'"),
        ({"quota": "q"}, errors.UnknownReference, "quota 'q'"),
        ({"started": "2026-01-01T00:00:01Z"}, errors.BadEntry, "lies in the future"),
        ({"started": "2024-12-31T20:59:59Z"}, errors.BadEntry, "known only from 2025-01-01"),
        ({"quantity": "-1"}, errors.BadEntry, "quantity '-1'"),
        ({"colour": "red"}, errors.BadEntry, "colour: is not a field"),
        ({"replaces": 0, "note": "n"}, errors.BadEntry, "no entry of this identity"),
    ],
)
def test_a_shift_that_does_not_fit_is_refused(ledger, fields, error, match):
    refused(ledger, "shift", shift("s", **fields), error, match)


def test_a_party_is_known_from_its_day_on_in_the_sites_time_zone(ledger):
    # Moscow is three hours ahead: the first day of bo, 31 August, begins at 21:00 UTC on the 30th.
    refused(ledger, "shift", shift("s", worker="bo", started="2025-08-30T20:59:59Z"), errors.BadEntry, "2025-08-31")
    added(ledger, "shift", **shift("s", worker="bo", started="2025-08-30T21:00:00Z"))
    added(ledger, "worker", **{"id": "bo", "site": "north", "from": "2025-08-01"})
    added(ledger, "shift", **shift("t", worker="bo", started="2025-08-30T20:59:59Z"))


def test_a_repeated_identity_is_refused_and_a_replacement_needs_the_standing_entry(ledger):
    first = added(ledger, "shift", **shift("s"))
    refused(ledger, "shift", shift("s"), errors.AlreadyRecorded, f"already entry {first}.*replaces={first}")
    refused(
        ledger, "shift", shift("s", replaces=0, note="n"), errors.BadEntry, f"now standing for this identity is {first}"
    )
    refused(ledger, "shift", shift("s", replaces=first), errors.BadEntry, "says why")
    second = added(ledger, "shift", **shift("s", replaces=first, note="miscounted"))
    refused(ledger, "shift", shift("s", replaces=first, note="n"), errors.BadEntry, f"identity is {second}")
    third = added(ledger, "shift", **shift("s", replaces=second, note="miscounted again"))
    assert ledger.find("shift", "s") == [first, second, third]
    with ledger.append(EDGE) as batch:
        assert batch.standing("shift", pa.array(["x", "s", "s"])).to_pylist() == [None, third, third]
    assert verify(ledger.address).findings == ()


def test_versions_of_a_worker_stand_side_by_side(ledger):
    later = added(ledger, "worker", **{"id": "ada", "site": "north", "from": "2025-10-01"})
    assert ledger.find("worker", "ada") == [2, later]
    again = {"id": "ada", "site": "north", "from": "2025-10-01"}
    refused(ledger, "worker", again, errors.AlreadyRecorded, "ada from 2025-10-01 is already entry")
    corrected = added(ledger, "worker", **again, replaces=later, note="name", name="Ada")
    with ledger.append(EDGE) as batch:
        assert batch.standing("worker", pa.array(["bo", "ada"])).to_pylist() == [3, corrected]


def test_what_is_void_does_not_exist_and_its_identity_can_be_given_again(ledger):
    void = added(ledger, "job", **JOB, replaces=1, note="never was", void=True)
    refused(ledger, "shift", shift("s"), errors.UnknownReference, "job 'hew'")
    refused(ledger, "job", JOB, errors.AlreadyRecorded, f"entry {void}")
    added(ledger, "job", **JOB, replaces=void, note="is after all")
    added(ledger, "shift", **shift("s"))


def test_a_judged_shift_is_judged_again_not_replaced(ledger):
    index = added(ledger, "shift", **shift("s"))
    verdict = added(ledger, "verdict", shift="s", ruling="annulled", reason="two tallies")
    correction = shift("s", replaces=index, note="n")
    refused(ledger, "shift", correction, errors.BadEntry, f"under verdict .entry {verdict}.")
    with pytest.raises(errors.BadRows, match="under verdict"), ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts(["s"], replaces=[index], note=["n"]))
    added(ledger, "verdict", shift="s", ruling="withdrawn", reason="mistaken")
    added(ledger, "shift", **correction)


def test_a_void_verdict_does_not_count(ledger):
    index = added(ledger, "shift", **shift("s"))
    verdict = added(ledger, "verdict", shift="s", ruling="annulled", reason="two tallies")
    added(ledger, "verdict", shift="s", ruling="annulled", reason="x", replaces=verdict, note="wrong shift", void=True)
    added(ledger, "shift", **shift("s", replaces=index, note="n"))


def test_entries_without_an_id_are_replaced_by_index(ledger):
    fact = {"about": "ada", "field": "born", "value": "1906"}
    first = added(ledger, "fact", **fact)
    assert added(ledger, "fact", **fact) == first + 1
    refused(ledger, "fact", {**fact, "replaces": 0, "note": "n"}, errors.BadEntry, "not the index of a fact")
    refused(ledger, "fact", {**fact, "replaces": 99, "note": "n"}, errors.BadEntry, "not the index of a fact")
    second = added(ledger, "fact", **fact, replaces=first, note="n")
    refused(
        ledger,
        "fact",
        {**fact, "replaces": first, "note": "n"},
        errors.BadEntry,
        f"replaced already, by entry {second}",
    )


def test_objections_and_verdicts_need_their_target(ledger):
    refused(
        ledger, "verdict", {"shift": "s", "ruling": "verified", "reason": "r"}, errors.UnknownReference, "shift 's'"
    )
    refused(ledger, "objection", {"entry": 4, "reason": "r"}, errors.UnknownReference, "entry 4 is not in the ledger")
    added(ledger, "objection", entry=3, reason="r")


# Tables

ZED = {"worker": "zed", "hours": Decimal(1)}


def test_a_table_holds_what_single_entries_hold(ledger, tmp_path):
    names = [f"s{number}" for number in range(600)]
    with ledger.append(replace(EDGE, random=bytes)) as batch:
        batch.add_table("shift", shifts(names))
    with founded(tmp_path / "other") as other:
        with other.append(replace(EDGE, random=bytes)) as batch:
            for name in names:
                batch.add("shift", shift(name))
        assert other.root() == ledger.root()


@pytest.mark.parametrize(
    ("columns", "field", "match"),
    [
        ({"job": ["hew", "fly", None]}, "job", "not a job|missing"),
        ({"worker": ["ada", "ada", "zed"]}, "worker", "not a worker"),
        ({"started": pa.array([datetime(2025, 9, 1), datetime(2026, 9, 1), datetime(2025, 9, 1)])}, "started", "future"),
        ({"started": pa.array([datetime(2025, 9, 1), datetime(2024, 9, 1), datetime(2025, 9, 1)])}, "worker", "known only"),
        ({"id": ["a", "b", "a"]}, "id", "id of row 0 already"),
        ({"id": ["a", "old", "c"]}, "id", "already entry 4.*replaces=4"),
        ({"replaces": [None, 3, None], "note": [None, "n", None]}, "replaces", "no entry of this identity"),
        ({"hours": pa.array(["8", "26", "8"]).cast(pa.decimal128(12, 6))}, "hours", "at most 24"),
        ({"quota": [None, "q", None]}, "quota", "not a quota"),
        ({"cites": pa.array([None, ["press"], None], pa.list_(pa.string()))}, "cites", "not a source"),
        ({"helpers": pa.array([None, [ZED], None], pa.list_(codec.HELPER))}, "helpers", "zed.*not a worker"),
    ],
)  # fmt: skip
def test_a_table_with_rows_that_do_not_fit_is_refused_whole(ledger, columns, field, match):
    added(ledger, "shift", **shift("old"))
    before = ledger.checkpoint()
    table = shifts(["x", "y", "z"])
    for name, values in columns.items():
        at = table.column_names.index(name) if name in table.column_names else None
        table = table.append_column(name, [values]) if at is None else table.set_column(at, name, [values])
    with pytest.raises(errors.BadRows, match=match) as caught, ledger.append(EDGE) as batch:
        batch.add_table("shift", table)
    assert {row for row, *_ in caught.value.problems} <= {1, 2}
    assert field in {name for _, name, _, _ in caught.value.problems}
    assert ledger.checkpoint() == before


@pytest.mark.parametrize("name", ["recorded", "by", "salt", "colour"])
def test_a_table_has_the_columns_of_its_kind(ledger, name):
    with pytest.raises(errors.BadEntry, match=name), ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts(["x"], **{name: ["y"]}))
    with pytest.raises(errors.BadEntry, match="quantity: is missing"), ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts(["x"]).drop_columns("quantity"))


def test_tables_of_every_sort(ledger):
    day = pa.array([date(2025, 9, 1)] * 2)
    with ledger.append(EDGE) as batch:
        batch.add_table(
            "crew",
            pa.table(
                {
                    "id": ["c", "c"],
                    "name": ["C", "C"],
                    "from": [date(2025, 1, 1), date(2025, 2, 1)],
                    "members": [["ada"], ["ada", "bo"]],
                }
            ),
        )
        batch.add_table(
            "quota",
            pa.table(
                {
                    "id": ["q", "r"],
                    "job": ["hew"] * 2,
                    "quantity": pa.array(["7", "8"]).cast(pa.decimal128(18, 9)),
                    "per": ["worker"] * 2,
                    "from": day,
                }
            ),
        )
        batch.add_table("shift", shifts(["s", "t"], quota=["q", "r"]))
        batch.add_table(
            "verdict", pa.table({"shift": ["s", "t"], "ruling": ["verified", "annulled"], "reason": ["r", "r"]})
        )
        facts = batch.add_table(
            "fact", pa.table({"about": ["ada", "bo"], "field": ["born"] * 2, "value": ["1906", "1907"]})
        )
        batch.add_table(
            "fact",
            pa.table({"about": ["ada"], "field": ["born"], "value": ["1905"], "replaces": [facts[0]], "note": ["n"]}),
        )
        with pytest.raises(errors.BadRows, match="replaced already"):
            batch.add_table(
                "fact",
                pa.table(
                    {"about": ["ada"], "field": ["born"], "value": ["1905"], "replaces": [facts[0]], "note": ["n"]}
                ),
            )
        with pytest.raises(errors.BadRows, match="not in the ledger"):
            batch.add_table("objection", pa.table({"entry": [0, batch.size], "reason": ["r", "r"]}))
        with pytest.raises(errors.BadEntry, match="under verdict"):
            batch.add("shift", shift("t", replaces=batch.find("shift", "t")[0], note="n"))
        with pytest.raises(errors.BadRows, match="already entry"):
            batch.add_table(
                "crew",
                pa.table(
                    {
                        "id": ["c"],
                        "name": ["C"],
                        "from": [date(2025, 2, 1)],
                        "headcount": pa.array(["3"]).cast(pa.decimal128(9, 3)),
                    }
                ),
            )
    assert len(ledger.find("crew", "c")) == 2
    verify(ledger.address)


def test_many_names_are_found_at_once_as_one_by_one(ledger, monkeypatch):
    names = [f"s{number}" for number in range(900)]
    with ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts(names))
    with ledger.append(EDGE) as batch:
        replacing = [batch.add("shift", shift(name, replaces=4 + int(name[1:]), note="n")) for name in names[100:500:7]]
        batch.add("job", {**JOB, "id": "s899"})
        batch.add_table("shift", shifts(["fresh", 'a "quoted" name']))
        asked = pa.array(["nobody", *reversed(names), 'a "quoted" name', "s3", "north"])
        found = batch.standing("shift", asked).to_pylist()
        monkeypatch.setattr("checkweigh.batch.FEW", len(asked))
        assert found == batch.standing("shift", asked).to_pylist()
    expected = {name: 4 + number for number, name in enumerate(names)} | dict(
        zip(names[100:500:7], replacing, strict=True)
    )
    assert found == [None, *(expected[name] for name in reversed(names)), ledger.size - 1, 7, None]


def test_many_names_whose_hashes_collide_are_told_apart(tmp_path, monkeypatch):
    """Of two names with one hash only one is in the ledger: the other has a candidate, and it is not the one."""
    monkeypatch.setattr("checkweigh.batch.FEW", 0)
    monkeypatch.setattr(
        "checkweigh.names.key_hashes", lambda kind, ids: np.array([_coarse(one) for one in ids.to_pylist()], np.uint64)
    )
    monkeypatch.setattr(
        "checkweigh.bulk.key_hashes", lambda kind, ids: np.array([_coarse(one) for one in ids.to_pylist()], np.uint64)
    )
    monkeypatch.setattr("checkweigh.identities.key_hash", lambda kind, name: _coarse(name))
    with founded(tmp_path / "colliding") as ledger:
        with ledger.append(EDGE) as batch:
            batch.add_table("shift", shifts(["s1", "t1", "u1"]))
        with ledger.append(EDGE) as batch:
            assert batch.standing("shift", pa.array(["u2", "t1", "s2", "s1", "x"])).to_pylist() == [
                None,
                5,
                None,
                4,
                None,
            ]


def _coarse(name):
    """A hash that looks at the first letter alone."""
    return ord(name[:1] or " ")


def test_a_row_that_is_no_entry_by_itself_is_told_beside_those_that_the_ledger_refuses(ledger):
    table = shifts(["x", "y", "z", "z"], site=["north", None, "south", "north"])
    with pytest.raises(errors.BadRows) as caught, ledger.append(EDGE) as batch:
        batch.add_table("shift", table)
    assert [(row, name, value) for row, name, value, _ in caught.value.problems] == [
        (1, "site", None), (2, "site", "south"), (3, "id", "z"),
    ]  # fmt: skip
    assert "row 2" in str(caught.value) and "the id of row 2 already" in str(caught.value)
