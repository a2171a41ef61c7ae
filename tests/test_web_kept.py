"""Pages that are kept: visitors who ask for the same page get the same bytes, made once, until the ledger has grown; nobody else does."""

from datetime import UTC, datetime

import pytest
from litestar.testing import TestClient

from checkweigh.web import application, board, page
from checkweigh.web.security import FormToken
from checkweigh.web.settings import Settings
from conftest import EDGE, founded
from web import PAGE, PASSWORD, account, csrf

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def made(monkeypatch):
    """The pages that were made, by template."""
    found = []
    plain = page.page

    def seen(request, template, context, known=None):
        found.append(template)
        return plain(request, template, context, known)

    monkeypatch.setattr(board, "page", seen)
    return found


@pytest.fixture
def visitor(tmp_path):
    with founded(tmp_path / "mine.ledger") as ledger:
        shown = application(ledger, Settings(fresh_seconds=60), lambda: NOW)
        with TestClient(shown, raise_server_exceptions=False) as client:
            client.headers.update(PAGE)
            client.ledger, client.live = ledger, shown.state.live
            client.pages = lambda: shown.state.pages.of(client.live.now().size)
            client.live.now()
            yield client


def test_a_page_is_made_once_for_all_visitors_until_the_ledger_grows(visitor, made):
    client = visitor
    first, second = client.get("/"), client.get("/")
    assert first.status_code == 200 and first.content == second.content and made == ["board.html"]
    assert dict(first.headers) == dict(second.headers)
    assert client.get("/", headers={"accept-encoding": "identity"}).text == first.text
    assert client.get("/?scope=crew").text != first.text and len(made) == 3
    with client.ledger.append(EDGE) as batch:
        batch.add("site", {"id": "south", "name": "South pit", "industry": "coal", "timezone": "UTC"})
    client.live.woken()
    assert f"at size {client.ledger.size}" in client.get("/").text and len(made) == 4


def test_whoever_is_known_gets_pages_of_their_own(visitor, made):
    client = visitor
    client.get("/")
    name = account(client.ledger, "manager")
    told = {"name": name, "password": PASSWORD, "csrf_token": csrf(client)}
    assert client.post("/sign-in", data=told, follow_redirects=False).status_code == 303
    mine = client.get("/")
    assert name in mine.text and len(made) == 2
    client.get("/")
    assert len(made) == 3
    client.cookies.clear()
    assert name not in client.get("/").text and len(made) == 3


def test_a_page_with_a_form_is_its_readers_own(visitor, monkeypatch):
    """There is none among the pages that are kept; if there were, nobody would get the token of another."""
    client = visitor
    plain = page.page

    def with_form(request, *given):
        str(FormToken(request))
        return plain(request, *given)

    csrf(client)
    assert "checkweigh-form" in str(client.cookies)
    monkeypatch.setattr(board, "page", with_form)
    client.get("/")
    assert not client.pages()
    monkeypatch.undo()
    client.get("/")
    assert client.pages()


def test_what_was_not_found_is_not_kept(visitor):
    client = visitor
    assert client.get("/shifts/none").status_code == 404
    assert not client.pages()
