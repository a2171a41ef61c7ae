"""The index of identities: it finds names whose hashes collide, and stays small as the ledger grows."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import errors, identities
from checkweigh.verify import verify
from conftest import EDGE, added, founded, refused, shift, shifts


@given(st.lists(st.text(max_size=30), max_size=40))
def test_keys_hash_in_bulk_as_one_by_one(names):
    hashed = identities.key_hashes("shift", pa.array(["before", *names], pa.string())[1:])
    assert hashed.tolist() == [identities.key_hash("shift", name) for name in names]


def test_the_hash_of_the_docstring():
    assert f'{identities.key_hash("shift", "s-17"):#x} for ("shift", "s-17")' in identities.__doc__


def test_names_whose_hashes_collide_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(identities, "key_hash", lambda kind, name: 7)
    monkeypatch.setattr("checkweigh.names.key_hashes", lambda kind, names: np.full(len(names), 7, np.uint64))
    monkeypatch.setattr("checkweigh.bulk.key_hashes", lambda kind, names: np.full(len(names), 7, np.uint64))
    with founded(tmp_path / "colliding") as colliding:
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
    verify(ledger.address)


def test_marks_that_are_out_of_order_are_told_or_passed_over():
    """A search among marks in disorder may end before it began."""
    ordered = identities.marks(np.arange(40, dtype=np.uint64) // 4, np.arange(40, dtype=np.uint64))
    told = 0
    for seed in range(200):
        turned = np.random.default_rng(seed).permutation(ordered)
        try:
            identities.joined([(turned, 0)], np.arange(10, dtype=np.uint64))
        except errors.Broken as error:
            assert "out of order" in str(error)
            told += 1
    assert told
