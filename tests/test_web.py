"""The frame of the board: pages, refusals in both shapes, files of our own host."""

import re

import pytest

from checkweigh.web.problems import problem_of
from test_tidy import SOURCES
from web import board


def test_a_page_says_which_state_it_shows(ledger):
    with board(ledger) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert f"As known at size {ledger.size}, the latest" in page.text
        assert ledger.root().hex()[:16] in page.text
        older = client.get("/?at=1")
        assert f"As known at size 1</strong>; the ledger has {ledger.size} entries now" in older.text


def test_a_refusal_is_a_problem_for_programs_and_a_page_for_people(ledger):
    with board(ledger) as client:
        page = client.get("/?at=never")
        assert page.status_code == 400 and "neither a size nor a date" in page.text and "<h1>" in page.text
        answer = client.get("/?at=never", headers={"accept": "application/json"})
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["status"] == 400 and "neither a size nor a date" in answer.json()["detail"]
        assert client.get("/nothing-here").status_code == 404


@pytest.mark.parametrize("path", ["/", "/records", "/ledger/0", "/nothing-here", "/healthz", "/board/size"])
def test_whoever_asks_for_the_head_alone_is_answered_as_others_are_without_the_body(ledger, path):
    with board(ledger) as client:
        head = client.head(path)
        assert head.status_code == (404 if "nothing" in path else 200) and not head.content
        if path != "/board/size":  # which goes on for ever
            whole = client.get(path)
            told = [name for name in whole.headers if name not in ("date", "set-cookie")]
            assert [head.headers.get(name) for name in told] == [whole.headers[name] for name in told]
        assert client.head("/sign-out").status_code == 405


def test_a_fault_tells_nothing_of_the_inside():
    assert "secret" not in problem_of(ValueError("secret")).detail


def test_every_file_that_a_page_names_is_served_and_kept(ledger):
    with board(ledger) as client:
        named = re.findall(r'(?:src|href)="(/static/[^"#]+)', client.get("/").text)
        assert len(named) >= 3
        sheet = next(name for name in named if name.endswith(".css"))
        fonts = re.findall(r'url\("([^"]+)"\)', client.get(sheet).text)
        assert len(fonts) == 7
        for name in [*named, *fonts]:
            answer = client.get(name)
            assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"], name
        assert client.get("/static/style.000000000000.css").status_code == 404


WEB = [path for path in SOURCES if "web" in path.parts]


@pytest.mark.parametrize("path", WEB, ids=lambda path: path.name)
def test_only_whoever_starts_the_board_reads_a_clock(path):
    assert "datetime.now" not in path.read_text(encoding="utf-8")
