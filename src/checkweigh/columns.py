"""Columns: a prefix of the log as Parquet files, a cache that may be deleted at any time.

The log is cut into segments at aligned power-of-two multiples of 65,536 entries. A segment is a directory:

    LEDGER.columns/0-131072/shift.parquet     one file for each kind that occurs, one row for each entry, in the order of the log
    LEDGER.columns/0-131072/segment.json      the log's root at the segment's end, what wrote it, and what a reader must know

A segment is written under a temporary name and renamed whole, and the same entries give the same bytes, so any number of processes may
build and read at once and `check` may compare. A segment whose root is not the log's is built again. Beside the fields of a kind
(`codec.SCHEMAS`) the files hold what would otherwise be looked up for each row of every query: see `EXTRA`.
"""

import json
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from . import codec, personal
from .address import Where, address_of
from .entries import KINDS

SEGMENT = 65_536  # entries: the smallest segment, and what is decoded at once
ROW_GROUP = 131_072
FORMAT = 1
MARKS = 24  # bits of a hash by which most identities are told apart
LINGER_SECONDS = 3600  # how long a segment stays that a longer one covers: somebody may be reading it

EXTRA: dict[str, list[tuple[str, pa.DataType]]] = {
    "site": [("key", pa.int64())],
    "job": [("key", pa.int64())],
    "worker": [("key", pa.int64())],
    "crew": [("key", pa.int64())],
    "quota": [("job_key", pa.int64()), ("site_key", pa.int64()), ("party_key", pa.int64())],
    "shift": [
        ("job_key", pa.int64()), ("site_key", pa.int64()), ("party_key", pa.int64()),
        ("helper_hours", pa.decimal128(18, 6)), ("helper_count", pa.int32()),
    ],
    "verdict": [("helper_hours", pa.decimal128(18, 6)), ("helper_count", pa.int32())],
}  # fmt: skip
"""Columns beside the fields. A key is the index of the first entry of that id: one number for all versions of a worker or a crew,
absent for an id that no entry has. Helpers' hours and number are absent where helpers are not stated, 0 where there were none."""

RENAMED = {("objection", "entry"): "against"}
"""Fields whose name a column of every kind has already."""

Keys = dict[str, dict[str, int]]
NAMED = ("site", "job", "worker", "crew")
DERIVED_FROM = {"site": NAMED[:1], "job": NAMED[1:2], "party": NAMED[2:]}


class Log(Protocol):
    """What columns need of a ledger."""

    @property
    def size(self) -> int:
        """How many entries the log has."""

    def root(self, size: int | None = None) -> bytes:
        """The log's root hash at a size."""

    def bundles(self, start: int, stop: int) -> Iterable[tuple[int, pa.Array]]:
        """Canonical entries in bulk: the first index and the entries of each run."""

    def erased(self) -> Collection[str]:
        """The workers whose name and profile have been erased by now."""


@cache
def schema(kind: str) -> pa.Schema:
    """The columns of a kind's files: `entry` (its index), the fields, and those of `EXTRA`."""
    fields = codec.SCHEMAS[kind]
    names = [RENAMED.get((kind, name), name) for name in fields.names]
    return pa.schema([("entry", pa.int64()), *zip(names, fields.types, strict=True), *EXTRA.get(kind, [])])


# ---- entries to typed columns


def decode(first: int, rows: pa.Array | pa.ChunkedArray, keys: Keys) -> dict[str, pa.Table]:
    """The entries from index `first` on as one table for each kind that occurs (`schema`). `keys` learns the ids of the entries."""
    found = {kind: _typed(kind, pc.add(where, first), texts) for kind, where, texts in _by_kind(rows)}
    for kind in NAMED:
        if kind in found:
            _learn(keys.setdefault(kind, {}), found[kind])
    return {
        kind: _extended(kind, table, keys).select(schema(kind).names).cast(schema(kind))
        for kind, table in found.items()
    }


def _by_kind(rows: pa.Array | pa.ChunkedArray) -> Iterator[tuple[str, pa.Array, pa.Array]]:
    """Each kind with the positions and the canonical texts of its entries. A quote inside a text is escaped, so the key is one."""
    texts = (
        pa.chunked_array(rows.chunks if isinstance(rows, pa.ChunkedArray) else [rows])
        .cast(pa.string())
        .combine_chunks()
    )
    is_shift = pc.match_substring(texts, '"kind":"shift"')
    others = pc.indices_nonzero(pc.invert(is_shift))
    kinds = pc.struct_field(pc.extract_regex(texts.take(others), r'"kind":"(?P<kind>[a-z]+)"'), "kind")
    for kind in pc.unique(kinds).to_pylist():
        where = others.filter(pc.equal(kinds, kind))
        yield kind, where.cast(pa.int64()), texts.take(where)
    if len(others) == 0:
        yield "shift", pc.indices_nonzero(is_shift).cast(pa.int64()), texts
    elif len(others) < len(texts):
        yield "shift", pc.indices_nonzero(is_shift).cast(pa.int64()), texts.filter(is_shift)


def _typed(kind: str, indices: pa.Array, texts: pa.Array) -> pa.Table:
    table = codec.decode_table(kind, texts)
    names = [RENAMED.get((kind, name), name) for name in table.column_names]
    return table.rename_columns(names).add_column(0, "entry", indices)


def _learn(known: dict[str, int], table: pa.Table) -> None:
    for name, index in zip(table["id"].to_pylist(), table["entry"].to_pylist(), strict=True):
        known.setdefault(name, index)


def _extended(kind: str, table: pa.Table, keys: Keys) -> pa.Table:
    for name, _ in EXTRA.get(kind, []):
        if name == "key":
            table = table.append_column(name, _keys_of(table["id"], keys.get(kind, {})))
        elif name.endswith("_key"):
            stems = [stem for stem in DERIVED_FROM[name.removesuffix("_key")] if stem in table.column_names]
            found = [_keys_of(table[stem], keys.get(stem, {})) for stem in stems]
            table = table.append_column(name, pc.coalesce(*found))
    return _with_helper_sums(table) if "helpers" in table.column_names else table


def _keys_of(names: pa.ChunkedArray, known: dict[str, int]) -> pa.Array:
    """The key of each name; looked up once for each different name."""
    coded = names.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    values = pa.array([known.get(name) for name in coded.dictionary.to_pylist()], pa.int64())
    return values.take(coded.indices)


def _with_helper_sums(table: pa.Table) -> pa.Table:
    helpers = table["helpers"].combine_chunks()
    counts = pc.list_value_length(helpers).cast(pa.int32())
    hours = pa.nulls(len(table), pa.decimal128(18, 6))
    if helpers.null_count < len(helpers):
        each = pa.table(
            {"row": pc.list_parent_indices(helpers), "hours": pc.struct_field(pc.list_flatten(helpers), "hours")}
        )
        sums = each.group_by("row").aggregate([("hours", "sum")])
        none = pc.if_else(
            pc.is_valid(counts), pa.scalar(0, pa.decimal128(18, 6)), pa.scalar(None, pa.decimal128(18, 6))
        )
        place = pc.index_in(pa.array(np.arange(len(table))), sums["row"].combine_chunks().cast(pa.int64()))
        hours = pc.coalesce(sums["hours_sum"].combine_chunks().cast(pa.decimal128(18, 6)).take(place), none)
    return table.append_column("helper_hours", hours).append_column("helper_count", counts)


# ---- segments


@dataclass(frozen=True)
class Segment:
    """The entries start..stop-1 as files in a directory. `facts` is what segment.json says."""

    start: int
    stop: int
    path: Path
    facts: dict[str, Any]

    def file(self, kind: str) -> Path | None:
        """The Parquet file of a kind, None where the segment holds no entry of it."""
        return self.path / f"{kind}.parquet" if kind in self.facts["rows"] else None


def open_segment(directory: Path, start: int, stop: int, root: bytes) -> Segment | None:
    """The segment when it is there, whole, and of the log with this root at its end."""
    path = directory / f"{start}-{stop}"
    try:
        facts = json.loads((path / "segment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not _is_of(facts, root) or not all((path / f"{kind}.parquet").exists() for kind in facts["rows"]):
        return None
    return Segment(start, stop, path, facts)


def _is_of(facts: Any, root: bytes) -> bool:
    """Whether facts are those of a segment of the log with this root."""
    shapes = {"rows": dict, "replacements": list, "repeated": list, "span": list | None}
    return (
        isinstance(facts, dict)
        and (facts.get("format"), facts.get("root")) == (FORMAT, root.hex())
        and all(isinstance(facts.get(name), shape) for name, shape in shapes.items())
    )


def longest(start: int, stop: int) -> int:
    """Where the longest aligned segment ends that begins at `start` and holds nothing beyond `stop`."""
    width = SEGMENT
    while start % (2 * width) == 0 and start + 2 * width <= stop:
        width *= 2
    return start + width


def build(log: Log, directory: Path, size: int | None = None) -> list[Segment]:
    """The fewest segments that hold all sealed entries below `size` (default: all), each opened or else built."""
    sealed = (log.size if size is None else size) // SEGMENT * SEGMENT
    cover: list[Segment] = []
    at = 0
    while at < sealed:
        stop = longest(at, sealed)
        segment = open_segment(directory, at, stop, log.root(stop)) or _build_segment(log, directory, cover, at, stop)
        cover.append(segment)
        at = stop
    _hashes.cache_clear()
    return cover


def _build_segment(log: Log, directory: Path, before: list[Segment], start: int, stop: int) -> Segment:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{start}-{stop}.", dir=directory) as temporary:
        path = Path(temporary) / "segment"
        path.mkdir()
        pieces = _pieces(log, directory, before, start, stop)
        _write(pieces, path, before, {"from": start, "to": stop, "root": log.root(stop).hex()})
        target = directory / f"{start}-{stop}"
        try:
            path.rename(target)
        except OSError:  # a directory of that name is there: of another process, or of another log
            if (other := open_segment(directory, start, stop, log.root(stop))) is not None:
                return other
            target.rename(Path(temporary) / "stale")
            path.rename(target)
    segment = open_segment(directory, start, stop, log.root(stop))
    assert segment is not None
    return segment


def _pieces(
    log: Log, directory: Path | None, before: list[Segment], start: int, stop: int
) -> Iterator[dict[str, pa.Table]]:
    """The typed tables of start..stop-1, from shorter segments where they are at hand, else from the log."""
    keys, erased = known_keys(before), log.erased()
    at = start
    while at < stop:
        segment = None if directory is None else _shorter(log, directory, at, stop, stop - start)
        if segment is not None:
            tables = {kind: pq.read_table(segment.file(kind)).cast(schema(kind)) for kind in segment.facts["rows"]}
            for kind in NAMED:
                if kind in tables:
                    _learn(keys.setdefault(kind, {}), tables[kind])
            yield personal.without(tables, erased)
            at = segment.stop
        else:
            yield personal.without(read(log, at, at + SEGMENT, keys), erased)
            at += SEGMENT


def _shorter(log: Log, directory: Path, at: int, stop: int, width: int) -> Segment | None:
    width //= 2
    while width >= SEGMENT:
        if at % width == 0 and at + width <= stop:
            segment = open_segment(directory, at, at + width, log.root(at + width))
            if segment is not None:
                return segment
        width //= 2
    return None


def read(log: Log, start: int, stop: int, keys: Keys) -> dict[str, pa.Table]:
    """The typed tables of the entries start..stop-1 (at most some 65,536), straight from the log."""
    runs = [run for _, run in log.bundles(start, stop)]
    if not runs:
        return {}
    return decode(start, pa.chunked_array([run.cast(pa.string()) for run in runs]), keys)


def known_keys(segments: Iterable[Segment]) -> Keys:
    """The keys of all ids that the segments hold."""
    keys: Keys = {}
    for segment in segments:
        for kind in NAMED:
            if (file := segment.file(kind)) is not None:
                _learn(keys.setdefault(kind, {}), pq.read_table(file, columns=["id", "entry"]))
    return keys


def _write(pieces: Iterable[dict[str, pa.Table]], path: Path, before: list[Segment], facts: dict[str, Any]) -> None:
    files: dict[str, _File] = {}
    for tables in pieces:
        for kind, table in tables.items():
            if kind not in files:
                files[kind] = _File(path, kind)
            files[kind].add(table)
    for file in files.values():
        file.close()
    facts = {
        "format": FORMAT, **facts, "writer": {"duckdb": duckdb.__version__, "pyarrow": pa.__version__},
        "rows": {kind: files[kind].rows for kind in sorted(files)}, "span": files["shift"].span if "shift" in files else None,
        "replacements": sorted(row for file in files.values() for row in file.replacements),
        "repeated": _repeated(path, files, before),
    }  # fmt: skip
    (path / "segment.json").write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")


class _File:
    """Writes one Parquet file in row groups of a fixed length, whatever the pieces it is given.

    `span` is the first and the last moment of which shifts speak; `replacements` are [entry, the entry that it replaces, 1 when it
    withdraws it].
    """

    def __init__(self, path: Path, kind: str) -> None:
        fields = schema(kind)
        plain = {"entry", "id"} if kind == "shift" else {"entry"}
        self._writer = pq.ParquetWriter(
            path / f"{kind}.parquet", fields, compression="lz4", store_schema=False, store_decimal_as_integer=True,
            use_dictionary=[field.name for field in fields if field.name not in plain], write_page_index=False,
        )  # fmt: skip
        self._waiting: list[pa.Table] = []
        self._held = 0
        self.rows = 0
        self.span: list[str] = []
        self.replacements: list[list[int]] = []

    def add(self, table: pa.Table) -> None:
        if "started" in table.column_names:
            self.span = _span(table, self.span)
        if table["replaces"].null_count < len(table):
            self.replacements += _replacements(table)
        self._waiting.append(table)
        self._held += len(table)
        self.rows += len(table)
        while self._held >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        whole = pa.concat_tables(self._waiting).combine_chunks()
        self._writer.write_table(whole.slice(0, rows), row_group_size=ROW_GROUP)
        self._waiting, self._held = [whole.slice(rows)], self._held - rows

    def close(self) -> None:
        if self._held:
            self._flush(self._held)
        self._writer.close()


def _span(table: pa.Table, known: list[str]) -> list[str]:
    """The first and the last moment that shifts speak of, with those `known` before."""
    found = [pc.min_max(table[name]).as_py() for name in ("started", "ended")]
    moments = {moment.isoformat() for each in found for moment in each.values() if moment is not None}
    return [pick({datetime.fromisoformat(text) for text in {*moments, *known}}).isoformat() for pick in (min, max)]


def _replacements(table: pa.Table) -> list[list[int]]:
    some = table.filter(pc.is_valid(table["replaces"])).select(["entry", "replaces", "void"])
    return [[row["entry"], row["replaces"], int(row["void"] or False)] for row in some.to_pylist()]


def _repeated(path: Path, kinds: Iterable[str], before: list[Segment]) -> list[int]:
    """Entries that repeat an identity without replacing it: only ledgers written elsewhere hold any, and the first counts."""
    found: list[int] = []
    with _engine().cursor() as engine:
        for kind in kinds:
            earlier = [str(file) for segment in before if (file := segment.file(kind)) is not None]
            new = f"read_parquet('{_quoted(path / f'{kind}.parquet')}')"
            found += repeated(engine, kind, new, earlier)
    return sorted(found)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One engine for all segments, since starting one takes a while; each use takes a cursor."""
    return duckdb.connect()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def repeated(engine: duckdb.DuckDBPyConnection, kind: str, new: str, earlier: list[str]) -> list[int]:
    """The rows of the relation `new` that repeat an identity of `new` or of the files `earlier` without replacing it."""
    identity = ", ".join(f'"{name}"' for name in KINDS[kind].id_fields)
    if not identity or not _may_repeat(engine, identity, new, earlier):
        return []
    twice = f"SELECT {identity}, min(entry) AS first_entry FROM {new} GROUP BY ALL HAVING count(*) > 1"
    sql = f"SELECT n.entry FROM {new} n JOIN ({twice}) t USING ({identity}) WHERE n.replaces IS NULL AND n.entry > t.first_entry"
    if earlier:
        sql += f" UNION SELECT entry FROM {new} WHERE replaces IS NULL AND ({identity}) IN (SELECT {_row(identity)} FROM read_parquet(?))"
    return [row[0] for row in engine.execute(sql, [earlier] if earlier else []).fetchall()]


def _may_repeat(engine: duckdb.DuckDBPyConnection, identity: str, new: str, earlier: list[str]) -> bool:
    """Whether hashes say that some identity comes again without replacing: a far quicker question, and mostly the answer is no."""
    found = _fetched(engine, f"SELECT hash({identity}) AS h, entry, replaces IS NULL AS fresh FROM {new}")
    hashes, fresh = found["h"], found["fresh"]
    ordered = np.sort(hashes)
    doubled = ordered[1:][ordered[1:] == ordered[:-1]]
    if doubled.size and _again(hashes, found["entry"], fresh, doubled):
        return True
    if not earlier:
        return False
    fresh_hashes = hashes[fresh]
    marked = np.zeros(1 << MARKS, np.bool_)
    marked[fresh_hashes & (len(marked) - 1)] = True
    held = (_hashes(file, identity, Path(file).stat().st_mtime_ns) for file in earlier)
    return any(np.isin(old[marked[old & (len(marked) - 1)]], fresh_hashes).any() for old in held)


@lru_cache(maxsize=16)
def _hashes(file: str, identity: str, _written: int) -> np.ndarray:
    """The hashes of a segment's identities, remembered while the segments after it are built."""
    with _engine().cursor() as engine:
        return _fetched(engine, f"SELECT hash({identity}) AS h FROM read_parquet('{_quoted(Path(file))}')")["h"]


def _again(hashes: np.ndarray, entries: np.ndarray, fresh: np.ndarray, doubled: np.ndarray) -> bool:
    """Whether a hash that is there twice is there once without replacing after another."""
    twice = np.isin(hashes, doubled)
    order = np.lexsort((entries[twice], hashes[twice]))
    numbers, new = hashes[twice][order], fresh[twice][order]
    return bool((new[1:] & (numbers[1:] == numbers[:-1])).any())


def _fetched(engine: duckdb.DuckDBPyConnection, sql: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in engine.execute(sql).fetchnumpy().items()}


def _row(identity: str) -> str:
    return f"({identity})" if "," in identity else identity


# ---- care


def check(log: Log, directory: Path) -> list[Path]:
    """Every file of a segment that is not, byte for byte, what the log gives: each segment is built again and compared."""
    wrong: list[Path] = []
    with tempfile.TemporaryDirectory() as temporary:
        again = Path(temporary)
        for start, stop, path in sorted(_directories(directory), key=lambda found: (found[1] - found[0], found[0])):
            if stop > log.size:
                wrong.append(path)
                continue
            before = build(log, again, start)
            root = log.root(stop)
            segment = open_segment(again, start, stop, root) or _build_segment(log, again, before, start, stop)
            names = {file.name for file in (*segment.path.iterdir(), *path.iterdir())}
            wrong += [path / name for name in sorted(names) if not _same(path / name, segment.path / name)]
    return wrong


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def _directories(directory: Path) -> list[tuple[int, int, Path]]:
    if not directory.is_dir():
        return []
    named = (
        (path.name.split("-"), path) for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    return sorted(
        (int(name[0]), int(name[1]), path) for name, path in named if len(name) == 2 and all(map(str.isdigit, name))
    )


def sweep(directory: Path, now: datetime) -> list[Path]:
    """Delete segments that a longer one has covered for an hour, and temporary directories as old. Returns what was deleted."""
    found = _directories(directory)
    covered = [
        (path, other)
        for start, stop, path in found
        for begin, end, other in found
        if begin <= start and stop <= end and end - begin > stop - start
    ]
    gone = {path for path, other in covered if now.timestamp() - other.stat().st_mtime > LINGER_SECONDS}
    if directory.is_dir():
        left = (path for path in directory.iterdir() if path.name.startswith("."))
        gone |= {path for path in left if now.timestamp() - path.stat().st_mtime > LINGER_SECONDS}
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return sorted(gone)


def directory_of(ledger: Where) -> Path:
    """Where a ledger's columns rest: beside it, as LEDGER.columns."""
    return address_of(ledger).beside("columns")
