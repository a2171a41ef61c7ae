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
from web import board, somebody

ENDLESS = "/api/v1/events"
SLOW = ("audit", "cases", "findings")
"""Tables that cost seconds each time they are asked for at another size: the long form asks for them."""
WRITERS = [role for role in Role if role is not Role.VISITOR]


@pytest.fixture
def scratch(tmp_path):
    """A ledger with a little of everything that the routes ask about."""
    with founded(tmp_path / "scratch") as ledger:
        added(ledger, "quota", id="seven", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
        for name in ("a", "b"):
            added(ledger, "shift", **shift(name, hours="6"))
        yield ledger


def check(client, method, most):
    """Ask every operation of a method, so many times."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", client.app)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS or (operation.method.upper() == "GET") != (method == "GET"):
            continue
        if not long_form() and operation.path.rpartition("/")[2] in SLOW:
            continue
        # What fits the schema of an entry may still not fit the ledger: an id that it does not hold, a day that has not come.
        excluded = [positive_data_acceptance] if method == "POST" else []

        @given(case=operation.as_strategy())
        @examples(most)
        def ask(case, excluded=excluded):
            tried[f"api {method}"] += 1
            case.call_and_validate(excluded_checks=excluded, timeout=120)

        ask()


def test_a_visitor_may_ask_anything(scratch):
    with board(scratch) as client:
        check(client, "GET", 2)


@pytest.mark.parametrize("role", [Role.VISITOR, Role.MANAGER])
def test_anybody_may_send_anything(scratch, role):
    with board(scratch, somebody(role, site="north", worker="ada")) as client:
        check(client, "POST", 10)


@pytest.mark.long
@pytest.mark.parametrize("role", WRITERS)
def test_every_role_may_ask_and_send_anything(scratch, role):
    if not long_form():
        pytest.skip("the long form is run by `make fuzz`")
    with board(scratch, somebody(role, site="north", worker="ada")) as client:
        check(client, "GET", long_form())
        check(client, "POST", long_form())
