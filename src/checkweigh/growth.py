"""How a ledger grows inside one transaction: entries become bundles, leaves become tiles, and the tree gets its new root.

Whole tables go through in stages that overlap: while one part is hashed and compressed, the caller renders the next. Hashing is the
slowest stage, so it has a process of its own (see `hashing.py`), and everything else is made to hide behind it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import arrays, bundles, merkle
from .hashing import Hasher
from .merkle import TILE_WIDTH, Frontier
from .snapshot import RUN_OF_BUNDLES, TILE_SHIFT, Snapshot
from .stores import Table, Writer

Rows = list[tuple[int, bytes]]
AHEAD = 4
"""How many stages may be waiting: two parts of a table."""
RUN = RUN_OF_BUNDLES * TILE_WIDTH
UNPACKED = 64
"""So many bundles are kept at hand as they were read."""
SPARSE = 64
"""Where fewer than one in so many entries is asked for, they are read one by one."""


@dataclass(frozen=True)
class Grown:
    """What the next batch need not read again: the right edge of the tree, the newest entries, and bundles that were read."""

    frontier: Frontier
    pending: list[bytes]
    unpacked: OrderedDict[int, list[bytes]]


class Growth:
    """The entries that a batch has added so far. Nothing is complete in the store before `finish`."""

    def __init__(self, writer: Writer, snapshot: Snapshot, before: Grown | None = None) -> None:
        self._writer = writer
        self._snapshot = snapshot
        self._packed = snapshot.size // TILE_WIDTH * TILE_WIDTH
        self._frontier = before.frontier if before else snapshot.frontier()
        newest = range(self._packed, snapshot.size)
        self._pending = before.pending if before else list(snapshot.entries_at(newest))
        self._unpacked: OrderedDict[int, list[bytes]] = before.unpacked if before else OrderedDict()
        self._hasher = Hasher()
        self._pools: dict[Table, ThreadPoolExecutor] = {}
        self._stages: deque[tuple[Table, Future[Rows]]] = deque()

    @property
    def size(self) -> int:
        """The index that the next entry gets."""
        return self._packed + len(self._pending)

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, whether it was there before or is new."""
        if index >= self._packed:
            return self._pending[index - self._packed]
        number = index // TILE_WIDTH
        if number not in self._unpacked:
            if number >= self._snapshot.size // TILE_WIDTH:
                self._settle(0)
            self._unpacked[number] = self._snapshot.bundle(number)
            if len(self._unpacked) > UNPACKED:
                self._unpacked.popitem(last=False)
        self._unpacked.move_to_end(number)
        return self._unpacked[number][index % TILE_WIDTH]

    def texts(self, indices: npt.NDArray[np.int64]) -> pa.LargeStringArray:
        """The canonical texts of entries, in the order asked for; read in bulk where they lie close together."""
        order = np.argsort(indices, kind="stable")
        ordered = indices[order]
        runs = np.split(ordered, np.flatnonzero(np.diff(ordered // RUN)) + 1)
        found = pa.concat_arrays([self._texts(run) for run in runs])
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return found.take(arrays.numbers(places))

    def _texts(self, run: npt.NDArray[np.int64]) -> pa.LargeStringArray:
        """Texts of entries of one run, by ascending indices."""
        start, stop = (int(run[0]), int(run[-1]) + 1) if len(run) else (0, 0)
        if stop > self._snapshot.size // TILE_WIDTH * TILE_WIDTH or stop - start > SPARSE * len(run):
            return bundles.text_array([self.entry(index) for index in run.tolist()], start // TILE_WIDTH)
        pieces = [texts for _, texts in self._snapshot.bundles(start, stop)] or [pa.array([], pa.large_string())]
        return pa.concat_arrays(pieces).take(arrays.numbers(run - start))

    def add(self, entry: bytes) -> int:
        """Append one entry; returns its index."""
        self._settle(0)
        self._pending.append(entry)
        self._store("tiles", _tile_rows(self._frontier.add([merkle.leaf_hash(entry)])))
        if len(self._pending) == TILE_WIDTH:
            self._store("bundles", [(self._packed // TILE_WIDTH, bundles.pack(self._pending))])
            self._packed += TILE_WIDTH
            self._pending = []
        return self.size - 1

    def add_table(self, entries: pa.LargeBinaryArray) -> range:
        """Append entries in bulk; returns their indices. The work goes on in the background."""
        start, pending = self.size, len(self._pending)
        self._settle(AHEAD - 2)
        self._begin("tiles", lambda: self._tiles(entries, pending))
        head = min(-pending % TILE_WIDTH, len(entries))
        self._pending += entries[:head].to_pylist()
        if len(self._pending) == TILE_WIDTH:
            self._store("bundles", [(self._packed // TILE_WIDTH, bundles.pack(self._pending))])
            self._packed, self._pending = self._packed + TILE_WIDTH, []
        if whole := (len(entries) - head) // TILE_WIDTH * TILE_WIDTH:
            first, body = self._packed // TILE_WIDTH, entries[head : head + whole]
            self._begin("bundles", lambda: list(enumerate(bundles.pack_table(body), first)))
            self._packed += whole
        self._pending += entries[head + whole :].to_pylist()
        return range(start, self.size)

    def finish(self) -> bytes:
        """Write what is still in memory. Returns the root."""
        self._settle(0)
        old, old_packed = self._snapshot.size, self._snapshot.size // TILE_WIDTH * TILE_WIDTH
        if self._packed > old_packed:
            self._writer.delete("singles", old_packed, old)
        first = max(self._packed, old if self._packed == old_packed else 0)
        self._store("singles", list(enumerate(self._pending[first - self._packed :], first)))
        edge = self._frontier.partial()
        self._store("tiles", _tile_rows([tile for tile in edge if len(tile[2]) != _stored_bytes(tile, old)]))
        return self._frontier.root()

    def left(self) -> Grown:
        """What the next batch may begin with, after `finish`, where nobody else writes in between."""
        return Grown(self._frontier, self._pending, self._unpacked)

    def release(self) -> None:
        """End the background work; what it has not done is not missed."""
        for _, stage in self._stages:
            stage.cancel()
        for pool in self._pools.values():
            pool.shutdown()
        self._hasher.close()

    def _tiles(self, entries: pa.LargeBinaryArray, pending: int) -> Rows:
        head, whole, rest = self._hasher.hashed(entries, pending)
        return _tile_rows(self._frontier.add(head) + self._frontier.add_tiles(whole) + self._frontier.add(rest))

    def _begin(self, table: Table, work: Callable[[], Rows]) -> None:
        if table not in self._pools:
            self._pools[table] = ThreadPoolExecutor(1)
        self._stages.append((table, self._pools[table].submit(work)))

    def _settle(self, waiting: int) -> None:
        """Store what is done until at most so many stages wait. The store is only ever used from the caller's thread."""
        while len(self._stages) > waiting:
            table, stage = self._stages.popleft()
            self._store(table, stage.result())

    def _store(self, table: Table, rows: Rows) -> None:
        if rows:
            self._writer.put(table, rows)


def _stored_bytes(tile: tuple[int, int, bytes], size: int) -> int:
    """How long a tile of the right edge was at an earlier size: one that is no longer has not changed."""
    return merkle.tile_width(tile[0], tile[1], size) * merkle.HASH_BYTES


def _tile_rows(tiles: list[tuple[int, int, bytes]]) -> Rows:
    return [((level << TILE_SHIFT) + index, hashes) for level, index, hashes in tiles]
