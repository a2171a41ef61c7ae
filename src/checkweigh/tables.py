"""Tables: a ledger as known at a size, as typed Ibis tables.

    tables = at(ledger, size)              from the columns beside a ledger and the entries that are not sealed yet
    tables = from_entries([(0, b"{...}")]) from entries at hand
    tables = from_pieces({"shift": ...}, size) from columns at hand

There is one table for each kind, with the columns of `columns.schema(kind)` and `first_entry`: the index of the first entry of an identity,
which a replacement keeps in every order. Only entries that stand are there: what was replaced or withdrawn is gone, and of identities
that a ledger written elsewhere repeats the first counts. Name and profile of a worker who was erased are absent, at every size. `site`
has a `zone` besides, a number for its time zone, and `days` tells the date on the clock of a zone without asking a time zone database
for each row: for each zone and UTC day, the local date is

    `before` until the moment `turn`, `after` from then on; and from `back` to `again`, where a clock is put back over midnight, `before`

with the months of both dates and of the UTC day, counted from the year 0.
"""

import itertools
import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from pyarrow import parquet

from . import clocks, columns, personal, queries
from .columns import Log, Segment
from .entries import KINDS
from .errors import BeyondTheEnd, Broken, Refused

_STEPS = itertools.count()
REPEATED = ibis.schema({"entry": "int64", "kind": "string", "id": "string", "first": "int64"})
"""Entries that a ledger written elsewhere holds of an identity that it has already, without replacing it, and the first, which counts."""
PLANS = 3  # how often columns may vanish before somebody is told
Pieces = dict[str, pa.Table]
Replacement = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a ledger held at `size`: one table for each kind, the `days` of its time zones, and what it `repeated` (see REPEATED)."""

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
    repeated: ir.Table
    _held: dict[str, ir.Table] = field(default_factory=dict, repr=False, compare=False)

    def held(self, name: str, make: Callable[[], ir.Table]) -> ir.Table:
        """A small table that several derivations look up, computed once and remembered under a name."""
        if name not in self._held:
            self._held[name] = self.kept(make())
        return self._held[name]

    def kept(self, table: ir.Table) -> ir.Table:
        """A step of a derivation, computed now: what follows is planned on what it turned out to be, and written only once."""
        return _created(f"TEMP TABLE {_step()}", table)

    def given(self, rows: pa.Table, shape: ibis.Schema) -> ir.Table:
        """Rows that were computed outside of the engine, as a table of it with these columns."""
        name = _step()
        self.engine.register("rows_given", rows.cast(shape.to_pyarrow()))
        self.engine.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM rows_given")
        self.engine.unregister("rows_given")
        return named(self.shift.get_backend(), name, shape)

    def seen(self, name: str, make: Callable[[], ir.Table], keep: bool = False) -> ir.Table:
        """A large table that several derivations begin with: written once, and computed for each as far as it is needed.

        Who goes over it more than once lets it `keep` its rows, for itself and for all that are asked after it.
        """
        if name not in self._held:
            self._held[name] = _created(f"TEMP VIEW {_step()}", make())
        if keep:
            self._held[name] = self.held(f"{name}, kept", lambda: self._held[name])
        return self._held[name]

    def as_reported(self) -> "Tables":
        """These tables as if nobody had ruled on any shift."""
        held = {name: step for name, step in self._held.items() if not name.startswith("judged")}
        return replace(self, verdict=self.verdict.filter(False), _held=held)

    def with_shifts(self, shift: ir.Table) -> "Tables":
        """These tables with only some of the shifts."""
        return replace(self, shift=shift, _held={})

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """The connection that computes what is derived from these tables."""
        return cast(duckdb.DuckDBPyConnection, self.shift.get_backend().con)


def _step() -> str:
    """A name that no step has had yet."""
    return f"{queries.STEP}{next(_STEPS)}"


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


def at(ledger: Log, size: int | None = None, directory: Path | None = None) -> Tables:
    """The tables of a ledger as known at a size (default: now). Builds columns that are missing, beside the ledger unless told.

    Raises BeyondTheEnd for a size that the ledger does not have.
    """
    size = ledger.size if size is None else size
    if size > ledger.size:
        raise BeyondTheEnd(f"the ledger has {ledger.size} entries, not {size}; ask for a size up to {ledger.size}")
    home = directory or columns.directory_of(getattr(ledger, "address", tempfile.gettempdir()))
    for _ in range(PLANS):
        with suppress(_Lost):
            opening = _Opening(size, *_planned(ledger, size, home), ledger.erased())
            opening.files.planned = partial(_planned, ledger, size, home)
            return opening.tables()
    raise Refused(f"the columns in {home} vanish while they are read; is another program deleting them? Try again")


class _Lost(Exception):
    """A file of the columns is gone: a longer segment has taken its place, or somebody deleted the cache. One plans again."""


@contextmanager
def _reading(cover: list[Segment]) -> Iterator[None]:
    """Reading files of the columns. Raises _Lost when one is gone, Broken when one cannot be read."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, ValueError, TypeError, LookupError):
        if not all(file.exists() for segment in cover for kind in KINDS if (file := segment.file(kind))):
            raise _Lost from None
        if found := _unreadable(cover):
            hint = f"the ledger itself is whole; delete {found[0].parent.parent}, which is built anew from it"
            raise Broken(f"columns that cannot be read: {', '.join(map(str, found))}; {hint}") from None
        raise


def _unreadable(cover: list[Segment]) -> list[Path]:
    """The files of some segments that are damaged so that they cannot be read; `columns.check` finds every other damage too."""
    files = [(kind, file) for segment in cover for kind in KINDS if (file := segment.file(kind)) is not None]
    facts = [segment.path / "segment.json" for segment in cover if not _are_facts(segment.facts)]
    return facts + [file for kind, file in files if not _can_be_read(kind, file)]


def _are_facts(facts: dict[str, Any]) -> bool:
    try:
        moments = [datetime.fromisoformat(text) for text in facts["span"] or []]
        numbers = [*itertools.chain(*facts["replacements"]), *facts["repeated"]]
        return len(moments) in (0, 2) and set(map(type, numbers)) <= {int} and set(facts["rows"]) <= set(KINDS)
    except (TypeError, ValueError):
        return False


def _can_be_read(kind: str, file: Path) -> bool:
    try:
        parquet.read_table(file).cast(columns.schema(kind)).validate(full=True)
        with duckdb.connect() as engine:
            engine.execute("SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet(?)", [str(file)]).fetchall()
    except Exception:  # over a damaged file both engines raise errors of many kinds
        return False
    return True


def _planned(ledger: Log, size: int, home: Path) -> tuple[list[Segment], Pieces, object]:
    """Where the entries below a size are: in segments and in a tail; and a directory that is to live as long as the tables."""
    kept = None
    try:
        cover = columns.build(ledger, home)
    except FileNotFoundError:
        raise _Lost from None
    except (OSError, pa.ArrowException):  # a read-only disk, or a damaged file that a longer one was to be made of
        kept = tempfile.TemporaryDirectory(prefix="checkweigh-columns-")
        cover = columns.build(ledger, Path(kept.name))
    cover = [segment for segment in cover if segment.start < size]
    sealed = cover[-1].stop if cover else 0
    with _reading(cover):
        tail = columns.read(ledger, sealed, size, columns.known_keys(cover)) if sealed < size else {}
    return cover, tail, kept


def from_entries(entries: Iterable[tuple[int, bytes]], size: int | None = None) -> Tables:
    """The tables of entries at hand, as known at a size: entries from that index on are left out (default: none)."""
    given = list(entries)
    held = [(index, entry) for index, entry in given if size is None or index < size]
    if [index for index, _ in held] != list(range(len(held))):
        raise ValueError("entries are given from the first on, without a gap")
    texts = pa.array([entry.decode() for _, entry in held], pa.string())
    pieces = columns.decode(0, texts, {}) if held else {}
    erased = [json.loads(entry)["worker"] for _, entry in given if b'"kind":"erasure"' in entry]
    return _Opening(len(held) if size is None else size, [], pieces, None, erased).tables()


def from_pieces(pieces: Pieces, size: int) -> Tables:
    """The tables of entries that are at hand as columns already: one table for each kind, in the shape of `columns.schema(kind)`."""
    erased = pieces["erasure"]["worker"].to_pylist() if "erasure" in pieces else []
    return _Opening(size, [], pieces, None, erased).tables()


def named(backend: ibis.BaseBackend, name: str, shape: ibis.Schema) -> ir.Table:
    """A table of the engine whose columns are known. (Ibis would ask the engine for them, by a call that DuckDB 2 deprecates.)"""
    return ops.DatabaseTable(name=name, schema=shape, source=backend, namespace=ops.Namespace()).to_expr()


def _created(what: str, table: ir.Table) -> ir.Table:
    """A table or a view of the engine that holds what an expression says."""
    backend = table.get_backend()
    _asked(backend, lambda: backend.con.execute(f"CREATE {what} AS {queries.sql(table)}"))
    return named(backend, what.rpartition(" ")[2], table.schema())


@cache
def _shape(kind: str) -> ibis.Schema:
    shape = dict(ibis.Schema.from_pyarrow(columns.schema(kind)).items())
    return ibis.schema(shape | ({"zone": "int32"} if kind == "site" else {}) | {"first_entry": "int64"})


def collect(table: ir.Table) -> pa.Table:
    """What a derived table comes to, whole and in memory."""
    backend = table.get_backend()
    return _asked(backend, lambda: backend.con.sql(queries.sql(table)).to_arrow_table())


def batches(table: ir.Table, rows: int = 65_536) -> pa.RecordBatchReader:
    """What a derived table comes to, batch by batch."""
    return answers(table, queries.sql(table), rows)


def answers(table: ir.Table, sql: str, rows: int) -> pa.RecordBatchReader:
    """What the engine of a table answers to a query, batch by batch."""
    backend = table.get_backend()
    reader = _asked(backend, lambda: backend.con.sql(sql).to_arrow_reader(rows))
    return pa.RecordBatchReader.from_batches(reader.schema, _read(reader, backend.checkweigh_files.cover))


def _read(reader: pa.RecordBatchReader, cover: list[Segment]) -> Iterator[pa.RecordBatch]:
    try:
        with _reading(cover):
            yield from reader
    except _Lost:
        raise Refused(
            "columns vanished while they were read, and part of the rows is told already; try again"
        ) from None


def _asked(backend: Any, ask: Callable[[], Any]) -> Any:
    """What the engine answers. Where a file of the columns is gone, it is planned again where the entries are, and asked again."""
    for _ in range(PLANS):
        try:
            with _reading(backend.checkweigh_files.cover):
                return ask()
        except _Lost:
            with suppress(_Lost):
                backend.checkweigh_files.again()
    return ask()


class _Files:
    """Where the entries below a size are: segments of the columns and a tail, as views of an engine that may be planned again."""

    def __init__(
        self, engine: duckdb.DuckDBPyConnection, size: int, cover: list[Segment], tail: Pieces, kept: object
    ) -> None:
        self.size = size
        self.cover = cover
        self.tail = tail
        self.kept = kept
        self.engine = engine
        self.planned: Callable[[], tuple[list[Segment], Pieces, object]] | None = None
        """Says anew where the entries are; None where they are at hand."""

    def again(self) -> None:
        """The same entries, from the files in which they are now."""
        if self.planned is not None:
            self.cover, self.tail, self.kept = self.planned()
        for kind in KINDS:
            self.hold(kind)

    def table(self, name: str, table: pa.Table) -> None:
        if not table.num_rows:  # as most are: to hand over nothing takes longer than to say what it would be
            self.engine.execute(f'CREATE OR REPLACE TABLE "{name}" ({queries.declared(table.schema)})')
            return
        self.engine.register("given", table)
        self.engine.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM given')
        self.engine.unregister("given")

    def hold(self, kind: str) -> None:
        """`all_KIND`: every entry of a kind below the size, from files and from the tail."""
        self.table(f"tail_{kind}", self.tail.get(kind, columns.schema(kind).empty_table()))
        files = [str(file).replace("'", "''") for segment in self.cover if (file := segment.file(kind)) is not None]
        sql = f'SELECT * FROM "tail_{kind}"'
        if files:
            listed = ", ".join(f"'{file}'" for file in files)
            beyond = f" WHERE entry < {self.size}" if self.cover[-1].stop > self.size else ""
            sql = f"SELECT * FROM read_parquet([{listed}]){beyond}" + (f" UNION ALL {sql}" if kind in self.tail else "")
        self.engine.execute(f'CREATE OR REPLACE VIEW "all_{kind}" AS {sql}')


class _Opening:
    """Turns segments and a tail into the tables of one in-memory DuckDB."""

    def __init__(self, size: int, cover: list[Segment], tail: Pieces, kept: object, erased: Collection[str]) -> None:
        self.size = size
        self.cover = cover
        self.tail = tail
        self.erased = erased
        self.backend = ibis.duckdb.connect()
        self.engine: duckdb.DuckDBPyConnection = self.backend.con
        self.files = self.backend.checkweigh_files = _Files(self.engine, size, cover, tail, kept)

    def tables(self) -> Tables:
        """The tables. Raises _Lost when a file is gone already, Broken when one cannot be read."""
        with _reading(self.cover):
            return self._tables()

    def _tables(self) -> Tables:
        for head, body in FUNCTIONS.items():
            self.engine.execute(f"CREATE MACRO {head} AS {body}")
        for kind in KINDS:
            self.files.hold(kind)
        gone, places = _resolved(self._replacements())
        repeated = self._repeated()
        gone |= repeated
        self.files.table("repeated", self._identities(repeated))
        self.files.table("gone", pa.table({"entry": pa.array(sorted(gone), pa.int64())}))
        moved = pa.table(
            {"entry": pa.array(list(places), pa.int64()), "first_entry": pa.array(list(places.values()), pa.int64())}
        )
        self.files.table("moved", moved)
        self.files.table("erased", pa.table({"id": pa.array(sorted(self.erased), pa.string())}))
        zones = self._zones()
        for kind in KINDS:
            self._view(kind, bool(gone), bool(places))
        span = self._span()
        self.files.table("days", clocks.days(zones, *span) if span else clocks.DAYS.to_pyarrow().empty_table())
        made = {kind: named(self.backend, kind, _shape(kind)) for kind in KINDS}
        made["days"] = named(self.backend, "days", clocks.DAYS)
        made["repeated"] = named(self.backend, "repeated", REPEATED)
        return Tables(size=self.size, **made)

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

    def _identities(self, repeated: set[int]) -> pa.Table:
        """What entries repeat: their kind and id, and the entry that counts."""
        listed, rows = ", ".join(map(str, repeated)), []
        for kind, fields in KINDS.items() if repeated else ():
            if fields.id_fields:
                same = " AND ".join(f'a."{name}" = b."{name}"' for name in fields.id_fields)
                rows += self.engine.execute(
                    f"""SELECT b.entry, '{kind}', b.id, min(a.entry) FROM "all_{kind}" AS b JOIN "all_{kind}" AS a ON {same}
                    WHERE b.entry IN ({listed}) GROUP BY b.entry, b.id"""
                ).fetchall()
        made = [dict(zip(REPEATED.names, row, strict=True)) for row in rows]
        return pa.Table.from_pylist(made, schema=REPEATED.to_pyarrow())

    def _zones(self) -> list[str]:
        """The names of the time zones in use; `zones` gives each its number."""
        names = [row[0] for row in self.engine.execute("SELECT DISTINCT timezone FROM all_site ORDER BY 1").fetchall()]
        numbers = pa.table({"timezone": pa.array(names, pa.string()), "zone": pa.array(range(len(names)), pa.int32())})
        self.files.table("zones", numbers)
        return names

    def _view(self, kind: str, some_gone: bool, some_moved: bool) -> None:
        zone = " LEFT JOIN zones USING (timezone)" if kind == "site" else ""
        moved = " LEFT JOIN moved USING (entry)" if some_moved else ""
        place = "coalesce(moved.first_entry, entry) AS first_entry" if some_moved else "entry AS first_entry"
        gone = " WHERE entry NOT IN (SELECT entry FROM gone)" if some_gone else ""
        names = ", ".join(self._column(kind, name) for name in columns.schema(kind).names)
        names += ", zone" if kind == "site" else ""
        self.engine.execute(f'CREATE VIEW "{kind}" AS SELECT {names}, {place} FROM "all_{kind}"{zone}{moved}{gone}')

    def _column(self, kind: str, name: str) -> str:
        """SQL for a column; of erased workers nothing personal is there, at whatever size one looks."""
        if kind != "worker" or name not in personal.PERSONAL or not self.erased:
            return f'"{name}"'
        return f'CASE WHEN id NOT IN (SELECT id FROM erased) THEN "{name}" END AS "{name}"'

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
