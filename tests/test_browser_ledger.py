"""Proofs in a browser: they hold, fail for one changed byte, and a rewritten history is told; each from what the ledger really serves."""

import base64
import re

import pytest

from checkweigh.ledger import Ledger
from conftest import EDGE, founded, shift


@pytest.fixture
def pit(tmp_path):
    """A ledger of some shifts, open for as long as the test runs."""
    with founded(tmp_path / "pit.ledger") as ledger:
        work(ledger, "s", 9)
        yield ledger


def work(ledger, prefix, many):
    with ledger.append(EDGE) as batch:
        for number in range(many):
            batch.add("shift", shift(f"{prefix}{number}"))


def verdict(page):
    page.locator("#verdict strong").wait_for()
    return page.locator("#verdict strong").inner_text()


@pytest.mark.parametrize("size", [5, 13])
def test_the_proof_of_every_entry_holds(browse, served, tmp_path, size):
    with founded(tmp_path / "some.ledger") as ledger:
        work(ledger, "s", size - ledger.size)
        page = browse(served(ledger))
        for index in {0, ledger.size // 2, ledger.size - 1}:
            page.goto(f"/ledger/{index}")
            assert verdict(page) == "Proven"
            assert ledger.root().hex() in page.locator("#steps").inner_text()
            assert "is signed (Ed25519) by the ledger's key " + ledger.verifier in page.locator("#steps").inner_text()


def changed(receipt, line, at):
    """A receipt in which one bit of a line's data is another."""
    lines = receipt.split("\n")
    where = next(number for number, text in enumerate(lines) if text.startswith(line))
    head, _, data = lines[where].rpartition(" ")
    found = bytearray(base64.b64decode(data))
    found[at] ^= 1
    lines[where] = (head + " " if head else "") + base64.b64encode(found).decode()
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "at", "said"),
    [
        ("extra ", 30, "another text than this page shows"),
        ("", None, "do not lead to the root"),
        ("— ", 40, "signature of the checkpoint does not hold"),
    ],
)
def test_one_changed_bit_makes_the_proof_fail(browse, served, pit, line, at, said):
    page = browse(served(pit))

    def damage(route):
        text = route.fetch().text()
        if at is not None:
            return route.fulfill(body=changed(text, line, at))
        lines = text.split("\n")
        lines[3] = base64.b64encode(bytes(32)).decode()
        return route.fulfill(body="\n".join(lines))

    page.route(re.compile("/file$"), damage)
    page.goto("/ledger/5")
    assert verdict(page) == "It does not hold"
    assert said in page.locator("#steps .bad").inner_text()


def test_a_receipt_that_somebody_kept_is_checked(browse, served, pit, tmp_path):
    page = browse(served(pit))
    page.goto("/ledger/5")
    with page.expect_download() as download:
        page.get_by_role("link", name="Take the receipt home").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    work(pit, "later", 4)
    page.goto("/ledger")
    page.get_by_label("Receipt").set_input_files(kept)
    assert verdict(page) == "Proven" and "Entry 5 is among the 13 entries" in page.locator("#verdict").inner_text()
    kept.write_text(changed(kept.read_text(), "extra ", 30))
    page.get_by_label("Receipt").set_input_files([])
    page.get_by_label("Receipt").set_input_files(kept)
    page.get_by_text("It does not hold").wait_for()


def test_a_ledger_that_only_grew_is_found_unchanged(browse, served, pit):
    page = browse(served(pit))
    page.goto("/ledger")
    page.get_by_text("keeps the checkpoint of 13 entries").wait_for()
    work(pit, "later", 7)
    pit.rotate(EDGE)
    page.goto("/ledger/2")
    page.get_by_text("the 13 entries of").wait_for()
    assert "are the beginning of the 21 entries of now" in page.locator("#watch").inner_text()


@pytest.mark.parametrize(
    ("many", "said"), [(8, "History was rewritten"), (5, "History was rewritten"), (1, "Entries are gone")]
)
def test_a_rewritten_history_is_told(browse, served, pit, tmp_path, many, said):
    """Two histories with one beginning, under one name and one key; the same address shows first the one, then the other."""
    pit.backup(tmp_path / "other.ledger")
    work(pit, "true", 5)
    first = served(pit)
    page = browse(first)
    page.goto("/ledger")
    page.get_by_text("keeps the checkpoint of 18 entries").wait_for()
    with Ledger.open(tmp_path / "other.ledger", write=True) as other:
        work(other, "false", many)
        second = served(other)

        def instead(route):
            route.fulfill(response=route.fetch(url=route.request.url.replace(first.address, second.address)))

        page.route("**/*", instead)
        page.goto("/ledger/3")
        page.get_by_role("alert").get_by_text(said).wait_for()
        assert verdict(page) == "Proven", "each history is whole in itself; only the memory of the other one tells"
        page.unroute_all(behavior="ignoreErrors")
        browse.leave()
        second.stop()


def test_without_scripts_the_page_says_how_to_check(browse, served, pit):
    page = browse(served(pit), scripts=False)
    page.goto("/ledger/5")
    assert f"checkweigh verify entry-5.tlog-proof --key {pit.verifier}" in page.locator("noscript").inner_text()
