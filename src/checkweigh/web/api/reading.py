"""The ledger itself: its state and checkpoint, its entries, and the proof and the receipt of each."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from litestar import Request, Response
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath

from ... import codec, entries, listing, merkle
from ...checkpoint import Checkpoint, split_note
from ...cosigned import kept
from ...errors import BadKey
from ...kinds import KINDS
from ...ledger import verifiers
from ...receipt import of_entry
from ..entries import hidden
from ..live import Live
from ..page import Served
from ..problems import NotHere
from ..receipts import check_allowed
from ..roles import May, Who
from . import answers, document
from .document import get
from .questions import AT, CURSOR, ZONE, Asked, Described, Query, asked, in_path, one_of, state, text, whole

Asking = Request[Who, Any, Any]
ENDING = ".tlog-proof"
MOST_ENTRIES = 1000
MOST_LOOKED_AT = 1 << 18
"""An answer looks at so many entries at most; then it says where to go on, however few it has found."""
INDEX = Query("index", "The index of the entry: its place in the log, from 0.", whole(), 0, place="path", required=True)
ENTRY = {
    "type": "object", "required": ["index", "kind", "recorded", "by"],
    "description": "An entry as it stands in the log, with its index; the fields of each kind are in the reference.",
    "properties": {
        "index": {"type": "integer"}, "kind": {"type": "string", "enum": list(KINDS)},
        "recorded": {"type": "string", "description": "When the ledger took it in, in UTC."},
        "by": {"type": "string", "description": "Who entered it."},
    },
}  # fmt: skip
_TEXT = {"type": "string"}
_HASHES = {"type": "array", "items": {"type": "string", "description": "A hash of 32 bytes, base64."}}
LEDGER = {
    "type": "object", "required": ["origin", "size", "root", "recorded", "demonstration", "verifier", "verifiers", "said"],
    "properties": {
        "origin": _TEXT, "size": {"type": "integer"}, "root": {**_TEXT, "description": "Hexadecimal."},
        "recorded": {"type": ["string", "null"], "description": "When its newest entry was recorded."},
        "demonstration": {"type": "boolean"}, "verifier": {**_TEXT, "description": "The key that signs now."},
        "verifiers": {"type": "array", "items": _TEXT, "description": "Every key it has had, the first one first."},
        "erased": {"type": "integer", "description": "How many persons have been erased."},
        "read_only": {"type": "boolean"}, "title": _TEXT, "said": _TEXT,
    },
}  # fmt: skip


LEDGER_STATE = Described(
    "ledger",
    "The state of the ledger",
    "Its size, root and keys, as they are now or as known at a size or date.",
    {200: document.json_answer("The state.", LEDGER), 304: document.UNCHANGED},
    (AT, ZONE),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/ledger", May.READ, LEDGER_STATE)
def ledger_state(request: Asking, live: Served) -> Response[Any]:
    """The state of the ledger."""
    known = state(live, asked(request, (AT, ZONE)))

    def told() -> dict[str, Any]:
        with live.ledger.snapshot() as snapshot:
            keys = [str(key) for key in verifiers(snapshot)]
        recorded = None if known.recorded is None else entries.time_text(known.recorded)
        return {
            "origin": live.ledger.origin, "size": known.size, "root": known.root.hex(), "recorded": recorded,
            "demonstration": live.ledger.demonstration, "verifier": keys[-1], "verifiers": keys, "erased": len(live.ledger.erased()),
            "read_only": live.read_only, "title": request.app.state.settings.title or live.ledger.origin, "said": known.said,
        }  # fmt: skip

    return answers.once(request, answers.named(request, known, live.read_only), told)


NEWEST_CHECKPOINT = Described(
    "ledger",
    "The newest checkpoint",
    "A signed note: origin, size, root, and the ledger's signature (C2SP tlog-checkpoint).",
    {200: document.text_answer("The signed note."), 304: document.UNCHANGED},
)  # fmt: skip


@get("/api/v1/checkpoint", May.READ, NEWEST_CHECKPOINT)
def newest_checkpoint(request: Asking, live: Served) -> Response[Any]:
    """The newest checkpoint."""
    asked(request, ())
    return checkpoint(request, live)


def checkpoint(request: Asking, live: Live) -> Response[Any]:
    """The newest checkpoint as the ledger signed it, with the cosignatures of witnesses where they have seen that one."""
    note = live.ledger.checkpoint()
    words = split_note(note)[0]
    cosigned = next((one for one in kept(live.ledger.address) if split_note(one)[0] == words), note)
    tag = merkle.leaf_hash(cosigned.encode()).hex()[:32]
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": "no-cache"}
    if answers.unchanged(request, headers):
        return answers.not_modified(headers)
    return Response(cosigned.encode(), media_type="text/plain", headers=headers)


KIND = Query("kind", "Only entries of this kind.", one_of(*KINDS), "shift")
ABOUT = Query(
    "about",
    "Only entries that name this id: its own, or those that refer to it.",
    text(r"^[^\u0000-\u001f\u007f]+$"),
    "s-17",
)
FROM = Query("from", "Only entries from this index on.", whole(default=0))
UNTIL = Query("until", "Only entries below this index.", whole())
MANY = Query("limit", "At most so many entries.", whole(MOST_ENTRIES, 1, 100))
LISTING = (KIND, ABOUT, FROM, UNTIL, MANY, CURSOR)


LISTED = Described(
    "ledger",
    "Entries",
    "Entries as they stand in the log, the oldest first; of workers who have been erased without their names. An answer may hold "
    "fewer than there are: go on as long as there is a next page.",
    {
        200: {
            **document.json_answer("Entries.", {"type": "array", "items": ENTRY}),
            "headers": {"Link": {"description": 'The next page, rel="next".', "schema": _TEXT}},
        },
        304: document.UNCHANGED,
    },
    LISTING,
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/entries", May.READ, LISTED)
def listed(request: Asking, live: Served) -> Response[Any]:
    """Entries, by pages."""
    question = asked(request, LISTING)
    limit, start, size, wanted = _begun(live, question)
    known = state(live, Asked({"at": [str(size)]}))
    headers = answers.named(request, known)
    if answers.unchanged(request, headers):
        return answers.not_modified(headers)
    stop = min(size, question.whole("until", size), start + MOST_LOOKED_AT)
    found = listing.matching(live.ledger, start, stop, question.text("kind"), question.text("about"))
    rows = list(islice(visible(live, request.user, found), limit + 1))
    end = min(size, question.whole("until", size))
    following = rows[limit][0] if len(rows) > limit else stop if stop < end else None
    if following is not None:
        headers |= answers.next_link(request, answers.cursor(asked=wanted, start=following, size=size))
    body = "[" + ",\n".join(f'{{"index":{index},' + data[1:].decode() for index, data in rows[:limit]) + "]\n"
    return Response(body.encode(), media_type="application/json", headers=headers)


def _begun(live: Live, question: Asked) -> tuple[int, int, int, str]:
    """The limit, where to begin, the size that is looked at, and the name of the question."""
    wanted = answers.digest(*(question.text(name) for name in ("kind", "about", "until")))
    written = question.text("cursor")
    start, size = question.whole("from", 0), live.now().size
    if written is not None:
        place = answers.place_of(written, asked=str, start=int, size=int)
        if place["asked"] != wanted:
            raise NotHere("the cursor belongs to another question; give what was asked before along with it")
        start, size = place["start"], place["size"]
    return question.whole("limit", 100), start, size, wanted


def visible(live: Live, who: Who, found: Iterable[listing.Found]) -> Iterator[listing.Found]:
    """Entries as somebody may see them: without the names of the erased, and without what concerns another person's harm."""
    for index, data in listing.shown(found, live.ledger.erased()):
        if b'"kind":"incident"' not in data or not hidden(codec.decode(data), who):
            yield index, data


def index_of(live: Live, written: str) -> int:
    """The index in a path. Raises NotHere beyond the end."""
    index = int(in_path(written, INDEX))
    if index >= live.ledger.size:
        raise NotHere(f"entry {index} is beyond the end of the ledger, which has {live.ledger.size} entries")
    return index


ONE_ENTRY = Described(
    "ledger",
    "One entry",
    "The entry, its canonical bytes' hash, and its index.",
    {200: document.json_answer("The entry.", ENTRY), 304: document.UNCHANGED},
    (INDEX,),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/entries/{index:str}", May.READ, ONE_ENTRY)
def one_entry(request: Asking, live: Served, index: FromPath[str]) -> Response[Any]:
    """One entry."""
    asked(request, ())
    number = index_of(live, index)
    held = list(visible(live, request.user, [(number, live.ledger.entry(number))]))
    if not held:
        raise PermissionDeniedException(f"entry {number} concerns a person; sign in as somebody who may see it")
    data = held[0][1]
    body = f'{{"index":{number},'.encode() + data[1:] + b"\n"
    headers = {"ETag": f'W/"{merkle.leaf_hash(data).hex()[:32]}"', "Cache-Control": answers.ASK_AGAIN}
    headers["Checkweigh-Leaf-Hash"] = merkle.leaf_hash(live.ledger.entry(number)).hex()
    if answers.unchanged(request, headers):
        return answers.not_modified(headers)
    return Response(body, media_type="application/json", headers=headers)


def _base64(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]


SIZE = Query(
    "size", "The size of the tree that the entry is proven to be in; the newest where it is absent.", whole(least=1)
)
PROOF = {
    "type": "object", "required": ["size", "root", "proof"],
    "properties": {"index": {"type": "integer"}, "size": {"type": "integer"}, "root": _TEXT, "leaf_hash": _TEXT, "proof": _HASHES,
                   "old": {"type": "integer"}, "old_root": _TEXT, "checkpoint": _TEXT},
}  # fmt: skip


INCLUSION = Described(
    "ledger",
    "The proof that an entry is in the log",
    "The hashes that lead from the entry to the root at a size (RFC 6962).",
    {200: document.json_answer("The proof.", PROOF), 304: document.UNCHANGED},
    (INDEX, SIZE),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/entries/{index:str}/inclusion", May.READ, INCLUSION)
def inclusion(request: Asking, live: Served, index: FromPath[str]) -> Response[Any]:
    """The proof that an entry is in the log."""
    question, number = asked(request, (SIZE,)), index_of(live, index)
    with live.ledger.snapshot() as snapshot:
        size = question.whole("size", snapshot.size)
        proof = snapshot.inclusion_proof(number, size)
        told = {
            "index": number, "size": size, "root": snapshot.root(size).hex(), "proof": _base64(proof),
            "leaf_hash": merkle.leaf_hash(snapshot.entry(number)).hex(), "checkpoint": snapshot.note,
        }  # fmt: skip
    if not question.has("size"):
        return answers.plain(told, {"Cache-Control": "no-cache"})
    del told["checkpoint"]  # the newest, which another day is another one
    return answers.plain(told, {"Cache-Control": answers.FOREVER})


OLD = Query("old", "The smaller size, 1 or more.", whole(least=1), 1, required=True)
NEW = Query("new", "The greater size.", whole(least=1), 2, required=True)


CONSISTENCY = Described(
    "ledger",
    "The proof that nothing before was changed",
    "The hashes that prove the tree of the smaller size to be the beginning of that of the greater one (RFC 6962).",
    {200: document.json_answer("The proof.", PROOF)},
    (OLD, NEW),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/consistency", May.READ, CONSISTENCY)
def consistency(request: Asking, live: Served) -> Response[Any]:
    """The proof that one state is the beginning of another."""
    question = asked(request, (OLD, NEW))
    old, new = question.whole("old", 1), question.whole("new", 1)
    with live.ledger.snapshot() as snapshot:
        if old > new:
            raise NotHere(
                f"a ledger of {old} entries is not the beginning of one of {new}; give the smaller size as old"
            )
        proof = snapshot.consistency_proof(old, new)
        told = {
            "old": old, "old_root": snapshot.root(old).hex(), "size": new, "root": snapshot.root(new).hex(), "proof": _base64(proof),
        }  # fmt: skip
    return answers.plain(told, {"Cache-Control": answers.FOREVER})


WITNESS = Query(
    "witness", "The verifier key of a witness that must have cosigned the checkpoint.", text(most=2000), many=True
)


RECEIPT = Described(
    "ledger",
    "The receipt of an entry",
    "The entry, its proof and the signed checkpoint in one file (C2SP tlog-proof), for `checkweigh verify`.",
    {200: document.text_answer("The receipt.")},
    (INDEX, WITNESS),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/entries/{index:str}/receipt", May.READ, RECEIPT)
def receipt(request: Asking, live: Served, index: FromPath[str]) -> Response[Any]:
    """The receipt of an entry."""
    from ...cosigned import cosigned_by, cosigner

    question, number = asked(request, (WITNESS,)), index_of(live, index)
    try:
        demanded = [cosigner(one.strip()) for one in question.texts("witness")]
    except BadKey as error:
        raise NotHere(f"no witness has such a key: {error}") from None
    check_allowed(live, request.user, codec.decode(live.ledger.entry(number)))
    notes = [note for note in kept(live.ledger.address) if all(cosigned_by(note, one) is not None for one in demanded)]
    notes = [note for note in notes if Checkpoint.parse(split_note(note)[0]).size > number]
    if demanded and not notes:
        raise NotHere(
            f"no checkpoint that covers entry {number} is cosigned by {' and '.join(one.name for one in demanded)}"
        )
    with live.ledger.snapshot() as snapshot:
        made = of_entry(snapshot, number, verifiers(snapshot), notes)
    headers = {
        "Content-Disposition": f'attachment; filename="entry-{number}{ENDING}"',
        "Cache-Control": "private, no-cache",
    }
    return Response(made.encode(), media_type="text/plain", headers=headers)


LANDED = Described(
    "ledger",
    "Whether a batch is in the ledger",
    "For whoever lost the connection while writing: where its entries are.",
    {
        200: document.json_answer(
            "It is there.",
            {
                "type": "object",
                "required": ["batch", "from", "until"],
                "properties": {"batch": _TEXT, "from": {"type": "integer"}, "until": {"type": "integer"}},
            },
        )
    },
    (
        Query(
            "batch",
            "The id that an answer or a message named.",
            text(r"^[0-9]{1,16}-[0-9a-f]{64}$", 90),
            "4-" + "5f" * 32,
            place="path",
        ),
    ),
    refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/batches/{batch:str}", May.READ, LANDED)
def landed(request: Asking, live: Served, batch: FromPath[str]) -> Response[Any]:
    """Whether a batch is in the ledger."""
    asked(request, ())
    found = live.ledger.landed(batch) if len(batch.partition("-")[0]) <= 16 else None
    if found is None:
        raise NotHere(f"batch {batch[:90]} is not in the ledger: nothing of it was written; enter it again")
    return answers.plain({"batch": batch, "from": found.start, "until": found.stop})


NAME = Query(
    "id", "The id; of a verdict the shift that it is on.", text(r"^[^\u0000-\u001f\u007f]+$"), "s-17", required=True
)
WHICH = replace(KIND, says="The kind of the entries.", required=True)
FOUND = Described(
    "ledger", "Where the entries of an id are", "The indices of all entries with an id: replaced ones too, and every version of a worker.",
    {200: document.json_answer("The indices, ascending.", {"type": "array", "items": {"type": "integer"}})}, (WHICH, NAME),
)  # fmt: skip


@get("/api/v1/find", May.READ, FOUND)
def found(request: Asking, live: Served) -> Response[Any]:
    """Where the entries of an id are."""
    question = asked(request, (WHICH, NAME))
    return answers.plain(
        live.ledger.find(str(question.text("kind")), str(question.text("id"))), {"Cache-Control": "no-cache"}
    )


ROUTES: list[Any] = [
    found,
    ledger_state,
    newest_checkpoint,
    listed,
    one_entry,
    inclusion,
    consistency,
    receipt,
    landed,
]
