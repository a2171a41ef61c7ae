"""One state of a followed ledger, as readers see it, however far the ledger is followed meanwhile.

A state has cursors of its own, each in a transaction begun when the state was new, and so sees what was there then. Questions about the
tables that are kept (`Questions`) are written once; how they are restricted is put into the words of each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import ibis
import ibis.expr.types as ir

from ..derived import records, standings
from ..entries import KINDS
from ..tables import Tables, named
from .engine import Engine
from .holding import QUIETLY
from .prepared import Questions
from .stood import NAMED, Stood, asked, needed, telling, within

Row = dict[str, Any]
CURSORS = 4
"""How many questions about a state are answered at once."""
_EMPTY = " UNION ALL ".join(f"SELECT '{kind}' WHERE NOT EXISTS (SELECT 1 FROM \"{kind}\")" for kind in KINDS)
"""SQL: the kinds of which there is no entry. Pages ask for many of them."""
AS_ENTERED = frozenset({"id", "entry", "precision"})
"""What of a shift stands among the judged ones as it was entered."""
MOST_LISTED = 100
"""So many values are written into a question one by one, which is quicker; more are handed over as a list."""
KEPT = ("attainment", "records", "honours")
SCOPES = {scope: f"records {scope}" for scope in ("worker", "site", "industry", "all")}
"""The parts of the records, those first in which marks change most often."""
_FILTERS = ("measure", "scope", "holder", "length")
_MARKED = ("job", "measure", "scope", "within", "holder", "length", "started", "entry")
"""What tells the classes of records, and the marks in them, apart."""
_IN_ORDER = {
    "records": f" ORDER BY {', '.join(_MARKED)}",
    "standings": ' ORDER BY "from", "rank" ASC NULLS LAST, party',
    "honours": ' ORDER BY honour, "on", "from", award, worker, crew',
}


class State:
    """One state. Safe to use from several threads; `close` when nobody asks any more."""

    def __init__(
        self,
        engine: Engine,
        questions: Questions,
        stood: Stood,
        tables: Tables,
        since: Mapping[str, int],
    ) -> None:
        self.size = tables.size
        self._since = dict(since)
        self._questions, self._kept = questions, tables
        self._stood, self._sums, self._step = stood, stood.kept(), stood.step
        self._cursors: SimpleQueue[Engine] = SimpleQueue()
        self._all = [self._begun(engine) for _ in range(CURSORS + 1)]
        for cursor in self._all[1:]:
            self._cursors.put(cursor)
        self._empty = frozenset(kind for (kind,) in self._all[0].execute(_EMPTY).fetchall())

    def _begun(self, engine: Engine) -> Engine:
        cursor = engine.cursor()
        cursor.execute(QUIETLY)
        cursor.execute("BEGIN")
        if cursor.execute("SELECT size FROM followed").fetchall() != [(self.size,)]:
            raise AssertionError("a state is opened before the ledger is followed any further")
        return cursor

    def __del__(self) -> None:
        for cursor in getattr(self, "_all", ()):
            cursor.connection.close()

    @contextmanager
    def _cursor(self) -> Iterator[Engine]:
        cursor = self._cursors.get()
        try:
            yield cursor
        finally:
            self._cursors.put(cursor)

    def answers(self, table: str) -> bool:
        """Whether a question can be answered from the kept tables."""
        return table in KINDS or table in KEPT or table == "standings"

    def since(self, table: str, parameters: Mapping[str, Any]) -> int:
        """The size at which that last changed which a question about a table reads: as long as it is the same, so is the answer."""
        if table in KINDS:
            return self._since[table]
        if table == "records":
            scope = parameters.get("scope")
            return max(self._since[part] for part in (SCOPES.values() if scope is None else [SCOPES[scope]]))
        return self.size

    def rows(
        self,
        table: str,
        where: Mapping[str, Any],
        order: Sequence[str],
        limit: int | None,
        parameters: Mapping[str, Any],
        columns: Sequence[str] = (),
    ) -> list[Row]:
        """Rows of a kind or of a kept table, as `Known.rows` asks for them."""
        if table in self._empty:
            return []
        source, values = self._source(table, where, parameters, columns)
        conditions, more = _conditions(where)
        sql = f"SELECT {_listed(columns)} FROM {source} AS asked" + (f" WHERE {conditions}" if conditions else "")
        sql += _ordered(order) or ("" if columns and table == "standings" else _IN_ORDER.get(table, ""))
        sql += "" if limit is None else f" LIMIT {int(limit)}"
        with self._cursor() as cursor:
            return _fetched(cursor, sql, [*values, *more])

    def computed(self, name: str, derive: Callable[[Tables], ir.Table]) -> list[Row]:
        """Rows of a derivation that keeps no steps; it is known by its name, and written once."""
        with self._cursor() as cursor:
            return _fetched(cursor, self._questions.once(name, derive).query, [])

    def _source(
        self, table: str, where: Mapping[str, Any], parameters: Mapping[str, Any], columns: Sequence[str]
    ) -> tuple[str, list[Any]]:
        if table in KINDS:
            return (self._shifts(where, columns) if table == "shift" else f'"{table}"'), []
        if table == "attainment":
            return f"({self._questions.written(table, {}).query.replace(_JUDGED, self._judged(where))})", []
        if table == "standings":
            return self._standings_of(where, parameters, columns), []
        if table == "records":
            source, values = _records(parameters)
            if source == table and isinstance(where.get("worker"), str):
                needed = _listed([*dict.fromkeys((*columns, *where, *_MARKED))] if columns else ())
                return _OF_A_WORKER.format(needed=needed), [where["worker"]] * 2
            return source, values
        return table, []

    def _standings_of(self, where: Mapping[str, Any], parameters: Mapping[str, Any], columns: Sequence[str]) -> str:
        """SQL: the standings of the period that is asked for, from sums that are kept; else from new ones, which the next state keeps."""
        one = asked(parameters)
        self._stood.want(one, self._step)
        told = [*dict.fromkeys((*columns, *where))] if columns else standings.SCHEMA.names
        words = telling(self._questions, one, parameters.get("minimum_shifts") or 0, told)
        period, start = dict(one)["period"], where.get("from")
        start = start if isinstance(start, date) and period != "all" else None
        sums = self._sums.get(one) or f"({words.sums if start is None else words.of(within(start, start, period))})"
        return f"({words.over(needed(sums, period, start, self._keys(dict(one)['scope'], where), told))})"

    def _keys(self, scope: str, where: Mapping[str, Any]) -> list[int] | None:
        """The keys of the parties that are asked for; None where none are, or they have no keys."""
        ids = where.get("party")
        if scope not in NAMED or not isinstance(ids, list | tuple):
            return None
        with self._cursor() as cursor:
            conditions, values = _conditions({"id": ids})
            found = cursor.execute(f"SELECT key FROM names_{scope} WHERE {conditions}", values)
            return [key for (key,) in found.fetchall()]

    def _judged(self, where: Mapping[str, Any]) -> str:
        """SQL: the judged shifts, those of one party found by its key."""
        for party in ("worker", "crew"):
            if isinstance(where.get(party), str):
                with self._cursor() as cursor:
                    found = cursor.execute(
                        f'SELECT any_value(key) FROM "{party}" WHERE id = ?', [where[party]]
                    ).fetchall()
                key = found[0][0]
                return f"(SELECT * FROM judged WHERE party_key = {'NULL' if key is None else key})"
        return "judged"

    def _shifts(self, where: Mapping[str, Any], columns: Sequence[str]) -> str:
        """SQL: the shifts, one found by its id through `judged`, which has an index."""
        if not isinstance(where.get("id"), str):
            return "shift"
        if columns and AS_ENTERED.issuperset((*columns, *where)):
            return "judged"
        with self._cursor() as cursor:
            found = cursor.execute("SELECT entry FROM judged WHERE id = ?", [where["id"]]).fetchall()
        return f"(SELECT * FROM shift WHERE entry = {found[0][0]})" if found else "(SELECT * FROM shift WHERE false)"

    @cached_property
    def tables(self) -> Tables:
        """The tables of this state, for derivations of every sort by one thread at a time; the judged shifts are at hand."""
        backend = ibis.duckdb.from_connection(self._all[0].connection)
        backend.checkweigh_files = self._kept.shift.get_backend().checkweigh_files
        given = {one.name: getattr(self._kept, one.name) for one in fields(Tables)}
        moved = {
            name: named(backend, table.get_name(), table.schema())
            for name, table in given.items()
            if isinstance(table, ir.Table)
        }
        held = {name: named(backend, table.get_name(), table.schema()) for name, table in given["_held"].items()}
        return replace(self._kept, _held=held, **moved)


_OF_A_WORKER = """(
    SELECT * FROM (SELECT {needed} FROM records_own WHERE within = ? LIMIT 1_000_000_000_000)
    UNION ALL SELECT {needed} FROM records_wide WHERE worker = ?
)"""
"""SQL: the records of a worker. The worker's own are found by an index; a limit keeps other conditions from preventing that."""
_JUDGED = '"judged"'


def _conditions(where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """SQL: what columns are to hold, and the values that stand in it as marks."""
    parts: list[str] = []
    values: list[Any] = []
    for name, value in where.items():
        column = '"' + name.replace('"', '""') + '"'
        if value is None:
            parts.append(f"{column} IS NULL")
        elif isinstance(value, list | tuple):
            several = ", ".join("?" * len(value)) if len(value) <= MOST_LISTED else "SELECT unnest(?)"
            parts.append(f"{column} IN ({several})" if value else "false")
            values += list(value) if len(value) <= MOST_LISTED else [list(value)]
        else:
            parts.append(f"{column} = ?")
            values.append(value)
    return " AND ".join(parts), values


def _listed(columns: Sequence[str]) -> str:
    """SQL: what is asked of each row."""
    return ", ".join(f'"{name}"' for name in columns) or "*"


def _ordered(order: Sequence[str]) -> str:
    columns = [(name.removeprefix("-"), " DESC" if name.startswith("-") else " ASC") for name in order]
    return " ORDER BY " + ", ".join(f'"{name}"{way}' for name, way in columns) if columns else ""


def _fetched(cursor: Engine, sql: str, values: list[Any]) -> list[Row]:
    found = cursor.execute(sql, values)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _records(parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """SQL: the records that parameters ask for. Within one job, the classes across all jobs are those of the job."""
    parts, values = [], []
    for name in _FILTERS:
        if parameters.get(name) is not None:
            parts.append(f"{name} = ?")
            values.append(parameters[name])
    if parameters.get("standing"):
        parts.append("beaten_by IS NULL")
    if parameters.get("job") is None:
        return (f"(SELECT * FROM records WHERE {' AND '.join(parts)})" if parts else "records"), values
    kept = " AND ".join([*parts, "job = ?"])
    shares = ", ".join(f"'{name}'" for name in records.ACROSS_JOBS)
    of_job = f"SELECT * FROM records WHERE {kept}"
    across = f"SELECT * REPLACE (NULL::VARCHAR AS job) FROM ({of_job}) WHERE measure IN ({shares})"
    return f"({of_job} UNION ALL {across})", [*values, parameters["job"], *values, parameters["job"]]
