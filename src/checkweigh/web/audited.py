"""The audit as pages show it: of a small ledger at once, of a large one as it was last made, and it says when.

The audit of a large ledger takes seconds to minutes, and nobody should wait for it, nor should other pages. So it works on tables of its
own, and of a ledger beyond `AT_ONCE` entries in a thread of its own: asked for, it answers with the last one that was made, and begins
another one where that is old.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from .. import tables
from ..derived import DERIVED
from .live import Known, Live

Row = dict[str, Any]
AT_ONCE = 20_000
"""Entries up to which an audit is made while somebody waits."""
AGAIN_SECONDS = 600
"""How old the last audit of the newest state of a large ledger may be before the next one is begun."""
MOST = 4
"""So many audits are kept, that of the newest state always."""


@dataclass(frozen=True)
class Audit:
    """What the audit found as known at a size."""

    size: int
    recorded: datetime | None
    """When the newest entry of that state was recorded."""
    findings: pa.Table

    def about(self, column: str, value: str) -> list[Row]:
        """The findings whose column holds a value, as the table has them; the evidence as pairs."""
        found = self.findings.filter(pc.equal(self.findings[column], value))
        rows: list[Row] = found.to_pylist()
        return rows


class Audits:
    """The audits of one ledger, or another table that takes as long. Safe to use from several threads."""

    def __init__(self, table: str = "findings") -> None:
        self._table = table
        self._made: OrderedDict[int, Audit] = OrderedDict()
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._begun = float("-inf")
        self._under_way: threading.Thread | None = None
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._stopped = False

    def ask(self, known: Known, at_once: int = AT_ONCE, *, patient: bool = True) -> Audit | None:
        """The audit of a state; of the newest state of a large ledger the last one that was made. None while there is none yet.

        Who is not `patient` takes the last one of a small ledger too, while the next is made.
        """
        with self._lock:
            if known.size in self._made:
                return self._made[known.size]
            last = self._made[max(self._made)] if known.newest and self._made else None
        small = known.size <= at_once
        if small and (patient or last is None):
            return self._make(known)
        with self._lock:
            old = small or last is None or monotonic() - self._begun >= AGAIN_SECONDS
            if old and (self._under_way is None or not self._under_way.is_alive()):
                self._begun = monotonic()
                self._under_way = threading.Thread(target=self._make_aside, args=[known])
                self._under_way.start()
        return last

    def last(self) -> Audit | None:
        """The audit of the newest state that has one, whatever the ledger holds since."""
        with self._lock:
            return self._made[max(self._made)] if self._made else None

    def wait(self) -> None:
        """Until the audit that is under way has been made."""
        if self._under_way is not None:
            self._under_way.join()

    def interrupt(self) -> None:
        """Break off what is being made, for good: the board stops."""
        self._stopped = True
        engine = self._engine
        if engine is not None:
            engine.interrupt()

    def stop(self) -> None:
        """Make nothing any more, and wait until that is so."""
        self.interrupt()
        while self._under_way is not None and self._under_way.is_alive():
            self.interrupt()  # again, since it may have been between two questions
            self._under_way.join(0.05)

    def _make_aside(self, known: Known) -> None:
        try:
            self._make(known)
        except Exception:
            if not self._stopped:
                raise

    def _make(self, known: Known) -> Audit:
        with self._making:
            if known.size not in self._made:
                opened = tables.at(known.ledger, known.size)
                self._engine = opened.engine
                try:
                    found = tables.collect(DERIVED[self._table].derive(opened))
                finally:
                    self._engine = None
                with self._lock:
                    self._made[known.size] = Audit(known.size, known.recorded, found)
                    while len(self._made) > MOST:
                        del self._made[next(size for size in self._made if size != max(self._made))]
            return self._made[known.size]


_AUDITS: "WeakKeyDictionary[Live, dict[str, Audits]]" = WeakKeyDictionary()


def of(live: Live, table: str = "findings") -> Audits:
    """The audits of the ledger of an application: its findings, or its cases."""
    return _AUDITS.setdefault(live, {}).setdefault(table, Audits(table))


def all_of(live: Live) -> list[Audits]:
    """All of them that there are."""
    return list(_AUDITS.get(live, {}).values())
