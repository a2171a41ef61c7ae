"""Files of rows: CSV, Parquet and Excel, read as text, a chunk at a time.

Every file becomes the same thing: a header, and chunks of at most 131,072 rows whose cells are texts, None where
empty. What a cell means is decided later and in one place. Records are counted from 0 in the order of the file;
`lines` says afterwards, for the few that are refused, on which line of the file they begin (in Excel and Parquet:
which row), since quoted cells may hold line breaks.

A CSV file is UTF-8, with or without a byte order mark; its cells are separated by the comma, semicolon, tab or bar
that occurs most often in the header. Rows with another number of cells than the header are left out of the chunks and
listed by `misshapen`.
"""

import codecs
import csv
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ..errors import Refused
from . import workbook

FIRST_ROWS = 16_384
CHUNK_ROWS = 131_072
CHUNK_BYTES = 64 << 20
BLOCK = 2 << 20
EXCEL_SECONDS = 600
Positions = Sequence[int]
Numbers = npt.NDArray[np.int64]


class Sheet(Protocol):
    """A file of rows. `total` and what `chunks` reports as done are in the same unit: bytes, or rows."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def header(self) -> list[str]:
        """The names of the columns."""

    @property
    def total(self) -> int:
        """How much there is to read."""

    def chunks(self, wanted: Positions) -> Iterator[tuple[pa.Table, int]]:
        """Tables of the wanted columns, named by their position, as text; and how much of the file is done."""

    def lines(self, records: Numbers) -> Numbers:
        """The line of the file on which each of these records, given in ascending order, begins."""

    def misshapen(self) -> Iterator[tuple[int, int]]:
        """(line, number of cells) of each row that has not as many cells as the header."""


def open_sheet(path: str | Path, sheet: str | None = None) -> Sheet:
    """The rows of a file, whose beginning says what it is. Raises Refused when it is none that can be read."""
    path = Path(path)
    if path.is_dir():
        raise Refused(f"{path} is a directory; give a file: CSV, Parquet or Excel")
    if not path.is_file():
        raise Refused(f"{path} is not there; check the name of the file")
    with path.open("rb") as file:
        start = file.read(16)
    if not start.strip():
        raise Refused(f"{path} is empty; it needs a header line that names its columns")
    if start[:4] == b"PAR1":
        return ParquetSheet(path)
    if start[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        return ExcelSheet(path, sheet)
    for magic, says in _OTHERS.items():
        if start.startswith(magic):
            raise Refused(f"{path} is {says}, not a table; give a CSV, Parquet or Excel file")
    return CsvSheet(path)


_OTHERS = {
    b"SQLite format 3": "a SQLite database", b"\x1f\x8b": "compressed (unpack it first)", b"%PDF": "a PDF document",
    b"\xff\xfe": "text in UTF-16 (save it as CSV in UTF-8)", b"\xfe\xff": "text in UTF-16 (save it as CSV in UTF-8)",
}  # fmt: skip


def checked_header(path: Path, header: Iterable[Any]) -> list[str]:
    """The names of the columns, trimmed. Raises Refused when two are the same."""
    names = ["" if name is None else str(name).strip() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Refused(
            f"{path}: the header names {', '.join(map(repr, twice))} twice; give each column a name of its own"
        )
    return names


class CsvSheet:
    """A file of separated values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = path.stat().st_size
        # Arrow would find it too, but not in rows that it leaves out.
        if not _is_utf8(path):
            raise _not_utf8(path)
        self.delimiter = _delimiter(path)
        with self._reader() as reader:
            first: list[str] = next(reader, [])
            self._has_rows = next(reader, None) is not None
        if "\ufffd" in "".join(first):
            raise _not_utf8(path)
        self.header = checked_header(path, first)
        self.left_out = 0

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        """Python's own reader: slow, and only for the header and for finding lines."""
        limit = csv.field_size_limit(sys.maxsize)
        try:
            with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                yield csv.reader(file, delimiter=self.delimiter)
        finally:
            csv.field_size_limit(limit)

    def chunks(self, wanted: Positions) -> Iterator[tuple[pa.Table, int]]:
        """Tables of the wanted columns, named by their position, as text; and how many bytes are done."""
        self.left_out = 0
        if not self._has_rows:
            return
        names = [str(position) for position in wanted]
        with pa.OSFile(str(self.path)) as file:
            try:
                with pyarrow.csv.open_csv(file, **self._options(names)) as reader:
                    for table in rechunked(pa.Table.from_batches([batch]).select(names) for batch in reader):
                        yield table, file.tell()
            except pa.ArrowInvalid as error:
                raise _unreadable(self.path, str(error)) from None

    def _options(self, names: list[str]) -> dict[str, Any]:
        every = [str(position) for position in range(len(self.header))]
        return {
            "read_options": pyarrow.csv.ReadOptions(block_size=BLOCK, column_names=every, skip_rows_after_names=1),
            "parse_options": pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=self._leave_out
            ),
            "convert_options": pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(every, pa.string()), include_columns=names, null_values=[""],
                strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        }  # fmt: skip

    def _leave_out(self, row: Any) -> str:
        self.left_out += 1
        return "skip"

    def lines(self, records: Numbers) -> Numbers:
        """The line on which each of these records begins."""
        good = (line for line, cells in self._records() if cells == len(self.header))
        steps = np.diff(records, prepend=-1).tolist()
        return np.fromiter((next(islice(good, step - 1, None)) for step in steps), np.int64, len(records))

    def misshapen(self) -> Iterator[tuple[int, int]]:
        """(line, number of cells) of each row that has not as many cells as the header."""
        if self.left_out:
            yield from ((line, cells) for line, cells in self._records() if cells != len(self.header))

    def _records(self) -> Iterator[tuple[int, int]]:
        """(line, number of cells) of every record after the header; empty lines are none."""
        with self._reader() as reader:
            next(reader, None)
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield line, len(cells)
                line = reader.line_num + 1


def rechunked(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of CHUNK_ROWS rows, or fewer where rows are long. The first are smaller, so that work begins early."""
    waiting: list[pa.Table] = []
    rows, wanted = 0, FIRST_ROWS
    for table in tables:
        waiting.append(table)
        rows += len(table)
        while rows >= wanted or (rows and sum(part.nbytes for part in waiting) >= CHUNK_BYTES):
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, wanted).combine_chunks()
            waiting, wanted = [whole.slice(wanted)], min(2 * wanted, CHUNK_ROWS)
            rows = len(waiting[0])
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()


def _delimiter(path: Path) -> str:
    with path.open("rb") as file:
        line = file.readline(1 << 16)
    counts = {delimiter: line.count(delimiter.encode()) for delimiter in ",;\t|"}
    return max(counts, key=lambda delimiter: counts[delimiter])


def _unreadable(path: Path, reason: str) -> Refused:
    if "UTF8" in reason:
        return _not_utf8(path)
    if "straddl" in reason or "out of sync" in reason:
        return Refused(
            f"{path}: a row is longer than {BLOCK >> 20} MiB; look for a quotation mark that is never closed"
        )
    return Refused(f"{path} cannot be read as CSV: {reason}")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(BLOCK):
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _not_utf8(path: Path) -> Refused:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                found = f"line {number}, byte {error.start + 1} is {line[error.start]:#04x}"
                return Refused(f"{path} is not UTF-8: {found}; save the file as CSV in UTF-8")
    return Refused(f"{path} holds the replacement character U+FFFD in its header; it was spoilt when it was saved")


@contextmanager
def _as_parquet(path: Path) -> Iterator[None]:
    """Reading Parquet: over a damaged file Arrow raises errors of many kinds."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise Refused(f"{path} begins as Parquet does, but cannot be read: {said}; have it written again") from None


class ParquetSheet:
    """A Parquet file. Its columns become text, so that a date in it is read by the rules that a date in CSV is read by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _as_parquet(path):
            self._file = pyarrow.parquet.ParquetFile(path)
            names = self._file.schema_arrow.names
        self.total = self._file.metadata.num_rows
        self.header = checked_header(path, names)

    def chunks(self, wanted: Positions) -> Iterator[tuple[pa.Table, int]]:
        """Tables of the wanted columns, named by their position, as text; and how many rows are done."""
        names = [self._file.schema_arrow.names[position] for position in wanted]
        done = 0
        with _as_parquet(self.path):
            batches = self._file.iter_batches(batch_size=CHUNK_ROWS, columns=names)
            for table in rechunked(pa.Table.from_batches([batch]).select(names) for batch in batches):
                done += len(table)
                columns = [_text(self.path, name, table[name]) for name in names]
                yield pa.table(columns, names=[str(position) for position in wanted]), done

    def lines(self, records: Numbers) -> Numbers:
        """Rows are counted from 1."""
        return records + 1

    def misshapen(self) -> Iterator[tuple[int, int]]:
        """All rows of a Parquet file have all columns."""
        return iter(())


def _text(path: Path, name: str, column: Any) -> Any:
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise Refused(f"{path}: column {name!r} holds {kind}, not plain values; write it as text")
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz))
    texts = column.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


@dataclass(frozen=True)
class ExcelSheet:
    """One sheet of an Excel file: its first, unless another is named. Its first row that is not empty is the header."""

    path: Path
    sheet: str | None = None

    @cached_property
    def _rows(self) -> list[tuple[int, list[str | None]]]:
        """(row number, cells) of every row that is not empty."""
        command = [sys.executable, workbook.__file__, str(self.path), self.sheet or ""]
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=EXCEL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"{self.path} was not read within {EXCEL_SECONDS // 60} minutes; save it as CSV") from None
        if done.returncode:
            limit = f"asks for more than {workbook.MEMORY_BYTES >> 30} GiB of memory"
            raise Refused(f"{self.path} cannot be read as an Excel file: it is damaged, or {limit}; save it as CSV")
        found = msgspec.json.decode(b"[" + b",".join(done.stdout.splitlines()) + b"]")
        if found and isinstance(found[0], str):
            raise Refused(found[0])
        return [(number, cells) for number, cells in found]

    @cached_property
    def header(self) -> list[str]:
        """The names of the columns."""
        if not self._rows:
            raise Refused(f"{self.path} is empty; it needs a row that names its columns")
        return checked_header(self.path, self._rows[0][1])

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._rows) - 1

    def chunks(self, wanted: Positions) -> Iterator[tuple[pa.Table, int]]:
        """Tables of the wanted columns, named by their position, as text; and how many rows are done."""
        for start in range(1, len(self._rows), CHUNK_ROWS):
            part = self._rows[start : start + CHUNK_ROWS]
            columns = [pa.array([row[position] for _, row in part], pa.string()) for position in wanted]
            yield pa.table(columns, names=[str(position) for position in wanted]), start - 1 + len(part)

    def lines(self, records: Numbers) -> Numbers:
        """The row numbers that Excel shows."""
        return np.fromiter((self._rows[record + 1][0] for record in records.tolist()), np.int64, len(records))

    def misshapen(self) -> Iterator[tuple[int, int]]:
        """All rows of a sheet have all columns."""
        return iter(())
