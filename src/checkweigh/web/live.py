"""The ledger as pages see it: the newest state, older states, and appends in somebody's name.

A `Known` is one state of the ledger, and everything read from it agrees. `Live.now` is at most `fresh_seconds` behind the ledger, and a
page says which size it shows. Rows come from the derivations, asked as every other face asks.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from hashlib import sha256
from time import monotonic
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from .. import asking, codec, erasing
from .. import tables as tabled
from ..derived import DERIVED
from ..entries import KINDS, Entry
from ..errors import BeyondTheEnd, CheckweighError
from ..explaining import Book
from ..following import State
from ..kinds import Worker
from ..ledger import Batch, Edge, Ledger
from ..moments import known_at
from ..tables import Tables
from .answers import Answers
from .follower import Follower
from .roles import Who

Row = dict[str, Any]
SHORTEST_WAIT = 0.05
"""Whoever waits for news asks no more often than after so many seconds."""
FOLLOWED = 20_000
"""Entries from which on a ledger is followed, since deriving its tables anew for every size would take too long."""
BEGIN_SECONDS = 60.0
"""How long a page waits for a large ledger to be read when the board opens: to derive it besides would take longer."""
PATIENCE_SECONDS = 2.0
"""How long a person who has entered something waits until pages know of it."""
MOST_STATES = 8
"""So many older states are kept at hand."""
MOST_ANSWERS = 256
"""So many answers are kept of each state."""
MOST_LASTING = 2048
"""So many answers are kept, of all states together of a ledger that is followed, that may be the same in the next."""


SMALL = ("site", "job")
"""Kinds of which there are few and every page names some: they are at hand by their ids, up to so many of each."""
MOST_SMALL = 2000


class Known:
    """One state of the ledger. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        size: int,
        *,
        newest: bool,
        said: str,
        state: State | None = None,
        lasting: Answers | None = None,
    ) -> None:
        self.ledger, self.size, self.newest, self.said = ledger, size, newest, said
        with ledger.snapshot() as snapshot:
            self.root: bytes = snapshot.root(size)
            self.note: str = snapshot.note
        self._state, self.erased = state, frozenset(ledger.erased())
        self._deriving = threading.RLock()
        self._answers = Answers(MOST_ANSWERS)
        self._lasting = self._answers if lasting is None else lasting

    @property
    def etag(self) -> str:
        """A name of this state: of its root."""
        return sha256(self.root).hexdigest()[:32]

    @cached_property
    def recorded(self) -> datetime | None:
        """When the newest entry of this state was recorded."""
        return datetime.fromisoformat(self.entry(self.size - 1).recorded) if self.size else None

    @cached_property
    def tables(self) -> Tables:
        """What stood. Whoever derives from it holds `deriving`."""
        return tabled.at(self.ledger, self.size) if self._state is None else self._state.tables

    @contextmanager
    def deriving(self) -> Iterator[Tables]:
        """The tables, for one thread at a time."""
        with self._deriving:
            yield self.tables

    def interrupt(self) -> None:
        """Break off what is being derived of it: the board stops."""
        if "tables" in self.__dict__:
            self.tables.engine.interrupt()

    @cached_property
    def book(self) -> Book:
        """What an explanation looks into; used within `deriving`."""
        return Book(self.tables, self.ledger.entry)

    def told_by(self, *tables: str, **parameters: Any) -> Hashable:
        """A name of what stands in some tables, of which parameters are asked: states of the same name have the same rows there.

        Of a ledger that is not followed each state has a name of its own.
        """
        if self._state is None:
            return self.root, len(self.erased)
        return self._lasting, len(self.erased), *(self._state.since(table, parameters) for table in tables)

    def rows(
        self,
        table: str,
        where: Mapping[str, Any] | None = None,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        columns: Sequence[str] = (),
        **parameters: Any,
    ) -> list[Row]:
        """Rows of a derived table, or of a kind of entry.

        `where` compares columns with a value, with None for absent, or with a list of values; `order` names columns, `-` before one
        that falls. Where `columns` are named, a row holds these alone and comes quicker; standings have no order of their own then.
        """
        if self._state is not None and self._state.empty(table):
            return []
        if table in SMALL and where and isinstance(where.get("id"), str) and len(where) == 1:
            small = self._lasting.once((self.told_by(table), table, "by id"), partial(self._by_id, table))
            if small is not None:
                row = small.get(where["id"])
                return [] if row is None else [{name: row[name] for name in columns} if columns else row]
        wanted = tuple(
            (name, tuple(value) if isinstance(value, list) else value) for name, value in (where or {}).items()
        )
        told_by = self.told_by(table, **parameters)
        key = (told_by, table, wanted, tuple(order), limit, tuple(columns), tuple(parameters.items()))
        asked = partial(self._asked, table, where or {}, order, limit, parameters, columns)
        lasts = (table in KINDS and table != "shift") or parameters.get("scope") is not None
        found: list[Row] = (self._lasting if lasts else self._answers).once(key, asked)
        return found

    def _by_id(self, kind: str) -> dict[str, Row] | None:
        """The rows of a kind by their ids, which are all different; None where there are many."""
        found = self._asked(kind, {}, (), MOST_SMALL + 1, {}, ())
        return {row["id"]: row for row in found} if len(found) <= MOST_SMALL else None

    def _asked(
        self,
        table: str,
        where: Mapping[str, Any],
        order: Sequence[str],
        limit: int | None,
        parameters: Mapping[str, Any],
        columns: Sequence[str],
    ) -> list[Row]:
        if self._state is not None and self._state.answers(table):
            return self._state.rows(table, where, order, limit, parameters, columns)
        with self.deriving() as at_hand:
            found = getattr(at_hand, table) if table in KINDS else self._derived(at_hand, table, parameters)
            for name, value in where.items():
                found = found.filter(_holds(found[name], value))
            falling = {name.removeprefix("-"): name.startswith("-") for name in order}
            if order:
                found = found.order_by([found[name].desc() if down else found[name] for name, down in falling.items()])
            found = found if limit is None else found.limit(limit)
            rows: list[Row] = tabled.collect(found.select(*columns) if columns else found).to_pylist()
            return rows

    def _derived(self, at_hand: Tables, table: str, parameters: Mapping[str, Any]) -> ir.Table:
        """A derived table; of a ledger that is not followed it is computed once for all that is asked of it."""
        name = f"asked {table} {sorted(parameters.items())}"
        derive = partial(DERIVED[table].derive, at_hand, **parameters)
        return derive() if self._state is not None else at_hand.held(name, derive)

    def computed(self, name: str, derive: Callable[[Tables], ir.Table]) -> list[Row]:
        """Rows of a derivation of pages alone, which keeps no steps and is known by its name."""
        if self._state is not None:
            return self._state.computed(name, derive)
        with self.deriving() as at_hand:
            rows: list[Row] = tabled.collect(derive(at_hand)).to_pylist()
            return rows

    @contextmanager
    def reader(self, table: str, **parameters: Any) -> Iterator[pa.RecordBatchReader]:
        """A derived table whole, in batches and in its order."""
        with self.deriving() as at_hand, asking.answer([at_hand], DERIVED[table], parameters) as found:
            yield found

    def entry(self, index: int) -> Entry:
        """An entry of this state, without what has been erased. Raises BeyondTheEnd."""
        if not 0 <= index < self.size:
            raise BeyondTheEnd(f"entry {index} is beyond this state of the ledger, which has {self.size} entries")
        entry = codec.decode(self.ledger.entry(index))
        return erasing.shown(entry, self.ledger.erased()) if isinstance(entry, Worker) else entry

    def name_of(self, kind: str, name: str) -> str:
        """What a worker, crew, job or site is called, as last known: its name, or its id where it has none."""
        found = self.rows(kind, {"id": name}, order=["-first_entry"], limit=1, columns=("name",))
        return str((found[0].get("name") if found else None) or name)


def _holds(column: ir.Column, value: Any) -> ir.BooleanValue:
    if value is None:
        return column.isnull()
    return column.isin(list(value)) if isinstance(value, list | tuple) else column == value


class Live:
    """The ledger of an application.

    A ledger of `FOLLOWED` entries or more is followed: a thread of its own brings the derived tables from one size to the next, and pages
    show the last size that it has come to. A smaller one is looked at when somebody asks.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], datetime],
        *,
        read_only: bool,
        fresh_seconds: float,
        followed: int = FOLLOWED,
    ) -> None:
        self.ledger, self.clock, self.read_only = ledger, clock, read_only
        self._fresh_seconds, self._followed = fresh_seconds, followed
        self._changed = threading.Condition()
        self._asked = self._heard = float("-inf")
        self._follower: Follower | None = None
        self._lasting = Answers(MOST_LASTING)
        self._states: OrderedDict[int, Known] = OrderedDict()
        self._now = self._newest()
        self._closed = False
        self.appended = self.refused = 0
        """So many entries were appended here, and so many appends refused."""

    def _newest(self) -> Known:
        size = self.ledger.size
        if self._follower is None and size >= self._followed:
            self._follower = Follower(self.ledger, self._fresh_seconds, self._show)
        return Known(self.ledger, size, newest=True, said=f"as known at size {size}, the latest")

    def _show(self, state: State) -> None:
        """A new state of a ledger that is followed takes the place of the newest."""
        said = f"as known at size {state.size}, the latest"
        known = Known(self.ledger, state.size, newest=True, said=said, state=state, lasting=self._lasting)
        with self._changed:
            self._keep(self._now)
            self._now = known
            self._changed.notify_all()

    def now(self) -> Known:
        """The newest state that pages show."""
        if self._follower is not None and self._follower.shown(BEGIN_SECONDS):
            return self._now
        with self._changed:
            if monotonic() - self._asked >= self._fresh_seconds:
                self._asked = monotonic()
                if self.ledger.size != self._now.size:
                    self._keep(self._now)  # a page that was just sent asks for its pictures
                    self._now = self._newest()
                    self._changed.notify_all()
                self._heard = self._asked
            return self._now

    @property
    def shown(self) -> int | None:
        """The size that pages show, where the ledger need not be asked for it now."""
        if self._follower is not None and self._follower.ready:
            return self._now.size
        return self._now.size if monotonic() - self._asked < self._fresh_seconds else None

    def age(self) -> float:
        """Since how many seconds the ledger has not told what is new."""
        follower = self._follower
        return monotonic() - (self._heard if follower is None or not follower.ready else follower.heard)

    def at(self, text: str | None, zone: str = "UTC") -> Known:
        """The state that a size, a date or a month asks for, as `--at` does; the newest where it is absent. Raises Refused."""
        if not text:
            return self.now()
        asked = known_at(self.ledger, text, zone, "at")
        with self._changed:
            kept = self._states.get(asked.size)
            if kept is None or kept.erased != self.ledger.erased():  # an erasure takes a name from every state
                self._keep(Known(self.ledger, asked.size, newest=False, said=asked.said))
            self._states.move_to_end(asked.size)
            return self._states[asked.size]

    def _keep(self, known: Known) -> None:
        known.newest, known.said = False, known.said.removesuffix(", the latest")
        self._states[known.size] = known
        while len(self._states) > MOST_STATES:
            self._states.popitem(last=False)

    def edge(self, who: Who) -> Edge:
        """What the ledger is told from outside when somebody writes."""
        return Edge(by=who.by, now=self.clock())

    @contextmanager
    def append(self, who: Who, recorded: datetime | None = None) -> Iterator[Batch]:
        """A batch in somebody's name; when it is in the ledger, pages know of it at once.

        `recorded` is for demonstration ledgers, whose caller may say when an entry was recorded.
        """
        try:
            with self.ledger.append(replace(self.edge(who), recorded=recorded)) as batch:
                before = batch.size
                yield batch
        except CheckweighError:
            with self._changed:
                self.refused += 1
            raise
        with self._changed:
            self.appended += batch.size - before
        self.woken()
        if who.by.startswith("account:"):  # a person looks at once at what was entered; a program does not
            self.wait(batch.size - 1, PATIENCE_SECONDS)

    def woken(self) -> None:
        """The ledger has grown: it is asked again."""
        if self._follower is not None and self._follower.ready:
            self._follower.wake()
            return
        with self._changed:
            self._asked = float("-inf")
        self.now()

    def wait(self, size: int, seconds: float) -> Known:
        """The newest state, as soon as it is beyond a size, or after so many seconds, or when the board stops."""
        end = monotonic() + seconds
        while (known := self.now()).size <= size and (left := end - monotonic()) > 0 and not self._closed:
            with self._changed:
                self._changed.wait(min(left, max(self._fresh_seconds, SHORTEST_WAIT)))
        return known

    def close(self) -> None:
        """The board stops: nobody waits for news any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._follower is not None:
            self._follower.stop()
