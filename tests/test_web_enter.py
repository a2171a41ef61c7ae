"""Entering on the board: the form without scripts, what scripts send, once and never twice, and for one's own site only."""

import json
import re
from datetime import UTC, datetime

import pytest

from checkweigh import codec, importing
from conftest import EDGE, added
from web import board, somebody

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
ANNA = somebody("supervisor", "anna", site="north")
SCRIPT = {"accept": "application/json"}


@pytest.fixture
def mine(ledger):
    """A ledger with a quota, a crew and a second site."""
    with ledger.append(EDGE) as batch:
        batch.add("site", {"id": "south", "name": "South pit", "industry": "coal", "timezone": "Europe/Berlin"})
        batch.add("worker", {"id": "cy", "site": "south", "from": "2025-01-01", "name": "Cyril Kay"})
        batch.add("crew", {"id": "six", "name": "The six", "headcount": "6", "from": "2025-01-01"})
        batch.add("quota", {"id": "norm", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
    return ledger


def form(**changed):
    plain = {
        "id": "a" * 16, "who": "ada", "job": "hew", "site": "north", "quantity": "102", "hours": "5:45",
        "started": "2025-12-31T06:00", "helpers": "none",
    }  # fmt: skip
    return {**plain, **changed}


def entered(ledger, index):
    return json.loads(ledger.entry(index))


def test_a_shift_is_entered_without_scripts(mine):
    size = mine.size
    with board(mine, ANNA, lambda: NOW) as client:
        empty = client.get("/enter").text
        assert 'value="2026-01-01T15:30"' in empty, "now, on the clock of the site"
        assert "South pit" not in empty, "only the own site"
        answer = client.post("/enter", data=form(), follow_redirects=False)
        assert answer.status_code == 303 and answer.headers["location"] == f"/enter?done={size}"
        shown = client.get(answer.headers["location"]).text
    found = entered(mine, size)
    assert (found["worker"], found["quantity"], found["hours"], found["helpers"]) == ("ada", "102", "5.75", [])
    assert (found["started"], found["by"]) == ("2025-12-31T03:00:00Z", "account:anna")
    assert "14.571428" in shown and f"/receipts/{size}" in shown
    assert re.search(r'value="hew"[^>]* selected', shown), "the last job is chosen"


def test_what_is_sent_again_is_entered_once(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        first = client.post("/enter", data=form(), headers=SCRIPT)
        again = client.post("/enter", data=form(), headers=SCRIPT)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json() | {"again": False} and first.json()["entry"] == size
        assert first.json()["attainment"] == "14.571428"
        other = client.post("/enter", data=form(quantity="103"), headers=SCRIPT)
        assert other.status_code == 409 and f"already entry {size}" in other.json()["detail"]
        shown = client.post("/enter", data=form(quantity="103"))
        assert shown.status_code == 409 and "if this is another shift, enter it again" in shown.text
        fresh = re.search(r'name="id" value="([a-z2-7]+)"', shown.text)[1]
        assert fresh != "a" * 16
    assert mine.size == size + 1


def test_every_problem_stands_beside_its_field(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        wrong = form(who="nobody", quantity="many", hours="5:99", started="yesterday", note="keep me")
        shown = client.post("/enter", data=wrong)
        assert shown.status_code == 422
        for name in ("who", "quantity", "hours", "started"):
            assert re.search(rf'id="{name}"[^>]* aria-invalid="true" aria-describedby="e-{name}[ "]', shown.text), name
            assert f'id="e-{name}"' in shown.text
        assert "keep me" in shown.text and 'value="many"' in shown.text
        told = client.post("/enter", data=wrong, headers=SCRIPT)
        assert told.headers["content-type"].startswith("application/problem+json")
        assert {one["field"] for one in told.json()["problems"]} == {"who", "quantity", "hours", "started"}
    assert mine.size == size


@pytest.mark.parametrize(("who", "found"), [("ada", "ada"), ("Cyril Kay (cy)", "cy"), ("Cyril Kay", "cy")])
def test_a_worker_is_named_by_id_or_by_name(mine, who, found):
    with board(mine, "manager") as client:
        index = client.post("/enter", data=form(who=who), headers=SCRIPT).json()["entry"]
    assert entered(mine, index)["worker"] == found


def test_a_crew_is_named_too_and_a_name_of_two_is_asked_for(mine):
    with board(mine, "manager") as client:
        index = client.post("/enter", data=form(who="The six (crew six)"), headers=SCRIPT).json()["entry"]
        assert entered(mine, index)["crew"] == "six"
        added(mine, "worker", id="cy2", site="south", **{"from": "2025-01-01", "name": "Cyril Kay"})
        told = client.post("/enter", data=form(who="Cyril Kay", id="b" * 16), headers=SCRIPT).json()
        assert "is the name of 2; write the id: cy, cy2" in told["detail"]


def test_helpers_are_not_stated_none_or_named(mine):
    with board(mine, ANNA) as client:

        def helpers(**given):
            answer = client.post(
                "/enter", data=form(id=f"{len(given)}{given.get('helpers')}".ljust(16, "a"), **given), headers=SCRIPT
            )
            return (
                entered(mine, answer.json()["entry"]).get("helpers") if answer.is_success else answer.json()["detail"]
            )

        assert helpers(helpers="") is None
        assert helpers(helpers="none") == []
        named = helpers(helpers="named", helper1="bo", role1="timberer", helper2="cy", hours2="2")
        assert named == [{"worker": "bo", "role": "timberer", "hours": "5.75"}, {"worker": "cy", "hours": "2"}]
        assert "no name is given" in helpers(helpers="named")
        assert "choose one of the two" in helpers(helpers="none", helper1="bo")


def test_a_supervisor_enters_for_the_own_site_only(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        told = client.post("/enter", data=form(site="south", who="cy"), headers=SCRIPT)
        assert told.status_code == 422 and "you enter for north only" in told.json()["detail"]
    assert mine.size == size


def test_a_shift_that_was_kept_for_another_account_is_not_entered_under_this_name(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        assert client.get("/enter/state").json()["account"] == "account:anna"
        told = client.post("/enter", data=form(account="account:boris"), headers=SCRIPT)
        assert told.status_code == 403 and "kept for account:boris" in told.json()["detail"]
        assert client.post("/enter", data=form(account="account:anna"), headers=SCRIPT).status_code == 201
    assert mine.size == size + 1


@pytest.mark.parametrize("role", ["visitor", "worker", "verifier", "auditor"])
def test_nobody_else_enters(mine, role):
    with board(mine, role) as client:
        assert (
            client.get("/enter").status_code
            == client.post("/enter", data=form()).status_code
            == (401 if role == "visitor" else 403)
        )


def test_the_service_worker_may_serve_the_page(mine):
    with board(mine, ANNA) as client:
        script = client.get("/enter/worker.js")
        assert script.headers["service-worker-allowed"] == "/enter"
        assert "self.Waiting" in script.text and 'addEventListener("fetch"' in script.text


def test_what_is_entered_is_canonical(mine):
    with board(mine, ANNA) as client:
        index = client.post("/enter", data=form(note="  wet seam "), headers=SCRIPT).json()["entry"]
    assert codec.decode(mine.entry(index)).note == "wet seam"


def test_private_workers_are_offered_by_name_to_those_who_may_know_it(mine, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("id,name,site,from\n4711,Ida Noakes,north,2025-01-01\n")
    importing.read(mine, file, edge=EDGE, settings=importing.Settings(kind="worker", private="worker"))
    worker = entered(mine, mine.size - 1)["id"]
    with board(mine, ANNA) as client:
        assert f'value="Ida Noakes ({worker})"' in client.get("/enter").text
        for number, who in enumerate((f"Ida Noakes ({worker})", "4711")):
            index = client.post("/enter", data=form(who=who, id=str(number) * 16), headers=SCRIPT).json()["entry"]
            assert entered(mine, index)["worker"] == worker and b"Ida" not in mine.entry(index)
