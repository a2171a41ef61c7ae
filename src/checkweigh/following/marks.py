"""The records, kept up to date: only the classes that a shift enters, or leaves as a mark, are searched again.

A shift that is not better than everything of its class that started before changes no mark of the class, neither when it comes nor when
it goes. So the marks of a class and new shifts are all that is needed to know the marks of them together; and where a mark goes, all
shifts of the narrow classes that it stood in. Wider classes have their marks among those of the narrower (see `records`).

`records` holds the rows of the derivation: those of the workers in `records_own`, those of the wider scopes in `records_wide`. `bests`
are the marks that nobody has beaten in the narrow classes, and `wide` are the judged shifts among which all marks of the wide ones are.
"""

from dataclasses import replace

import ibis.expr.types as ir

from ..derived import attainment, records
from ..tables import Tables, named
from .holding import Held
from .prepared import Prepared, prepare
from .shifts import Judged

OWN, SITE, BEYOND = 0, 1, 2
"""How far the marks of a shift may reach: among the worker's own, at its site, or beyond."""
SEARCHED: tuple[records.Scope | None, ...] = ("worker", None)
"""The scopes that are searched by themselves; None is all of them."""
_BETTER = """
    SELECT 1 FROM near_bests AS b
    WHERE b.class = hash('{scope}', e.{within}, e.job, e.measure, e.holder, e.length) AND b.scope = '{scope}' AND b.within = e.{within}
    AND b.job = e.job AND b.measure = e.measure AND b.holder = e.holder AND b.length = e.length
    AND NOT b.adjusted AND b.started < e.started AND CASE WHEN e.falling THEN b.value <= e.value ELSE b.value >= e.value END
"""
_HOPEFUL = f"""
    SELECT * FROM (
        SELECT id, measure, holder, length, CASE WHEN EXISTS ({_BETTER.format(scope="site", within="site")})
            THEN if(worker IS NULL OR EXISTS ({_BETTER.format(scope="worker", within="worker")}), -1, {OWN})
            WHEN EXISTS ({_BETTER.format(scope="industry", within="industry")}) THEN {SITE} ELSE {BEYOND} END AS reach
        FROM each AS e
    ) WHERE reach >= 0
"""
"""SQL: the shifts among `each` that may be marks, of which measure, and how far. One that the standing mark of its class does not keep from
it may be a mark, or may not; a mark of all is one of its industry, a mark of an industry one of its site. An adjusted mark keeps nobody
from it, so that whoever is not among these is no mark on the figures as reported either: `given` needs that."""
_BESTS = """
    SELECT hash(scope, within, job, measure, holder, length) AS class, scope, within, job, measure, holder, length, value, started,
        status = 'adjusted' AS adjusted
    FROM {source} WHERE beaten_by IS NULL AND scope <> 'all' AND job IS NOT NULL
"""


_NEAR = " UNION ALL ".join(
    f"SELECT hash('{scope}', {scope}, job, measure, holder, length) FROM each"
    for scope in ("site", "industry", "worker")
)
"""SQL: the classes that the shifts in `each` stand in."""


class Marks:
    """Keeps `records` in the engine of some held tables."""

    def __init__(self, held: Held, judged: Judged) -> None:
        self._held, self._judged = held, judged
        self._again: dict[records.Scope | None, Prepared] = {}
        self._scores: Prepared | None = None
        engine = held.engine
        whole = {**judged.steps, "judged": judged.table, "judged, kept": judged.table}
        table = records.unordered(replace(held.tables, _held=whole))
        engine.execute(f"CREATE TEMP TABLE marked AS {table.get_backend().compile(table)}")
        # The marks of a worker side by side, as in `judged`: a page asks for all of them.
        engine.execute("CREATE TABLE records_own AS SELECT * FROM marked WHERE scope = 'worker' ORDER BY within")
        engine.execute("CREATE TABLE records_wide AS SELECT * FROM marked WHERE scope <> 'worker'")
        engine.execute("CREATE VIEW records AS SELECT * FROM records_own UNION ALL SELECT * FROM records_wide")
        engine.execute(f"CREATE TABLE bests AS {_BESTS.format(source='marked')}")
        engine.execute("CREATE TABLE wide AS SELECT * FROM judged WHERE entry IN (SELECT entry FROM records_wide)")
        steps = "SELECT table_name FROM duckdb_tables() WHERE temporary AND (table_name LIKE 'step_%' OR table_name = 'marked')"
        for (name,) in engine.execute(steps).fetchall():
            engine.execute(f"DROP TABLE {name}")
        for name, columns in (("own", ("shift", "within", "beaten_by")), ("wide", ("shift", "worker", "beaten_by"))):
            for column in columns:
                engine.execute(f"CREATE INDEX records_{name}_{column} ON records_{name} ({column})")

    def follow(self) -> int | None:
        """Searches anew the classes that shifts in `was` and `is_now` have to do with; how far marks may be other ones now, if any."""
        engine = self._held.engine
        self._hope()
        self._miss()
        engine.execute("DELETE FROM wide WHERE entry IN (SELECT entry FROM was)")
        reach: int | None
        reach, some_gone = engine.execute(
            "SELECT max(reach), bool_or(gone) FROM (SELECT reach, false AS gone FROM hopeful UNION ALL SELECT reach, true FROM gone)"
        ).fetchall()[0]
        if reach is not None:
            self._search(reach, some_gone)
        return reach

    def rehearse(self) -> None:
        """Writes the statements that a step may need, over shifts among which there are marks."""
        self._hope()
        self._miss()
        self._choose(BEYOND, False)
        for scope in SEARCHED:
            self._written(scope)

    def _miss(self) -> None:
        """`gone`: the shifts taken out that were marks, and how far."""
        names = "was.id, was.worker, was.site, was.party_key, was.site_key, was.job_key"
        far = f"max(if(r.scope = 'worker', {OWN}, if(r.scope = 'site', {SITE}, {BEYOND}))) AS reach"
        gone = f"SELECT {names}, {far} FROM was JOIN records AS r ON r.shift = was.id GROUP BY ALL"
        self._held.engine.execute(f"CREATE OR REPLACE TEMP TABLE gone AS {gone}")

    def _hope(self) -> None:
        """`hopeful`: the shifts now there that may be marks, and whether in a wide class."""
        engine = self._held.engine
        if self._scores is None:
            self._scores = prepare(_scored, self._of("is_now"), self._steps("is_now"))
        self._scores.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE scores AS {self._scores.query}")
        common = "id, job, site, industry, worker, started"
        each = " UNION ALL ".join(
            f"SELECT {common}, '{name}' AS measure, abs({name})::DECIMAL(21,9) AS value, "
            f"{'lower' if name == 'quantity' else 'false'} AS falling, if(single, 'single', 'crew') AS holder, "
            f"if(long, 'period', 'shift') AS length FROM scores WHERE {name} IS NOT NULL"
            for name in records.MEASURES
        )
        engine.execute(f"CREATE OR REPLACE TEMP TABLE each AS {each}")
        engine.execute(f"CREATE OR REPLACE TEMP TABLE near_bests AS SELECT * FROM bests WHERE class IN ({_NEAR})")
        engine.execute(f"CREATE OR REPLACE TEMP TABLE hopeful AS {_HOPEFUL}")

    def _search(self, reach: int, some_gone: bool) -> None:
        """Searches the classes of the workers concerned and, as far as the marks may reach, those of sites and beyond."""
        engine = self._held.engine
        self._choose(reach, some_gone)
        again = self._written("worker" if reach == OWN else None)
        again.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE marked AS {again.query}")
        self._put(
            "records_own", "scope = 'worker' AND within IN (SELECT worker FROM concerned WHERE worker IS NOT NULL)"
        )
        if reach == OWN:
            return
        self._put("records_wide", "scope = 'site' AND within IN (SELECT site FROM concerned)")
        if reach == BEYOND:
            self._put_beyond()
        new = "SELECT entry FROM records_wide EXCEPT SELECT entry FROM wide"
        engine.execute(f"INSERT INTO wide SELECT * FROM chosen WHERE entry IN ({new})")

    def _written(self, scope: records.Scope | None) -> Prepared:
        """The search among the `chosen`, of one scope or of all."""
        if scope not in self._again:
            self._again[scope] = prepare(
                lambda tables: records.unordered(tables, scope), self._of("chosen"), self._steps("chosen")
            )
        return self._again[scope]

    def _put(self, table: str, those: str) -> None:
        """The marks of some classes take the place of those that were there."""
        engine = self._held.engine
        engine.execute(f"DELETE FROM bests WHERE {those}")
        engine.execute(f"CREATE OR REPLACE TEMP TABLE fitting AS SELECT * FROM marked WHERE {those}")
        engine.execute(f"DELETE FROM {table} WHERE {those}")
        engine.execute(f"INSERT INTO {table} SELECT * FROM fitting")
        engine.execute(f"INSERT INTO bests {_BESTS.format(source='fitting')}")

    def _put_beyond(self) -> None:
        """The same for all the classes of industries and beyond, most of which are as they were."""
        engine, those = self._held.engine, "scope IN ('industry', 'all')"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE fitting AS SELECT * FROM marked WHERE {those}")
        engine.put("records_wide", those, "fitting")
        engine.execute(f"CREATE OR REPLACE TEMP TABLE fitting_bests AS {_BESTS.format(source='fitting')}")
        engine.put("bests", those, "fitting_bests")

    def _choose(self, reach: int, some_gone: bool) -> None:
        """`chosen`: shifts among which are all marks, as they are now, of the classes concerned."""
        engine = self._held.engine
        names = "id, worker, site, party_key, site_key, job_key"
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE concerned AS SELECT {names} FROM gone UNION ALL SELECT {names} FROM is_now "
            "WHERE id IN (SELECT id FROM hopeful UNION ALL SELECT id FROM gone)"
        )
        parties = engine.execute("SELECT DISTINCT party_key FROM concerned WHERE worker IS NOT NULL").fetchall()
        parts = [f"SELECT * FROM judged WHERE party_key = {party}" for (party,) in parties]
        parts.append("SELECT * FROM is_now WHERE id IN (SELECT id FROM hopeful)")
        if reach != OWN:
            parts += _among(reach, some_gone)
        if reach != OWN and some_gone:
            places = engine.execute("SELECT DISTINCT site_key, job_key FROM concerned").fetchall()
            parts += [f"SELECT * FROM judged WHERE site_key = {site} AND job_key = {job}" for site, job in places]
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT DISTINCT ON (entry) * FROM ({' UNION ALL '.join(parts)})"
        )

    def _steps(self, name: str) -> dict[str, ir.Table]:
        table = self._judged.named(name)
        return {**self._judged.steps, "judged": table, "judged, kept": table}

    def _of(self, name: str) -> Tables:
        """The tables with these shifts only, as far as records look at them."""
        backend = self._held.tables.shift.get_backend()
        shape = self._held.tables.shift.select("entry", "id", "started").schema()
        return replace(self._held.tables, shift=named(backend, name, shape), _held={})


def _among(reach: int, some_gone: bool) -> list[str]:
    """SQL: the shifts in `wide` among which the marks of the classes concerned are. Where none went, the marks of a class are enough."""
    if reach == BEYOND and some_gone:
        return ["SELECT * FROM wide"]
    parts = ["SELECT * FROM wide WHERE site IN (SELECT site FROM concerned)"]
    if reach == BEYOND:
        beyond = "SELECT entry FROM records_wide WHERE scope IN ('industry', 'all')"
        parts.append(f"SELECT * FROM wide WHERE entry IN ({beyond})")
    return parts


def _scored(tables: Tables) -> ir.Table:
    """The shifts that count, each measure as a score."""
    shifts = attainment.judged(tables)
    shifts = shifts.filter(shifts.status != "annulled")
    return records.scored(shifts, records.MEASURES, records.first_day(tables.shift))
