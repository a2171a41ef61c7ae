"""The board as tests ask it: an application over a ledger, asked in the same process, by whoever the test says."""

from contextlib import contextmanager
from datetime import UTC, datetime

from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.testing import TestClient

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


@contextmanager
def board(ledger, who="visitor", clock=lambda: NOW, **settings):
    """A client of the board of an open ledger (or of one at a path), as a role or as `Who`; `client.live` is the ledger that it shows."""
    asking = who if isinstance(who, Who) else somebody(who)

    class As(AbstractAuthenticationMiddleware):
        """Everybody is the one whom the test says."""

        async def authenticate_request(self, connection):
            return AuthenticationResult(user=asking, auth=None)

    opened = ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, write=True)
    try:
        made = application(opened, Settings(fresh_seconds=0, **settings), clock, middleware=[As])
        with TestClient(made, raise_server_exceptions=False) as client:
            client.headers.update(PAGE)
            client.live = made.state.live
            yield client
    finally:
        if opened is not ledger:
            opened.close()
