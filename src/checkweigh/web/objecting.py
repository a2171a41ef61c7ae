"""Objecting: a protest against an entry, in the objector's own words, and for good.

    /object/INDEX     the entry, and the form; sent, it appends an objection

A worker objects to entries about their own work: shifts that they are credited with, helped in or belong to the crew of, and verdicts on
these. Whoever has another role with the right may object to any entry.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from .. import codec, entries
from ..entries import Entry
from ..errors import BadEntry
from ..kinds import Objection, Shift, Verdict
from . import entering, receipts
from .forms import Form, text_of
from .live import Live
from .page import Served, page
from .problems import NotHere
from .roles import May, Role, Who, needs, who_asks
from .saying import address_of

Index = Annotated[int, PathParameter(ge=0, lt=2**53)]


@dataclass(frozen=True)
class ObjectPage:
    """The form of an objection."""

    index: int
    """The entry."""
    kind: str
    """What sort of fact it is."""
    name: str | None
    """Its id, where it has one."""
    entry: Entry
    """The entry itself."""
    before: list[dict[str, Any]]
    """What has been objected to it already."""
    token: str
    """By which a form that is sent twice objects once."""
    reason: str
    """What was written so far."""
    problems: entering.Problems
    """What is wrong with it."""


@get("/object/{index:int}", opt=needs(May.OBJECT), sync_to_thread=True, include_in_schema=False)
def object_page(request: Request[Who, Any, Any], live: Served, index: Index) -> Template:
    """The form."""
    entry = _entry(live, who_asks(request), index)
    return _form(request, live, index, entry, entering.fresh_id(), "", {})


@post("/object/{index:int}", opt=needs(May.OBJECT), sync_to_thread=True, status_code=200, include_in_schema=False)
def objected(request: Request[Who, Any, Any], live: Served, index: Index, data: Form) -> Template | Redirect:
    """Appends the objection, and leads to where it stands."""
    who = who_asks(request)
    entry = _entry(live, who, index)
    token, reason = text_of(data, "token"), text_of(data, "reason")
    if not reason:
        return _form(
            request, live, index, entry, token, "", {"reason": "say what is wrong with the entry, in a sentence or two"}
        )
    try:
        once: entering.Once = request.app.state.once
        made = entering.enter_once(
            live, who, once, token or entering.fresh_id(), "objection", {"entry": index, "reason": reason}
        )
    except BadEntry as error:
        return _form(request, live, index, entry, token, reason, entering.told(error))
    shift = entry.id if isinstance(entry, Shift) else entry.shift if isinstance(entry, Verdict) else None
    return Redirect(address_of("shift", shift) if shift else f"/ledger/{made.index}", status_code=303)


ROUTES = [object_page, objected]


def _form(
    request: Request[Who, Any, Any],
    live: Live,
    index: int,
    entry: Entry,
    token: str,
    reason: str,
    problems: entering.Problems,
) -> Template:
    before = live.now().rows("objection", {"against": index}, order=["entry"])
    name = (entries.identity(entry) or (None, None))[1]
    shown = ObjectPage(index, entries.kind_of(entry), name, entry, before, token, reason, problems)
    return page(request, "object.html", shown)


def _entry(live: Live, who: Who, index: int) -> Entry:
    """The entry that is meant. Raises NotHere beyond the end, and refuses whom it does not concern."""
    if index >= live.ledger.size:
        raise NotHere(
            f"there is no entry {index}: the ledger has {live.ledger.size}, numbered from 0; look under Ledger"
        )
    entry = codec.decode(live.ledger.entry(index))
    receipts.check_allowed(live, who, entry)
    if isinstance(entry, Objection):
        raise PermissionDeniedException(
            "an objection is answered by a verdict, not by another objection; object to the entry itself"
        )
    if who.role is Role.WORKER and not concerns(live, who, entry):
        raise PermissionDeniedException(
            "a worker objects to entries about their own work; ask your representative to object to others"
        )
    return entry


def concerns(live: Live, who: Who, entry: Entry) -> bool:
    """Whether an entry is about the work of whoever asks."""
    if who.worker is None:
        return False
    if isinstance(entry, Verdict):
        helped = who.worker in {one.worker for one in entry.helpers or ()}
        return helped or any(
            concerns(live, who, codec.decode(live.ledger.entry(at))) for at in live.ledger.find("shift", entry.shift)
        )
    if isinstance(entry, Shift):
        return who.worker in {entry.worker, *(one.worker for one in entry.helpers or ())} or _belongs(
            live, who.worker, entry.crew
        )
    named = getattr(entry, "worker", None), getattr(entry, "trainee", None), getattr(entry, "trainer", None)
    return who.worker in named


def _belongs(live: Live, worker: str, crew: str | None) -> bool:
    """Whether a worker is named as a member of any version of a crew."""
    versions = live.now().rows("crew", {"id": crew}) if crew is not None else []
    return any(worker in (version["members"] or ()) for version in versions)
