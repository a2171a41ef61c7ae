"""Schemathesis over the description of the API, as each role: whatever the description allows is answered as it says, and whatever it

does not allow is refused in the one shape. The stream of events, which never ends, is looked at in test_client.py instead.
"""

import pytest
import schemathesis
from hypothesis import given
from schemathesis.specs.openapi.checks import positive_data_acceptance

from checkweigh.web.roles import Role
from conftest import added, founded, shift
from damage import examples, long_form, tried
from web import made, somebody

ENDLESS = "/api/v1/events"
DERIVED = ("/api/v1/tables/", "/api/v1/explain", "/api/v1/audit", "/api/v1/cases")
"""What is derived anew for each size that is asked for: the short form asks for one of the tables, the long form for all."""
PARTS = ["log", *(path.split("/")[3] for path in DERIVED)]
"""What the long form asks in turn, so that one can choose: what is not derived, then each of the derived."""
WRITERS = [role for role in Role if role is not Role.VISITOR]


@pytest.fixture
def scratch(tmp_path):
    """A ledger with a little of everything that the routes ask about."""
    with founded(tmp_path / "scratch") as ledger:
        added(ledger, "quota", id="seven", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
        for name in ("a", "b"):
            added(ledger, "shift", **shift(name, hours="6"))
        yield ledger


def part(path):
    """The part of the long form that asks at this path."""
    return path.split("/")[3] if path.startswith(DERIVED) else "log"


def check(application, method, most, only=PARTS):
    """Ask every operation of a method, so many times; or those of some parts only."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS or (operation.method.upper() == "GET") != (method == "GET"):
            continue
        if part(operation.path) not in only:
            continue
        if not long_form() and operation.path.startswith(DERIVED) and not operation.path.endswith("/attainment"):
            continue
        asking(operation, method, most)()


def asking(operation, method, most):
    """A test of one operation.

    What fits the schema of an entry may still not fit the ledger: an id that it does not hold, a day that has not come.
    """
    excluded = [positive_data_acceptance] if method == "POST" else []

    @given(case=operation.as_strategy())
    @examples(most)
    def ask(case):
        tried[f"api {method}"] += 1
        case.call_and_validate(excluded_checks=excluded, timeout=120)

    return ask


def test_a_visitor_may_ask_anything(scratch):
    check(made(scratch), "GET", 2)


@pytest.mark.parametrize("role", [Role.VISITOR, Role.MANAGER])
def test_anybody_may_send_anything(scratch, role):
    check(made(scratch, somebody(role, site="north", worker="ada")), "POST", 10)


@pytest.mark.long
@pytest.mark.parametrize("asked", PARTS)
@pytest.mark.parametrize("role", WRITERS)
def test_every_role_may_ask_anything(scratch, role, asked):
    if not long_form():
        pytest.skip("the long form is run by `make fuzz`")
    check(made(scratch, somebody(role, site="north", worker="ada")), "GET", long_form(), [asked])


@pytest.mark.long
@pytest.mark.parametrize("role", WRITERS)
def test_every_role_may_send_anything(scratch, role):
    if not long_form():
        pytest.skip("the long form is run by `make fuzz`")
    check(made(scratch, somebody(role, site="north", worker="ada")), "POST", long_form())
