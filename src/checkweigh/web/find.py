"""Find: from a word to the page that is meant, or to a list of those that may be.

    /find?q=WORD

An id of a worker, crew, shift or job, the index of an entry, or, for those who may know it, a payroll number leads straight to its page
where nothing else is called the same. Names are searched for the word; private ones for those who may know them.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from ..people import People, private_path
from ..tables import collect
from .live import Known, Live
from .page import Served, page
from .roles import May, Who, needs, who_asks
from .saying import PLACES, address_of

MOST = 20
"""So many of a kind are listed."""
LONGEST = 200


@dataclass(frozen=True)
class Found:
    """Something that may be meant."""

    kind: str
    """worker, crew, shift, job or entry."""
    id: str
    """Its id, or index."""
    name: str | None
    """What it is called."""
    address: str
    """Its page."""


@dataclass(frozen=True)
class FindPage:
    """What was found."""

    word: str
    """What was looked for."""
    found: list[Found]
    """What may be meant; those of that very id first."""
    more: bool
    """Whether more names hold the word than are listed."""


@get("/find", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def find_page(
    request: Request[Who, Any, Any], live: Served, q: FromQuery[str] = "", at: FromQuery[str | None] = None
) -> Template | Redirect:
    """The page that is meant, or a list."""
    known, who, word = live.at(at), who_asks(request), q.strip()[:LONGEST]
    exact = _exact(live, known, who, word) if word else []
    if len(exact) == 1:
        return Redirect(exact[0].address, status_code=303)
    named, more = _named(live, known, who, word) if len(word) > 1 else ([], False)
    rest = [one for one in named if one not in exact]
    if not exact and len(rest) == 1:
        return Redirect(rest[0].address, status_code=303)
    return page(request, "find.html", FindPage(word, [*exact, *rest], more), known)


ROUTES = [find_page]


def _exact(live: Live, known: Known, who: Who, word: str) -> list[Found]:
    """Whatever has this very id, index or payroll number."""
    kinds = [kind for kind in PLACES if kind != "entry" and any(at < known.size for at in live.ledger.find(kind, word))]
    found = [
        Found(kind, word, known.name_of(kind, word) if kind != "shift" else None, address_of(kind, word))
        for kind in kinds
    ]
    if word.isascii() and word.isdigit() and len(word) < 16 and int(word) < known.size:
        index = str(int(word))
        found.append(Found("entry", index, None, address_of("entry", index)))
    if who.may(May.READ_PEOPLE) and private_path(live.ledger.address).exists():
        with People.open(live.ledger.address) as people:
            worker = people.by_payroll([word]).get(word)
            person = people.find(worker) if worker is not None else None
        if person is not None and worker not in live.ledger.erased():
            found.append(Found("worker", person.worker, person.name, address_of("worker", person.worker)))
    return list(dict.fromkeys(found))


def _named(live: Live, known: Known, who: Who, word: str) -> tuple[list[Found], bool]:
    """Whatever is called something with this word in it, or has an id that begins with it."""
    found: dict[tuple[str, str], Found] = {}
    with known.deriving() as tables:
        for kind in ("worker", "crew", "job"):
            table = getattr(tables, kind)
            asked = table.name.lower().contains(word.lower()) | table.id.lower().startswith(word.lower())
            rows = collect(
                table.filter(asked).order_by("id", "first_entry").select("id", "name").limit(10 * MOST)
            ).to_pylist()
            for row in rows:
                found[kind, row["id"]] = Found(kind, row["id"], row["name"], address_of(kind, row["id"]))
        shift = tables.shift
        rows = collect(shift.filter(shift.id.startswith(word)).select("id").limit(MOST + 1)).to_pylist()
        found |= {("shift", row["id"]): Found("shift", row["id"], None, address_of("shift", row["id"])) for row in rows}
    if who.may(May.READ_PEOPLE):
        found = _people(live, word) | found
    listed = sorted(found.values(), key=lambda one: (list(PLACES).index(one.kind), one.name or one.id))
    return listed[: 2 * MOST], len(listed) > 2 * MOST


def _people(live: Live, word: str) -> dict[tuple[str, str], Found]:
    """Private workers whose name holds the word."""
    if not private_path(live.ledger.address).exists():
        return {}
    erased = live.ledger.erased()
    with People.open(live.ledger.address) as people:
        persons = [person for person in people.named(word, MOST + 1) if person.worker not in erased]
    return {
        ("worker", one.worker): Found("worker", one.worker, one.name, address_of("worker", one.worker))
        for one in persons
    }
