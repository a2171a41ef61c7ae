"""What changed between two states of one table: rows added, removed, and changed, with the figures of both.

The result has the column `difference` (added, removed, changed), then the columns of the table as they are now (for a removed row: as they
were), then for every column that is not of the key `NAME_before`: what it was, absent for an added row. Rows stand in the order of the
later table, removed ones where they stood in the earlier one. Two absent values are the same value.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, NamedTuple

import pyarrow as pa

DIFFERENCE = "difference"
BEFORE = "_before"
"""No derived table has a column of the one name, or one that ends as the other does."""


@contextmanager
def between(
    before: pa.RecordBatchReader, now: pa.RecordBatchReader, key: Sequence[str]
) -> Iterator[pa.RecordBatchReader]:
    """A reader of what changed; `key` are the columns that tell which row is which, unique in either state."""
    import duckdb

    with duckdb.connect() as engine:
        engine.register("before_rows", before)
        engine.register("now_rows", now)
        yield engine.sql(_sql(now.schema.names, key)).to_arrow_reader(65_536)


def told(rows: list[dict[str, Any]], names: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of `between` for people: a changed value stands with what it was as a `Step`.

    What the difference is comes first, then the columns with which the table begins: those that tell the rows apart, and one more; then
    those that changed.
    """
    plain = [name for name in names if not name.endswith(BEFORE)]
    merged = [{name: _step(row, name) for name in plain} for row in rows]
    stepped = [name for name in plain if any(isinstance(row[name], Step) for row in merged)]
    others = [name for name in plain if name != DIFFERENCE]
    key = [*takewhile(lambda name: name + BEFORE not in names, others)]
    return merged, list(dict.fromkeys((DIFFERENCE, *others[: len(key) + 1], *stepped, *others)))


class Step(NamedTuple):
    """A value that was another one before."""

    before: Any
    now: Any


def _step(row: dict[str, Any], name: str) -> Any:
    changed = row[DIFFERENCE] == "changed" and name + BEFORE in row and row[name + BEFORE] != row[name]
    return Step(row[name + BEFORE], row[name]) if changed else row[name]


def _sql(names: Sequence[str], key: Sequence[str]) -> str:
    others = [name for name in names if name not in key]
    matched = " AND ".join(f"n.{_quoted(name)} IS NOT DISTINCT FROM b.{_quoted(name)}" for name in key)
    differs = " OR ".join(f"n.{_quoted(name)} IS DISTINCT FROM b.{_quoted(name)}" for name in others) or "false"
    there = "CASE WHEN b.row_there IS NULL THEN 'added' WHEN n.row_there IS NULL THEN 'removed' ELSE 'changed' END"
    current = [
        f"CASE WHEN n.row_there IS NULL THEN b.{_quoted(name)} ELSE n.{_quoted(name)} END AS {_quoted(name)}"
        for name in names
    ]
    earlier = [f"b.{_quoted(name)} AS {_quoted(name + BEFORE)}" for name in others]
    numbered = "SELECT *, row_number() OVER () AS row_there FROM"
    return f"""
        SELECT {", ".join([f"{there} AS {DIFFERENCE}", *current, *earlier])}
        FROM ({numbered} now_rows) AS n FULL JOIN ({numbered} before_rows) AS b ON {matched}
        WHERE n.row_there IS NULL OR b.row_there IS NULL OR {differs}
        ORDER BY coalesce(n.row_there, b.row_there), n.row_there IS NULL
    """


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
