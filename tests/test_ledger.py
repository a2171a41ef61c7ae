"""The ledger: what is appended is there, whole, provable and in order, and can be kept, copied and handed on."""

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import codec, errors, merkle
from checkweigh.checkpoint import Verifier, open_checkpoint
from checkweigh.ledger import Ledger, key_path
from checkweigh.restore import restore
from checkweigh.verify import verify
from conftest import EDGE, NOW, SITE, added, founded, refused, shift, shifts

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
        Ledger.create(ledger.address, edge=EDGE)
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
    secret = key_path(ledger.address).read_text()
    key_path(ledger.address).unlink()
    with Ledger.open(ledger.address) as reader:
        assert reader.size == 4
        with pytest.raises(errors.NoKey, match="reading only"), reader.append(EDGE):
            pass
    with pytest.raises(errors.NoKey, match="signing key is missing"):
        Ledger.open(ledger.address, write=True)
    monkeypatch.setenv("CHECKWEIGH_KEY", secret)
    with Ledger.open(ledger.address, write=True) as writer:
        added(writer, "shift", **shift("s"))
    assert ledger.size == 5


def test_another_ledgers_key_does_not_sign(ledger, tmp_path):
    with Ledger.create(tmp_path / "other", edge=EDGE):
        pass
    key_path(tmp_path / "other").replace(key_path(ledger.address))
    with pytest.raises(errors.NoKey, match="another key signed it"):
        Ledger.open(ledger.address, write=True)


def test_a_forged_checkpoint_is_not_opened(ledger):
    with ledger._store.write() as writer:
        note = ledger.checkpoint().replace("\n4\n", "\n5\n")
        writer.put("meta", [(2, note.encode())])
    with pytest.raises(errors.BadSignature, match="does not belong"):
        Ledger.open(ledger.address)


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
    with pytest.raises(errors.Refused, match="entry 704 lies beyond its end"):
        ledger.entry(704)
    verify(ledger.address)


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
    verify(ledger.address)


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
    verify(ledger.address)


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
        assert verify(ledger.address).root == root


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
    verify(ledger.address)


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


# Keys and copies


def test_rotation_hands_over_and_the_old_key_signs_no_more(ledger):
    old, secret = ledger.verifier, key_path(ledger.address).read_text()
    ledger.rotate(EDGE)
    assert ledger.verifier != old == ledger.genesis
    added(ledger, "shift", **shift("s"))
    ledger.rotate(EDGE)
    assert verify(ledger.address).verifiers == (old, *verify(ledger.address).verifiers[1:])
    assert stat.S_IMODE(key_path(ledger.address).stat().st_mode) == 0o600
    assert not key_path(ledger.address).with_name("ledger.key.next").exists()
    key_path(ledger.address).write_text(secret)
    with pytest.raises(errors.NoKey, match="another key"), ledger.append(EDGE):
        pass


def test_a_rotation_that_was_interrupted_is_carried_on(ledger):
    secret = key_path(ledger.address).read_text()
    ledger.rotate(EDGE)
    # As if the process had ended after the commit and before the new key took the place of the old.
    key_path(ledger.address).rename(f"{ledger.address}.key.next")
    key_path(ledger.address).write_text(secret)
    added(ledger, "shift", **shift("s"))
    ledger.rotate(EDGE)
    added(ledger, "shift", **shift("t"))
    verify(ledger.address)


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
        with Ledger.open(ledger.address) as reader:
            assert len(list(reader.entries())) == 4
    assert ledger.size == 304


def test_the_key_file_is_not_world_readable_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        Ledger.create(tmp_path / "ledger", edge=EDGE).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_path(tmp_path / "ledger").stat().st_mode) == 0o600
