"""Hashing tables in a process of its own.

Python hashes one short text at a time and lets nothing else run meanwhile, so within one process rendering and hashing only take turns. A
child that knows nothing but `merkle` hashes on another core: it reads requests from its standard input until that ends, and answers each.

    request   n, head, length of the data (8 bytes each, little-endian) ‖ n+1 offsets (8 bytes each) ‖ data
    answer    the leaf hashes of the first `head` entries ‖ the hash over each 256 that follow ‖ the leaf hashes of the rest

A request of two entries `a` and `b` with no head is 0200000000000000 0000000000000000 0200000000000000, the offsets 0, 1, 2, and 6162.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from . import bundles, merkle
from .errors import Broken
from .merkle import HASH_BYTES, TILE_WIDTH

ALONE_FROM = 16_384
"""Fewer entries are hashed here, since a child takes some hundredths of a second to start."""

_CHILD = """
import signal, sys, types
from itertools import pairwise
signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the parent closes the standard input
package = types.ModuleType("checkweigh")
package.__path__ = [sys.argv[1]]
sys.modules["checkweigh"] = package
from checkweigh.merkle import leaf_hashes, tile_roots
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
while begin := read(24):
    count, head, length = memoryview(begin).cast("q")
    offsets = memoryview(read(8 * count + 8)).cast("q").tolist()
    data = read(length)
    leaves = leaf_hashes(data[start:stop] for start, stop in pairwise(offsets))
    roots = tile_roots(leaves[head:])
    write(b"".join([*leaves[:head], *roots, *leaves[head + 256 * len(roots):]]))
    sys.stdout.buffer.flush()
"""

Hashed = tuple[list[bytes], list[bytes], list[bytes]]
"""(leaf hashes that complete the tile begun before, hashes over whole tiles, leaf hashes of the tile then begun)."""


class Hasher:
    """Hashes tables, the large ones in a child if there is a core for it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def hashed(self, entries: pa.LargeBinaryArray, pending: int) -> Hashed:
        """The hashes of entries that follow a tile of which `pending` leaves are there."""
        head = min(-pending % TILE_WIDTH, len(entries))
        if len(entries) < ALONE_FROM or (os.cpu_count() or 1) == 1 or not self._started():
            return _split(merkle.leaf_hashes(bundles.as_list(entries)), head)
        return self._asked(entries, head)

    def _started(self) -> bool:
        if self._child is None:
            command = [sys.executable, "-I", "-S", "-c", _CHILD, str(Path(__file__).parent)]
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )  # in a session of its own, so that no Ctrl-C at a terminal reaches it before it ignores them
            except OSError:  # no Python to start: then the work is done here
                return False
        return True

    def _asked(self, entries: pa.LargeBinaryArray, head: int) -> Hashed:
        offsets = np.frombuffer(entries.buffers()[1], dtype="<i8")[entries.offset : entries.offset + len(entries) + 1]
        data = memoryview(entries.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
        self._send(np.array([len(entries), head, len(data)], dtype="<i8"), offsets - offsets[0], data)
        whole = (len(entries) - head) // TILE_WIDTH
        rest = len(entries) - head - whole * TILE_WIDTH
        answer = merkle.split_hashes(self._received((head + whole + rest) * HASH_BYTES))
        return answer[:head], answer[head : head + whole], answer[head + whole :]

    def _send(self, *parts: Any) -> None:
        assert self._child is not None and self._child.stdin is not None
        try:
            for part in parts:
                self._child.stdin.write(part)
            self._child.stdin.flush()
        except BrokenPipeError:
            raise Broken("the process that hashes ended before its time; nothing was written, try again") from None

    def _received(self, length: int) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        answer = self._child.stdout.read(length)
        if len(answer) != length:
            raise Broken("the process that hashes ended before its time; nothing was written, try again")
        return answer

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()


def _split(leaves: list[bytes], head: int) -> Hashed:
    roots = merkle.tile_roots(leaves[head:])
    return leaves[:head], roots, leaves[head + TILE_WIDTH * len(roots) :]
