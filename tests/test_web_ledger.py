"""The Ledger pages: entries with filters and paging, one entry and its bytes, checkpoint, witnesses, receipts, consistency."""

import re

import pytest

from checkweigh import checkpoint, cosigned, merkle
from checkweigh.checkpoint import Signer, Verifier, cosign, split_note
from conftest import EDGE, added, shift
from web import board, somebody


@pytest.fixture
def work(ledger):
    """Four first entries, then 60 shifts of ada, a correction, an objection, an incident, and a verdict by somebody else."""
    with ledger.append(EDGE) as batch:
        for number in range(60):
            batch.add("shift", shift(f"s{number}", helpers=[{"worker": "bo", "hours": "1"}] if number == 7 else []))
        batch.add("shift", shift("s3", quantity="8", replaces=7, note="misread"))
        batch.add("objection", {"entry": 7, "reason": "I carried it alone"})
        batch.add(
            "incident", {"site": "north", "on": "2025-09-01", "severity": "bruise", "days_lost": 1, "worker": "bo"}
        )
    return ledger


def indices(page):
    return [int(found) for found in re.findall(r'<td class="number"><a class="entry" href="/ledger/(\d+)"', page.text)]


def test_entries_stand_newest_first_page_by_page(work):
    with board(work) as client:
        found, address = [], "/ledger"
        while address:
            page = client.get(address)
            found += indices(page)
            following = re.search(r'href="([^"]+)">Earlier entries', page.text)
            address = following and following[1].replace("&amp;", "&")
    assert found == list(range(work.size - 1, -1, -1))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("kind=worker", [3, 2]),
        ("about=s3", [64, 7]),
        ("about=bo", [66, 11, 3]),
        ("about=north&kind=site", [0]),
        ("by=account:nobody", []),
        ("by=login:anna&kind=objection", [65]),
        ("about=s3&at=20", [7]),
        ("kind=shift&before=6", [5, 4]),
        ("about='; DROP TABLE all_shift; --", []),
    ],
)
def test_filters_find_what_is_asked_for(work, query, wanted):
    with board(work, "auditor") as client:
        page = client.get(f"/ledger?{query}")
        assert page.status_code == 200 and indices(page) == wanted
        assert wanted or "No entry matches." in page.text


def test_a_kind_that_is_none_is_refused(work):
    with board(work) as client:
        assert client.get("/ledger?kind=shfit").status_code == 400


def test_an_entry_is_readable_and_stands_there_byte_for_byte(work):
    with board(work) as client:
        page = client.get("/ledger/7").text
    shown = re.search(r'<pre class="wrap" id="bytes">(.*?)</pre>', page)[1].replace("&#34;", '"')
    assert shown.encode() == work.entry(7)
    assert merkle.leaf_hash(work.entry(7)).hex() in page
    assert 'href="/workers/ada"' in page and 'href="/shifts/s3"' in page
    assert "It no longer counts" in page and 'href="/ledger/64"' in page
    assert "Somebody objects to it" in page and 'href="/ledger/65"' in page


def test_what_is_not_there_is_told(work):
    with board(work) as client:
        assert client.get("/ledger/999").status_code == 404
        assert client.get("/ledger/7?at=7").status_code == 404, "as known before it was entered"


def test_who_was_hurt_is_told_only_to_those_who_may_know(work):
    with board(work) as client:
        assert "bruise" not in client.get("/ledger/66").text + client.get("/ledger").text
    for who in (somebody("worker", worker="bo"), somebody("supervisor")):
        with board(work, who) as client:
            assert "bruise" in client.get("/ledger/66").text
    with board(work, somebody("worker", worker="ada")) as client:
        assert "bruise" not in client.get("/ledger/66").text


def test_consistency_is_proven_from_what_somebody_has_seen(work):
    size, root = work.size, work.root()
    added(work, "shift", **shift("later"))
    with board(work) as client:
        answer = client.get(f"/ledger/consistency?old={size}").json()
        beyond = client.get("/ledger/consistency?old=9999").json()
        assert client.get("/ledger/checkpoint").text == work.checkpoint()
    now = checkpoint.open_checkpoint(answer["note"], Verifier.parse(work.verifier))
    merkle.check_consistency(size, now.size, root, now.root, [bytes.fromhex(one) for one in answer["proof"]])
    assert beyond["proof"] == [] and beyond["size"] == work.size


def test_witnesses_and_when_they_last_agreed(work):
    witness = Signer("witness.example/w1", b"w" * 32)
    key = Verifier(witness.name, witness.verifier.public, checkpoint.COSIGNATURE)
    cosigned.write_witnesses(work.address, [cosigned.Witness("https://witness.example", key)])
    with board(work) as client:
        assert "has not agreed yet" in client.get("/ledger").text
        cosigned.keep(work.address, cosign(work.checkpoint(), witness, 1_767_225_600))
        page = client.get("/ledger").text
    assert "1 January 2026, 00:00 UTC" in page and f'<td class="number">{work.size}</td>' in page
    assert split_note(work.checkpoint())[0].splitlines()[2] in page


def test_a_changed_key_is_followed_from_the_first(work):
    first = work.verifier
    work.rotate(EDGE)
    with board(work) as client:
        page = client.get("/ledger/3").text
    keys = re.search(r'data-keys="([^"]+)" data-signatures="([^"]+)"', page)
    assert keys[1].split() == [first, work.verifier] and keys[2].split() == [work.handovers()[0][1]]


def test_an_empty_ledger_says_what_to_do(tmp_path):
    from checkweigh.ledger import Ledger

    with Ledger.create(tmp_path / "empty.ledger", edge=EDGE) as empty, board(empty) as client:
        page = client.get("/ledger")
        assert page.status_code == 200 and "The ledger is empty." in page.text
        assert client.get("/ledger/0").status_code == 404
