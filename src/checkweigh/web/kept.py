"""Pages that are kept: whoever asks for the page that another visitor has asked for gets the same bytes, until the ledger has grown.

Only what visitors get, who have shown nothing, and only of routes that say so (`KEPT`): such a page depends on nothing but its address
and the state of the ledger. Whoever asks while a page is being made waits for it. Of these pages, which are quick, only a few are made
at once, in the order in which they were asked for: more would only keep one another waiting, and whoever enters a shift.
"""

import asyncio
import os
from collections import OrderedDict
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from .live import Live
from .security import makes_cookie

KEPT = {"kept": True}
"""The option of a route whose pages depend on their address and the state of the ledger alone."""
MOST_PAGES = 256
MOST_BYTES = 500_000
"""Of a page that is kept."""
AT_ONCE = (os.cpu_count() or 1) + 1
"""So many pages are made at once."""
Key = tuple[bytes, bytes, bool]


class Kept:
    """The application with pages that are kept, of one state of the ledger at a time. Used by the event loop alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._size: int | None = None
        self._pages: OrderedDict[Key, asyncio.Future[list[Message] | None]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _quick(scope):
            await self._app(scope, receive, send)
        elif (key := self._key(scope)) is None:
            await self._in_turn(scope, receive, send)
        elif (page := self._pages.get(key)) is None:
            await self._make(key, scope, receive, send)
        elif (messages := await asyncio.shield(page)) is None:
            await self._in_turn(scope, receive, send)
        else:
            for message in messages:
                await send(_copy(message))

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._turns:
            await self._app(scope, receive, send)

    def _key(self, scope: Any) -> Key | None:
        """Under what a page is kept; None where it is not."""
        auth = scope["auth"]
        if scope["user"].by or (auth is not None and (auth.kind != "nothing" or auth.ended)):
            return None
        live: Live = scope["litestar_app"].state.live
        size = live.shown
        if size is None:
            return None
        if size != self._size:
            self._size, self._pages = size, OrderedDict()
        packed = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
        return scope["raw_path"], scope["query_string"], packed

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        pages = self._pages
        page = pages[key] = asyncio.get_running_loop().create_future()
        while len(pages) > MOST_PAGES:
            pages.popitem(last=False)
        messages: list[Message] = []

        async def sent(message: Message) -> None:
            messages.append(_copy(message))
            await send(message)

        good = False
        try:
            await self._in_turn(scope, receive, sent)
            good = _whole(messages) and not makes_cookie(scope)
        finally:
            if not good:
                pages.pop(key, None)
            page.set_result(messages if good else None)


def _quick(scope: Any) -> bool:
    return bool(scope["type"] == "http" and scope["method"] == "GET" and scope["route_handler"].opt.get("kept"))


def _copy(message: Any) -> Any:
    """A message by itself: whoever sends it adds headers to it."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else dict(message)


def _whole(messages: list[Any]) -> bool:
    """Whether these are a whole page that was found."""
    if not messages or messages[0].get("status") != 200 or messages[-1].get("more_body"):
        return False
    if any(name.lower() == b"cache-control" and b"no-store" in value for name, value in messages[0]["headers"]):
        return False
    return sum(len(message.get("body", b"")) for message in messages) <= MOST_BYTES
