"""Tables: a ledger as known at a size, as typed Ibis tables.

    tables = at(ledger, size)              from the columns beside a ledger and the entries that are not sealed yet
    tables = from_entries([(0, b"{...}")]) from entries at hand

There is one table for each kind, with the columns of `columns.schema(kind)` and `first_entry`: the index of the first entry of an identity,
which a replacement keeps in every order. Only entries that stand are there: what was replaced or withdrawn is gone, and of identities
that a ledger written elsewhere repeats the first counts. `site` has a `zone` besides, a number for its time zone, and `days` tells
the date on the clock of a zone without asking a time zone database for each row: for each zone and UTC day, the local date is

    `before` until the moment `turn`, `after` from then on; and from `back` to `again`, where a clock is put back over midnight, `before`

with the months of both dates and of the UTC day, counted from the year 0.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from . import columns
from .columns import Log, Segment
from .entries import KINDS
from .errors import Refused

_STEPS = itertools.count()
DAY_SECONDS = 86_400
MICROSECONDS = 1_000_000
FIRST_DAY = date(1840, 1, 1)  # no zone has changed its clocks before: earlier days are treated as this one
Pieces = dict[str, pa.Table]
Replacement = tuple[int, int, int]


class BeyondTheEnd(Refused):
    """A size was asked for that the ledger does not have yet."""


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a ledger held at `size`, one table for each kind, and the `days` of its time zones."""

    size: int
    site: ir.Table
    job: ir.Table
    worker: ir.Table
    crew: ir.Table
    quota: ir.Table
    shift: ir.Table
    count: ir.Table
    verdict: ir.Table
    objection: ir.Table
    erasure: ir.Table
    rule: ir.Table
    award: ir.Table
    campaign: ir.Table
    practice: ir.Table
    training: ir.Table
    incident: ir.Table
    source: ir.Table
    fact: ir.Table
    key: ir.Table
    days: ir.Table
    _held: dict[str, ir.Table] = field(default_factory=dict, repr=False, compare=False)
    _kept: set[str] = field(default_factory=set, repr=False, compare=False)

    def held(self, name: str, make: Callable[[], ir.Table]) -> ir.Table:
        """A small table that several derivations look up, computed once and remembered under a name."""
        if name not in self._held:
            self._held[name] = self.kept(make())
        return self._held[name]

    def kept(self, table: ir.Table) -> ir.Table:
        """A step of a derivation, computed now: what follows is planned on what it turned out to be, and written only once."""
        return _created(f"TEMP TABLE step_{next(_STEPS)}", table)

    def given(self, rows: pa.Table, shape: ibis.Schema) -> ir.Table:
        """Rows that were computed outside of the engine, as a table of it with these columns."""
        name = f"step_{next(_STEPS)}"
        self.engine.register("rows_given", rows.cast(shape.to_pyarrow()))
        self.engine.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM rows_given")
        self.engine.unregister("rows_given")
        return _table(self.shift.get_backend(), name, shape)

    def seen(self, name: str, make: Callable[[], ir.Table], keep: bool = False) -> ir.Table:
        """A large table that several derivations begin with: written once, and computed for each as far as it is needed.

        Who goes over it more than once lets it `keep` its rows, for itself and for all that are asked after it.
        """
        if name not in self._held:
            self._held[name] = _created(f"VIEW step_{next(_STEPS)}", make())
        if keep and name not in self._kept:
            self._held[name] = self.kept(self._held[name])
            self._kept.add(name)
        return self._held[name]

    def as_reported(self) -> "Tables":
        """These tables as if nobody had ruled on any shift."""
        return replace(self, verdict=self.verdict.filter(False), _held={}, _kept=set())

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """The connection that computes what is derived from these tables."""
        return cast(duckdb.DuckDBPyConnection, self.shift.get_backend().con)


def _scaled(value: str, places: int = 9) -> str:
    return f"({value}::DECIMAL(38,{places}) * {10**places})::HUGEINT"


def _floored(near: str, places: int, room: str, over: str, exact: str, kind: str) -> str:
    """SQL: a quotient rounded down, from `near`: the quotient in units of its last place, as a double.

    That double tells which whole number it lies above, unless it lies next to one: then the products say whether the quotient is `over`
    (`{0}` stands for it). Where they lack `room` whole numbers are divided (`exact`).
    """
    close = f"(round({near}) / 1e{places})::{kind}"
    unit = f"{10**-places:.{places}f}::{kind}"
    return (
        f"CASE WHEN {near} < 2e11 AND abs({near} - round({near})) > 0.001 THEN (floor({near}) / 1e{places})::{kind} "
        f"WHEN {room} THEN CASE WHEN {over.format(f'{close}::DECIMAL(29,{places})')} THEN ({close} - {unit})::{kind} ELSE {close} END "
        f"ELSE TRY((({exact})::DECIMAL(38,0) * {10**-places:.{places}f})::{kind}) END"
    )


_SHARE = f"{_scaled('above')} * {_scaled('own')}"
_LABOUR = _scaled("labour")
_BY_STEPS = (
    f"((({_SHARE}) // {_LABOUR}) * 1000000 + ((({_SHARE}) % {_LABOUR}) * 1000000) // {_LABOUR}) // {_scaled('below')}"
)
_ASKED = "asked::DOUBLE * hours::DOUBLE * people::DOUBLE"
_NEAR_ASKED = f"({_ASKED} / asked_hours::DOUBLE * 1e9)"
_STEPS_ASKED = (
    f"({_scaled('asked')} * {_scaled('hours', 6)} * {_scaled('people', 3)}) // {_scaled('asked_hours', 6)} // 1000"
)
_ROUND_ASKED = "((asked * hours::DECIMAL(9,2) * people::DECIMAL(9,1))::DECIMAL(18,12) - 0.0000000005::DECIMAL(12,12))::DECIMAL(18,12)"
FUNCTIONS = {
    "near_figure(n, d)": "n::DOUBLE / nullif(d::DOUBLE, 0) * 1e6",
    "settled_figure(near, n, d)": _floored(
        "near", 6, "near < 2e11", "{0} * d > n", f"({_scaled('n')} * 1000000) // {_scaled('d')}", "DECIMAL(18,6)"
    ),
    "shared_figure(near, above, own, below, labour)": _floored(
        "near",
        6,
        "near < 2e11 AND above::DOUBLE * own::DOUBLE < 9e13",
        "{0} * below * labour > above * own",
        _BY_STEPS,
        "DECIMAL(18,6)",
    ),
    "share_of(above, own, labour)": f"TRY(((({_SHARE}) // {_LABOUR})::DECIMAL(38,0) * 0.000000001)::DECIMAL(27,9))",
    "asked_of(asked, hours, people, asked_hours)": "CASE WHEN asked_hours = 1 AND hours::DECIMAL(9,2) = hours "
    f"AND people::DECIMAL(9,1) = people AND people > 0 AND {_ASKED} < 9e5 THEN {_ROUND_ASKED}::DECIMAL(18,9)::DECIMAL(27,9) "
    f"WHEN {_ASKED} < 9e19 THEN "
    + _floored(
        _NEAR_ASKED,
        9,
        f"{_NEAR_ASKED} < 4e14",
        "{0} * asked_hours > asked::DECIMAL(20,9) * hours * people",
        _STEPS_ASKED,
        "DECIMAL(27,9)",
    )
    + " END",
    "hours_of(hours, people)": "(hours::DECIMAL(19,6) * people)::DECIMAL(21,9)",
}
"""What the derivations ask of the engine beside Ibis: exact decimal arithmetic, absent where the result does not fit its type.

An estimate is an argument of its own, and named as seldom as can be, since the engine writes what it stands for in each place. Decimals
of 38 digits are slow to scale down and to make doubles of: what an hour's quota asks is mostly rounded down in 64 bits, as its product
to 12 places less half a unit, rounded half up. A share of labour whose products need more than 38 digits is divided step by step, as on
paper: by the labour hours to 15 places with the rest carried on, then by the figure below the line."""

DAYS = ibis.schema(
    {
        "zone": "int32", "day": "date", "turn": "timestamp(6)", "back": "timestamp(6)", "again": "timestamp(6)",
        "before": "date", "after": "date", "month_before": "int32", "month_after": "int32",
    }
)  # fmt: skip


def at(ledger: Log, size: int | None = None, directory: Path | None = None) -> Tables:
    """The tables of a ledger as known at a size (default: now). Builds columns that are missing, beside the ledger unless told.

    Raises BeyondTheEnd for a size that the ledger does not have.
    """
    size = ledger.size if size is None else size
    if size > ledger.size:
        raise BeyondTheEnd(f"the ledger has {ledger.size} entries, not {size}; ask for a size up to {ledger.size}")
    home = directory or columns.directory_of(getattr(ledger, "path", tempfile.gettempdir()))
    kept = None
    try:
        cover = columns.build(ledger, home)
    except OSError:  # a read-only disk
        kept = tempfile.TemporaryDirectory(prefix="checkweigh-columns-")
        cover = columns.build(ledger, Path(kept.name))
    cover = [segment for segment in cover if segment.start < size]
    sealed = cover[-1].stop if cover else 0
    tail = columns.read(ledger, sealed, size, columns.known_keys(cover)) if sealed < size else {}
    return _Opening(size, cover, tail, kept).tables()


def from_entries(entries: Iterable[tuple[int, bytes]], size: int | None = None) -> Tables:
    """The tables of entries at hand, as known at a size: entries from that index on are left out (default: none)."""
    held = [(index, entry) for index, entry in entries if size is None or index < size]
    if [index for index, _ in held] != list(range(len(held))):
        raise ValueError("entries are given from the first on, without a gap")
    texts = pa.array([entry.decode() for _, entry in held], pa.string())
    pieces = columns.decode(0, texts, {}) if held else {}
    return _Opening(len(held) if size is None else size, [], pieces, None).tables()


def _table(backend: ibis.BaseBackend, name: str, shape: ibis.Schema) -> ir.Table:
    """A table of the engine whose columns are known. (Ibis would ask the engine for them, by a call that DuckDB 2 deprecates.)"""
    return ops.DatabaseTable(name=name, schema=shape, source=backend, namespace=ops.Namespace()).to_expr()


def _created(what: str, table: ir.Table) -> ir.Table:
    """A table or a view of the engine that holds what an expression says."""
    backend = table.get_backend()
    backend.con.execute(f"CREATE {what} AS {backend.compile(table)}")
    return _table(backend, what.rpartition(" ")[2], table.schema())


def _shape(kind: str) -> ibis.Schema:
    shape = dict(ibis.Schema.from_pyarrow(columns.schema(kind)).items())
    return ibis.schema(shape | ({"zone": "int32"} if kind == "site" else {}) | {"first_entry": "int64"})


def collect(table: ir.Table) -> pa.Table:
    """What a derived table comes to, whole and in memory."""
    return _relation(table).to_arrow_table()


def batches(table: ir.Table, rows: int = 65_536) -> pa.RecordBatchReader:
    """What a derived table comes to, batch by batch."""
    return _relation(table).to_arrow_reader(rows)


def _relation(table: ir.Table) -> duckdb.DuckDBPyRelation:
    backend = table.get_backend()
    return cast(duckdb.DuckDBPyRelation, backend.con.sql(str(backend.compile(table))))


class _Opening:
    """Turns segments and a tail into the tables of one in-memory DuckDB."""

    def __init__(self, size: int, cover: list[Segment], tail: Pieces, kept: object) -> None:
        self.size = size
        self.cover = cover
        self.tail = tail
        self.backend = ibis.duckdb.connect()
        self.engine: duckdb.DuckDBPyConnection = self.backend.con
        self.backend.checkweigh_columns = kept  # a directory that lives as long as the connection

    def tables(self) -> Tables:
        for head, body in FUNCTIONS.items():
            self.engine.execute(f"CREATE MACRO {head} AS {body}")
        for kind in KINDS:
            self._hold(kind)
        gone, places = _resolved(self._replacements())
        gone |= self._repeated()
        self._table("gone", pa.table({"entry": pa.array(sorted(gone), pa.int64())}))
        moved = pa.table(
            {"entry": pa.array(list(places), pa.int64()), "first_entry": pa.array(list(places.values()), pa.int64())}
        )
        self._table("moved", moved)
        zones = self._zones()
        for kind in KINDS:
            self._view(kind, bool(gone), bool(places))
        span = self._span()
        self._table("days", _days(zones, *span) if span else DAYS.to_pyarrow().empty_table())
        named = {kind: _table(self.backend, kind, _shape(kind)) for kind in KINDS}
        named["days"] = _table(self.backend, "days", DAYS)
        return Tables(size=self.size, **named)

    def _table(self, name: str, table: pa.Table) -> None:
        self.engine.register("given", table)
        self.engine.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')
        self.engine.unregister("given")

    def _hold(self, kind: str) -> None:
        """`all_KIND`: every entry of a kind below the size, from files and from the tail."""
        self._table(f"tail_{kind}", self.tail.get(kind, columns.schema(kind).empty_table()))
        files = [str(file).replace("'", "''") for segment in self.cover if (file := segment.file(kind)) is not None]
        sql = f'SELECT * FROM "tail_{kind}"'
        if files:
            listed = ", ".join(f"'{file}'" for file in files)
            beyond = f" WHERE entry < {self.size}" if self.cover[-1].stop > self.size else ""
            sql = f"SELECT * FROM read_parquet([{listed}]){beyond}" + (f" UNION ALL {sql}" if kind in self.tail else "")
        self.engine.execute(f'CREATE VIEW "all_{kind}" AS {sql}')

    def _replacements(self) -> list[Replacement]:
        found = [tuple(row) for segment in self.cover for row in segment.facts["replacements"] if row[0] < self.size]
        for kind in self.tail:
            sql = f'SELECT entry, replaces, coalesce(void, false)::INT FROM "tail_{kind}" WHERE replaces IS NOT NULL'
            found += self.engine.execute(sql).fetchall()
        return sorted(found)

    def _repeated(self) -> set[int]:
        found = {entry for segment in self.cover for entry in segment.facts["repeated"] if entry < self.size}
        for kind in self.tail:
            earlier = [str(file) for segment in self.cover if (file := segment.file(kind)) is not None]
            found |= set(columns.repeated(self.engine, kind, f'"tail_{kind}"', earlier))
        return found

    def _zones(self) -> list[str]:
        """The names of the time zones in use; `zones` gives each its number."""
        names = [row[0] for row in self.engine.execute("SELECT DISTINCT timezone FROM all_site ORDER BY 1").fetchall()]
        numbers = pa.table({"timezone": pa.array(names, pa.string()), "zone": pa.array(range(len(names)), pa.int32())})
        self._table("zones", numbers)
        return names

    def _view(self, kind: str, some_gone: bool, some_moved: bool) -> None:
        zone = " LEFT JOIN zones USING (timezone)" if kind == "site" else ""
        moved = " LEFT JOIN moved USING (entry)" if some_moved else ""
        place = "coalesce(moved.first_entry, entry) AS first_entry" if some_moved else "entry AS first_entry"
        gone = " WHERE entry NOT IN (SELECT entry FROM gone)" if some_gone else ""
        names = ", ".join(f'"{name}"' for name in columns.schema(kind).names) + (", zone" if kind == "site" else "")
        self.engine.execute(f'CREATE VIEW "{kind}" AS SELECT {names}, {place} FROM "all_{kind}"{zone}{moved}{gone}')

    def _span(self) -> tuple[date, date] | None:
        """The first and the last UTC day that a shift speaks of."""
        moments = [datetime.fromisoformat(text) for segment in self.cover for text in segment.facts["span"] or []]
        sql = "SELECT min(started), greatest(max(started), max(ended)) FROM tail_shift HAVING count(*) > 0"
        moments += [moment for row in self.engine.execute(sql).fetchall() for moment in row]
        return (min(moments).date(), max(moments).date()) if moments else None


def _resolved(replacements: Iterable[Replacement]) -> tuple[set[int], dict[int, int]]:
    """Which entries are gone, and the place of those that stand for others. Of two that replace the same entry the first counts."""
    gone: set[int] = set()
    places: dict[int, int] = {}
    void: set[int] = set()
    for entry, replaced, withdraws in replacements:
        if replaced in gone:
            gone.add(entry)
            continue
        gone.add(replaced)
        places[entry] = places.get(replaced, replaced)
        if withdraws:
            void.add(entry)
    return gone | void, {entry: place for entry, place in places.items() if entry not in gone and entry not in void}


# ---- the clocks of the world


def _days(zones: list[str], first: date, last: date) -> pa.Table:
    """One row for each zone and UTC day from `first` to `last`."""
    first = max(first, FIRST_DAY)
    start, stop = (
        first.toordinal() - date(1970, 1, 1).toordinal(),
        max(last, first).toordinal() - date(1970, 1, 1).toordinal() + 1,
    )
    parts = [_days_of_zone(name, start, stop) for name in zones]
    numbers = np.repeat(np.arange(len(zones), dtype=np.int32), stop - start)
    joined = (
        [np.concatenate([part[column] for part in parts]) for column in range(6)]
        if parts
        else [np.array([], np.int64)] * 6
    )
    day, turn, back, again, before, after = joined
    moments = {"turn": turn, "back": back, "again": again}
    return pa.table(
        {"zone": pa.array(numbers), "day": _dates(day)}
        | {name: pa.array(values * MICROSECONDS).cast(pa.timestamp("us")) for name, values in moments.items()}
        | {
            "before": _dates(before),
            "after": _dates(after),
            "month_before": _months(before),
            "month_after": _months(after),
        }
    )


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _months(days: np.ndarray) -> pa.Array:
    """The months from the year 0 to each day."""
    return pa.array(
        (days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12).astype(np.int32)
    )


@lru_cache(maxsize=256)
def _days_of_zone(name: str, start: int, stop: int) -> tuple[np.ndarray, ...]:
    """UTC days start..stop-1 (counted from 1970): day, turn, back, again as seconds, before and after as days."""
    zone = ZoneInfo(name)
    offsets = np.array([_offset(zone, day * DAY_SECONDS) for day in range(start, stop + 1)], np.int64)
    day = np.arange(start, stop, dtype=np.int64)
    before = (day * DAY_SECONDS + offsets[:-1]) // DAY_SECONDS
    turn = (before + 1) * DAY_SECONDS - offsets[:-1]
    back, again, after = turn.copy(), turn.copy(), before + 1
    for row in np.flatnonzero(offsets[1:] != offsets[:-1]):
        turn[row], back[row], again[row], before[row], after[row] = _crossings(zone, int(day[row]))
    return day, turn, back, again, before, after


def _crossings(zone: ZoneInfo, day: int) -> tuple[int, int, int, int, int]:
    """Turn, back, again, before and after of a UTC day on which the clocks of a zone are changed."""
    begin, end = day * DAY_SECONDS, (day + 1) * DAY_SECONDS
    change = _change(zone, begin, end)
    dates: list[tuple[int, int]] = []
    for start, stop, offset in ((begin, change, _offset(zone, begin)), (change, end, _offset(zone, end - 1))):
        midnights = range(-(-(start + offset) // DAY_SECONDS), -(-(stop + offset) // DAY_SECONDS))
        for moment in [start, *(midnight * DAY_SECONDS - offset for midnight in midnights)]:
            local = (moment + offset) // DAY_SECONDS
            if not dates or dates[-1][1] != local:
                dates.append((moment, local))
    moments = [moment for moment, _ in dates[1:]] + [end] * 3
    turn, back, again = moments[:3]
    before, after = dates[0][1], dates[1][1] if len(dates) > 1 else dates[0][1]
    return (turn, back, again, before, after) if len(dates) > 2 else (turn, turn, turn, before, after)


def _change(zone: ZoneInfo, begin: int, end: int) -> int:
    """The second at which the offset changes between two moments, by halving."""
    first = _offset(zone, begin)
    while end - begin > 1:
        middle = (begin + end) // 2
        begin, end = (middle, end) if _offset(zone, middle) == first else (begin, middle)
    return end


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _offset(zone: ZoneInfo, second: int) -> int:
    """What a zone's clocks are ahead of UTC at a moment, in seconds."""
    try:
        ahead = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    except OverflowError:  # the last day of the year 9999
        ahead = None
    return 0 if ahead is None else ahead.days * DAY_SECONDS + ahead.seconds
