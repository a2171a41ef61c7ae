"""Signing in and out, and the page of one's own account."""

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import PermissionDeniedException, TooManyRequestsException
from litestar.params import FromQuery
from litestar.response import Redirect, Response, Template

from ..accounts import Account, Accounts, Session, Signing, has_accounts
from ..errors import Refused
from .limits import Limits
from .live import Live
from .page import Served, page
from .roles import WORDS, May, Role, Who, needs
from .security import SESSION, cookie
from .sessions import Shown, lasting, origin, shown_by
from .settings import Settings

Asked = Request[Who, Any, Any]
HASHING = BoundedSemaphore(2)
"""So many passwords are hashed at once; each takes 64 MiB."""
WRONG = "The name or the password is not right."
LATEST = 10
"""So many of one's own sign-ins are shown."""


@dataclass(frozen=True)
class SignIn:
    """The form by which people come in."""

    name: str
    """The name that was typed."""
    next: str
    """Where it leads to, on this board."""
    error: str
    """Why they were not let in; empty at first."""
    accounts: bool
    """Whether there is anybody who could sign in."""
    provider: str
    """The host of the OpenID provider; empty without one."""


@dataclass(frozen=True)
class OwnAccount:
    """The account of who looks: what it is for, and where it is signed in."""

    role: str
    """What the role may do, in words."""
    account: Account | None
    """The account; absent for a token."""
    sessions: list[Session]
    """Where it is signed in."""
    here: str
    """Which of them this is."""
    signings: list[Signing]
    """The newest lines of the sign-in log that are about it."""
    error: str
    """Why something was not done."""
    done: str
    """What was done."""


@get("/sign-in", opt=needs(May.ALWAYS), sync_to_thread=True, include_in_schema=False)
def sign_in_page(request: Asked, live: Served, next: FromQuery[str] = "/") -> Response[Any] | Template:
    """The form; whoever has signed in goes on."""
    if request.user.by:
        return Redirect(local(next), status_code=303)
    return _form(request, live, "", next, "")


@post("/sign-in", opt=needs(May.ALWAYS), status_code=303, include_in_schema=False)
async def sign_in(request: Asked, live: Served) -> Response[Any]:
    """Somebody types name and password."""
    given = await fields(request, "name", "password", "next")
    return await sync_to_thread(_signed_in, request, live, given)


def _signed_in(request: Asked, live: Live, given: dict[str, str]) -> Response[Any]:
    limits: Limits = request.app.state.limits
    name, now = given["name"], live.clock()
    if not has_accounts(live.ledger.address):
        return _form(request, live, name, given["next"], WRONG, 401)
    with Accounts.open(live.ledger.address) as accounts:
        try:
            limits.sign_in(name, origin(request), now)
        except TooManyRequestsException:
            accounts.signings.note(name.strip().lower(), origin(request), "too many tries", now)
            raise
        with HASHING:
            found = accounts.sign_in(name, given["password"], origin(request), now, live.edge(request.user).random)
        if found is None:
            limits.failed(name, origin(request), now)
            return _form(request, live, name, given["next"], WRONG, 401)
        limits.succeeded(name, origin(request), now)
        return come_in(request, accounts, found.secret, given["next"])


def come_in(request: Asked, accounts: Accounts, secret: str, next: str) -> Response[Any]:
    """Go on as who has just signed in; a session that the browser still had ends."""
    if before := shown_by(request).secret:
        accounts.sessions.end(before)
    settings: Settings = request.app.state.settings
    accounts.sessions.forget(request.app.state.live.clock(), lasting(settings))
    seconds = int(lasting(settings).whole.total_seconds())
    return Redirect(local(next), status_code=303, cookies=[cookie(request, SESSION, secret, seconds)])


@post("/sign-out", opt=needs(May.OWN), sync_to_thread=True, status_code=303, include_in_schema=False)
def sign_out(request: Asked, live: Served) -> Response[Any]:
    """End this session."""
    shown = shown_by(request)
    if shown.kind == "session":
        with Accounts.open(live.ledger.address) as accounts:
            accounts.sessions.end(shown.secret)
            accounts.signings.note(request.user.name, origin(request), "signed out", live.clock())
    return Redirect("/", status_code=303, cookies=[cookie(request, SESSION, "", 0)])


@get("/account", opt=needs(May.OWN), sync_to_thread=True, include_in_schema=False)
def account_page(request: Asked, live: Served) -> Template:
    """Who I am, what I may do, where I am signed in."""
    return _own(request, live)


@post("/account/password", opt=needs(May.OWN), include_in_schema=False)
async def change_password(request: Asked, live: Served) -> Template:
    """Give oneself another password: whoever knows the old one may."""
    given = await fields(request, "old", "new", "again")
    return await sync_to_thread(_with_password, request, live, given)


def _with_password(request: Asked, live: Live, given: dict[str, str]) -> Template:
    shown, name, limits, now = _by_session(request), request.user.name, request.app.state.limits, live.clock()
    if given["new"] != given["again"]:
        return _own(request, live, error="The two new passwords differ; nothing was changed.", status=400)
    limits.sign_in(name, origin(request), now)
    with Accounts.open(live.ledger.address) as accounts, HASHING:
        if not accounts.has_password(name, given["old"]):
            limits.failed(name, origin(request), now)
            accounts.signings.note(name, origin(request), "wrong password", now)
            return _own(request, live, error="The old password is not right; nothing was changed.", status=403)
        try:
            accounts.set_password(name, given["new"], live.edge(request.user).random, keep=shown.secret)
        except Refused as refused:
            return _own(request, live, error=f"{str(refused).capitalize()}.", status=400)
        accounts.signings.note(name, origin(request), "password changed", now)
    limits.succeeded(name, origin(request), now)
    return _own(request, live, done="The password is changed. Everywhere else you are signed out.")


@post("/account/sessions", opt=needs(May.OWN), include_in_schema=False)
async def end_sessions(request: Asked, live: Served) -> Template:
    """Sign out elsewhere: of one session, or of all others."""
    given = await fields(request, "session")
    return await sync_to_thread(_with_sessions, request, live, given["session"])


def _with_sessions(request: Asked, live: Live, session: str) -> Template:
    shown, name = _by_session(request), request.user.name
    with Accounts.open(live.ledger.address) as accounts:
        one = accounts.sessions.end_one
        ended = int(one(name, session)) if session else accounts.sessions.end_all(name, shown.secret)
        if ended:
            accounts.signings.note(name, origin(request), "sessions ended", live.clock())
    return _own(request, live, done=f"{ended} {'session was' if ended == 1 else 'sessions were'} ended.")


def _by_session(request: Asked) -> Shown:
    shown = shown_by(request)
    if shown.kind != "session":
        raise PermissionDeniedException("only who has signed in here with a name can do this, and no program")
    return shown


def _own(request: Asked, live: Live, *, error: str = "", done: str = "", status: int = 200) -> Template:
    shown = shown_by(request)
    account, sessions, signings = None, [], []
    if shown.kind == "session" and shown.session is not None:
        with Accounts.open(live.ledger.address) as accounts:
            account = accounts.find(request.user.name)
            sessions = accounts.sessions.of(request.user.name, live.clock(), lasting(request.app.state.settings))
            signings = list(accounts.signings.newest(request.user.name, LATEST))
    here = shown.session.id if shown.session else ""
    role = WORDS[Role(request.user.role)]
    made = page(request, "account.html", OwnAccount(role, account, sessions, here, signings, error, done))
    made.status_code = status
    return made


def _form(request: Asked, live: Live, name: str, next: str, error: str, status: int = 200) -> Template:
    settings: Settings = request.app.state.settings
    provider = urlsplit(settings.oidc_issuer).netloc if settings.oidc_client_id else ""
    shown = SignIn(name, local(next), error, has_accounts(live.ledger.address), provider)
    made = page(request, "sign_in.html", shown)
    made.status_code = status
    return made


def local(path: str) -> str:
    """A path of this board to go on to; whatever would lead elsewhere, or make no address, becomes the board itself."""
    inside = path.startswith("/") and not path.startswith(("//", "/sign-")) and path.isprintable() and "\\" not in path
    return quote(path, safe="/?&=%#+:@,;~!$'()*[]") if inside else "/"


async def fields(request: Asked, *names: str) -> dict[str, str]:
    """The texts of a form; empty where one is absent or no text."""
    form = await request.form()
    return {name: text if isinstance(text := form.get(name), str) else "" for name in names}


ROUTES = [sign_in_page, sign_in, sign_out, account_page, change_password, end_sessions]
