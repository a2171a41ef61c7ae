"""What an import did, row for row where it matters, and the refusal that carries it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays
from ..errors import Refused

TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema([("line", pa.int64()), ("field", TEXT), ("value", TEXT), ("reason", TEXT)])

SHOWN = 80  # characters of a value that are worth a place in a message


class RefusedRow(NamedTuple):
    """Why one row cannot go in; `line` is where it begins in the file (Excel and Parquet: the row)."""

    line: int
    field: str
    value: str | None
    reason: str

    def __str__(self) -> str:
        value = "" if self.value is None else f" {self.value[:SHOWN]!r}" + "..." * (len(self.value) > SHOWN)
        return (
            f"line {self.line}: {self.field}{value}: {self.reason}"
            if self.field
            else f"line {self.line}: {self.reason}"
        )


@dataclass(frozen=True)
class Report:
    """What was read, and what became of it."""

    file: Path
    kind: str
    rows: int
    """Rows in the file, after the header."""
    added: int = 0
    skipped: int = 0
    """Rows that the ledger held already, word for word."""
    corrected: int = 0
    """Rows that replaced what the ledger held under their id; not counted in `added`."""
    refused_rows: int = 0
    refused: pa.Table = field(default_factory=SCHEMA.empty_table)
    """Every reason for which a row was refused: (line, field, value, reason), by line; a row may have several."""
    created: dict[str, int] = field(default_factory=dict)
    """How many sites, jobs, workers, crews and quotas were made along with the rows, by kind."""
    ignored: tuple[str, ...] = ()
    """Columns that were not used."""
    size_before: int = 0
    size_after: int = 0
    seconds: float = 0.0
    late_clock: bool = False
    """Whether the clock is behind the ledger, which then keeps its own last moment."""

    def refusals(self) -> Iterator[RefusedRow]:
        """Every reason, by line."""
        for batch in self.refused.to_batches(max_chunksize=10_000):
            yield from map(RefusedRow, *(batch.column(name).to_pylist() for name in SCHEMA.names))

    @property
    def nothing_new(self) -> bool:
        """Whether the ledger held all of it already."""
        return self.rows > 0 and self.skipped == self.rows


class RowsRefused(Refused):
    """Rows of a file were refused, so that nothing was written; `report` names each, and counts what would have gone in."""

    def __init__(self, report: Report) -> None:
        self.report = report
        shown = [str(row) for _, row in zip(range(5), report.refusals(), strict=False)]
        more = len(report.refused) - len(shown)
        rows = f"{report.refused_rows:,} of {report.rows:,} rows"
        next_step = "put them right" + (
            ", or pass --accept-valid to take in the others" if report.refused_rows < report.rows else ""
        )
        lines = "".join(f"\n  {row}" for row in shown) + (f"\n  and {more:,} more" if more > 0 else "")
        super().__init__(f"{report.file}: {rows} are refused and nothing was written; {next_step}{lines}")


def compact(problems: pa.Table) -> pa.Table:
    """Problems whose texts stand in them once: a million rows may be refused for the same few reasons."""
    for number, name in enumerate(problems.column_names[1:], 1):
        problems = problems.set_column(number, name, problems[name].combine_chunks().dictionary_encode())
    return problems


def sorted_refusals(found: list[pa.Table]) -> pa.Table:
    """All refusals, by line."""
    if not found:
        return arrays.empty(SCHEMA)
    table = pa.concat_tables(found).unify_dictionaries().combine_chunks()
    return table.take(pc.sort_indices(table, [("line", "ascending")]))
