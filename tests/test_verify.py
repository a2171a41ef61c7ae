"""The second path: it finds whatever is not as it was written, and says where."""

import random
import sqlite3

import pyarrow as pa
import pytest

from checkweigh import codec, errors, merkle, snapshot
from checkweigh.checkpoint import Checkpoint, Signer, sign_checkpoint
from checkweigh.ledger import Ledger, key_path
from checkweigh.stores import TABLES, Meta
from checkweigh.verify import verify
from conftest import EDGE, founded, shift


def written(path, count):
    """A closed ledger with bundles, a tile, singles, several runs, batches, and a rotation."""
    with founded(path) as ledger:
        with ledger.append(EDGE) as batch:
            for number in range(count):
                batch.add("shift", shift(f"s{number}"))
        ledger.rotate(EDGE)
        for number in range(count, count + 3):
            with ledger.append(EDGE) as batch:
                batch.add("shift", shift(f"s{number}"))
    return path


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A ledger of 608 entries in two bundles and 96 singles."""
    return written(tmp_path_factory.mktemp("book") / "ledger", 600)


@pytest.fixture
def copy(book, tmp_path):
    (tmp_path / "ledger").write_bytes(book.read_bytes())
    (tmp_path / "ledger.key").write_bytes(key_path(book).read_bytes())
    return tmp_path / "ledger"


def rows(path):
    """Every stored value: (table, number, bytes)."""
    connection = sqlite3.connect(path)
    found = [(table, *row) for table in TABLES for row in connection.execute(f"SELECT number, data FROM {table}")]
    connection.close()
    return found


def change(path, statement, *values):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def reads(path):
    """What every read of a ledger returns."""
    with Ledger.open(path) as ledger:
        size = ledger.size
        entries = [data for _, data in ledger.entries()]
        bulk = [text for _, texts in ledger.bundles() for text in texts.to_pylist()]
        proofs = [ledger.inclusion_proof(index, size) for index in (0, 250, size - 1)]
        proofs.append(ledger.consistency_proof(100, size))
        return (
            size,
            ledger.recorded,
            ledger.checkpoint(),
            ledger.verifier,
            entries,
            bulk,
            proofs,
            ledger.find("shift", "s7"),
        )


def test_a_good_ledger_is_reported(book):
    seen = []
    report = verify(book, progress=lambda done, total: seen.append((done, total)))
    assert (report.size, report.batches, report.recorded, report.findings) == (608, 6, "2026-01-01T00:00:00Z", ())
    assert report.kinds == {"site": 1, "job": 1, "worker": 2, "shift": 603, "key": 1}
    assert len(report.verifiers) == 2
    assert seen == [(0, 608), (256, 608), (608, 608)]
    with Ledger.open(book) as ledger:
        assert (report.root, report.origin, report.checkpoint) == (ledger.root(), ledger.origin, ledger.checkpoint())


def test_an_empty_ledger_verifies(tmp_path):
    Ledger.create(tmp_path / "ledger", edge=EDGE).close()
    assert verify(tmp_path / "ledger").size == 0


def flips(path, every):
    """(table, number, changed bytes): each stored value with one bit flipped, `every` bit or a sample of them."""
    for table, number, data in rows(path):
        bits = range(len(data) * 8)
        sample = bits if every else random.Random(number).sample(bits, min(4 if table == "singles" else 12, len(bits)))
        for bit in sample:
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            yield table, number, bytes(changed)


def check_flips(copy, every):
    """Each flip is found by `verify`, or changes nothing that any read returns. Returns how many were harmless."""
    before, harmless = reads(copy), 0
    original = {(table, number): data for table, number, data in rows(copy)}
    for table, number, changed in flips(copy, every):
        change(copy, f"UPDATE {table} SET data = ? WHERE number = ?", changed, number)
        try:
            verify(copy)
        except errors.CheckweighError as error:
            # A format number that is changed to a newer one is refused as such; everything else is damage.
            assert isinstance(error, errors.Broken | errors.NotALedger | errors.BadKey), (table, number)
        else:
            assert table == "bundles"
            assert reads(copy) == before, (table, number)
            harmless += 1
        change(copy, f"UPDATE {table} SET data = ? WHERE number = ?", original[table, number], number)
    verify(copy)
    return harmless


def test_flipped_bits_are_found(tmp_path):
    check_flips(written(tmp_path / "ledger", 256), every=False)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_every_flipped_bit_is_found(tmp_path):
    check_flips(written(tmp_path / "ledger", 256), every=True)


@pytest.mark.parametrize("table", TABLES)
def test_what_is_missing_doubled_or_added_is_found(copy, table):
    for name, number, data in rows(copy):
        if name != table:
            continue
        change(copy, f"DELETE FROM {table} WHERE number = ?", number)
        with pytest.raises(errors.CheckweighError):
            verify(copy)
        change(copy, f"INSERT INTO {table} VALUES (?, ?)", number, data)
    for number in (-1, 2**40, 2**62):
        change(copy, f"INSERT INTO {table} VALUES (?, ?)", number, b"x")
        with pytest.raises(errors.Broken, match=table):
            verify(copy)
        change(copy, f"DELETE FROM {table} WHERE number = ?", number)
    verify(copy)


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE bundles SET data = (SELECT data FROM bundles WHERE number = 0) WHERE number = 1", "identities, run"),
        ("UPDATE bundles SET data = x'00' WHERE number = 1", "bundle 1"),
        ("UPDATE tiles SET data = CAST(data || x'00' AS BLOB)", "tile 1/0"),
        ("UPDATE singles SET data = CAST('{}' AS BLOB) WHERE number = 600", r"entry 600 .table singles, row 600"),
        ("UPDATE batches SET data = zeroblob(40) WHERE number = 4", "batches, row 4"),
        ("UPDATE identities SET data = CAST(data || zeroblob(8) AS BLOB)", "identities, run"),
        ("UPDATE meta SET data = CAST('2025-01-01T00:00:00Z' AS BLOB) WHERE number = 3", "last entry was recorded"),
        ("UPDATE meta SET data = CAST('1 0 5 5' || char(10) AS BLOB) WHERE number = 4", "runs of identities|identities, run"),
        ("UPDATE meta SET data = x'ff' WHERE number = 2", "not UTF-8"),
        ("UPDATE meta SET data = CAST('01' AS BLOB) WHERE number = 0", "format"),
    ],
)  # fmt: skip
def test_the_place_is_named(copy, statement, match):
    change(copy, statement)
    with pytest.raises(errors.Broken, match=match):
        verify(copy)


def forge(path, entries):
    """Write a ledger's entries anew with its own key: what somebody who holds the key can do."""
    signer = Signer.parse(key_path(path).read_text())
    with Ledger.open(path, write=True) as ledger, ledger._store.write() as writer:
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        root = merkle.Frontier(0, [])
        root.add(leaves)
        writer.put("singles", enumerate(entries))
        writer.put("batches", [(len(entries), bytes(8) + root.root())])
        for number in range(1, len(entries)):
            writer.delete("batches", number, number + 1)
        note = sign_checkpoint(Checkpoint(signer.name, len(entries), root.root()), signer)
        writer.put("meta", [(Meta.CHECKPOINT, note.encode())])


@pytest.fixture
def small(tmp_path):
    """A closed ledger of six entries, all of them single."""
    with founded(tmp_path / "ledger") as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("s"))
        batch.add("shift", shift("t"))
    return tmp_path / "ledger"


def entries_of(path):
    with Ledger.open(path) as ledger:
        return [data for _, data in ledger.entries()]


def test_an_entry_that_is_not_canonical_is_found_although_it_is_signed(small):
    entries = entries_of(small)
    forge(small, [*entries[:5], entries[5].replace(b'"7"', b'"7.0"')])
    with pytest.raises(errors.Broken, match=r"entry 5 .table singles, row 5"):
        verify(small)


def test_recorded_that_decreases_is_found_although_it_is_signed(small):
    entries = entries_of(small)
    forge(small, [*entries[:5], entries[5].replace(b"2026-01-01T00:00:00Z", b"2025-12-31T23:59:59.5Z")])
    with pytest.raises(errors.Broken, match=r"entry 5 was recorded at 2025-12-31T23:59:59.5Z, before"):
        verify(small)


def test_a_repeated_identity_is_a_finding_and_the_first_counts(small, monkeypatch):
    monkeypatch.setattr("checkweigh.holdings.Holdings.check", lambda self, index, entry: None)
    with Ledger.open(small, write=True) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s", quantity="99"))
            assert batch.standing("shift", pa.array(["s"])).to_pylist() == [4]
        assert ledger.find("shift", "s") == [4, 6]
    (finding,) = verify(small).findings
    assert (finding.code, finding.index) == ("repeated identity", 6)
    assert "entry 4 stands for" in finding.message


@pytest.mark.parametrize(
    ("replaces", "said"),
    [(5, "shift of another identity"), (1, "a job of another"), (6, "comes later"), (99, "comes later")],
)
def test_a_replacement_of_something_else_is_a_finding(small, monkeypatch, replaces, said):
    monkeypatch.setattr("checkweigh.holdings.Holdings.check", lambda self, index, entry: None)
    with Ledger.open(small, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("new", replaces=replaces, note="n"))
        batch.add("shift", shift("new", replaces=6, note="n"))
    (finding,) = verify(small).findings
    assert (finding.code, finding.index) == ("strange replacement", 6) and said in finding.message


@pytest.mark.parametrize("text", ["2026-01", "2026-01-01", "soon"])
def test_a_damaged_moment_is_told(small, text):
    with Ledger.open(small, write=True) as ledger:
        with ledger._store.write() as writer:
            writer.put("meta", [(3, text.encode())])
        with pytest.raises(errors.Broken, match="is no moment"), ledger.append(EDGE):
            pass


def test_rewritten_history_is_found_with_an_older_checkpoint(small):
    with Ledger.open(small) as ledger:
        kept = ledger.checkpoint()
    with Ledger.open(small, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("u"))
    assert verify(small, against=kept).size == 7
    entries = entries_of(small)
    other = entries[5].replace(b'"7"', b'"8"')
    forge(small, [*entries[:5], other, entries[6]])
    assert verify_without_index(small)
    with pytest.raises(errors.Broken, match="history was rewritten: at size 6"):
        verify(small, against=kept)


def verify_without_index(path):
    """A forged ledger of the same identities verifies by itself: only an older checkpoint shows what was done."""
    return verify(path).size == 7


def test_a_ledger_that_was_cut_short_is_found_with_an_older_checkpoint(small, tmp_path):
    with Ledger.open(small) as ledger:
        ledger.backup(tmp_path / "early")
    with Ledger.open(small, write=True) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("u"))
        kept = ledger.checkpoint()
    with pytest.raises(errors.Broken, match="entries are gone"):
        verify(tmp_path / "early", against=kept)
    with founded(tmp_path / "other") as other, pytest.raises(errors.Broken, match=r"another ledger|not signed by"):
        verify(other.address, against=kept)


def test_a_rotation_that_the_old_key_did_not_sign_is_found(small, monkeypatch):
    monkeypatch.setattr("checkweigh.batch.sign_rotation", lambda *given: "A" * 86 + "==")
    with Ledger.open(small, write=True) as ledger:
        ledger.rotate(EDGE)
    with pytest.raises(errors.BadSignature, match="entry 6: the rotation"):
        verify(small)
    with pytest.raises(errors.BadSignature):
        Ledger.open(small)


def test_no_read_survives_a_broken_bundle(copy):
    change(copy, "UPDATE bundles SET data = (SELECT data FROM tiles) WHERE number = 1")
    with Ledger.open(copy) as ledger:
        assert codec.decode(ledger.entry(3))
        for read in (
            lambda: ledger.entry(300),
            lambda: list(ledger.entries()),
            lambda: list(ledger.bundles()),
            lambda: ledger.inclusion_proof(300, 600),
        ):
            with pytest.raises(errors.Broken, match="bundle 1"):
                read()


def test_a_bundle_that_claims_to_be_huge_is_not_unpacked(copy):
    frame = bytes.fromhex("28b52ffda000ffffffff")
    with pytest.raises(errors.Broken, match=r"no credible size|cannot be decompressed"):
        snapshot.bundles.unpack(frame + bytes(20), "here")
