"""The socket of the board and of the witness, and what is read from it."""

import importlib.util
import socket
import sys
import threading
from contextlib import suppress

import pytest
import uvicorn

from checkweigh.listening import impatient, listening
from conftest import missing


def test_no_answer_waits_until_its_beginning_is_acknowledged():
    with listening("127.0.0.1", 0) as at, socket.create_connection(at.getsockname()):
        connection, _ = at.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture(params=["httptools", "h11"])
def address(request, monkeypatch):
    """Where a server listens that answers everything with yes, with each of the two parsers."""
    if request.param == "h11":
        monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    elif importlib.util.find_spec("httptools") is None:
        missing("httptools is not installed")
    monkeypatch.setattr("checkweigh.listening.PATIENCE_SECONDS", 1000)
    protocol = impatient()
    assert any(request.param in parent.__module__ for parent in protocol.__mro__)

    async def yes(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"yes"})

    server = uvicorn.Server(uvicorn.Config(yes, http=protocol, ws="none", lifespan="off", log_config=None))
    with listening("127.0.0.1", 0) as at:
        running = threading.Thread(target=server.run, kwargs={"sockets": [at]})
        running.start()
        yield at.getsockname()
        server.should_exit = True
        running.join()


def said(address, *parts):
    """What comes back for these bytes until the server hangs up; nobody sends on after that."""
    with socket.create_connection(address) as connection:
        connection.settimeout(10)
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        found = b""
        with suppress(ConnectionError):
            while data := connection.recv(65_536):
                found += data
                if found.endswith(b"yes"):
                    break
        return found


def test_a_head_that_does_not_end_is_refused(address):
    begin, line = b"GET / HTTP/1.1\r\nhost: here\r\n", b"x: " + b"y" * 1000 + b"\r\n"
    assert said(address, begin, *[line] * 10, b"\r\n").startswith(b"HTTP/1.1 200 ")
    endless = said(address, begin, *[line] * 5000)
    assert endless == b"" or endless.startswith(b"HTTP/1.1 400 ")
    assert said(address, b"no request\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    body = [b"z" * 1000] * 200
    assert said(address, b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 200000\r\n\r\n", *body).endswith(b"yes")
    assert said(address, begin, b"\r\n").endswith(b"yes")
