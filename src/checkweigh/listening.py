"""Listening over HTTP: a socket that is had or refused, and a protocol that hangs up on whoever is too slow with a request's head."""

import socket
from typing import Any

from .errors import Refused

PATIENCE_SECONDS = 10
LONGEST_HEAD = 16_384
"""Bytes of a request's head."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. Raises Refused when it cannot be had."""
    try:
        made = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Refused(
            f"nothing can be served at {host}, port {port}: {error.strerror}; choose another --port"
        ) from None
    # Every connection inherits it. Else the end of an answer waits until its beginning is acknowledged: 40 milliseconds.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def impatient() -> type[Any]:
    """The protocol, on httptools where that is installed. Raises ImportError where uvicorn is missing."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return _impatient(H11Protocol)
    return _bounded(_impatient(HttpToolsProtocol))


def _impatient(protocol: Any) -> type[Any]:
    class Impatient(protocol):  # type: ignore[misc]
        """Hangs up on whoever does not get to the end of a request's head."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(PATIENCE_SECONDS, self._hang_up)

        def _hang_up(self) -> None:
            if self.transport.is_closing():
                return
            if self.cycle is None or (self.cycle.response_complete and self.timeout_keep_alive_task is None):
                self.transport.close()
            else:
                self.loop.call_later(PATIENCE_SECONDS, self._hang_up)

    return Impatient


def _bounded(protocol: Any) -> type[Any]:
    class Bounded(protocol):  # type: ignore[misc]
        """Refuses a head that does not end, as h11 does by itself."""

        head: int | None = None
        """How long the head is by now that has been begun."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.head is not None and not self.transport.is_closing():
                self.head += len(data)
                if self.head > LONGEST_HEAD:
                    self.send_400_response("The head of this request is too long.")

        def on_message_begin(self) -> None:
            self.head = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.head = None
            super().on_headers_complete()

    return Bounded
