"""Names for entries that a file does not name: the same row gets the same id whenever it is imported.

The id of a shift is 12 characters in base 32 (digits and a to v): the first 60 bits of the SHA-256 of these seven
texts with a tab between:

    shift	worker	ada	hew	irmino	1935-08-31T02:45:00Z	1

that is the kind, worker or crew, its id, the job, the site, when it started in UTC, and the number of shifts up to
this one in the file with the same party, job, site and start: 1 unless the file repeats them. The example is named
`ub8olm90eg9q`. The id of a quota that is made from a shift's row is made likewise from ten texts, absent ones empty:
`quota`, worker or crew, its id, the job, the first day, the day after the last, the quantity, `worker` or `crew` (for
whom it is), the hours and the basis.
"""

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.int64]
_BITS = 28
_LOW = (1 << _BITS) - 1

_NUMBER = "('0x' || left(sha256(concat_ws(chr(9), {key})), 15))::BIGINT"
_PARTY = "CASE WHEN worker IS NOT NULL THEN 'worker' ELSE 'crew' END, coalesce(worker, crew)"
_SHIFT = f"'shift', {_PARTY}, job, site, concat(replace(started::VARCHAR, ' ', 'T'), 'Z'), "
_QUOTA = (
    f"'quota', {_PARTY}, job, \"from\"::VARCHAR, until::VARCHAR, regexp_replace(quantity::VARCHAR, '\\.?0+$', ''), per, "
    "coalesce(regexp_replace(hours::VARCHAR, '\\.?0+$', ''), ''), coalesce(basis, '')"
)


def _base_32(number: str) -> str:
    return f"lower(to_base({number}, 32, 12))"


class Namer:
    """Names the rows of one file, chunk by chunk; its memory is 8 bytes a row and 32 MiB."""

    def __init__(self) -> None:
        self._seen = _Seen()

    def shifts(self, table: pa.Table) -> Any:
        """An id for each row of worker, crew, job, site and started; null where one of these is missing."""
        number = _NUMBER.format(key=_SHIFT + "'1'")
        known = "coalesce(worker, crew) IS NOT NULL AND job IS NOT NULL AND site IS NOT NULL AND started IS NOT NULL"
        sql = f"SELECT number, {_base_32('number')} AS id FROM (SELECT CASE WHEN {known} THEN {number} END AS number FROM shifts)"
        with duckdb.connect() as engine:
            engine.execute("SET threads = 1")
            engine.register("shifts", table)
            found = engine.sql(sql).to_arrow_table().combine_chunks()
        numbers, ids = found["number"].combine_chunks(), found["id"].combine_chunks()
        rows = np.flatnonzero(numbers.is_valid().to_numpy(zero_copy_only=False))
        count = self._seen.counted(numbers.drop_null().to_numpy(zero_copy_only=False))
        again = count > 1
        return ids if not again.any() else _patched(ids, rows[again], _named_again(table, rows[again], count[again]))


def quotas(table: pa.Table) -> Any:
    """An id for each row of worker, crew, job, from, until, quantity, per, hours and basis."""
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        engine.register("quotas", table)
        found = engine.sql(f"SELECT {_base_32(_NUMBER.format(key=_QUOTA))} AS id FROM quotas").to_arrow_table()
        return found["id"].combine_chunks()


def _named_again(table: pa.Table, rows: Any, count: Any) -> Any:
    """Ids of the rows that are the second or a later one of their party, job, site and start."""
    again = table.take(pa.array(rows)).append_column("n", pa.array(count))
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        engine.register("again", again)
        sql = f"SELECT {_base_32(_NUMBER.format(key=_SHIFT + 'n::VARCHAR'))} AS id FROM again"
        return engine.sql(sql).to_arrow_table()["id"].combine_chunks()


def _patched(texts: Any, rows: Any, others: Any) -> Any:
    places = np.arange(len(texts))
    places[rows] = len(texts) + np.arange(len(others))
    return pa.concat_arrays([texts, others]).take(pa.array(places))


class _Seen:
    """Counts how often a number has come up. A field of bits says which may have come up before; only these are searched for."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << (_BITS - 3), np.uint8)
        self._runs: list[Hashes] = []

    def counted(self, numbers: Hashes) -> Hashes:
        """For each number how often it has come up by now, itself included."""
        count = np.ones(len(numbers), np.int64)
        if not len(numbers):
            return count
        ordered = np.sort(numbers)
        if (ordered[1:] == ordered[:-1]).any():
            count += _earlier(numbers)
        maybe = np.flatnonzero(self._has(numbers & _LOW) & self._has(numbers >> _BITS & _LOW))
        if len(maybe):
            wanted = numbers[maybe]
            count[maybe] += sum(
                np.searchsorted(run, wanted, "right") - np.searchsorted(run, wanted) for run in self._runs
            )
        for places in (numbers & _LOW, numbers >> _BITS & _LOW):
            np.bitwise_or.at(self._bits, places >> 3, np.left_shift(1, places & 7).astype(np.uint8))
        self._runs.append(ordered)
        return count

    def _has(self, places: Hashes) -> Any:
        return self._bits[places >> 3] >> (places & 7).astype(np.uint8) & 1 != 0


def _earlier(numbers: Hashes) -> Hashes:
    """For each number how many equal ones stand before it."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(begins, len(ordered)))
    earlier = np.empty(len(numbers), np.int64)
    earlier[order] = np.arange(len(numbers)) - np.repeat(begins, lengths)
    return earlier
