"""Entries to canonical bytes and back, one by one and whole tables at a time.

The canonical form is RFC 8785 JSON restricted to strings, integers below 2**53, booleans, arrays and objects: keys sorted, no blanks,
absent fields left out, `"`, `\\`, line feed and tab the only characters that are escaped. A source reads

    {"by":"login:anna","id":"M","kind":"source","published":"2019","publisher":"M. Times","recorded":"2026-01-01T00:00:00Z","title":"1935"}

`decode` refuses bytes that do not encode again to themselves, so there is one way to write a fact. `encode_table` and `decode_table`
do the same for a whole Arrow table of one kind inside the engine, byte for byte as one by one.
"""

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from . import entries
from .entries import KINDS, LONGEST, Entry, column_of
from .errors import BadEntry, NotCanonical
from .values import decimal_text

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(type=reduce(or_, KINDS.values()))


def encode(entry: Entry) -> bytes:
    """The canonical bytes of an entry. Raises BadEntry when they are more than 65,535."""
    data = _ENCODER.encode(entry)
    if len(data) > LONGEST:
        raise BadEntry(
            entries.kind_of(entry), [("note", None, f"the entry has {len(data)} bytes; at most {LONGEST} fit")]
        )
    return data


def decode(data: bytes) -> Entry:
    """The entry that canonical bytes hold. Raises NotCanonical or BadEntry for anything else."""
    try:
        entry = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotCanonical(f"these bytes are no entry: {error}") from None
    entries.check(entry)
    if _ENCODER.encode(entry) != data:
        raise NotCanonical("these bytes are not the canonical form of the entry that they hold")
    return entry


HELPER = pa.struct([("worker", pa.string()), ("hours", pa.decimal128(12, 6)), ("role", pa.string())])
CONDITIONS = pa.struct(
    [
        ("measure", pa.string()), ("at_least", pa.decimal128(18, 6)), ("shifts_at_least", pa.int64()), ("period", pa.string()),
        ("job", pa.string()), ("industry", pa.string()), ("site", pa.string()), ("verified_only", pa.bool_()),
        ("record", pa.bool_()), ("scope", pa.string()), ("holder", pa.string()), ("length", pa.string()),
    ]
)  # fmt: skip
_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(), "salt": pa.string(), "quantity": pa.decimal128(18, 9), "hours": pa.decimal128(12, 6),
    "labour_hours": pa.decimal128(18, 6), "headcount": pa.decimal128(9, 3), "ratio": pa.decimal128(18, 6), "whole": pa.int64(),
    "time": pa.timestamp("us"), "day": pa.date32(), "flag": pa.bool_(), "texts": pa.list_(pa.string()),
    "helpers": pa.list_(HELPER), "conditions": CONDITIONS,
}  # fmt: skip
DECIMAL_SHAPES = frozenset({"quantity", "hours", "labour_hours", "headcount", "ratio"})


@cache
def schema(kind: str) -> pa.Schema:
    """The typed columns of a kind: its fields without `kind`; times are naive UTC, decimals as design section 5 has them."""
    return pa.schema([(name, _ARROW[column_of(kind, name)]) for name in entries.fields(kind)])


SCHEMAS: dict[str, pa.Schema] = {
    kind: pa.schema([field for field in schema(kind) if field.name != "salt"]) for kind in KINDS
}
"""What `decode_table` yields per kind: `schema(kind)` without the salt, which says nothing about the work."""


def encode_table(kind: str, table: pa.Table, constants: Mapping[str, str]) -> pa.ChunkedArray:
    """Canonical bytes, as one string per row in order, of a table whose columns are fields of the kind.

    Columns have the types of `schema(kind)`; `constants` are text fields that every row shares (`recorded`, `by`). Nothing is
    checked here: `bounds.problems` says beforehand which rows are not entries.
    """
    used = [name for name in table.column_names if table[name].null_count < len(table)]
    ready = {name: _prepared(kind, name, table[name]) for name in used}
    sql = "SELECT concat(" + ", ".join(_pieces(kind, table, ready, constants)) + ") AS entry FROM rows_to_encode"
    with _engine().cursor() as engine:
        engine.register(
            "rows_to_encode", pa.table({name: column for name, (column, _) in ready.items()}) if used else table
        )
        return engine.sql(sql).to_arrow_table()["entry"]


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One engine for all tables, since starting one costs as much as rendering ten thousand rows; each use takes a cursor."""
    return duckdb.connect()


def _prepared(kind: str, name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """A column and the SQL for its JSON value without the quotes. Where few values recur, each is written once, not each time."""
    shape = column_of(kind, name)
    if shape in DECIMAL_SHAPES or shape in ("time", "day"):
        encoded = column.combine_chunks().dictionary_encode()
        if 8 * len(encoded.dictionary) <= len(column):
            return _texts(shape, encoded.dictionary).take(encoded.indices), f'"{name}"'
    return column, _rendered(kind, name, column)


def _texts(shape: str, values: pa.Array) -> pa.Array:
    """The canonical strings of decimals, dates or times."""
    if shape == "day":
        return values.cast(pa.string())
    if shape == "time":
        # Arrow writes all six places of a second, so that trimming zeros never reaches the second itself.
        written = pc.utf8_rtrim(pc.utf8_rtrim(values.cast(pa.string()), "0"), ".")
        return pc.binary_join_element_wise(pc.replace_substring(written, " ", "T"), "Z", "")
    return pa.array([None if value is None else decimal_text(value) for value in values.to_pylist()], pa.string())


_UNQUOTED = frozenset({"texts", "helpers", "whole", "flag"})


def _pieces(
    kind: str, table: pa.Table, ready: Mapping[str, tuple[Any, str]], constants: Mapping[str, str]
) -> list[str]:
    """SQL expressions whose concatenation is the entry; a comma goes before a field once a required one has been written."""
    pieces, literal, begun = [], "{", False
    always = {"kind", *constants} | {name for name in ready if table[name].null_count == 0}
    for name in sorted({"kind", *constants, *ready}):
        before, after = (",", "") if begun else ("", ",")
        key = _json_text(name) + ":"
        quote = '"' if name in ready and column_of(kind, name) not in _UNQUOTED else ""
        if name == "kind" or name in constants:
            value = kind if name == "kind" else constants[name]
            literal += before + key + _json_text(value)
        elif name in always:
            # Literals that meet become one: the fewer pieces, the faster the engine joins them.
            pieces += [_quote(literal + before + key + quote), ready[name][1]]
            literal = quote
        else:
            pieces += [_quote(literal)] if literal else []
            pieces.append(_optional(name, before + key + quote, ready[name][1], quote + after))
            literal = ""
        begun = begun or name in always
    return [*pieces, _quote(literal + "}")]


def _optional(name: str, before: str, value: str, after: str) -> str:
    return f"CASE WHEN \"{name}\" IS NULL THEN '' ELSE concat({_quote(before)}, {value}, {_quote(after)}) END"


def _json_text(text: str) -> str:
    return _ENCODER.encode(text).decode()


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rendered(kind: str, name: str, values: pa.ChunkedArray) -> str:
    """SQL for the JSON value of one column, without the quotes of a text."""
    shape, column = column_of(kind, name), f'"{name}"'
    if shape in DECIMAL_SHAPES:
        return _decimal_sql(column)
    if shape == "time":
        return f"replace({column}::VARCHAR, ' ', 'T') || 'Z'"
    if shape == "texts":
        return (
            f"""concat('["', array_to_string(list_transform({column}, lambda t: {_escaped_sql("t")}), '","'), '"]')"""
        )
    if shape == "helpers":
        return _helpers_sql(column)
    if shape == "conditions":
        raise BadEntry(kind, [(name, None, "rules are added one by one")])
    return _escaped_sql(column) if shape == "text" and _needs_escape(values) else f"{column}::VARCHAR"


def _decimal_sql(column: str) -> str:
    return f"regexp_replace({column}::VARCHAR, '\\.?0+$', '')"


def _needs_escape(column: pa.ChunkedArray) -> bool:
    """Whether any text holds a character that JSON escapes; bytes are searched, since none of them is part of another character."""
    pieces = (chunk.cast(pa.string()).buffers()[2] for chunk in column.chunks)
    return any(letter in data for piece in pieces if piece for data in [piece.to_pybytes()] for letter in _ESCAPED)


_ESCAPED = (b'"', b"\\", b"\n", b"\t")


def _escaped_sql(text: str) -> str:
    escaped = f"replace(replace({text}, '\\', '\\\\'), '\"', '\\\"')"
    return f"replace(replace({escaped}, chr(10), '\\n'), chr(9), '\\t')"


def _helpers_sql(column: str) -> str:
    role = f"""CASE WHEN h.role IS NULL THEN '' ELSE concat(',"role":"', {_escaped_sql("h.role")}, '"') END"""
    helper = f"""concat('{{"hours":"', {_decimal_sql("h.hours")}, '"', {role}, ',"worker":"', {_escaped_sql("h.worker")}, '"}}')"""
    return f"concat('[', array_to_string(list_transform({column}, lambda h: {helper}), ','), ']')"


_DUCKDB = {
    "text": '"VARCHAR"', "quantity": '"DECIMAL(18,9)"', "hours": '"DECIMAL(12,6)"', "labour_hours": '"DECIMAL(18,6)"',
    "headcount": '"DECIMAL(9,3)"', "ratio": '"DECIMAL(18,6)"', "whole": '"BIGINT"', "time": '"TIMESTAMP"', "day": '"DATE"',
    "flag": '"BOOLEAN"', "texts": '["VARCHAR"]', "helpers": '[{"worker":"VARCHAR","hours":"DECIMAL(12,6)","role":"VARCHAR"}]',
    "conditions": '{"measure":"VARCHAR","at_least":"DECIMAL(18,6)","shifts_at_least":"BIGINT","period":"VARCHAR","job":"VARCHAR",'
    '"industry":"VARCHAR","site":"VARCHAR","verified_only":"BOOLEAN","record":"BOOLEAN","scope":"VARCHAR","holder":"VARCHAR",'
    '"length":"VARCHAR"}',
}  # fmt: skip


@cache
def _structure(kind: str) -> str:
    names = SCHEMAS[kind].names
    return "{" + ",".join(f'"{name}":{_DUCKDB[column_of(kind, name)]}' for name in names) + "}"


def decode_table(kind: str, rows: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Typed columns (`SCHEMAS[kind]`), one row per entry in order, from canonical strings of entries of one kind.

    The bytes are taken as they rest in a ledger, which `verify` answers for; they are not checked again.
    """
    source = pa.table({"entry": rows})
    sql = f"SELECT unnest(from_json(entry, '{_structure(kind)}')) FROM entries_to_decode"
    with _engine().cursor() as engine:
        engine.register("entries_to_decode", source)
        return engine.sql(sql).to_arrow_table().cast(SCHEMAS[kind])
