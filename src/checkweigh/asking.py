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
from .tables import Tables

ROWS = 65_536
RUN = 1 << 19
KEYS: dict[str, tuple[str, ...]] = {
    "attainment": ("id",),
    "standings": ("from", "party"),
    "records": ("job", "measure", "scope", "within", "holder", "length", "shift"),
    "honours": ("honour", "rule", "award", "worker", "crew", "from", "on", "shift"),
}
"""Which columns tell which row of a table is which, at whatever size it is asked for."""
BY_ENTRY = {"attainment": "first_entry"}
"""Tables that come in no order, with the index by which they are put into that of the log: the same question gets the same bytes."""
FIRST: dict[str, tuple[str, ...]] = {
    "attainment": ("id", "worker", "crew", "quantity", "expected", "attainment", "labour_attainment", "status", "day", "job", "holder"),
    "standings": ("from", "party", "name", "rank", "shifts", "attainment", "change", "quantity", "expected", "unit"),
    "records": ("job", "measure", "scope", "within", "holder", "value", "worker", "crew", "shift", "set_on", "beaten_on", "beaten_by"),
    "honours": ("honour", "status", "worker", "crew", "measure", "value", "on", "from", "until", "shift", "award"),
}  # fmt: skip
"""What a terminal shows of a table first, where not everything fits."""


def in_order(table: str, names: Sequence[str]) -> list[str]:
    """The columns of a table, those of `FIRST` before the rest."""
    first = [name for name in FIRST.get(table, ()) if name in names]
    return first + [name for name in names if name not in first]


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
    with changes.between(before, now, KEYS[derivation.name]) as changed:
        yield changed


def _reader(tables: Tables, derivation: Derivation, parameters: Mapping[str, Any]) -> pa.RecordBatchReader:
    """The rows as the engine finds them, in the types that are declared."""
    schema = derivation.schema.to_pyarrow()
    sql = ibis.to_sql(derivation.derive(tables, **parameters), dialect="duckdb")
    queries = _run_by_run(sql, BY_ENTRY[derivation.name], tables.size) if derivation.name in BY_ENTRY else [sql]
    batches = (batch for query in queries for batch in tables.engine.sql(query).to_arrow_reader(ROWS))
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))


def _run_by_run(sql: str, column: str, size: int) -> Iterator[str]:
    """A query for each run of the log, so that rows come in its order without all of them being sorted at once."""
    for start in range(0, size, RUN):
        yield f"SELECT * FROM ({sql}) WHERE {column} >= {start} AND {column} < {start + RUN} ORDER BY {column}"
