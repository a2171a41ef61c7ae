"""One state of a followed ledger, as readers see it, however far the ledger is followed meanwhile.

A state has cursors of its own, each in a transaction begun when the state was new, and so sees what was there then. Questions about the
tables that are kept (`Questions`) are written once; how they are restricted is put into the words of each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date
from functools import cached_property
from operator import itemgetter
from queue import SimpleQueue
from typing import Any

import ibis
import ibis.expr.types as ir

from ..derived import attainment, records, standings
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
HALVES = ("records_own", "records_wide")
"""The records are kept in two tables. To ask the two costs less than to ask the view of both."""
INDEXED = {
    "records_own": {"worker": "within", "shift": "shift", "beaten_by": "beaten_by"},
    "records_wide": {"worker": "worker", "shift": "shift", "beaten_by": "beaten_by"},
    "judged": {"id": "id"},
}
"""By which indexed column of a table the rows are found in which a column holds a value."""
NARROW = ("id", "party_key")
"""By one of these few shifts are asked for: they are found before figures are derived."""
FEW = ("id", "worker", "crew", "shift", "beaten_by")
"""Of one of these there are few rows, which are put in order quicker here than by the engine, who would have to plan it."""
_FILTERS = ("measure", "scope", "holder", "length")
_MARKED = ("job", "measure", "scope", "within", "holder", "length", "started", "entry")
"""What tells the classes of records, and the marks in them, apart."""
_IN_ORDER = {
    "records": _MARKED,
    "standings": ("from", "rank", "party"),
    "honours": ("honour", "on", "from", "award", "worker", "crew"),
}
Conditions = Sequence[tuple[str, Any]]
"""Columns, and what they are to hold: a value, one of several, or nothing."""
Question = tuple[str, list[Any]]
"""SQL, and the values that stand in it as marks."""


class State:
    """One state. Safe to use from several threads; `close` when nobody asks any more."""

    def __init__(
        self,
        engine: Engine,
        questions: Questions,
        stood: Stood,
        tables: Tables,
        since: Mapping[str, int],
        keys: Mapping[str, Mapping[str, int]],
    ) -> None:
        self.size = tables.size
        self._since, self._keys = dict(since), keys
        self._as_judged = frozenset(attainment.SCHEMA.names).intersection(tables._held["judged"].columns)
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
        order = order or (() if columns and table == "standings" else _IN_ORDER.get(table, ()))
        beside = () if table == "attainment" and limit is not None else map(_name, order)
        needed = [*dict.fromkeys((*columns, *beside))] if columns else []
        those = [(name, value[0] if _is_one(value) else value) for name, value in where.items()]
        sql, values = self._question(table, those, parameters, needed)
        few = limit is None and any(name in FEW and isinstance(value, str) for name, value in those)
        sql += ("" if few else ordered(order)) + ("" if limit is None else f" LIMIT {int(limit)}")
        with self._cursor() as cursor:
            names, found = _fetched(cursor, sql, values)
        if few:
            put_in_order(found, names, order)
        return _rows(columns or names, found)

    def empty(self, kind: str) -> bool:
        """Whether there is no entry of a kind."""
        return kind in self._empty

    def computed(self, name: str, derive: Callable[[Tables], ir.Table]) -> list[Row]:
        """Rows of a derivation that keeps no steps; it is known by its name, and written once."""
        with self._cursor() as cursor:
            return _rows(*_fetched(cursor, self._questions.once(name, derive).query, []))

    def _question(
        self, table: str, where: Conditions, parameters: Mapping[str, Any], columns: Sequence[str]
    ) -> Question:
        if table == "shift":
            return self._shifts(where, columns)
        if table == "attainment":
            return self._judged(where, columns)
        if table == "records" and parameters.get("job") is not None:
            return _of_job(where, parameters, columns)
        if table == "records":
            return _of_both(where, parameters, columns)
        if table == "standings":
            return _chosen(self._standings_of(dict(where), parameters, columns), where, columns)
        known = self._keys.get(table, {})
        return _chosen(f'"{table}"', [_by_number(one, known) for one in where], columns)

    def _standings_of(self, where: Mapping[str, Any], parameters: Mapping[str, Any], columns: Sequence[str]) -> str:
        """SQL: the standings of the period that is asked for, from sums that are kept; else from new ones, which the next state keeps."""
        one = asked(parameters)
        self._stood.want(one, self._step)
        told = [*dict.fromkeys((*columns, *where))] if columns else standings.SCHEMA.names
        words = telling(self._questions, one, parameters.get("minimum_shifts") or 0, told)
        period, start = dict(one)["period"], where.get("from")
        start = start if isinstance(start, date) and period != "all" else None
        sums = self._sums.get(one) or f"({words.sums if start is None else words.of(within(start, start, period))})"
        return f"({words.over(needed(sums, period, start, self._parties(dict(one)['scope'], where), told))})"

    def _parties(self, scope: str, where: Mapping[str, Any]) -> list[int] | None:
        """The keys of the parties that are asked for; None where none are, or they have no keys."""
        asked = where.get("party")
        if scope not in NAMED or not isinstance(asked, str | list | tuple):
            return None
        known = self._keys.get(scope, {})
        return [known[id] for id in ([asked] if isinstance(asked, str) else asked) if id in known]

    def _judged(self, where: Conditions, columns: Sequence[str]) -> Question:
        """The shifts as judged: those columns that the derivation takes over are read where they stand."""
        those = [self._by_key(name, value) for name, value in where]
        if columns and self._as_judged.issuperset((*columns, *(name for name, _ in where))):
            return _found("judged", those, columns)
        found = next((one for one in those if one[0] in NARROW and isinstance(one[1], str | int)), None)
        source, values = ('"judged"', []) if found is None else _found("judged", [found], [])
        derived = self._questions.written("attainment", {}).query.replace(_JUDGED, f"({source})" if values else source)
        sql, more = _chosen(f"({derived})", [one for one in those if one != found], columns)
        return sql, [*values, *more]

    def _by_key(self, name: str, value: Any) -> tuple[str, Any]:
        """A party by its key: the shifts of a party lie side by side in the order of keys."""
        if name in ("worker", "crew") and isinstance(value, str):
            return "party_key", self._keys.get(name, {}).get(value, NOBODY)
        return name, value

    def _shifts(self, where: Conditions, columns: Sequence[str]) -> Question:
        """The shifts; those that are named are found through `judged`, which has an index."""
        ids = dict(where).get("id")
        if ids is not None and columns and AS_ENTERED.issuperset((*columns, *(name for name, _ in where))):
            return _found("judged", where, columns)
        if not isinstance(ids, str):
            return _chosen("shift", where, columns)
        with self._cursor() as cursor:
            found = cursor.execute("SELECT entry FROM judged WHERE id = ?", [ids]).fetchall()
        return _chosen("shift", [("entry", found[0][0] if found else NOBODY)], columns)

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


_JUDGED = '"judged"'
NOBODY = -1
"""Neither a key nor the index of an entry."""


def _of_both(where: Conditions, parameters: Mapping[str, Any], columns: Sequence[str]) -> Question:
    """The records that parameters ask for."""
    those = [*where, *((name, parameters[name]) for name in _FILTERS if parameters.get(name) is not None)]
    if parameters.get("standing"):
        those.append(("beaten_by", None))
    own, other = (_found(half, those, columns) for half in HALVES)
    if parameters.get("scope") is not None:  # one half holds what counts among a worker's own, the other all else
        return own if parameters["scope"] == "worker" else other
    return f"{own[0]} UNION ALL {other[0]}", [*own[1], *other[1]]


def _of_job(where: Conditions, parameters: Mapping[str, Any], columns: Sequence[str]) -> Question:
    """The records within one job: the classes across all jobs are those of the job."""
    shares = ", ".join(f"'{name}'" for name in records.ACROSS_JOBS)
    of_job, values = _of_both([("job", parameters["job"])], parameters, [])
    across = f"SELECT * REPLACE (NULL::VARCHAR AS job) FROM ({of_job}) WHERE measure IN ({shares})"
    sql, more = _chosen(f"({of_job} UNION ALL {across})", where, columns)
    return sql, [*values, *values, *more]


def _by_number(one: tuple[str, Any], known: Mapping[str, int]) -> tuple[str, Any]:
    """An id of a kind whose names have keys by its key: to compare numbers takes less than to compare texts."""
    name, value = one
    return ("key", known.get(value, NOBODY)) if known and name == "id" and isinstance(value, str) else one


def _found(table: str, where: Conditions, columns: Sequence[str]) -> Question:
    """Rows of a table.

    What an index finds is asked by itself: the engine looks into an index only where nothing else is asked beside it, and a limit keeps
    it from asking all at once.
    """
    quick = INDEXED.get(table, {})
    by = next((one for one in where if one[0] in quick and isinstance(one[1], str | int)), None)
    if by is None or len(where) == 1:
        return _chosen(table, where if by is None else [(quick[by[0]], by[1])], columns)
    others = [one for one in where if one != by]
    needed = [*dict.fromkeys((*columns, *(name for name, _ in others)))] if columns and table != "judged" else []
    source, values = _found(table, [by], needed)
    sql, more = _chosen(f"({source} LIMIT 1_000_000_000_000)", others, columns)
    return sql, [*values, *more]


def _chosen(source: str, where: Conditions, columns: Sequence[str]) -> Question:
    """Columns of the rows that hold what is asked."""
    conditions, values = _conditions(where)
    return f"SELECT {_listed(columns)} FROM {source}" + (f" AS asked WHERE {conditions}" if conditions else ""), values


def _conditions(where: Conditions) -> Question:
    """SQL: what columns are to hold."""
    parts: list[str] = []
    values: list[Any] = []
    for name, value in where:
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


def _is_one(value: Any) -> bool:
    """Whether these are several values, but only one."""
    return isinstance(value, list | tuple) and len(value) == 1


def _listed(columns: Sequence[str]) -> str:
    """SQL: what is asked of each row."""
    return ", ".join(f'"{name}"' for name in columns) or "*"


def _name(ordered: str) -> str:
    """The column that something is ordered by."""
    return ordered.removeprefix("-")


def ordered(order: Sequence[str]) -> str:
    """SQL: in which order; what is absent comes last."""
    each = ", ".join(f'"{_name(one)}" {"DESC" if one.startswith("-") else "ASC"} NULLS LAST' for one in order)
    return f" ORDER BY {each}" if each else ""


def put_in_order(found: list[tuple[Any, ...]], names: Sequence[str], order: Sequence[str]) -> None:
    """The same order as `ordered` gives."""
    for one in reversed(order):
        at, falls = names.index(_name(one)), one.startswith("-")
        there, absent = ([row for row in found if (row[at] is None) is gone] for gone in (False, True))
        found[:] = sorted(there, key=itemgetter(at), reverse=falls) + absent


def _fetched(cursor: Engine, sql: str, values: list[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns, and the rows."""
    found = cursor.execute(sql, values)
    return [column[0] for column in found.description], found.fetchall()


def _rows(names: Sequence[str], found: list[tuple[Any, ...]]) -> list[Row]:
    """Rows by the names of their columns; columns beyond these were asked for their order only."""
    return [dict(zip(names, row, strict=False)) for row in found]
