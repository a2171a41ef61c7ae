"""Fuzzing of ledgers and of what stands beside them: damaged files, rows, keys, people, columns and receipts are refused, or broken.

What is still read of a damaged ledger may be wrong only where `verify` says so: a ledger that verifies holds what was written.
"""

import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import cli, columns, cosigned, receipt, tables
from checkweigh.checkpoint import COSIGNATURE, Signer, Verifier, cosign
from checkweigh.derived import DERIVED
from checkweigh.ledger import Ledger, key_path
from checkweigh.people import People, private_path
from checkweigh.restore import restore
from checkweigh.stores import TABLES
from checkweigh.verify import verify
from conftest import EDGE, NOW, founded, shift, shifts
from damage import changes, damaged, examples, fractions, promised

WITNESS = Signer("witness.example", bytes(32))
WITNESS_KEY = Verifier(WITNESS.name, WITNESS.verifier.public, COSIGNATURE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A ledger with bundles, singles, tiles, several runs, a rotation and a private worker; and all its entries."""
    path = tmp_path_factory.mktemp("whole") / "ledger"
    with founded(path) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add_table("shift", shifts([f"s{number}" for number in range(600)]))
        ledger.rotate(EDGE)
        with ledger.append(EDGE) as batch:
            batch.add("verdict", {"shift": "s7", "ruling": "annulled", "reason": "two tallies"})
            batch.add("shift", shift("s8", replaces=12, note="misread"))
        with People.open(path, create=True) as people, people.enrolling():
            people.enrol("4711", "Ada Byron", lambda count: bytes(count))
        written = [data for _, data in ledger.entries()]
    return Whole(path, written)


class Whole(tuple):
    """A ledger's path and all of its entries, which nobody wants to see printed."""

    def __new__(cls, *parts):
        return super().__new__(cls, parts)

    def __repr__(self):
        return "whole"


@contextmanager
def copied(path):
    """A copy of a ledger, and of what stands beside it, in a directory of its own."""
    with tempfile.TemporaryDirectory() as place:
        for file in path.parent.iterdir():
            if file.is_file():
                shutil.copy(file, place)
        yield Path(place) / path.name


def everything(target, path, written):
    """Ask a ledger that may be damaged for everything, each for itself."""
    sound = False
    with promised(target):
        verify(path)
        sound = True
    with promised(target), Ledger.open(path) as ledger:
        for ask in (
            lambda: [data for _, data in ledger.entries()], lambda: [text for _, texts in ledger.bundles() for text in texts.to_pylist()],
            lambda: ledger.find("shift", "s8"), lambda: ledger.find("worker", "ada"), lambda: ledger.size_at(NOW), lambda: ledger.verifier,
            lambda: ledger.inclusion_proof(300, ledger.size), lambda: ledger.consistency_proof(256, ledger.size), ledger.erased,
            lambda: ledger.root(517),
        ):  # fmt: skip
            with promised(target):
                found = ask()
                if sound and isinstance(found, list) and len(found) > 100 and isinstance(found[0], bytes):
                    assert found == written, "a ledger that verifies holds what was written"
    with promised(target), Ledger.open(path, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("new"))
        batch.standing("shift", shifts([f"s{number}" for number in range(300)])["id"])
        batch.add_table("shift", shifts([f"n{number}" for number in range(5)]))
    back = path.with_name("back")
    try:
        with promised(target):
            restore(path, back)
            assert sound or verify(back), "what is restored verifies"
    finally:
        if back.exists():
            verify(back)


@given(changes)
@examples(12)
def test_damaged_files(whole, change):
    path, written = whole
    with copied(path) as copy:
        copy.write_bytes(change.of([path.read_bytes()]))
        everything("ledger files", copy, written)


@given(st.sampled_from(TABLES), fractions, changes, st.sampled_from((0, 0, 0, 1, -1, 2**40)))
@examples(20)
def test_damaged_rows(whole, table, which, change, moved):
    path, written = whole
    with copied(path) as copy:
        connection = sqlite3.connect(copy, isolation_level=None)
        rows = connection.execute(f"SELECT number, data FROM {table} ORDER BY number").fetchall()
        number, data = rows[int(which * len(rows))]
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (number + moved, change.of([data])))
        connection.close()
        everything("ledger rows", copy, written)


@given(changes)
@examples(30)
def test_damaged_keys(whole, change):
    path, _ = whole
    with copied(path) as copy:
        key_path(copy).write_bytes(change.of([key_path(path).read_bytes()]))
        with promised("key files"), Ledger.open(copy, write=True) as ledger, ledger.append(EDGE) as batch:
            batch.add("shift", shift("new"))
        verify(copy)


@given(changes)
@examples(25)
def test_damaged_people(whole, change):
    path, _ = whole
    with copied(path) as copy:
        private_path(copy).write_bytes(change.of([private_path(path).read_bytes()]))
        with promised("people"), People.open(copy) as people:
            for worker in people.by_payroll(["4711"]).values():
                assert people.find(worker)
                people.erase(worker)
            with people.enrolling():
                people.enrol("12", "Bo", EDGE.random)
            people.arrived()
            people.settle(lambda worker: False)


@pytest.fixture(scope="module")
def proven(whole):
    """Receipts of a ledger, one of them cosigned, with the key that signs them."""
    path, _ = whole
    with Ledger.open(path) as ledger, ledger.snapshot() as snapshot:
        keys = [Verifier.parse(ledger.verifier)]
        plain = [receipt.of_entry(snapshot, index, keys).encode() for index in (0, 300, snapshot.size - 1)]
        note = cosign(ledger.checkpoint(), WITNESS, 1_767_225_600)
        return Whole(keys[0], [*plain, receipt.of_entry(snapshot, 5, keys, [note]).encode()])


@given(changes, st.booleans())
@examples(150)
def test_receipts(proven, change, demanded):
    key, receipts = proven
    content = change.of(receipts)
    with promised("receipts"):
        found = receipt.Receipt.parse(content)
        assert found.encode() == content
        receipt.needed_key(found)
        receipt.check(found, key, [WITNESS_KEY] if demanded else [], [found] if content[-1] % 2 else [])
        if content not in receipts:
            cosignatures = [
                line for one in receipts for line in one.split(b"\n") if line.startswith("— witness".encode())
            ]
            left = [
                line
                for line in content.split(b"\n")
                if not line.startswith("— ".encode()) or line in b"".join(receipts)
            ]
            assert not demanded and any(set(left) <= set(one.split(b"\n")) for one in receipts), (content, cosignatures)


@given(damaged([f"# ours\nhttps://w.example {WITNESS_KEY}\n".encode()]), changes)
@examples(40)
def test_what_witnesses_said(whole, listed, change):
    path, _ = whole
    with Ledger.open(path) as ledger:
        note = cosign(ledger.checkpoint(), WITNESS, 1_767_225_600)
    with copied(path) as copy:
        cosigned.witnesses_path(copy).write_bytes(listed)
        cosigned.directory_of(copy).mkdir()
        (cosigned.directory_of(copy) / "607.checkpoint").write_bytes(change.of([note.encode()]))
        with promised("witnesses"):
            cosigned.witnesses(copy)
        for ask in (
            cosigned.newest,
            lambda where: cosigned.newest(where, WITNESS_KEY),
            lambda where: cosigned.keep(where, note),
        ):
            with promised("cosigned checkpoints"):
                ask(copy)


# Columns: a cache that anything may have happened to.


@pytest.fixture
def segments(whole, monkeypatch):
    """The ledger with its columns in short segments; and the right answer."""
    path, _ = whole
    monkeypatch.setattr(columns, "SEGMENT", 256)
    with copied(path) as copy, Ledger.open(copy) as ledger:
        columns.build(ledger, columns.directory_of(copy))
        yield Whole(ledger, columns.directory_of(copy), shown(ledger))


def shown(ledger):
    return tables.collect(tables.at(ledger).shift).sort_by("entry")


@given(st.sampled_from(("segment.json", "shift.parquet", "worker.parquet")), changes)
@examples(8)
def test_damaged_columns(segments, name, change):
    ledger, home, expected = segments
    file = sorted(home.glob(f"*/{name}"))[0]
    before = file.read_bytes()
    file.write_bytes(change.of([before]))
    try:
        with promised("columns"):
            shown(ledger)
        with promised("columns"):
            tables.collect(DERIVED["attainment"].derive(tables.at(ledger)))
    finally:
        if file.exists():
            file.write_bytes(before)
    assert shown(ledger) == expected


# The command line: whatever a file holds, the exit is one that was promised.

COMMANDS = {
    "against": "verify {ledger} --against {file}", "receipt": "verify {file} --key {key}", "key": "verify {ledger} --key {text}",
    "settings": "import {ledger} {file} --settings {file}", "ledger": "log {file}", "table": "show attainment {file}",
    "at": "show attainment {ledger} --at={text}", "about": "log {ledger} --about={text}", "landed": "landed {ledger} {text}",
    "entry": "receipt {ledger} {text} --out {out}",
    "add": "add {ledger} shift id=x worker=ada job=hew site=north started={text} quantity={text}",
}  # fmt: skip


@given(st.sampled_from(sorted(COMMANDS)), changes)
@examples(25)
def test_commands(whole, proven, capsys, command, change):
    path, _ = whole
    key, receipts = proven
    with Ledger.open(path) as ledger:
        seeds = [
            ledger.checkpoint().encode(),
            receipts[0],
            b'kind = "shift"\n',
            b"2026-01-01T00:00",
            b"607",
            str(key).encode(),
        ]
    content = change.of(seeds)
    with copied(path) as copy:
        file = copy.with_name("file")
        file.write_bytes(content)
        text = content.decode("utf-8", "surrogateescape").replace("\x00", "")
        values = {"{ledger}": str(copy), "{file}": str(file), "{key}": str(key), "{out}": str(copy.with_name("out"))}
        arguments = [values.get(word, word.replace("{text}", text)) for word in COMMANDS[command].split()]
        with promised("commands"), pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        told = capsys.readouterr()
        assert ended.value.code in (None, 0, 2, 3), told.err
        assert "Traceback" not in told.out + told.err
