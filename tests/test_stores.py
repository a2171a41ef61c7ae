"""What every store promises, run over each store; and what only a file can go wrong with."""

import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from checkweigh import errors
from checkweigh.address import address_of
from checkweigh.stores import TABLES, Meta
from checkweigh.stores import sqlite as sqlite_store
from checkweigh.stores.opening import copy_store, create_store, discard_store, open_store
from checkweigh.stores.sqlite import SQLiteStore

FACTS = {Meta.CHECKPOINT: b"note"}


@pytest.fixture
def make(where):
    """(a new store, a function that opens it again)"""
    address = address_of(where)
    store = create_store(address, FACTS)
    yield store, lambda **options: open_store(address, **options)
    store.close()


def put(store, table, rows):
    with store.write() as writer:
        writer.put(table, rows)


def scanned(store, table, *bounds):
    with store.read() as reader:
        return list(reader.scan(table, *bounds))


def test_bytes_come_back_by_number_in_order(make):
    store, _ = make
    for table in TABLES:
        put(store, table, [(40, b"x"), (7, bytes(70_000)), (2**62, b"")])
        assert scanned(store, table, 7) == [(7, bytes(70_000)), (40, b"x"), (2**62, b"")]
        assert scanned(store, table, 7, 40) == [(7, bytes(70_000))]
        with store.read() as reader:
            assert (reader.get(table, 40), reader.get(table, 41)) == (b"x", None)


def test_put_replaces_and_delete_removes(make):
    store, _ = make
    put(store, "tiles", [(1, b"a"), (2, b"b"), (3, b"c")])
    with store.write() as writer:
        writer.put("tiles", [(2, b"new")])
        writer.delete("tiles", 3, 4)
        assert list(writer.scan("tiles")) == [(1, b"a"), (2, b"new")]
    assert scanned(store, "tiles") == [(1, b"a"), (2, b"new")]


def test_many_rows_are_put_and_replaced_like_few(make):
    store, _ = make
    rows = {number: bytes([number % 251]) * (number % 3000) for number in range(2000)}
    put(store, "bundles", iter(rows.items()))
    put(store, "bundles", [(5, b"old"), *((number, b"new") for number in range(0, 2000, 7)), (5, b"twice")])
    expected = {**rows, **dict.fromkeys(range(0, 2000, 7), b"new"), 5: b"twice"}
    assert scanned(store, "bundles") == sorted(expected.items())
    assert scanned(store, "bundles", 1000, 1900) == sorted(expected.items())[1000:1900]


def test_what_is_there_is_never_made_again(make, where):
    store, _ = make
    put(store, "tiles", [(1, b"a")])
    with pytest.raises(errors.Refused, match="exists already"):
        create_store(address_of(where), FACTS)
    assert scanned(store, "tiles") == [(1, b"a")]


def test_a_store_is_made_whole_or_not_at_all(make, tmp_path, server, beside):
    store, _ = make
    put(store, "tiles", [(number, bytes(100)) for number in range(-3, 700)])
    for target in (address_of(tmp_path / "copy"), address_of(server.address())):

        def fail(writer):
            writer.put("tiles", [(1, b"a")])
            raise KeyError

        with pytest.raises(KeyError):
            create_store(target, FACTS, fill=fail)
        with pytest.raises(errors.NotALedger):
            open_store(target)
        copy_store(store, target)
        copied = open_store(target)
        assert all(scanned(copied, table, -(2**63)) == scanned(store, table, -(2**63)) for table in TABLES)
        copied.close()
        discard_store(target)
        with pytest.raises(errors.NotALedger):
            open_store(target)


def test_an_exception_undoes_the_transaction_whole(make):
    store, _ = make
    with pytest.raises(KeyError), store.write() as writer:
        writer.put("tiles", [(1, b"a")])
        raise KeyError
    assert scanned(store, "tiles") == []
    put(store, "tiles", [(1, b"b")])


def test_a_snapshot_does_not_see_what_is_written_meanwhile(make):
    store, _ = make
    put(store, "tiles", [(1, b"a")])
    with store.read() as reader:
        assert reader.get("tiles", 1) == b"a"
        put(store, "tiles", [(1, b"b"), (2, b"b")])
        assert list(reader.scan("tiles")) == [(1, b"a")]
    assert scanned(store, "tiles") == [(1, b"b"), (2, b"b")]


def test_a_second_writer_waits_and_then_is_told(make):
    store, reopen = make
    other = reopen(wait_seconds=0.1)
    with store.write() as writer:
        writer.put("tiles", [(1, b"a")])
        with pytest.raises(errors.Busy, match="another process is writing"), other.write():
            pass
    with other.write() as writer:
        assert writer.get("tiles", 1) == b"a"
    other.close()


def test_writers_in_many_threads_take_turns(make):
    store, _ = make

    def count():
        for _ in range(20):
            with store.write() as writer:
                before = int(writer.get("tiles", 1) or b"0")
                writer.put("tiles", [(1, str(before + 1).encode())])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scanned(store, "tiles") == [(1, b"80")]


def test_an_abandoned_scan_lets_go_of_its_snapshot(make):
    store, _ = make
    put(store, "tiles", [(number, b"a") for number in range(1000)])
    with store.read() as reader:
        next(reader.scan("tiles"))
    put(store, "tiles", [(1, b"b")])


# What only a file can go wrong with.


@pytest.fixture
def path(tmp_path):
    SQLiteStore.create(tmp_path / "ledger", FACTS).close()
    return tmp_path / "ledger"


def test_the_closed_file_is_complete_in_one_piece(path, tmp_path):
    store = SQLiteStore.open(path)
    put(store, "tiles", [(1, b"a")])
    assert (tmp_path / "ledger-wal").exists()
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["ledger"]
    shutil.copy(path, tmp_path / "copy")
    copy = SQLiteStore.open(tmp_path / "copy")
    assert scanned(copy, "tiles") == [(1, b"a")]
    copy.close()


def test_an_existing_file_is_never_overwritten(path):
    before = path.read_bytes()
    with pytest.raises(errors.Refused, match="exists already"):
        SQLiteStore.create(path, FACTS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("what", ["missing", "directory", "empty", "text", "database", "newer", "begun"])
def test_what_is_no_ledger_is_refused_and_left_alone(tmp_path, what):
    path = tmp_path / "ledger"
    makers = {
        "missing": lambda: None,
        "directory": path.mkdir,
        "empty": path.touch,
        "text": lambda: path.write_text("quota,7\n" * 100),
        "database": lambda: execute(path, "CREATE TABLE meta (number, data)"),
        "newer": lambda: (
            SQLiteStore.create(path, FACTS).close(),
            execute(path, "UPDATE meta SET data=x'3939' WHERE number=0"),
        ),
        "begun": lambda: execute(
            path, f"PRAGMA application_id={sqlite_store.APPLICATION}", "CREATE TABLE tiles (number, data)"
        ),
    }
    messages = {
        "missing": "does not exist", "directory": "is a directory", "empty": "is an empty file", "text": "other program's",
        "database": "other program's", "newer": "format 99.*newer Checkweigh", "begun": "never finished",
    }  # fmt: skip
    makers[what]()
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(errors.NotALedger, match=messages[what]):
        SQLiteStore.open(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert {file.name for file in tmp_path.iterdir()} <= {"ledger"}


def execute(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_page_of_noise_is_reported_as_damage(path):
    store = SQLiteStore.open(path)
    put(store, "tiles", [(number, bytes(3000)) for number in range(200)])
    store.close()
    data = bytearray(path.read_bytes())
    data[8192:-4096] = b"\xff" * len(data[8192:-4096])
    path.write_bytes(data)
    with pytest.raises(errors.Broken, match="damaged"):
        SQLiteStore.open(path)


def test_a_damaged_list_of_tables_is_reported_as_damage(path):
    """SQLite quotes the words that it cannot make sense of, whatever bytes they are."""
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE TABL\xff"))
    with pytest.raises(errors.Broken, match="damaged"):
        SQLiteStore.open(path)


def test_a_number_where_bytes_belong_is_damage(path):
    execute(
        path, "PRAGMA writable_schema=1", "UPDATE sqlite_master SET sql=replace(sql, 'STRICT', '') WHERE name='tiles'"
    )
    execute(path, "INSERT INTO tiles VALUES (1, 17)")
    store = SQLiteStore.open(path)
    with pytest.raises(errors.Broken, match="table tiles, row 1 holds a int"):
        scanned(store, "tiles")
    store.close()


@pytest.fixture
def read_only(path, tmp_path):
    """The directory of the ledger, mounted where nothing can be written."""
    target = tmp_path.parent / f"{tmp_path.name}-read-only"
    target.mkdir()
    if mounted := mount(tmp_path, target):
        yield target
        subprocess.run(["umount", target], check=True)
    tmp_path.chmod(0o500)
    if not mounted and not os.access(tmp_path, os.W_OK):
        yield tmp_path
    elif not mounted:
        pytest.skip("neither mounting nor taking away rights makes a read-only place for this user")
    tmp_path.chmod(0o700)


def mount(path, target):
    """Whether a directory could be mounted read-only."""
    command = ["mount", "--bind", "-o", "ro", path, target]
    return shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_reading_works_on_a_read_only_disk_and_writing_is_refused(read_only):
    store = SQLiteStore.open(read_only / "ledger")
    with store.read() as reader:
        assert reader.get("meta", Meta.CHECKPOINT) == b"note"
    with pytest.raises(errors.CannotWrite, match="disk did not take it"), store.write() as writer:
        writer.put("tiles", [(1, b"a")])
    with pytest.raises(errors.CannotWrite):
        SQLiteStore.create(read_only / "new", FACTS)
    store.close()


def test_what_is_still_in_the_wal_file_is_read_on_a_read_only_disk(path, read_only):
    store = SQLiteStore.open(path)
    put(store, "tiles", [(1, b"a")])
    Path(f"{path}-shm").unlink()
    reader = SQLiteStore.open(read_only / "ledger")
    assert scanned(reader, "tiles") == [(1, b"a")]
    reader.close()
    store.close()


def test_a_copy_is_complete_while_others_write(path, tmp_path):
    store = SQLiteStore.open(path)
    put(store, "tiles", [(1, b"a")])
    store.copy(tmp_path / "copy")
    assert not (tmp_path / "copy-wal").exists()
    copy = SQLiteStore.open(tmp_path / "copy")
    assert scanned(copy, "tiles") == [(1, b"a")]
    with pytest.raises(errors.Refused, match="exists already"):
        store.copy(tmp_path / "copy")
    with pytest.raises(errors.CannotWrite, match="cannot be made"):
        store.copy(tmp_path / "nowhere" / "copy")
    copy.close()
    store.close()


def test_a_file_says_whose_state_a_writer_finds(path):
    store, other = SQLiteStore.open(path), SQLiteStore.open(path)
    found = []
    for one in (store, store, store, other, store, store):
        with one.write() as writer:
            found.append((writer.after, writer.number))
            writer.put("tiles", [(1, b"a")])
    with pytest.raises(KeyError), store.write() as writer:
        writer.put("tiles", [(1, b"b")])
        raise KeyError
    with store.write() as writer:
        assert (writer.get("tiles", 1), writer.after) == (b"a", None)
    numbers = [number for _, number in found]
    assert [after for after, _ in found] == [None, numbers[0], numbers[1], None, None, numbers[4]]
    assert len(set(numbers)) == len(numbers)
    store.close()
    other.close()
