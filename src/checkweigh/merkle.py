"""Merkle trees of RFC 6962: hash, prove, check. Pure arithmetic; what is stored is handed in as a reader.

    leaf   SHA-256(0x00 ‖ entry)
    node   SHA-256(0x01 ‖ left ‖ right)
    empty  SHA-256("")

The *node* (level, index) is the hash of the 2**level entries from index × 2**level on. A *tile* (level, index) of C2SP tlog-tiles holds up
to 256 consecutive nodes of level 8 × level, 32 bytes each; so tile (1, 0) of a tree of 700 entries holds two hashes: of the entries
0..255 and of 256..511. The tree of two entries `a` and `b` has

    leaf a   022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c
    leaf b   57eb35615d47f34ec714cacdf5fd74608a5e8e102724e80b24b287c0c27b6a31
    root     b137985ff484fb600db93107c77b0365c80d78f5b429ded0fd97361d077999eb
"""

from collections.abc import Callable, Iterable
from hashlib import sha256

from .errors import BadProof

HASH_BYTES = 32
TILE_WIDTH = 256
TILE_HEIGHT = 8
EMPTY = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""(level, index) -> hash of that complete subtree."""
TileReader = Callable[[int, int], bytes]
"""(tile level, tile index) -> the hashes of that tile, as many as are known, 32 bytes each."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The hash of each entry. The one loop over entries that nothing else can do faster, so it is kept bare."""
    hash_of = sha256
    return [hash_of(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def parents(hashes: list[bytes]) -> list[bytes]:
    """One level up: a hash for each two neighbours; an odd last one is left out."""
    hash_of, pairs = sha256, iter(hashes)
    return [hash_of(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]


def tile_roots(hashes: list[bytes]) -> list[bytes]:
    """The hash over each full tile of `hashes`, which starts at a tile's edge; what fills no tile is left out."""
    level = hashes[: len(hashes) // TILE_WIDTH * TILE_WIDTH]
    for _ in range(TILE_HEIGHT):
        level = parents(level)
    return level


def root(size: int, read: NodeReader) -> bytes:
    """The root of the first `size` entries."""
    return range_root(0, size, read) if size else EMPTY


def range_root(start: int, stop: int, read: NodeReader) -> bytes:
    """The hash over entries start..stop-1, where `start` is a multiple of the least power of two that is at least their number."""
    width = stop - start
    if width & (width - 1) == 0:
        return read(width.bit_length() - 1, start // width)
    split = start + _left_width(width)
    return node_hash(range_root(start, split, read), range_root(split, stop, read))


def _left_width(size: int) -> int:
    """The greatest power of two below `size` (RFC 6962, section 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """The hashes that lead from entry `index` to the root at `size`, lowest first (RFC 6962, section 2.1.1).

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    start, stop, proof = 0, size, []
    while stop - start > 1:
        split = start + _left_width(stop - start)
        if index < split:
            proof.append(range_root(split, stop, read))
            stop = split
        else:
            proof.append(range_root(start, split, read))
            start = split
    return proof[::-1]


def consistency_proof(old: int, new: int, read: NodeReader) -> list[bytes]:
    """The hashes that show the tree of `old` entries to be a prefix of that of `new` (RFC 6962, section 2.1.2).

    Raises ValueError unless 0 < old <= new: the empty tree is a prefix of every other, which no proof could add to.
    """
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is not a prefix of a tree of {new}, or there is nothing to prove")
    start, stop, proof = 0, new, []
    while old != stop:
        split = start + _left_width(stop - start)
        if old <= split:
            proof.append(range_root(split, stop, read))
            stop = split
        else:
            proof.append(range_root(start, split, read))
            start = split
    return ([] if start == 0 else [range_root(start, stop, read)]) + proof[::-1]


def check_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> None:
    """Raises BadProof unless `proof` shows that `leaf` is entry `index` of the tree with this size and root (RFC 9162, section 2.1.3.2)."""
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:
        raise BadProof(f"entry {index} cannot be in a tree of {size} entries")
    node, last, found, rest = index, size - 1, leaf, iter(proof)
    while last:
        if node & 1 or node == last:
            found = node_hash(_next(rest), found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, _next(rest))
        node, last = node >> 1, last >> 1
    _check_done(rest)
    if found != root:
        raise BadProof(f"the proof does not lead from entry {index} to the root at size {size}")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> None:
    """Raises BadProof unless `proof` shows that the old tree is a prefix of the new one (RFC 9162, section 2.1.4.2)."""
    _check_hashes(proof)
    if not 0 < old <= new:
        raise BadProof(f"nothing can show that a tree of {old} entries is a prefix of one of {new}")
    if old == new:
        _check_done(iter(proof))
        if old_root != new_root:
            raise BadProof(f"two different roots are claimed for the tree of {old} entries")
        return
    found_old, found_new = _climb(old - 1, new - 1, old_root, proof)
    if found_old != old_root or found_new != new_root:
        raise BadProof(f"the tree of {old} entries is not shown to be a prefix of the tree of {new}")


def prefix_root(old: int, new: int, new_root: bytes, proof: list[bytes]) -> bytes:
    """The root that the tree with `new_root` has at size `old`, as a consistency proof shows it to whoever does not know it.

    Raises BadProof when the proof does not lead to `new_root`, and where none can show this: `old` is `new` or a power of two.
    """
    _check_hashes(proof)
    if not 0 < old < new or old & (old - 1) == 0:
        raise BadProof(f"no consistency proof holds the root at size {old}")
    found, found_new = _climb(old - 1, new - 1, b"", proof)
    if found_new != new_root:
        raise BadProof(f"the proof does not lead to the root at size {new}")
    return found


def _climb(node: int, last: int, old_root: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that a consistency proof leads to."""
    rest = iter(proof)
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found_new = _next(rest) if node else old_root
    while last:
        if node & 1 or node == last:
            sibling = _next(rest)
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found_new = node_hash(found_new, _next(rest))
        node, last = node >> 1, last >> 1
    _check_done(rest)
    return found_old, found_new


def _check_hashes(hashes: list[bytes]) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise BadProof(f"a hash in the proof does not have {HASH_BYTES} bytes")


def _next(rest: Iterable[bytes]) -> bytes:
    for value in rest:
        return value
    raise BadProof("the proof is too short")


def _check_done(rest: Iterable[bytes]) -> None:
    for _ in rest:
        raise BadProof("the proof is too long")


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def node_from_tiles(tile: TileReader) -> NodeReader:
    """A node reader that finds each node in the tile that covers it, and hashes up inside that tile."""

    def read(level: int, index: int) -> bytes:
        up = level % TILE_HEIGHT
        first = index << up
        hashes = split_hashes(tile(level // TILE_HEIGHT, first // TILE_WIDTH))
        nodes = hashes[first % TILE_WIDTH : first % TILE_WIDTH + (1 << up)]
        for _ in range(up):
            nodes = parents(nodes)
        return nodes[0]

    return read


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes tile (level, index) holds in a tree of `size`: 256, less on the right edge, 0 beyond it."""
    return min(TILE_WIDTH, max(0, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH))


class Frontier:
    """The right edge of a tiled tree: the hashes of the partial tile on each level. Grows by leaves, knows its root.

    `levels[0]` are the newest size % 256 leaf hashes, `levels[1]` the hashes over the newest full level-0 tiles, and so on.
    """

    def __init__(self, size: int, levels: list[list[bytes]]) -> None:
        self.size = size
        self.levels = levels

    def add(self, leaves: list[bytes]) -> list[tuple[int, int, bytes]]:
        """Append leaf hashes. Returns the tiles of level 1 and up that became full: (level, index, hashes)."""
        self.size += len(leaves)
        return self._add(0, leaves)

    def add_tiles(self, roots: list[bytes]) -> list[tuple[int, int, bytes]]:
        """Append whole tiles of leaves by the hash over each, where no tile has been begun. Returns what `add` does."""
        self.size += TILE_WIDTH * len(roots)
        self.levels = self.levels or [[]]
        return self._add(1, roots)

    def _add(self, level: int, hashes: list[bytes]) -> list[tuple[int, int, bytes]]:
        if level == len(self.levels):
            self.levels.append([])
        edge = self.levels[level] + hashes
        self.levels[level] = edge[len(edge) // TILE_WIDTH * TILE_WIDTH :]
        if len(edge) < TILE_WIDTH:
            return []
        return self._full(level, edge) + self._add(level + 1, tile_roots(edge))

    def _full(self, level: int, edge: list[bytes]) -> list[tuple[int, int, bytes]]:
        if level == 0:
            return []
        stop = (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH
        start = stop - len(edge) // TILE_WIDTH
        cut = [edge[at : at + TILE_WIDTH] for at in range(0, (stop - start) * TILE_WIDTH, TILE_WIDTH)]
        return [(level, start + number, b"".join(tile)) for number, tile in enumerate(cut)]

    def partial(self) -> list[tuple[int, int, bytes]]:
        """The partial tiles of level 1 and up as they are now: (level, index, hashes)."""
        return [
            (level, (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH, b"".join(edge))
            for level, edge in enumerate(self.levels)
            if level and edge
        ]

    def root(self) -> bytes:
        """The root of all entries so far."""
        found: bytes | None = None
        for edge in self.levels:
            for subtree in reversed(_subtrees(edge)):
                found = subtree if found is None else node_hash(subtree, found)
        return EMPTY if found is None else found


def _subtrees(edge: list[bytes]) -> list[bytes]:
    """The roots of the complete subtrees that a partial tile splits into, widest first."""
    found, start = [], 0
    for height in reversed(range(TILE_HEIGHT)):
        width = 1 << height
        if len(edge) & width:
            nodes = edge[start : start + width]
            for _ in range(height):
                nodes = parents(nodes)
            found.append(nodes[0])
            start += width
    return found
