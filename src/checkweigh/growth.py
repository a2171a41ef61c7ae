"""How a ledger grows inside one transaction: entries become bundles, leaves become tiles, and the tree gets its new root.

Whole tables go through in stages that overlap: while one part is hashed, the one before it is compressed and the caller renders the next.
Hashing in Python is the slowest stage, and it is the one that cannot be spread; everything else is made to hide behind it.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from . import bundles, merkle
from .merkle import TILE_WIDTH
from .snapshot import TILE_SHIFT, Snapshot
from .stores import Table, Writer

Rows = list[tuple[int, bytes]]
AHEAD = 4
"""How many stages may be waiting: two parts of a table."""


class Growth:
    """The entries that a batch has added so far. Nothing is complete in the store before `finish`."""

    def __init__(self, writer: Writer, snapshot: Snapshot) -> None:
        self._writer = writer
        self._snapshot = snapshot
        self._frontier = snapshot.frontier()
        self._packed = snapshot.size // TILE_WIDTH * TILE_WIDTH
        self._pending = list(snapshot.entries_at(range(self._packed, snapshot.size)))
        self._hasher = ThreadPoolExecutor(1)
        self._packer = ThreadPoolExecutor(1)
        self._stages: deque[tuple[Table, Future[Rows]]] = deque()

    @property
    def size(self) -> int:
        """The index that the next entry gets."""
        return self._packed + len(self._pending)

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, whether it was there before or is new."""
        if index >= self._packed:
            return self._pending[index - self._packed]
        if index >= self._snapshot.size // TILE_WIDTH * TILE_WIDTH:
            self._settle(0)
            number = index // TILE_WIDTH
            data = self._writer.get("bundles", number) or b""
            return bundles.unpack(data, f"bundle {number}")[index % TILE_WIDTH]
        return self._snapshot.entry(index)

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
        start = self.size
        self._settle(AHEAD - 2)
        whole = pa.concat_arrays([pa.array(self._pending, pa.large_binary()), entries]) if self._pending else entries
        full = len(whole) // TILE_WIDTH * TILE_WIDTH
        self._begin("tiles", self._hasher, lambda: _tile_rows(self._frontier.add(_leaves(entries))))
        if full:
            first = self._packed // TILE_WIDTH
            self._begin("bundles", self._packer, lambda: list(enumerate(bundles.pack_table(whole[:full]), first)))
        self._packed += full
        self._pending = whole[full:].to_pylist()
        return range(start, self.size)

    def finish(self) -> bytes:
        """Write what is still in memory. Returns the root."""
        self._settle(0)
        old, old_packed = self._snapshot.size, self._snapshot.size // TILE_WIDTH * TILE_WIDTH
        if self._packed > old_packed:
            self._writer.delete("singles", old_packed, old)
        first = max(self._packed, old if self._packed == old_packed else 0)
        self._store("singles", list(enumerate(self._pending[first - self._packed :], first)))
        self._store("tiles", _tile_rows(self._frontier.partial()))
        return self._frontier.root()

    def release(self) -> None:
        """End the background work; what it has not done is not missed."""
        for _, stage in self._stages:
            stage.cancel()
        self._hasher.shutdown()
        self._packer.shutdown()

    def _begin(self, table: Table, pool: ThreadPoolExecutor, work: Callable[[], Rows]) -> None:
        self._stages.append((table, pool.submit(work)))

    def _settle(self, waiting: int) -> None:
        """Store what is done until at most so many stages wait. The store is only ever used from the caller's thread."""
        while len(self._stages) > waiting:
            table, stage = self._stages.popleft()
            self._store(table, stage.result())

    def _store(self, table: Table, rows: Rows) -> None:
        if rows:
            self._writer.put(table, rows)


def _leaves(entries: pa.LargeBinaryArray) -> list[bytes]:
    return merkle.leaf_hashes(bundles.as_list(entries))


def _tile_rows(tiles: list[tuple[int, int, bytes]]) -> Rows:
    return [((level << TILE_SHIFT) + index, hashes) for level, index, hashes in tiles]
