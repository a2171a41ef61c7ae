"""A trial in a browser: a worker objects, a verifier sees what a ruling would change, rules, and reverses; and who is told not to."""

import json

import pytest

from checkweigh.ledger import Edge
from conftest import EDGE, NOW, founded, shift
from web import somebody

BORIS = somebody("verifier", "boris")
ADA, BO = (somebody("worker", name, worker=name) for name in ("ada", "bo"))


@pytest.fixture
def pit(tmp_path):
    """Two claims, one of them entered by boris."""
    with founded(tmp_path / "pit.ledger") as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("quota", {"id": "norm", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
            batch.add("shift", shift("a", quantity="102", hours="6", helpers=[]))
        with ledger.append(Edge(BORIS.by, NOW)) as batch:
            batch.add("shift", shift("own", worker="bo", quantity="95", hours="6", started="2025-09-01T06:00:00Z"))
        yield ledger


def rule(page, ruling, reason):
    page.get_by_role("radio", name=ruling).check()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Show what it would change").click()
    page.get_by_role("heading", name=f"What “{ruling}” would change").wait_for()


def test_a_claim_is_judged_and_the_verdict_reversed(browse, served, pit):
    page = browse(served(pit), BORIS)
    page.goto("/trial/a")
    rule(page, "annulled", "two crews on one tally")
    preview = page.locator(".preview")
    assert "14.571428 → not ranked" in preview.inner_text() and "Stands again" in preview.inner_text()
    size = pit.size
    page.get_by_role("button", name="Give the verdict").click()
    page.get_by_text("The verdict is given").wait_for()
    assert pit.size == size + 1 and page.get_by_text("this verdict counts").is_visible()
    rule(page, "withdrawn", "the tally was ours alone")
    page.get_by_role("button", name="Give the verdict").click()
    page.get_by_text("The verdict is given").wait_for()
    verdicts = [json.loads(entry)["ruling"] for _, entry in pit.entries(size)]
    assert verdicts == ["annulled", "withdrawn"]
    page.goto("/trial/own")
    page.get_by_text("You entered this shift, so you do not judge it.").wait_for()
    assert page.get_by_role("radio").count() == 0


def test_a_worker_objects_and_a_verifier_sees_it_at_the_case_and_rules_with_scripts_off(browse, served, pit):
    site, claim, size = served(pit), pit.find("shift", "a")[0], pit.size
    page = browse(site, ADA, look="phone")
    page.goto("/shifts/a")
    page.get_by_role("link", name="Object to it").click()
    page.get_by_label("What is wrong").fill("two of us hewed, and I am credited alone")
    page.get_by_role("button", name="Object").click()
    page.get_by_role("heading", name=f"Entry {size}: objection").wait_for()
    said = json.loads(pit.entry(size))
    assert (said["entry"], said["by"], pit.size) == (claim, "account:ada", size + 1)

    page = browse(site, BORIS, scripts=False)
    page.goto("/trial?doubt=objections")
    case = page.get_by_role("listitem").filter(has_text="1 objection")
    case.get_by_role("link", name="102 t").click()
    told = page.locator(".said-objection").inner_text()
    assert "by account:ada" in told and "two of us hewed, and I am credited alone" in told
    page.get_by_text("Corrected figures, for an adjustment").click()
    page.get_by_label("Quantity").fill("51")
    rule(page, "adjusted", "two hewed, and shared it")
    assert "14.571428" in page.locator(".preview").inner_text()
    page.get_by_role("button", name="Give the verdict").click()
    page.get_by_text("The verdict is given").wait_for()
    assert json.loads(pit.entry(pit.size - 1))["quantity"] == "51"


def test_a_worker_is_not_offered_to_object_to_what_does_not_concern_them(browse, served, pit):
    browse.meant("403")
    page = browse(served(pit), BO)
    page.goto(f"/object/{pit.find('shift', 'a')[0]}")
    page.get_by_role("alert").get_by_text("this entry does not concern you").wait_for()
    page.goto("/shifts/a")
    assert page.get_by_role("link", name="Object to it").count() == 0
