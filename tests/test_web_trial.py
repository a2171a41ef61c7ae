"""The trial on the board: cases, evidence, the verdict with its preview, and that nobody judges their own entry."""

import json
import re
from contextlib import contextmanager

import pytest

from checkweigh.ledger import Edge
from conftest import EDGE, NOW, added, shift
from web import board as asked
from web import somebody

BORIS = somebody("verifier", "boris")


@contextmanager
def board(ledger, who="visitor"):
    """A client that is not led on: the page after a verdict makes the audit anew."""
    with asked(ledger, who) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def doubted(ledger):
    """Three shifts of ada and bo with a quota and a rule, entered by anna; ada's was objected to."""
    rule = {
        "id": "hero", "gives": "Hero of the pit", "from": "2025-01-01",
        "conditions": {"measure": "quantity", "record": True, "holder": "single", "scope": "all", "job": "hew"},
    }  # fmt: skip
    with ledger.append(EDGE) as batch:
        batch.add("quota", {"id": "norm", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
        batch.add("rule", rule)
        batch.add("shift", shift("a", quantity="102", hours="6", helpers=[]))
        batch.add("shift", shift("b", worker="bo", quantity="95", hours="6", started="2025-09-01T06:00:00Z"))
        batch.add("shift", shift("c", worker="bo", quantity="9", hours="6", started="2025-09-02T06:00:00Z"))
        batch.add("objection", {"entry": 6, "reason": "Two carried for her"})
    return ledger


def given(**changed):
    return {"ruling": "annulled", "reason": "two crews on one tally", **changed}


def hidden(page):
    """What the form of a preview would send."""
    part = page.text[page.text.index('class="sheet preview"') : page.text.index("Give the verdict")]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', part)) | {"step": "give"}


def test_cases_stand_with_what_rests_on_them(doubted):
    with board(doubted) as client:
        page = client.get("/trial").text
        assert page.index("ada: 102 tonnes, Hewing") > 0 and "1 objection" in page
        assert "standing marks rest on it" in page and "<strong>1</strong> honour" in page
        assert "No case matches." in client.get("/trial?doubt=contradictions").text
        assert "ada: 102" in client.get("/trial?doubt=objections&job=hew&site=north").text
        assert "Nothing awaits a verdict." in client.get("/trial?at=6").text
        assert "What rests on it" in client.get("/trial/a").text
        added(doubted, "verdict", shift="a", ruling="annulled", reason="two crews on one tally")
        assert "What rests on it" not in client.get("/trial/a").text, "it awaits no verdict any more"


def test_what_a_ruling_would_change_is_shown_before_it_is_given(doubted):
    size = doubted.size
    with board(doubted, BORIS) as client:
        preview = client.post("/trial/a", data=given(step="preview"))
        assert 'value="withdrawn"' not in preview.text, "there is no verdict to withdraw"
        assert preview.status_code == 200 and doubted.size == size, "nothing is written yet"
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", preview.text))
        assert "status reported annulled" in said
        assert "Falls" in said and "Stands again" in said
        assert "Hero of the pit of ada : earned → loses its basis" in said
        assert "ada: rank 1 with 14.571428 → not ranked" in said
        answer = client.post("/trial/a", data=hidden(preview))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/trial/a?given={size}")
        assert client.post("/trial/a", data=hidden(preview)).status_code == 409, "not twice"
    verdict = json.loads(doubted.entry(size))
    assert (verdict["ruling"], verdict["reason"], verdict["by"]) == (
        "annulled",
        "two crews on one tally",
        "account:boris",
    )
    assert doubted.size == size + 1


@pytest.mark.long
def test_a_verdict_is_reversed(doubted):
    with board(doubted, BORIS) as client:
        client.post("/trial/a", data=hidden(client.post("/trial/a", data=given(step="preview"))))
        preview = client.post("/trial/a", data=given(step="preview", ruling="withdrawn", reason="the tally was ours"))
        assert "Is set" in preview.text and "annulled" in preview.text
        client.post("/trial/a", data=hidden(preview))
        assert client.live.now().rows("attainment", {"id": "a"})[0]["status"] == "reported"
        again = client.post("/trial/a", data=given(step="preview", ruling="withdrawn"))
        assert again.status_code == 422 and "has withdrawn the verdict already" in again.text


def test_an_adjustment_takes_corrected_figures_and_others_do_not(doubted):
    corrected = {"quantity": "34", "helpers": "named", "helper1": "bo", "role1": "timberer"}
    with board(doubted, BORIS) as client:
        preview = client.post("/trial/a", data=given(step="preview", ruling="adjusted", **corrected))
        assert re.search(
            r"labour attainment</th><td class=\"number\">14.571428</td><td class=\"number strong\">2.428571<",
            preview.text,
        )
        client.post("/trial/a", data=hidden(preview))
        found = json.loads(doubted.entry(doubted.size - 1))
        assert found["quantity"] == "34" and found["helpers"] == [{"worker": "bo", "role": "timberer", "hours": "6"}]
        client.post("/trial/b", data=hidden(client.post("/trial/b", data=given(step="preview", **corrected))))
        assert "quantity" not in json.loads(doubted.entry(doubted.size - 1))


@pytest.mark.parametrize(
    ("form", "field"),
    [({"reason": ""}, "reason"), ({"ruling": ""}, "ruling"), ({"ruling": "adjusted", "quantity": "much"}, "quantity"),
     ({"ruling": "adjusted", "helpers": "named", "helper1": "zed"}, "helpers")],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(doubted, form, field):
    size = doubted.size
    with board(doubted, BORIS) as client:
        page = client.post("/trial/a", data=given(step="preview", **form))
        assert page.status_code == 422 and f'id="e-{field}"' in page.text
        for told in re.findall(r'aria-describedby="([^"]+)"', page.text):
            assert all(f'id="{one}"' in page.text for one in told.split()), "what describes a field is there"
        if field == "reason":
            assert 'aria-describedby="e-reason h-reason"' in page.text
        # The form leads to this place: what is wrong with it is told there, not at the head of a long page.
        assert page.text.count('id="preview-title"') == 1
        assert (
            page.text.index('id="judge"') < page.text.index('id="preview-title"') < page.text.index(f'id="e-{field}"')
        )
    assert doubted.size == size


def test_nobody_judges_what_they_entered_and_is_told_before_the_form(doubted):
    with doubted.append(Edge("account:boris", NOW)) as batch:
        batch.add("shift", shift("own", started="2025-09-03T06:00:00Z"))
    size = doubted.size
    with board(doubted, BORIS) as client:
        page = client.post("/trial/own", data={}).text
        assert "You entered this shift, so you do not judge it." in page and 'name="ruling"' not in page
        for step in ("preview", "give"):
            refused = client.post("/trial/own", data=given(step=step, seen="10", token="t"))
            assert refused.status_code == 422 and "would judge their own entry" in refused.text
    assert doubted.size == size


@pytest.mark.long
def test_what_was_said_meanwhile_is_looked_at_first(doubted):
    with board(doubted, BORIS) as client:
        preview = client.post("/trial/a", data=given(step="preview"))
        with doubted.append(Edge("account:cora", NOW)) as batch:
            batch.add("verdict", {"shift": "a", "ruling": "verified", "reason": "weighed"})
        size = doubted.size
        answer = client.post("/trial/a", data=hidden(preview))
        assert answer.status_code == 409 and "since you looked" in answer.text and doubted.size == size
        client.post("/trial/a", data=hidden(answer))
        assert doubted.size == size + 1


@pytest.mark.parametrize("role", ["visitor", "worker", "supervisor", "manager", "auditor"])
def test_others_do_not_judge(doubted, role):
    with board(doubted, role) as client:
        assert client.post("/trial/a", data=given(step="give")).status_code == (401 if role == "visitor" else 403)


def test_pictures_are_drawn_where_there_is_enough_to_see(doubted):
    with doubted.append(EDGE) as batch:
        for day in range(1, 25):
            quantity = f"{6 + day % 3}.5"
            batch.add("shift", shift(f"d{day}", quantity=quantity, started=f"2025-08-{day:02}T06:00:00Z", hours="6"))
        period = {"from": "2025-08-31T00:00:00Z", "until": "2025-09-01T00:00:00Z"}
        scale = {"id": "scale", "site": "north", "job": "hew", "quantity": "40", "instrument": "weighbridge"}
        batch.add("count", scale | period)
    with board(doubted) as client:
        page = client.get("/trial/a").text
        assert "Two carried for her" in page and "Verifiers give verdicts." in page
        assert "weighbridge counted 40 tonne" in page
        drawn = set(re.findall(r'<img src="(/charts/[^"]+)"', page))
        assert {one.split(".")[0] for one in drawn} == {
            f"/charts/{name}" for name in ("own-history", "neighbours", "tail", "bunching", "count-against-sum")
        }
        for address in drawn:
            picture = client.get(address.replace("&amp;", "&"))
            assert picture.status_code == 200 and "<svg" in picture.text, address


def test_a_day_that_nobody_knows_is_not_shown_and_a_crew_has_its_name(campaign):
    with board(campaign) as client:
        cases = client.get("/trial").text
        assert "September 1935, Tsentralnaya-Irmino mine" in cases and "1 September 1935" not in cases
        assert "Izotov and crew: 640 t" in cases
        assert "Tsentralnaya-Irmino mine, September 1935." in client.get("/trial/dyukanov-115").text
