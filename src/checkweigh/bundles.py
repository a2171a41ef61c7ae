"""Bundles: 256 entries at rest, and whole runs of them in bulk.

A bundle is a C2SP entry bundle, compressed as one Zstandard frame that states its content size:

    for each entry: its length in bytes (2 bytes, big-endian) ‖ its bytes

So the entries `ab` and `c` are framed as 00 02 61 62 00 01 63. In bulk, entries are one Arrow array whose bytes lie in one buffer; lengths
are put before and taken from between them without a Python loop over entries.
"""

from contextlib import suppress
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from . import arrays
from .errors import Broken
from .merkle import TILE_WIDTH
from .values import LONGEST

LEVEL = 1
"""On shifts level 1 is both faster and smaller than 3: salts and ids do not compress, and it wastes no time on them."""
Bytes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
_FRAMED_AT_MOST = TILE_WIDTH * (LONGEST + 2)


def frame(entries: list[bytes]) -> bytes:
    """Entries behind their lengths, as C2SP tlog-tiles serves them."""
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(2), entry))


def pack(entries: list[bytes]) -> bytes:
    """The bundle of these entries."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(frame(entries))


def unframe(data: bytes, where: str) -> list[bytes]:
    """The entries of a framed bundle. Raises Broken, naming `where`, when the lengths do not add up."""
    entries, at = [], 0
    while at < len(data):
        stop = at + 2 + int.from_bytes(data[at : at + 2])
        entries.append(data[at + 2 : stop])
        at = stop
    if at != len(data):
        raise Broken(f"{where}: the lengths of its entries do not add up")
    return entries


def unpack(bundle: bytes, where: str) -> list[bytes]:
    """The entries of a bundle. Raises Broken, naming `where`, unless there are exactly 256."""
    entries = unframe(_decompressed(bundle, where), where)
    if len(entries) != TILE_WIDTH:
        raise Broken(f"{where}: holds {len(entries)} entries instead of {TILE_WIDTH}")
    return entries


def _decompressed(bundle: bytes, where: str) -> bytes:
    try:
        # A damaged frame may claim any size, so it is looked at before memory is set aside.
        if not 0 <= zstandard.frame_content_size(bundle) <= _FRAMED_AT_MOST:
            raise Broken(f"{where}: states no credible size")
        return zstandard.ZstdDecompressor().decompress(bundle, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Broken(f"{where}: cannot be decompressed ({error})") from None


def pack_table(entries: pa.LargeBinaryArray) -> list[bytes]:
    """The bundles of entries in bulk; their number is a multiple of 256."""
    framed = pc.binary_join_element_wise(_lengths(entries), entries, arrays.literal("", pa.large_binary()))
    stops = np.frombuffer(framed.buffers()[1], dtype=np.int64)[
        framed.offset : framed.offset + len(framed) + 1 : TILE_WIDTH
    ]
    segments = np.stack([stops[:-1], np.diff(stops)], axis=1).astype(np.uint64)
    source = zstandard.BufferWithSegments(framed.buffers()[2], segments.tobytes())
    packed = zstandard.ZstdCompressor(level=LEVEL).multi_compress_to_buffer(source)
    return [packed[number].tobytes() for number in range(len(packed))]


def _lengths(entries: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    lengths = arrays.numpy_of(pc.binary_length(entries)).astype(">u2")
    offsets = np.arange(0, 2 * len(entries) + 2, 2, dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(lengths)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(entries), buffers)


def unpack_table(bundles: list[bytes], first: int) -> pa.LargeStringArray:
    """The entries of consecutive bundles, `first` being the number of the first one, as one array. Raises Broken."""
    framed = _all_decompressed(bundles, first)
    data = np.frombuffer(b"".join(framed), dtype=np.uint8)
    prefixes = _prefixes(data, np.cumsum([0, *map(len, framed)], dtype=np.int64), first)
    # Lengths and entries as one array of texts in turn; taking every second one copies each entry once, without a loop.
    offsets = np.append(np.stack([prefixes, prefixes + 2], axis=1).reshape(-1), len(data))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    both = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
    entries = both.take(arrays.numbers(np.arange(1, len(both), 2)))
    return _as_text(entries, first)


def _all_decompressed(bundles: list[bytes], first: int) -> list[bytes]:
    with suppress(zstandard.ZstdError):
        if all(0 <= zstandard.frame_content_size(bundle) <= _FRAMED_AT_MOST for bundle in bundles):
            found = zstandard.ZstdDecompressor().multi_decompress_to_buffer([*bundles], threads=-1)
            return [found[number].tobytes() for number in range(len(found))]
    # Something is wrong with one of them: one by one, it gets named.
    return [_decompressed(bundle, f"bundle {first + number}") for number, bundle in enumerate(bundles)]


def _prefixes(data: Bytes, ends: Indices, first: int) -> Indices:
    """Where each entry's length stands: all bundles are walked abreast, an entry of each at a time."""
    padded = np.append(data, np.zeros(2, np.uint8))
    at: Indices = ends[:-1]
    found = np.empty((TILE_WIDTH, len(ends) - 1), dtype=np.int64)
    for row in found:
        row[:] = np.minimum(at, len(data))
        at = row + 2 + (padded[row].astype(np.int64) << 8) + padded[row + 1].astype(np.int64)
    if (astray := np.flatnonzero(at != ends[1:])).size:
        raise Broken(f"bundle {first + astray[0]}: the lengths of its entries do not add up")
    return found.T.reshape(-1)


def text_array(entries: list[bytes], first: int) -> pa.LargeStringArray:
    """Entries one by one as an array of texts. Raises Broken when they are not UTF-8."""
    return _as_text(pa.array(entries, pa.large_binary()), first)


def _as_text(entries: pa.LargeBinaryArray, first: int) -> pa.LargeStringArray:
    try:
        return entries.cast(pa.large_string())
    except pa.ArrowInvalid:
        raise Broken(f"an entry from bundle {first} on is not UTF-8; run `checkweigh verify`") from None


def as_list(entries: pa.LargeBinaryArray) -> list[bytes]:
    """The entries as Python bytes: slices of their memory, which is the fastest way."""
    if not len(entries):
        return []
    offsets = np.frombuffer(entries.buffers()[1], np.int64)[entries.offset : entries.offset + len(entries) + 1]
    data = bytes(memoryview(entries.buffers()[2])[int(offsets[0]) : int(offsets[-1])])
    return [data[start:stop] for start, stop in pairwise((offsets - offsets[0]).tolist())]
