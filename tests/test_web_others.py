"""Counts, trainings, incidents and objections on the board."""

import json

import pytest

from checkweigh import codec
from checkweigh.web import rights
from conftest import EDGE, shift
from web import board, somebody

ANNA = somebody("supervisor", "anna", site="north")
FORMS = {
    "count": {
        "job": "hew", "site": "north", "from": "2025-08-31T06:00", "until": "2025-08-31T14:00", "quantity": "40",
        "instrument": "weighbridge",
    },
    "training": {"trainee": "ada", "course": "timbering", "trainer": "bo", "on": "2025-09-01"},
    "incident": {"site": "north", "on": "2025-09-01", "severity": "bruise", "days_lost": "0"},
}  # fmt: skip


@pytest.fixture
def mine(ledger):
    with ledger.append(EDGE) as batch:
        batch.add("crew", {"id": "two", "name": "The two", "members": ["ada", "bo"], "from": "2025-01-01"})
        batch.add("shift", shift("a", helpers=[{"worker": "bo", "hours": "1"}]))
        batch.add("shift", shift("both", worker=None, crew="two"))
        batch.add("verdict", {"shift": "a", "ruling": "annulled", "reason": "double tally"})
        batch.add("shift", shift("mine", worker="bo"))
    return ledger


@pytest.mark.parametrize("kind", list(FORMS))
def test_an_entry_is_made_once_for_each_form(mine, kind):
    size = mine.size
    with board(mine, ANNA) as client:
        assert client.get(f"/enter/{kind}").status_code == 200
        for _ in range(2):
            answer = client.post(f"/enter/{kind}", data={**FORMS[kind], "token": "t" * 16}, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/enter/{kind}?done={size}")
    found = json.loads(mine.entry(size))
    assert found["kind"] == kind and found["by"] == "account:anna" and mine.size == size + 1


@pytest.mark.parametrize(
    ("kind", "wrong", "field"),
    [
        ("count", {"until": "2025-08-31T05:00"}, "until"),
        ("count", {"site": "south"}, "site"),
        ("training", {"trainee": "zed"}, "trainee"),
        ("training", {"trainee": "two"}, "trainee"),
        ("incident", {"days_lost": "some"}, "days_lost"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(mine, kind, wrong, field):
    size = mine.size
    with board(mine, ANNA) as client:
        page = client.post(f"/enter/{kind}", data=FORMS[kind] | wrong)
        assert page.status_code == 422 and f'id="e-{field}"' in page.text
    assert mine.size == size


def test_a_worker_objects_to_what_concerns_them(mine):
    size = mine.size
    with board(mine, somebody("worker", "ada", worker="ada")) as client:
        for index, allowed in ((5, True), (6, True), (7, True), (8, False), (0, False)):
            assert client.get(f"/object/{index}").status_code == (200 if allowed else 403), index
        assert client.post("/object/8", data={"reason": "no"}).status_code == 403
        empty = client.post("/object/5", data={"reason": " "})
        assert empty.status_code == 422 and 'id="e-reason"' in empty.text
        for _ in range(2):
            answer = client.post(
                "/object/5", data={"reason": "I carried it alone", "token": "t"}, follow_redirects=False
            )
            assert answer.headers["location"] == f"/ledger/{size}"
        assert client.get("/object?entry=5", follow_redirects=False).headers["location"] == "/object/5"
        assert client.get("/object/999").status_code == 404
    found = json.loads(mine.entry(size))
    assert (found["kind"], found["entry"], found["by"]) == ("objection", 5, "account:ada") and mine.size == size + 1


def test_page_and_program_agree_on_what_concerns_a_worker(mine):
    with mine.append(EDGE) as batch:
        first = batch.add("award", {"name": "of ada", "worker": "ada"})
        for other in ({"name": "of the crew", "crew": "two"}, {"name": "of bo", "worker": "bo"}):
            batch.add("award", other)
    ada = somebody("worker", "ada", worker="ada")
    with board(mine, ada) as client:
        for index in (0, 2, 3, 4, 5, 6, 7, 8, first, first + 1, first + 2):
            concerned = index in (4, 5, 6, 7, first, first + 1)
            assert rights.concerns(mine, "ada", codec.decode(mine.entry(index))) is concerned, index
            page = client.post(f"/object/{index}", data={"reason": "no", "token": f"t{index}"}, follow_redirects=False)
            entry = {"kind": "objection", "entry": index, "reason": "no"}
            program = client.post("/api/v1/entries", json=entry)
            assert (page.status_code, program.status_code) == ((303, 201) if concerned else (403, 403)), index


def test_a_training_is_of_the_site_of_who_was_taught(mine):
    with mine.append(EDGE) as batch:
        batch.add("site", {"id": "south", "name": "South pit", "industry": "coal", "timezone": "Europe/Berlin"})
        batch.add("worker", {"id": "cy", "site": "south", "from": "2025-01-01"})
    size = mine.size
    with board(mine, ANNA) as client:
        page = client.post("/enter/training", data=FORMS["training"] | {"trainee": "cy"})
        assert page.status_code == 422 and "is of the site south; you enter for north only" in page.text
        assert mine.size == size
    with board(mine, somebody("manager")) as client:
        answer = client.post("/enter/training", data=FORMS["training"] | {"trainee": "cy"}, follow_redirects=False)
        assert answer.status_code == 303 and mine.size == size + 1


def test_a_visitor_signs_in_first(mine):
    with board(mine) as client:
        assert client.get("/object/5").status_code == client.get("/enter/count").status_code == 401
