"""The board as tests ask it: an application over a ledger, asked in the same process, by whoever the test says."""

import os
import re
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from html import unescape

from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.testing import TestClient

from checkweigh.accounts import Accounts
from checkweigh.ledger import Ledger
from checkweigh.web import application
from checkweigh.web.roles import VISITOR, Role, Who
from checkweigh.web.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = {"accept": "text/html,application/xhtml+xml"}


def somebody(role, name="", site=None, worker=None):
    """Who asks, by role: an account that is named like it."""
    role = Role(role)
    name = name or role
    return VISITOR if role is Role.VISITOR else Who(name, role, f"account:{name}", site, worker)


def made(ledger, who="visitor", clock=lambda: NOW, **settings):
    """The board of an open ledger, where everybody is the one whom the test says: a role or `Who`."""
    asking = who if isinstance(who, Who) else somebody(who)

    class As(AbstractAuthenticationMiddleware):
        """Everybody is the one whom the test says."""

        async def authenticate_request(self, connection):
            return AuthenticationResult(user=asking, auth=None)

    return application(ledger, Settings(fresh_seconds=0, **settings), clock, middleware=[As])


@contextmanager
def board(ledger, who="visitor", clock=lambda: NOW, **settings):
    """A client of the board of an open ledger (or of one at a path), as `made`; `client.live` is the ledger that it shows."""
    opened = ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, write=True)
    try:
        shown = made(opened, who, clock, **settings)
        # Closed as by whoever serves it: else the thread that follows a ledger never rests.
        with closing(shown.state.live) as live, TestClient(shown, raise_server_exceptions=False) as client:
            client.headers.update(PAGE)
            client.live = live
            yield client
    finally:
        if opened is not ledger:
            opened.close()


def plain(html):
    """The text of a piece of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


PASSWORD = "four lamps in a shaft"
SCOPES = {"supervisor": {"site": "north"}, "worker": {"worker": "ada"}}


def account(ledger, role, name="", **scope):
    """Make an account, by default named like its role; returns the name."""
    name = name or role
    with Accounts.open(ledger.address, create=True) as accounts:
        accounts.add(name, role, NOW, os.urandom, password=PASSWORD, **(scope or SCOPES.get(role, {})))
    return name


@contextmanager
def door(ledger, clock=lambda: NOW, address="http://testserver.local", **settings):
    """A client of the board as it runs in earnest, where people sign in; `client.live` is the ledger that it shows."""
    opened = application(ledger, Settings(fresh_seconds=0, **settings), clock)
    asking = TestClient(opened, base_url=address, raise_server_exceptions=False)
    with closing(opened.state.live) as live, asking as client:
        client.headers.update(PAGE)
        client.follow_redirects = False
        client.live = live
        yield client


def csrf(client, path="/sign-in"):
    """The token of the first form of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, "the page has no form with a token"
    return found[1]


def sign_in(client, name, password=PASSWORD, **fields):
    """Go through the form; the answer to it."""
    given = {"name": name, "password": password, "csrf_token": csrf(client), **fields}
    return client.post("/sign-in", data=given)
