"""Bounds of whole tables: what `entries.build` says of one entry, said of a million rows at once.

A table has the columns of a kind, typed as `codec.schema(kind)`; what a type cannot hold (a decimal with ten places,
the 30th of February) never gets here. `problems` lists (row, field, value, reason) for each row that `entries.build`
would refuse, and nothing for any other row. Text is looked at as bytes first: a column of plain ASCII is judged by a
handful of array operations, and only the distinct values of any other column go through `entries.build` itself, so
that there is one judgement and not two.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import arrays, codec, entries
from .errors import BadEntry
from .values import decimal_text

SCHEMA = pa.schema([("row", pa.int64()), ("field", pa.string()), ("value", pa.string()), ("reason", pa.string())])
GIVEN_BY_THE_LEDGER = frozenset({"recorded", "by", "salt"})
_SCALES = {"quantity": 9, "hours": 6, "labour_hours": 6, "headcount": 3, "ratio": 6}
_HOUR = 3_600_000_000  # microseconds
_FIRST_YEAR, _AFTER_LAST_YEAR = np.datetime64("0001-01-01"), np.datetime64("10000-01-01")
_LONGEST = {"id": 200, "text": 20_000}


class Columns:
    """A table of one kind, column by column as flat arrays, with the problems found so far."""

    def __init__(self, kind: str, table: pa.Table) -> None:
        self.kind = kind
        self.table = table
        self.found: list[pa.Table] = []

    def flat(self, name: str) -> Any:
        """A column as one array; None when the table has no such column or nothing in it."""
        if name not in self.table.column_names:
            return None
        column = flat(self.table[name])
        return None if column.null_count == len(column) else column

    def given(self, name: str) -> Any:
        """Per row, whether the field is stated."""
        column = self.flat(name)
        if column is None:
            return np.zeros(len(self.table), dtype=bool)
        return np.ones(len(column), dtype=bool) if not column.null_count else arrays.numpy_of(column.is_valid())

    def say(self, mask: Any, field: str, reason: str, value: str | None = None) -> None:
        """Each row of the mask has this problem; its value is the column's, unless another is given."""
        rows = np.flatnonzero(mask)
        if not len(rows):
            return
        if value is None and field in self.table.column_names:
            values = texts_of(self.table.schema.field(field).type, flat(self.table[field]).take(pa.array(rows)))
        else:
            values = pa.array([value] * len(rows), pa.string())
        columns = [pa.array(rows), pa.array([field] * len(rows)), values, pa.array([reason] * len(rows))]
        self.found.append(pa.table(columns, schema=SCHEMA))

    def result(self) -> pa.Table:
        """All problems, by row."""
        found = pa.concat_tables(self.found) if self.found else arrays.empty(SCHEMA)
        return found.take(pc.sort_indices(found, [("row", "ascending")])) if len(found) else found


def problems(kind: str, table: pa.Table) -> pa.Table:
    """The problems of a table of one kind: (row, field, value, reason), by row; none means that every row is an entry.

    `recorded`, `by` and `salt` may be missing, since the ledger fills them. Raises BadEntry when a column is no field of the kind.
    """
    known = entries.fields(kind)
    unknown = [name for name in table.column_names if name not in known]
    if unknown:
        raise BadEntry(kind, [(name, None, "is not a field of this kind") for name in unknown])
    columns = Columns(kind, table)
    for name in sorted(entries.required(kind) - GIVEN_BY_THE_LEDGER):
        columns.say(~columns.given(name), name, "is missing")
    for name in table.column_names:
        if columns.flat(name) is not None:
            _SHAPES.get(entries.column_of(kind, name), _any_distinct)(columns, name)
    _replacements(columns)
    _CHECKS.get(kind, _row_by_row)(columns)
    return columns.result()


def flat(column: Any) -> Any:
    """A chunked column as one array."""
    if isinstance(column, pa.ChunkedArray):
        return (
            column.chunk(0)
            if column.num_chunks == 1
            else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
        )
    return column


def scaled(column: Any) -> Any:
    """A decimal column of at most 18 digits as int64 numerators over its own scale; 0 where null."""
    words = np.frombuffer(column.buffers()[1], dtype=np.int64)
    values = words[2 * column.offset : 2 * (column.offset + len(column)) : 2]
    return np.where(arrays.numpy_of(column.is_valid()), values, 0) if column.null_count else values


def texts_of(kind: Any, column: Any) -> Any:
    """Values as a person would write them: decimals without trailing zeros, times with Z."""
    if pa.types.is_decimal(kind):
        # Arrow itself would write 0E-9.
        return pa.array([None if value is None else decimal_text(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind):
        plain = pc.replace_substring_regex(column.cast(pa.string()), r"\.?0+$", "")
        return pc.binary_join_element_wise(pc.replace_substring(plain, " ", "T"), "Z", "")
    if pa.types.is_nested(kind):
        return pa.array([_told(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def _told(value: Any) -> str | None:
    """A list as a person would write it, helpers as worker:role:hours."""
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    return ";".join(":".join(map(_part, item.values())) if isinstance(item, dict) else str(item) for item in items)


def _part(value: Any) -> str:
    return "" if value is None else decimal_text(value) if hasattr(value, "as_tuple") else str(value)


def is_plain(column: Any, longest: int, trimmed: bool) -> bool:
    """Whether all texts of a column are printable ASCII of 1 to `longest` characters (`trimmed`: no blank at either end)."""
    column = column.drop_null() if column.null_count else column
    if not len(column):
        return True
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(offsets)
    if lengths.min() < 1 or lengths.max() > longest:
        return False
    data = np.frombuffer(column.buffers()[2], dtype=np.uint8)
    body = data[offsets[0] : offsets[-1]]
    if body.max() >= 0x7F or body.min() < 0x20:
        return False
    return not trimmed or not ((data[offsets[:-1]] == 0x20).any() or (data[offsets[1:] - 1] == 0x20).any())


def _text(columns: Columns, name: str) -> None:
    says = _says(columns.kind, name)
    column = columns.flat(name)
    if says not in _LONGEST or not is_plain(column, _LONGEST[says], trimmed=says == "id"):
        _any_distinct(columns, name)


def _says(kind: str, name: str) -> str:
    hint = entries.fields(kind)[name]
    return "id" if "says': 'id'" in str(hint) else "text" if "says': 'text'" in str(hint) else ""


def _any_distinct(columns: Columns, name: str) -> None:
    """Judge the distinct values of a column by `entries.build`, each by itself."""
    column = columns.flat(name)
    distinct, positions = _distinct(column)
    for position, value in enumerate(distinct):
        reason = None if value is None else judged(columns.kind, name, value)
        if reason is not None:
            columns.say(positions == position, name, reason)


def _distinct(column: Any) -> tuple[list[Any], Any]:
    if pa.types.is_nested(column.type):
        values = column.to_pylist()
        return values, np.arange(len(values))
    coded = column.dictionary_encode()
    return coded.dictionary.to_pylist(), arrays.numpy_of(arrays.filled(coded.indices, -1))


def judged(kind: str, name: str, value: Any) -> str | None:
    """What `entries.build` says of one field's value, None when nothing; other fields are left aside."""
    try:
        entries.build(kind, {name: value})
    except BadEntry as refused:
        found = next(
            (reason for field, _, reason in refused.problems if field == name and reason != "is missing"), None
        )
    else:
        found = None
    texts = value if isinstance(value, list) else [value]
    if found is None and any(isinstance(text, str) and not unicodedata.is_normalized("NFC", text) for text in texts):
        return "must be in Unicode normal form NFC"
    return found


def _decimal(columns: Columns, name: str) -> None:
    negative = scaled(columns.flat(name)) < 0
    if negative.any():
        columns.say(negative, name, judged(columns.kind, name, "-1") or "")


def _calendar(columns: Columns, name: str) -> None:
    column = columns.flat(name)
    values = arrays.numpy_of(column)
    outside = ((values < _FIRST_YEAR) | (values >= _AFTER_LAST_YEAR)) & columns.given(name)
    if outside.any():
        columns.say(outside, name, "is not a day of the calendar")


def _whole(columns: Columns, name: str) -> None:
    column = columns.flat(name)
    values = arrays.numpy_of(arrays.filled(column, 0))
    outside = (values < 0) | (values >= 2**53)
    if outside.any():
        columns.say(outside, name, "must be a whole number from 0")


def _flag(columns: Columns, name: str) -> None:
    """Both values of a flag are in bounds."""


def _helpers(columns: Columns, name: str) -> None:
    column = columns.flat(name)
    rows = arrays.numpy_of(pc.list_parent_indices(column))
    helpers = pc.list_flatten(column)
    fields = {field.name: helpers.field(number) for number, field in enumerate(helpers.type)}
    counts = arrays.numpy_of(arrays.filled(pc.list_value_length(column), 0))
    columns.say(counts > 500, name, "names more than 500 helpers")
    bad = np.zeros(len(helpers), dtype=bool)
    for part, longest in (("worker", 200), ("role", 20_000)):
        if not is_plain(fields[part], longest, trimmed=part == "worker"):
            bad |= _bad_parts(fields[part], part)
    missing = (
        arrays.numpy_of(fields["worker"].is_null())
        | arrays.numpy_of(fields["hours"].is_null())
        | arrays.numpy_of(helpers.is_null())
    )
    hours = scaled(fields["hours"])
    _say_of_rows(columns, rows[missing | bad], "each helper needs a worker's id and hours, such as bo:timberer:5.75")
    _say_of_rows(columns, rows[~missing & (hours <= 0)], "hours must be more than 0")
    if columns.flat("worker") is not None:
        own = columns.flat("worker").take(arrays.numbers(rows))
        same = arrays.numpy_of(arrays.filled(pc.equal(own, fields["worker"]), False))
        _say_of_rows(columns, rows[same], "the credited worker cannot be their own helper")


def _bad_parts(texts: Any, part: str) -> Any:
    """Which worker ids or roles are no such text, judged as ids of a job or texts of its name are."""
    distinct, positions = _distinct(texts)
    like = "id" if part == "worker" else "name"
    bad = [place for place, value in enumerate(distinct) if value is not None and judged("job", like, value)]
    return np.isin(positions, bad)


def _say_of_rows(columns: Columns, rows: Any, reason: str) -> None:
    if len(rows):
        mask = np.zeros(len(columns.table), dtype=bool)
        mask[rows] = True
        columns.say(mask, "helpers", reason)


_SHAPES: dict[str, Any] = {
    "text": _text, "quantity": _decimal, "hours": _decimal, "labour_hours": _decimal, "headcount": _decimal, "ratio": _decimal,
    "time": _calendar, "day": _calendar, "whole": _whole, "flag": _flag, "helpers": _helpers,
}  # fmt: skip


def _replacements(columns: Columns) -> None:
    replaces = columns.given("replaces")
    void = columns.flat("void")
    if void is not None:
        withdrawn = arrays.numpy_of(arrays.filled(void, False))
        columns.say(withdrawn & ~replaces, "void", "needs replaces: the index of the entry that is withdrawn")
    columns.say(replaces & ~columns.given("note"), "note", "is missing: a replacement says why")


def _positive(columns: Columns, names: Iterable[str]) -> None:
    for name in names:
        column = columns.flat(name)
        if column is not None:
            columns.say((scaled(column) == 0) & columns.given(name), name, "must be more than 0", "0")


def _shift(columns: Columns) -> None:
    worker = columns.given("worker")
    columns.say(worker == columns.given("crew"), "worker", "exactly one of worker and crew must be given")
    _positive(columns, ("hours", "headcount", "labour_hours"))
    if (headcount := columns.flat("headcount")) is not None:
        other = worker & columns.given("headcount") & (scaled(headcount) != 1000)
        columns.say(other, "headcount", "a single worker counts as 1; name helpers, or a crew")
    _hours(columns)
    _totals(columns)


def _totals(columns: Columns) -> None:
    """The total of labour hours is stated where the helpers are not, and it includes the hours of who is credited."""
    total, hours = columns.flat("labour_hours"), columns.flat("hours")
    if total is None:
        return
    with_helpers = columns.given("labour_hours") & columns.given("helpers")
    columns.say(with_helpers, "labour_hours", "is for shifts whose helpers are not stated; leave out one of the two")
    if hours is not None:
        heads = columns.flat("headcount")
        heads = pa.nulls(len(total), pa.decimal128(9, 3)) if heads is None else heads
        heads = pc.if_else(arrays.flags(columns.given("worker")), arrays.literal("1", pa.decimal128(9, 3)), heads)
        own = pc.multiply(hours, heads).cast(pa.decimal128(28, 9))
        short = arrays.numpy_of(arrays.filled(pc.less(total.cast(pa.decimal128(28, 9)), own), False))
        columns.say(short & ~with_helpers, "labour_hours", "must be at least the own hours: hours times headcount")


def _hours(columns: Columns) -> None:
    """Hours are at most 24, or what lies between started and ended; ended is after started."""
    rows = len(columns.table)
    bounded = columns.given("started") & columns.given("ended")
    span = np.zeros(rows, dtype=np.int64)
    if bounded.any():
        started, ended = (
            arrays.numpy_of(arrays.filled(columns.flat(name).cast(pa.int64()), 0)) for name in ("started", "ended")
        )
        span = np.where(bounded, ended - started, 0)
        columns.say(bounded & (span <= 0), "ended", "must be after started")
    hours = columns.flat("hours")
    if hours is not None:
        worked = scaled(hours) * (_HOUR // 10**6)
        columns.say(~columns.given("ended") & (worked > 24 * _HOUR), "hours", "must be at most 24 without ended")
        columns.say(
            bounded & (span > 0) & (worked > span), "hours", "must be at most what lies between started and ended"
        )


def _quota(columns: Columns) -> None:
    _positive(columns, ("quantity", "hours"))
    both = columns.given("worker") & columns.given("crew")
    columns.say(both, "worker", "a quota is for a worker or for a crew, not both")
    if (per := columns.flat("per")) is not None:
        crew = arrays.numpy_of(arrays.filled(pc.equal(per, "crew"), False))
        columns.say(crew & columns.given("worker"), "per", "a quota per crew never applies to a single worker")
    if columns.flat("from") is not None and columns.flat("until") is not None:
        late = arrays.numpy_of(arrays.filled(pc.less_equal(columns.flat("until"), columns.flat("from")), False))
        columns.say(late, "until", "must be after from")


def _row_by_row(columns: Columns) -> None:
    """The other kinds come in by the dozen: whatever their fields may say together is asked of `entries.build`, row by row."""
    seen = {row for table in columns.found for row in table["row"].to_pylist()}
    given_by_ledger = {"recorded": "2000-01-01T00:00:00Z", "by": "login:nobody", "salt": "A" * 16}
    own = {name: value for name, value in given_by_ledger.items() if name in entries.fields(columns.kind)}
    for row, given in enumerate(plain(columns.kind, columns.table)):
        if row in seen:
            continue
        try:
            entries.build(columns.kind, {**own, **given})
        except BadEntry as refused:
            mask = np.arange(len(columns.table)) == row
            for field, value, reason in refused.problems:
                columns.say(mask, field, reason, None if value is None else str(value))


_CHECKS: dict[str, Any] = {"shift": _shift, "quota": _quota}


def plain(kind: str, table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a typed table as the canonical values that `entries.build` takes; absent fields are left out."""
    columns = {name: _canonical(kind, name, flat(table[name])) for name in table.column_names}
    rows = zip(*columns.values(), strict=True) if columns else iter(() for _ in range(len(table)))
    return [{name: value for name, value in zip(columns, row, strict=True) if value is not None} for row in rows]


def _canonical(kind: str, name: str, column: Any) -> list[Any]:
    shape = entries.column_of(kind, name)
    if shape in codec.DECIMAL_SHAPES or shape in ("time", "day"):
        values: list[Any] = texts_of(column.type, column).to_pylist()
        return values
    values = column.to_pylist()
    return [_pruned(value) for value in values] if shape in ("helpers", "conditions") else values


def _pruned(value: Any) -> Any:
    """A helper or a condition as JSON would have it: no absent fields, decimals as text."""
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None}
    return decimal_text(value) if hasattr(value, "as_tuple") else value
