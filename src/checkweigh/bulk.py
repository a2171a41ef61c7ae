"""Whole tables into a batch: the checks of `batch`, set by set, and every refused row named before anything is added."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import arrays, bounds, codec
from .entries import LONGEST, fields, required
from .errors import BadEntry, BadRows
from .holdings import Holdings
from .identities import Marks, key_hashes
from .kinds import KINDS
from .names import VERSIONED, Candidates, Found

BY_LEDGER = frozenset({"recorded", "by", "salt"})
Problem = tuple[int, str, object, str]


@dataclass(frozen=True)
class Rows:
    """A table of one kind on its way into a batch."""

    holdings: Holdings
    size: int
    kind: str
    table: pa.Table
    promised: dict[str, pa.Array] = field(default_factory=dict)
    """Kind -> names that the batch will hold by the time that these rows are added: the caller adds them in between."""
    numbers: npt.NDArray[np.int64] | None = None
    """What the rows are called in problems, where they are some of a larger table."""

    @cached_property
    def hashes(self) -> Marks:
        """The hash of each row's id."""
        return key_hashes(self.kind, self.column("id"))

    @cached_property
    def candidates(self) -> Candidates:
        """Which rows may have an id that the ledger holds, and the entries that may hold it."""
        return self.holdings.names.candidates_of_all(self.kind, self.column("id"), self.hashes)

    @cached_property
    def standing(self) -> dict[int, list[Found]]:
        """Row -> the entries that stand for its id already."""
        return self.holdings.names.standing_of_all(self.kind, self.column("id"), self.candidates)

    def has(self, name: str) -> bool:
        """Whether a column is there and states anything."""
        return name in self.table.column_names and self.table[name].null_count < len(self.table)

    def column(self, name: str) -> pa.Array:
        """A column in one piece."""
        return self.table[name].combine_chunks()

    def number(self, row: int) -> int:
        """What a row is called in problems."""
        return row if self.numbers is None else int(self.numbers[row])

    def replaces(self, row: int) -> int | None:
        """What a row says that it replaces."""
        found: int | None = self.table["replaces"][row].as_py() if "replaces" in self.table.column_names else None
        return found


def check(rows: Rows) -> None:
    """Raises BadRows unless all of the rows are fit for the ledger."""
    if problems := sorted(_problems(rows), key=lambda problem: problem[0]):
        raise BadRows(rows.kind, problems)


def _problems(rows: Rows) -> list[Problem]:
    """Why rows are refused. Of a row that is no entry by itself, the ledger is not asked."""
    found = _bounds(rows)
    if found:
        left = np.setdiff1d(np.arange(len(rows.table)), [row for row, *_ in found])
        rows = replace(rows, table=rows.table.take(pa.array(left)), numbers=left)
    return found + [
        (rows.number(row), name, value, reason) for check in CHECKS for row, name, value, reason in check(rows)
    ]


def encoded(rows: Rows, constants: Mapping[str, str], salts: Callable[[int], pa.Array]) -> list[pa.LargeBinaryArray]:
    """The canonical bytes of the rows, in the parts in which they were written. Raises BadRows where an entry is too long."""
    table = rows.table.append_column("salt", salts(len(rows.table))) if "salt" in fields(rows.kind) else rows.table
    found: list[pa.LargeBinaryArray] = []
    problems, at = list[Problem](), 0
    for part in codec.encode_table(rows.kind, table, constants).chunks:
        found.append(part.cast(pa.large_binary()))
        problems += _too_long(at, found[-1])
        at += len(part)
    if problems:
        raise BadRows(rows.kind, problems)
    return found


def _too_long(at: int, entries: pa.LargeBinaryArray) -> list[Problem]:
    lengths = arrays.numpy_of(pc.binary_length(entries))
    reason = "the entry has {} bytes; at most {} fit"
    return [
        (at + row, "note", None, reason.format(lengths[row], LONGEST))
        for row in np.flatnonzero(lengths > LONGEST).tolist()
    ]


def typed(kind: str, table: pa.Table) -> pa.Table:
    """The table with the types of the kind's columns. Raises BadEntry when its columns are not the kind's."""
    if kind not in KINDS or kind == "key":
        raise BadEntry(kind, [("kind", kind, "is not a kind of entry that is added as a table")])
    schema, names = codec.schema(kind), set(table.column_names)
    problems: list[tuple[str, object, str]] = [
        (name, None, "is set by the ledger; leave it out") for name in sorted(names & BY_LEDGER)
    ]
    problems += [(name, None, "is not a field of this kind") for name in sorted(names - set(fields(kind)))]
    problems += [(name, None, "is missing") for name in sorted(required(kind) - names - BY_LEDGER)]
    if problems:
        raise BadEntry(kind, problems)
    return pa.table({name: _cast(kind, name, table[name], schema.field(name).type) for name in table.column_names})


def _cast(kind: str, name: str, column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(pa.timestamp(column.type.unit))
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadEntry(kind, [(name, None, f"a column of {column.type} does not fit: {error}")]) from None


def keys(rows: Rows, start: int, stop: int) -> list[tuple[Marks, npt.NDArray[np.int64]]]:
    """(hashes of keys, rows) by which rows start..stop-1 are found later, as `identities.keys` has them one by one."""
    every = np.arange(start, stop)
    if "id" in fields(rows.kind):
        return [(rows.hashes[start:stop], every)]
    found: list[tuple[Marks, npt.NDArray[np.int64]]] = []
    if rows.kind == "verdict":
        found.append((key_hashes("verdict", rows.column("shift"))[start:stop], every))
    if rows.kind == "erasure":
        found.append((key_hashes("erasure", pa.array([""] * len(every), pa.string())), every))
    if rows.has("replaces"):
        column = rows.column("replaces").slice(start, stop - start)
        at = np.flatnonzero(arrays.numpy_of(column.is_valid()))
        found.append((key_hashes("replaces", column.take(pa.array(at)).cast(pa.string())), at + start))
    return found


def _bounds(rows: Rows) -> list[Problem]:
    """What can be seen in each row alone."""
    found = bounds.problems(rows.kind, rows.table)
    return [(row["row"], row["field"], row["value"], row["reason"]) for row in found.to_pylist()]


def _repeated(rows: Rows) -> list[Problem]:
    """Identities that stand in the table twice."""
    if "id" not in fields(rows.kind) or _distinct(rows.hashes):
        return []
    columns = [rows.column(name).to_pylist() for name in KINDS[rows.kind].id_fields]
    seen: dict[tuple[object, ...], int] = {}
    found: list[Problem] = []
    for row, names in enumerate(zip(*columns, strict=True)):
        if (first := seen.setdefault(names, row)) != row:
            found.append((row, "id", names[0], f"is the id of row {rows.number(first)} already"))
    return found


def _distinct(hashes: Marks) -> bool:
    ordered = np.sort(hashes)
    return not np.any(ordered[1:] == ordered[:-1])


def _identified(rows: Rows) -> list[Problem]:
    """Identities that the ledger holds already and that are not rightly replaced."""
    if "id" not in fields(rows.kind):
        return []
    found: list[Problem] = []
    replacing: list[int] = []
    for row, versions in rows.standing.items():
        index = _version(rows, row, versions)
        replaces = rows.replaces(row)
        if index is not None and replaces is None:
            reason = f"is already entry {index}; to correct it, give replaces={index} and a note saying why"
            found.append((row, "id", rows.table["id"][row].as_py(), reason))
        elif (problem := rows.holdings.replacement_problem(replaces, index)) is not None:
            found.append((row, "replaces", replaces, problem))
        elif index is not None:
            replacing.append(row)
    if rows.has("replaces"):
        new = (row for row in _at(rows.table["replaces"].is_valid()) if row not in rows.standing)
        found += [
            (row, "replaces", rows.replaces(row), rows.holdings.replacement_problem(-1, None) or "") for row in new
        ]
    return found + (_judged(rows, replacing) if rows.kind == "shift" else [])


def _version(rows: Rows, row: int, versions: list[Found]) -> int | None:
    """The standing entry of exactly the row's identity."""
    if rows.kind not in VERSIONED:
        return versions[0][0]
    day = rows.table["from"][row].as_py().isoformat()
    return next((index for index, entry in versions if entry.from_ == day), None)


def _judged(rows: Rows, replacing: list[int]) -> list[Problem]:
    """Shifts that would be replaced though they are under a verdict."""
    ids = rows.column("id").take(arrays.numbers(np.array(replacing, np.int64)))
    hinted = sorted({replacing[at] for at in rows.holdings.names.candidates_of_all("verdict", ids)[0].tolist()})
    problems = ((row, rows.holdings.judged_problem(rows.table["id"][row].as_py())) for row in hinted)
    return [(row, "replaces", rows.replaces(row), problem) for row, problem in problems if problem is not None]


def _nameless(rows: Rows) -> list[Problem]:
    """Replacements of entries without an id that cannot be."""
    if "id" in fields(rows.kind) or not rows.has("replaces"):
        return []
    found: list[Problem] = []
    seen: set[int | None] = set()
    for row in _at(rows.table["replaces"].is_valid()):
        index = rows.replaces(row)
        problem = (
            rows.holdings.nameless_problem(rows.kind, index or 0, rows.size)
            if index not in seen
            else "is replaced twice here"
        )
        seen.add(index)
        found += [(row, "replaces", index, problem)] if problem else []
    return found


def _referring(rows: Rows) -> list[Problem]:
    """Names that lead nowhere."""
    found: list[Problem] = []
    for of, target in {**KINDS[rows.kind].targets, "cites": "source"}.items():
        if not rows.has(of):
            continue
        column = rows.column(of)
        unknown = rows.holdings.unknown_among(target, _named_in(column))
        if len(unknown) and target in rows.promised:
            unknown = unknown.filter(pc.invert(pc.is_in(unknown, rows.promised[target])))
        if len(unknown):
            found += [
                (row, of, name, f"is not a {target} in the ledger; add it first, or correct the name")
                for row, name in _rows_naming(column, unknown)
            ]
    return found


def _named_in(column: pa.Array) -> pa.Array:
    """The distinct names in a column of names, of lists of names, or of lists of helpers."""
    return pc.unique(_flat(column)).drop_null()


def _flat(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return column
    values = pc.list_flatten(column)
    return pc.struct_field(values, "worker") if pa.types.is_struct(values.type) else values


def _rows_naming(column: pa.Array, unknown: pa.Array) -> list[tuple[int, str]]:
    flat = _flat(column)
    rows = pc.list_parent_indices(column) if pa.types.is_list(column.type) else pa.array(range(len(column)))
    hit = pc.is_in(flat, unknown)
    return list(zip(rows.filter(hit).to_pylist(), flat.filter(hit).to_pylist(), strict=True))


def _protesting(rows: Rows) -> list[Problem]:
    """Objections to entries that do not exist."""
    if rows.kind != "objection":
        return []
    late = pc.greater_equal(rows.table["entry"], rows.size)
    return [(row, "entry", rows.table["entry"][row].as_py(), "is not in the ledger") for row in _at(late)]


def _working(rows: Rows) -> npt.NDArray[np.bool_]:
    """Which shifts are not withdrawn."""
    if not rows.has("void"):
        return np.ones(len(rows.table), np.bool_)
    withdrawn: npt.NDArray[np.bool_] = arrays.numpy_of(arrays.filled(rows.column("void"), False))
    return ~withdrawn


def _future(rows: Rows) -> list[Problem]:
    """Shifts that have not begun yet."""
    if rows.kind != "shift" or not len(rows.table):
        return []
    now = np.datetime64(rows.holdings.recorded.astimezone(UTC).replace(tzinfo=None), "us")
    late = np.flatnonzero((arrays.numpy_of(rows.column("started")) > now) & _working(rows)).tolist()
    return [(row, "started", rows.table["started"][row].as_py().isoformat(), rows.holdings.future) for row in late]


def _days(rows: Rows) -> list[Problem]:
    """Shifts of a party that was not known yet on that day."""
    if rows.kind != "shift" or not len(rows.table):
        return []
    earliest = int(arrays.numpy_of(rows.column("started")).min().astype(np.int64))
    found: list[Problem] = []
    for party in ("worker", "crew"):
        if rows.has(party) and not rows.holdings.all_long_known(party, earliest):
            found += _days_of(rows, party)
    return found


def _days_of(rows: Rows, party: str) -> list[Problem]:
    """The earliest shift per party and site is asked about; only where it came too early, every row is."""
    table = rows.table.select([party, "site", "started"]).append_column(
        "row", arrays.numbers(np.arange(len(rows.table)))
    )
    table = table.filter(pc.and_(table[party].is_valid(), arrays.flags(_working(rows))))
    earliest = pc.min(table["started"].cast(pa.int64())).as_py()
    if earliest is None or rows.holdings.long_known(party, pc.unique(table[party]).to_pylist(), earliest):
        return []
    firsts = table.group_by([party, "site"]).aggregate([("started", "min")])
    microseconds = firsts["started_min"].cast(pa.int64()).to_pylist()
    found: list[Problem] = []
    for name, site, first in zip(firsts[party].to_pylist(), firsts["site"].to_pylist(), microseconds, strict=True):
        if rows.holdings.surely_known(party, name, site, first):
            continue
        for row in table.filter((pc.field(party) == name) & (pc.field("site") == site)).to_pylist():
            started = row["started"].replace(tzinfo=UTC)
            if (problem := rows.holdings.day_problem(party, name, site, started)) is not None:
                found.append((row["row"], party, name, problem))
    return found


def _at(mask: pa.ChunkedArray) -> list[int]:
    found: list[int] = np.flatnonzero(arrays.numpy_of(mask)).tolist()
    return found


CHECKS = (_repeated, _identified, _nameless, _referring, _protesting, _future, _days)
"""Each lists the rows that the ledger refuses, as (row, field, value, reason)."""
