"""Signing in with OpenID Connect, against a provider that really listens; and every way in which its answer may not hold."""

import base64
import json
import os
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from checkweigh.accounts import Accounts
from checkweigh.web import oidc
from provider import CLIENT, SECRET, providing
from web import NOW, account, door


@pytest.fixture(scope="module")
def spare():
    """A key that the provider does not publish."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class Clock:
    """A clock that stands until it is set."""

    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def provider():
    with providing(NOW) as provider:
        yield provider


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(ledger, provider, clock):
    with Accounts.open(ledger.address, create=True) as accounts:
        accounts.add("anna", "auditor", NOW, os.urandom, subject="sub-anna")
    given = {"oidc_issuer": provider.address, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with door(ledger, clock, sign_ins_per_minute=1000, **given) as client:
        yield client


def set_out(client, next="/"):
    """From the board to the provider, and back to the door of the board: the address to come back to."""
    answer = client.get("/sign-in/openid", params={"next": next})
    assert answer.status_code == 303, answer.text
    return httpx.get(answer.headers["location"], follow_redirects=False, trust_env=False).headers["location"]


def come_back(client, address):
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def log(ledger):
    with Accounts.open(ledger.address) as accounts:
        return [(one.account, one.outcome) for one in accounts.signings.newest()]


def test_who_has_signed_in_at_the_provider_comes_in(client, ledger):
    assert "Sign in at 127.0.0.1:" in client.get("/sign-in").text
    answer = come_back(client, set_out(client, "/records?at=2"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/records?at=2")
    assert "anna" in client.get("/account").text and "checkweigh-openid" not in client.cookies
    assert log(ledger) == [("anna", "signed in")]


def test_the_provider_is_asked_for_a_code_with_a_fresh_challenge_state_and_nonce(client):
    asked = []
    for _ in range(2):
        answer = client.get("/sign-in/openid")
        asked.append(parse_qs(urlsplit(answer.headers["location"]).query))
        assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite=lax" in answer.headers["set-cookie"]
    assert asked[0]["redirect_uri"] == ["http://testserver.local/sign-in/openid/back"]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name] and len(asked[0][name][0]) >= 43


def test_nobody_comes_back_who_did_not_set_out(client, ledger):
    address = set_out(client)
    for wrong in (address.replace("state=", "state=x"), address.partition("?")[0], address.partition("&state")[0]):
        answer = come_back(client, wrong)
        assert answer.status_code == 401 and "was not begun here" in answer.text
    client.cookies.clear()
    assert come_back(client, address).status_code == 401, "another browser has another cookie"
    client.cookies.set("checkweigh-openid", "nonsense")
    assert come_back(client, address).status_code == 401
    assert log(ledger) == []


def test_a_code_is_good_once_and_with_its_verifier(client):
    address = set_out(client)
    kept = client.cookies["checkweigh-openid"]
    journey = json.loads(base64.urlsafe_b64decode(kept))
    spoilt = base64.urlsafe_b64encode(json.dumps({**journey, "verifier": "x" * 64}).encode()).decode()
    client.cookies.set("checkweigh-openid", spoilt, domain="testserver.local")
    assert "does not accept this sign-in" in come_back(client, address).text
    address = set_out(client)
    kept = client.cookies["checkweigh-openid"]
    assert come_back(client, address).status_code == 303
    client.cookies.set("checkweigh-openid", kept, domain="testserver.local")
    assert come_back(client, address).status_code == 401


def test_a_refusal_of_the_provider_is_told(client):
    address = set_out(client)
    state = parse_qs(urlsplit(address).query)["state"][0]
    answer = client.get("/sign-in/openid/back", params={"state": state, "error": "access_denied"})
    assert answer.status_code == 401 and "did not let you in" in answer.text
    other = client.get("/sign-in/openid/back", params={"state": state, "code": "x", "iss": "https://evil.example"})
    assert other.status_code == 401 and "Another provider" in other.text


SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": ["another"]}, {"nonce": "other"},
        {"nonce": None}, {"exp": SECONDS - 61}, {"exp": None}, {"iat": SECONDS + 61}, {"iat": None}, {"sub": None}, {"sub": ""},
        {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"}, {"nbf": SECONDS + 61},
    ],
    ids=str,
)  # fmt: skip
def test_an_id_token_that_does_not_hold_lets_nobody_in(client, provider, ledger, claims):
    provider.claims = claims
    answer = come_back(client, set_out(client))
    assert answer.status_code == 401 and "does not hold" in answer.text
    assert "checkweigh" not in client.cookies and log(ledger) == []


@pytest.mark.parametrize(
    "claims", [{"aud": [CLIENT]}, {"aud": [CLIENT, "another"], "azp": CLIENT}, {"exp": SECONDS - 59}], ids=str
)
def test_an_id_token_that_holds_lets_in(client, provider, claims):
    provider.claims = claims
    assert come_back(client, set_out(client)).status_code == 303


def unsigned(claims):
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(client, provider, spare):
    right = provider.sign
    ways = [
        lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, spare),
        unsigned,
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("a shared secret of thirty-two bytes")),
        lambda claims: right(claims)[:-8] + "AAAAAAAA",
        lambda claims: "no token",
        lambda claims: None,
    ]
    for sign in ways:
        provider.sign = sign
        answer = come_back(client, set_out(client))
        assert answer.status_code == 401 and "checkweigh" not in client.cookies
    provider.sign = right
    assert come_back(client, set_out(client)).status_code == 303


def test_only_a_subject_of_an_account_comes_in(client, provider, ledger):
    provider.subject = "sub-olga"
    answer = come_back(client, set_out(client))
    assert answer.status_code == 403 and "knows you as &#39;sub-olga&#39;" in answer.text
    provider.subject = "sub-anna"
    with Accounts.open(ledger.address) as accounts:
        accounts.change("anna", disabled=True)
    assert come_back(client, set_out(client)).status_code == 403
    assert log(ledger) == [("anna", "disabled"), (None, "unknown subject")]


def test_a_new_key_of_the_provider_is_fetched_and_not_too_often(client, provider, spare, clock):
    assert come_back(client, set_out(client)).status_code == 303
    client.cookies.clear()
    provider.published, right = [spare], provider.sign
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, spare)
    assert come_back(client, set_out(client)).status_code == 401, "a moment ago the provider had other keys"
    clock.now = NOW + timedelta(minutes=1)
    assert come_back(client, set_out(client)).status_code == 303
    client.cookies.clear()
    provider.sign = right
    assert come_back(client, set_out(client)).status_code == 401, "the old key is published no more"


@pytest.mark.parametrize(
    ("discovery", "says"),
    [
        ({"issuer": "https://other.example"}, "another issuer"),
        ({"authorization_endpoint": "http://plain.example/authorize"}, "no https address"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https address"),
    ],
)
def test_a_provider_that_is_not_what_it_should_be_is_not_used(client, provider, discovery, says):
    provider.discovery = discovery
    answer = client.get("/sign-in/openid")
    assert answer.status_code == 503 and says in answer.text


def test_a_provider_that_does_not_answer_is_told(ledger):
    account(ledger, "auditor", "anna")
    with door(ledger, oidc_issuer="http://127.0.0.1:9", oidc_client_id=CLIENT) as client:
        answer = client.get("/sign-in/openid")
        assert answer.status_code == 503 and "does not answer as it should" in answer.text


def test_without_a_provider_there_is_no_such_page(ledger):
    with door(ledger) as client:
        assert "Sign in at" not in client.get("/sign-in").text
        for path in ("/sign-in/openid", oidc.BACK):
            assert client.get(path).status_code == 404
