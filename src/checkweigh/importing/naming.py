"""Names for entries that a file does not name: the same row gets the same id whenever it is imported.

The id of a shift is 12 characters in base 32 (digits and a to v): the first 60 bits of the SHA-256 of these six texts
with a tab between:

    worker	ada	hew	irmino	1935-08-31T02:45:00Z	1

that is worker or crew, its id, the job, the site, when it started in UTC, and the number of shifts up to this one in
the file with the same party, job, site and start: 1 unless the file repeats them. The example is named `6o4crv4qg24a`.
The id of a quota that is made from a shift's row is made likewise from nine texts, absent ones empty: worker or crew,
its id, the job, the first day, the day after the last, the quantity, `worker` or `crew` (for whom it is), the hours
and the basis.
"""

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec

Hashes = npt.NDArray[np.int64]
_LETTERS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuv", np.uint8)

_SHIFT = "concat({party}, job, chr(9), site, chr(9), started, chr(9), {n})"
_PARTY = "CASE WHEN worker IS NOT NULL THEN 'worker' ELSE 'crew' END, chr(9), coalesce(worker, crew), chr(9)"
_QUOTA = (
    "concat_ws(chr(9), CASE WHEN worker IS NOT NULL THEN 'worker' ELSE 'crew' END, coalesce(worker, crew), job, "
    "\"from\"::VARCHAR, until::VARCHAR, regexp_replace(quantity::VARCHAR, '\\.?0+$', ''), per, "
    "coalesce(regexp_replace(hours::VARCHAR, '\\.?0+$', ''), ''), coalesce(basis, ''))"
)


class Namer:
    """Names the rows of one file, chunk by chunk; its memory is 8 bytes a row. Used by one thread at a time."""

    def __init__(self) -> None:
        self._seen = _Seen()
        self._engine = codec.cursor()

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def shifts(self, table: pa.Table) -> Any:
        """An id for each row of worker, crew, job, site and started; null where one of these is missing."""
        known = _known(table)
        started = codec.times(bounds.flat(table["started"]))
        table = table.set_column(table.column_names.index("started"), "started", started)
        party = next(
            (f"'{one}', chr(9), {one}, chr(9)" for one in ("worker", "crew") if not table[one].null_count), _PARTY
        )
        numbers = self._numbers(_SHIFT.format(party=party, n="1"), table)
        if known is None:
            count = self._seen.counted(numbers)
        else:
            count = np.ones(len(numbers), np.int64)
            count[known] = self._seen.counted(numbers[known])
        again = np.flatnonzero(count > 1)
        if len(again):
            repeated = table.take(pa.array(again)).append_column("n", pa.array(count[again]))
            numbers = numbers.copy()
            numbers[again] = self._numbers(_SHIFT.format(party=party, n="n"), repeated)
        ids = _base_32(numbers)
        return ids if known is None else pc.if_else(arrays.flags(known), ids, pa.nulls(1, pa.string())[0])

    def quotas(self, table: pa.Table) -> Any:
        """An id for each row of worker, crew, job, from, until, quantity, per, hours and basis."""
        return _base_32(self._numbers(_QUOTA, table))

    def _numbers(self, key: str, table: pa.Table) -> Hashes:
        """The first 60 bits of the SHA-256 of each row's key."""
        self._engine.register("rows_to_name", table)
        found = self._engine.sql(f"SELECT left(sha256({key}), 16) AS digits FROM rows_to_name").to_arrow_table()
        self._engine.unregister("rows_to_name")
        digits = codec.letters_of(bounds.flat(found["digits"])).decode()
        return (np.frombuffer(bytes.fromhex(digits), ">u8") >> 4).astype(np.int64)


def _known(table: pa.Table) -> Any:
    """Per row whether all that its name is made of is known; None when that is so throughout."""
    party = pc.or_(table["worker"].is_valid(), table["crew"].is_valid())
    rest = (table[name].is_valid() for name in ("job", "site", "started"))
    known = arrays.numpy_of(reduce(pc.and_, rest, party))
    return None if known.all() else known


def _base_32(numbers: Hashes) -> Any:
    """Twelve letters for each number."""
    letters = np.empty((len(numbers), 12), np.uint8)
    for place in range(12):
        letters[:, place] = _LETTERS[numbers >> 5 * (11 - place) & 31]
    offsets = np.arange(0, 12 * len(numbers) + 1, 12, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(letters))


class _Seen:
    """Counts how often a number has come up. What came up before rests in a few sorted runs, the longest first."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def counted(self, numbers: Hashes) -> Hashes:
        """For each number how often it has come up by now, itself included."""
        count = np.ones(len(numbers), np.int64)
        if not len(numbers):
            return count
        ordered = np.sort(numbers)
        if (ordered[1:] == ordered[:-1]).any():
            count += _earlier(numbers)
        again = np.concatenate([numbers[:0], *(ordered[_among(run, ordered)] for run in self._runs)])
        if len(again):
            rows = np.flatnonzero(np.isin(numbers, again))
            wanted = numbers[rows]
            count[rows] += sum(
                np.searchsorted(run, wanted, "right") - np.searchsorted(run, wanted) for run in self._runs
            )
        self._runs.append(ordered)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]
        return count


def _among(run: Hashes, ordered: Hashes) -> Any:
    """Which of some sorted numbers are in a sorted run."""
    places = np.searchsorted(run, ordered)
    return run[np.minimum(places, len(run) - 1)] == ordered


def _earlier(numbers: Hashes) -> Hashes:
    """For each number how many equal ones stand before it."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(begins, len(ordered)))
    earlier = np.empty(len(numbers), np.int64)
    earlier[order] = np.arange(len(numbers)) - np.repeat(begins, lengths)
    return earlier
