"""What is seen of every request from outside of it: an id, a line in the log, the figures of `/metrics`; and the end in good order.

`Observed` stands around the application. It gives each request an id (`X-Request-Id`, kept where a proxy has given one), and writes its
method, the template of its route, status, milliseconds and who asked. It never writes paths, queries, headers or bodies: they hold names,
passwords and what people look for. `stop` ends the streams, which would never end of themselves, so that the rest can end.
"""

import asyncio
import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex
from time import perf_counter
from typing import Any, ClassVar, TextIO

from litestar import Litestar

from .measures import Measures
from .settings import LogFormat

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is being answered."""
GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
QUIET = ("/healthz", "/readyz", "/metrics", "/static/{name}")
"""Routes of which only failures are written: they are asked all day."""
log = logging.getLogger("checkweigh.web.requests")


class Observed:
    """An application with whatever is to be seen of it."""

    def __init__(self, application: Litestar) -> None:
        self._application = application
        self._measures: Measures = application.state.measures
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _Request(self._measures, self._stopping, scope, receive, send).answer(self._application)
        else:
            await self._application(scope, receive, send)

    def stop(self) -> None:
        """End the streams, and let nobody wait any more. Called in the thread of the event loop."""
        self._stopping.set()
        self._application.state.live.close()


class _Request:
    """One request on its way."""

    def __init__(self, measures: Measures, stopping: asyncio.Event, scope: Any, receive: Any, send: Any) -> None:
        self._measures, self._stopping, self._scope = measures, stopping, scope
        self._receive, self._send = receive, send
        self._id = _id(scope)
        self._status = 0
        self._stream = self._ended = False

    async def answer(self, application: Any) -> None:
        token = REQUEST.set(self._id)
        began = perf_counter()
        try:
            await application(self._scope, self._received, self._sent)
            if self._stream and not self._ended:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if self._stream:
                self._measures.streams.dec()
            self._tell(perf_counter() - began)
            REQUEST.reset(token)

    async def _received(self) -> Any:
        """What the client sends; of a stream that it has gone, when the board stops."""
        if not self._stream:
            return await self._receive()
        waiting = [asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return waiting[0].result() if waiting[0].done() else {"type": "http.disconnect"}
        finally:
            for one in waiting:
                one.cancel()

    async def _sent(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message.get("headers", ()))
            if any(
                name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers
            ):
                self._stream = True
                self._measures.streams.inc()
            message = {**message, "headers": [*headers, (b"x-request-id", self._id.encode())]}
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._ended = True
        await self._send(message)

    def _tell(self, seconds: float) -> None:
        given = self._scope["method"]
        method = given if given in METHODS else OTHER
        route = self._scope.get("path_template") or OTHER
        status = self._status or 499
        self._measures.answered(method, route, status, None if self._stream else seconds)
        if route in QUIET and status < 400:
            return
        who = getattr(self._scope.get("user"), "by", "") or "visitor"
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1), "who": who}
        log.info("%s %s %s %s ms %s", *told.values(), extra={"told": told})


def _id(scope: Any) -> str:
    """The id that a proxy has given the request, or a new one."""
    given: bytes = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if GIVEN_ID.fullmatch(given) else token_hex(8)


class Lines(logging.Formatter):
    """A log for people: when, how grave, what, and the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and below it where it failed, if it did."""
        request = f" [{REQUEST.get()}]" if REQUEST.get() else ""
        said = f"{_when(record)} {record.levelname.lower():7} {record.getMessage()}{request}"
        return f"{said}\n{self.formatException(record.exc_info)}" if record.exc_info else said


class Json(logging.Formatter):
    """A log for programs: one object a line."""

    SAID: ClassVar = "message"

    def format(self, record: logging.LogRecord) -> str:
        """One object; of a request it has the parts, of a failure the trace."""
        told = {"time": _when(record), "level": record.levelname.lower(), "request": REQUEST.get() or None}
        told |= getattr(record, "told", None) or {self.SAID: record.getMessage()}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in told.items() if value is not None}, ensure_ascii=False)


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written(form: LogFormat, into: TextIO) -> None:
    """From now on what the board and its server have to say is written there."""
    handler = logging.StreamHandler(into)
    handler.setFormatter(Json() if form == "json" else Lines())
    for name, level in (("checkweigh", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
