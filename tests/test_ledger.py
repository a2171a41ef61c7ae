"""The ledger: what is appended is there, whole, provable and in order; what does not fit is refused and leaves no trace."""

import os
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import bundles, codec, errors, hashing, identities, merkle
from checkweigh.checkpoint import Verifier, open_checkpoint
from checkweigh.ledger import Ledger, key_path
from checkweigh.restore import restore
from checkweigh.verify import verify
from conftest import EDGE, JOB, NOW, SITE, founded, shift


def added(ledger, kind, **fields):
    with ledger.append(EDGE) as batch:
        return batch.add(kind, fields)


def shifts(names, **columns):
    """A table of plain shifts."""
    count = len(names)
    plain = {
        "id": pa.array(names, pa.string()),
        "job": ["hew"] * count,
        "site": ["north"] * count,
        "started": pa.array([datetime(2025, 8, 31, 6)] * count, pa.timestamp("us")),
        "quantity": pa.array(["7"] * count).cast(pa.decimal128(18, 9)),
        "worker": ["ada"] * count,
    }
    return pa.table({**plain, **columns})


def refused(ledger, kind, fields, error, match):
    """That an entry is refused for this reason, alone and as a row of a table, and that the ledger is as it was."""
    before = (ledger.size, ledger.checkpoint())
    with pytest.raises(error, match=match), ledger.append(EDGE) as batch:
        batch.add(kind, fields)
    assert (ledger.size, ledger.checkpoint()) == before


# Making, opening, closing


def test_a_new_ledger_is_empty_and_signed(tmp_path):
    with Ledger.create(tmp_path / "ledger", edge=EDGE) as ledger:
        assert (ledger.size, ledger.recorded, ledger.root(), list(ledger.entries())) == (0, None, merkle.EMPTY, [])
        assert ledger.origin.startswith("checkweigh.local/")
        assert ledger.verifier == ledger.genesis
        assert open_checkpoint(ledger.checkpoint(), Verifier.parse(ledger.verifier)).size == 0
    assert stat.S_IMODE(key_path(tmp_path / "ledger").stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"ledger", "ledger.key"}


def test_origins_are_unique_and_a_demonstration_says_so(tmp_path):
    one, two = (Ledger.create(tmp_path / name, edge=EDGE) for name in ("one", "two"))
    assert one.origin != two.origin
    shown = Ledger.create(tmp_path / "shown", edge=EDGE, demonstration=True, origin="mine.example/1935")
    assert (shown.origin, shown.demonstration) == ("demonstration/mine.example/1935", True)
    for origin in ("a b", "a+b", "", "demonstration/x"):
        with pytest.raises(errors.Refused, match="origin"):
            Ledger.create(tmp_path / "other", edge=EDGE, origin=origin)
    assert not (tmp_path / "other").exists()
    assert not key_path(tmp_path / "other").exists()


def test_nothing_is_overwritten_by_a_new_ledger(ledger, tmp_path):
    with pytest.raises(errors.Refused, match="exists already"):
        Ledger.create(ledger.path, edge=EDGE)
    assert ledger.size == 4
    (tmp_path / "free.key").write_text("the only copy")
    with pytest.raises(errors.Refused, match="only copy"):
        Ledger.create(tmp_path / "free", edge=EDGE)
    assert (tmp_path / "free.key").read_text() == "the only copy"
    (tmp_path / "taken").write_text("a letter")
    with pytest.raises(errors.Refused, match="exists already"):
        Ledger.create(tmp_path / "taken", edge=EDGE)
    assert not (tmp_path / "taken.key").exists()


def test_without_its_key_a_ledger_is_for_reading(ledger, monkeypatch):
    secret = key_path(ledger.path).read_text()
    key_path(ledger.path).unlink()
    with Ledger.open(ledger.path) as reader:
        assert reader.size == 4
        with pytest.raises(errors.NoKey, match="reading only"), reader.append(EDGE):
            pass
    with pytest.raises(errors.NoKey, match="signing key is missing"):
        Ledger.open(ledger.path, write=True)
    monkeypatch.setenv("CHECKWEIGH_KEY", secret)
    with Ledger.open(ledger.path, write=True) as writer:
        added(writer, "shift", **shift("s"))
    assert ledger.size == 5


def test_another_ledgers_key_does_not_sign(ledger, tmp_path):
    with Ledger.create(tmp_path / "other", edge=EDGE):
        pass
    key_path(tmp_path / "other").replace(key_path(ledger.path))
    with pytest.raises(errors.NoKey, match="another key signed it"):
        Ledger.open(ledger.path, write=True)


def test_a_forged_checkpoint_is_not_opened(ledger):
    with ledger._store.write() as writer:
        note = ledger.checkpoint().replace("\n4\n", "\n5\n")
        writer.put("meta", [(2, note.encode())])
    with pytest.raises(errors.BadSignature, match="does not belong"):
        Ledger.open(ledger.path)


# Appending and reading


def test_entries_come_back_one_by_one_and_in_bulk(ledger):
    with ledger.append(EDGE) as batch:
        indices = [batch.add("shift", shift(f"s{number}")) for number in range(700)]
        assert batch.size == 704
    assert indices == list(range(4, 704))
    assert ledger.size == 704
    everything = dict(ledger.entries())
    assert list(everything) == list(range(704))
    assert ledger.entry(300) == everything[300]
    for start, stop in [(0, 704), (0, 0), (3, 5), (250, 260), (511, 513), (512, 704), (600, 601), (0, 512)]:
        bulk = [
            (first + at, text)
            for first, texts in ledger.bundles(start, stop)
            for at, text in enumerate(texts.to_pylist())
        ]
        assert bulk == [(index, everything[index].decode()) for index in range(start, stop)]
    with pytest.raises(errors.Refused, match="beyond its end"):
        ledger.entry(704)
    verify(ledger.path)


def test_what_the_ledger_states_itself(ledger):
    index = added(ledger, "shift", **shift("s"))
    entry = codec.decode(ledger.entry(index))
    assert (entry.recorded, entry.by, len(entry.salt)) == ("2026-01-01T00:00:00Z", "login:anna", 16)
    for name in ("recorded", "by", "salt"):
        refused(ledger, "shift", shift("t", **{name: "x"}), errors.BadEntry, f"{name}: is set by the ledger")
    refused(ledger, "key", {"verifier": "x", "signature": "y"}, errors.BadEntry, "rotating")
    refused(ledger, "tale", {}, errors.BadEntry, "not a kind")


def test_an_exception_leaves_no_trace(ledger):
    before = ledger.checkpoint()
    with pytest.raises(KeyError), ledger.append(EDGE) as batch:
        batch.add("shift", shift("s"))
        batch.add_table("shift", shifts([f"t{number}" for number in range(600)]))
        raise KeyError
    assert (ledger.checkpoint(), ledger.find("shift", "s")) == (before, [])
    verify(ledger.path)


def test_an_empty_batch_changes_nothing(ledger):
    before = ledger.checkpoint()
    with ledger.append(replace(EDGE, now=NOW + timedelta(days=1))) as batch:
        assert batch.add_table("shift", shifts([])) == range(4, 4)
    assert (ledger.checkpoint(), ledger.recorded, batch.id) == (before, NOW, None)


def test_after_a_refusal_the_batch_goes_on(ledger):
    with ledger.append(EDGE) as batch:
        batch.add("shift", shift("s"))
        with pytest.raises(errors.AlreadyRecorded):
            batch.add("shift", shift("s"))
        with pytest.raises(errors.BadRows):
            batch.add_table("shift", shifts(["t", "s"]))
        batch.add("shift", shift("t"))
    assert [ledger.find("shift", name) for name in "st"] == [[4], [5]]
    verify(ledger.path)


def test_a_batch_is_found_by_its_id(ledger):
    with ledger.append(EDGE) as batch:
        batch.add("shift", shift("s"))
        batch.add("shift", shift("t"))
    assert ledger.landed(batch.id) == range(4, 6)
    assert ledger.landed("6-" + "0" * 64) is None
    assert ledger.landed("5" + batch.id[1:]) is None


@given(st.lists(st.one_of(st.integers(1, 3), st.integers(200, 700).map(lambda rows: -rows)), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_however_entries_arrive_the_ledger_is_the_same(tmp_path_factory, parts):
    """Positive: so many one by one in one batch; negative: so many as a table."""
    directory = tmp_path_factory.mktemp("ledger")
    with founded(directory / "ledger") as ledger:
        size = 4
        for part, count in enumerate(parts):
            names = [f"{part}-{row}" for row in range(abs(count))]
            with ledger.append(EDGE) as batch:
                if count > 0:
                    for name in names:
                        batch.add("shift", shift(name))
                else:
                    assert batch.add_table("shift", shifts(names)) == range(size, size - count)
            size += abs(count)
        leaves = [merkle.leaf_hash(data) for _, data in ledger.entries()]
        assert len(leaves) == size
        assert [ledger.find("shift", f"{part}-0") for part in range(len(parts))] == [
            [4 + sum(map(abs, parts[:part]))] for part in range(len(parts))
        ]
        root = ledger.root()
        for index in {0, size // 2, size - 1}:
            merkle.check_inclusion(index, size, leaves[index], ledger.inclusion_proof(index, size), root)
            proof = ledger.consistency_proof(index + 1, size)
            merkle.check_consistency(index + 1, size, ledger.root(index + 1), root, proof)
        assert verify(ledger.path).root == root


def test_proofs_beyond_the_end_are_refused(ledger):
    for ask in (
        lambda: ledger.inclusion_proof(4, 4),
        lambda: ledger.inclusion_proof(-1, 4),
        lambda: ledger.inclusion_proof(0, 5),
        lambda: ledger.consistency_proof(0, 4),
        lambda: ledger.consistency_proof(3, 5),
        lambda: ledger.consistency_proof(4, 3),
        lambda: ledger.root(5),
    ):
        with pytest.raises(errors.Refused):
            ask()


# Time


def test_recorded_never_decreases_when_the_clock_is_set_back(ledger):
    with ledger.append(replace(EDGE, now=NOW - timedelta(days=400))) as batch:
        batch.add("shift", shift("s"))
    assert (batch.late_clock, batch.recorded, ledger.recorded) == (True, NOW, NOW)
    with ledger.append(replace(EDGE, now=NOW + timedelta(seconds=1.5))) as batch:
        batch.add("shift", shift("t"))
    assert (batch.late_clock, ledger.recorded) == (False, NOW + timedelta(seconds=1.5))
    verify(ledger.path)


def test_the_size_at_a_moment(ledger):
    with ledger.append(replace(EDGE, now=NOW + timedelta(days=1))) as batch:
        batch.add("shift", shift("s"))
    second = timedelta(seconds=1)
    moments = [NOW - second, NOW, NOW + timedelta(days=1) - second, NOW + timedelta(days=1), NOW + timedelta(days=9)]
    assert [ledger.size_at(moment) for moment in moments] == [0, 4, 4, 5, 5]


def test_only_a_demonstration_lets_the_caller_say_when(ledger, tmp_path):
    then = datetime(1935, 8, 31, tzinfo=UTC)
    with pytest.raises(errors.Refused, match="only a demonstration"), ledger.append(replace(EDGE, recorded=then)):
        pass
    with Ledger.create(tmp_path / "shown", edge=EDGE, demonstration=True) as shown:
        with shown.append(replace(EDGE, recorded=then)) as batch:
            batch.add("site", SITE)
        assert shown.recorded == then
        with (
            pytest.raises(errors.Refused, match="lies before"),
            shown.append(replace(EDGE, recorded=then - timedelta(1))),
        ):
            pass


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
    assert verify(ledger.path).findings == ()


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
        ({"helpers": pa.array([None, [{"worker": "zed"}], None], pa.list_(codec.HELPER))}, "helpers", "zed.*not a worker"),
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
    verify(ledger.path)


# The index of identities


@given(st.lists(st.text(max_size=30), max_size=40))
def test_keys_hash_in_bulk_as_one_by_one(names):
    hashed = identities.key_hashes("shift", pa.array(["before", *names], pa.string())[1:])
    assert hashed.tolist() == [identities.key_hash("shift", name) for name in names]


def test_the_hash_of_the_docstring():
    assert f'{identities.key_hash("shift", "s-17"):#x} for ("shift", "s-17")' in identities.__doc__


def test_names_whose_hashes_collide_are_told_apart(ledger, monkeypatch):
    monkeypatch.setattr(identities, "key_hash", lambda kind, name: 7)
    monkeypatch.setattr("checkweigh.names.key_hashes", lambda kind, names: np.full(len(names), 7, np.uint64))
    monkeypatch.setattr("checkweigh.bulk.key_hashes", lambda kind, names: np.full(len(names), 7, np.uint64))
    with founded(ledger.path.with_name("colliding")) as colliding:
        with colliding.append(EDGE) as batch:
            batch.add_table("shift", shifts(["s", "t", "u"]))
            assert batch.find("shift", "t") == [5]
            assert batch.standing("shift", pa.array(["u", "x", "s"])).to_pylist() == [6, None, 4]
        refused(colliding, "shift", shift("t"), errors.AlreadyRecorded, "already entry 5")
        added(colliding, "shift", **shift("x"))
        assert colliding.find("worker", "ada") == [2]


def test_runs_are_merged_and_stay_few(ledger):
    for number in range(60):
        added(ledger, "shift", **shift(f"s{number}"))
    with ledger.snapshot() as snapshot:
        assert len(identities.list_runs(snapshot.reader)) <= 6
    assert all(ledger.find("shift", f"s{number}") == [4 + number] for number in range(60))


def test_a_batch_longer_than_a_run_is_stored_in_several(ledger, monkeypatch):
    monkeypatch.setattr("checkweigh.batch.LONGEST_RUN", 100)
    monkeypatch.setattr("checkweigh.identities.LONGEST_RUN", 100)
    with ledger.append(EDGE) as batch:
        for part in range(5):
            batch.add_table("shift", shifts([f"{part}-{row}" for row in range(90)]))
        assert batch.find("shift", "0-5") == [9]
        assert batch.standing("shift", pa.array(["4-89", "2-0"])).to_pylist() == [453, 184]
    with ledger.snapshot() as snapshot:
        assert len(identities.list_runs(snapshot.reader)) == 5
    verify(ledger.path)


def test_bundles_are_framed_as_the_docstring_says():
    assert bundles.frame([b"ab", b"c"]).hex(" ") == "00 02 61 62 00 01 63"
    assert "00 02 61 62 00 01 63" in bundles.__doc__


@given(st.lists(st.text(max_size=50).map(str.encode), min_size=512, max_size=512))
@settings(max_examples=10)
def test_bundles_are_packed_in_bulk_as_one_by_one(entries):
    packed = bundles.pack_table(pa.array([b"before", *entries], pa.large_binary())[1:])
    assert [bundles.unpack(bundle, "here") for bundle in packed] == [entries[:256], entries[256:]]
    assert bundles.unpack_table(packed, 0).to_pylist() == [entry.decode() for entry in entries]
    assert bundles.unpack(bundles.pack(entries[:256]), "here") == entries[:256]


# Keys and copies


def test_rotation_hands_over_and_the_old_key_signs_no_more(ledger):
    old, secret = ledger.verifier, key_path(ledger.path).read_text()
    ledger.rotate(EDGE)
    assert ledger.verifier != old == ledger.genesis
    added(ledger, "shift", **shift("s"))
    ledger.rotate(EDGE)
    assert verify(ledger.path).verifiers == (old, *verify(ledger.path).verifiers[1:])
    assert stat.S_IMODE(key_path(ledger.path).stat().st_mode) == 0o600
    assert not key_path(ledger.path).with_name("ledger.key.next").exists()
    key_path(ledger.path).write_text(secret)
    with pytest.raises(errors.NoKey, match="another key"), ledger.append(EDGE):
        pass


def test_a_rotation_that_was_interrupted_is_carried_on(ledger):
    secret = key_path(ledger.path).read_text()
    ledger.rotate(EDGE)
    # As if the process had ended after the commit and before the new key took the place of the old.
    key_path(ledger.path).rename(f"{ledger.path}.key.next")
    key_path(ledger.path).write_text(secret)
    added(ledger, "shift", **shift("s"))
    ledger.rotate(EDGE)
    added(ledger, "shift", **shift("t"))
    verify(ledger.path)


def test_a_backup_is_a_ledger_and_restore_verifies_it(ledger, tmp_path):
    with ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts([f"s{number}" for number in range(600)]))
    ledger.backup(tmp_path / "copy")
    added(ledger, "shift", **shift("later"))
    with pytest.raises(errors.Refused, match="exists already"):
        ledger.backup(tmp_path / "copy")
    assert restore(tmp_path / "copy", tmp_path / "again").size == 604
    assert stat.S_IMODE(key_path(tmp_path / "again").stat().st_mode) == 0o600
    with Ledger.open(tmp_path / "again", write=True) as again:
        added(again, "shift", **shift("later"))
    with pytest.raises(errors.Refused, match="exists already"):
        restore(tmp_path / "copy", tmp_path / "again")


def test_a_damaged_backup_is_not_restored(ledger, tmp_path):
    ledger.backup(tmp_path / "copy")
    with Ledger.open(tmp_path / "copy", write=True) as copy, copy._store.write() as writer:
        writer.put("singles", [(3, writer.get("singles", 3).replace(b"bo", b"ob"))])
    with pytest.raises(errors.Broken):
        restore(tmp_path / "copy", tmp_path / "again")
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("again")) == []


def test_a_ledger_that_does_not_lead_to_its_root_is_not_extended(ledger):
    with ledger._store.write() as writer:
        writer.put("singles", [(3, writer.get("singles", 3).replace(b"bo", b"ob"))])
    with pytest.raises(errors.Broken, match="do not lead to the signed root"), ledger.append(EDGE):
        pass


def test_a_ledger_of_nothing_but_tables_is_readable_while_it_grows(ledger):
    with ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts([f"s{number}" for number in range(300)]))
        assert ledger.size == 4
        with Ledger.open(ledger.path) as reader:
            assert len(list(reader.entries())) == 4
    assert ledger.size == 304


def test_the_key_file_is_not_world_readable_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        Ledger.create(tmp_path / "ledger", edge=EDGE).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_path(tmp_path / "ledger").stat().st_mode) == 0o600


# The process that hashes


@pytest.mark.parametrize("pending", [0, 1, 255])
def test_a_table_is_hashed_elsewhere_as_it_is_here(pending, monkeypatch):
    entries = pa.array([b"x" * (row % 700) for row in range(2000)], pa.large_binary())[3:]
    here, elsewhere = hashing.Hasher(), hashing.Hasher()
    expected = here.hashed(entries, pending)
    monkeypatch.setattr(hashing, "ALONE_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    try:
        found = [elsewhere.hashed(entries, pending) for _ in range(3)]
    finally:
        elsewhere.close()
    assert found == [expected] * 3
    head = -pending % 256
    assert [len(part) for part in expected] == [head, (1997 - head) // 256, (1997 - head) % 256]


def test_the_request_of_the_docstring(monkeypatch):
    sent = []
    monkeypatch.setattr(hashing.Hasher, "_send", lambda self, *parts: sent.extend(parts))
    monkeypatch.setattr(hashing.Hasher, "_received", lambda self, length: bytes(length))
    hashing.Hasher()._asked(pa.array([b"a", b"b"], pa.large_binary()), 0)
    begin, offsets, data = (bytes(part) for part in sent)
    assert f"{begin[:8].hex()} {begin[8:16].hex()} {begin[16:].hex()}" in hashing.__doc__
    assert (list(offsets[::8]), data.hex()) == ([0, 1, 2], "6162")


def test_when_the_process_that_hashes_is_killed_nothing_is_written(ledger, monkeypatch):
    monkeypatch.setattr(hashing, "ALONE_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(hashing, "_CHILD", "import os; os._exit(1)")
    with pytest.raises(errors.Broken, match="process that hashes ended"), ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts([f"s{number}" for number in range(3000)]))
    assert ledger.size == 4
    verify(ledger.path)
