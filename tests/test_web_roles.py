"""Who may do what: every route of the application, asked by everybody who may ask, held against one table of rights."""

import os
import re
from collections import namedtuple
from datetime import timedelta
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from litestar.response import Response
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from checkweigh import codec
from checkweigh.accounts import Accounts, passwords
from checkweigh.errors import Refused
from checkweigh.people import People
from checkweigh.web import application, naming, security
from checkweigh.web.roles import EVERYTHING, RIGHT, RIGHTS, VISITOR, WORDS, WRITES, May, Role
from checkweigh.web.settings import Settings
from conftest import added, founded
from web import NOW, SCOPES, account, csrf, door, sign_in, somebody

EVERYBODY = {"visitor", "worker", "supervisor", "verifier", "manager", "auditor"}
SIGNED_IN = EVERYBODY - {"visitor"}
TABLE = {
    "always": EVERYBODY,
    "read": EVERYBODY,
    "own": SIGNED_IN,
    "write": SIGNED_IN,
    "read people": {"supervisor", "verifier", "manager", "auditor"},
    "read all": {"auditor"},
    "enter": {"supervisor", "manager"},
    "object": SIGNED_IN,
    "judge": {"verifier"},
    "set quotas": {"manager"},
}
"""Who may do what, as it was decided."""
DESCRIPTIONS = {"/api", "/api/v1/openapi.json", "/api/v1/openapi.yaml"}
ALWAYS = {
    "/static/{name}", "/sign-in", "/sign-in/openid", "/sign-in/openid/back", "/healthz", "/readyz", "/metrics", "/enter/worker.js",
    *DESCRIPTIONS,
}  # fmt: skip
"""The routes that ask nobody who they are; a new one is a decision."""
Route = namedtuple("Route", "method path right handler")
REACHED = 299


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that cost little."""
    monkeypatch.setattr(passwords, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The small ledger, with an account of each role and tokens of each."""
    with founded(tmp_path_factory.mktemp("roles") / "ledger") as ledger:
        held = SimpleNamespace(ledger=ledger, sessions={}, tokens={})
        for role in Role:
            people(held, role)
        yield held


def people(held, role):
    """A session and a token of a role; the same expired, ended, disabled."""
    address, scope = held.ledger.address, SCOPES.get(role, {})
    with Accounts.open(address, create=True) as accounts:
        for name in (role, f"{role}-off", f"{role}-out"):
            accounts.add(name, role, NOW, os.urandom, subject=name, **scope)
            held.sessions[name] = accounts.sessions.begin(name, "here", NOW, os.urandom)
        with (
            pytest.MonkeyPatch.context() as patch
        ):  # that disabling ends the session is held elsewhere; here the flag alone counts
            patch.setattr(accounts.sessions, "end_all", lambda name: None)
            accounts.change(f"{role}-off", disabled=True)
        accounts.sessions.end(held.sessions[f"{role}-out"])
        late = NOW - timedelta(days=2)
        held.tokens[role] = accounts.tokens.add(role, role, NOW, os.urandom, **scope)
        held.tokens[f"{role}-late"] = accounts.tokens.add(
            f"{role}-late", role, late, os.urandom, expires=NOW - timedelta(days=1), **scope
        )


def board(held, **settings):
    return application(held.ledger, Settings(fresh_seconds=0, writes_per_minute=10**6, **settings), lambda: NOW)


def routes(made):
    """Every way in, with the right that it states."""
    for route in made.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is not covered here: say how it is guarded"
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                yield Route(str(getattr(method, "value", method)), route.path_format, handler.opt.get(RIGHT), handler)


def asked(made, monkeypatch):
    """The routes, whose handlers only tell that they were reached: what comes before them is what is tried here."""

    async def reached(**given):
        return Response("reached", status_code=REACHED, media_type="text/plain")

    found = list(routes(made))
    for one in found:
        monkeypatch.setattr(one.handler, "_fn", reached)
        monkeypatch.setattr(one.handler, "has_sync_callable", False)
    return found


def ask(client, route, headers):
    answer = client.request(
        route.method, re.sub(r"\{[^}]+\}", "0", route.path), headers={"accept": "application/json", **headers}
    )
    told = answer.json().get("detail", "") if "json" in answer.headers.get("content-type", "") else ""
    return answer.status_code, told


def passed(status, told):
    """Whether somebody has come as far as the handler, or the reading of what it asks for."""
    return status == REACHED or (status in (400, 415, 422) and "may not" not in told)


def by_session(held, name):
    secret = held.sessions[name]
    return {"cookie": f"{security.SESSION}={secret}", security.TOKEN_HEADER: security._token_of(secret)}


def everybody(held):
    """Everybody who may ask: how, in which role, and what is known of them then."""
    yield "nobody", {}, "visitor", "nobody"
    yield "a wrong token", {"authorization": "Bearer cw_wrong"}, "visitor", "refused"
    for role in Role:
        yield f"{role} by session", by_session(held, role), role, "known"
        yield f"{role} by token", {"authorization": f"Bearer {held.tokens[role]}"}, role, "known"
        yield f"{role} disabled", by_session(held, f"{role}-off"), "visitor", "nobody"
        yield f"{role} signed out", by_session(held, f"{role}-out"), "visitor", "nobody"
        yield (
            f"{role} by expired token",
            {"authorization": f"Bearer {held.tokens[f'{role}-late']}"},
            "visitor",
            "refused",
        )


def test_the_rights_are_those_that_were_decided():
    assert {str(right): {str(role) for role in Role if right in RIGHTS[role]} for right in May} == TABLE
    assert set(WORDS) == set(Role)


def test_every_route_states_its_right(book):
    found = list(routes(board(book)))
    assert len(found) > 10
    assert not [one.path for one in found if not isinstance(one.right, May)], "say opt=needs(May.X) at the route"
    assert {one.path for one in found if one.right is May.ALWAYS} <= ALWAYS
    silent = {May.READ, May.READ_PEOPLE, May.READ_ALL}
    changing = [one.path for one in found if one.method not in security.SAFE and one.right in silent]
    assert not changing, "what changes something needs a right that says so"


@pytest.mark.parametrize("visitors", ["board", "nothing", "everything"])
def test_every_route_lets_in_whom_the_table_says_and_nobody_else(book, monkeypatch, visitors):
    made = board(book, visitors=visitors)
    wrong, tried = [], 0
    with TestClient(made, raise_server_exceptions=False) as client:
        for route in asked(made, monkeypatch):
            for who, headers, role, state in everybody(book):
                if visitors != "board" and not who.startswith(("nobody", "a wrong token", "worker")):
                    continue  # what visitors may see is another thing for those without an account, and for the one with the least rights
                status, told = ask(client, route, headers)
                tried += 1
                if not expected(route, role, state, visitors, status, told):
                    wrong.append(f"{route.method} {route.path} ({route.right}) by {who}: {status} {told}")
    assert not wrong, "\n".join(wrong)
    assert tried > 300


def expected(route, role, state, visitors, status, told):
    """Whether the answer is the one that the table asks for."""
    if route.right is May.ALWAYS:
        return passed(status, told) or "made for another sign-in" in told
    if state == "refused":
        return status == 401
    allowed = EVERYBODY if visitors == "everything" and route.right in EVERYTHING else TABLE[route.right]
    if role in allowed and (state == "known" or visitors != "nothing"):
        return passed(status, told)
    if state == "nobody":
        return status == 401
    return status == 403 and f"a {role} may not {route.right}" in told


def test_which_methods_an_address_has_is_told_and_nothing_else(book, monkeypatch):
    made = board(book)
    with TestClient(made, raise_server_exceptions=False) as client:
        for path in {route.path for route in asked(made, monkeypatch)}:
            answer = client.options(re.sub(r"\{[^}]+\}", "0", path))
            assert answer.status_code == 204 and "OPTIONS" in answer.headers["allow"] and not answer.content, path


def test_no_route_that_changes_something_is_reached_without_the_token_of_a_form(book, monkeypatch):
    made = board(book)
    with TestClient(made, raise_server_exceptions=False) as client:
        for route in asked(made, monkeypatch):
            if route.method in security.SAFE:
                continue
            for role in TABLE[route.right]:
                cookie = {"cookie": by_session(book, role)["cookie"]}
                for headers in (cookie, {**by_session(book, role), "sec-fetch-site": "cross-site"}):
                    status, told = ask(client, route, headers)
                    assert status == 403 and ("another site" in told or "another sign-in" in told), (
                        route,
                        status,
                        told,
                    )


def test_nothing_is_written_on_a_board_that_is_read_only(book, monkeypatch):
    made = board(book, read_only=True)
    with TestClient(made, raise_server_exceptions=False) as client:
        for route in asked(made, monkeypatch):
            for role in Role:
                status, told = ask(client, route, by_session(book, role))
                assert route.right not in WRITES or status == 403, (route, role, status, told)


# ---------------------------------------------------------------------------------------------- what a visitor may see


@pytest.fixture
def private(ledger):
    """A ledger in which worker w1 is Ada Byron, which LEDGER.private alone says."""
    with People.open(ledger.address, create=True) as people, people.enrolling():
        person = people.enrol("P-1", "Ada Byron", os.urandom)
    added(ledger, "worker", **{"id": person.worker, "site": "north", "from": "2025-01-01", "profile": person.profile})
    return person.worker


@pytest.mark.parametrize(
    ("role", "knows"),
    [
        ("visitor", False),
        ("worker", False),
        ("supervisor", True),
        ("verifier", True),
        ("manager", True),
        ("auditor", True),
    ],
)
def test_a_private_name_is_for_those_with_the_right_and_for_oneself(ledger, private, role, knows):
    with door(ledger) as client:
        live = client.live
        for who, expected in (
            (somebody(role, **SCOPES.get(role, {})), knows),
            (somebody("worker", worker=private), True),
        ):
            assert naming.workers(live, live.now(), who, [private]) == ({private: "Ada Byron"} if expected else {})


def test_the_page_of_a_private_worker_says_who_it_is_to_those_with_the_right_alone(ledger, private):
    account(ledger, "auditor")
    account(ledger, "worker", "ada", worker=private)
    account(ledger, "worker", "bo", worker="bo")
    seen = {}
    for visitors in ("board", "everything"):
        with door(ledger, visitors=visitors) as client:
            seen[visitors] = "Ada Byron" in client.get(f"/workers/{private}").text
    for name in ("auditor", "ada", "bo"):
        with door(ledger) as client:
            sign_in(client, name)
            page = client.get(f"/workers/{private}")
            seen[name] = "Ada Byron" in page.text
    assert seen == {"board": False, "everything": True, "auditor": True, "ada": True, "bo": False}


def test_where_visitors_see_nothing_they_are_asked_to_sign_in(ledger):
    account(ledger, "visitor", "guest")
    with door(ledger, visitors="nothing") as client:
        answer = client.get("/?at=2")
        assert answer.status_code == 401 and "next=%2F%3Fat%3D2" in answer.headers["refresh"]
        assert client.get("/sign-in").status_code == 200
        sign_in(client, "guest")
        assert client.get("/?at=2").status_code == 200


def test_what_everybody_may_see_is_no_right_to_write():
    assert not EVERYTHING & WRITES and not VISITOR.may(May.READ_PEOPLE)


# ---------------------------------------------------------------------------------------------- whose entries they are


@pytest.fixture
def manned(ledger):
    """The small ledger with a second site, a shift of ada and one of bo that anna has entered, and everybody's accounts."""
    south = {"id": "south", "name": "South pit", "industry": "coal", "timezone": "Europe/Moscow"}
    added(ledger, "site", **south)
    for name, role in (("anna", "supervisor"), ("vera", "verifier"), ("ada", "worker")):
        account(ledger, role, name)
    with door(ledger) as client:
        sign_in(client, "anna")
        assert [enter(client, name, worker).status_code for name, worker in (("s1", "ada"), ("s2", "bo"))] == [303, 303]
    return ledger


def enter(client, name, worker, **changed):
    plain = {"id": name, "who": worker, "job": "hew", "site": "north", "quantity": "7", "started": "2025-09-01T08:00"}
    return client.post("/enter", data={**plain, "csrf_token": csrf(client, "/account"), **changed})


def judge(client, name):
    """Judge a shift as the page does: look at what it would change, then give it."""
    given = {"ruling": "verified", "reason": "weighed again", "csrf_token": csrf(client, "/account")}
    shown = client.post(f"/trial/{name}", data=given)
    hidden = dict(re.findall(r'name="(seen|token)" value="([^"]+)"', shown.text))
    return client.post(f"/trial/{name}", data={**given, **hidden, "step": "give"})


def by(ledger, kind, name):
    return [codec.decode(ledger.entry(index)).by for index in ledger.find(kind, name)]


def test_who_entered_and_who_judged_stands_in_the_entries(manned):
    assert by(manned, "shift", "s1") == ["account:anna"]
    with door(manned) as client:
        sign_in(client, "vera")
        assert judge(client, "s1").status_code == 303
    assert by(manned, "verdict", "s1") == ["account:vera"]


def test_nobody_judges_their_own_entry_whatever_becomes_of_their_account(manned):
    with Accounts.open(manned.address) as accounts:
        accounts.change("anna", role="verifier")
    with door(manned) as client:
        sign_in(client, "anna")
        answer = judge(client, "s1")
        assert answer.status_code == 422 and "judge their own entry" in answer.text
    assert by(manned, "verdict", "s1") == []
    with Accounts.open(manned.address) as accounts:
        accounts.remove("anna")
        with pytest.raises(Refused, match="was an account anna once"):
            accounts.add("anna", "verifier", NOW, os.urandom, subject="anna")


def test_a_supervisor_enters_for_their_own_site(manned):
    with door(manned) as client:
        sign_in(client, "anna")
        answer = enter(client, "s3", "ada", site="south")
        assert answer.status_code == 422 and "is not your site" in answer.text
    assert not manned.find("shift", "s3")


def test_a_worker_objects_to_what_concerns_them(manned):
    mine, other = (manned.find("shift", name)[-1] for name in ("s1", "s2"))
    with door(manned) as client:
        sign_in(client, "ada")
        given = {"reason": "it was eight", "csrf_token": csrf(client, "/account")}
        assert client.post(f"/object/{mine}", data=given).status_code == 303
        answer = client.post(f"/object/{other}", data=given)
        assert answer.status_code == 403 and "does not concern you" in answer.text
    last = codec.decode(manned.entry(manned.size - 1))
    assert (last.entry, last.by) == (mine, "account:ada")
