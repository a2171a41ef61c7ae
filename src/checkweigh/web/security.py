"""What keeps a reader safe from other people's pages: headers of every answer, cookies, and the proof that a form comes from this board.

A request that changes something must come from a page of this board. The browser says where it comes from (`Sec-Fetch-Site`, else
`Origin`), and the form carries `csrf_token`, a hash of the secret in a cookie that no other site can read: the session's, or before
signing in that of a cookie made for the form. Scripts send the same in the header `X-CSRFToken`. A request with a bearer token needs none
of this, since no browser sends one by itself.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from .roles import who_asks
from .settings import Settings

Connection = ASGIConnection[Any, Any, Any, Any]
POLICY = "; ".join(
    [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", "font-src 'self'",
        "manifest-src 'self'", "worker-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
    ]
)  # fmt: skip
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION, FORM = "checkweigh", "checkweigh-form"
"""The names of the two cookies."""
TOKEN_FIELD, TOKEN_HEADER = "csrf_token", "x-csrftoken"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MADE, _HOLDS = "checkweigh_form", "checkweigh_holds_token"
"""Where the scope of a request keeps the secret of a form cookie that its answer is to set."""


def is_https(connection: Connection) -> bool:
    """Whether the reader reaches the board by https, as far as can be known here."""
    settings: Settings = connection.app.state.settings
    return connection.scope["scheme"] == "https" or settings.public_address.startswith("https://")


def changes_something(connection: Connection) -> bool:
    """Whether a request may change something, by its method."""
    return connection.scope.get("method") not in SAFE


# ------------------------------------------------------------------------------------------------------------ headers


async def headers(message: Message, scope: Scope) -> None:
    """Add what every answer carries; it is kept for its reader alone, unless the route has said otherwise."""
    if message["type"] != "http.response.start" or scope["type"] == ScopeType.WEBSOCKET:
        return
    connection: Connection = ASGIConnection(scope)
    given = list(message.get("headers", ()))
    named = {name.lower(): value for name, value in given}
    given += [header for header in HEADERS if header[0] not in named]
    if is_https(connection):
        given.append(HTTPS_ONLY)
    if not scope["path"].startswith("/static/"):
        given = [header for header in given if header[0].lower() != b"cache-control"]
        given.append((b"cache-control", _kept(connection, named.get(b"cache-control", b"no-cache"))))
        given.append((b"vary", b"Cookie, Authorization"))
    if (secret := scope.get(_MADE)) is not None:
        made = cookie(connection, FORM, str(secret)).to_header(header="")
        given.append((b"set-cookie", made.encode()))
    message["headers"] = given


def holds_token(scope: Scope) -> bool:
    """Whether there is a form in the answer, with a token that is its reader's own."""
    return _HOLDS in scope


def _kept(connection: Connection, said: bytes) -> bytes:
    """Who may keep an answer: its reader alone, unless the route says that anybody may, and everybody would get the same."""
    settings: Settings = connection.app.state.settings
    somebody = getattr(connection.scope.get("user"), "by", "") or settings.visitors == "nothing"
    if b"no-store" in said or b"private" in said or (b"public" in said and not somebody):
        return said
    return b"private, " + said.replace(b"public, ", b"")


# ------------------------------------------------------------------------------------------------------------ cookies


def cookie_name(connection: Connection, name: str) -> str:
    """The name of a cookie; by https it begins with what lets a browser take it from this host alone."""
    return f"__Host-{name}" if is_https(connection) else name


def cookie(connection: Connection, name: str, value: str, seconds: int | None = None) -> Cookie:
    """A cookie that scripts cannot read, and that other sites' forms do not send. For no seconds it is deleted."""
    return Cookie(
        key=cookie_name(connection, name),
        value=value,
        path="/",
        httponly=True,
        secure=is_https(connection),
        samesite="lax",
        max_age=seconds,
    )


def read_cookie(connection: Connection, name: str) -> str:
    """What a cookie holds; empty without it."""
    return connection.cookies.get(cookie_name(connection, name)) or ""


# --------------------------------------------------------------------------------------------------------- form tokens


def token(request: Request[Any, Any, Any]) -> str:
    """What a form of this reader carries. For who has not signed in, the answer sets the cookie that goes with it."""
    request.scope[_HOLDS] = True  # type: ignore[literal-required]
    return _token_of(_secret(request, make=True))


class FormToken:
    """The token of a form, made when a template prints it."""

    def __init__(self, request: Request[Any, Any, Any], made: Callable[[Request[Any, Any, Any]], str] = token) -> None:
        self._request, self._made = request, made

    def __html__(self) -> str:
        return self._made(self._request)

    __str__ = __html__


async def check_form(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard: a request that changes something comes from a page of this board. Whoever shows a bearer token is not asked."""
    auth = connection.scope.get("auth")
    if auth is None or not changes_something(connection) or auth.kind == "token" or _nobody_at_the_api(connection):
        return
    _check_origin(connection)
    secret = _secret(connection, make=False)
    given = connection.headers.get(TOKEN_HEADER) or await _in_form(connection)
    if not secret or not hmac.compare_digest(given.encode(), _token_of(secret).encode()):
        raise PermissionDeniedException(
            "this form was made for another sign-in, or cookies are off; load the page again and send it once more"
        )


def _nobody_at_the_api(connection: Connection) -> bool:
    """Whether a program writes in nobody's name, which is refused with a word about tokens."""
    return connection.url.path.startswith("/api/") and not who_asks(connection).by


def _check_origin(connection: Connection) -> None:
    """What the browser says of where a request comes from."""
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    known = site in ("same-origin", "none") if site is not None else origin is None or origin in _origins(connection)
    if not known:
        raise PermissionDeniedException(
            "this request comes from another site; write on the board itself (behind a proxy, set `public_address` to the address that "
            "readers use)"
        )


def _origins(connection: Connection) -> set[str]:
    settings: Settings = connection.app.state.settings
    host = connection.headers.get("host", "")
    scheme = "https" if is_https(connection) else "http"
    public = urlsplit(settings.public_address)
    return {f"{scheme}://{host}", f"{public.scheme}://{public.netloc}"}


def _secret(connection: Connection, *, make: bool) -> str:
    """The secret that the tokens of a reader are made from; without one it is made, if that is wanted."""
    auth = connection.scope.get("auth")
    secret = "" if auth is None else str(auth.secret)
    secret = secret or read_cookie(connection, FORM) or str(connection.scope.get(_MADE) or "")
    if not secret and make:
        secret = token_urlsafe(32)
        connection.scope[_MADE] = secret  # type: ignore[literal-required]
    return secret


def _token_of(secret: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret.encode(), b"checkweigh form", "sha256")).decode().rstrip("=")


async def _in_form(connection: Connection) -> str:
    """The token among the fields of a form; what is no form has none."""
    if not isinstance(connection, Request) or not connection.headers.get("content-type", "").startswith(_FORMS):
        return ""
    given = (await connection.form()).get(TOKEN_FIELD)
    return given if isinstance(given, str) else ""
