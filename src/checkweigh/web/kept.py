"""Pages that are kept: whoever asks for the page that another visitor has asked for gets the same bytes, until the ledger has grown.

Only what visitors get, who have shown nothing, and only of routes that say so (`KEPT`): such a page depends on nothing but its address
and the state of the ledger. Whoever asks while a page is being made waits for it. Of these pages, which are quick, only a few are made
at once, in the order in which they were asked for: more would only keep one another waiting, and whoever enters a shift. Those that look
back at older states or look into a part take their time, and no turn.
"""

import asyncio
import os
import re
from collections import OrderedDict
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from .security import holds_token

KEPT = {"kept": True}
"""The option of a route whose pages depend on their address and the state of the ledger alone."""
MOST_PAGES = 256
MOST_BYTES = 500_000
"""Of a page that is kept."""
AT_ONCE = 2 * (os.cpu_count() or 1)
"""So many pages are made at once."""
SLOW = re.compile(rb"(^|&)(at|since|part)=")
"""What an address says that asks for more than the newest state at hand."""
Key = tuple[bytes, bytes, bool]


class Pages:
    """The pages that are kept, of one state of the ledger at a time, and whose turn it is. Used by the event loop alone."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(AT_ONCE)
        self._size: int | None = None
        self._pages: OrderedDict[Key, asyncio.Future[list[Message] | None]] = OrderedDict()

    def of(self, size: int) -> OrderedDict[Key, asyncio.Future[list[Message] | None]]:
        """Those of a state, made or being made; those of another are let go."""
        if size != self._size:
            self._size, self._pages = size, OrderedDict()
        while len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)
        return self._pages


class Kept:
    """A route with pages that are kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = scope["litestar_app"].state.live.shown
        if not _is_kept(scope):
            await self._app(scope, receive, send)
        elif size is None or not _is_anybody(scope):
            await self._in_turn(scope, receive, send)
        elif (page := _pages(scope).of(size).get(_key(scope))) is None:
            await self._make(_pages(scope).of(size), scope, receive, send)
        elif (messages := await asyncio.shield(page)) is None:
            await self._in_turn(scope, receive, send)
        else:
            for message in messages:
                await send(_copy(message))

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        if SLOW.search(scope["query_string"]):
            await self._app(scope, receive, send)
            return
        async with _pages(scope).turns:
            await self._app(scope, receive, send)

    async def _make(self, pages: Any, scope: Scope, receive: Receive, send: Send) -> None:
        key, page = _key(scope), asyncio.get_running_loop().create_future()
        pages[key] = page
        messages: list[Message] = []

        async def sent(message: Message) -> None:
            messages.append(_copy(message))
            await send(message)

        good = False
        try:
            await self._in_turn(scope, receive, sent)
            good = _whole(messages) and not holds_token(scope)
        finally:
            if not good:
                pages.pop(key, None)
            page.set_result(messages if good else None)


def _pages(scope: Any) -> Pages:
    found: Pages = scope["litestar_app"].state.pages
    return found


def _key(scope: Any) -> Key:
    """Under what a page is kept: its address, and whether its reader takes it packed."""
    packed = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
    return scope["raw_path"], scope["query_string"], packed


def _is_anybody(scope: Any) -> bool:
    """Whether a visitor asks who has shown nothing."""
    auth = scope["auth"]
    return not scope["user"].by and (auth is None or (auth.kind == "nothing" and not auth.ended))


def _is_kept(scope: Any) -> bool:
    """Whether pages of this route are kept."""
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
