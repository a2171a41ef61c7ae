"""Who asks: whoever holds a session's cookie or a token, else a visitor."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from ..accounts import Accounts, Lasting, Session, has_accounts
from .live import Live
from .roles import EVERYTHING, RIGHT, VISITOR, May, Role, Who
from .security import SESSION, read_cookie
from .settings import Settings

Connection = ASGIConnection[Any, Any, Any, Any]
IDLE = timedelta(hours=2)
"""A session that is not used for so long ends; the settings say how long one lasts in all."""


@dataclass(frozen=True)
class Shown:
    """What somebody has shown to be known: nothing, a session's cookie, or a token."""

    kind: Literal["nothing", "session", "token"]
    secret: str = ""
    """What the cookie of the session holds."""
    session: Session | None = None
    ended: bool = False
    """Whether the cookie was that of a session which has ended."""


NOTHING = Shown("nothing")


class Asking(AbstractAuthenticationMiddleware):
    """Finds out who asks. A token that is not known is refused; a session that has ended makes a visitor."""

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        """Who asks, and what they have shown."""
        who, shown = await _asked(connection)
        if connection.app.state.settings.visitors == "everything":
            who = replace(who, more=EVERYTHING)
        return AuthenticationResult(user=who, auth=shown)


async def _asked(connection: Connection) -> tuple[Who, Shown]:
    authorization = connection.headers.get("authorization")
    if authorization is not None and not _for_everybody(connection):
        return await _in_thread(_of_token, connection, authorization), Shown("token")
    secret = read_cookie(connection, SESSION)
    if not secret or connection.scope["path"].startswith("/static/"):
        return VISITOR, NOTHING
    found: tuple[Who, Shown] = await _in_thread(_of_session, connection, secret)
    return found


def lasting(settings: Settings) -> Lasting:
    """How long sessions last on this board."""
    whole = timedelta(hours=settings.session_hours)
    return Lasting(whole, min(whole, IDLE))


def origin(connection: Connection) -> str:
    """The address that somebody asks from, as the server knows it (which believes only the proxies of the settings)."""
    return connection.client.host if connection.client else "unknown"


def shown_by(connection: Connection) -> Shown:
    """What somebody has shown."""
    found = connection.scope.get("auth")
    return found if isinstance(found, Shown) else NOTHING


async def _in_thread(find: Callable[[Live, Settings, str], Any], connection: Connection, given: str) -> Any:
    """The file of accounts may be locked for a moment, and nobody else is to wait for that."""
    state = connection.app.state
    return await sync_to_thread(find, state.live, state.settings, given)


def _for_everybody(connection: Connection) -> bool:
    """Whether a route asks nobody who they are: its own tokens, if any, are not ours."""
    handler = connection.scope.get("route_handler")
    return handler is not None and handler.opt.get(RIGHT) is May.ALWAYS


def _of_token(live: Live, settings: Settings, authorization: str) -> Who:
    scheme, _, secret = authorization.partition(" ")
    found = None
    if scheme.lower() == "bearer" and has_accounts(live.ledger.address):
        with Accounts.open(live.ledger.address) as accounts:
            found = accounts.tokens.find(secret.strip(), live.clock())
    if found is None:
        raise NotAuthorizedException(
            "this token is not known here, or has expired; `checkweigh token add` makes one",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return Who(found.name, Role(found.role), found.by, found.site, found.worker)


def _of_session(live: Live, settings: Settings, secret: str) -> tuple[Who, Shown]:
    found = None
    if has_accounts(live.ledger.address):
        with Accounts.open(live.ledger.address) as accounts:
            found = accounts.of_session(secret, live.clock(), lasting(settings))
    if found is None:
        return VISITOR, Shown("nothing", ended=True)
    account, session = found
    return Who(account.name, Role(account.role), account.by, account.site, account.worker), Shown(
        "session", secret, session
    )
