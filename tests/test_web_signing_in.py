"""Signing in on the board, as browsers and attackers try it: cookies, forms, sessions, limits, headers."""

import logging
import os
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from litestar.exceptions import TooManyRequestsException

from checkweigh.accounts import Accounts, passwords
from checkweigh.web import limits, security
from checkweigh.web.roles import Role, Who
from checkweigh.web.settings import Settings
from checkweigh.web.signing_in import local
from conftest import founded
from web import NOW, PASSWORD, account, csrf, door, sign_in

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
OTHER = "other words in a row"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that cost little."""
    monkeypatch.setattr(passwords, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Clock:
    """A clock that stands until it is set."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(ledger, clock):
    account(ledger, "auditor", "anna")
    with door(ledger, clock) as client:
        yield client


def log(ledger):
    with Accounts.open(ledger.address) as accounts:
        return [(one.account, one.outcome) for one in accounts.signings.newest()]


def test_signing_in_leads_on_and_signing_out_leads_back(client, ledger):
    answer = sign_in(client, "anna", next="/records?at=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/records?at=2")
    page = client.get("/account")
    assert page.status_code == 200 and "anna" in page.text and "You read everything" in page.text
    assert "anna <small>auditor</small>" in client.get("/").text
    assert client.get("/sign-in").status_code == 303, "who is in goes on"
    held = client.cookies["checkweigh"]
    answer = client.post("/sign-out", data={"csrf_token": csrf(client, "/account")})
    assert answer.status_code == 303 and "checkweigh" not in client.cookies
    client.cookies.set("checkweigh", held)
    assert client.get("/account").status_code == 401, "the session is over, whoever kept the cookie"
    assert log(ledger) == [("anna", "signed out"), ("anna", "signed in")]


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong horse here"), ("nobody", PASSWORD), ("", "")])
def test_name_and_password_that_are_not_right_are_told_alike(client, name, password):
    answer = sign_in(client, name, password)
    assert answer.status_code == 401 and "The name or the password is not right." in answer.text
    assert ("checkweigh" not in client.cookies and password not in answer.text.replace('value=""', "x")) or not password


def test_an_unknown_name_costs_a_hash_on_the_page_too(client, monkeypatch):
    done = []
    right = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda kept, typed: done.append(kept) or right(kept, typed))
    sign_in(client, "nobody")
    sign_in(client, "anna", "wrong horse here")
    assert len(done) == 2


def test_a_password_is_in_no_log(client, ledger, caplog):
    caplog.set_level(logging.DEBUG)
    sign_in(client, PASSWORD, "secret typed here")
    sign_in(client, "anna", "secret typed here")
    sign_in(client, "anna")
    client.post("/account/password", data={"csrf_token": csrf(client, "/account"), "old": PASSWORD})
    told = caplog.text + repr(log(ledger))
    assert not [secret for secret in (PASSWORD, "secret typed here") if secret in told]


def test_a_session_set_by_somebody_else_is_not_taken_over(client):
    client.cookies.set("checkweigh", "fixed-by-an-attacker", domain="testserver.local")
    sign_in(client, "anna")
    first = client.cookies["checkweigh"]
    assert first != "fixed-by-an-attacker" and len(first) == 43
    client.cookies.clear()
    sign_in(client, "anna")
    assert client.cookies["checkweigh"] != first


def test_signing_in_anew_ends_the_session_that_was_there(client, ledger):
    account(ledger, "manager", "max")
    sign_in(client, "anna")
    first = client.cookies["checkweigh"]
    token = csrf(client, "/account")
    client.post("/sign-in", data={"name": "max", "password": PASSWORD, "csrf_token": token})
    assert client.cookies["checkweigh"] != first and "manager" in client.get("/account").text
    client.cookies.set("checkweigh", first)
    assert client.get("/account").status_code == 401


@pytest.mark.parametrize(
    ("address", "settings", "name", "secure"),
    [
        ("http://testserver.local", {}, "checkweigh", False),
        ("https://testserver.local", {}, "__Host-checkweigh", True),
        ("http://testserver.local", {"public_address": "https://board.example"}, "__Host-checkweigh", True),
    ],
)
def test_cookies_are_for_this_host_and_no_script(ledger, address, settings, name, secure):
    account(ledger, "auditor", "anna")
    with door(ledger, address=address, **settings) as client:
        page = client.get("/sign-in")
        form = page.headers["set-cookie"]
        token = re.search(r'csrf_token" value="([^"]+)"', page.text)[1]
        cookie = {"cookie": form.partition(";")[0]}
        given = {"name": "anna", "password": PASSWORD, "csrf_token": token}
        session = client.post("/sign-in", data=given, headers=cookie).headers["set-cookie"]
        assert form.startswith(f"{name}-form=") and session.startswith(f"{name}=")
        for cookie in (form, session):
            assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Domain" not in cookie
            assert ("Secure" in cookie) == secure
        assert ("strict-transport-security" in page.headers) == secure


def test_only_a_page_with_a_form_sets_a_cookie_for_a_visitor(client):
    assert "set-cookie" not in client.get("/").headers
    assert "set-cookie" in client.get("/sign-in").headers
    assert "set-cookie" not in client.get("/sign-in").headers, "it has one already"


@pytest.mark.parametrize("token", [None, "", "x" * 43, "ä"])
def test_a_form_without_its_token_is_refused(client, token):
    given = {} if token is None else {"csrf_token": token}
    csrf(client)
    answer = client.post("/sign-in", data={"name": "anna", "password": PASSWORD, **given})
    assert answer.status_code == 403 and "made for another sign-in" in answer.text
    sign_in(client, "anna")
    for path in ("/sign-out", "/account/password", "/account/sessions"):
        assert client.post(path, data=given).status_code == 403
    assert client.get("/account").status_code == 200, "nothing happened"


def test_the_token_of_one_session_is_none_of_another(client, ledger):
    account(ledger, "manager", "max")
    before = csrf(client)
    sign_in(client, "anna")
    hers = csrf(client, "/account")
    client.cookies.clear()
    sign_in(client, "max")
    for token in (before, hers):
        assert client.post("/sign-out", data={"csrf_token": token}).status_code == 403
    client.headers["x-csrftoken"] = csrf(client, "/account")
    assert client.post("/sign-out").status_code == 303, "a script sends it in a header"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://behind.a.proxy"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver.local.evil.example"}, 403),
        ({"origin": "http://testserver.local"}, 303),
        ({}, 303),
    ],
)
def test_a_form_from_another_site_is_refused_even_with_its_token(client, headers, status):
    given = {"name": "anna", "password": PASSWORD, "csrf_token": csrf(client)}
    assert client.post("/sign-in", data=given, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/records?at=1936-12-31&measure=quantity", "/records?at=1936-12-31&measure=quantity"),
        ("/shifts/Schicht 7/ä", "/shifts/Schicht%207/%C3%A4"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("/sign-out", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(client, path, leads):
    assert local(path) == leads
    assert sign_in(client, "anna", next=path).headers["location"] == leads


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/account", "/nothing-here", "/static/nothing", "/static/style.css", "/?at=never"]
)
def test_every_answer_carries_its_headers(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    if not path.startswith("/static/"):
        assert answer.headers["cache-control"].startswith("private") and "Cookie" in answer.headers["vary"]


def test_what_anybody_may_keep_is_not_kept_of_who_has_signed_in():
    def kept(said, by="", visitors="board"):
        scope = {"user": SimpleNamespace(by=by)}
        state = SimpleNamespace(settings=Settings(visitors=visitors))
        return security._kept(SimpleNamespace(scope=scope, app=SimpleNamespace(state=state)), said)

    public = b"public, max-age=31536000, immutable"
    assert kept(public) == public
    assert kept(public, "account:anna") == kept(public, visitors="nothing") == b"private, max-age=31536000, immutable"
    assert kept(b"no-cache") == b"private, no-cache" and kept(b"no-store") == b"no-store"


def test_a_session_ends_by_the_clock(client, clock):
    sign_in(client, "anna")
    clock.now = NOW + 2 * HOUR - SECOND
    assert client.get("/account").status_code == 200
    clock.now += 2 * HOUR
    answer = client.get("/account")
    assert answer.status_code == 401 and "Your session has ended" in answer.text
    assert "/sign-in?next=%2Faccount" in answer.headers["refresh"]
    assert client.get("/").status_code == 200, "the board itself is for visitors too"
    clock.now = NOW
    sign_in(client, "anna")
    for hours in range(12):
        clock.now = NOW + hours * HOUR
        assert client.get("/account").status_code == 200
    clock.now = NOW + 12 * HOUR
    assert client.get("/account").status_code == 401


def test_a_changed_password_signs_out_everywhere_else(client, ledger):
    sign_in(client, "anna")
    elsewhere = client.cookies["checkweigh"]
    client.cookies.clear()
    sign_in(client, "anna")
    here = client.cookies["checkweigh"]

    def change(**given):
        return client.post("/account/password", data={"csrf_token": csrf(client, "/account"), **given})

    assert "differ" in change(old=PASSWORD, new=OTHER, again=OTHER + "x").text
    assert "too short" in change(old=PASSWORD, new="short", again="short").text.replace("The password is", "")
    refused = change(old="wrong horse here", new=OTHER, again=OTHER)
    assert refused.status_code == 403 and "old password is not right" in refused.text
    assert "is changed" in change(old=PASSWORD, new=OTHER, again=OTHER).text
    assert client.get("/account").status_code == 200
    client.cookies.set("checkweigh", elsewhere)
    assert client.get("/account").status_code == 401
    client.cookies.set("checkweigh", here)
    assert client.get("/account").status_code == 200


def test_sessions_are_shown_and_ended_from_the_account_page(client):
    held = []
    for _ in range(3):
        client.cookies.clear()
        sign_in(client, "anna")
        held.append(client.cookies["checkweigh"])
    page = client.get("/account").text
    ids = re.findall(r'name="session" value="([0-9a-f]{16})"', page)
    assert len(ids) == 2 and "this one" in page and not [one for one in held if one in page]
    given = {"csrf_token": csrf(client, "/account")}
    assert "1 session was ended" in client.post("/account/sessions", data={**given, "session": ids[0]}).text
    assert "0 sessions were ended" in client.post("/account/sessions", data={**given, "session": "0" * 16}).text
    assert "1 session was ended" in client.post("/account/sessions", data=given).text
    assert "this one" in client.get("/account").text


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "manager"}])
def test_disabling_or_another_role_signs_out_at_once(client, ledger, change):
    sign_in(client, "anna")
    with Accounts.open(ledger.address) as accounts:
        accounts.change("anna", **change)
    assert client.get("/account").status_code == 401


def test_a_token_is_who_it_says_and_needs_no_form(client, ledger):
    with Accounts.open(ledger.address) as accounts:
        secret = accounts.tokens.add("scale", "supervisor", NOW, os.urandom, site="north")
    bearer = {"authorization": f"Bearer {secret}"}
    assert "token:scale" in client.get("/account", headers=bearer).text
    assert client.post("/account/sessions", headers=bearer).status_code == 403, "it has no sessions"
    for wrong in ("Bearer cw_nothing", "Basic YTpi", "Bearer"):
        answer = client.get("/account", headers={"authorization": wrong, "accept": "application/json"})
        assert answer.status_code == 401 and "Bearer" in answer.headers["www-authenticate"]
        assert answer.json()["status"] == 401 and "not known here" in answer.json()["detail"]
    assert client.get("/sign-in", headers={"authorization": "Bearer x"}).status_code == 200


def test_a_ledger_without_accounts_says_how_to_make_one(ledger):
    with door(ledger) as client:
        assert "Nobody has an account here yet" in client.get("/sign-in").text
        assert sign_in(client, "anna").status_code == 401
        client.cookies.set("checkweigh", "x")
        assert client.get("/").status_code == 200


def test_nobody_is_asked_for_a_password_that_nobody_has_in_a_demonstration(tmp_path):
    with founded(tmp_path / "shown", demonstration=True) as shown, door(shown, read_only=True) as client:
        page = client.get("/sign-in").text
        assert "Nobody signs in to the demonstration." in page and "checkweigh init" in page
        assert 'type="password"' not in page


# ------------------------------------------------------------------------------------------------------------- limits


def test_guessing_grows_slow_and_the_right_password_still_comes_in(client, clock, ledger):
    for _ in range(3):
        assert sign_in(client, "anna", "wrong horse here").status_code == 401
    answer = sign_in(client, "anna")
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    assert log(ledger)[0] == ("anna", "too many tries")
    clock.now += SECOND
    assert sign_in(client, "anna", "wrong horse here").status_code == 401
    problem = client.post(
        "/sign-in",
        data={"name": "anna", "password": PASSWORD, "csrf_token": csrf(client)},
        headers={"accept": "application/json"},
    )
    assert problem.status_code == 429 and problem.headers["retry-after"] == "2"
    assert problem.json()["detail"] == "too many sign-ins; try again in 2 seconds"
    clock.now += 2 * SECOND
    assert sign_in(client, "anna").status_code == 303


def made(**settings):
    return limits.Limits(Settings(**settings))


def wait(call, *given):
    with pytest.raises(TooManyRequestsException) as refused:
        call(*given)
    return int(refused.value.headers["Retry-After"])


def test_one_address_and_one_name_may_try_so_often():
    held = made(sign_ins_per_minute=10)
    for number in range(10):
        held.sign_in(f"name{number}", "192.0.2.1", NOW)
    assert wait(held.sign_in, "another", "192.0.2.1", NOW) == 6
    held.sign_in("another", "192.0.2.2", NOW)
    held.sign_in("another", "192.0.2.1", NOW + 6 * SECOND)
    for number in range(9):
        held.sign_in("ANOTHER ", f"192.0.3.{number}", NOW + 6 * SECOND)
    assert wait(held.sign_in, "another", "192.0.4.1", NOW + 6 * SECOND) > 0


def test_the_wait_after_failures_doubles_up_to_a_minute_and_is_forgotten_after_a_success():
    held, now, waits = made(sign_ins_per_minute=1000), NOW, []
    for _ in range(12):
        held.sign_in("anna", "192.0.2.1", now)
        held.failed("anna", "192.0.2.1", now)
        try:
            held.sign_in("anna", "192.0.2.9", now)
            waits.append(0)
        except TooManyRequestsException as refused:
            waits.append(int(refused.headers["Retry-After"]))
        now += timedelta(seconds=waits[-1])
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    held.succeeded("anna", "192.0.2.1", now)
    held.failed("anna", "192.0.2.1", now)
    held.sign_in("anna", "192.0.2.1", now)


def test_ipv6_is_counted_by_network_and_memory_is_bounded():
    held = made(sign_ins_per_minute=2)
    for number in range(2):
        held.sign_in(f"n{number}", f"2001:db8::{number}", NOW)
    assert wait(held.sign_in, "n3", "2001:db8::ffff", NOW) > 0
    held.sign_in("n3", "2001:db8:1::1", NOW)
    small = limits.Limits(Settings(), most_keys=50)
    for number in range(500):
        small.sign_in(f"n{number}", f"10.0.{number // 256}.{number % 256}", NOW)
    assert len(small) == 50


def test_an_account_may_write_so_often():
    held, who = made(writes_per_minute=2), Who("anna", Role.SUPERVISOR, "account:anna")
    held.write(who, NOW)
    held.write(who, NOW)
    assert wait(held.write, who, NOW) == 30
    held.write(Who("bert", Role.SUPERVISOR, "account:bert"), NOW)
    held.write(who, NOW + 30 * SECOND)


def test_requests_that_write_are_counted_and_those_that_look_are_not(ledger, clock):
    account(ledger, "manager", "max")
    with door(ledger, clock, writes_per_minute=3) as client:
        sign_in(client, "max")
        token = csrf(client, "/account")
        for _ in range(5):
            client.get("/")
        answers = [client.post("/enter", data={"csrf_token": token}).status_code for _ in range(4)]
        assert answers == [422, 422, 422, 429]
        clock.now += 20 * SECOND
        assert client.post("/enter", data={"csrf_token": token}).status_code == 422


def test_the_policy_is_the_one_that_was_decided():
    assert security.POLICY.count("'self'") == 8 and "unsafe" not in security.POLICY
