"""Derivations that are written once and computed often.

Ibis takes longer to write a query than the engine to answer it for a few shifts. A derivation of `Tables` is a fixed row of statements as
long as it asks the tables nothing while it is written; so the statements of a derivation over tables of certain names are kept, and
computed again when these tables hold something else. Who prepares one that does ask on the way (which sorts of quotas there are, which
rules) prepares it anew when that changes.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import ibis.expr.types as ir

from ..derived import DERIVED
from ..tables import Tables, named
from .engine import Engine

_STEPS = itertools.count()
MOST_WRITTEN = 256
"""So many questions are remembered: readers choose jobs, sites and least numbers of shifts as they like."""


@dataclass(frozen=True, kw_only=True)
class _Written(Tables):
    """Tables that write down the steps that are computed on the way."""

    steps: list[str] = field(default_factory=list, repr=False, compare=False)
    views: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """What is looked at under a name; each statement that does has the words themselves, which the engine plans quicker than a view."""

    def kept(self, table: ir.Table) -> ir.Table:
        """A step, computed and written down."""
        name = f"written_{next(_STEPS)}"
        self.steps.append(f"CREATE OR REPLACE TEMP TABLE {name} AS {self.written(table)}")
        self.engine.execute(self.steps[-1])
        return named(table.get_backend(), name, table.schema())

    def seen(self, name: str, make: Callable[[], ir.Table], keep: bool = False) -> ir.Table:
        """A large table that several steps begin with; kept only where it is not kept already."""
        if name not in self._held:
            table = make()
            self._held[name] = self.kept(table) if keep else self._looked_at(table)
        return self._held[name]

    def _looked_at(self, table: ir.Table) -> ir.Table:
        name = f"seen_{next(_STEPS)}"
        self.views[name] = self.written(table)
        return named(table.get_backend(), name, table.schema())

    def written(self, table: ir.Table) -> str:
        """SQL: an expression, with what it looks at in its place."""
        query = str(table.get_backend().compile(table))
        for name, view in self.views.items():
            query = query.replace(f'"{name}"', f"({view})")
        return query


@dataclass
class Prepared:
    """The statements of a derivation: its steps, and the query at the end."""

    steps: tuple[str, ...]
    query: str
    names: tuple[str, ...]

    def steps_by(self, engine: Engine) -> None:
        """Compute the steps; then `query` can be asked."""
        for step in self.steps:
            engine.execute(step)


def prepare(derive: Callable[[Tables], ir.Table], tables: Tables, held: Mapping[str, ir.Table]) -> Prepared:
    """The statements of a derivation of some tables, in which the steps `held` are known to be computed under a name."""
    given = {one.name: getattr(tables, one.name) for one in fields(Tables) if not one.name.startswith("_")}
    written = _Written(**given, _held=dict(held))
    table = derive(written)
    query = written.written(table)
    for step in written.steps:
        written.engine.execute(f"DROP TABLE IF EXISTS {step.split()[5]}")
    return Prepared(tuple(written.steps), query, tuple(table.columns))


class Questions:
    """What can be asked of the kept tables, written once; shared by the states of one engine."""

    def __init__(self, tables: Tables, held: Mapping[str, ir.Table]) -> None:
        self._tables, self._held = tables, dict(held)
        self._lock = threading.Lock()
        self._written: OrderedDict[Any, Prepared] = OrderedDict()

    def written(self, table: str, parameters: Mapping[str, Any]) -> Prepared:
        """The query of a derived table that begins with the judged shifts and keeps no steps."""
        derive = DERIVED[table].derive
        return self.once((table, *sorted(parameters.items())), lambda tables: derive(tables, **parameters))

    def once(self, name: Any, derive: Callable[[Tables], ir.Table]) -> Prepared:
        """The query of a derivation, which is known by a name."""
        with self._lock:
            if name not in self._written:
                self._written[name] = prepare(derive, self._tables, self._held)
            while len(self._written) > MOST_WRITTEN:
                self._written.popitem(last=False)
            return self._written[name]
