"""Receipts: they hold far from the ledger, nothing that is changed in them passes, and they catch a ledger that rewrites its past."""

import base64
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from checkweigh import cosigned as kept
from checkweigh import merkle, receipt
from checkweigh.checkpoint import COSIGNATURE, Checkpoint, Signer, Verifier, cosign, sign_checkpoint
from checkweigh.errors import BadKey, BadProof, BadReceipt, BadSignature, Broken, Refused
from checkweigh.kinds import Shift
from checkweigh.ledger import Ledger, verifiers
from checkweigh.receipt import Receipt, check, of_entry
from conftest import EDGE, founded, shift
from reading_tiles import NotALog, proven
from test_verify import change, forge

SIGNER = Signer("mine.example/north", bytes(range(32)))
WITNESSES = [Signer("witness.example/w1", bytes(32)), Signer("witness.example/w2", bytes([1] * 32))]
MOMENT = 1_700_000_000


def witness_key(signer):
    """What a witness gives to whoever wants to demand its cosignature."""
    return Verifier(signer.name, signer.verifier.public, COSIGNATURE)


DEMANDED = [witness_key(signer) for signer in WITNESSES]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A ledger of 404 entries: a bundle, and singles."""
    path = tmp_path_factory.mktemp("book") / "ledger"
    with founded(path) as ledger, ledger.append(EDGE) as batch:
        for number in range(400):
            batch.add("shift", shift(f"s{number}"))
    return path


def taken(path, index):
    """The receipt of an entry, and the key that its owner was given."""
    with Ledger.open(path) as ledger, ledger.snapshot() as snapshot:
        return of_entry(snapshot, index, verifiers(snapshot)), Verifier.parse(ledger.genesis)


def cosigned(one):
    """The receipt with the cosignatures of two witnesses."""
    note = one.note
    for number, signer in enumerate(WITNESSES):
        note = cosign(note, signer, MOMENT + number)
    return replace(one, note=note)


def refusal(data, key, witnesses=()):
    """Why these bytes are refused as a receipt; None when they are not."""
    try:
        check(Receipt.parse(data), key, witnesses)
    except Broken as error:
        return error
    return None


def flips(data):
    """Every file that differs in one bit, with the place of the byte."""
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit // 8, bytes(changed)


def test_the_example_of_the_docstring():
    text = receipt.__doc__
    key = re.search(r"verifier key (\S+\+\S+):", text).group(1)
    start, stop = text.rindex("    c2sp.org/tlog-proof@v1"), text.index("\nA receipt proves")
    one = Receipt.parse(re.sub(r"^ {4}", "", text[start:stop], flags=re.M).encode())
    proven = check(one, Verifier.parse(key))
    assert (one.index, one.checkpoint.size, proven.entry.worker) == (1, 2, "bo")


@pytest.mark.parametrize("index", [0, 4, 255, 256, 403])
def test_a_receipt_comes_back_and_holds(book, index):
    one, key = taken(book, index)
    assert Receipt.parse(one.encode()) == one
    proven = check(one, key)
    with Ledger.open(book) as ledger:
        assert (one.entry, one.checkpoint.root) == (ledger.entry(index), ledger.root())
    assert (proven.key, proven.cosigned) == (key, ())


@pytest.mark.parametrize("index", [0, 255, 256, 403])
def test_a_reader_that_shares_no_code_finds_the_same_proven(book, index):
    one, key = taken(book, index)
    text = cosigned(one).encode().decode()
    assert proven(text, str(key)) == (one.entry, index)
    for old, new in [(f"index {index}", f"index {index + 1}"), ("\n404\n", "\n405\n"), ("extra e", "extra f")]:
        with pytest.raises(NotALog):
            proven(text.replace(old, new), str(key))


def test_the_only_entry_of_a_ledger_has_a_receipt_without_hashes(tmp_path):
    with Ledger.create(tmp_path / "ledger", edge=EDGE) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("site", {"id": "n", "name": "N", "industry": "coal", "timezone": "UTC"})
        key = Verifier.parse(ledger.genesis)
    one, _ = taken(tmp_path / "ledger", 0)
    assert one.proof == () and refusal(one.encode(), key) is None
    assert refusal(one.encode().replace(b"index 0\n", b"index 1\n"), key)


def test_every_flipped_bit_of_a_receipt_is_refused(book):
    one, key = taken(book, 257)
    data = one.encode()
    assert refusal(data, key) is None
    passed = [place for place, changed in flips(data) if refusal(changed, key) is None]
    assert not passed


def test_every_flipped_bit_is_refused_in_cosignatures_too_when_they_are_demanded(book):
    one, key = taken(book, 257)
    data = cosigned(one).encode()
    assert [found.moment for found in check(Receipt.parse(data), key, DEMANDED).cosigned] == [MOMENT, MOMENT + 1]
    outside = len(one.encode())
    for place, changed in flips(data):
        assert refusal(changed, key, DEMANDED), place
        assert place >= outside or refusal(changed, key), place


def test_every_receipt_that_is_cut_short_or_goes_on_is_refused(book):
    one, key = taken(book, 5)
    data = one.encode()
    assert not [size for size in range(len(data)) if refusal(data[:size], key) is None]
    assert refusal(data + b"\n", key) and refusal(data + data, key) and refusal(b"\n" + data, key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 5\n", b"index 05\n"), (b"index 5\n", b"index +5\n"), (b"index 5\n", b"index  5\n"), (b"index 5\n", b"index 5 \n"),
        (b"index 5\n", b"index \xd9\xa5\n"), (b"index 5\n", b"index 4\n"), (b"index 5\n", b"index 404\n"), (b"index 5\n", b""),
        (b"index 5\n", b"index " + b"9" * 5000 + b"\n"), (b"\nextra ", b"\nother "), (b"\nextra ", b"\nextra \n"), (b"@v1", b"@v2"),
        (b"=\n\n", b"=\n\n\n"), (b"=\n\n", b"=\n"), (b"\n404\n", b"\n0404\n"), (b"\n404\n", b"\n405\n"), (b"\n404\n", b"\n-1\n"),
        (b"\n", b"\r\n"),
    ],
)  # fmt: skip
def test_there_is_one_way_to_write_a_receipt(book, old, new):
    one, key = taken(book, 5)
    data = one.encode()
    assert old in data and refusal(data.replace(old, new), key)


def test_base64_has_one_spelling(book):
    one, key = taken(book, 5)
    entry = base64.b64encode(one.entry + b" ")  # a blank so that it ends in an "=" or two
    for padded in (entry, base64.b64encode(one.entry + b"  ")):
        loose = padded.rstrip(b"=")
        last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(loose[-1:])
        if loose == padded:
            continue
        stray = loose[:-1] + b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[last + 1 : last + 2]
        data = one.encode().replace(base64.b64encode(one.entry), stray + padded[len(loose) :])
        assert base64.b64decode(stray + padded[len(loose) :]) == base64.b64decode(padded)
        assert isinstance(refusal(data, key), BadReceipt)


def test_a_receipt_is_read_up_to_a_bound(book):
    one, key = taken(book, 5)
    assert "more than" in str(refusal(one.encode() + b"x" * receipt.LONGEST_RECEIPT, key))
    assert refusal(replace(one, proof=one.proof * 8).encode(), key)


def test_another_entry_in_good_form_is_refused(book):
    one, key = taken(book, 5)
    other = replace(one, entry=one.entry.replace(b'"quantity":"7"', b'"quantity":"9"'))
    assert isinstance(refusal(other.encode(), key), BadProof)


def test_a_key_that_did_not_sign_proves_nothing(book):
    one, key = taken(book, 5)
    stranger = Signer(key.name, bytes(32)).verifier
    with pytest.raises(BadSignature, match="by another key named") as error:
        check(one, stranger)
    assert key.id.hex() in str(error.value) and "--rotation" in str(error.value)
    with pytest.raises(BadSignature, match="is of the ledger"):
        check(one, SIGNER.verifier)


def test_the_origin_is_that_of_the_key():
    """A key that signs the checkpoint of another ledger's name proves nothing about that ledger."""
    entry = b"{}"
    text = Checkpoint("other.example", 1, merkle.leaf_hash(entry))
    with pytest.raises(BadSignature, match="is of the ledger other"):
        check(Receipt(entry, 0, (), sign_checkpoint(text, SIGNER)), SIGNER.verifier)


def test_a_witness_is_demanded_by_its_own_kind_of_key(book):
    one, key = taken(book, 5)
    with pytest.raises(BadSignature, match=r"not cosigned by witness\.example/w1 .* ask"):
        check(one, key, DEMANDED)
    with pytest.raises(BadKey, match="not a witness's key"):
        check(cosigned(one), key, [key])
    with pytest.raises(BadKey, match="not a ledger's key"):
        check(cosigned(one), DEMANDED[0])
    only_one = replace(one, note=cosign(one.note, WITNESSES[0], MOMENT))
    with pytest.raises(BadSignature, match="w2"):
        check(only_one, key, DEMANDED)
    late = replace(one, note=cosign(one.note, WITNESSES[0], 2**63))
    with pytest.raises(BadSignature, match="a time that is none"):
        check(late, key, DEMANDED[:1])


def test_what_no_checkweigh_wrote_is_not_said_to_be_proven():
    entry = b"a line of another log"
    one = Receipt(entry, 0, (), sign_checkpoint(Checkpoint(SIGNER.name, 1, merkle.leaf_hash(entry)), SIGNER))
    with pytest.raises(BadReceipt, match="cannot read it"):
        check(Receipt.parse(one.encode()), SIGNER.verifier)


@pytest.fixture
def rotated(tmp_path):
    """A ledger that changed its key twice, entries 4 and 6, with a shift between and after."""
    with founded(tmp_path / "ledger") as ledger:
        for name in ("a", "b"):
            ledger.rotate(EDGE)
            with ledger.append(EDGE) as batch:
                batch.add("shift", shift(name))
    return tmp_path / "ledger"


def test_a_later_key_is_believed_when_each_key_before_it_signed_for_the_next(rotated):
    one, first = taken(rotated, 7)
    steps = [taken(rotated, index)[0] for index in (4, 6)]
    proven = check(one, first, rotations=steps)
    with Ledger.open(rotated) as ledger:
        assert str(proven.key) == ledger.verifier and isinstance(proven.entry, Shift)
    for wrong in ([], steps[:1], steps[1:], steps[::-1], [steps[0], steps[0]]):
        with pytest.raises(BadSignature):
            check(one, first, rotations=wrong)
    with pytest.raises(BadReceipt, match="entry 5 is a shift"):
        check(one, first, rotations=[taken(rotated, 5)[0]])


def test_a_receipt_from_before_a_rotation_holds_as_before(tmp_path):
    with founded(tmp_path / "ledger") as ledger, ledger.snapshot() as snapshot:
        early, first = of_entry(snapshot, 2, verifiers(snapshot)), Verifier.parse(ledger.genesis)
    with Ledger.open(tmp_path / "ledger", write=True) as ledger:
        ledger.rotate(EDGE)
        later = Verifier.parse(ledger.verifier)
    assert check(early, first).key == first
    with pytest.raises(BadSignature):
        check(early, later)


def saved(book, tmp_path, index, name="mine.tlog-proof"):
    """A receipt in a file of its own, as a worker carries it, and the key as text."""
    one, key = taken(book, index)
    (tmp_path / name).write_bytes(one.encode())
    return tmp_path / name, str(key)


def test_a_fresh_process_with_no_ledger_in_sight_checks_a_receipt(book, tmp_path):
    path, key = saved(book, tmp_path, 257)
    command = [sys.executable, "-c", "from checkweigh.cli import main; main()", "verify", path.name, "--key", key]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Proven:" in done.stdout and "s253" in done.stdout and "by         login:anna" in done.stdout
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_receipt_is_written_by_index_or_shift(book, tmp_path, run):
    by_index, by_shift = tmp_path / "a.tlog-proof", tmp_path / "b.tlog-proof"
    said = run("receipt", book, 257, "--out", by_index).out
    run("receipt", book, "s253", "--out", by_shift)
    assert by_index.read_bytes() == by_shift.read_bytes() == taken(book, 257)[0].encode()
    assert "receipt of entry 257: shift s253" in said and f"--key {taken(book, 257)[1]}" in said
    assert "exists already" in run("receipt", book, 258, "--out", by_index, code=2).err
    assert by_index.read_bytes() == by_shift.read_bytes()
    assert "is not a shift in the ledger" in run("receipt", book, "s9999", "--out", tmp_path / "c", code=2).err
    assert "404 entries" in run("receipt", book, 404, "--out", tmp_path / "c", code=2).err
    assert not (tmp_path / "c").exists()


def test_a_receipt_is_of_the_shift_as_it_stands_and_says_what_it_does_not_show(tmp_path, run):
    with founded(tmp_path / "ledger") as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("s1"))
        batch.add("shift", shift("s1", quantity="8", replaces=4, note="misread"))
        batch.add("shift", shift("2"))
        batch.add("verdict", {"shift": "s1", "ruling": "verified", "reason": "counted"})
    written = run("receipt", tmp_path / "ledger", "s1", "--out", tmp_path / "a")
    assert "receipt of entry 5" in written.out and "entry 7 is a verdict" in written.err
    written = run("receipt", tmp_path / "ledger", "2", "--out", tmp_path / "b")
    assert "receipt of entry 2: worker ada" in written.out and "the shift with the id 2 is entry 6" in written.err


def test_without_a_key_nothing_is_proven(book, tmp_path, run):
    path, key = saved(book, tmp_path, 257)
    refused = run("verify", path, code=2)
    assert refused.out == "" and "nothing is proven" in refused.err
    assert "+".join(key.split("+")[:2]) + "+" in refused.err and key not in refused.err


def test_verify_says_what_is_proven_and_what_is_not(book, tmp_path, run):
    path, key = saved(book, tmp_path, 257)
    said = run("verify", path, "--key", key).out
    assert "as entry 257 of 404" in said and "What it does not prove" in said and "no witness was asked" in said
    path.write_bytes(cosigned(taken(book, 257)[0]).encode())
    said = run("verify", path, "--key", key, "--witness", DEMANDED[0], "--witness", DEMANDED[1]).out
    assert "witness.example/w2" in said and "there by 2023-11-14 22:13:20 UTC" in said and "no witness" not in said


def test_an_altered_receipt_is_broken_and_the_file_is_named(book, tmp_path, run):
    path, key = saved(book, tmp_path, 257)
    path.write_bytes(path.read_bytes().replace(b"index 257", b"index 256"))
    assert "mine.tlog-proof" in run("verify", path, "--key", key, code=3).err
    path.write_bytes(b"something else")
    assert "mine.tlog-proof" in run("verify", path, "--key", key, code=3).err


def test_a_rotation_is_followed_at_the_command_line(rotated, tmp_path, run):
    path, key = saved(rotated, tmp_path, 7)
    steps = [saved(rotated, tmp_path, index, f"{index}.tlog-proof")[0] for index in (4, 6)]
    assert "--rotation" in run("verify", path, "--key", key, code=3).err
    said = run("verify", path, "--key", key, "--rotation", steps[0], "--rotation", steps[1]).out
    assert "to which yours has handed over" in said
    assert "entry 4, 6" in run("receipt", rotated, 7, "--out", tmp_path / "again").err


@pytest.mark.parametrize(
    ("of_receipt", "options"),
    [(True, ["--columns"]), (True, ["--save", "x"]), (True, ["--against", "x"]), (False, ["--rotation", "x"])],
)
def test_options_that_mean_nothing_are_refused(book, tmp_path, run, of_receipt, options):
    path, key = saved(book, tmp_path, 257)
    assert "leave it out" in run("verify", path if of_receipt else book, "--key", key, *options, code=2).err


def test_a_kept_receipt_catches_a_rewritten_history(tmp_path, run):
    path = tmp_path / "ledger"
    with founded(path) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("s1", quantity="102"))
    kept, key = saved(path, tmp_path, 4)
    with Ledger.open(path, write=True) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s2"))
        entries = [entry for _, entry in ledger.entries()]
    assert "part of its history" in run("verify", path, "--against", kept).out
    entries[4] = entries[4].replace(b'"102"', b'"10.2"')
    forge(path, entries)
    assert "Verified" in run("verify", path, "--key", key).out
    assert "history was rewritten" in run("verify", path, "--against", kept, code=3).err
    assert "Proven" in run("verify", kept, "--key", key).out


def test_what_is_kept_is_looked_at_before_it_is_compared(book, tmp_path, run):
    path, _ = saved(book, tmp_path, 257)
    path.write_bytes(path.read_bytes().replace(b"index 257", b"index 256"))
    assert "does not lead from entry 256" in run("verify", book, "--against", path, code=3).err
    path.with_suffix(".checkpoint").write_bytes(b"\xff")
    assert "not UTF-8" in run("verify", book, "--against", path.with_suffix(".checkpoint"), code=3).err


def test_no_receipt_beyond_the_end(book):
    with pytest.raises(Refused):
        taken(book, 404)


def keep(path, note, *signers):
    """Keep a checkpoint beside a ledger with the cosignatures of these witnesses."""
    for number, signer in enumerate(signers):
        note = cosign(note, signer, MOMENT + number)
    kept.keep(path, note)
    return note


def test_a_receipt_carries_cosignatures_as_soon_as_there_are_some(tmp_path, run):
    path = tmp_path / "ledger"
    with founded(path) as ledger:
        key, both = ledger.genesis, keep(path, ledger.checkpoint(), *WITNESSES)
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s1"))
        keep(path, ledger.checkpoint(), WITNESSES[0])
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s2"))
    w1, w2 = (("--witness", demanded) for demanded in DEMANDED)
    said = run("receipt", path, 2, "--out", tmp_path / "one.tlog-proof").out
    assert "signed for it at 5 entries" in said and "signed: witness.example/w1." in said
    assert "Proven" in run("verify", tmp_path / "one.tlog-proof", "--key", key, *w1).out
    run("receipt", path, 2, "--out", tmp_path / "two.tlog-proof", *w1, *w2)
    assert Receipt.parse((tmp_path / "two.tlog-proof").read_bytes()).note == both
    assert "Proven" in run("verify", tmp_path / "two.tlog-proof", "--key", key, *w1, *w2).out
    assert (
        "covers entry 4 is cosigned by witness.example/w2"
        in run("receipt", path, 4, "--out", tmp_path / "x", *w2, code=2).err
    )
    assert "signed:" not in run("receipt", path, "s2", "--out", tmp_path / "none.tlog-proof").out
    assert "submit" in run("receipt", path, "s2", "--out", tmp_path / "x", *w1, code=2).err
    assert not (tmp_path / "x").exists()


def test_no_receipt_is_given_against_what_witnesses_have_cosigned(tmp_path, run):
    path = tmp_path / "ledger"
    with founded(path) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s1", quantity="102"))
        keep(path, ledger.checkpoint(), WITNESSES[0])
        entries = [entry for _, entry in ledger.entries()]
    forge(path, [*entries[:4], entries[4].replace(b'"102"', b'"10.2"')])
    assert "does not hold what was signed" in run("receipt", path, 4, "--out", tmp_path / "x", code=3).err
    forge(path, entries[:4])
    assert "entries are gone" in run("receipt", path, 3, "--out", tmp_path / "x", code=3).err
    assert not (tmp_path / "x").exists()


def test_no_receipt_is_given_that_does_not_hold(book, tmp_path, run):
    (tmp_path / "damaged").write_bytes(book.read_bytes())
    change(tmp_path / "damaged", "UPDATE tiles SET data = zeroblob(32)")
    assert (
        "no receipt can be given of entry 300"
        in run("receipt", tmp_path / "damaged", 300, "--out", tmp_path / "x", code=3).err
    )
    assert not (tmp_path / "x").exists()
