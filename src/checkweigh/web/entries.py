"""Ledger: the entries themselves, the checkpoint, and what a reader needs to check both without believing this board.

The proofs are checked in the reader's own browser (`proof.js`), from the receipt that the worker would take home too. What the reader
has seen once is kept there, and held against what the ledger shows the next time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from .. import codec, cosigned, entries, merkle, render
from ..checkpoint import Checkpoint, split_note
from ..entries import KINDS, Entry
from ..errors import Refused
from ..fields import GIVEN_BY_THE_LEDGER
from ..kinds import Incident, Objection, Verdict
from ..ledger import Ledger, verifiers
from . import listing, naming
from .live import Known
from .page import Served, page
from .problems import NotHere
from .roles import May, Who, needs, who_asks

ROWS = 25
LAST = ("note", "cites", "replaces", "void")
"""What every kind may say, and says after its own."""
PLACES = {"shift": "/shifts/", "worker": "/workers/", "crew": "/crews/", "job": "/quotas/"}
"""Kinds whose names have a page of their own."""
Asked = Request[Who, Any, Any]


@dataclass(frozen=True)
class Word:
    """One thing that an entry says: the field, the text, and where it leads."""

    field: str
    text: str
    href: str | None = None


@dataclass(frozen=True)
class Listed:
    """An entry in a list."""

    index: int
    kind: str
    recorded: str
    by: str
    says: list[Word]


@dataclass(frozen=True)
class Seen:
    """What a witness has said last: who, the size it agreed to, and when (absent where it has not said anything yet)."""

    name: str
    address: str
    key: str
    size: int | None
    when: datetime | None


@dataclass(frozen=True)
class LedgerPage:
    """The newest entries, and the checkpoint with everybody's word for it."""

    rows: list[Listed]
    """The entries, the newest first."""
    earlier: int | None
    """Below which index the page goes on; None at the beginning of the ledger."""
    kind: str | None
    """Only entries of this kind."""
    about: str | None
    """Only entries that name this id."""
    by: str | None
    """Only entries that this account made."""
    kinds: list[str]
    """The kinds that can be asked for."""
    origin: str
    """The name of the ledger."""
    keys: list[str]
    """The verifier keys, the first one first."""
    signatures: list[str]
    """By which signature each key but the first was named."""
    note: str
    """The newest checkpoint."""
    witnesses: list[Seen]
    """Who keeps a second book."""


@dataclass(frozen=True)
class EntryPage:
    """One entry, readable and as its canonical bytes."""

    index: int
    kind: str
    entry: Entry
    says: list[Word]
    recorded: str
    by: str
    bytes: str
    """The canonical bytes as text."""
    shortened: bool
    """Whether what was said of an erased person is left out of them here."""
    leaf: str
    """The hash of those bytes."""
    hidden: bool
    """Whether this reader may not see what the entry says."""
    replaced_by: list[int]
    """The entries that replaced it since."""
    objections: list[int]
    """The entries that object to it."""
    shift: str | None
    """The shift that it is, or rules on."""
    origin: str
    keys: list[str]
    signatures: list[str]
    may_object: bool
    """Whether this reader may object to it."""


@get("/ledger", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def ledger_page(
    request: Asked,
    live: Served,
    kind: FromQuery[str | None] = None,
    about: FromQuery[str | None] = None,
    by: FromQuery[str | None] = None,
    before: FromQuery[int | None] = None,
    at: FromQuery[str | None] = None,
) -> Template:
    """Entries, the newest first."""
    known = live.at(at)
    if kind and kind not in KINDS:
        raise Refused(f"{kind!r} is not a kind of entry; the kinds are {', '.join(KINDS)}")
    below = known.size if before is None else max(0, min(before, known.size))
    asked = listing.Asked(kind or None, about or None, by or None)
    indices = listing.indices(known, asked, below, ROWS + 1)
    rows = [listed(known, index, who_asks(request)) for index in indices[:ROWS]]
    earlier = indices[ROWS - 1] if len(indices) > ROWS else None
    origin, keys, signatures = identity(live.ledger)
    shown = LedgerPage(
        rows, earlier, kind, about, by, list(KINDS), origin, keys, signatures, live.ledger.checkpoint(), list(witnesses(live.ledger)),
    )  # fmt: skip
    return page(request, "ledger.html", shown, known)


def identity(ledger: Ledger) -> tuple[str, list[str], list[str]]:
    """The name of a ledger, its verifier keys, and the signatures by which each key named the next."""
    with ledger.snapshot() as snapshot:
        keys = [str(key) for key in verifiers(snapshot)]
    return ledger.origin, keys, [signature for _, signature in ledger.handovers()]


def witnesses(ledger: Ledger) -> Iterator[Seen]:
    """What each witness of the ledger has said last."""
    for one in cosigned.witnesses(ledger.address):
        note = cosigned.newest(ledger.address, one.key)
        seconds = note and cosigned.cosigned_by(note, one.key)
        size = Checkpoint.parse(split_note(note)[0]).size if note else None
        yield Seen(
            one.key.name, one.address, str(one.key), size, datetime.fromtimestamp(seconds, UTC) if seconds else None
        )


def listed(known: Known, index: int, who: Who) -> Listed:
    """An entry for a list."""
    entry = known.entry(index)
    words = [] if hidden(entry, who) else said(entry)
    return Listed(index, entries.kind_of(entry), entry.recorded, entry.by, words)


def hidden(entry: Entry, who: Who) -> bool:
    """Whether a reader may not see what an entry says: who was hurt is told only to those who may know it."""
    return isinstance(entry, Incident) and not (who.may(May.READ_PEOPLE) or naming.may_know(who, entry.worker or ""))


def said(entry: Entry) -> list[Word]:
    """What an entry says, its own fields first, without what the ledger adds to every entry."""
    kind = entries.kind_of(entry)
    own = [name for name in entries.fields(kind) if name not in LAST]
    return [
        Word(name, render.text(held), _href(entry, kind, name, held))
        for name in (*own, *LAST)
        if (held := entries.value(entry, name)) is not None and name not in GIVEN_BY_THE_LEDGER
    ]


def _href(entry: Entry, kind: str, name: str, held: object) -> str | None:
    """Where a value leads: an entry, or the page of what it names."""
    if name == "replaces" or (isinstance(entry, Objection) and name == "entry"):
        return f"/ledger/{held}"
    target = kind if name == "id" else KINDS[kind].targets.get(name)
    return PLACES[target] + quote(held, safe="") if target in PLACES and isinstance(held, str) else None


@get("/ledger/{index:int}", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def entry_page(request: Asked, live: Served, index: FromPath[int], at: FromQuery[str | None] = None) -> Template:
    """One entry."""
    known, who = live.at(at), who_asks(request)
    entry = _entry(known, index)
    data, stored = codec.encode(entry), live.ledger.entry(index)
    kind, own = entries.kind_of(entry), entries.identity(entry)
    replaced = known.rows(kind, {"replaces": index}, order=["entry"])
    objections = known.rows("objection", {"against": index}, order=["entry"])
    origin, keys, signatures = identity(live.ledger)
    shown = EntryPage(
        index, kind, entry, said(entry), entry.recorded, entry.by, data.decode(), data != stored, merkle.leaf_hash(stored).hex(),
        hidden(entry, who), [row["entry"] for row in replaced], [row["entry"] for row in objections],
        entry.shift if isinstance(entry, Verdict) else own[1] if own and kind == "shift" else None,
        origin, keys, signatures, who.may(May.OBJECT) and not live.read_only,
    )  # fmt: skip
    return page(request, "entry.html", shown, known)


def _entry(known: Known, index: int) -> Entry:
    if not 0 <= index < known.size:
        newest = f"; the newest is {known.size - 1}" if known.size else ""
        raise NotHere(f"there is no entry {index} in this state of the ledger, which has {known.size} entries{newest}")
    return known.entry(index)


@get("/ledger/checkpoint", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def checkpoint_file(live: Served) -> Response[str]:
    """The newest checkpoint, as a signed note."""
    headers = {"Cache-Control": "no-cache"}
    return Response(live.ledger.checkpoint(), media_type="text/plain; charset=utf-8", headers=headers)


@get("/ledger/consistency", opt=needs(May.READ), include_in_schema=False, sync_to_thread=True)
def consistency(live: Served, old: FromQuery[int]) -> Response[dict[str, Any]]:
    """The newest checkpoint, and the hashes that show the ledger at an older size to be its beginning."""
    with live.ledger.snapshot() as snapshot:
        size = snapshot.size
        proof: Sequence[bytes] = snapshot.consistency_proof(old, size) if 0 < old <= size else []
        body = {"note": snapshot.note, "old": old, "size": size, "proof": [one.hex() for one in proof]}
    return Response(body, headers={"Cache-Control": "no-store"})


ROUTES = [ledger_page, entry_page, checkpoint_file, consistency]
