"""Who is who, as far as whoever looks may know it: public names for everybody, private ones for those with the right, and for oneself.

And which id an address holds: an id may hold anything but control characters, slashes too.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from litestar import Request

from ..people import People, private_path
from .live import Known, Live
from .roles import May, Who


def may_know(who: Who, worker: str) -> bool:
    """Whether somebody may know who a private worker is: by right, or because it is themself."""
    return who.may(May.READ_PEOPLE) or (who.worker is not None and who.worker == worker)


def workers(live: Live, known: Known, who: Who, ids: Iterable[str]) -> dict[str, str]:
    """Worker -> name as last known, of those that have one which `who` may know; nobody who has been erased has one."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    rows = known.rows("worker", {"id": asked}, order=["from", "first_entry"], columns=("id", "name"))
    found = {row["id"]: row["name"] for row in rows if row["name"]}
    return found | private(live, who, [one for one in asked if one not in found])


def private(live: Live, who: Who, workers: Iterable[str]) -> dict[str, str]:
    """The names of private workers that `who` may know; of erased ones none, though the file should still hold them."""
    ids = [one for one in workers if may_know(who, one)]
    if not ids or not private_path(live.ledger.address).exists():
        return {}
    erased = live.ledger.erased()
    with People.open(live.ledger.address) as people:
        persons = [people.find(one) for one in ids if one not in erased]
    return {person.worker: person.name for person in persons if person is not None and person.name}


def id_in(request: Request[Any, Any, Any], before: str) -> str:
    """The id behind `before` in the address, as it was written there: nothing is taken out of it or put right."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return unquote(raw.decode("ascii", "replace").partition("?")[0].removeprefix(before))
