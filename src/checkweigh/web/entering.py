"""Entering: from what a form says to an entry, once.

A form carries the identity of what it makes before it is sent: a random id for a shift or a count, a random token for a kind without an
id. Sent again, after an answer that was lost or by a second click, it finds its entry and makes no second.
"""

import base64
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import codec, entries, fields
from ..errors import AlreadyRecorded, BadEntry
from ..ledger import Batch, Ledger
from .live import Live
from .roles import Who

MOST_TOKENS = 10_000
Problems = dict[str, str]
"""Field -> what is wrong with it and what to do; under the empty name what concerns the form as a whole."""


@dataclass(frozen=True)
class Entered:
    """What became of a form."""

    index: int
    again: bool
    """Whether it was in the ledger already."""


@dataclass
class Once:
    """Which entry each form made, for kinds that have no id of their own. Safe to use from several threads."""

    made: OrderedDict[str, int] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, token: str, index: int) -> None:
        """Remember the entry of a form."""
        self.made[token] = index
        while len(self.made) > MOST_TOKENS:
            self.made.popitem(last=False)


def fresh_id() -> str:
    """A random id that nobody guesses: 80 bits in the letters a to z and the digits 2 to 7."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def lookup(ledger: Ledger) -> fields.Lookup:
    """What the ledger holds under a kind and an id: the entry now standing, or None."""

    def find(kind: str, name: str) -> Any:
        indices = ledger.find(kind, name)
        standing = codec.decode(ledger.entry(indices[-1])) if indices else None
        return None if standing is None or standing.void else standing

    return find


def read(live: Live, kind: str, written: Mapping[str, str], fold: str | None = None) -> dict[str, object]:
    """The fields of an entry from what people wrote; empty texts are left out. Raises BadEntry with every problem."""
    arguments = [f"{name}={text}" for name, text in written.items() if text.strip()]
    return fields.read(kind, arguments, lookup(live.ledger), fold or None)  # type: ignore[arg-type]


def check_site(who: Who, kind: str, site: object) -> None:
    """Raises BadEntry when somebody of one site enters for another."""
    if who.site is not None and site != who.site:
        raise BadEntry(kind, [("site", site, f"is not your site; you enter for {who.site} only")])


def enter(live: Live, who: Who, kind: str, given: Mapping[str, object]) -> Entered:
    """Append an entry that has an id. Raises AlreadyRecorded when the ledger holds the id with other content."""
    name = str(given["id"])
    with live.append(who) as batch:
        held = batch.find(kind, name)
        if not held:
            return Entered(batch.add(kind, given), False)
        for index in held:
            if _says(batch, index, kind, given):
                return Entered(index, True)
    raise AlreadyRecorded(kind, name, held[-1])


def _says(batch: Batch, index: int, kind: str, given: Mapping[str, object]) -> bool:
    """Whether an entry says just what is given."""
    held = codec.decode(batch.growth.entry(index))
    by_ledger = {name: entries.value(held, name) for name in ("recorded", "by", "salt") if hasattr(held, name)}
    try:
        return entries.build(kind, {**given, **by_ledger}) == held
    except BadEntry:
        return False


def enter_once(live: Live, who: Who, once: Once, token: str, kind: str, given: Mapping[str, object]) -> Entered:
    """Append an entry that has no id, once for each token of a form."""
    with once.lock:
        if token in once.made:
            return Entered(once.made[token], True)
        with live.append(who) as batch:
            index = batch.add(kind, given)
        once.keep(token, index)
        return Entered(index, False)


def told(error: BadEntry, names: Mapping[str, str] | None = None) -> Problems:
    """What is wrong beside each field of a form; `names` are fields that have another name there."""
    found: Problems = {}
    for name, value, reason in error.problems:
        shown = (names or {}).get(name, name)
        said = reason if value is None else f"{value!r} {reason}"
        found[shown] = f"{found[shown]}; {said}" if shown in found else said
    return found
