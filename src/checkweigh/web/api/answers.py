"""Answers: in which format, under which name of a state, whole or as they flow.

An answer of the log is named (ETag) by the checkpoint that it was made from, by what was asked, and by how many persons had been erased by
then: an erasure changes what every state shows. So no answer that may name a person is called immutable, and none is ever stale: who
asks again with the name is told in a few bytes that nothing has changed. What can never change, the tiles, the bundles and the proofs
between two sizes, is.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, cast

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException
from litestar.response import Stream

from ...render import FileFormat
from ..live import Known
from ..problems import NotHere
from .questions import Asking, Query, one_of

FORMATS: dict[FileFormat, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
FORMAT = Query("format", "How the rows are written; the Accept header says it too.", one_of(*FORMATS), example="csv")
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
_END = object()


def format_of(request: Asking, named: str | None) -> FileFormat:
    """The format that is asked for: by name, else the one that is accepted most gladly. Raises an exception for none of them."""
    if named is not None:
        return cast(FileFormat, named)
    accepted = request.headers.get("accept", "*/*") or "*/*"
    for kind in sorted(_accepted(accepted), key=lambda one: -one[1]):
        for form, media in FORMATS.items():
            plain = media.partition(";")[0]
            if kind[1] > 0 and kind[0] in (plain, f"{plain.partition('/')[0]}/*", "*/*"):
                return form
    if "text/html" in accepted:  # a browser that follows a link
        return "json"
    told = ", ".join(media.partition(";")[0] for media in FORMATS.values())
    raise HTTPException(status_code=406, detail=f"rows are written as {told}, and Accept names none of them")


def _accepted(header: str) -> list[tuple[str, float]]:
    """Each media type that is accepted, and how gladly."""
    found = []
    for part in header.split(","):
        kind, *options = (one.strip() for one in part.split(";"))
        weights = [one.partition("=")[2] for one in options if one.startswith("q=")]
        try:
            found.append((kind.lower(), float(weights[0]) if weights else 1.0))
        except ValueError:
            found.append((kind.lower(), 0.0))
    return found


def named(request: Asking, known: Known, *besides: object) -> dict[str, str]:
    """The headers that name an answer: by the state, what was asked, and what has been erased since."""
    erased = len(known.ledger.erased())
    asked = f"{known.size} {known.root.hex()} {erased} {request.url.path}?{request.url.query} {besides}"
    tag = f'W/"{sha256(asked.encode()).hexdigest()[:32]}"'
    return {
        "ETag": tag, "Cache-Control": ASK_AGAIN, "Vary": "Accept, Authorization, Cookie",
        "Checkweigh-Size": str(known.size), "Checkweigh-Root": known.root.hex(),
    }  # fmt: skip


def unchanged(request: Asking, headers: Mapping[str, str]) -> bool:
    """Whether who asks has this very answer already."""
    held = request.headers.get("if-none-match", "")
    tag = headers["ETag"].removeprefix("W/")
    return bool(held) and (held.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in held.split(",")])


def not_modified(headers: Mapping[str, str]) -> Response[None]:
    """304: as before."""
    return Response(None, status_code=304, headers=dict(headers))


def plain(body: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response[bytes]:
    """JSON, as it is."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return Response(data, media_type="application/json", headers=dict(headers or {}), status_code=status)


def once(request: Asking, headers: Mapping[str, str], body: Callable[[], Any]) -> Response[Any]:
    """JSON under the name of a state, made only for who does not have it already."""
    return not_modified(headers) if unchanged(request, headers) else plain(body(), headers)


def flowing(request: Asking, pieces: Iterator[bytes], media: str, headers: Mapping[str, str]) -> Response[Any]:
    """An answer of any length. Its first piece is made before the answer begins, so that most errors are told as such."""
    first = next(pieces, b"")
    if request.method == "HEAD":
        cast(Any, pieces).close()
        return Stream(
            iter(()), media_type=media, headers=dict(headers)
        )  # how long it would be is not known, and not said
    return Stream(_flow(first, pieces), media_type=media, headers=dict(headers))


async def _flow(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        while (piece := await sync_to_thread(next, pieces, _END)) is not _END:
            yield cast(bytes, piece)
    finally:
        cast(Any, pieces).close()


def cursor(**place: Any) -> str:
    """Where a listing goes on, as a text that says nothing to whoever carries it."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def place_of(written: str, **shape: type) -> dict[str, Any]:
    """What a cursor says. Raises NotHere for one that nobody here has given."""
    try:
        found = json.loads(base64.b64decode(written + "=" * (-len(written) % 4), b"-_", validate=True))
        if not isinstance(found, dict) or {name: type(value) for name, value in found.items()} != shape:
            raise ValueError
        if any(isinstance(value, int) and not 0 <= value < 2**53 for value in found.values()):
            raise ValueError
    except (ValueError, RecursionError):
        raise NotHere("the cursor is none that was given here; begin the listing anew") from None
    return found


def digest(*asked: object) -> str:
    """A short name of what was asked, so that a cursor is used for nothing else."""
    return sha256(repr(asked).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def next_link(request: Asking, written: str) -> dict[str, str]:
    """The header that leads to the next page."""
    from urllib.parse import urlencode

    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*rest, ("cursor", written)])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"', "Checkweigh-Next": written}
