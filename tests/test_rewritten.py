"""History rewritten by the owner with all keys in hand: it passes every check on its own, and whoever kept anything catches it."""

import base64
import json
from datetime import UTC, datetime

import pytest

from checkweigh import cosigned
from checkweigh.checkpoint import Signer, Verifier
from checkweigh.codec import decode
from checkweigh.errors import Broken
from checkweigh.ledger import Edge, Ledger, key_path
from checkweigh.submitting import post, submit
from checkweigh.verify import verify
from checkweigh.witness import Directory, Witness
from checkweigh.witness.evidence import check
from conftest import EDGE, founded, shift
from serving import serving


def rewritten(path, target, change):
    """Write a ledger anew at `target`, each entry as `change(index, fields)` wants it: same origin, same key, same times and salts.

    This is the ordinary way in, so every tile, identity, batch and signature is what it would have been.
    """
    seed = Signer.parse(key_path(path).read_text()).seed
    with Ledger.open(path) as old:
        told = [json.loads(data) for _, data in old.entries()]
        stops = [number for number, _ in old_batches(old)]
        begin = Edge("login:anna", EDGE.now, random=lambda n: seed[:n])
        with Ledger.create(target, edge=begin, origin=old.origin) as new:
            for start, stop in zip([0, *stops], stops, strict=False):
                write(new, [change(index, dict(told[index])) for index in range(start, stop)])
    return target


def old_batches(ledger):
    with ledger._store.read() as reader:
        return list(reader.scan("batches"))


def write(ledger, batch_of):
    """One batch as it was: who, when, and by what chance."""
    salts = b"".join(base64.b64decode(fields["salt"]) for fields in batch_of if "salt" in fields)
    chance = iter(salts)
    now = datetime.fromisoformat(batch_of[0]["recorded"]).astimezone(UTC)
    edge = Edge(batch_of[0]["by"], now, random=lambda n: bytes(next(chance) for _ in range(n)))
    with ledger.append(edge) as batch:
        for fields in batch_of:
            kind = fields.pop("kind")
            batch.add(kind, {name: value for name, value in fields.items() if name not in ("recorded", "by", "salt")})


def honest(index, fields):
    return fields


def raised(index, fields):
    """The owner's version: bo's seven tonnes of the fifth shift are ada's seventy."""
    if fields.get("id") == "s5":
        return fields | {"worker": "ada", "quantity": "70"}
    return fields


@pytest.fixture
def book(tmp_path):
    """A closed ledger of 304 entries, in batches of several sizes."""
    with founded(tmp_path / "mine") as ledger:
        for start, stop in ((0, 3), (3, 9), (9, 300)):
            with ledger.append(EDGE) as batch:
                for number in range(start, stop):
                    batch.add("shift", shift(f"s{number}", worker="bo" if number == 5 else "ada"))
    return tmp_path / "mine"


@pytest.fixture
def forged(book, tmp_path):
    return rewritten(book, tmp_path / "forged", raised)


def head(path):
    with Ledger.open(path) as ledger:
        return ledger.checkpoint()


def test_written_anew_without_a_change_it_is_the_same_to_the_last_bit(book, tmp_path):
    again = rewritten(book, tmp_path / "again", honest)
    assert head(again) == head(book)
    with Ledger.open(book) as one, Ledger.open(again) as two:
        assert list(one.entries()) == list(two.entries())


def test_it_passes_every_check_on_its_own(book, forged):
    report = verify(forged)
    assert (report.size, report.verifiers) == (304, verify(book).verifiers)
    assert report.root != verify(book).root and not report.findings
    with Ledger.open(forged) as ledger:
        assert decode(ledger.entry(9)).quantity == "70"


@pytest.mark.parametrize("later", [0, 1, 40])
def test_a_witness_catches_it(run, book, forged, tmp_path, later):
    rep = Directory.create(tmp_path / "rep", "union.example/rep", lambda n: bytes(n))
    with Ledger.open(book) as ledger:
        Witness(rep.signer, rep).follow(Verifier.parse(ledger.verifier))
    with serving(rep.path) as server:
        witness = cosigned.Witness(server.address, Witness(rep.signer, rep).key)
        with Ledger.open(book) as ledger:
            assert submit(ledger, witness, post).kind == "agreed"
        with Ledger.open(forged, write=True) as ledger:
            for number in range(later):
                with ledger.append(EDGE) as batch:
                    batch.add("shift", shift(f"later{number}"))
            outcome = submit(ledger, witness, post)
        assert outcome.kind == "conflict" and "another history" in outcome.message
        assert "Its owner has shown two histories." in server.said
    ((path, found),) = rep.evidence()
    assert found.what == "fork"
    agreed, shown = check(found, Verifier.parse(verify(book).verifiers[0]))
    assert (agreed.root, shown.size) == (verify(book).root, 304 + later)
    assert verify(book, against=found.agreed).size == 304
    with pytest.raises(Broken, match="history was rewritten: at size 304"):
        verify(forged, against=found.agreed)
    # The owner takes the cosigned checkpoint along to the rewritten ledger: there it does not fit.
    cosigned.lay(forged, cosigned.said(book))
    with pytest.raises(Broken, match=r"at size 304 the ledger has another root than .* cosigned by union"):
        verify(forged, witnesses=[witness.key])
    assert "proves a fork" in run("witness", "evidence", path, "--key", verify(book).verifiers[0]).out


def test_a_representative_with_a_stick_catches_it_without_a_server(run, book, forged, tmp_path):
    rep = tmp_path / "rep"
    run("witness", "init", rep, "--name", "union.example/rep")
    run("witness", "follow", rep, verify(book).verifiers[0])
    assert "Agreed: " in run("witness", "check", rep, book).out
    assert "Its owner has shown two histories." in run("witness", "check", rep, forged, code=3).err
    assert "FORK" in run("witness", "show", rep, code=3).out


def test_a_kept_receipt_catches_it(run, book, forged, tmp_path):
    kept = tmp_path / "mine.tlog-proof"
    run("receipt", book, "s5", "--out", kept)
    assert "is part of its history" in run("verify", book, "--against", kept).out
    assert "history was rewritten: at size 304" in run("verify", forged, "--against", kept, code=3).err


def test_a_kept_checkpoint_catches_it(run, book, forged, tmp_path):
    kept = tmp_path / "monday.checkpoint"
    run("verify", book, "--save", kept)
    assert "is part of its history" in run("verify", book, "--against", kept).out
    assert "history was rewritten: at size 304" in run("verify", forged, "--against", kept, code=3).err
