"""The log as any client of a transparency log reads it (C2SP tlog-tiles), under the prefix /api/v1/log.

    checkpoint                      the signed note, with the cosignatures of witnesses
    keys                            the verifier keys of the ledger, a line each, the first one first
    tile/<L>/<N>[.p/<W>]            hashes of 32 bytes
    tile/entries/<N>[.p/<W>]        entries, each behind its length in 2 bytes, big-endian

<N> is written in groups of three digits, of which all but the last begin with x (see `tiles`). Tiles and bundles never change, and are
kept by whoever has read them; hashes say nothing about anybody, bundles hold every entry whole.
"""

import re
from typing import Any

from litestar import Request, Response
from litestar.params import FromPath

from ...bundles import frame
from ...ledger import verifiers
from ...merkle import HASH_BYTES, TILE_WIDTH, tile_width
from ...snapshot import Snapshot
from ...tiles import path_of
from ..page import Served
from ..problems import NotHere
from ..roles import May, Who
from . import answers, document, reading
from .document import get
from .questions import Described, Query, asked, text

Asking = Request[Who, Any, Any]
BYTES = "application/octet-stream"
_N = r"(?:x[0-9]{3}/){0,5}[0-9]{3}"
_PATH = re.compile(rf"(?P<groups>{_N})(?:\.p/(?P<width>[1-9][0-9]{{0,2}}))?")
PLACE = Query(
    "path", "Which one: groups of three digits, all but the last with x; of a partial one `.p/` and how many it holds.",
    text(rf"^{_N}(\.p/[1-9][0-9]?[0-9]?)?$", 60), "000.p/5", place="path",
)  # fmt: skip
LEVEL = Query("level", "The level of the tile, 0 to 5.", text(r"^[0-5]$", 1), "0", place="path")


LOG_CHECKPOINT = Described(
    "log",
    "The checkpoint of the log",
    "As /api/v1/checkpoint.",
    {200: document.text_answer("The signed note."), 304: document.UNCHANGED},
)  # fmt: skip


@get("/api/v1/log/checkpoint", May.READ, LOG_CHECKPOINT)
def log_checkpoint(request: Asking, live: Served) -> Response[Any]:
    """The checkpoint of the log."""
    asked(request, ())
    return reading.checkpoint(request, live)


LOG_KEYS = Described(
    "log",
    "The keys of the log",
    "Every verifier key, a line each; the last one signs.",
    {200: document.text_answer("The keys.")},
)  # fmt: skip


@get("/api/v1/log/keys", May.READ, LOG_KEYS)
def log_keys(request: Asking, live: Served) -> Response[Any]:
    """The verifier keys."""
    asked(request, ())
    with live.ledger.snapshot() as snapshot:
        keys = "".join(f"{key}\n" for key in verifiers(snapshot))
    return Response(keys.encode(), media_type="text/plain", headers={"Cache-Control": "no-cache"})


def _part(snapshot: Snapshot, level: int, path: str) -> tuple[int, int]:
    """Which tile of a level, and how much of it. Raises NotHere for what the log does not have."""
    found = _PATH.fullmatch(path)
    number = int(found["groups"].replace("x", "").replace("/", "")) if found else -1
    width = int(found["width"] or TILE_WIDTH) if found else 0
    if not found or path_of(0, number, width) != f"tile/0/{path}":
        raise NotHere(f"{path[:80]} is no part of a log; it is written as in tile/0/x001/234.p/5")
    held = tile_width(level, number, snapshot.size) if snapshot.size >> (8 * level) > number * TILE_WIDTH else 0
    if not 0 < width <= min(held, TILE_WIDTH):
        raise NotHere(f"the log holds {snapshot.size} entries, and no {width} hashes at {path} of level {level}")
    return number, width


def _kept(data: bytes) -> Response[bytes]:
    return Response(data, media_type=BYTES, headers={"Cache-Control": answers.FOREVER})


TILE = Described(
    "log",
    "Hashes",
    "A tile of the tree: up to 256 hashes of 32 bytes.",
    {200: document.text_answer("The hashes.", BYTES)},
    (LEVEL, PLACE),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/log/tile/{level:str}/{path:path}", May.READ, TILE)
def tile(request: Asking, live: Served, level: FromPath[str], path: FromPath[str]) -> Response[Any]:
    """Hashes."""
    asked(request, ())
    if not re.fullmatch("[0-5]", level):
        raise NotHere(f"there is no level {level[:20]!r}; levels are 0 to 5")
    with live.ledger.snapshot() as snapshot:
        number, width = _part(snapshot, int(level), path.removeprefix("/"))
        return _kept(snapshot.tile(int(level), number)[: width * HASH_BYTES])


BUNDLE = Described(
    "log",
    "Entries in bulk",
    "A bundle: up to 256 entries, whole, as their hashes prove them.",
    {200: document.text_answer("The entries.", BYTES)},
    (PLACE,),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/log/tile/entries/{path:path}", May.READ_ALL, BUNDLE)
def bundle(request: Asking, live: Served, path: FromPath[str]) -> Response[Any]:
    """Entries in bulk."""
    asked(request, ())
    with live.ledger.snapshot() as snapshot:
        number, width = _part(snapshot, 0, path.removeprefix("/"))
        first = number * TILE_WIDTH
        return _kept(frame(list(snapshot.entries_at(range(first, first + width)))))


ROUTES: list[Any] = [log_checkpoint, log_keys, tile, bundle]
