"""The ledger's side: what it shows its witnesses, what it keeps of their answers, and that nothing they do costs it anything."""

import shutil
import threading

import pytest

from checkweigh import cosigned, submitting
from checkweigh.checkpoint import Signer, Verifier, cosign
from checkweigh.ledger import Ledger
from checkweigh.submitting import post, submit
from checkweigh.verify import verify
from checkweigh.witness import Directory, Witness
from conftest import EDGE, founded, shift
from serving import answering, serving

OTHER = Signer("union.example/rep", bytes(range(32)))


@pytest.fixture
def book(tmp_path, ledger):
    """The directory of a witness that follows the ledger."""
    found = Directory.create(tmp_path / "rep", "union.example/rep", lambda n: bytes(n))
    Witness(found.signer, found).follow(Verifier.parse(ledger.verifier))
    return found


def at(book, address):
    """The witness as its ledger knows it."""
    return cosigned.Witness(address, Witness(book.signer, book).key)


def grown(ledger, *names):
    for name in names:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift(name))


def test_it_is_kept_as_the_ledger_grows(ledger, book):
    with serving(book.path) as server:
        witness = at(book, server.address)
        for name in "abc":
            outcome = submit(ledger, witness, post)
            assert (outcome.kind, outcome.size) == ("agreed", ledger.size), outcome
            assert verify(ledger.address, witnesses=[witness.key]).cosigned[0].size == ledger.size
            grown(ledger, name)
    assert [one.checkpoint.size for one in book.all_followed()] == [6]


def test_a_ledger_in_either_store_is_witnessed(where, tmp_path):
    rep = Directory.create(tmp_path / "rep", "union.example/rep", lambda n: bytes(n))
    with founded(where) as ledger, serving(rep.path) as server:
        Witness(rep.signer, rep).follow(Verifier.parse(ledger.verifier))
        witness = at(rep, server.address)
        cosigned.write_witnesses(where, [witness])
        for name in "ab":
            assert submit(ledger, cosigned.witnesses(where)[0], post).kind == "agreed"
            grown(ledger, name)
        (found,) = verify(where, witnesses=[witness.key]).cosigned
        assert (found.size, ledger.size) == (5, 6)


def test_a_witness_that_knows_more_than_was_kept_is_met_where_it_is(ledger, book):
    with serving(book.path) as server:
        witness = at(book, server.address)
        submit(ledger, witness, post)
        shutil.rmtree(cosigned.directory_of(ledger.address))
        assert submit(ledger, witness, post).kind == "agreed"
        grown(ledger, "a", "b")
        shutil.rmtree(cosigned.directory_of(ledger.address))
        assert submit(ledger, witness, post).kind == "agreed"
    assert not book.evidence()


def test_a_witness_is_led_through_a_rotation(ledger, book):
    with serving(book.path) as server:
        witness = at(book, server.address)
        submit(ledger, witness, post)
        ledger.rotate(EDGE)
        ledger.rotate(EDGE)
        assert submit(ledger, witness, post).kind == "agreed"
    assert len(book.all_followed()[0].keys) == 3
    assert verify(ledger.address, witnesses=[witness.key]).cosigned[0].size == 6


def test_a_witness_that_does_not_follow_this_ledger_says_so(ledger, book, tmp_path):
    with serving(book.path) as server, founded(tmp_path / "other") as other:
        outcome = submit(other, at(book, server.address), post)
    assert outcome.kind == "refused" and "is not followed here" in outcome.message


def test_a_witness_that_is_down_is_told_and_asked_again_later(ledger, book):
    with serving(book.path) as server:
        witness = at(book, server.address)
    outcome = submit(ledger, witness, post)
    assert outcome.kind == "down" and "cannot be reached" in outcome.message
    assert not cosigned.directory_of(ledger.address).exists()


def test_a_ledger_that_has_lost_entries_is_told(ledger, book, tmp_path):
    with serving(book.path) as server:
        witness = at(book, server.address)
        ledger.backup(tmp_path / "early")
        grown(ledger, "a")
        submit(ledger, witness, post)
        with Ledger.open(tmp_path / "early", write=True) as early:
            outcome = submit(early, witness, post)
            assert outcome.kind == "conflict" and "entries are gone" in outcome.message
            grown(early, "b", "c")
            outcome = submit(early, witness, post)
            assert outcome.kind == "conflict" and "another history" in outcome.message
    assert "fork" in {one.what for _, one in book.evidence()}


def test_whoever_is_overtaken_by_others_shows_what_they_have_added(ledger, book):
    """Another process adds and submits between our reading and our asking: that is no conflict, and leaves no doubt behind."""
    with serving(book.path) as server:
        witness, overtaken = at(book, server.address), []

        def late(address, body):
            if not overtaken:
                overtaken.append(True)
                grown(ledger, "a")
                assert submit(ledger, witness, post).kind == "agreed"
            return post(address, body)

        outcome = submit(ledger, witness, late)
        assert (outcome.kind, outcome.size) == ("agreed", 5)
        ((_, found),) = book.evidence()
        assert found.what == "rollback"
        while not book.settled(found):
            submit(ledger, witness, post)


def lies(ledger, book):
    """Answers of a witness that does not do what it should, by name."""
    signed = cosign(ledger.checkpoint(), book.signer, 1).split("\n")[-2].encode() + b"\n"
    false = cosign(ledger.checkpoint(), OTHER, 1).split("\n")[-2].encode() + b"\n"
    older = cosign(ledger.checkpoint().replace("\n4\n", "\n3\n"), book.signer, 1).split("\n")[-2].encode() + b"\n"
    return {
        "another key": (200, {}, false),
        "another text": (200, {}, older),
        "nothing": (200, {}, b""),
        "a page": (200, {"Content-Type": "text/html"}, b"<html>hello</html>\n"),
        "not UTF-8": (200, {}, b"\xff\xfe\n"),
        "too much": (200, {}, signed * 1000),
        "no size": (409, {}, b"many\n"),
        "the same size": (409, {}, b"0\n"),
        "an impossible size": (409, {}, b"9" * 5000),
        "elsewhere": (302, {"Location": "http://127.0.0.1:1/"}, b""),
        "a fault": (500, {}, b"\x1b[31mno\n"),
        "silence": None,
        "time zero": (200, {}, cosign(ledger.checkpoint(), book.signer, 0).split("\n")[-2].encode() + b"\n"),
        "a forged line more": (200, {}, signed + false),
    }


def test_a_witness_that_lies_is_not_believed(ledger, book):
    for name, answer in lies(ledger, book).items():
        with answering(lambda path, body, answer=answer: answer) as address:
            outcome = submit(ledger, at(book, address), post)
        if name == "a forged line more":
            assert outcome.kind == "agreed"
            assert len(cosigned.split_note(cosigned.kept(ledger.address)[0])[1]) == 2
        else:
            assert outcome.kind in ("false", "refused", "down"), (name, outcome)
            assert "\x1b" not in outcome.message
            assert not cosigned.kept(ledger.address), name
            assert name != "too much" or "too long" in outcome.message


def test_it_is_not_sent_elsewhere(ledger, book):
    asked = []

    def answer(path, body):
        asked.append(path)
        return 302, {"Location": "/elsewhere"}, b""

    with answering(answer) as address:
        assert submit(ledger, at(book, address), post).kind == "refused"
    assert asked == ["/add-checkpoint"]


def test_appending_waits_for_no_witness(ledger, book, monkeypatch):
    monkeypatch.setattr(submitting, "PATIENCE_SECONDS", 1.0)
    asked, release = threading.Event(), threading.Event()

    def hang(path, body):
        asked.set()
        release.wait(120)

    with answering(hang) as address:
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(submit(ledger, at(book, address), post)))
        thread.start()
        assert asked.wait(120)
        with Ledger.open(ledger.address, write=True, wait_seconds=0.1) as other:
            grown(other, "a", "b")
        thread.join(120)
        release.set()
    assert [outcome.kind for outcome in outcomes] == ["down"] and ledger.size == 6


def test_of_two_witnesses_each_is_asked_by_itself(ledger, book, tmp_path):
    second = Directory.create(tmp_path / "auditor", "auditor.example", lambda n: bytes(range(n)))
    Witness(second.signer, second).follow(Verifier.parse(ledger.verifier))
    with serving(book.path) as one, serving(second.path) as two:
        found = [at(book, one.address), at(second, two.address)]
        assert [submit(ledger, witness, post).kind for witness in found] == ["agreed", "agreed"]
        (note,) = cosigned.kept(ledger.address)
        assert len(cosigned.split_note(note)[1]) == 3
        grown(ledger, "a")
        one.stop()
        assert [submit(ledger, witness, post).kind for witness in found] == ["down", "agreed"]
    sizes = [one.size for one in verify(ledger.address, witnesses=[one.key for one in found]).cosigned]
    assert sizes == [4, 5]
