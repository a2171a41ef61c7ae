"""Commands at http://: they say and do the same through a board, and what they cannot do there they refuse."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from checkweigh.address import WebAddress, address_of
from checkweigh.client import Client
from checkweigh.derived import DERIVED
from checkweigh.errors import BadEntry, Broken, Busy, CannotReach, NotALedger, Refused, Unsure
from checkweigh.ledger import Ledger
from conftest import SITE, added, founded, shift
from serving import serving

SERVE = """
import datetime, socket, threading
from checkweigh.ledger import Ledger
from checkweigh.web import application
from checkweigh.web.roles import Role, Who
from checkweigh.web.running import serve
from checkweigh.web.settings import Settings
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

class Tokens(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection):
        role = Role(connection.headers.get("authorization", "Bearer visitor").partition(" ")[2])
        by = "" if role is Role.VISITOR else f"token:{role}"
        return AuthenticationResult(user=Who(role, role, by), auth=None)

settings = Settings(fresh_seconds=0.1)
clock = lambda: datetime.datetime.now(datetime.UTC)
with Ledger.open(sys.argv[1], write=True) as ledger:
    at = socket.create_server(("127.0.0.1", 0))
    print(f"listens at http://127.0.0.1:{at.getsockname()[1]}", flush=True)
    serve(application(ledger, settings, clock, middleware=[Tokens]), settings, at, threading.Event())
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a board, and the path of the ledger that it shows."""
    path = tmp_path_factory.mktemp("served") / "mine.ledger"
    with founded(path) as ledger:
        added(ledger, "site", **{**SITE, "id": "south", "name": "South pit"})
        added(ledger, "quota", id="seven", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
        for day, name in enumerate(("a", "b", "c", "d"), 1):
            added(ledger, "shift", **shift(name, started=f"2025-09-0{day}T06:00:00Z", quantity=str(day * 7), hours="6"))
        added(ledger, "verdict", shift="b", ruling="annulled", reason="two crews on one tally")
    with serving(path, SERVE) as server:
        yield server.address, path


@pytest.fixture
def as_role(monkeypatch):
    def become(role):
        monkeypatch.setenv("CHECKWEIGH_TOKEN", role)

    become("auditor")
    return become


# ---- the same through a board


@pytest.mark.parametrize("name", DERIVED)
def test_a_table_through_the_board_is_the_same_to_the_last_digit(served, run, name, as_role):
    address, path = served
    here, there = (run("show", name, where, "--at", 11, "--format", "csv").out for where in (path, address))
    assert here == there and here


COMMANDS = [
    ("show", "attainment", "@", "--against", "9", "--format", "json"),
    ("show", "standings", "@", "--period", "all", "--minimum-shifts", "2", "--labour"),
    ("show", "findings", "@", "--level", "0.1", "--format", "csv"),
    ("audit", "@", "--at", "11"), ("audit", "@", "--format", "json", "--at", "11"),
    ("explain", "@", "attainment", "b", "labour_attainment", "--at", "11"), ("explain", "@", "attainment", "b", "--format", "json"),
    ("explain", "@", "standings", "ada", "--period", "all", "--at", "11"),
    ("log", "@", "--to", "11"), ("log", "@", "--about", "b"), ("log", "@", "--kind", "shift", "--format", "json"),
    ("log", "@", "--from", "2026-01-01", "--to", "11", "--format", "csv"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_the_same_through_the_board(served, run, command, as_role):
    address, path = served
    said = [
        run(*(str(where) if part == "@" else part for part in command)).out.replace(str(where), "@")
        for where in (path, address)
    ]
    assert said[0] == said[1] and said[0]


REFUSED = [
    ("show", "attainment", "@", "--at", "999"), ("show", "attainment", "@", "--at", "2025-13-01"), ("explain", "@", "attainment", "nobody"),
    ("log", "@", "--kind", "coffee"), ("show", "standings", "@", "--period", "fortnight"),
    ("receipt", "@", "nobody", "--out", "x.tlog-proof"),
]  # fmt: skip


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_a_command_is_refused_alike(served, run, command, as_role):
    address, path = served
    said = []
    for where in (path, address):
        found = run(*(str(where) if part == "@" else part for part in command), code=2).err
        said.append("".join(found.replace(str(where), "@").split()))
    assert said[0] == said[1]


# ---- events


def heard(address, headers, wanted, then=lambda: None):
    """The ids of the first events, and how long after `then` the last of them came."""
    found = []
    with httpx.stream("GET", f"{address}/api/v1/events", headers=headers, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("retry:"):
                then()
                begun = time.monotonic()
            if line.startswith("id: "):
                found.append(int(line[4:]))
            if len(found) == wanted:
                return found, time.monotonic() - begun
    raise AssertionError(found)


def test_new_entries_come_as_events_and_resume(served):
    address, path = served

    def append(name):
        with Ledger.open(path, write=True) as ledger:
            added(ledger, "source", id=name, title="t", publisher="p", published="1935")

    with Ledger.open(path) as ledger:
        size = ledger.size
    took = []
    for number in range(3):  # a machine that is busy is given another chance
        new, seconds = heard(address, {}, 1, lambda number=number: append(f"heard-{number}"))
        assert new == [size + number]
        took.append(seconds)
        if seconds < 2:
            break
    assert min(took) < 2, took
    assert heard(address, {"last-event-id": "3"}, 2)[0] == [4, 5]


# ---- writing


def test_entries_and_verdicts_go_through_the_board(served, run, as_role):
    address, path = served
    as_role("manager")
    said = run(
        "add",
        address,
        "shift",
        "id=w",
        "worker=ada",
        "job=hew",
        "site=north",
        "started=2025-10-01T06:00",
        "quantity=9000 kg",
    ).out
    assert "shift w" in said and "quantity=9" in said and "token" not in said
    wrong = run(
        "add",
        address,
        "shift",
        "id=w",
        "worker=ada",
        "job=hew",
        "site=north",
        "started=2025-10-01",
        "quantity=lots",
        "x",
        code=2,
    )
    local = run(
        "add",
        path,
        "shift",
        "id=w",
        "worker=ada",
        "job=hew",
        "site=north",
        "started=2025-10-01",
        "quantity=lots",
        "x",
        code=2,
    )
    assert "field=value" in wrong.err and "field=value" in local.err
    assert (
        "already entry"
        in run(
            "add",
            address,
            "shift",
            "id=w",
            "worker=ada",
            "job=hew",
            "site=north",
            "started=2025-10-01T06:00",
            "quantity=9",
            code=2,
        ).err
    )
    as_role("verifier")
    said = run("judge", address, "w", "adjusted", "--quantity", "8", "--reason", "tare").out
    assert "quantity: 9 → 8" in said
    assert "own" in run("judge", address, "w", "verified", "--reason", "x", "--own", code=2).err
    as_role("visitor")
    assert "sign in" in run("judge", address, "w", "verified", "--reason", "x", code=2).err
    with Ledger.open(path) as ledger:
        entries = [json.loads(ledger.entry(index)) for index in (ledger.size - 2, ledger.size - 1)]
    assert [entry["by"] for entry in entries] == ["token:manager", "token:verifier"]


def test_a_file_goes_through_the_board_with_the_same_report(served, run, as_role, tmp_path):
    address, _ = served
    as_role("manager")
    file = tmp_path / "september.csv"
    file.write_text(
        "no,worker,job,site,started,quantity\ni1,ada,hew,north,2025-11-01 06:00,7\ni2,ada,hew,north,2025-11-02 06:00,lots\n"
    )
    wrong = run("import", address, file, "--map", "id=no", "--report", tmp_path / "report.csv", code=2).err
    assert "1 of 2 rows" in wrong and "lots" in (tmp_path / "report.csv").read_text()
    said = run("import", address, file, "--map", "id=no", "--accept-valid").out
    assert "1 of 2 rows added as shift" in said and "line 3" in said
    assert "1 were in the ledger already" in run("import", address, file, "--map", "id=no", "--accept-valid").out


def test_receipts_and_the_log_are_had_from_the_board(served, run, as_role, tmp_path):
    address, path = served
    out = tmp_path / "b.tlog-proof"
    said = run("receipt", address, "b", "--out", out).out
    with Ledger.open(path) as ledger:
        key = ledger.verifier
    assert key in said and "Proven" in run("verify", out, "--key", key).out
    assert (
        "witness" in run("receipt", address, "b", "--out", tmp_path / "c", "--witness", "w+00000000+AAAA", code=2).err
    )
    said = run("export-log", address, tmp_path / "log").out
    assert "entries of" in said
    run("export-log", path, tmp_path / "here")
    files = sorted(one.relative_to(tmp_path / "log") for one in (tmp_path / "log").rglob("*") if one.is_file())
    assert files and all(
        (tmp_path / "log" / one).read_bytes() == (tmp_path / "here" / one).read_bytes() for one in files
    )
    as_role("visitor")
    assert "Refused" in run("export-log", address, tmp_path / "other", code=2).err


def test_whether_a_batch_landed_is_asked_of_the_board(served, run, as_role):
    address, _ = served
    assert "is not in the ledger" in run("landed", address, "3-" + "a" * 64, code=2).err


AWAY = [
    ("init", "@"), ("rotate", "@"), ("verify", "@"), ("backup", "@", "copy"), ("restore", "@", "copy"), ("restore", "copy", "@"),
    ("erase", "@", "ada", "--reason", "asked", "--yes"), ("submit", "@"), ("witnesses", "@"), ("user", "list", "@"),
]  # fmt: skip


@pytest.mark.parametrize("command", AWAY, ids=" ".join)
def test_what_needs_the_ledger_itself_is_refused_at_a_board(run, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if command[:2] == ("restore", "copy"):
        founded(tmp_path / "copy").close()
    said = run(*("http://board.example" if part == "@" else part for part in command), code=2).err
    assert "board on the web" in said and "where the ledger is" in said


def test_addresses_of_boards():
    assert address_of("http://board.example/").uri == "http://board.example"
    assert address_of("HTTPS://board.example:8443/north/").uri == "https://board.example:8443/north"
    for wrong in ("http://", "https://anna:secret@board.example", "http://x/?a=1", "http://x:99999999", "http://x/#a"):
        with pytest.raises(NotALedger) as refused:
            address_of(wrong)
        assert "secret" not in str(refused.value)


# ---- what is lost on the way


@contextmanager
def asking(answer, token=None, monkeypatch=None):
    """A client whose requests are answered by a function."""
    with Client(WebAddress("http://board.example"), token, httpx.MockTransport(answer)) as client:
        yield client


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("checkweigh.client.PAUSES", (0, 0))


def test_a_lost_answer_is_asked_again_with_the_same_key():
    keys = []

    def answer(request):
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            raise httpx.ReadError("cut off")
        return httpx.Response(201, json={"entries": []})

    with asking(answer) as client:
        assert client.send("entries", [], b"{}", "application/json", "k").status_code == 201
    assert keys == ["k"] * 3


def test_what_may_have_been_written_is_told_as_unsure():
    def lost(request):
        raise httpx.ReadTimeout("too slow")

    def unreached(request):
        raise httpx.ConnectError("no route")

    with asking(lost) as client:
        with pytest.raises(Unsure):
            client.send("entries", [], b"{}", "application/json", "k")
        with pytest.raises(CannotReach):
            client.get("ledger")
    with asking(unreached) as client, pytest.raises(CannotReach):
        client.send("entries", [], b"{}", "application/json", "k")


def problem(status, error, **besides):
    body = {
        "type": f"urn:checkweigh:{error}",
        "title": "t",
        "status": status,
        "detail": "what, where, and the next step",
        **besides,
    }
    return lambda request: httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (problem(500, "Broken"), Broken, "^what, where"), (problem(503, "Busy"), Busy, "^what, where"),
        (problem(422, "BadEntry", kind="shift", problems=[{"field": "id", "value": "x", "reason": "is bad"}]),
         BadEntry, "shift: id 'x': is bad"),
        (problem(400, "__import__"), Refused, "what, where"), (lambda request: httpx.Response(404, text="x"), Refused, "as a board does"),
        (lambda request: httpx.Response(302, headers={"location": "http://evil.example"}), Refused, "as a board does"),
        (lambda request: httpx.Response(401, json={"detail": "sign in first"}, headers={"content-type": "application/problem+json"}),
         Refused, "CHECKWEIGH_TOKEN"),
    ],
)  # fmt: skip
def test_errors_of_the_board_are_the_same_errors_here(answer, error, says):
    with asking(answer) as client, pytest.raises(error, match=says):
        client.get("ledger")


def test_the_token_goes_to_the_board_alone():
    seen = []

    def answer(request):
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={})

    with asking(answer, "secret") as client:
        client.get("ledger")
    assert seen == ["Bearer secret"]
    with pytest.raises(Refused, match="cannot be sent"):
        Client(WebAddress("http://board.example"), "sécrét\n☃")


def test_nothing_of_the_web_is_loaded_for_a_ledger_at_hand(run, tmp_path):
    founded(tmp_path / "mine").close()
    program = """
import sys
from checkweigh.cli import main
try:
    main(["log", sys.argv[1]])
except SystemExit:
    assert "httpx" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "mine")], check=True, capture_output=True)
