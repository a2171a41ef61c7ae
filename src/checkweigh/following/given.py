"""The honours, kept up to date: those of the parties whose shifts have changed, and those for records.

What a rule gives for a period depends on the shifts of one party. What it gives for a record depends on the marks of its class: as with
`marks`, those of before and new shifts are all that is needed. `contenders` are shifts among which those marks are, as judged and as
reported; which new shift may be one tells `hopeful` of `marks`. Shifts under a verdict stand in both and are always looked at, in
`reported` as they were before it. Where a contender itself is judged, replaced or touched by another quota, where a rule is new, or is
the first time in question, honours are derived anew.

`honours` holds the rows of the derivation.
"""

from dataclasses import replace
from typing import Any

import ibis.expr.types as ir

from ..derived import honours
from ..tables import Tables, named
from .holding import Growth, Held
from .prepared import Prepared, prepare
from .shifts import Judged

_PARTY = "coalesce('w' || worker, 'c' || crew)"
SOME = 4096
"""So many new shifts are contenders until it is found out again which of them can be."""
_LOOKED_UP = 'id IN (SELECT shift FROM verdict UNION ALL SELECT unnest("for") FROM award)'
_OF_AWARDS = """
    SELECT a.worker, a.crew, coalesce(w.key, c.key) AS party_key
    FROM {awards} AS a LEFT JOIN worker AS w ON w.id = a.worker LEFT JOIN crew AS c ON c.id = a.crew
"""


class Given:
    """Keeps `honours` in the engine of some held tables."""

    def __init__(self, held: Held, judged: Judged) -> None:
        self._held, self._judged = held, judged
        self._rules: list[dict[str, Any]] = []
        self._again: Prepared | None = None
        self._reported: Prepared | None = None
        self._levels: object = None
        self._contending: Prepared | None = None
        self._anew()

    def _now(self) -> list[dict[str, Any]]:
        """The rules as they are, and whether they are in question."""
        return [
            {name: value for name, value in rule.items() if name != "newest"}
            for rule in honours.rules_of(self._held.tables)
        ]

    def _anew(self) -> None:
        """Derives all honours."""
        engine = self._held.engine
        self._rules, self._again, self._contending, self._reported = self._now(), None, None, None
        whole = {**self._judged.steps, "judged": self._judged.table}
        self._write("honours", honours.derive(replace(self._held.tables, _held=dict(whole))))
        contenders = honours.marks(replace(self._held.tables, _held=dict(whole)))
        self._write("contenders", contenders)
        for (name,) in engine.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'step_%'"
        ).fetchall():
            engine.execute(f"DROP TABLE {name}")
        self._room = 2 * self._count("contenders") + SOME
        engine.execute(f"CREATE OR REPLACE TABLE looked_up AS SELECT * FROM shift WHERE {_LOOKED_UP}")

    def _write(self, name: str, table: ir.Table | None) -> None:
        """A table of the engine in the place of that of before."""
        query = "SELECT 0::BIGINT AS entry WHERE false" if table is None else str(table.get_backend().compile(table))
        self._held.engine.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")

    def _count(self, name: str) -> int:
        return int(self._held.engine.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])

    def follow(self, growth: Growth) -> None:
        """Gives again what shifts in `was` and `is_now`, and new awards, have to do with."""
        engine = self._held.engine
        contested = any(rule["record"] for rule in self._rules) and engine.execute(
            "SELECT count(*) FROM was WHERE entry IN (SELECT entry FROM contenders)"
        ).fetchall() != [(0,)]
        ruled = growth.kinds & {"rule", "verdict", "site", "job"}
        if contested or (ruled and (growth.kinds & {"site", "job"} or self._now() != self._rules)):
            return self._anew()
        engine.execute("INSERT INTO contenders SELECT entry FROM is_now WHERE id IN (SELECT id FROM hopeful)")
        self._look_up("award" in growth.kinds)
        self._report(growth)
        self._concern("award" in growth.kinds)
        if not self._count("those"):
            return None
        self._choose()
        if self._again is None:
            self._again = prepare(honours.derive, self._of_chosen(), self._steps())
        self._again.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE again AS {self._again.query}")
        for_records = "award IS NULL AND rule IN (SELECT id FROM rule WHERE conditions.record)"
        parts = (for_records, f"{_PARTY} IN (SELECT {_PARTY} FROM those)")  # one by one: see `holding`
        for those in parts:
            engine.execute(f"DELETE FROM honours WHERE {those}")
        for those in parts:
            engine.execute(f"INSERT INTO honours SELECT * FROM again WHERE {those}")
            engine.execute(f"DELETE FROM again WHERE {those}")
        if self._count("contenders") > self._room:
            self._sift()
        return None

    def _look_up(self, awards: bool) -> None:
        """`looked_up`: the shifts under a verdict, and those that awards name, as reported."""
        engine = self._held.engine
        if awards:
            engine.execute(f"CREATE OR REPLACE TABLE looked_up AS SELECT * FROM shift WHERE {_LOOKED_UP}")
        elif self._count("was"):
            engine.execute("DELETE FROM looked_up WHERE entry IN (SELECT entry FROM was)")
            these = "entry IN (SELECT entry FROM is_now)"
            engine.execute(f"INSERT INTO looked_up SELECT * FROM shift WHERE {these} AND ({_LOOKED_UP})")

    def _report(self, growth: Growth) -> None:
        """`reported`: the shifts under a verdict as reported before it, judged again where one of them was touched."""
        engine = self._held.engine
        if self._reported is not None and self._levels == self._judged.levels:
            if not growth.kinds & {"verdict", "award"} and engine.execute(
                "SELECT count(*) FROM touched WHERE id IN (SELECT id FROM looked_up)"
            ).fetchall() == [(0,)]:
                return
        else:
            shift = named(self._held.tables.shift.get_backend(), "looked_up", self._held.tables.shift.schema())
            self._levels = self._judged.levels
            self._reported = prepare(
                honours.reported, replace(self._held.tables, shift=shift, _held={}), self._judged.steps
            )
        self._reported.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TABLE reported AS {self._reported.query}")

    def _steps(self) -> dict[str, ir.Table]:
        """What is at hand for the chosen shifts."""
        return {
            **self._judged.steps, "judged": self._judged.named("honoured"), "reported": self._judged.named("reported")
        }  # fmt: skip

    def _concern(self, awards: bool) -> None:
        """`those`: the parties whose honours may be other ones now."""
        engine = self._held.engine
        changed = "SELECT list(id) FROM (SELECT id FROM was UNION SELECT id FROM is_now)"
        named_shifts = f'SELECT * FROM award WHERE list_has_any("for", ({changed}))'
        parts = [
            "SELECT worker, crew, party_key FROM was",
            "SELECT worker, crew, party_key FROM is_now",
            _OF_AWARDS.format(
                awards="(SELECT * FROM award WHERE rule IN (SELECT id FROM rule WHERE conditions.record))"
            ),
            _OF_AWARDS.format(awards=f"({named_shifts})"),
        ]
        if awards:
            parts.append(_OF_AWARDS.format(awards="award"))
        engine.execute(f"CREATE OR REPLACE TEMP TABLE those AS {' UNION '.join(parts)}")

    def _choose(self) -> None:
        """`honoured` and `of_chosen`: the shifts that the honours of `those`, and those for records, rest on."""
        engine = self._held.engine
        entries = (
            "SELECT entry FROM judged WHERE party_key IN (SELECT party_key FROM those)",
            "SELECT entry FROM contenders",
            "SELECT entry FROM looked_up",
        )
        engine.execute(f"CREATE OR REPLACE TEMP TABLE chosen_entry AS {' UNION '.join(entries)}")
        engine.execute(
            "CREATE OR REPLACE TEMP VIEW honoured AS SELECT * FROM judged WHERE entry IN (SELECT entry FROM chosen_entry)"
        )
        others = "SELECT entry, id FROM honoured WHERE entry NOT IN (SELECT entry FROM looked_up)"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE of_chosen AS SELECT * FROM looked_up UNION ALL BY NAME {others}")

    def _of_chosen(self) -> Tables:
        backend = self._held.tables.shift.get_backend()
        shift = named(backend, "of_chosen", self._held.tables.shift.schema())
        return replace(self._held.tables, shift=shift, _held={})

    def _sift(self) -> None:
        """Finds out which contenders set a mark."""
        engine = self._held.engine
        if self._contending is None:
            self._contending = prepare(_marks, self._of_chosen(), self._steps())
        self._contending.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TABLE contenders AS {self._contending.query}")
        self._room = 2 * self._count("contenders") + SOME


def _marks(tables: Tables) -> ir.Table:
    """The marks; of no rule none."""
    found = honours.marks(tables)
    return tables.shift.select("entry").filter(False) if found is None else found
