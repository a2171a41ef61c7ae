"""Objecting on the board: who may, to what, once, and where it stands then."""

import json

import pytest

from conftest import added, shift
from test_web_shift import EVIL
from web import board, somebody

ADA, BO = somebody("worker", "ada@pit", worker="ada"), somebody("worker", "bo@pit", worker="bo")


@pytest.fixture
def doubted(ledger):
    """A shift of ada's with cy's help, and the index of its entry."""
    return added(ledger, "shift", **shift("one", helpers=[{"worker": "bo", "hours": "1"}], hours="6"))


def test_an_objection_stands_in_the_name_of_whoever_made_it_and_once(ledger, doubted):
    with board(ledger, ADA) as client:
        page = client.get(f"/object/{doubted}")
        assert page.status_code == 200 and "nobody can take it away" in page.text and 'name="csrf_token"' in page.text
        sent = {"token": "t1", "reason": f"I hewed nine, not seven {EVIL}"}
        for _ in range(2):
            answer = client.post(f"/object/{doubted}", data=sent, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/shifts/one")
        assert ledger.size == doubted + 2, "sent twice, it is there once"
        made = json.loads(ledger.entry(doubted + 1))
        assert (made["kind"], made["entry"], made["by"]) == ("objection", doubted, "account:ada@pit")
        assert (
            "I hewed nine" in client.get("/shifts/one").text
            and "<script>alert" not in client.get(f"/object/{doubted}").text
        )


def test_without_a_reason_nothing_is_written(ledger, doubted):
    with board(ledger, ADA) as client:
        for reason in ("", "  ", "\x00"):
            answer = client.post(f"/object/{doubted}", data={"token": "t", "reason": reason}, follow_redirects=False)
            assert answer.status_code == 200 and 'class="error"' in answer.text
    assert ledger.size == doubted + 1


def test_a_worker_objects_to_entries_about_their_own_work(ledger, doubted):
    other = added(ledger, "shift", **shift("other"))
    crew = added(ledger, "crew", id="six", name="The six", members=["bo"], **{"from": "2025-01-01"})
    added(ledger, "shift", **{**shift("ours"), "worker": None, "crew": "six"})
    verdict = added(ledger, "verdict", shift="one", ruling="verified", reason="weighed")
    with board(ledger, BO) as client:
        for index, status in ((doubted, 200), (other, 403), (crew + 1, 200), (verdict, 200), (0, 403)):
            assert client.get(f"/object/{index}").status_code == status, index
            if status == 403:
                assert client.post(f"/object/{index}", data={"token": "t", "reason": "no"}).status_code == 403
    with board(ledger, "auditor") as client:
        assert client.get(f"/object/{other}").status_code == 200
        assert client.get("/object/9999").status_code == 404


def test_visitors_and_read_only_boards_take_no_objection(ledger, doubted):
    with board(ledger) as client:
        assert client.get(f"/object/{doubted}").status_code == 401
    with board(ledger, ADA, read_only=True) as client:
        assert client.get(f"/object/{doubted}").status_code == 403
