"""Private workers: nothing of who they are is in the log, and what is beside it can be deleted."""

import json
import sqlite3
import stat
from hashlib import sha256

import pytest

from checkweigh import importing
from checkweigh.errors import Refused
from checkweigh.importing import RowsRefused, Settings
from checkweigh.people import People, private_path, profile_hash
from conftest import EDGE

TEXT = (
    "payroll,fullname,job,site,started,quantity,helpers\n"
    "P-4711,Ada Byron,hew,north,2025-08-31 06:00,102,P-4712:timberer:5\n"
    "P-4713,Cy Twombly,hew,north,2025-09-01 06:00,115,none\n"
)
PRIVATE = Settings(mapping={"worker": "payroll", "worker_name": "fullname"}, create=True, private="worker")
SECRETS = ("P-4711", "P-4712", "P-4713", "Byron", "Twombly")


@pytest.fixture
def take(ledger, tmp_path):
    def run(text, settings=PRIVATE):
        (tmp_path / "file.csv").write_text(text)
        return importing.read(ledger, tmp_path / "file.csv", edge=EDGE, settings=settings)

    return run


def entries(ledger, kind):
    return [entry for entry in (json.loads(data) for _, data in ledger.entries()) if entry["kind"] == kind]


def test_payroll_numbers_and_names_stay_out_of_the_ledger(ledger, take, tmp_path):
    assert take(TEXT).created["worker"] == 3
    assert take(TEXT).nothing_new
    log = b"".join(entry for _, entry in ledger.entries())
    ledger.close()
    files = [
        path for path in tmp_path.iterdir() if path.name.startswith("ledger") and path != private_path(ledger.address)
    ]
    assert files
    for secret in SECRETS:
        assert secret.encode() not in log
        assert all(secret.encode() not in path.read_bytes() for path in files)


def test_the_profile_of_the_log_is_the_person_beside_it(ledger, take):
    take(TEXT)
    shift = entries(ledger, "shift")[0]
    worker = next(entry for entry in entries(ledger, "worker") if entry["id"] == shift["worker"])
    with People.open(ledger.address) as people:
        person = people.find(shift["worker"])
        assert (person.payroll, person.name) == ("P-4711", "Ada Byron")
        assert people.by_payroll(["P-4712"])["P-4712"] == shift["helpers"][0]["worker"]
    profile = b'{"name":"Ada Byron","payroll":"P-4711"}'
    assert worker["profile"] == person.profile == sha256(person.salt + profile).hexdigest()
    assert profile_hash("P-4711", None, b"") == sha256(b'{"payroll":"P-4711"}').hexdigest()
    assert len(person.salt) == 32 and len(person.worker) == 16


def test_the_file_is_for_its_owner_only_and_erasing_leaves_no_trace(ledger, take):
    take(TEXT)
    path = private_path(ledger.address)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with People.open(ledger.address) as people:
        assert people.erase(people.by_payroll(["P-4711"])["P-4711"])
        assert not people.erase("nobody")
    assert b"Byron" not in path.read_bytes() and b"Twombly" in path.read_bytes()


def test_a_refused_import_leaves_nobody_behind(ledger, take):
    with pytest.raises(RowsRefused):
        take(TEXT + "P-4714,Eve Adams,hew,north,2025-09-01 06:00,many,\n")
    with sqlite3.connect(private_path(ledger.address)) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (0,)
    connection.close()
    assert not entries(ledger, "shift")


def test_those_whom_a_crash_left_waiting_are_forgotten_unless_the_log_knows_them(ledger, take):
    take(TEXT)
    with People.open(ledger.address) as people:
        with people.enrolling():
            lost = people.enrol("P-9", "Lost One", EDGE.random)
        known = people.by_payroll(["P-4711"])["P-4711"]
    with sqlite3.connect(private_path(ledger.address)) as connection:
        connection.execute("UPDATE people SET waiting = 1")
    connection.close()
    take(TEXT)
    with People.open(ledger.address) as people:
        assert people.find(lost.worker) is None and people.find(known) is not None
        assert people.settle(lambda worker: False) == 0


def test_an_import_that_fails_while_it_is_written_enrols_nobody_for_long(ledger, take, monkeypatch):
    from checkweigh.batch import Batch

    def fail(batch):
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Batch, "finish", fail)
        with pytest.raises(OSError, match="gone"):
            take(TEXT)
    assert take(TEXT).created["worker"] == 3
    with sqlite3.connect(private_path(ledger.address)) as connection:
        assert connection.execute("SELECT count(*), sum(waiting) FROM people").fetchone() == (3, 0)
    connection.close()


def test_unknown_payroll_numbers_are_refused_without_create(take):
    settings = Settings(mapping={"worker": "payroll"}, private="worker")
    with pytest.raises(Refused, match="is not there: this ledger has no private workers"):
        take(TEXT, settings)
    take(TEXT)
    with pytest.raises(RowsRefused, match="'P-4799': is not the payroll number of anyone"):
        take(TEXT.replace("P-4711", "P-4799"), settings)
    with pytest.raises(RowsRefused, match=r"helpers .*payroll number that is nobody's"):
        take(TEXT.replace("P-4712", "P-4799"), settings)


def test_workers_of_their_own_file_are_private_too(ledger, take):
    text = "id,name,site,from\nP-4711,Ada Byron,north,2025-01-01\n"
    settings = Settings(kind="worker", private="worker")
    assert take(text, settings).added == 1
    assert take(text, settings).nothing_new
    worker = entries(ledger, "worker")[-1]
    assert "name" not in worker and worker["profile"] and "P-4711" not in worker["id"]
    incidents = "site,worker,on,severity,days_lost\nnorth,P-4711,2025-08-31,bruise,1\nnorth,P-1,2025-08-31,bruise,1\n"
    with pytest.raises(RowsRefused, match="'P-1': is not the payroll number"):
        take(incidents, Settings(kind="incident", private="worker"))
    take(incidents, Settings(kind="incident", private="worker", accept_valid=True))
    assert entries(ledger, "incident")[0]["worker"] == worker["id"]


@pytest.mark.parametrize(
    ("version", "table", "says"), [(99, "people", "newer version"), (0, "others", "another program")]
)
def test_a_file_that_is_not_ours_is_refused(ledger, take, version, table, says):
    with sqlite3.connect(private_path(ledger.address)) as connection:
        connection.execute(f"CREATE TABLE {table} (a)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(Refused, match=says):
        take(TEXT)
    private_path(ledger.address).write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(Refused, match="cannot be used"):
        take(TEXT)


def test_a_damaged_list_of_tables_is_told_as_damage(ledger, take):
    """SQLite quotes the words that it cannot make sense of, whatever bytes they are."""
    take(TEXT)
    path = private_path(ledger.address)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE people", b"CREATE TABL\xff people"))
    with pytest.raises(Refused, match="damaged"), People.open(ledger.address):
        pass
