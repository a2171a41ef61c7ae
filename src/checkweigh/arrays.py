"""From NumPy and Python to Arrow and back, without a look for pandas.

`pa.array`, `pa.scalar`, `to_numpy` and every function of `pyarrow.compute` that is given a plain Python value ask whether pandas is there,
and load it to find out: up to a fifth of a second before the first row of an import. What every import does is written with these instead.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flags = npt.NDArray[np.bool_]


def numbers(values: npt.NDArray[Any], valid: Flags | None = None) -> Any:
    """Numbers, in the memory in which they are; null where they are not `valid`."""
    whole = np.ascontiguousarray(values)
    buffers = [None if valid is None else _bits(valid), pa.py_buffer(whole)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), buffers)


def flags(values: Flags) -> Any:
    """Truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def texts(values: Sequence[str | None]) -> Any:
    """Texts; null where None."""
    written = [b"" if value is None else value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, written)], dtype=np.int32)
    given = _bits(np.array([value is not None for value in values], np.bool_))
    return pa.StringArray.from_buffers(len(written), pa.py_buffer(offsets), pa.py_buffer(b"".join(written)), given)


def literal(value: str | bool | int, kind: pa.DataType) -> Any:
    """One value as a scalar of a type."""
    if isinstance(value, str):
        return texts([value]).cast(kind)[0]
    return (flags(np.array([value])) if isinstance(value, bool) else numbers(np.array([value]))).cast(kind)[0]


def filled(array: Any, value: str | bool | int) -> Any:
    """An array with `value` where it has none."""
    return pc.coalesce(array, literal(value, array.type)) if array.null_count else array


def empty(schema: pa.Schema) -> pa.Table:
    """A table without rows."""
    return pa.Table.from_batches([], schema)


def numpy_of(array: Any) -> Any:
    """The values of an array or a column of numbers, moments or truth values; where it has none, whatever stands there."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    data = array.buffers()[1] or b""
    if pa.types.is_boolean(array.type):
        bits = np.frombuffer(data, np.uint8, count=-(-(array.offset + len(array)) // 8))
        return np.unpackbits(bits, bitorder="little", count=array.offset + len(array))[array.offset :].view(np.bool_)
    stored, meant = _SPOKEN.get(array.type) or (str(array.type), str(array.type))
    return np.frombuffer(data, stored)[array.offset : array.offset + len(array)].astype(meant, copy=False)


_SPOKEN = {pa.timestamp("us"): ("datetime64[us]", "datetime64[us]"), pa.date32(): ("int32", "datetime64[D]")}
"""How NumPy stores and names what is no plain number: the others have the same names in both."""


def _bits(values: Flags) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
