"""The shifts as judged, kept up to date: those that new entries touch are judged again, by the same derivation, and the others stay.

`judged` holds every shift as `attainment.judged` gives it. After a step, `was` and `is_now` hold the rows that were taken out and put in.
"""

from dataclasses import replace

import ibis.expr.types as ir

from ..derived import attainment, demands, standings
from ..tables import Tables, named
from .holding import Growth, Held
from .prepared import Prepared, prepare

_STEPS = {
    "once": lambda tables: tables.days.aggregate(once=tables.days.count()),
    "crews": demands.crews,
    "stretches": demands.stretches,
    "units": standings.units,
}
"""What the derivations keep as small steps of their own (`Tables.held`), by name."""


class Judged:
    """Keeps `judged` in the engine of some held tables."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.steps: dict[str, ir.Table] = {}
        """The small steps, computed, by the name that the derivations hold them under."""
        self.levels: object = None
        """Which sorts of quotas there are: what is prepared for others is not good for these."""
        self._again: Prepared | None = None
        self._renew()
        table = attainment.judged(replace(held.tables, _held=dict(self.steps)))
        self._shape = table.schema()
        # The shifts of a party side by side: to read a stretch costs less than to look up one row after the other in an index.
        held.engine.execute(f"CREATE TABLE judged AS SELECT * FROM {table.get_name()} ORDER BY party_key, started")
        held.engine.execute(f"DROP VIEW {table.get_name()}")
        held.engine.execute("CREATE INDEX judged_id ON judged (id)")

    @property
    def table(self) -> ir.Table:
        """Every shift as judged."""
        return self.named("judged")

    def named(self, name: str) -> ir.Table:
        """A table with the columns of `judged`."""
        return named(self._held.tables.shift.get_backend(), name, self._shape)

    def shifts(self, name: str) -> ir.Table:
        """A table with the columns of `shift`."""
        return named(self._held.tables.shift.get_backend(), name, self._held.tables.shift.schema())

    def _renew(self) -> None:
        """Computes the small steps again, under the same names."""
        backend = self._held.tables.shift.get_backend()
        bare = replace(self._held.tables, _held={})
        for name, make in _STEPS.items():
            table = make(bare)
            self._held.engine.execute(f"CREATE OR REPLACE TABLE step_{name} AS {backend.compile(table)}")
            self.steps[name] = named(backend, f"step_{name}", table.schema())
        levels = self._held.engine.execute(
            f'SELECT DISTINCT party = {demands.NOBODY} AS p, "at" = {demands.NOBODY} AS a FROM step_stretches ORDER BY ALL'
        ).fetchall()
        if levels != self.levels:
            self.levels, self._again = levels, None

    def follow(self, growth: Growth) -> None:
        """Judges the `touched` shifts again."""
        if growth.demands:
            self._renew()
        engine = self._held.engine
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE was AS "
            "SELECT * FROM judged WHERE id IN (SELECT id FROM touched WHERE NOT arrived)"
        )
        engine.execute(f"CREATE OR REPLACE TEMP TABLE chosen_shift AS {self._touched(growth)}")
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE chosen_verdict AS SELECT * FROM verdict WHERE shift IN (SELECT id FROM touched)"
        )
        if self._again is None:
            self._again = prepare(attainment.judged, self._of_chosen(), self.steps)
        self._again.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE is_now AS {self._again.query}")
        if engine.execute("SELECT count(*) FROM was").fetchall() != [(0,)]:
            engine.execute(
                "CREATE OR REPLACE TEMP TABLE same AS SELECT id FROM (SELECT * FROM was INTERSECT SELECT * FROM is_now)"
            )
            for name in ("was", "is_now"):
                engine.execute(f"DELETE FROM {name} WHERE id IN (SELECT id FROM same)")
            engine.execute("DELETE FROM judged WHERE id IN (SELECT id FROM was)")
        engine.execute("INSERT INTO judged SELECT * FROM is_now")

    def _touched(self, growth: Growth) -> str:
        """SQL: the entries of the touched shifts; where only their own entries touched them, their indices say where they are."""
        if not growth.demands:
            return "SELECT * FROM shift WHERE entry IN (SELECT entry FROM was UNION ALL SELECT entry FROM arrived)"
        return "SELECT * FROM shift WHERE id IN (SELECT id FROM touched)"

    def _of_chosen(self) -> Tables:
        backend = self._held.tables.verdict.get_backend()
        verdict = named(backend, "chosen_verdict", self._held.tables.verdict.schema())
        return replace(self._held.tables, shift=self.shifts("chosen_shift"), verdict=verdict, _held={})
