"""The entries of a ledger in one engine, as they stand, brought from one size to the next by the new entries alone.

Each kind is a table of the engine under the kind's name, in the shape that `tables` gives it, and so are `days` and `repeated`. What an
entry of a rare sort changes beyond its own row, or what a ledger written elsewhere does that no ledger here would do (a repeated
identity, a replacement of what does not stand), is not followed but read anew: `Anew` says so.

A shift that is `touched` is one whose figures the new entries may have changed: a new or replaced one, one with a new verdict, and every
shift that a new or replaced quota, crew, job or site may have to do with.

(DuckDB 2.0 takes `a IN (SELECT ...) OR b IN (SELECT ...)` in a WHERE for true where it is false: here no condition has two of them.)
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .. import clocks, columns, personal, tables
from ..columns import SEGMENT, Log
from ..entries import KINDS
from ..tables import Tables
from .engine import Engine

QUIETLY = "SET enable_progress_bar = false"
DEMANDING = {"quota", "crew", "job", "site"}
"""Kinds that say what is asked of many shifts."""
_TOUCHING = {
    "quota": "SELECT id FROM shift WHERE job_key IN (SELECT job_key FROM fresh) "
    "UNION SELECT id FROM shift WHERE quota IN (SELECT id FROM fresh)",
    "crew": "SELECT s.id FROM shift AS s JOIN fresh AS f ON s.party_key = f.key",
    "job": "SELECT s.id FROM shift AS s JOIN fresh AS f ON s.job_key = f.key",
    "site": "SELECT s.id FROM shift AS s JOIN fresh AS f ON s.site_key = f.key",
    "verdict": "SELECT shift FROM fresh",
}
"""SQL: the shifts that `fresh` entries of a kind may have to do with; of a replaced entry both it and its replacement are fresh."""


class Anew(Exception):
    """These entries cannot be followed; the tables are to be read anew."""


@dataclass(frozen=True)
class Growth:
    """What new entries were: their kinds, and whether days were added to the calendar.

    A worker who has been erased is among the kinds, though no entry of that kind is new.
    """

    kinds: frozenset[str]
    longer: bool

    @property
    def demands(self) -> bool:
        """Whether what is asked of shifts may be different now, or of whom."""
        return self.longer or bool(self.kinds & DEMANDING)


class Held:
    """The tables of a ledger at a size, in the engine's memory. One thread at a time; a transaction is open while it grows."""

    def __init__(self, log: Log, size: int) -> None:
        opened = tables.at(log, size)
        self.log = log
        self.size = size
        self.engine = Engine(opened.engine)
        self.tables: Tables = opened
        self._backend = opened.shift.get_backend()
        self.engine.execute(QUIETLY)
        self._erased = frozenset(log.erased())
        self._keep()
        self.keys = self._known_keys()
        """The key of each name there is; a key never changes."""
        self._last = self._one("SELECT max(day) FROM days")

    def _one(self, sql: str) -> Any:
        return self.engine.execute(sql).fetchall()[0][0]

    def _keep(self) -> None:
        """From views over files to tables in memory, so that they can grow."""
        each = " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, {_id(kind)} AS id FROM all_{kind} WHERE void" for kind in KINDS
        )
        self.engine.execute(f"CREATE TABLE withdrawn AS {each}")
        for kind in KINDS:
            self.engine.execute(f'CREATE TABLE kept AS SELECT * FROM "{kind}"')
            self.engine.execute(f'DROP VIEW "{kind}"')
            self.engine.execute(f'ALTER TABLE kept RENAME TO "{kind}"')
        for kind in KINDS:
            self.engine.execute(f'DROP VIEW "all_{kind}"')
            self.engine.execute(f'DROP TABLE "tail_{kind}"')
        self._backend.checkweigh_files.cover = []
        self._backend.checkweigh_files.tail = {}

    def _known_keys(self) -> columns.Keys:
        keys: columns.Keys = {}
        for kind in columns.NAMED:
            rows = self.engine.execute(f'SELECT DISTINCT id, key FROM "{kind}"').fetchall()
            gone = self.engine.execute("SELECT count(*) FROM withdrawn WHERE kind = ?", [kind]).fetchall()
            if gone != [(0,)]:  # the key of a withdrawn name is known to the files alone
                return self._keys_of_all()
            keys[kind] = dict(rows)
        return keys

    def _keys_of_all(self) -> columns.Keys:
        keys: columns.Keys = {}
        for first, run in self.log.bundles(0, self.size):
            columns.decode(first, pa.chunked_array([run.cast(pa.string())]), keys)
        return keys

    def grow(self, size: int) -> Growth:
        """Takes in the entries up to a size; the ids of shifts that they touch are in the table `touched`, those that `arrived` among them,

        of which there is nothing yet that could change. Raises Anew.
        """
        if size - self.size > SEGMENT or self.tables_are_strange():
            raise Anew
        self.nothing()
        pieces = columns.read(self.log, self.size, size, self.keys)
        pieces = personal.without(pieces, self._erased)
        longer = self._lengthen(pieces["shift"]) if "shift" in pieces else False
        for kind, fresh in pieces.items():
            self._take(kind, fresh)
        kinds = {*pieces, "worker"} if self._forget() else {*pieces}
        self.size = size
        return Growth(frozenset(kinds), longer)

    def nothing(self) -> Growth:
        """No new entries: nothing is touched, and nothing arrived."""
        self.engine.execute("CREATE OR REPLACE TEMP TABLE touched (id VARCHAR, arrived BOOLEAN)")
        self.engine.execute("CREATE OR REPLACE TEMP TABLE arrived (entry BIGINT)")
        return Growth(frozenset(), longer=False)

    def tables_are_strange(self) -> bool:
        """Whether the ledger holds what no ledger here would have taken in."""
        return bool(self._one("SELECT count(*) FROM repeated"))

    def _take(self, kind: str, fresh: pa.Table) -> None:
        """Adds the rows of a kind, and removes what they replace."""
        self.engine.connection.register("given", fresh)
        zone = (
            ", (SELECT any_value(zone) FROM zones WHERE zones.timezone = given.timezone) AS zone"
            if kind == "site"
            else ""
        )
        self.engine.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT *{zone}, entry AS first_entry FROM given")
        self.engine.connection.unregister("given")
        if kind == "site" and self._one("SELECT count(*) FROM fresh WHERE zone IS NULL"):
            raise Anew  # a clock that nothing was read by yet
        if KINDS[kind].id_fields:
            self._check_new(kind)
        self.engine.execute(f'INSERT INTO "{kind}" SELECT * FROM fresh')
        if fresh["replaces"].null_count < len(fresh):
            self._replace(kind, fresh)
        if kind == "shift":
            self.engine.execute("INSERT INTO arrived SELECT entry FROM fresh")
            self.engine.execute("INSERT INTO touched SELECT id, replaces IS NULL FROM fresh")
        elif kind in _TOUCHING:
            self.engine.execute(f"INSERT INTO touched SELECT *, false FROM ({_TOUCHING[kind]})")

    def _check_new(self, kind: str) -> None:
        """Raises Anew where an identity comes again without replacing."""
        same = " AND ".join(f'f."{name}" = o."{name}"' for name in KINDS[kind].id_fields)
        new = "SELECT count(*) FROM fresh AS f WHERE f.replaces IS NULL AND"
        held = "judged" if kind == "shift" else kind  # the same ids, and an index
        found = self._one(f"{new} f.id IN (SELECT id FROM withdrawn WHERE kind = '{kind}')")
        found += self._one(f'{new} EXISTS (SELECT 1 FROM "{held}" AS o WHERE {same})')
        found += self._one(f"{new} EXISTS (SELECT 1 FROM fresh AS o WHERE {same} AND o.entry < f.entry)")
        if found:
            raise Anew

    def _replace(self, kind: str, fresh: pa.Table) -> None:
        """Gives replacements the place of what they replace, in the order of the log."""
        some = fresh.filter(pc.is_valid(fresh["replaces"])).select(["entry", "replaces", "void"])
        names = ", ".join(f'"{name}"' for name in KINDS[kind].id_fields) or "kind"
        for entry, replaces, void in zip(*(some[name].to_pylist() for name in some.column_names), strict=True):
            both = self.engine.execute(
                f"SELECT entry, first_entry, ({names}) FROM \"{kind}\", (SELECT '{kind}' AS kind) WHERE entry IN (?, ?) ORDER BY entry",
                [entry, replaces],
            ).fetchall()
            if [row[0] for row in both] != [replaces, entry] or both[0][2] != both[1][2]:
                raise Anew
            self.engine.execute(f'INSERT INTO fresh SELECT * FROM "{kind}" WHERE entry = ?', [replaces])
            self.engine.execute(f'DELETE FROM "{kind}" WHERE entry = ?', [replaces])
            self.engine.execute(f'UPDATE "{kind}" SET first_entry = ? WHERE entry = ?', [both[0][1], entry])
            if void:
                self.engine.execute(
                    f"INSERT INTO withdrawn SELECT '{kind}', {_id(kind)} FROM \"{kind}\" WHERE entry = ?", [entry]
                )
                self.engine.execute(f'DELETE FROM "{kind}" WHERE entry = ?', [entry])

    def _lengthen(self, fresh: pa.Table) -> bool:
        """Adds the days that new shifts speak of to `days`; whether there were any."""
        moments = [*pc.min_max(fresh["started"]).values(), *pc.min_max(fresh["ended"]).values()]
        known: list[datetime] = [found for moment in moments if (found := moment.as_py()) is not None]
        first, last = self.engine.execute("SELECT min(day), max(day) FROM days").fetchall()[0]
        begin, end = max(min(known).date(), clocks.FIRST_DAY), max(max(known).date(), clocks.FIRST_DAY)
        if first is None or begin < first:
            raise Anew
        if end <= last:
            return False
        zones = [row[0] for row in self.engine.execute("SELECT timezone FROM zones ORDER BY zone").fetchall()]
        more = clocks.days(zones, _after(last), end)
        self.engine.connection.register("given", more)
        self.engine.execute("INSERT INTO days SELECT * FROM given")
        self.engine.connection.unregister("given")
        return True

    def _forget(self) -> bool:
        """Takes name and profile from workers who have been erased since; whether there were any."""
        erased = frozenset(self.log.erased())
        if erased == self._erased:
            return False
        self.engine.execute(
            "UPDATE worker SET name = NULL, profile = NULL WHERE id IN (SELECT unnest(?))",
            [sorted(erased - self._erased)],
        )
        self._erased = erased
        return True


def _id(kind: str) -> str:
    return "id" if "id" in KINDS[kind].id_fields else "NULL"


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
