"""Entries to canonical bytes and back, one by one and whole tables at a time.

The canonical form is RFC 8785 JSON restricted to strings, integers below 2**53, booleans, arrays and objects: keys sorted, no blanks,
absent fields left out, `"`, `\\`, line feed and tab the only characters that are escaped. A source reads

    {"by":"login:anna","id":"M","kind":"source","published":"2019","publisher":"M. Times","recorded":"2026-01-01T00:00:00Z","title":"1935"}

`decode` refuses bytes that do not encode again to themselves, so there is one way to write a fact. `encode_table` and `decode_table`
do the same for a whole Arrow table of one kind inside the engine, byte for byte as one by one.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from operator import or_
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import arrays, entries
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
ENCODED_AT_ONCE = 65_536
"""Rows that are written at a time: few enough for their bytes to stay near the processor."""
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
    with ThreadPoolExecutor(2) as pool:  # Arrow lets other threads run while it works
        parts = pool.map(lambda part: _encoded(kind, part, constants), table.to_batches(max_chunksize=ENCODED_AT_ONCE))
        return pa.chunked_array(list(parts), pa.string())


def _encoded(kind: str, part: pa.RecordBatch, constants: Mapping[str, str]) -> pa.Array:
    used = [name for name in part.schema.names if part[name].null_count < len(part)]
    pieces = _pieces(kind, {name: part[name] for name in used}, constants)
    joined = pc.binary_join_element_wise(*pieces, _text(""), null_handling="replace", null_replacement="")
    # With nothing but constants there is nothing to say how many rows there are.
    return joined if isinstance(joined, pa.Array) else pa.array([joined.as_py()] * len(part), pa.string())


def _pieces(kind: str, columns: Mapping[str, pa.Array], constants: Mapping[str, str]) -> list[Any]:
    """Texts whose concatenation is the entry; a comma goes before a field once a required one has been written.

    A field that is absent from some rows is one piece with its key and comma, null where it is absent.
    """
    pieces: list[Any] = []
    literal, begun = "{", False
    for name in sorted({"kind", *constants, *columns}):
        before, after = (",", "") if begun else ("", ",")
        key = before + _json_text(name) + ":"
        if name not in columns:
            literal += key + _json_text(constants.get(name, kind))
        elif columns[name].null_count == 0:
            start, value, end = _rendered(kind, name, columns[name])
            # Literals that meet become one: the fewer pieces, the faster they are joined.
            pieces += [_text(literal + key + start), value]
            literal = end
        else:
            pieces += [*([_text(literal)] if literal else []), _stated(kind, name, columns[name], key, after)]
            literal = ""
            continue
        begun = True
    return [*pieces, _text(literal + "}")]


def _stated(kind: str, name: str, column: pa.Array, before: str, after: str) -> pa.Array:
    """A field that is absent from some rows, with what stands around it; null where it is absent."""

    def written(values: pa.Array) -> pa.Array:
        start, texts, end = _rendered(kind, name, values)
        return _joined(before + start, texts, end + after)

    if 2 * column.null_count > len(column):
        stated = arrays.numpy_of(column.is_valid())
        return written(column.drop_null()).take(arrays.numbers(np.cumsum(stated) - 1, stated))
    return _each_once(written, column) if column_of(kind, name) in DECIMAL_SHAPES else written(column)


def _json_text(text: str) -> str:
    return _ENCODER.encode(text).decode()


def _text(text: str) -> pa.Scalar:
    return arrays.literal(text, pa.string())


def _joined(*parts: Any) -> pa.Array:
    """Texts and literals put together, row by row; null where one of them is."""
    return pc.binary_join_element_wise(*(_text(part) if isinstance(part, str) else part for part in parts), _text(""))


def _rendered(kind: str, name: str, column: pa.Array) -> tuple[str, pa.Array, str]:
    """The JSON value of one column: what stands before it, the texts, and what stands after it."""
    shape = column_of(kind, name)
    if shape == "conditions":
        raise BadEntry(kind, [(name, None, "rules are added one by one")])
    if shape == "texts":
        return '["', pc.binary_join(_relisted(column, _escaped(column.flatten())), _text('","')), '"]'
    if shape == "helpers":
        return "[", pc.binary_join(_relisted(column, _helpers(column.flatten())), _text(",")), "]"
    if shape in ("whole", "flag"):
        return "", column.cast(pa.string()), ""
    return '"', _strings(shape, column), '"'


def _strings(shape: str, column: pa.Array) -> pa.Array:
    """The canonical strings of decimals, dates, times or texts; what JSON escapes is escaped."""
    if shape in DECIMAL_SHAPES:
        return _each_once(_decimals, column)
    if shape == "day":
        return column.cast(pa.string())
    if shape == "time":
        return times(column)
    return column.cast(pa.string()) if shape == "salt" else _escaped(column)


def _each_once(written: Callable[[pa.Array], pa.Array], column: pa.Array) -> pa.Array:
    """A column with each distinct value written once: in the same shifts of many people the same figures come again and again."""
    coded = column.dictionary_encode()
    return written(coded.dictionary).take(coded.indices)


def times(column: pa.Array) -> pa.Array:
    """The canonical strings of times."""
    return _each_once(_times, column)


def _times(column: pa.Array) -> pa.Array:
    # Arrow writes all six places of a second, so that trimming zeros never reaches the second itself.
    written = pc.ascii_rtrim(pc.ascii_rtrim(column.cast(pa.string()), "0"), ".")
    return _joined(pc.replace_substring(written, " ", "T"), "Z")


def _decimals(column: pa.Array) -> pa.Array:
    """Arrow writes every place of a decimal, and figures below a millionth with an exponent: those are written by hand."""
    written = pc.ascii_rtrim(pc.ascii_rtrim(column.cast(pa.string()), "0"), ".")
    small = arrays.filled(pc.match_substring(written, "E"), False)
    if not pc.any(small).as_py():
        return written
    return pc.replace_with_mask(
        written, small, pa.array([decimal_text(value.as_py()) for value in column.filter(small)])
    )


def _escaped(column: pa.Array) -> pa.Array:
    """Texts as they stand between the quotes of a JSON string."""
    texts = column.cast(pa.string())
    data = letters_of(texts)
    for letter, escaped in _ESCAPES:
        if letter.encode() in data:
            texts = pc.replace_substring(texts, letter, escaped)
    return texts


def letters_of(texts: pa.StringArray) -> bytes:
    """The bytes of all texts, one after the other: the quick way to look at them all at once."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bytes(memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]]) if len(texts) and texts.buffers()[2] else b""


_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"))


def _helpers(named: pa.Array) -> pa.Array:
    """The JSON objects of helpers."""
    worker, hours, role = (named.field(name) for name in ("worker", "hours", "role"))
    stated = arrays.filled(_joined(',"role":"', _escaped(role), '"'), "")
    return _joined('{"hours":"', _decimals(hours), '"', stated, ',"worker":"', _escaped(worker), '"}')


def _relisted(lists: pa.Array, values: pa.Array) -> pa.Array:
    """Lists of the same lengths with other values."""
    lengths = arrays.numpy_of(arrays.filled(pc.list_value_length(lists), 0))
    offsets = arrays.numbers(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values, mask=lists.is_null())


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


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One engine for all tables, since starting one takes as long as reading ten thousand entries; each use takes a cursor."""
    return duckdb.connect()


def cursor() -> duckdb.DuckDBPyConnection:
    """The engine for tables, for one use at a time; whoever takes it closes it."""
    return _engine().cursor()


def decode_table(kind: str, rows: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Typed columns (`SCHEMAS[kind]`), one row per entry in order, from canonical strings of entries of one kind.

    The bytes are taken as they rest in a ledger, which `verify` answers for; they are not checked again.
    """
    return _read(rows, _structure(kind)).cast(SCHEMAS[kind])


def decode_names(rows: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The `kind` and the `id` of canonical entries of any kind, one row per entry in order; null where an entry has no id."""
    return _read(rows, '{"kind":"VARCHAR","id":"VARCHAR"}')


def _read(rows: pa.Array | pa.ChunkedArray, structure: str) -> pa.Table:
    sql = f"SELECT unnest(from_json(entry, '{structure}')) FROM entries_to_decode"
    with cursor() as engine:
        engine.register("entries_to_decode", pa.table({"entry": rows}))
        return engine.sql(sql).to_arrow_table()
