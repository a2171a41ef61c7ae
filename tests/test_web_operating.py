"""A board as whoever runs it sees it: health, figures, log, and what a proxy says of a request."""

import asyncio
import io
import json
import logging
import re
import sqlite3
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from litestar import Request as Asked
from litestar import get
from litestar.response import ServerSentEvent

from checkweigh.errors import Refused
from checkweigh.stores import Meta
from checkweigh.web.observing import written
from checkweigh.web.roles import May, needs
from conftest import added, shift
from web import board, somebody


def ask(address, path, **headers):
    """(status, headers, text) of a GET."""
    try:
        with urlopen(Request(address + path, headers=headers), timeout=120) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


@pytest.fixture
def logged():
    """The log of the board, as it is being written."""
    into = io.StringIO()
    loggers = [logging.getLogger(name) for name in ("checkweigh", "uvicorn")]
    before = [(one.handlers, one.propagate, one.level) for one in loggers]
    yield lambda form: written(form, into) or into
    for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def figures(text):
    """The samples of a scrape."""
    return {name: float(value) for name, value in re.findall(r"^(checkweigh_\S+) (\S+)$", text, re.M)}


def test_the_process_lives_and_the_board_is_ready_whatever_visitors_may_see(ledger):
    with board(ledger, visitors="nothing") as client:
        assert client.get("/").status_code == 401
        assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"ledger": True, "head": True, "shown": True}


def test_a_board_whose_ledger_is_gone_or_unsigned_is_not_ready(ledger, monkeypatch, logged):
    log = logged("lines")
    with board(ledger) as client:
        live = client.live
        monkeypatch.setattr(type(ledger), "size", property(lambda self: (_ for _ in ()).throw(Refused("gone"))))
        live._heard -= 60
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"ledger": False, "head": True, "shown": False}
        assert client.get("/healthz").status_code == 200
        assert "the ledger cannot be read: gone" in log.getvalue()


def test_a_head_that_nobody_signed_is_not_ready(ledger):
    with board(ledger) as client:
        with sqlite3.connect(ledger.address.path) as connection:
            (note,) = connection.execute("SELECT data FROM meta WHERE number = ?", (Meta.CHECKPOINT,)).fetchone()
            signed = note.replace(note[-6:-3], b"AAA")
            connection.execute("UPDATE meta SET data = ? WHERE number = ?", (signed, Meta.CHECKPOINT))
        connection.close()
        answer = client.get("/readyz")
        assert answer.status_code == 503 and not answer.json()["head"]


def test_figures_count_requests_by_the_template_of_their_route(served, ledger):
    site = served(ledger)
    for path in ("/", "/healthz", "/nothing", "/static/none.css"):
        ask(site.address, path)
    found = figures(ask(site.address, "/metrics")[2])
    assert found['checkweigh_requests_total{method="GET",route="/",status="200"}'] == 1
    assert found['checkweigh_request_seconds_count{method="GET",route="/"}'] == 1
    assert found['checkweigh_requests_total{method="GET",route="other",status="404"}'] == 1
    assert found['checkweigh_requests_total{method="GET",route="/static/{name}",status="404"}'] == 1
    assert found["checkweigh_ledger_size"] == found["checkweigh_shown_size"] == ledger.size
    assert found["checkweigh_shown_age_seconds"] < 60
    assert found["checkweigh_event_readers"] == 0


def test_figures_count_what_was_appended_and_refused(served, ledger):
    site = served(ledger)
    clerk = somebody("supervisor")
    with site.live.append(clerk) as batch:
        batch.add("shift", shift("a"))
        batch.add("shift", shift("b"))
    with pytest.raises(Refused), site.live.append(clerk) as batch:
        batch.add("shift", shift("a"))
    added(ledger, "shift", **shift("c"))
    found = figures(ask(site.address, "/metrics")[2])
    assert found["checkweigh_appended_entries_total"] == 2
    assert found["checkweigh_refused_appends_total"] == 1
    assert found["checkweigh_ledger_size"] == ledger.size


def test_figures_are_for_this_computer_or_for_a_token(served, ledger):
    site = served(ledger, metrics_token="s3cret-token")
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert ask(site.address, "/metrics")[0] == 200
    assert ask(site.address, "/metrics", **forwarded)[0] == 401
    assert ask(site.address, "/metrics", **forwarded, Authorization="Bearer wrong")[0] == 401
    assert ask(site.address, "/metrics", **forwarded, Authorization="Bearer s3cret-token")[0] == 200
    plain = served(ledger)
    assert ask(plain.address, "/metrics", **forwarded, Authorization="Bearer ")[0] == 403


def test_the_log_tells_of_each_request_and_of_nothing_that_was_asked(served, ledger, logged):
    log = logged("json")
    site = served(ledger)
    ask(site.address, "/?q=Ada+Lovelace", Authorization="Bearer 4711", Cookie="session=4712")
    ask(site.address, "/healthz")
    ask(site.address, "/a-name-in-a-path", **{"X-Request-Id": "from-the-proxy.7"})
    ask(site.address, "/healthz", **{"X-Request-Id": "two\twords"})
    site.stop()
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["method"], one["route"], one["status"], one["who"]) for one in told] == [
        ("GET", "/", 200, "visitor"),
        ("GET", "other", 404, "visitor"),
    ]
    assert told[0]["ms"] > 0 and re.fullmatch("[0-9a-f]{16}", told[0]["request"])
    assert told[1]["request"] == "from-the-proxy.7"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told[0]["time"])
    assert not re.search("Ada|4711|4712|a-name", log.getvalue())


def test_an_answer_names_its_request_and_a_fault_is_found_in_the_log_by_it(served, ledger, logged):
    log = logged("lines")
    site = served(ledger)

    @get("/fault", opt=needs(May.READ), sync_to_thread=True)
    def fault() -> str:
        raise ValueError("the inside of the board")

    site.application.register(fault)
    status, headers, text = ask(site.address, "/fault")
    assert status == 500 and "the inside" not in text
    site.stop()
    assert f"[{headers['X-Request-Id']}]" in log.getvalue() and "the inside of the board" in log.getvalue()
    assert re.search(r"info +GET /fault 500 [\d.]+ ms visitor \[", log.getvalue())


@get("/asked", opt=needs(May.ALWAYS), sync_to_thread=False)
def asked(request: Asked) -> dict[str, str]:
    """Who asks, as the application knows it."""
    return {"host": request.client.host, "scheme": request.scope["scheme"]}


def test_a_trusted_proxy_says_who_asks_and_nobody_else(served, ledger):
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    for proxies, expected in (
        (("127.0.0.0/8",), {"host": "203.0.113.7", "scheme": "https"}),
        (("10.0.0.1",), {"host": "127.0.0.1", "scheme": "http"}),
        ((), {"host": "127.0.0.1", "scheme": "http"}),
    ):
        site = served(ledger, proxies=proxies)
        site.application.register(asked)
        assert json.loads(ask(site.address, "/asked", **forwarded)[2]) == expected


def test_a_stop_ends_the_streams_and_lets_nobody_wait(served, ledger):
    @get("/stream", opt=needs(May.READ), sync_to_thread=False)
    def stream() -> ServerSentEvent:
        async def endless():
            yield "first"
            await asyncio.sleep(600)

        return ServerSentEvent(endless())

    site = served(ledger, stop_seconds=600)
    site.application.register(stream)
    with urlopen(site.address + "/stream", timeout=120) as reading:
        assert b"first" in reading.readline()
        assert figures(ask(site.address, "/metrics")[2])["checkweigh_event_readers"] == 1
        began = time.monotonic()
        site.stop()
        assert reading.read() == b"\r\n"
    assert site.live.wait(site.live.now().size, 600).size == ledger.size
    assert time.monotonic() - began < 120
    assert site.application.state.measures.streams._value.get() == 0
