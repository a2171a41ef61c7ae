"""Entries that come in: one, or several together, of which all are recorded or none.

    {"kind": "shift", "id": "s-17", "worker": "ada", "quantity": "102 t", "started": "1935-08-31T06:00", ...}

Fields are those of the kind, as people write them for `checkweigh add` or in their canonical form; `recorded`, `by` and `salt` are the
ledger's. With an `Idempotency-Key` a request that is sent again enters nothing twice (see `answered`).
"""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import HTTPException

from ... import answered, codec, fields, merkle
from ...answered import Noted
from ...errors import BadEntry, Refused
from ...fields import Lookup
from ...kinds import KINDS
from ...ledger import Batch, Ledger
from ...snapshot import named
from ...values import moment, time_text
from .. import rights
from ..live import Live
from ..page import Served
from ..problems import CannotEnter
from ..roles import May, Who, needs
from . import bodies, document
from .bodies import Written
from .questions import Asked, Described, Query, asked, check, one_of, text

Asking = Request[Who, Any, Any]
MOST_ENTRIES = 1000
APPENDS = ThreadPoolExecutor(2, thread_name_prefix="append")
"""Appends take turns in the ledger, so that two at once are enough: one that is prepared while another is written."""
KEY = Query(
    "Idempotency-Key", "A text that you choose for this request, such as a UUID: sent again with it, nothing is entered twice.",
    text(r"^[!-~]+$", 200), "0f5c2e6c-8a3e-4a0e-9b1e-3f6f1f1f2d11", place="header",
)  # fmt: skip
FOLD = Query("fold", "Which of two moments is meant where the clocks changed.", one_of("earlier", "later"))
RECORDED = Query(
    "recorded", "In a demonstration ledger: when the entries were recorded.",
    text(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z$", 20), "1935-08-31T12:00:00Z",
)  # fmt: skip
_NAME = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40})?")
SENT = {
    "type": "object", "required": ["kind"],
    "description": "One entry. Which fields a kind has, and which it needs, is in the reference of the kinds of entry.",
    "properties": {"kind": {"type": "string", "enum": [kind for kind in KINDS if kind not in rights.NEVER]}},
    "additionalProperties": True,
}  # fmt: skip
EXAMPLE = {
    "kind": "shift", "id": "s-17", "worker": "ada", "job": "hewing", "site": "irmino", "started": "1935-08-31T06:00", "hours": "5:45",
    "quantity": "102 t",
}  # fmt: skip
TAKEN = {
    "type": "object", "required": ["batch", "size", "root", "recorded", "late_clock", "entries"],
    "properties": {
        "batch": {"type": "string", "description": "The id of the batch; /api/v1/batches/ID tells whether it is in the ledger."},
        "size": {"type": "integer", "description": "The size of the ledger with it."},
        "root": {"type": "string", "description": "The root at that size, hexadecimal."},
        "recorded": {"type": "string", "description": "When the ledger took the entries in."},
        "late_clock": {"type": "boolean", "description": "Whether the server's clock is behind the ledger."},
        "entries": {"type": "array", "items": {
            "type": "object", "required": ["index", "kind", "id", "leaf_hash"],
            "properties": {"index": {"type": "integer"}, "kind": {"type": "string"}, "id": {"type": ["string", "null"]},
                           "leaf_hash": {"type": "string"}},
        }},
    },
}  # fmt: skip


class BadEntries(BadEntry):
    """Entries of a request that cannot be recorded: every problem of every one. `places` says which entry each problem is of."""

    def __init__(self, found: Sequence[tuple[int, BadEntry]]) -> None:
        self.places = [place for place, error in found for _ in error.problems]
        super().__init__(found[0][1].kind, [problem for _, error in found for problem in error.problems])


@dataclass(frozen=True)
class Sent:
    """An entry as it was sent."""

    kind: str
    written: list[str]


def sent(body: Any) -> list[Sent]:
    """The entries of a body. Raises Refused for what is none, and BadEntries for fields that cannot be read."""
    listed = body if isinstance(body, list) else [body]
    if not 0 < len(listed) <= MOST_ENTRIES:
        raise Refused(f"the body holds {len(listed)} entries; send 1 to {MOST_ENTRIES} together")
    found, wrong = [], []
    for place, one in enumerate(listed):
        try:
            found.append(_one(one))
        except BadEntry as error:
            wrong.append((place, error))
    if wrong:
        raise BadEntries(wrong)
    return found


def _one(given: Any) -> Sent:
    if not isinstance(given, dict):
        raise Refused("an entry is an object with a kind and its fields")
    kind = given.get("kind")
    if not isinstance(kind, str) or isinstance(kind, Written):
        raise Refused("an entry needs a kind, such as shift")
    if kind not in KINDS:
        raise Refused(
            f"{kind[:80]!r} is not a kind of entry{fields.meant(kind, KINDS)}; the kinds are {', '.join(KINDS)}"
        )
    written: list[str] = []
    problems: list[tuple[str, object, str]] = []
    for name, value in given.items():
        if name == "kind":
            continue
        if value is None:
            problems.append((name, None, "is null; leave out what nobody has stated"))
        elif not _NAME.fullmatch(name):
            problems.append((name[:80], None, f"is not a field of {kind}"))
        else:
            written.append(f"{name}={_text(value)}")
    if problems:
        raise BadEntry(kind, problems)
    return Sent(kind, written)


def _text(value: Any) -> str:
    """A value as `checkweigh add` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def lookup(ledger: Ledger, batch: Batch) -> Lookup:
    """What stands under a kind and an id, in the ledger or in the batch itself."""

    def find(kind: str, name: str) -> Any:
        indices = batch.find(kind, name)
        standing = codec.decode(batch.growth.entry(indices[-1])) if indices else None
        return None if standing is None or standing.void else standing

    return find


@dataclass(frozen=True)
class Coming:
    """A request that enters."""

    who: Who
    entries: list[Sent]
    fold: str | None
    recorded: datetime | None
    key: str | None
    digest: bytes


def enter(live: Live, coming: Coming) -> tuple[str, bool]:
    """Record entries, or find that they are recorded already; the answer as JSON, and whether it is one that was given before."""
    with _appending(live, coming) as batch:
        if coming.key is not None:
            before = answered.noted(live.ledger.address, coming.who.by, coming.key, coming.digest)
            if before is not None and batch.landed(before.batch) is not None:
                return before.answer, True
        first = batch.size
        _add(live, coming, batch)
        made: list[str] = []
        batch.sealed.append(lambda name: made.append(_answer(live, coming, batch, name, first)))
    return made[0], False


@contextmanager
def _appending(live: Live, coming: Coming) -> Iterator[Batch]:
    """A batch. Raises CannotEnter where the ledger is not to be told such a time."""
    begun = False
    try:
        with live.append(coming.who, coming.recorded) as batch:
            begun = True
            yield batch
    except Refused as error:
        if begun or type(error) is not Refused:
            raise
        raise CannotEnter(str(error)) from None


def _add(live: Live, coming: Coming, batch: Batch) -> None:
    wrong = []
    for place, one in enumerate(coming.entries):
        try:
            given = fields.read(one.kind, one.written, lookup(live.ledger, batch), coming.fold)  # type: ignore[arg-type]
            rights.check(coming.who, live.ledger, one.kind, given)
            batch.add(one.kind, given)
        except BadEntry as error:
            wrong.append((place, error))
        except Refused as error:
            raise CannotEnter(str(error)) if type(error) is Refused else error from None
    if wrong:
        raise BadEntries(wrong)


def _answer(live: Live, coming: Coming, batch: Batch, name: str, first: int) -> str:
    """What is answered, noted before the batch is in the ledger."""
    told = []
    for index in range(first, batch.size):
        data, kind = batch.growth.entry(index), coming.entries[index - first].kind
        told.append({
            "index": index, "kind": kind, "id": named(data, index).id if KINDS[kind].id_fields else None,
            "leaf_hash": merkle.leaf_hash(data).hex(),
        })  # fmt: skip
    answer = json.dumps({
        "batch": name, "size": batch.size, "root": name.partition("-")[2], "recorded": time_text(batch.recorded),
        "late_clock": batch.late_clock, "entries": told,
    }, ensure_ascii=False)  # fmt: skip
    if coming.key is not None:
        what = Noted(name, answer)
        answered.note(live.ledger.address, coming.who.by, coming.key, coming.digest, what, live.clock())
    return answer


def key_of(request: Asking) -> str | None:
    """The key that the request carries, if any. Raises Refused for one that is none."""
    key = request.headers.get("idempotency-key")
    return None if key is None else check(KEY, key)


def digest_of(request: Asking, body: bytes) -> bytes:
    """What a request asks, in short: sent again with the same key it must be the same."""
    return sha256(b"\n".join([request.url.path.encode(), request.url.query.encode(), body])).digest()


def _recorded(live: Live, question: Asked) -> datetime | None:
    written = question.text("recorded")
    if written is None:
        return None
    if not live.ledger.demonstration:
        raise HTTPException(
            status_code=422,
            detail="only a demonstration ledger lets one say when an entry was recorded",
        )
    try:
        return moment(written if len(written) > 17 else f"{written[:-1]}:00Z")
    except ValueError:
        raise HTTPException(
            status_code=422, detail=f"recorded {written} is no moment of the calendar and the clock"
        ) from None


DESCRIBED = Described(
    "entering", "Enter one entry, or several together",
    "All are recorded or none. Fields are written as for `checkweigh add`; a time without an offset is the site's own.",
    {201: {**document.json_answer("They are in the ledger, and on disk.", TAKEN), "headers": {
        "Idempotency-Replayed": {"description": "true where this request was answered before, and nothing was entered now.",
                                 "schema": {"type": "string"}},
    }}},
    (KEY, FOLD, RECORDED),
    {"application/json": {
        "schema": {"anyOf": [SENT, {"type": "array", "items": SENT, "minItems": 1, "maxItems": MOST_ENTRIES}]}, "example": EXAMPLE,
    }},
    (400, 409, 413, 415, 422),
)  # fmt: skip


@post("/api/v1/entries", opt=needs(May.WRITE) | document.said(DESCRIBED))
async def enter_entries(request: Asking, live: Served) -> Response[Any]:
    """Enter entries. Which right is needed depends on their kind."""
    rights.check_writer(request.user, live)
    question = asked(request, (FOLD, RECORDED))
    bodies.check_type(request, "application/json")
    key = key_of(request)
    body = await request.body()
    # Of threads of their own: whoever waits for a turn to append keeps no page waiting.
    return await asyncio.get_running_loop().run_in_executor(APPENDS, _entered, request, live, question, key, body)


def _entered(request: Asking, live: Live, question: Asked, key: str | None, body: bytes) -> Response[Any]:
    found = sent(bodies.read(body))
    for one in found:
        rights.check_kind(request.user, one.kind)
    recorded = _recorded(live, question)
    coming = Coming(request.user, found, question.text("fold"), recorded, key, digest_of(request, body))
    answer, again = enter(live, coming)
    headers = {"Location": f"/api/v1/entries/{json.loads(answer)['entries'][0]['index']}", "Cache-Control": "no-store"}
    headers |= {"Idempotency-Replayed": "true"} if again else {}
    return Response(answer.encode(), media_type="application/json", headers=headers, status_code=201)


ROUTES: list[Any] = [enter_entries]
