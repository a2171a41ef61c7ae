"""Quantities in the job's unit, exactly.

A cell holds a number, or a number and a unit (`102 t`); a `unit` column or constant gives the unit of cells that name
none. Whole columns are converted by integer arithmetic on nine decimal places; what does not come out even is a
problem of its row, as it would be one by one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec, fields, units
from ..values import decimal_of
from .cells import Problem, bounded, constant, exact

QUANTITY = codec.schema("shift").field("quantity").type
_MOST = 10**18 - 1


def in_unit_of_jobs(
    name: str, texts: Any, given: Any, jobs: Any, unit_of: Mapping[str, str]
) -> tuple[Any, list[Problem]]:
    """A column of quantities in the units of the rows' jobs, with the problems of the rows that have none there.

    `given` are the units that rows name: a column, one for all, or None when no row names any; `jobs` is a dictionary array.
    """
    units_of_jobs = [unit_of.get(job) for job in jobs.dictionary.to_pylist()]
    if given is None or isinstance(given, str):
        try:
            if given is None or all(unit in (given, None) for unit in units_of_jobs):
                return texts.cast(QUANTITY), []
        except pa.ArrowInvalid:
            pass
        given = pa.nulls(len(texts), pa.string()) if given is None else constant(given, len(texts))
    wanted = pa.array(units_of_jobs, pa.string()).take(jobs.indices)
    factors = _factors(given, wanted)
    quantity, _ = exact("quota", "quantity", pc.if_else(factors.plain, texts, pa.scalar(None, pa.string())), _never)
    quantity, even = factors.apply(quantity)
    rest = np.flatnonzero(arrays.numpy_of(texts.is_valid()) & ~even)
    return _one_by_one(name, quantity, (texts, given, wanted), rest)


def _never(text: str) -> str:
    raise fields.Unreadable("is not a plain number")


class _Factors:
    """What each row's number is multiplied by: numerator and denominator; `plain` where that is known."""

    def __init__(self, numerators: Any, denominators: Any, plain: Any) -> None:
        self.numerators, self.denominators = numerators, denominators
        self.plain = pa.array(plain)

    def apply(self, quantity: Any) -> tuple[Any, Any]:
        """The products, null where they are not even or too large; and whether they are neither."""
        values = bounds.scaled(quantity)
        whole, rest = np.divmod(values, self.denominators)
        even = arrays.numpy_of(quantity.is_valid()) & (rest == 0) & (np.abs(whole) <= _MOST // self.numerators)
        products = np.where(even, whole, 0) * self.numerators
        return _decimals(products, even), even


def _factors(given: Any, wanted: Any) -> _Factors:
    pairs = pc.binary_join_element_wise(arrays.filled(given, ""), arrays.filled(wanted, ""), "\t").dictionary_encode()
    found = [_fraction(*pair.split("\t")) for pair in pairs.dictionary.to_pylist()]
    places = arrays.numpy_of(pairs.indices)
    numerators, denominators = (np.asarray([one[part] for one in found], dtype=np.int64)[places] for part in (0, 1))
    return _Factors(numerators, denominators, np.asarray([one[2] for one in found], dtype=np.bool_)[places])


def _fraction(given: str, wanted: str) -> tuple[int, int, bool]:
    ratio = units.factor(given, wanted) if given and wanted and given != wanted else 1
    if ratio is None or max(ratio.numerator, ratio.denominator) > _MOST:
        return 1, 1, False
    return ratio.numerator, ratio.denominator, True


def _decimals(numbers: Any, valid: Any) -> Any:
    """Numerators over 10**9 as decimals."""
    words = np.empty((len(numbers), 2), np.int64)
    words[:, 0], words[:, 1] = numbers, numbers >> 63
    whole = pa.Array.from_buffers(QUANTITY, len(numbers), [None, pa.py_buffer(words)])
    return whole if valid.all() else pc.if_else(pa.array(valid), whole, pa.scalar(None, QUANTITY))


def _one_by_one(name: str, quantity: Any, sources: tuple[Any, Any, Any], rest: Any) -> tuple[Any, list[Problem]]:
    """What the whole could not convert: each distinct text, unit and job's unit by itself."""
    if not len(rest):
        return quantity, []
    places, seen = np.zeros(len(rest), np.int64), dict[tuple[Any, ...], int]()
    for at, key in enumerate(zip(*(source.take(pa.array(rest)).to_pylist() for source in sources), strict=True)):
        places[at] = seen.setdefault(key, len(seen))
    values: list[str | None] = []
    problems: list[Problem] = []
    for place, (text, given, wanted) in enumerate(seen):
        try:
            values.append(_read(text, given, wanted))
        except fields.Unreadable as reason:
            values.append(None)
            problems.append(Problem(rest[places == place], name, text, str(reason)))
    where = np.full(len(quantity), -1, np.int64)
    where[rest] = places
    found = pa.array(values, pa.string()).take(pa.array(where, mask=where < 0)).cast(QUANTITY)
    return pc.coalesce(quantity, found), problems


def _read(text: str, given: str | None, wanted: str | None) -> str:
    if given and decimal_of(text) is not None:
        text = f"{text} {given}"
    return bounded("quota", "quantity", fields.quantity(text, wanted))
