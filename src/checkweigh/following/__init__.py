"""A ledger followed: its derived tables, brought from one size to the next by the new entries alone.

Every figure is that of the derivations as known at the size, to the last digit; what is saved is computing again what new entries do not
touch. See docs/decisions/0015.

    engine      the engine, which reads the words of a statement once
    holding     the entries, as tables of one engine in memory, that grow
    prepared    derivations that are written once and computed often
    shifts      the shifts as judged
    marks       the records
    given       the honours
    stood       the standings that are asked for
    state       what readers see, while the ledger is followed on
"""

from dataclasses import replace

import ibis.expr.types as ir

from ..columns import Log
from ..entries import KINDS
from ..tables import Tables
from .given import Given
from .holding import Anew, Held
from .marks import Marks
from .prepared import Questions
from .shifts import Judged
from .state import SCOPES, State
from .stood import Names, Stood, Wanted

__all__ = ["Following", "State"]

LITTLE = ("SET threads = 1", "SET disabled_optimizers = 'late_materialization'")
"""Steps and pages ask for little, and many at once: to share each among threads, or read rows a second time, costs more than it gains."""
SWEPT_EVERY = 100
"""After so many steps the engine is rid of what has been deleted."""


class Following:
    """A ledger followed, by one thread at a time. States of it may be read by any number of threads meanwhile, and afterwards."""

    def __init__(self, log: Log, size: int | None = None) -> None:
        self.log = log
        self._wanted: Wanted = {}
        self._taken = 0
        self._open(log.size if size is None else size)

    def _open(self, size: int) -> None:
        self._since = dict.fromkeys((*KINDS, *SCOPES.values()), size)
        self._held = Held(self.log, size)
        self._judged = Judged(self._held)
        self._marks = Marks(self._held, self._judged)
        self._given = Given(self._held, self._judged)
        self._held.engine.execute("CREATE TABLE followed AS SELECT ?::BIGINT AS size", [size])
        self._names = Names(self._held)
        self._questions = Questions(self._held.tables, self._steps())
        self._stood = Stood(self._held, self._questions, self._wanted)
        for setting in LITTLE:
            self._held.engine.execute(setting)

    def rehearse(self) -> None:
        """Takes a step that brings nothing, so that no later one waits until its statements are written."""
        nothing = self._held.nothing()
        self._judged.follow(nothing)
        self._marks.rehearse()
        self._given.rehearse(nothing)

    def _steps(self) -> dict[str, ir.Table]:
        """What derivations find computed."""
        return {**self._judged.steps, **self._names.steps, "judged": self._judged.table}

    @property
    def size(self) -> int:
        """The size at which the tables are."""
        return self._held.size

    def follow(self, size: int) -> None:
        """Brings the tables to a size, at once for all that read them."""
        engine = self._held.engine
        engine.execute("BEGIN")
        try:
            growth = self._held.grow(size)
            self._judged.follow(growth)
            reach = self._marks.follow()
            self._given.follow(growth)
            self._names.follow(growth.kinds)
            self._stood.follow(growth)
            engine.execute("UPDATE followed SET size = ?", [size])
        except Anew:
            engine.execute("ROLLBACK")
            self._open(size)
        except BaseException:
            engine.execute("ROLLBACK")
            raise
        else:
            engine.execute("COMMIT")
            self._since |= dict.fromkeys((*growth.kinds, *reached(reach)), size)
            self._taken += 1
            if self._taken % SWEPT_EVERY == 0:
                engine.sweep()

    def tables(self) -> Tables:
        """The tables at this size, with the shifts judged."""
        held = {**self._steps(), "judged, kept": self._judged.table}
        return replace(self._held.tables, size=self.size, _held=held)

    def state(self) -> State:
        """What there is now, for readers."""
        return State(self._held.engine, self._questions, self._stood, self.tables(), self._since, self._held.keys)


def reached(reach: int | None) -> tuple[str, ...]:
    """The parts of the records in which there may be other marks, when they may be as far as `Marks.follow` says."""
    return () if reach is None else (*SCOPES.values(),)[: (1, 2, 4)[reach]]
