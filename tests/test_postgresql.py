"""What only a server can go wrong with: addresses, rights, other people's tables, newer formats, and what is said of each."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkweigh import errors
from checkweigh.address import DatabaseAddress, address_of
from checkweigh.codec import decode
from checkweigh.ledger import Ledger, key_path
from checkweigh.people import People
from checkweigh.restore import restore
from checkweigh.stores.opening import create_store
from checkweigh.verify import verify
from conftest import EDGE, JOB, SITE, founded, shift


@pytest.fixture
def address(server, beside):
    """The address of a ledger that is not there yet."""
    return server.address()


@pytest.fixture
def works(address):
    """A founded ledger in a database; closed after the test."""
    with founded(address) as ledger:
        yield ledger


def schema(address):
    return address_of(address).schema


@pytest.mark.parametrize(
    ("text", "shown", "beside"),
    [
        ("postgresql://anna@db.example/works", "postgresql://anna@db.example/works?schema=checkweigh", "db.example/works/checkweigh"),
        ("postgres://db.example:5432/works?schema=a", "postgresql://db.example:5432/works?schema=a", "db.example/works/a"),
        ("postgresql://a:s3cret@h:77/works", "postgresql://a@h:77/works?schema=checkweigh", "h_77/works/checkweigh"),
        ("postgresql://a@h/w?password=s3cret&schema=b", "postgresql://a@h/w?schema=b", "h/w/b"),
        ("postgresql:///w?host=/run/pg&port=78", "postgresql:///w?host=/run/pg&port=78&schema=checkweigh", "run_pg_78/w/checkweigh"),
        ("postgresql://h/?dbname=w%20x", "postgresql://h/?dbname=w%20x&schema=checkweigh", "h/w_x/checkweigh"),
    ],
)  # fmt: skip
def test_an_address_shows_no_password_and_names_its_files(text, shown, beside, monkeypatch, tmp_path):
    monkeypatch.setenv("CHECKWEIGH_BESIDE", str(tmp_path))
    found = address_of(text)
    assert isinstance(found, DatabaseAddress)
    assert (str(found), found.beside("key")) == (shown, tmp_path / f"{beside}.key")
    assert "s3cret" not in repr(found)
    assert ("s3cret" in found.uri) == ("s3cret" in text) and "schema" not in found.uri


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgresql://h", "names no database; .*postgresql://USER@HOST/DATABASE"),
        ("postgresql://h/w?schema=a-b", "'a-b' cannot name a schema"),
        ("postgresql://h/w?schema=pg_x", "cannot name a schema"),
        ("postgresql://h/w?schema", "cannot be read"),
        ("postgresql://[h/w", "cannot be read"),
        ("postgresql://h/w?color=red", "color"),
        ("postgresql://nowhere.invalid/w", "correct the name of the server"),
        ("postgresql://127.0.0.1:1/w", "see that the server runs"),
    ],
)
def test_a_wrong_address_is_said(text, message):
    with pytest.raises(errors.Refused, match=message):
        Ledger.open(text)


def test_everything_works_as_in_a_file(works, address, beside, server):
    with works.append(EDGE) as batch:
        batch.add("shift", shift("s-1"))
    assert works.landed(batch.id) == range(4, 5)
    assert works.landed("5-00") is None and works.landed("nonsense") is None
    works.rotate(EDGE)
    assert verify(address).size == works.size == 6
    assert key_path(address).parent.parent.parent == beside
    assert (key_path(address).stat().st_mode & 0o777, key_path(address).parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with Ledger.open(address, write=True) as again:
        assert again.find("shift", "s-1") == [4]


def test_whoever_writes_from_another_computer_brings_the_key_along(works, address, tmp_path, monkeypatch):
    secret = key_path(address).read_text()
    monkeypatch.setenv("CHECKWEIGH_BESIDE", str(tmp_path / "elsewhere"))
    with pytest.raises(errors.NoKey, match=f"put it into {tmp_path}/elsewhere/.*key or CHECKWEIGH_KEY"):
        Ledger.open(address, write=True)
    monkeypatch.setenv("CHECKWEIGH_KEY", secret)
    with Ledger.open(address, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("s-1"))
    with People.open(address, create=True) as people:
        assert people.path.parent.parent.parent == tmp_path / "elsewhere"
        assert people.path.parent.stat().st_mode & 0o777 == 0o700


def test_several_ledgers_share_a_database(works, server, beside):
    with founded(server.address()) as other:
        with other.append(EDGE) as batch:
            batch.add("shift", shift("s-1"))
        assert (other.size, works.size) == (5, 4)
        assert other.origin != works.origin


def test_opening_makes_nothing(server, beside, tmp_path):
    address = server.address()
    with pytest.raises(errors.NotALedger, match=f"no schema {schema(address)}; .*checkweigh init"):
        Ledger.open(address)
    assert not server.execute(f"SELECT FROM pg_namespace WHERE nspname = '{schema(address)}'")
    assert not beside.exists()
    with pytest.raises(errors.CannotReach, match='database "nowhere" does not exist; name a database'):
        Ledger.open(address.replace("/works", "/nowhere"))
    with pytest.raises(errors.CannotReach, match="does not exist; name a database and a user"):
        Ledger.open(address.replace("anna@", "nobody@"))


def test_what_is_no_ledger_is_refused_and_left_alone(server, beside):
    empty, theirs, newer = (server.address() for _ in range(3))
    server.execute(f"CREATE SCHEMA {schema(empty)}", f"CREATE SCHEMA {schema(theirs)}")
    server.execute(f"CREATE TABLE {schema(theirs)}.meta (number int, data text)")
    create_store(address_of(newer), {}).close()
    server.execute(f"UPDATE {schema(newer)}.meta SET data = '99' WHERE number = 0")
    for address, message in (
        (empty, "is empty"),
        (theirs, "some other program's tables"),
        (newer, "format 99.*newer Checkweigh"),
    ):
        with pytest.raises(errors.NotALedger, match=message):
            Ledger.open(address)
    with pytest.raises(errors.Refused, match="exists already"):
        founded(theirs)
    assert server.execute(f"SELECT count(*) FROM {schema(theirs)}.meta") == [(0,)]
    assert not key_path(theirs).exists()
    founded(empty).close()
    assert verify(empty).size == 4


def test_a_table_that_is_gone_is_damage(works, server, address):
    server.execute(f"ALTER TABLE {schema(address)}.singles RENAME TO single")
    with pytest.raises(errors.Broken, match="table singles is missing"):
        Ledger.open(address)
    with pytest.raises(errors.Broken, match="damaged"), works.append(EDGE) as batch:
        batch.add("shift", shift("s-1"))


def test_who_may_only_read_reads(works, server, address):
    name = schema(address)
    server.execute(f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA {name} TO {name}")
    reader = address.replace("anna@", f"{name}@")
    with pytest.raises(errors.CannotWrite, match=r"permission denied for table meta.*ask who runs it"):
        Ledger.open(reader)
    server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}")
    assert verify(reader).size == 4
    with (
        Ledger.open(reader, write=True) as ledger,
        pytest.raises(errors.CannotWrite, match="permission denied"),
        ledger.append(EDGE),
    ):
        pass
    with pytest.raises(errors.CannotWrite, match="permission denied for database"):
        founded(reader.replace(f"schema={name}", "schema=other"))


def test_a_password_is_asked_for_and_never_shown(server, beside):
    hba = server.directory / "data" / "pg_hba.conf"
    hba.write_text("local all guarded scram-sha-256\n" + hba.read_text())
    server.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")
    address = server.address(user="guarded:s3cret").replace("@/", "@/")
    with pytest.raises(errors.CannotReach, match=r"password authentication failed.*~/\.pgpass") as refused:
        Ledger.open(address)
    assert "s3cret" not in str(refused.value)
    with pytest.raises(errors.NotALedger):
        Ledger.open(address.replace("s3cret", "right"))


def test_a_commit_is_on_disk_whatever_the_server_was_told(server, beside):
    """A role that does not wait for its commits; the ledger's connections do."""
    server.execute("CREATE ROLE hasty LOGIN SUPERUSER", "ALTER ROLE hasty SET synchronous_commit = off")
    server.execute("ALTER ROLE hasty SET statement_timeout = '1s'")
    store = create_store(address_of(server.address(user="hasty")), {})
    with store._transaction("BEGIN") as connection:
        for name, value in (("synchronous_commit", "on"), ("statement_timeout", "0")):
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
    store.close()


def test_a_server_that_takes_no_writes_says_so(works, server, address):
    server.execute(f"CREATE ROLE {schema(address)}_calm LOGIN SUPERUSER")
    server.execute(f"ALTER ROLE {schema(address)}_calm SET default_transaction_read_only = on")
    ledger = Ledger.open(address.replace("anna@", f"{schema(address)}_calm@"), write=True)
    with ledger, pytest.raises(errors.CannotWrite, match="read-only"), ledger.append(EDGE):
        pass


def test_a_connection_that_was_cut_while_it_rested_is_not_missed(works, server):
    assert works.size == 4
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'checkweigh'")
    assert works.size == 4


def test_backup_and_restore_between_a_file_and_a_database(works, address, server, tmp_path):
    with works.append(EDGE) as batch:
        for number in range(600):
            batch.add("shift", shift(f"s-{number}"))
    works.backup(tmp_path / "copy")
    assert verify(tmp_path / "copy").root == works.root()
    assert not (tmp_path / "copy-wal").exists()
    again = server.address()
    assert restore(tmp_path / "copy", again).root == works.root()
    assert key_path(again).read_text() == key_path(address).read_text()
    assert restore(again, tmp_path / "back").root == works.root()
    for target in (again, tmp_path / "back"):
        with Ledger.open(target, write=True) as ledger, ledger.append(EDGE) as batch:
            batch.add("shift", shift("later"))
        with pytest.raises(errors.Refused, match="exists already"):
            restore(tmp_path / "copy", target)


def test_a_damaged_backup_leaves_nothing_in_the_database(works, server, tmp_path):
    works.backup(tmp_path / "copy")
    with Ledger.open(tmp_path / "copy", write=True) as copy, copy._store.write() as writer:
        writer.put("singles", [(3, writer.get("singles", 3).replace(b"bo", b"ob"))])
    target = server.address()
    with pytest.raises(errors.Broken):
        restore(tmp_path / "copy", target)
    assert not server.execute(f"SELECT FROM pg_tables WHERE schemaname = '{schema(target)}'")
    assert not key_path(target).exists()
    assert restore(address_of(str(works.address)), target).size == 4


def test_without_the_library_the_part_to_install_is_named(tmp_path):
    program = """
import sys
sys.modules["psycopg"] = None
from checkweigh.cli import main
main(["verify", "postgresql://h/w"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'checkweigh[postgresql]'" in done.stderr


def test_every_command_takes_such_an_address(server, beside, tmp_path, run):
    address = server.address()
    (tmp_path / "workers.csv").write_text("id,name,site,from\n4711,Ada Byron,north,2025-01-01\n")
    (tmp_path / "shifts.csv").write_text("worker,job,site,started,quantity\n4711,hew,north,2025-09-01T06:00:00Z,9\n")
    settings = ("--private", "worker")
    said = [
        run("init", address).out,
        run("add", address, "site", *(f"{name}={value}" for name, value in SITE.items())).out,
        run("add", address, "job", *(f"{name}={value}" for name, value in JOB.items())).out,
        run("import", address, tmp_path / "workers.csv", "--kind", "worker", *settings).out,
        run("import", address, tmp_path / "shifts.csv", *settings).out,
        run("log", address).out,
        run("rotate", address).out,
        run("show", "attainment", address, "--columns", "id,quantity").out,
    ]
    with Ledger.open(address) as ledger:
        index = ledger.size - 2
        shift = decode(ledger.entry(index)).id
        said.append(run("receipt", address, index, "--out", tmp_path / "receipt").out)
        said.append(run("verify", tmp_path / "receipt", "--key", ledger.genesis, code=3).err)
    said.append(run("judge", address, shift, "annulled", "--own", "--reason", "two tallies").out)
    said.append(run("verify", address, "--columns").out)
    said.append(run("backup", address, tmp_path / "copy").out)
    assert (
        f"checkweigh add '{address}' site" in said[0] and f"{beside}" in said[0] and f"{key_path(address)}" in said[6]
    )
    assert not [text for text in said if "schema=" in text and schema(address) not in text]
    assert {file.name for file in key_path(address).parent.iterdir()} >= {
        f"{schema(address)}.key",
        f"{schema(address)}.private",
    }


def test_the_commands_of_the_page_do_what_it_says(server, beside, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parent.parent / "docs/postgresql.md").read_text(encoding="utf-8")
    lines = re.findall(r"^checkweigh (.*)$", page, re.M)
    address, again = server.address(), server.address()
    for line in lines:
        line = line.replace("postgresql://anna@db.example/works?schema=north", address)
        line = line.replace("postgresql://anna@db.example/works?schema=again", again)
        run(*shlex.split(line), code=2 if line.startswith("landed") else 0)
    assert len(lines) == 7
    assert verify(again).root == verify("north.ledger").root
