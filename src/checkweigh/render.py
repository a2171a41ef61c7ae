"""A table for a terminal, or as CSV, JSON, Parquet or Arrow: the same figures in every one of them.

Decimals are exact and written as in the ledger, without trailing zeros: in JSON as strings. Absent figures are null in JSON, empty in
CSV. Times are UTC with a Z. JSON is one array of objects. Files are written batch by batch, so that a table of any length needs the
memory of one batch.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Literal

import pyarrow as pa
from msgspec import Struct

from .changes import Step
from .entries import Helper, decimal_text

Format = Literal["table", "csv", "json", "parquet"]
FileFormat = Literal["csv", "json", "parquet", "arrow"]
Piece = tuple[bytes, int]
Progress = Callable[[int], None]
"""Is told, after each batch, how many rows have been written since the last time."""


def text(value: object) -> str:
    """One value as a person reads it; empty when absent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes" if value.second == 0 and value.microsecond == 0 else "auto")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Helper):
        return f"{value.worker}:{value.role or ''}:{value.hours}"
    if isinstance(value, Struct):
        return text({name: getattr(value, name) for name in value.__struct_fields__})
    if isinstance(value, dict):
        return " ".join(f"{name}={text(part)}" for name, part in value.items() if part is not None)
    if isinstance(value, Step):
        return f"{text(value.before) or '–'} → {text(value.now) or '–'}"
    if isinstance(value, list) and value and all(isinstance(part, tuple) for part in value):  # of a map
        return text(dict(value))
    if isinstance(value, list | tuple):
        return ", ".join(text(part) for part in value) or "none"
    return str(value)


# ---------------------------------------------------------------------------------------------------------------- files


def write(reader: pa.RecordBatchReader, into: IO[bytes], form: FileFormat, progress: Progress | None = None) -> int:
    """Write every row as CSV, JSON, Parquet or Arrow; returns how many. Memory: one batch of the reader."""
    return _written(pieces(reader, form), into, progress or (lambda rows: None))


def pieces(reader: pa.RecordBatchReader, form: FileFormat) -> Iterator[Piece]:
    """What `write` writes, piece by piece, each with the number of rows in it; the first one holds the first rows."""
    if form == "csv":
        return _csv_pieces(reader)
    if form == "json":
        return object_pieces(_lines(reader, _json_sql))
    return _arrow_pieces(reader, form)


def _written(parts: Iterable[Piece], into: IO[bytes], progress: Progress) -> int:
    count = 0
    for part, rows in parts:
        into.write(part)
        if rows:
            progress(rows)
        count += rows
    return count


class _Sink(io.RawIOBase):
    """Takes what a writer writes, to be fetched after each batch."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._at += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._at

    def fetched(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _arrow_pieces(reader: pa.RecordBatchReader, form: FileFormat) -> Iterator[Piece]:
    import pyarrow.parquet as pq

    sink = _Sink()
    opened = (
        pq.ParquetWriter(sink, reader.schema, compression="zstd")
        if form == "parquet"
        else pa.ipc.new_stream(sink, reader.schema)
    )
    with opened as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield sink.fetched(), batch.num_rows
    yield sink.fetched(), 0


def _csv_pieces(reader: pa.RecordBatchReader) -> Iterator[Piece]:
    heading = ",".join(_csv_cell(name) for name in reader.schema.names) + "\n"
    for lines in _lines(reader, _csv_sql):
        yield (heading + "".join(line + "\n" for line in lines)).encode(), len(lines)
        heading = ""
    if heading:
        yield heading.encode(), 0


def _csv_cell(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n') else name


def object_pieces(batches: Iterable[list[str]]) -> Iterator[Piece]:
    """Objects that are JSON already as one array, an object to a line."""
    before = "[\n"
    for lines in batches:
        if lines:
            yield (before + ",\n".join(lines)).encode(), len(lines)
            before = ",\n"
    yield (b"[]\n" if before == "[\n" else b"\n]\n"), 0


def write_objects(batches: Iterable[list[str]], into: IO[bytes], progress: Progress) -> int:
    """Write objects that are JSON already as one array, an object to a line; returns how many."""
    return _written(object_pieces(batches), into, progress)


def _lines(reader: pa.RecordBatchReader, render: Callable[[pa.Schema], str]) -> Iterator[list[str]]:
    """Each row as one text, batch by batch, rendered inside the engine."""
    import duckdb

    sql = f"SELECT {render(reader.schema)} AS line FROM batch_to_render"
    with duckdb.connect() as engine:
        for batch in reader:
            if batch.num_rows:
                engine.register("batch_to_render", pa.Table.from_batches([batch]))
                yield engine.sql(sql).to_arrow_table()["line"].to_pylist()


def _csv_sql(schema: pa.Schema) -> str:
    return "concat_ws(',', " + ", ".join(_cell_sql(field) for field in schema) + ")"


def _cell_sql(field: pa.Field) -> str:
    """SQL for one cell of CSV: in quotes where it holds a comma, a quote or a line break; nothing where it is absent."""
    rendered = f"coalesce({_scalar_sql(_quoted(field.name), field.type, 'VARCHAR')}, '')"
    if not (pa.types.is_string(field.type) or pa.types.is_nested(field.type) or pa.types.is_large_string(field.type)):
        return rendered
    enclosed = f"concat('\"', replace({rendered}, '\"', '\"\"'), '\"')"
    return f"CASE WHEN regexp_matches({rendered}, '[,\"\\r\\n]') THEN {enclosed} ELSE {rendered} END"


def _json_sql(schema: pa.Schema) -> str:
    return f"{_object_sql([(field.name, _quoted(field.name), field.type) for field in schema])}::VARCHAR"


def _object_sql(parts: Sequence[tuple[str, str, pa.DataType]]) -> str:
    pairs = ", ".join(f"{_literal(name)}, {_scalar_sql(column, kind, 'JSON')}" for name, column, kind in parts)
    return f"json_object({pairs})"


def _scalar_sql(column: str, kind: pa.DataType, target: Literal["VARCHAR", "JSON"]) -> str:
    """SQL for one value: exact decimals and times as in the ledger; nested values as JSON."""
    if pa.types.is_decimal(kind):
        written = f"{column}::VARCHAR"
        return f"regexp_replace({written}, '\\.?0+$', '')" if kind.scale > 0 else written
    if pa.types.is_timestamp(kind):
        return f"replace({column}::TIMESTAMP::VARCHAR, ' ', 'T') || 'Z'"
    if pa.types.is_list(kind):
        rendered = f"to_json(list_transform({column}, lambda part: {_scalar_sql('part', kind.value_type, 'JSON')}))"
        return rendered if target == "JSON" else f"CASE WHEN {column} IS NOT NULL THEN {rendered}::VARCHAR END"
    if pa.types.is_struct(kind):
        parts = [
            (kind.field(i).name, f"{column}.{_quoted(kind.field(i).name)}", kind.field(i).type)
            for i in range(kind.num_fields)
        ]
        rendered = f"CASE WHEN {column} IS NOT NULL THEN {_object_sql(parts)} END"
        return rendered if target == "JSON" else f"({rendered})::VARCHAR"
    if pa.types.is_map(kind):
        return (
            f"to_json({column})"
            if target == "JSON"
            else f"CASE WHEN {column} IS NOT NULL THEN to_json({column})::VARCHAR END"
        )
    plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)
    return column if plain and target == "JSON" else f"{column}::VARCHAR"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


# ------------------------------------------------------------------------------------------------------------- terminal


@dataclass(frozen=True)
class Shown:
    """What of a table fits a terminal: the columns shown, those that hold one value throughout, and those that are left out."""

    rows: list[dict[str, Any]]
    columns: list[str]
    same: dict[str, Any]
    left_out: list[str]


FOLDED, NARROWEST, BETWEEN = 40, 24, 3
"""Characters from which on a value is folded, into which sentences can still be read, and between two columns."""


def fit(rows: list[dict[str, Any]], names: Sequence[str], width: int, wanted: Sequence[str] = ()) -> Shown:
    """Choose columns for a terminal of so many characters: those that matter most come first, and whatever else there is room for.

    A column without any value says nothing; one with the same value in every row is told once; one of sentences, which is folded in any
    case, takes what room is left. `wanted` columns are shown whatever they hold.
    """
    if wanted:
        return Shown(rows, list(wanted), {}, [])
    held = [name for name in names if any(row[name] is not None for row in rows)]
    alike = [name for name in held if len(rows) > 1 and all(row[name] == rows[0][name] for row in rows)]
    differing = [name for name in held if name not in alike]
    columns: list[str] = []
    left = width - 1
    for name in differing:
        needed = max(len(heading(name)), *(longest_line(row[name]) for row in rows)) + BETWEEN
        if needed >= FOLDED + BETWEEN and left >= NARROWEST + BETWEEN:
            needed = min(needed, left)
        if needed <= left or not columns:
            columns.append(name)
            left -= needed
    left_out = [name for name in differing if name not in columns]
    return Shown(rows, columns, {name: rows[0][name] for name in alike}, left_out)


def heading(name: str) -> str:
    """A column's name as words."""
    return name.replace("_", " ")


def longest_line(value: object) -> int:
    """How wide a value stands in a terminal, where it is folded."""
    return min(FOLDED, max((len(line) for line in text(value).splitlines()), default=0))


NUMBERS = (int, Decimal, float)
STYLES = {
    "verified": "green", "adjusted": "yellow", "disputed": "yellow", "annulled": "red", "basis lost": "red", "earned": "green",
    "granted": "green", "added": "green", "removed": "red", "changed": "yellow",
}  # fmt: skip


def styled(name: str, value: object) -> Any:
    """A value as Rich text: words that matter in colour, and an attainment below the quota dimmed."""
    from rich.text import Text

    said = text(value)
    if isinstance(value, Step):
        return Text.assemble((said[: -len(text(value.now) or "–")], "dim"), (text(value.now) or "–", "bold yellow"))
    if isinstance(value, str) and value in STYLES:
        return Text(said, style=STYLES[value])
    if name.endswith("attainment") and isinstance(value, Decimal):
        return Text(said, style="bold" if value >= 1 else "dim")
    return Text(said)


def terminal(shown: Shown, title: str, caption: Iterable[str] = ()) -> Any:
    """A title, the rows with numbers to the right, and one line for each thing worth saying about them, for a Rich console."""
    from rich.console import Group
    from rich.text import Text

    lines = [*_told(shown), *caption]
    parts = [Text(title, style="bold"), _grid(shown), *(Text(line, style="dim") for line in lines)]
    return Group(*parts)


def _grid(shown: Shown) -> Any:
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in shown.columns:
        held = [
            row[name].now if isinstance(row[name], Step) else row[name] for row in shown.rows if row[name] is not None
        ]
        held = [value for value in held if value is not None]
        numeric = all(isinstance(value, NUMBERS) and not isinstance(value, bool) for value in held)
        grid.add_column(
            heading(name),
            justify="right" if numeric else "left",
            max_width=None if name == shown.columns[-1] else FOLDED,
            overflow="fold",
        )
    for row in shown.rows:
        grid.add_row(*(styled(name, row[name]) for name in shown.columns))
    return grid


def _told(shown: Shown) -> list[str]:
    told = []
    if shown.same:
        told.append(
            "In every row: " + ", ".join(f"{heading(name)} {text(value)}" for name, value in shown.same.items())
        )
    if shown.left_out:
        told.append(f"Not shown for want of width: {', '.join(shown.left_out)} (--columns NAME,... chooses)")
    return told
