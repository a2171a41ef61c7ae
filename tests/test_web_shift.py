"""The page of a shift and its receipt: figures to the last digit, as known when, what was ruled, and what cannot be shown."""

import re
from html import unescape
from urllib.parse import quote
from xml.etree import ElementTree

from checkweigh import receipt
from checkweigh.checkpoint import Verifier
from checkweigh.ledger import Ledger
from checkweigh.merkle import leaf_hash
from checkweigh.people import private_path
from checkweigh.render import text
from checkweigh.web import audited
from checkweigh.web import shift as pages
from conftest import EDGE, added, founded, shift
from web import board, somebody

QUOTA = {"id": "norm", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"}
EVIL = '"><script>alert(1)</script>'


def plain(page):
    """What a page says, without its tags."""
    assert page.status_code == 200, page.text
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2].partition("</main>")[0]))
    )


def test_the_shift_of_august_shows_both_figures_and_why(demo):
    page = demo.get("/shifts/august")
    said = plain(page)
    assert "Alexei Stakhanov : 102 t" in said and "adjusted" in said
    assert re.search(r'class="headline">14\.571428<', page.text) and re.search(r'class="honest">4\.857142<', page.text)
    assert "31 August 1935, 00:00 on the clock of Europe/Kyiv" in said
    assert "Two timberers worked with him for the whole shift and were never counted." in said
    assert "not stated as reported; as judged: Shchigolev , timberer, 5.75 h; Borisenko , timberer, 5.75 h" in said
    assert "Shared among all 17.25 hours" in said and "the latest quota of the job that names the site" in said
    assert "basis lost" in said and "On This Day in 1935" in said and "14 times the quota" in said


def test_as_known_at_the_end_of_1936_nobody_had_helped(demo):
    page = demo.get("/shifts/august?at=1936-12-31")
    assert re.search(r'class="honest">14\.571428<', page.text) and "4.857142" not in page.text
    said = plain(page)
    assert "Nobody else is stated to have worked on it, so both figures are the same" in said
    assert "adjusted" not in said and "earned" in said and "dyukanov-115" in said
    assert '<a href="/shifts/august">Show the latest</a>' in page.text


def test_the_figures_of_a_page_are_those_of_the_derivation(demo):
    for row in demo.live.now().rows("attainment", {"id": ["stakhanov-321", "looms-100"]}):
        page = demo.get(f"/shifts/{row['id']}")
        said = plain(page)
        pair = re.findall(r'<dd class="(?:headline|honest)(?: below)?">([^<]+)</dd>', page.text)
        assert pair == [text(row[name]) or "–" for name in ("attainment", "labour_attainment")], row["id"]
        assert text(row["quantity"]) in said and row["status"] in said


def test_the_formulas_lead_to_the_entries(demo):
    page = demo.get("/shifts/august?part=explained&bare=1")
    assert "<html" not in page.text and "102 ÷ 7 = 14.571428" in page.text and "5.75 + 5.75 + 5.75 = 17.25" in page.text
    row = demo.live.now().rows("attainment", {"id": "august"})[0]
    for index in (row["entry"], row["quota_entry"], row["verdict"]):
        assert f'href="/ledger/{index}"' in page.text
    assert "<html" in demo.get("/shifts/august?part=explained").text, "without scripts it is a page of its own"


def test_the_audit_of_a_small_ledger_is_there_at_once(demo):
    said = demo.get("/shifts/claim-2013?part=findings&bare=1").text
    found = demo.live.now().rows("findings", {"shift": "claim-2013"}, check="claimed-attainment")
    assert found and all(str(one["message"]) in unescape(said) for one in found)
    assert f"Last audited at size {demo.live.now().size}" in said


def test_the_audit_of_a_large_ledger_is_the_last_one_and_says_so(ledger):
    added(ledger, "shift", **shift("one"))
    with board(ledger) as client:
        audits, first = audited.Audits(), client.live.now()
        assert audits.ask(first, at_once=0) is None, "nobody waits for it"
        audits.wait()
        assert audits.ask(first, at_once=0).size == first.size
        added(ledger, "shift", **shift("two"))
        assert audits.ask(client.live.now(), at_once=0).size == first.size, "the last one, until it is old"


def test_marks_are_those_of_the_record_book(demo):
    said = plain(demo.get("/shifts/stakhanov-227"))
    assert "It beat stakhanov-175" in said and "everybody: until 5 March 1937, then stakhanov-321" in said


def test_verdicts_stand_in_order_with_those_that_fell(ledger):
    added(ledger, "quota", **QUOTA)
    added(ledger, "shift", **shift("one", quantity="14", hours="6"))
    first = added(ledger, "verdict", shift="one", ruling="disputed", reason="too much")
    added(
        ledger,
        "verdict",
        shift="one",
        ruling="verified",
        reason="weighed again",
        replaces=first,
        note="judged too soon",
    )
    added(ledger, "objection", entry=first, reason="I weighed it myself")
    with board(ledger) as client:
        said = plain(client.get("/shifts/one"))
        assert (
            "replaced or withdrawn since too much" in said
            and "this verdict counts" in said
            and "I weighed it myself" in said
        )
        assert said.index("too much") < said.rindex("weighed again")
        assert "by whoever entered the shift" in said, "anna entered it and judged it"
        early = plain(client.get(f"/shifts/one?at={first + 1}"))
        assert "replaced or withdrawn" not in early and "weighed again" not in early


def test_corrections_stay_visible_and_a_withdrawn_shift_says_so(ledger):
    index = added(ledger, "shift", **shift("one", quantity="14"))
    again = added(ledger, "shift", **shift("one", quantity="9", replaces=index, note="misread the tally"))
    with board(ledger) as client:
        said = plain(client.get("/shifts/one"))
        assert "ada: 9 tonnes" in said.replace(" :", ":") and "misread the tally" in said and "Corrected" in said
        added(ledger, "shift", **shift("one", quantity="9", replaces=again, note="never happened", void=True))
        gone = client.get("/shifts/one")
        assert gone.status_code == 404 and "never happened" in gone.text and "withdrawn" in gone.text


def test_a_shift_that_is_not_there_says_what_to_do(demo):
    page = demo.get("/shifts/nobody")
    assert page.status_code == 404 and "look for it with Find" in page.text
    early = demo.get("/shifts/august?at=1")
    assert early.status_code == 404 and "ask for a later date" in early.text


def test_what_people_wrote_is_escaped_and_ids_may_hold_anything(ledger):
    name = f"2025/117 {EVIL} %2e//?#é/"
    added(ledger, "shift", **shift(name, note=EVIL, evidence=EVIL))
    with board(ledger) as client:
        for part in ("", "?part=explained"):
            page = client.get(f"/shifts/{quote(name)}{part}")
            assert page.status_code == 200 and "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in client.get(f"/shifts/{quote(name)}").text


def test_who_may_judge_and_object_is_shown_how(ledger):
    index = added(ledger, "shift", **shift("one"))
    with board(ledger) as client:
        page = client.get("/shifts/one").text
        assert "Judge it" not in page and "Object to it" not in page
        assert "Object to it" not in client.get("/trial/one").text
    with board(ledger, "verifier") as client:
        page = client.get("/shifts/one").text
        assert (
            '<a class="button" href="/trial/one">Judge it</a>' in page
            and f'href="/object/{index}">Object to it' in page
        )
        assert f'href="/object/{index}">Object to it' in client.get("/trial/one").text
        known = client.live.now()
        for worker, may in (("ada", True), ("bo", False), (None, False)):
            shown = pages.context(
                client.live, known, somebody("worker", worker=worker), pages.row_of(client.live, known, "one")
            )
            assert (shown.may_object, shown.may_judge) == (may, False), worker


def test_who_entered_it_is_told_that_somebody_else_judges(ledger):
    with board(ledger, "verifier") as client:
        with client.live.append(somebody("verifier")) as batch:
            batch.add("shift", shift("one"))
        page = client.get("/shifts/one").text
        assert "You entered this shift, so somebody else judges it" in page and "Judge it" not in page


# ---- receipts


def test_a_receipt_is_checked_with_the_key_alone(demo, campaign):
    row = demo.live.now().rows("attainment", {"id": "august"})[0]
    answer = demo.get(f"/receipts/{row['entry']}/file")
    assert f'filename="entry-{row["entry"]}.tlog-proof"' in answer.headers["content-disposition"]
    with Ledger.open(campaign) as ledger:
        found = receipt.check(receipt.Receipt.parse(answer.content), Verifier.parse(ledger.verifier))
        assert found.entry.id == "august"
        page = demo.get(f"/receipts/{row['entry']}").text
        assert ledger.verifier in unescape(page) and leaf_hash(ledger.entry(row["entry"])).hex() in page


def test_the_code_leads_to_the_receipt_and_carries_both_fingerprints(demo, monkeypatch):
    from checkweigh.web import receipts

    held = []
    drawn = receipts.drawn
    monkeypatch.setattr(receipts, "drawn", lambda data, title: held.append(data) or drawn(data, title))
    picture = demo.get("/receipts/30/code.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml") and ElementTree.fromstring(
        picture.text
    ).tag.endswith("svg")
    address, _, kept = held[0].decode().partition("#")
    leaf, size, root = kept.split(".")
    assert address == "http://testserver.local/receipts/30" and len(held[0]) < 200
    ledger = demo.live.ledger
    assert (leaf, size) == (receipts.short(leaf_hash(ledger.entry(30))), str(ledger.size))
    assert demo.get(f"/receipts/30/root?size={size}").json() == {"size": ledger.size, "root": root}
    demo.get("/receipts/30/code.svg?whole=1")
    assert receipt.Receipt.parse(held[1]).index == 30


def test_a_receipt_too_long_for_one_code_says_so(ledger):
    index = added(ledger, "shift", **shift("one", note="x" * 3000))
    with board(ledger) as client:
        page = client.get(f"/receipts/{index}").text
        assert "too long for one code" in page and "whole=1" not in page
        refused = client.get(f"/receipts/{index}/code.svg?whole=1")
        assert refused.status_code == 400 and "download" in refused.text


def test_no_receipt_tells_what_was_erased_or_whose_harm_it_was(tmp_path):
    from checkweigh import erasing

    with founded(tmp_path / "ledger") as ledger:
        with ledger.append(EDGE) as batch:
            named = batch.add("worker", {"id": "cy", "site": "north", "from": "2025-01-01", "name": "Cyril Known"})
        harm = added(
            ledger, "incident", site="north", worker="ada", on="2025-08-31", severity="crushed hand", days_lost=12
        )
        erasing.erase(ledger, "cy", "asked for", EDGE)
        with board(ledger) as client:
            assert (
                client.get(f"/receipts/{named}").status_code == 404
                and "Cyril" not in client.get(f"/receipts/{named}/file").text
            )
            assert client.get(f"/receipts/{harm}/file").status_code == 403
        with board(ledger, "auditor") as client:
            assert client.get(f"/receipts/{harm}/file").status_code == 200
        assert not private_path(ledger.address).exists()


def test_receipts_beyond_the_end_and_codes_of_other_sizes_are_refused_in_words(demo):
    page = demo.get("/receipts/100000")
    assert page.status_code == 404 and "numbered from 0" in page.text
    assert demo.get("/receipts/30/root?size=30").status_code == 400
    assert demo.get("/receipts/30/root?size=100000").status_code == 400
    assert demo.get("/receipts/99999999999999999999").status_code == 400
