"""Erasing a person: no byte of the name is left in any file, no face shows it at any size, and every proof still verifies."""

import json
import os
import sqlite3

import pyarrow as pa
import pytest

from checkweigh import columns, erasing, importing, merkle, tables, verify
from checkweigh.cli import main
from checkweigh.derived import DERIVED
from checkweigh.errors import Refused
from checkweigh.importing import Settings
from checkweigh.ledger import Ledger
from checkweigh.people import People, private_path
from conftest import EDGE, shift

TEXT = (
    "payroll,fullname,job,site,started,quantity\n"
    "P-4711,Ada Byron,hew,north,2025-08-31 06:00,102\n"
    "P-4713,Cy Twombly,hew,north,2025-09-01 06:00,115\n"
)
PRIVATE = Settings(mapping={"worker": "payroll", "worker_name": "fullname"}, create=True, private="worker")
REASON = "asked for it"


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(columns, "SEGMENT", 4)


@pytest.fixture
def peopled(ledger, tmp_path):
    """A ledger with two private workers, and columns beside it."""
    (tmp_path / "file.csv").write_text(TEXT)
    importing.read(ledger, tmp_path / "file.csv", edge=EDGE, settings=PRIVATE)
    (tmp_path / "file.csv").unlink()
    return ledger


@pytest.fixture
def named(ledger):
    """A ledger in which Zoe Quartermain was named in the log, with columns beside it."""
    with ledger.append(EDGE) as batch:
        batch.add("worker", {"id": "zq", "site": "north", "from": "2025-01-01", "name": "Zoe Quartermain"})
        for number in range(6):
            batch.add("shift", shift(f"s{number}", worker="zq", started=f"2025-09-0{number + 1}T06:00:00Z"))
    tables.at(ledger)
    return ledger


def files_with(directory, text):
    return [path.name for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def standing_names(ledger, size):
    found = DERIVED["standings"].derive(tables.at(ledger, size), period="all")
    return {row["party"]: row["name"] for row in tables.collect(found).to_pylist()}


def test_no_byte_of_a_private_person_is_left_and_every_proof_verifies(peopled, tmp_path):
    before = peopled.size
    worker = erasing.worker_of(peopled, "P-4711")
    root, proof = peopled.root(), peopled.inclusion_proof(2, before)
    assert files_with(tmp_path, "Byron") == files_with(tmp_path, "P-4711") == ["ledger.private"]
    tables.at(peopled)
    done = erasing.erase(peopled, worker, REASON, EDGE)
    assert (done.new, done.person, done.entry) == (True, True, before)
    entry = json.loads(peopled.entry(done.entry))
    assert (entry["kind"], entry["worker"], entry["reason"]) == ("erasure", worker, REASON)
    assert not files_with(tmp_path, "Byron") and not files_with(tmp_path, "P-4711")
    assert files_with(tmp_path, "Twombly") == ["ledger.private"]
    merkle.check_inclusion(2, before, merkle.leaf_hash(peopled.entry(2)), proof, root)
    now = peopled.consistency_proof(before, peopled.size)
    merkle.check_consistency(before, peopled.size, root, peopled.root(), now)
    peopled.close()
    assert verify.verify(peopled.address).size == before + 1
    assert not files_with(tmp_path, "Byron")


def test_a_public_name_is_shown_on_no_face_at_any_size_and_the_log_is_said_to_keep_it(named, tmp_path, capsysbinary):
    size = named.size
    assert standing_names(named, size)["zq"] == "Zoe Quartermain"
    assert any("worker.parquet" in name for name in files_with(columns.directory_of(named.address), "Quartermain"))
    done = erasing.erase(named, "zq", REASON, EDGE)
    assert done.public == [4] and not done.person and done.columns
    assert not files_with(columns.directory_of(named.address), "Quartermain")
    for at in (size, size + 1):
        assert standing_names(named, at)["zq"] is None
    assert not files_with(columns.directory_of(named.address), "Quartermain")
    assert columns.check(named, columns.directory_of(named.address)) == []
    at_hand = tables.collect(tables.from_entries(named.entries(), size).worker)
    assert at_hand["name"].null_count == len(at_hand) == 3
    for form in ("table", "csv", "json"):
        with pytest.raises(SystemExit):
            main(["log", str(named.address), "--format", form, "--limit", "0"])
        said = capsysbinary.readouterr().out.decode()
        assert "zq" in said and "Quartermain" not in said
    assert b"Quartermain" in named.entry(4)
    named.close()
    assert verify.verify(named.address).size == size + 1


def test_columns_that_another_process_still_wrote_do_not_bring_the_name_back(named):
    directory = columns.directory_of(named.address)
    stale = {path: path.read_bytes() for path in directory.rglob("*.*") if path.is_file()}
    erasing.erase(named, "zq", REASON, EDGE)
    for path, data in stale.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    assert standing_names(named, named.size)["zq"] is None
    assert erasing.erase(named, "zq", REASON, EDGE).columns
    assert not files_with(directory, "Quartermain")


def test_an_interrupted_erasure_is_finished_by_erasing_again(peopled, tmp_path, monkeypatch):
    worker = erasing.worker_of(peopled, "P-4711")

    def fail(people, worker):
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(People, "erase", fail)
        with pytest.raises(OSError, match="gone"):
            erasing.erase(peopled, worker, REASON, EDGE)
    size = peopled.size
    assert files_with(tmp_path, "Byron")
    done = erasing.erase(peopled, erasing.worker_of(peopled, "P-4711"), REASON, EDGE)
    assert (done.new, done.person, done.entry) == (False, True, size - 1)
    assert peopled.size == size and not files_with(tmp_path, "Byron")
    assert not erasing.erase(peopled, worker, REASON, EDGE).person


def test_a_reason_that_names_the_person_is_refused_before_anything_is_written(peopled):
    worker, size = erasing.worker_of(peopled, "P-4711"), peopled.size
    for reason in ("ada byron left", "P-4711 left"):
        with pytest.raises(Refused, match="names the person"):
            erasing.erase(peopled, worker, reason, EDGE)
    with People.open(peopled.address) as people:
        assert people.find(worker) is not None and peopled.size == size


def test_only_workers_can_be_erased_and_a_script_says_that_it_means_it(peopled, run_in, capsysbinary):
    with pytest.raises(Refused, match="neither a worker"):
        erasing.worker_of(peopled, "P-9999")
    size = peopled.size
    assert "add --yes" in run_in("erase", peopled.address, "P-4713", "--reason", REASON, code=2)
    assert peopled.size == size
    said = run_in("erase", peopled.address, "P-4713", "--reason", REASON, "--yes")
    assert f"Entry {size}" in said and "overwritten" in said and "backups" in said
    assert "it is complete now" in run_in(
        "erase", peopled.address, json.loads(peopled.entry(size))["worker"], "--reason", REASON, "--yes"
    )


@pytest.fixture
def run_in(capsysbinary):
    def go(*arguments, code=0):
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        assert (exit.value.code or 0) == code, err
        return (out + err).decode()

    return go


def test_what_is_deleted_is_overwritten_wherever_sqlite_does_not_do_so_by_itself(tmp_path, monkeypatch):
    """Some builds of SQLite overwrite by default and some do not: here all of them start without."""
    real = sqlite3.connect

    def connect(*arguments, **options):
        connection = real(*arguments, **options)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    with People.open(tmp_path / "ledger", create=True) as people:
        with people.enrolling():
            enrolled = [people.enrol(f"P-{n:04}", f"Somebody {n:04}", os.urandom) for n in range(600)]
        people.arrived()
        with people.enrolling():
            people.enrol("P-9999", "Waiting One", os.urandom)
        assert people.settle(lambda worker: False) == 1
        for person in enrolled[::7]:
            assert people.erase(person.worker)
    held = private_path(tmp_path / "ledger").read_bytes()
    gone = [name for n in range(0, 600, 7) for name in (f"P-{n:04}", f"Somebody {n:04}")]
    assert not [name for name in [*gone, "P-9999", "Waiting One"] if name.encode() in held]
    assert b"Somebody 0001" in held


def test_erasures_are_known_however_they_came_in(named):
    with named.append(EDGE) as batch:
        batch.add_table("erasure", pa.table({"worker": ["zq"], "reason": [REASON]}))
    assert named.erased() == {"zq"} and standing_names(named, named.size)["zq"] is None
    named.close()
    verify.verify(named.address)
    with Ledger.open(named.address) as again:
        assert again.erased() == {"zq"}


def test_an_erasure_is_not_added_by_hand(named, run_in):
    assert "checkweigh erase" in run_in("add", named.address, "erasure", "worker=zq", f"reason={REASON}", code=2)
    assert not named.erased()
