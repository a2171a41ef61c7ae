"""Asking for a derived table: as known at one size of the ledger, or what changed between two.

Every face asks here, so a figure shown in two places comes from one derivation.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ibis
import pyarrow as pa

from . import changes
from .derived import Derivation
from .tables import Tables, answers

ROWS = 65_536
RUN = 1 << 19


@contextmanager
def answer(
    known: Sequence[Tables], derivation: Derivation, parameters: Mapping[str, Any]
) -> Iterator[pa.RecordBatchReader]:
    """The rows of a table as known at a size, or what changed from the first of two states to the second (see `changes`), in batches."""
    readers = [_reader(tables, derivation, parameters) for tables in known]
    if len(readers) == 1:
        yield readers[0]
        return
    before, now = readers
    with changes.between(before, now, derivation.key) as changed:
        yield changed


def _reader(tables: Tables, derivation: Derivation, parameters: Mapping[str, Any]) -> pa.RecordBatchReader:
    """The rows as the engine finds them, in the types that are declared."""
    schema = derivation.schema.to_pyarrow()
    sql = ibis.to_sql(derivation.derive(tables, **parameters), dialect="duckdb")
    queries = _run_by_run(sql, derivation.by_entry, tables.size) if derivation.by_entry else [sql]
    batches = (batch for query in queries for batch in answers(tables.shift, query, ROWS))
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))


def _run_by_run(sql: str, column: str, size: int) -> Iterator[str]:
    """A query for each run of the log, so that rows come in its order without all of them being sorted at once."""
    for start in range(0, size, RUN):
        yield f"SELECT * FROM ({sql}) WHERE {column} >= {start} AND {column} < {start + RUN} ORDER BY {column}"
