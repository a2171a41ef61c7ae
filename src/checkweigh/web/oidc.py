"""OpenID Connect: signing in where the site has its people already. Authorization code with PKCE; the provider's keys check its word.

    /sign-in/openid         leads to the provider, and leaves a cookie that knows what was asked
    /sign-in/openid/back    where the provider leads back to, with a code; the board changes it for an id token, and checks that

An id token lets in when it is signed by a key that the provider publishes, with an algorithm of public keys, was made by this issuer for
this client, answers this very request (`nonce`), has not expired, and its subject is that of an account. Nobody gets an account by it.
"""

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption
from litestar import Request, get
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, ServiceUnavailableException
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from ..accounts import Accounts, has_accounts
from .live import Live
from .page import Served
from .problems import NotHere
from .roles import May, Who, needs
from .security import cookie, read_cookie
from .sessions import origin
from .settings import Settings
from .signing_in import come_in, local

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Those of public keys alone: with a shared secret anybody who knows it could make a token, and `none` is no signature."""
COOKIE = "checkweigh-openid"
BACK = "/sign-in/openid/back"
LEEWAY_SECONDS = 60
"""So far the provider's clock and ours may be apart."""
MINUTES = 10
"""So long somebody may take at the provider."""
KEPT = timedelta(hours=1)
AGAIN = timedelta(minutes=1)
"""What the provider publishes is asked for anew after so long; because of a key that is not known, at most so often."""
MOST_BYTES = 1 << 20
TIMEOUT_SECONDS = 10.0
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Journey:
    """What somebody set out with, in a cookie until they come back."""

    state: str
    """Comes back with them: another site cannot send somebody back who never set out."""
    nonce: str
    """Comes back in the id token."""
    verifier: str
    """Shows to the provider that who changes the code is who asked for it."""
    next: str
    """Where they were going."""

    def text(self) -> str:
        """As a cookie holds it."""
        return urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def read(cls, text: str) -> "Journey | None":
        """From a cookie, None where that holds none."""
        try:
            found = cls(**json.loads(urlsafe_b64decode(text)))
        except (ValueError, TypeError):
            return None
        return found if all(isinstance(part, str) for part in asdict(found).values()) else None


class Provider:
    """The provider of the settings. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.issuer, self.client, self._secret = (
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret,
        )
        self.host = urlsplit(self.issuer).netloc
        self._lock = threading.Lock()
        self._published: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._asked: datetime | None = None

    @property
    def there(self) -> bool:
        """Whether the settings name one."""
        return bool(self.issuer and self.client)

    def address(self, journey: Journey, back: str, now: datetime) -> str:
        """Where somebody who sets out is led to."""
        challenge = urlsafe_b64encode(sha256(journey.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "scope": "openid", "client_id": self.client, "redirect_uri": back, "state": journey.state,
            "nonce": journey.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        found = self._endpoint("authorization_endpoint", now)
        return f"{found}{'&' if '?' in found else '?'}{urlencode(asked)}"

    def subject(self, code: str, journey: Journey, back: str, now: datetime) -> str:
        """Whom the provider vouches for. Raises NotAuthorizedException where its answer does not hold."""
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": journey.verifier,
        }
        where = self._endpoint("token_endpoint", now)
        methods = self._published.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = (
            httpx.BasicAuth(self.client, self._secret) if self._secret and "client_secret_basic" in methods else None
        )
        if basic is None:
            given |= {"client_id": self.client} | ({"client_secret": self._secret} if self._secret else {})
        answer = self._ask("POST", where, data=given, auth=basic)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotAuthorizedException(f"{self.host} gave no id token; try to sign in again")
        return self._checked(token, journey.nonce, now)

    def _checked(self, token: str, nonce: str, now: datetime) -> str:
        """The subject of an id token that holds in every point."""
        try:
            try:
                claims = jwt.decode(token, self._known_keys(now), algorithms=ALGORITHMS).claims
            except (JoseError, ValueError):  # perhaps signed by a key that is newer than those at hand
                claims = jwt.decode(token, self._known_keys(now, anew=True), algorithms=ALGORITHMS).claims
            check(claims, self.issuer, self.client, nonce, now)
        except (JoseError, ValueError) as error:
            raise NotAuthorizedException(f"the id token of {self.host} does not hold ({error}); try again") from None
        return str(claims["sub"])

    def _known_keys(self, now: datetime, anew: bool = False) -> KeySet:
        with self._lock:
            self._refresh(now, AGAIN if anew else KEPT)
            if self._keys is None:
                raise ServiceUnavailableException(f"{self.host} publishes no keys; try again later")
            return self._keys

    def _endpoint(self, name: str, now: datetime) -> str:
        with self._lock:
            self._refresh(now, KEPT)
            return _safe(str(self._published.get(name)), self.host)

    def _refresh(self, now: datetime, kept: timedelta) -> None:
        """Ask for what the provider publishes, where it is older than may be kept."""
        if self._asked is not None and now - self._asked < kept:
            return
        where = _safe(self.issuer, self.host).rstrip("/") + "/.well-known/openid-configuration"
        published = self._ask("GET", where)
        if published.get("issuer") != self.issuer:
            raise ServiceUnavailableException(
                f"{where} is of another issuer than the setting oidc_issuer; mend the setting"
            )
        try:
            keys = KeySet.import_key_set(self._ask("GET", _safe(str(published.get("jwks_uri")), self.host)))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError):
            raise ServiceUnavailableException(f"the keys of {self.host} cannot be read; try again later") from None
        self._published, self._keys, self._asked = published, keys, now

    def _ask(self, method: str, where: str, **given: Any) -> dict[str, Any]:
        """A JSON object from the provider."""
        try:
            with (
                httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client,
                client.stream(method, where, **given) as answer,
            ):
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise ValueError("the answer is too long")
            found = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ServiceUnavailableException(
                f"{self.host} does not answer as it should ({error}); try again later"
            ) from None
        if method == "POST" and answer.status_code >= 400:
            raise NotAuthorizedException(f"{self.host} does not accept this sign-in; try again from the beginning")
        if answer.status_code != 200 or not isinstance(found, dict):
            raise ServiceUnavailableException(f"{self.host} does not answer as it should; try again later")
        return found


def check(claims: Mapping[str, Any], issuer: str, client: str, nonce: str, now: datetime) -> None:
    """Raises JoseError unless an id token was made by the issuer for the client, answers the nonce, and has not expired."""
    there: ClaimsOption = {"essential": True, "allow_blank": False}
    is_issuer, is_client, is_nonce = (_is(value) for value in (issuer, client, nonce))
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()), leeway=LEEWAY_SECONDS, iss=is_issuer, sub=there, aud=is_client, exp=there, iat=there, nonce=is_nonce
    )  # fmt: skip
    registry.validate(dict(claims))
    many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if many else client) != client:
        raise ValueError("it was made for another client")


def _is(value: str) -> ClaimsOption:
    return {"essential": True, "allow_blank": False, "value": value}


def _safe(address: str, host: str) -> str:
    """An address of the provider, which must be https, but on this computer."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL):
        return address
    raise ServiceUnavailableException(
        f"{address!r} of the provider {host} is no https address; mend the setting oidc_issuer"
    )


# ------------------------------------------------------------------------------------------------------------- routes


@get("/sign-in/openid", opt=needs(May.ALWAYS), sync_to_thread=True, status_code=303, include_in_schema=False)
def set_out(request: Request[Who, Any, Any], live: Served, next: FromQuery[str] = "/") -> Response[Any]:
    """Lead to the provider."""
    provider = _provider(request)
    _slowly(request, live)
    journey = Journey(token_urlsafe(32), token_urlsafe(32), token_urlsafe(48), local(next))
    kept = cookie(request, COOKIE, journey.text(), MINUTES * 60)
    return Redirect(provider.address(journey, _back(request), live.clock()), status_code=303, cookies=[kept])


@get("/sign-in/openid/back", opt=needs(May.ALWAYS), sync_to_thread=True, status_code=303, include_in_schema=False)
def come_back(request: Request[Who, Any, Any], live: Served) -> Response[Any]:
    """Somebody comes back from the provider."""
    provider, now = _provider(request), live.clock()
    _slowly(request, live)
    journey = Journey.read(read_cookie(request, COOKIE))
    state, code, error, iss = (request.query_params.get(name) or "" for name in ("state", "code", "error", "iss"))
    if journey is None or not state or state != journey.state:
        raise NotAuthorizedException("this sign-in was not begun here, or took too long; begin again at /sign-in")
    if error or not code:
        raise NotAuthorizedException(f"{provider.host} did not let you in; begin again at /sign-in")
    if iss and iss != provider.issuer:
        raise NotAuthorizedException(
            "another provider than the one that was asked has answered; begin again at /sign-in"
        )
    subject = provider.subject(code, journey, _back(request), now)
    return _entered(request, live, provider, subject, journey.next)


def _entered(request: Request[Who, Any, Any], live: Live, provider: Provider, subject: str, next: str) -> Response[Any]:
    unknown = PermissionDeniedException(
        f"{provider.host} knows you as {subject!r}, and no account here does; give this to whoever keeps the accounts of this ledger"
    )
    if not has_accounts(live.ledger.address):
        raise unknown
    with Accounts.open(live.ledger.address) as accounts:
        random = live.edge(request.user).random
        found = accounts.sign_in_subject(provider.issuer, subject, origin(request), live.clock(), random)
        if found is None:
            raise unknown
        answer = come_in(request, accounts, found.secret, next)
    answer.cookies.append(cookie(request, COOKIE, "", 0))
    return answer


def _provider(request: Request[Who, Any, Any]) -> Provider:
    provider: Provider = request.app.state.provider
    if not provider.there:
        raise NotHere("this board has no OpenID provider; sign in with name and password at /sign-in")
    return provider


def _slowly(request: Request[Who, Any, Any], live: Live) -> None:
    request.app.state.limits.sign_in(f"openid {origin(request)}", origin(request), live.clock())


def _back(request: Request[Who, Any, Any]) -> str:
    """The address to come back to, which the provider must know."""
    settings: Settings = request.app.state.settings
    return (settings.public_address or str(request.base_url).rstrip("/")) + BACK


ROUTES = [set_out, come_back]
