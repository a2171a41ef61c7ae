"""A trial in a browser: what a ruling would change, the verdict, and its reversal; and who is told that they do not judge."""

import json

import pytest

from checkweigh.ledger import Edge
from conftest import EDGE, NOW, founded, shift
from web import somebody

BORIS = somebody("verifier", "boris")


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
    page.set_default_timeout(60_000)
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
