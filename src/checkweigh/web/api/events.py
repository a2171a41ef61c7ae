"""New entries as they come: server-sent events.

    id: 204
    event: entry
    data: {"index":204,"kind":"shift",...}

The id is the index, so a reader that was cut off goes on where it was (`Last-Event-ID`). Who has been away for longer than `MOST_BEHIND`
entries is told so by an event `behind`, and reads these in /api/v1/entries. A comment every few seconds keeps the connection alive.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException
from litestar.response import Stream

from ... import listing
from ..live import Live
from ..page import Served
from ..roles import May, Who
from . import document
from .document import get
from .questions import Described, Query, asked, check, whole
from .reading import KIND, visible

Asking = Request[Who, Any, Any]
HEARTBEAT_SECONDS = 15.0
MOST_STREAMS = 500
MOST_BEHIND = 10_000
AT_ONCE = 256
WAIT_SECONDS = 1.0
LAST = Query(
    "Last-Event-ID",
    "The id of the last event that was received; what came after it is sent first.",
    whole(),
    203,
    place="header",
)
FROM = Query("from", "The index of the first entry to be sent; the next new one where it is absent.", whole(), 204)
MEDIA = "text/event-stream"


class Hub:
    """Follows a ledger for all who listen to it. Used within one event loop."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.listeners = 0
        self.size = live.now().size
        self.changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Begin to follow, unless somebody does already."""
        if self._task is None or self._task.done():
            self.size = self.live.now().size
            self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while self.listeners:
            known = await sync_to_thread(self.live.wait, self.size, WAIT_SECONDS)
            if known.size != self.size:
                self.size = known.size
                changed, self.changed = self.changed, asyncio.Event()
                changed.set()


_HUBS: WeakKeyDictionary[Live, Hub] = WeakKeyDictionary()


def hub_of(live: Live) -> Hub:
    """The one hub of a ledger that is shown."""
    if live not in _HUBS:
        _HUBS[live] = Hub(live)
    return _HUBS[live]


async def _told(hub: Hub, who: Who, start: int | None, kind: str | None) -> AsyncIterator[bytes]:
    """Everything from an index on, as events."""
    hub.listeners += 1
    try:
        hub.follow()
        following = hub.size if start is None else min(start, hub.size)
        yield b"retry: 2000\n\n"
        if hub.size - following > MOST_BEHIND:
            yield f'event: behind\ndata: {{"from":{following},"until":{hub.size}}}\n\n'.encode()
            following = hub.size
        while True:
            changed = hub.changed
            if following < hub.size:
                stop = min(hub.size, following + AT_ONCE)
                yield await sync_to_thread(_events, hub.live, who, following, stop, kind)
                following = stop
                continue
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
    finally:
        hub.listeners -= 1


def _events(live: Live, who: Who, start: int, stop: int, kind: str | None) -> bytes:
    """Entries as events; of those that are not asked for at least a comment, so that the connection is seen to live."""
    found = visible(live, who, listing.matching(live.ledger, start, stop, kind))
    events = [f'id: {index}\nevent: entry\ndata: {{"index":{index},{data[1:].decode()}\n\n' for index, data in found]
    return "".join(events).encode() or b": \n\n"


DESCRIBED = Described(
    "ledger", "New entries as they come", "Server-sent events, one for each entry; they come within two seconds of the append.",
    {200: document.text_answer("The events.", MEDIA)}, (KIND, FROM, LAST), refusals=(400,),
)  # fmt: skip


@get("/api/v1/events", May.READ, DESCRIBED, thread=None)
async def new_entries(request: Asking, live: Served) -> Stream:
    """New entries as they come."""
    question = asked(request, (KIND, FROM))
    last = request.headers.get("last-event-id")
    start = int(check(LAST, last)) + 1 if last else question.whole("from", 0) if question.has("from") else None
    hub = hub_of(live)
    if hub.listeners >= MOST_STREAMS:
        raise HTTPException(
            status_code=503, detail="too many are listening already; try again later", headers={"Retry-After": "30"}
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Stream(iter(()), media_type=MEDIA, headers=headers)
    return Stream(_told(hub, request.user, start, question.text("kind")), media_type=MEDIA, headers=headers)


ROUTES: list[Any] = [new_entries]
