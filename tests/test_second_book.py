"""The commands of the second book, on both sides: what people type, what they are told, and how often witnesses are asked."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler

import pytest

from checkweigh import cosigned
from checkweigh.checkpoint import Signer, Verifier, cosign
from checkweigh.cli import submitting
from checkweigh.ledger import Ledger
from checkweigh.submitting import Outcome
from checkweigh.witness import Directory, Witness
from conftest import EDGE, NOW, founded, shift
from serving import ROOT, listening, serving


@pytest.fixture
def told(run):
    """Run a command, check its exit code, and return all that it said."""

    def go(*arguments, code=0):
        done = run(*arguments, code=code)
        return done.out + done.err

    return go


@pytest.fixture
def book(tmp_path, ledger):
    """The directory of a witness that follows the ledger."""
    found = Directory.create(tmp_path / "rep", "union.example/rep", lambda n: bytes(n))
    Witness(found.signer, found).follow(Verifier.parse(ledger.verifier))
    return found


def key_of(book):
    return Witness(book.signer, book).key


def grown(ledger, *names):
    for name in names:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift(name))


def test_witnesses_are_named_shown_and_removed(told, ledger, book):
    key = key_of(book)
    assert "has no witness" in told("witnesses", ledger.address)
    assert "has no witness; name one" in told("submit", ledger.address, code=2)
    assert "at http://127.0.0.1:1\n" in told("witnesses", ledger.address, "--add", "http://127.0.0.1:1/", key)
    assert "http://127.0.0.1:2\n" in told("witnesses", ledger.address, "--add", "http://127.0.0.1:2", key)
    assert len(cosigned.witnesses(ledger.address)) == 1
    other = Verifier(key.name, bytes(32), key.algorithm)
    assert "with another key" in told("witnesses", ledger.address, "--add", "http://a", other, code=2)
    assert "does not cosign" in told("witnesses", ledger.address, "--add", "http://a", ledger.verifier, code=2)
    assert "begins with http" in told("witnesses", ledger.address, "--add", "file:///etc/passwd", key, code=2)
    assert "is not a witness" in told("witnesses", ledger.address, "--remove", "nobody", code=2)
    assert "has no witness" in told("witnesses", ledger.address, "--remove", key.name)


def test_a_checkpoint_and_a_receipt_are_held_against_the_book(told, ledger, book, tmp_path):
    early, receipt, late = tmp_path / "early", tmp_path / "s.tlog-proof", tmp_path / "late"
    grown(ledger, "s")
    early.write_text(ledger.checkpoint())
    told("receipt", ledger.address, "s", "--out", receipt)
    assert "It is the first that this witness has seen" in told("witness", "check", book.path, early)
    assert "nothing came since" in told("witness", "check", book.path, receipt)
    grown(ledger, "t")
    late.write_text(ledger.checkpoint())
    assert "give the ledger itself" in told("witness", "check", book.path, late, code=2)
    said = told("witness", "check", book.path, ledger.address, "--out", tmp_path / "cosigned")
    assert "stand unchanged; 1 entry came since" in said
    assert cosigned.cosigned_by((tmp_path / "cosigned").read_text(), key_of(book))
    assert "it is an older copy" in told("witness", "check", book.path, early, code=3)
    assert not book.evidence()
    assert "agreed to 6 entries" in told("witness", "show", book.path)


def test_a_ledger_that_lost_entries_is_kept_as_a_rollback_and_as_a_fork_once_it_grew(told, ledger, book, tmp_path):
    grown(ledger, "a")
    ledger.backup(tmp_path / "copy")
    grown(ledger, "b", "c")
    told("witness", "check", book.path, ledger.address)
    assert "Entries are gone, or this is an old one" in told("witness", "check", book.path, tmp_path / "copy", code=3)
    assert "Entries are gone" in told("witness", "show", book.path)
    with Ledger.open(tmp_path / "copy", write=True) as copy:
        grown(copy, "other", "more", "most")
    assert "Its owner has shown two histories" in told("witness", "check", book.path, tmp_path / "copy", code=3)
    said = told("witness", "evidence", book.path, "--key", ledger.verifier)
    assert "proves a fork" in said and "shows a rollback" in said


def test_a_ledger_that_changed_its_key_is_gone_along_with(told, ledger, book):
    told("witness", "check", book.path, ledger.address)
    first = ledger.verifier
    ledger.rotate(EDGE)
    ledger.rotate(EDGE)
    said = told("witness", "check", book.path, ledger.address)
    assert said.count("has changed its key") == 2 and "2 entries came since" in said
    (second, _), (third, handover) = ledger.handovers()
    assert [str(key) for key in book.all_followed()[0].keys] == [first, second, third]
    assert "is followed with the key" in told("witness", "follow", book.path, third, "--handover", handover)


@pytest.mark.parametrize("first", [3, 256, 700])
def test_a_published_log_is_held_against_the_book(told, book, ledger, tmp_path, first):
    """From its directory and over the web: the tiles prove what the ledger itself would."""
    log, other = tmp_path / "log", tmp_path / "other"
    with ledger.append(EDGE) as batch:
        for number in range(first - 3):
            batch.add("shift", shift(f"s{number}"))
    ledger.backup(other)
    told("export-log", ledger.address, log)
    assert "first that this witness has seen" in told("witness", "check", book.path, log)
    grown(ledger, "a", "b")
    told("export-log", ledger.address, log)
    with published(log) as address:
        assert "stand unchanged; 2 entries came since" in told("witness", "check", book.path, address)
        assert "nothing came since" in told("witness", "check", book.path, address + "/")
        with Ledger.open(other, write=True) as copy:
            grown(copy, "x", "y", "z")
        told("export-log", other, tmp_path / "otherlog")
        with published(tmp_path / "otherlog") as second:
            assert "two histories" in told("witness", "check", book.path, second, code=3)
        ledger.rotate(EDGE)
        told("export-log", ledger.address, log)
        assert "signed with another key" in told("witness", "check", book.path, address, code=3)
    assert "cannot be reached" in told("witness", "check", book.path, address, code=2)
    assert [one.what for _, one in book.evidence()] == ["fork"]
    for tile in (tmp_path / "otherlog" / "tile" / "0").rglob("*"):
        if tile.is_file():
            tile.write_bytes(b"short")
    assert "is missing or too short" in told("witness", "check", book.path, tmp_path / "otherlog", code=3)


def published(directory):
    """A plain web server over a directory."""
    return listening(partial(Quiet, directory=str(directory)))


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of its own."""

    def log_message(self, *given):
        """Nobody reads it."""


def test_what_was_never_followed_and_what_is_no_evidence_is_said(told, ledger, book, tmp_path):
    with founded(tmp_path / "other") as other:
        assert "is not followed yet" in told("witness", "check", book.path, other.address, code=2)
    (tmp_path / "x.json").write_bytes(b"\xff")
    assert "no evidence of a witness" in told("witness", "evidence", tmp_path / "x.json", code=2)
    assert "no signed note" in told("witness", "check", book.path, tmp_path / "x.json", code=2)
    assert "does not exist" in told("witness", "check", book.path, tmp_path / "nothing", code=2)
    assert "there is no evidence" in told("witness", "evidence", book.path, code=2)
    assert "not the directory of a witness" in told("witness", "show", tmp_path, code=2)


def test_verify_says_how_old_the_word_of_a_witness_is(told, ledger, book, monkeypatch):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), book.signer, int(NOW.timestamp())))
    grown(ledger, "a", "b")
    monkeypatch.setattr("checkweigh.cli.edge.now", lambda: NOW + timedelta(days=3, hours=5))
    said = told("verify", ledger.address, "--witness", key_of(book))
    assert "agreed to the first 4 entries 3 days ago, on 2026-01-01 00:00:00 UTC; 2 entries came since." in said
    monkeypatch.setattr("checkweigh.cli.edge.now", lambda: NOW - timedelta(hours=5))
    assert "has not come yet" in told("verify", ledger.address, "--witness", key_of(book))
    stranger = Verifier("other.example", Signer("x", bytes(32)).verifier.public, key_of(book).algorithm)
    assert "is cosigned by other.example" in told("verify", ledger.address, "--witness", stranger, code=3)
    assert "does not cosign" in told("verify", ledger.address, "--witness", ledger.verifier, code=2)


class Enough(Exception):
    """Ends a loop that would go on for ever."""


def test_a_witness_is_asked_again_ever_more_rarely_while_it_is_down_and_at_most_every_five_seconds(
    ledger, book, monkeypatch
):
    witness, sleeps, answers = cosigned.Witness("http://127.0.0.1:1", key_of(book)), [], ["down"] * 5 + ["agreed"] * 9
    asked = []

    def sleep(seconds):
        sleeps.append(seconds)
        if len(sleeps) == 7:
            grown(ledger, "a")
        if len(sleeps) == 10:
            raise Enough

    def ask(opened, witness, post):
        asked.append(len(sleeps))
        return Outcome(witness, answers.pop(0), "said", opened.size)

    monkeypatch.setattr(submitting.time, "sleep", sleep)
    monkeypatch.setattr("checkweigh.submitting.submit", ask)
    with pytest.raises(Enough):
        submitting._keep_on(ledger, witness)
    assert sleeps == [10, 20, 40, 60, 60, 5, 5, 5, 5, 5]
    assert asked == [0, 1, 2, 3, 4, 5, 7], "what has not grown is not shown again"


def test_whoever_asks_by_hand_waits_for_the_rest_of_five_seconds(ledger, book, monkeypatch):
    witness, moment = cosigned.Witness("http://127.0.0.1:1", key_of(book)), int(NOW.timestamp())
    assert submitting._too_early(ledger, witness) == 0
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), book.signer, moment))
    for seconds, wait in ((0, 5), (2, 3), (5, 0), (500, 0), (-1000, 5)):
        monkeypatch.setattr("checkweigh.cli.edge.now", lambda seconds=seconds: NOW + timedelta(seconds=seconds))
        assert submitting._too_early(ledger, witness) == wait


def test_it_keeps_on_until_it_is_stopped(ledger, book, tmp_path):
    log = tmp_path / "log"
    with serving(book.path) as server:
        cosigned.write_witnesses(ledger.address, [cosigned.Witness(server.address, key_of(book))])
        program = "import sys; from checkweigh.cli import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", program, "submit", str(ledger.address), "--follow"]
        with log.open("wb") as said:
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=said)
        try:
            until(lambda: b"agreed to 4 entries" in log.read_bytes())
            grown(ledger, "a")
            until(lambda: b"agreed to 5 entries" in log.read_bytes())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 130
    assert cosigned.newest(ledger.address).split("\n")[1] == "5"


def until(true):
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError
