"""The shift, worker, crew and quotas pages in a browser: parts that are fetched, the receipt taken home, and the look on a phone."""

from pathlib import Path
from urllib.parse import quote

import pytest

from checkweigh import receipt
from checkweigh.checkpoint import Verifier
from conftest import added, shift

PAGES = (
    "/shifts/august",
    "/workers/stakhanov",
    "/crews/vinogradovas",
    "/quotas",
    "/quotas/hewing",
    "/receipts/38",
    "/find?q=vinogradova",
)


def test_formulas_and_findings_are_fetched_when_they_are_opened(browse, demonstration):
    page = browse(demonstration)
    page.goto("/shifts/august")
    assert not page.get_by_text("102 ÷ 7 = 14.571428").is_visible()
    page.get_by_text("The formulas, down to the entries").click()
    page.get_by_text("102 ÷ 7 = 14.571428").first.wait_for(timeout=60_000)
    page.get_by_text("What the audit finds").click()
    page.get_by_text("Last audited at size").wait_for(timeout=60_000)
    page.goto("/workers/stakhanov")
    page.get_by_text("Where they stand").click()
    page.get_by_text("Over all time").wait_for(timeout=60_000)


def test_without_scripts_the_parts_are_pages_of_their_own(browse, demonstration):
    page = browse(demonstration, scripts=False)
    page.goto("/shifts/august")
    page.get_by_text("The formulas, down to the entries").click()
    page.get_by_role("link", name="Show the formulas").click()
    assert page.get_by_text("102 ÷ 7 = 14.571428").first.is_visible() and page.get_by_role("banner").is_visible()
    page.goto("/quotas/hewing")
    page.get_by_text("Month by month").click()
    page.get_by_role("link", name="Show the months").click()
    assert page.get_by_role("cell", name="September 1935").is_visible()


def test_a_receipt_is_taken_home_and_holds(browse, demonstration):
    page = browse(demonstration)
    page.goto("/shifts/august")
    page.get_by_role("link", name="Receipt and code for the phone").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the receipt").click()
    assert started.value.suggested_filename.endswith(".tlog-proof")
    found = receipt.Receipt.parse(Path(started.value.path()).read_bytes())
    proven = receipt.check(found, Verifier.parse(demonstration.live.ledger.verifier))
    assert proven.entry.id == "august"
    assert page.evaluate("document.querySelector('figure.code img').naturalWidth") > 0


def kept_code(site, index):
    """What stands in the code of an entry."""
    from checkweigh.web import receipts
    from web import somebody

    return receipts.address_of(site.address, receipts.made_for(site.live, somebody("visitor"), index))


def test_a_kept_code_says_whether_the_ledger_still_fits(browse, served, ledger):
    index = added(ledger, "shift", **shift("one"))
    site = served(ledger)
    code = kept_code(site, index)
    added(ledger, "shift", **shift("two"))
    page = browse(site)
    page.goto(code)
    page.get_by_text("The code that you kept fits").wait_for()
    page.goto("about:blank")
    address, _, held = code.partition("#")
    leaf, size, root = held.split(".")
    page.goto(f"{address}#{'A' * 43}.{size}.{root}")
    page.get_by_text("does not fit this entry").wait_for()
    page.goto("about:blank")
    page.goto(f"{address}#{leaf}.{size}.{'A' * 43}")
    page.get_by_text("something in it was rewritten").wait_for()


def test_find_leads_from_the_head_of_any_page(browse, demonstration):
    page = browse(demonstration, look="phone")
    page.goto("/quotas")
    page.get_by_role("searchbox", name="Find").fill("kontsedalov")
    page.keyboard.press("Enter")
    page.wait_for_url("**/workers/kontsedalov")
    assert page.get_by_role("heading", level=1).inner_text() == "Kontsedalov"


@pytest.mark.parametrize("address", PAGES)
def test_a_phone_shows_the_whole_width(browse, demonstration, address):
    page = browse(demonstration, look="phone")
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_role("heading", level=1).bounding_box()["width"] <= 390


def test_an_id_of_any_letters_leads_to_its_page(browse, served, ledger):
    name = "2025/08//31 50%2F é?#x"
    added(ledger, "shift", **shift(name))
    page = browse(served(ledger))
    page.goto("/workers/ada")
    page.get_by_role("link", name=name).first.click()
    assert page.url.endswith(f"/shifts/{quote(name)}") and page.get_by_text(f"Shift {name}").first.is_visible()
