"""A batch: entries that join the ledger together or not at all, each checked against what the ledger holds by then.

What can be seen in one entry alone is `entries`' business; a batch asks whether its identity is new or rightly replaced, whether what it
names exists, whether the party was known on the day, and whether the shift lies in the past.
"""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import arrays, bulk, codec
from .checkpoint import Checkpoint, Signer, sign_checkpoint, sign_rotation
from .entries import Entry, build, fields
from .errors import BadEntry, Refused
from .growth import Grown, Growth
from .holdings import Holdings
from .identities import LONGEST_RUN, Fresh, Identities, keys, store_run
from .names import Indices, Known, Names
from .snapshot import Snapshot
from .stores import Meta, Reader, Writer
from .values import time_text

SALT_BYTES = 12
FEW = 256
"""Up to so many names are looked up one by one."""
BY_LEDGER = ("recorded", "by", "salt")


@dataclass(frozen=True)
class Edge:
    """What comes from outside: who enters (`login:NAME`, `account:NAME` or `token:NAME`), the clock, and chance.

    `recorded` is for demonstration ledgers, whose caller may say when an entry was recorded.
    """

    by: str
    now: datetime
    recorded: datetime | None = None
    random: Callable[[int], bytes] = field(default=os.urandom)


@dataclass(frozen=True)
class Prepared:
    """Rows that fit the ledger, and their canonical bytes."""

    rows: bulk.Rows
    entries: list[pa.LargeBinaryArray]


@dataclass(frozen=True)
class Left:
    """What a batch leaves to the next one: who signed the head, and what it knows of the ledger as it is then."""

    signer: Signer
    grown: Grown
    identities: Identities
    known: Known


class Batch:
    """Adds entries to the end of the ledger. Refused entries leave no trace, so a caller may go on after a refusal."""

    def __init__(
        self,
        writer: Writer,
        snapshot: Snapshot,
        edge: Edge,
        signer: Signer,
        *,
        demonstration: bool,
        before: Left | None = None,
    ) -> None:
        """`before` was left by the batch that brought the ledger to this very state."""
        self._writer = writer
        self._signer = signer
        self._edge = edge
        self._begun = snapshot.size
        self.growth = Growth(writer, snapshot, None if before is None else before.grown)
        self._fresh = Fresh(snapshot.size)
        self._identities = Identities(writer, None if before is None else before.identities)
        self._runs = self._identities.runs
        known = None if before is None else before.known
        self.names = Names(self._identities, self._fresh, self.growth.entry, known)
        last = snapshot.recorded
        self.recorded = _recorded(edge, last, demonstration)
        """When the entries of this batch are recorded: one moment for all, never before the last one."""
        self.late_clock = edge.recorded is None and last is not None and edge.now < last
        """Whether the edge's clock is behind the ledger, whose last moment is then used instead."""
        self._holdings = Holdings(self.names, self.growth.entry, self.recorded)
        self.id: str | None = None
        """Known once the batch is complete; `Ledger.landed` tells later whether it is in the ledger."""
        self.sealed: list[Callable[[str], None]] = []
        """Told the id of the batch when it is complete and not yet in the ledger."""
        self.left: Left | None = None
        """What the next batch may begin with, once this one is complete."""

    @property
    def size(self) -> int:
        """The index that the next entry gets."""
        return self.growth.size

    @cached_property
    def constants(self) -> dict[str, str]:
        """What the ledger states in every entry of the batch."""
        return {"recorded": time_text(self.recorded), "by": self._edge.by}

    def _salts(self, count: int) -> pa.Array:
        """So many salts: 12 random bytes each, in base64."""
        letters = base64.b64encode(self._edge.random(SALT_BYTES * count))
        offsets = np.arange(0, 16 * count + 1, 16, dtype=np.int32)
        return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))

    def add_table(self, kind: str, table: pa.Table) -> range:
        """Append a row of `table` each, its columns being fields of the kind without recorded, by and salt; returns their indices.

        The same checks as `add`, set by set. Raises BadRows with every refused row, or BadEntry for columns that are none.
        """
        return self.add_prepared(self.prepared(self.rows(kind, table)))

    def rows(self, kind: str, table: pa.Table) -> bulk.Rows:
        """A table on its way into this batch. Raises BadEntry for columns that are none of the kind's."""
        return bulk.Rows(self._holdings, self.size, kind, bulk.typed(kind, table))

    def prepared(self, rows: bulk.Rows) -> "Prepared":
        """Rows checked and written but not added; nothing else is added in between but what they are promised. Raises BadRows."""
        bulk.check(rows)
        return Prepared(rows, bulk.encoded(rows, self.constants, self._salts))

    def add_prepared(self, prepared: "Prepared") -> range:
        """Append rows that were prepared; returns their indices."""
        start = self.size
        for entries in prepared.entries:
            indices = self.growth.add_table(entries)
            self._spill(indices)
            for hashes, of in bulk.keys(prepared.rows, indices.start - start, indices.stop - start):
                self._fresh.add_all(hashes, of + start)
        self.names.forget()
        if prepared.rows.kind != "shift":
            self._holdings.forget(prepared.rows.kind)
        return range(start, self.size)

    def find(self, kind: str, name: str) -> list[int]:
        """The indices of all entries of an id, those of this batch included, ascending."""
        return self.names.find(kind, name)

    def standing(self, kind: str, ids: pa.Array) -> pa.Array:
        """The index of the entry that now stands for each id, null where there is none: int64, one per id.

        For workers and crews that of the version with the latest `from`.
        """
        ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        found = np.full(len(ids), -1, dtype=np.int64)
        rows, indices = self.names.candidates_of_all(kind, ids)
        alone = np.bincount(rows, minlength=len(ids))[rows] == 1
        if alone.sum() > FEW:
            self._compare(kind, ids, rows[alone], indices[alone], found)
            rows = rows[~alone]
        rest = np.unique(rows)
        for row, versions in self.names.standing_of_all(kind, ids.take(arrays.numbers(rest))).items():
            found[rest[row]] = max(versions, key=lambda version: version[1].from_ or "")[0]
        return arrays.numbers(found, found >= 0)

    def _compare(self, kind: str, ids: pa.Array, rows: Indices, indices: Indices, found: Indices) -> None:
        """Fill in `found` for rows whose id only one entry seems to have, comparing them all at once: then that entry stands."""
        said = codec.decode_names(self.growth.texts(indices))
        same = pc.and_(
            pc.equal(said["kind"], arrays.literal(kind, pa.string())),
            pc.equal(said["id"], ids.take(arrays.numbers(rows)).cast(pa.string())),
        )
        agreed = arrays.numpy_of(arrays.filled(same, False))
        found[rows[agreed]] = indices[agreed]

    def add(self, kind: str, given: Mapping[str, object]) -> int:
        """Append one entry; the ledger adds recorded, by and salt. Returns its index. Raises Refused, and then nothing was added."""
        if kind == "key":
            raise BadEntry(kind, [("kind", kind, "is made by rotating the signing key, not added by hand")])
        return self.add_built(kind, given)

    def add_built(self, kind: str, given: Mapping[str, object]) -> int:
        """`add` for every kind, rotations too."""
        if taken := [name for name in BY_LEDGER if name in given]:
            raise BadEntry(kind, [(name, None, "is set by the ledger; leave it out") for name in taken])
        salted = {"salt": base64.b64encode(self._edge.random(SALT_BYTES)).decode()} if "salt" in fields_of(kind) else {}
        entry = build(kind, {**given, **self.constants, **salted})
        self._holdings.check(self.size, entry)
        return self._append(entry)

    def _append(self, entry: Entry) -> int:
        index = self.growth.add(codec.encode(entry))
        self._spill(range(index, index + 1))
        for key in keys(entry):
            self._fresh.add(*key, index)
            self.names.forget(*key)
            self._holdings.forget(*key)
        return index

    def _spill(self, indices: range) -> None:
        """Keep the keys in memory bounded: those before `indices` are stored when these no longer fit into one run."""
        if indices.stop - self._fresh.start > LONGEST_RUN:
            self._store_keys(indices.start)

    def _store_keys(self, stop: int) -> None:
        start = self._fresh.start
        self._runs = store_run(self._writer, self._runs, start, stop, self._fresh.take(stop))
        self._identities.runs = self._runs

    def rotate(self, successor: Signer) -> None:
        """Hand over to a new signing key, which signs this batch's checkpoint already."""
        signature = sign_rotation(self._signer.name, successor.verifier, self._signer)
        self.add_built("key", {"verifier": str(successor.verifier), "signature": signature})
        self._signer = successor

    def finish(self) -> None:
        """Write everything that is still in memory, and the checkpoint."""
        if self.size > self._fresh.start:
            self._store_keys(self.size)  # first, since the newest entries are still being hashed
        root = self.growth.finish()
        checkpoint = sign_checkpoint(Checkpoint(self._signer.name, self.size, root), self._signer)
        self._writer.put("batches", [(self.size, self._begun.to_bytes(8) + root)])
        self._writer.put("meta", [(Meta.CHECKPOINT, checkpoint.encode())])
        self._writer.put("meta", [(Meta.RECORDED, self.constants["recorded"].encode())])
        self.id = batch_id(self.size, root)
        for tell in self.sealed:
            tell(self.id)
        identities = Identities(self._writer, self._identities)  # without the long runs that it has read
        self.left = Left(self._signer, self.growth.left(), identities, self.names.known)

    def landed(self, batch: str) -> range | None:
        """Where the entries of an earlier batch are, by its id, or None if it never arrived: nobody else writes now."""
        return landed(self._writer, batch)

    @property
    def grown(self) -> bool:
        """Whether the batch has added anything."""
        return self.size > self._begun


def _recorded(edge: Edge, last: datetime | None, demonstration: bool) -> datetime:
    if edge.recorded is None:
        return max(edge.now, last) if last else edge.now
    if not demonstration:
        raise Refused("only a demonstration ledger lets the caller say when an entry was recorded; leave recorded out")
    if last is not None and edge.recorded < last:
        raise Refused(f"recorded {time_text(edge.recorded)} lies before the last entry, recorded {time_text(last)}")
    return edge.recorded


def batch_id(size: int, root: bytes) -> str:
    """The name of the batch that brought the ledger to a size with a root."""
    return f"{size}-{root.hex()}"


def landed(reader: Reader, batch: str) -> range | None:
    """Where the entries of a batch are, by its id, or None where the ledger does not hold it."""
    size = int(number) if (number := batch.partition("-")[0]).isdecimal() else 0
    found = reader.get("batches", size)
    if found is None or batch_id(size, found[8:]) != batch:
        return None
    return range(int.from_bytes(found[:8]), size)


def fields_of(kind: str) -> Mapping[str, object]:
    """The fields of a kind, none where there is no such kind."""
    try:
        return fields(kind)
    except KeyError:
        return {}
