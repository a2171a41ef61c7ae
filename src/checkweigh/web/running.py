"""Running a board: the server around the application, until it is told to stop.

A stop (SIGTERM, SIGINT) takes no new request and ends the streams; whatever is being answered has `stop_seconds` to be finished, so that
an append is acknowledged, or was never begun.
"""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import uvicorn
from litestar import Litestar
from litestar.concurrency import set_asyncio_executor

from ..listening import impatient
from .observing import Observed
from .settings import Settings

MOST_CONNECTIONS = 1000
IDLE_SECONDS = 30
"""So long a connection may be idle: longer than clients keep one (httpx: 5), so that no request meets its end."""
SWITCH_SECONDS = 0.0002
"""After so long one thread lets another have its turn: who follows the ledger in many short steps must not wait long for each."""
THREADS = 32
"""So many requests are answered at once; more wait."""


class Server(uvicorn.Server):
    """The server of one board."""

    def __init__(self, application: Litestar, settings: Settings, wanted: Event) -> None:
        self._observed, self._end_wanted = Observed(application), wanted
        config = uvicorn.Config(
            self._observed,
            http=impatient(),
            loop="asyncio",  # with uvloop, where it is installed, the engine that derives complains at the end
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=list(settings.proxies),
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
            server_header=False,
        )
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; also when somebody wanted that before the server listened to signals."""
        return await super().on_tick(counter) or self._end_wanted.is_set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in good order."""
        self._observed.stop()
        await super().shutdown(sockets)


def serve(application: Litestar, settings: Settings, at: socket.socket, wanted: Event) -> None:
    """Serve until the process is told to stop, or the end is `wanted`, and finish what has begun."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with ThreadPoolExecutor(THREADS, "request") as threads:
        set_asyncio_executor(threads)
        try:
            Server(application, settings, wanted).run(sockets=[at])
        finally:
            set_asyncio_executor(None)
