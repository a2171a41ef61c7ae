"""One ledger as one snapshot of its store shows it: the head, entries one by one and in bulk, tiles and proofs."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property, lru_cache

import msgspec
import pyarrow as pa

from . import bundles, merkle
from .checkpoint import Checkpoint, split_note
from .errors import BeyondTheEnd, Broken, Refused
from .merkle import TILE_WIDTH
from .stores import Meta, Reader
from .values import moment, time_text

TILE_SHIFT = 48
RUN_OF_BUNDLES = 256
"""How many bundles are read at once: 65,536 entries."""


class Named(msgspec.Struct, frozen=True):
    """What an entry says about who it is, as far as it says so; the rest of it is not looked at."""

    kind: str
    recorded: str
    id: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    shift: str | None = None
    ruling: str | None = None
    timezone: str | None = None
    replaces: int | None = None
    void: bool | None = None


_NAMED = msgspec.json.Decoder(Named)


def named(entry: bytes, index: int) -> Named:
    """Who an entry is. Raises Broken when the bytes are no entry."""
    try:
        return _NAMED.decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Broken(f"entry {index} cannot be read; run `checkweigh verify`") from None


def _moment(text: str, where: str) -> datetime:
    try:
        found = moment(text)
        time_text(found)  # a moment without its zone has none
    except ValueError:
        raise Broken(f"{where}: {text!r} is no moment; run `checkweigh verify`") from None
    return found


@lru_cache(maxsize=64)
def _checkpoint(note: str) -> Checkpoint:
    """What a note is of; a page takes many snapshots of the same."""
    return Checkpoint.parse(split_note(note)[0])


@lru_cache(maxsize=32)
def _unpacked(bundle: bytes, number: int) -> tuple[bytes, ...]:
    """The entries of a bundle; a page looks into the same few again and again."""
    return tuple(bundles.unpack(bundle, f"bundle {number}"))


class Snapshot:
    """Reads one snapshot of a ledger. Constant memory, whatever the ledger's size."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.note = self.fact(Meta.CHECKPOINT)
        self.checkpoint = _checkpoint(self.note)
        self.size = self.checkpoint.size
        self._bundle: tuple[int, tuple[bytes, ...]] = (-1, ())

    def fact(self, number: Meta) -> str:
        """A fact about the ledger. Raises Broken when it is missing."""
        data = self.reader.get("meta", number)
        if data is None:
            raise Broken(
                f"table meta, row {int(number)} ({number.name.lower()}) is missing; restore the ledger from a backup"
            )
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Broken(f"table meta, row {int(number)} ({number.name.lower()}) is not UTF-8") from None

    @property
    def recorded(self) -> datetime | None:
        """When the newest entry was recorded; None in an empty ledger."""
        text = self.fact(Meta.RECORDED)
        return _moment(text, "table meta, row 3 (recorded)") if text else None

    def entry(self, index: int) -> bytes:
        """The bytes of an entry. Raises Refused beyond the end."""
        if not 0 <= index < self.size:
            raise BeyondTheEnd(
                f"the ledger holds {self.size} entries, numbered from 0; entry {index} lies beyond its end"
            )
        if index >= self.size // TILE_WIDTH * TILE_WIDTH:
            return self._single(index)
        number = index // TILE_WIDTH
        if self._bundle[0] != number:
            self._bundle = (number, _unpacked(self._packed(number), number))
        return self._bundle[1][index % TILE_WIDTH]

    def entries_at(self, indices: Iterable[int]) -> Iterator[bytes]:
        """The bytes of several entries; quick when the indices ascend."""
        return (self.entry(index) for index in indices)

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the entries start..stop-1."""
        self._within(stop)
        return ((index, self.entry(index)) for index in range(start, stop))

    def bundles(self, start: int, stop: int) -> Iterator[tuple[int, pa.LargeStringArray]]:
        """(first index, entries) in runs of at most 65,536 entries that end at multiples of 65,536: the way to read a million."""
        self._within(stop)
        packed = min(stop, self.size // TILE_WIDTH * TILE_WIDTH)
        step = RUN_OF_BUNDLES * TILE_WIDTH
        for run in range(start // step * step, packed, step):
            first, last = max(start, run), min(packed, run + step)
            if first < last:
                yield first, self._run(first, last)
        if (first := max(start, packed)) < stop:
            singles = [self._single(index) for index in range(first, stop)]
            yield first, bundles.text_array(singles, first // TILE_WIDTH)

    def _run(self, start: int, stop: int) -> pa.LargeStringArray:
        first, last = start // TILE_WIDTH, -(-stop // TILE_WIDTH)
        rows = list(self.reader.scan("bundles", first, last))
        if [number for number, _ in rows] != list(range(first, last)):
            raise Broken(f"a bundle between {first} and {last - 1} is missing; run `checkweigh verify`")
        entries = bundles.unpack_table([data for _, data in rows], first)
        return entries.slice(start - first * TILE_WIDTH, stop - start)

    def _single(self, index: int) -> bytes:
        if index not in self._singles:
            raise Broken(f"entry {index} is missing; run `checkweigh verify`")
        return self._singles[index]

    @cached_property
    def _singles(self) -> dict[int, bytes]:
        """The newest entries, fewer than a bundle: asked for at once, since a server may be far away."""
        return dict(self.reader.scan("singles", self.size // TILE_WIDTH * TILE_WIDTH, self.size))

    def bundle(self, number: int) -> list[bytes]:
        """The 256 entries of a packed bundle."""
        return bundles.unpack(self._packed(number), f"bundle {number}")

    def _packed(self, number: int) -> bytes:
        data = self.reader.get("bundles", number)
        if data is None:
            raise Broken(f"bundle {number} is missing; run `checkweigh verify`")
        return data

    def _within(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise BeyondTheEnd(f"the ledger holds {self.size} entries; {size} lies beyond its end")

    def recorded_at(self, index: int) -> datetime:
        """When an entry was recorded."""
        return _moment(named(self.entry(index), index).recorded, f"entry {index}")

    def size_at(self, when: datetime) -> int:
        """How many entries were recorded up to and including a moment."""
        low, high, last = 0, self.size, time_text(when)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.recorded_at(middle) <= moment(last) else (low, middle)
        return low

    def tile(self, level: int, index: int) -> bytes:
        """A tile: level 0 is hashed from the entries, the others are stored. Raises Broken when hashes are missing."""
        wanted = merkle.tile_width(level, index, self.size)
        if level == 0:
            start = index * TILE_WIDTH
            return b"".join(merkle.leaf_hashes(self.entries_at(range(start, start + wanted))))
        data = self.reader.get("tiles", (level << TILE_SHIFT) + index) or b""
        if len(data) != wanted * merkle.HASH_BYTES:
            raise Broken(
                f"tile {level}/{index} holds {len(data) / 32:g} hashes instead of {wanted}; run `checkweigh verify`"
            )
        return data

    def node(self) -> merkle.NodeReader:
        """A reader of nodes that reads each tile once."""
        known: dict[tuple[int, int], bytes] = {}

        def tile(level: int, index: int) -> bytes:
            if (level, index) not in known:
                known[level, index] = self.tile(level, index)
            return known[level, index]

        return merkle.node_from_tiles(tile)

    def root(self, size: int) -> bytes:
        """The root at a size."""
        self._within(size)
        return merkle.root(size, self.node())

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """The proof that an entry is in the tree of a size. Raises Refused when it is not."""
        self._within(size)
        if not 0 <= index < size:
            raise BeyondTheEnd(f"entry {index} is not among the first {size} entries")
        return merkle.inclusion_proof(index, size, self.node())

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of the first size is a prefix of the second's."""
        self._within(new)
        if not 0 < old <= new:
            raise Refused(
                f"there is no proof from size {old} to size {new}; ask from an earlier size, 1 or more, to a later one"
            )
        return merkle.consistency_proof(old, new, self.node())

    def frontier(self) -> merkle.Frontier:
        """The right edge of the tree, to grow it from. Raises Broken unless it leads to the signed root."""
        levels = [merkle.leaf_hashes(self.entries_at(range(self.size // TILE_WIDTH * TILE_WIDTH, self.size)))]
        while width := self.size >> (merkle.TILE_HEIGHT * len(levels)):
            edge = self.tile(len(levels), width // TILE_WIDTH) if width % TILE_WIDTH else b""
            levels.append(merkle.split_hashes(edge))
        frontier = merkle.Frontier(self.size, levels)
        if frontier.root() != self.checkpoint.root:
            raise Broken(
                f"the newest entries do not lead to the signed root at size {self.size}; run `checkweigh verify`"
            )
        return frontier
