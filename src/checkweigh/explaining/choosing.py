"""Choosing a row of a derived table: by words that stand in it, and by columns."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir

from ..derived import Derivation
from ..tables import Tables, collect
from ..values import decimal_of

Row = dict[str, Any]
BY_WORD = ("worker", "crew", "name", "site", "id", "shift", "entry", "about")
"""Columns, beside those of the key, in which a word is looked for."""
ABSENT = ("none", "-")
FLAGS = ("yes", "no", "true", "false")
MOST_ROWS = 40


def named(derivation: Derivation, word: str) -> str | None:
    """The column that a word names, such as `labour_attainment` or `labour-attainment`."""
    name = word.replace("-", "_").replace(" ", "_")
    return name if name in derivation.schema else None


def rows(
    tables: Tables,
    derivation: Derivation,
    parameters: Mapping[str, Any],
    words: Sequence[str],
    columns: Mapping[str, str],
) -> list[Row]:
    """The rows in which every word stands, and that have these values in these columns; at most one more than `MOST_ROWS`."""
    table = derivation.derive(tables, **parameters)
    searched = [name for name in table.columns if name in (*derivation.key, *BY_WORD)]
    meets = [ibis.or_(*(holds(table[name], word) for name in searched)) for word in words]
    meets += [holds(table[name], text) for name, text in columns.items()]
    found = table.filter(*meets) if meets else table
    return collect(found.limit(MOST_ROWS + 1)).to_pylist()  # type: ignore[no-any-return]


def holds(column: ir.Column, text: str) -> ir.BooleanValue:
    """Whether a column holds what a person writes: dates by their beginning, `none` where it is absent."""
    kind = column.type()
    if text in ABSENT:
        return column.isnull()
    if kind.is_string():
        return ibis.coalesce(column == text, False)
    if kind.is_boolean():
        return ibis.coalesce(column == (text in ("yes", "true")), False) if text in FLAGS else ibis.literal(False)
    if kind.is_date() or kind.is_timestamp():
        begins = bool(re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", text))
        return ibis.coalesce(column.cast("string").startswith(text), False) if begins else ibis.literal(False)
    number = decimal_of(text)
    if number is not None and kind.is_numeric():
        whole = kind.is_integer() and Decimal(number) != int(Decimal(number))
        return (
            ibis.literal(False)
            if whole
            else ibis.coalesce(
                column.cast("string").cast("decimal(38, 9)") == ibis.literal(Decimal(number), "decimal(38, 9)"), False
            )
        )
    return ibis.literal(False)


def of_key(table: ir.Table, key: Mapping[str, Any]) -> ir.Table:
    """The row with a key: absent where the key is."""
    return table.filter(
        *(table[name].isnull() if value is None else table[name] == value for name, value in key.items())
    )


def near(tables: Tables, derivation: Derivation, parameters: Mapping[str, Any], most: int = 20_000) -> list[str]:
    """Words that stand in the columns by which rows are chosen, to guess which one was meant."""
    table = derivation.derive(tables, **parameters)
    searched = [
        name for name in table.columns if name in (*derivation.key, *BY_WORD) and table[name].type().is_string()
    ]
    found: set[str] = set()
    for name in searched:
        found |= {word for word in collect(table.select(name).distinct().limit(most))[name].to_pylist() if word}
    return sorted(found)


def differing(derivation: Derivation, found: Sequence[Row]) -> dict[str, list[Any]]:
    """The columns of the key in which rows differ, each with what it holds in them."""
    held = {name: list(dict.fromkeys(row[name] for row in found)) for name in derivation.key}
    return {name: values for name, values in held.items() if len(values) > 1}
