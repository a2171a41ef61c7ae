"""Asking for a derived table: as known at one size of the ledger, or what changed between two.

Every face asks here, so a figure shown in two places comes from one derivation. What is asked comes as texts, from a command line or from
a query, and is read here: which table, the table's own options, which rows and in which order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from . import changes, queries
from .derived import DERIVED, Derivation, Parameter
from .errors import Refused
from .explaining.choosing import holds
from .fields import meant
from .tables import Tables, answers

ROWS = 65_536
RUN = 1 << 19
MOST = 2**53
"""Numbers from here on are told of nothing that is counted."""
NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,3})?")
"""A number from 0, as a ratio is written."""


@dataclass(frozen=True)
class Narrowed:
    """Which rows of a table, and in which order.

    `where` names columns, each with texts of which a row must have one (see `explaining.choosing.holds`); `order` names columns, `-`
    before one that falls. `start` is where to begin: at so many rows, or, of a table that comes in the order of the log and is not
    ordered anew, at the row of that index.
    """

    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    order: Sequence[str] = ()
    start: int = 0
    limit: int | None = None

    def by_log(self, derivation: Derivation) -> bool:
        """Whether rows come in the order of the log, which needs no sorting and lets one begin anywhere."""
        return derivation.by_entry is not None and not self.order

    def of(self, table: ir.Table, key: Sequence[str] = ()) -> ir.Table:
        """Those rows of a table. What is equal in the columns that order it stands in the order of its key."""
        for name, texts in self.where.items():
            table = table.filter(ibis.or_(*(holds(table[name], text) for text in texts)))
        falling = {name.removeprefix("-"): name.startswith("-") for name in self.order}
        if falling:
            keys = {**falling, **{name: False for name in key if name not in falling}}
            table = table.order_by([_sorted(table[name], down) for name, down in keys.items()])
        return table


def _sorted(column: ir.Column, falling: bool) -> ir.Column:
    """Absent values come last, whichever way."""
    return column.desc(nulls_first=False) if falling else column.asc(nulls_first=False)


ALL = Narrowed()


@contextmanager
def answer(
    known: Sequence[Tables], derivation: Derivation, parameters: Mapping[str, Any], wanted: Narrowed = ALL
) -> Iterator[pa.RecordBatchReader]:
    """The rows of a table as known at a size, or what changed from the first of two states to the second (see `changes`), in batches."""
    if len(known) == 1:
        yield _reader(known[0], derivation, parameters, wanted)
        return
    before, now = (_reader(tables, derivation, parameters, ALL) for tables in known)
    with changes.between(before, now, derivation.key) as changed:
        yield changed if wanted == ALL else _narrowed(changed, wanted, derivation.key)


def _reader(
    tables: Tables, derivation: Derivation, parameters: Mapping[str, Any], wanted: Narrowed
) -> pa.RecordBatchReader:
    """The rows as the engine finds them, in the types that are declared."""
    schema = derivation.schema.to_pyarrow()
    found = wanted.of(derivation.derive(tables, **parameters), derivation.key)
    if not wanted.by_log(derivation):
        found = found.limit(wanted.limit, offset=wanted.start) if (wanted.limit is not None or wanted.start) else found
        asked: Iterator[str] = iter([queries.sql(found)])
    elif wanted.limit is not None:
        rows = found.filter(found[derivation.by_entry] >= wanted.start).order_by(derivation.by_entry)
        asked = iter([queries.sql(rows.limit(wanted.limit))])
    else:
        asked = _run_by_run(queries.sql(found), str(derivation.by_entry), wanted.start, tables.size)
    batches = (batch for query in asked for batch in answers(tables.shift, query, ROWS))
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))


def _run_by_run(sql: str, column: str, begin: int, size: int) -> Iterator[str]:
    """A query for each run of the log, so that rows come in its order without all of them being sorted at once."""
    for start in range(begin, size, RUN):
        yield f"SELECT * FROM ({sql}) WHERE {column} >= {start} AND {column} < {start + RUN} ORDER BY {column}"


def _narrowed(rows: pa.RecordBatchReader, wanted: Narrowed, key: Sequence[str]) -> pa.RecordBatchReader:
    """Some rows of what is no table of an engine."""
    import duckdb

    found = wanted.of(ibis.table(ibis.Schema.from_pyarrow(rows.schema), name="rows_given"), (changes.DIFFERENCE, *key))
    found = found.limit(wanted.limit, offset=wanted.start) if (wanted.limit is not None or wanted.start) else found
    engine = duckdb.connect()
    engine.register("rows_given", rows)
    reader = engine.sql(str(ibis.to_sql(found, dialect="duckdb"))).to_arrow_reader(ROWS)
    return pa.RecordBatchReader.from_batches(rows.schema, (batch.cast(rows.schema) for batch in reader))


def derivation_named(table: str) -> Derivation:
    """The derived table of a name. Raises Refused where there is none."""
    if table not in DERIVED:
        raise Refused(f"there is no table {table!r}{meant(table, DERIVED)}; the tables are {', '.join(DERIVED)}")
    return DERIVED[table]


def value_of(name: str, parameter: Parameter, text: str) -> Any:
    """What a text says for an option of a table. Raises Refused where it says nothing."""
    if parameter.kind == "choice" and text not in parameter.choices:
        raise Refused(f"{name} {text!r}{meant(text, parameter.choices)} is none of {', '.join(parameter.choices)}")
    if parameter.kind == "flag":
        return text.lower() not in ("no", "false")
    if parameter.kind == "whole":
        if not (text.isascii() and text.isdecimal()) or int(text) >= MOST:
            raise Refused(f"{name} {text!r} is not a whole number")
        return int(text)
    if parameter.kind == "ratio":
        if not NUMBER.fullmatch(text):
            raise Refused(f"{name} {text!r} is not a number, such as 0.05")
        return float(text)
    return text
