"""The index of identities: which entries speak of a name. It only points; whoever follows a pointer reads the entry and compares.

A *key* is (kind, name): an entry's kind and id; ("verdict", shift) for a verdict; ("key", "") for a rotation of the signing key and
("erasure", "") for an erasure; and ("replaces", index) for a replacement of an entry that has no id. A *mark* is 64 bits: the low 42 bits
of the key's hash, shifted left by 22, plus the entry's index less the index at which the run starts. A *run* holds the marks of up to
2**22 consecutive entries, sorted, split by their highest bits into parts of about 2,048, each a row of little-endian 8-byte words. Small
runs are merged as the ledger grows, so that a look-up reads a few parts. The list of runs is text, a line each: number, first index,
index after the last, count of marks.

    run 7 over entries 0 to 699 with 650 marks    7 0 700 650

Hash of a key: h = first 8 bytes (little-endian) of SHA-256(kind); the name's UTF-8 bytes, padded with zeros to words of 8 bytes,
are mixed in one by one, then its length: h = (h ^ word) × 0x9E3779B97F4A7C15 mod 2**64, h ^= h >> 29; the low 42 bits count:
0x19961b5b34e for ("shift", "s-17"). It is quick in bulk and one by one; that people can make names collide costs them time and
nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import arrays
from .entries import Entry, identity, kind_of
from .errors import Broken
from .kinds import Verdict
from .stores import Meta, Reader, Writer

Marks = npt.NDArray[np.uint64]

INDEX_BITS = 22
HASH_BITS = 64 - INDEX_BITS
LONGEST_RUN = 1 << INDEX_BITS
PART_BITS = 11
RUN_SHIFT = 16
CACHED_MARKS = 1 << 26
_FACTOR = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
_LOW = np.uint64(LONGEST_RUN - 1)


def keys(entry: Entry) -> list[tuple[str, str]]:
    """The keys under which an entry is found."""
    kind = kind_of(entry)
    if (names := identity(entry)) is not None:
        return [(kind, names[1])]
    found = [("replaces", str(entry.replaces))] if entry.replaces is not None else []
    if isinstance(entry, Verdict):
        found.append((kind, entry.shift))
    return [*found, (kind, "")] if kind in ("key", "erasure") else found


@cache
def _seed(kind: str) -> int:
    return int.from_bytes(sha256(kind.encode()).digest()[:8], "little")


def key_hash(kind: str, name: str) -> int:
    """The 42 bits that stand for a key."""
    data, found = name.encode(), _seed(kind)
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    for word in [*words, len(data)]:
        found = (found ^ word) * _FACTOR & _WORD
        found ^= found >> 29
    return found & ((1 << HASH_BITS) - 1)


def key_hashes(kind: str, names: pa.Array) -> Marks:
    """`key_hash` of every name, in bulk; no name is null."""
    names = names.cast(pa.large_string())
    lengths = arrays.numpy_of(pc.binary_length(names)).astype(np.int64)
    starts = np.frombuffer(names.buffers()[1], dtype=np.int64)[names.offset : names.offset + len(names)]
    # Eight bytes from any byte on, as a word: a view, so that a column of names becomes columns of words without a loop.
    data = bytes(names.buffers()[2] or b"") + bytes(8)
    windows = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    found = np.full(len(names), _seed(kind), dtype=np.uint64)
    for at in range(0, int(lengths.max(initial=0)), 8):
        rest = np.clip(lengths - at, 0, 8)
        word = windows[np.minimum(starts + at, len(windows) - 1)] & _BYTES[rest]
        found = np.where(rest > 0, _mixed(found, word), found)
    return _mixed(found, lengths.astype(np.uint64)) & np.uint64((1 << HASH_BITS) - 1)


_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], dtype=np.uint64)


def _mixed(found: Marks, word: Marks) -> Marks:
    found = (found ^ word) * np.uint64(_FACTOR)
    return found ^ (found >> np.uint64(29))


def marks(hashes: Marks, offsets: Marks) -> Marks:
    """Sorted marks of hashes and offsets of entries within their run."""
    return np.sort((hashes << np.uint64(INDEX_BITS)) | offsets)


@dataclass(frozen=True)
class Run:
    """The marks of the entries start..stop-1."""

    number: int
    start: int
    stop: int
    count: int

    @property
    def bits(self) -> int:
        """How many of a mark's highest bits name its part."""
        return max(0, (self.count - 1).bit_length() - PART_BITS) if self.count else 0

    def part_of(self, key: int) -> int:
        """The number of the part that holds the marks of a hash."""
        return (self.number << RUN_SHIFT) + (key << INDEX_BITS >> (64 - self.bits))

    def parts(self, sorted_marks: Marks) -> Iterator[tuple[int, bytes]]:
        """The rows in which these marks rest; a part without marks has none."""
        edges = np.arange(1, 1 << self.bits, dtype=np.uint64) << np.uint64((64 - self.bits) % 64)
        for part, found in enumerate(np.split(sorted_marks, np.searchsorted(sorted_marks, edges))):
            if len(found):
                yield (self.number << RUN_SHIFT) + part, found.astype("<u8").tobytes()

    def read(self, reader: Reader) -> Marks:
        """All marks of the run. Raises Broken when there are more or fewer than the list of runs says."""
        rows = reader.scan("identities", self.number << RUN_SHIFT, (self.number + 1) << RUN_SHIFT)
        found = _words(b"".join(data for _, data in rows), self)
        if len(found) != self.count:
            raise Broken(f"identities, run {self.number}: holds {len(found)} marks instead of {self.count}")
        return found


def _words(data: bytes, run: Run) -> Marks:
    if len(data) % 8:
        raise Broken(f"identities, run {run.number}: a part is cut short")
    return np.frombuffer(data, dtype="<u8").astype(np.uint64, copy=False)


def list_runs(reader: Reader) -> list[Run]:
    """The runs of the index, in the order of the entries. Raises Broken."""
    text = (reader.get("meta", Meta.RUNS) or b"").decode("ascii", "replace")
    try:
        runs = [Run(*(int(word) for word in line.split(" "))) for line in text.splitlines()]
    except (TypeError, ValueError):
        runs = []
    if text != runs_text(runs):
        raise Broken("meta: the list of runs of the index of identities cannot be read")
    return runs


def runs_text(runs: Iterable[Run]) -> str:
    """The list of runs as it is stored."""
    return "".join(f"{run.number} {run.start} {run.stop} {run.count}\n" for run in runs)


class Identities:
    """Looks names up in one snapshot. What it finds are candidates: entries that probably speak of the name."""

    def __init__(self, reader: Reader, before: "Identities | None" = None) -> None:
        """`before` has looked into the same index; what it has read is not read again."""
        self.runs: list[Run] = list_runs(reader) if before is None else before.runs
        self._reader = reader
        self._read: dict[Run, Marks] = {}
        known: dict[Run, Marks] = {} if before is None else before._small
        self._small: dict[Run, Marks] = {run: known[run] for run in self.runs if run in known}

    def candidates(self, kind: str, name: str) -> list[int]:
        """The indices of the entries that probably have this key, ascending."""
        wanted, found = key_hash(kind, name), []
        for run in self.runs:
            found += _matching(self._part(run, wanted), wanted, run.start)
        return found

    def _part(self, run: Run, wanted: int) -> Marks:
        """The part of a run that holds the marks of a hash; of a run with one part it is kept in memory."""
        if run in self._small:
            return self._small[run]
        part = _words(self._reader.get("identities", run.part_of(wanted)) or b"", run)
        if not run.bits:
            self._small[run] = part
        return part

    def candidates_of_all(self, hashes: Marks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(positions in `hashes`, indices of entries): every pair that probably belongs together. `hashes` is sorted."""
        return joined([(self._marks(run), run.start) for run in self.runs], hashes)

    def _marks(self, run: Run) -> Marks:
        """The marks of a run, kept in memory as long as there is room."""
        if (found := self._read.get(run)) is None:
            found = run.read(self._reader)
            if sum(map(len, self._read.values())) + len(found) <= CACHED_MARKS:
                self._read[run] = found
        return found


def _matching(sorted_marks: Marks, wanted: int, start: int) -> list[int]:
    """The indices behind the marks of one hash, in a run that starts at an index."""
    lowest = np.uint64(wanted << INDEX_BITS)
    first = int(sorted_marks.searchsorted(lowest))
    if first == len(sorted_marks) or sorted_marks[first] > lowest | _LOW:  # as with most names that are new
        return []
    last = int(sorted_marks.searchsorted(lowest | _LOW, side="right"))
    return [start + int(mark) for mark in sorted_marks[first:last] & _LOW]


def joined(sources: list[tuple[Marks, int]], hashes: Marks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every (position in the sorted `hashes`, index of an entry) whose hashes agree, over sources of (sorted marks, first index)."""
    positions, indices = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    lowest = hashes << np.uint64(INDEX_BITS)
    for sorted_marks, start in sources:
        first = np.searchsorted(sorted_marks, lowest)
        near = np.append(sorted_marks, _LOW)[first] >> np.uint64(INDEX_BITS)
        hit = np.flatnonzero((near == hashes) & (first < len(sorted_marks)))
        last = np.searchsorted(sorted_marks, lowest[hit] | _LOW, side="right")
        counts = last - first[hit]
        if counts.size and counts.min() < 1:
            raise Broken("the index of identities is out of order; run `checkweigh verify`")
        positions.append(np.repeat(hit, counts))
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        offsets = sorted_marks[np.repeat(first[hit], counts) + within] & _LOW
        indices.append(offsets.astype(np.int64) + start)
    return np.concatenate(positions), np.concatenate(indices)


def store_run(writer: Writer, runs: list[Run], start: int, stop: int, sorted_marks: Marks) -> list[Run]:
    """Write the marks of the newest entries start..stop-1 as a run, merged with the runs before it that are not much larger.

    Returns the new list of runs, which is stored too. A merge stays within 2**22 entries, so that no append waits for a long one.
    """
    first, total = len(runs), len(sorted_marks)
    while first and runs[first - 1].count <= 2 * total and stop - runs[first - 1].start <= LONGEST_RUN:
        first -= 1
        total += runs[first].count
    merged, begin = runs[first:], runs[first].start if first < len(runs) else start
    pieces = [run.read(writer) + np.uint64(run.start - begin) for run in merged] + [
        sorted_marks + np.uint64(start - begin)
    ]
    number = max((run.number for run in runs), default=0) + 1
    run = Run(number, begin, stop, total)
    for old in merged:
        writer.delete("identities", old.number << RUN_SHIFT, (old.number + 1) << RUN_SHIFT)
    writer.put("identities", run.parts(np.sort(np.concatenate(pieces), kind="stable")))
    kept = [*runs[:first], run]
    writer.put("meta", [(Meta.RUNS, runs_text(kept).encode())])
    return kept


class Fresh:
    """The keys of a batch's own entries, in memory until they fill a run or the batch ends."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._single: dict[int, list[int]] = {}
        self._singles = 0
        self._sorted: list[Marks] = []

    def add(self, kind: str, name: str, index: int) -> None:
        """Note that entry `index` speaks of a name."""
        self._single.setdefault(key_hash(kind, name), []).append(index)
        self._singles += 1
        if self._singles == 1 << PART_BITS:
            self._sort()

    def add_all(self, hashes: Marks, indices: npt.NDArray[np.int64]) -> None:
        """Note that the entries speak of the names with these hashes."""
        self._keep(marks(hashes, (indices - self.start).astype(np.uint64)))

    def candidates(self, kind: str, name: str) -> list[int]:
        """The indices of the batch's own entries that probably have this key, ascending."""
        wanted = key_hash(kind, name)
        found = list(self._single.get(wanted, []))
        for sorted_marks in self._sorted:
            found += _matching(sorted_marks, wanted, self.start)
        return sorted(found)

    def sources(self) -> list[tuple[Marks, int]]:
        """What `joined` searches."""
        self._sort()
        return [(sorted_marks, self.start) for sorted_marks in self._sorted]

    def take(self, stop: int) -> Marks:
        """All marks so far, sorted; the next ones start at `stop`."""
        self._sort()
        found = np.sort(np.concatenate([np.empty(0, np.uint64), *self._sorted]), kind="stable")
        self.start, self._sorted = stop, []
        return found

    def _sort(self) -> None:
        if self._single:
            pairs = [(key, index - self.start) for key, indices in self._single.items() for index in indices]
            self._single, self._singles = {}, 0
            columns = np.array(pairs, dtype=np.uint64)
            self._keep(marks(columns[:, 0], columns[:, 1]))

    def _keep(self, sorted_marks: Marks) -> None:
        """Arrays of about the same length are merged, so that a look-up searches few of them."""
        while self._sorted and len(self._sorted[-1]) <= 2 * len(sorted_marks):
            sorted_marks = np.sort(np.concatenate([self._sorted.pop(), sorted_marks]), kind="stable")
        self._sorted.append(sorted_marks)
