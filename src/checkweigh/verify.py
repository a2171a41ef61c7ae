"""The second path: everything about a ledger, recomputed from the bytes that rest in its store.

It shares no code with the path that wrote them beyond the formats themselves: every entry is decoded and encoded again, every hash
made anew, every tile, every part of the index of identities, every batch and the signature of the checkpoint compared with what is
stored, and nothing may be stored besides. What does not fit raises Broken with the place; what fits but deserves a look is a finding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from . import bundles, cosigned
from .address import Where, address_of
from .checkpoint import Checkpoint, Verifier, open_checkpoint, open_rotation, split_note
from .codec import decode
from .entries import Entry, identity, kind_of
from .errors import BadEntry, BadSignature, Broken, NotCanonical
from .identities import INDEX_BITS, RUN_SHIFT, Marks, Run, joined, key_hashes, keys, list_runs, marks
from .kinds import Key
from .merkle import EMPTY, TILE_HEIGHT, TILE_WIDTH, leaf_hash, node_hash
from .snapshot import Snapshot
from .stores import FORMAT, Meta, Reader, Table, opening

Progress = Callable[[int, int], None]
"""Called now and then with the entries verified so far and their total."""
_BEGINNING = -(2**63)


@dataclass(frozen=True)
class Finding:
    """Something that a reader of the ledger should know, though every byte is as it was signed."""

    code: str
    index: int
    message: str


@dataclass(frozen=True)
class Cosigned:
    """A witness's word that at `moment` (seconds since 1970) it knew no other history than the first `size` entries."""

    witness: Verifier
    size: int
    moment: int
    note: str


@dataclass(frozen=True)
class _Older:
    """A checkpoint that must be part of the ledger's history, and what to call it."""

    name: str
    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(split_note(self.note)[0])


@dataclass(frozen=True)
class Report:
    """What was verified: every entry up to `size`, under `root`, signed by the last of `verifiers`."""

    origin: str
    size: int
    root: bytes
    checkpoint: str
    verifiers: tuple[str, ...]
    kinds: dict[str, int] = field(default_factory=dict)
    batches: int = 0
    recorded: str | None = None
    findings: tuple[Finding, ...] = ()
    cosigned: tuple[Cosigned, ...] = ()
    """Of each witness that was demanded, what it has agreed to; in the order in which they were demanded."""


def verify(
    where: Where,
    *,
    against: str | None = None,
    witnesses: Sequence[Verifier] = (),
    progress: Progress | None = None,
) -> Report:
    """Verify the ledger at an address from its first byte to its last, and that an older checkpoint `against` is part of its history.

    Of each of `witnesses` the newest checkpoint that it cosigned must be kept beside the ledger and be part of its history too.
    Raises Broken naming the place, and NotALedger where there is no ledger.
    """
    store = opening.open_store(address_of(where))
    try:
        # Witnesses are read first: what they have agreed to cannot be later than the snapshot.
        found = [_cosigned(where, witness) for witness in witnesses]
        older = [_Older("the older checkpoint", against)] if against else []
        older += [_Older(f"the checkpoint cosigned by {one.witness.name}", one.note) for one in found]
        with store.read() as reader:
            report = _Verification(reader, older, progress or (lambda done, total: None)).run()
    finally:
        store.close()
    return replace(report, cosigned=tuple(found))


def _cosigned(where: Where, witness: Verifier) -> Cosigned:
    """The newest checkpoint beside the ledger that a witness has cosigned. Raises BadSignature when there is none."""
    note = cosigned.newest(where, witness)
    moment = None if note is None else cosigned.cosigned_by(note, witness)
    if note is None or moment is None:
        place = cosigned.directory_of(where)
        raise BadSignature(f"no checkpoint in {place} is cosigned by {witness}; run `checkweigh submit`")
    return Cosigned(witness, Checkpoint.parse(split_note(note)[0]).size, moment, note)


class _Verification:
    """One walk over a snapshot, in the order of the entries."""

    def __init__(self, reader: Reader, older: Sequence[_Older], progress: Progress) -> None:
        self.reader = reader
        self.progress = progress
        self.facts = _facts(reader)
        self.note = _text(self.facts, Meta.CHECKPOINT)
        self.head = Checkpoint.parse(split_note(self.note)[0])
        self.verifiers = [Verifier.parse(_text(self.facts, Meta.GENESIS))]
        self.older = older
        self.roots = {(found.checkpoint.size, found.checkpoint.root): found.name for found in older}
        self.sizes = {size for size, _ in self.roots}
        self.tree = _Tree()
        self.index = _Index(reader, self.head.size)
        self.batches = _Batches(reader)
        self.kinds: dict[str, int] = {}
        self.recorded = ""

    def run(self) -> Report:
        self._meet()
        for index, data in self._entries():
            self._take(index, data)
        self._check_end()
        return Report(
            origin=self.head.origin,
            size=self.head.size,
            root=self.head.root,
            checkpoint=self.note,
            verifiers=tuple(str(verifier) for verifier in self.verifiers),
            kinds=self.kinds,
            batches=self.batches.count,
            recorded=self.recorded or None,
            findings=tuple(_findings(self.reader, self.index)),
        )

    def _entries(self) -> Iterator[tuple[int, bytes]]:
        """Every stored entry: the bundles, then the singles; exactly as many as the head says."""
        packed = self.head.size // TILE_WIDTH
        for number, data in _exactly(self.reader, "bundles", 0, packed):
            self.progress(number * TILE_WIDTH, self.head.size)
            yield from enumerate(bundles.unpack(data, f"table bundles, bundle {number}"), number * TILE_WIDTH)
        yield from _exactly(self.reader, "singles", packed * TILE_WIDTH, self.head.size)
        self.progress(self.head.size, self.head.size)

    def _take(self, index: int, data: bytes) -> None:
        try:
            entry = decode(data)
        except (NotCanonical, BadEntry) as error:
            raise Broken(f"entry {index} ({_place(index, self.head.size)}): {error}") from None
        # Without its Z a moment sorts as text: a fraction only ever makes it longer.
        if entry.recorded[:-1] < self.recorded[:-1]:
            raise Broken(
                f"entry {index} was recorded at {entry.recorded}, before the one that precedes it ({self.recorded})"
            )
        self.recorded = entry.recorded
        self.kinds[kind_of(entry)] = self.kinds.get(kind_of(entry), 0) + 1
        if isinstance(entry, Key):
            self.verifiers.append(_successor(self.head.origin, index, entry, self.verifiers[-1]))
        self.index.take(index, entry)
        self.tree.push(leaf_hash(data))
        self._meet()

    def _meet(self) -> None:
        """Compare the root at each size for which one is known."""
        self.batches.meet(self.tree)
        if self.tree.size in self.sizes:
            self._compare(self.tree.size, self.tree.root())

    def _compare(self, size: int, root: bytes) -> None:
        """Raises Broken when an older checkpoint of this size has another root."""
        for (old_size, old_root), name in self.roots.items():
            if old_size == size and old_root != root:
                raise Broken(f"history was rewritten: at size {size} the ledger has another root than {name}")

    def _check_end(self) -> None:
        if self.tree.root() != self.head.root:
            raise Broken(f"the entries lead to another root at size {self.head.size} than the checkpoint states")
        if self.head.origin != self.verifiers[0].name:
            raise Broken(
                f"the checkpoint is of {self.head.origin}, but the ledger's first key is that of {self.verifiers[0].name}"
            )
        _opened(self.note, [self.verifiers[-1]], "table meta, the checkpoint")
        if _text(self.facts, Meta.RECORDED) != self.recorded:
            raise Broken(
                f"table meta says that the last entry was recorded at {self.facts[Meta.RECORDED]!r}, not {self.recorded}"
            )
        self.batches.check_end(self.head.size)
        _check_tiles(self.reader, self.tree)
        self.index.check_end()
        self._check_older()

    def _check_older(self) -> None:
        for found in self.older:
            _opened(found.note, self.verifiers, found.name)
            if found.checkpoint.origin != self.head.origin:
                raise Broken(f"{found.name} is of another ledger: {found.checkpoint.origin}")
            if found.checkpoint.size > self.head.size:
                sizes = f"{found.name} has {found.checkpoint.size}, the ledger {self.head.size}"
                raise Broken(f"entries are gone: {sizes}")


def _facts(reader: Reader) -> dict[int, bytes]:
    facts = dict(reader.scan("meta", _BEGINNING))
    for number in sorted(facts.keys() ^ set(Meta)):
        raise Broken(f"table meta, row {number}: " + ("is missing" if number in set(Meta) else "does not belong there"))
    if facts[Meta.FORMAT] != str(FORMAT).encode():
        raise Broken(f"table meta, row {int(Meta.FORMAT)}: the format is {facts[Meta.FORMAT]!r} instead of {FORMAT}")
    return facts


def _text(facts: dict[int, bytes], number: Meta) -> str:
    try:
        return facts[number].decode()
    except UnicodeDecodeError:
        raise Broken(f"table meta, row {int(number)} ({number.name.lower()}) is not UTF-8") from None


def _exactly(reader: Reader, table: Table, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """The rows of a table, which must be numbered start..stop-1."""
    expected = start
    for number, data in reader.scan(table, _BEGINNING):
        if number != expected or number >= stop:
            wrong = number if number < expected or number >= stop else expected
            raise Broken(
                f"table {table}, row {wrong}: "
                + ("is missing" if wrong == expected < stop else "does not belong there")
            )
        yield number, data
        expected += 1
    if expected != stop:
        raise Broken(f"table {table}, row {expected}: is missing")


def _place(index: int, size: int) -> str:
    if index < size // TILE_WIDTH * TILE_WIDTH:
        return f"table bundles, bundle {index // TILE_WIDTH}"
    return f"table singles, row {index}"


def _successor(origin: str, index: int, entry: Key, verifier: Verifier) -> Verifier:
    try:
        return open_rotation(origin, entry.verifier, entry.signature, verifier)
    except Exception as error:
        raise BadSignature(f"entry {index}: {error}") from None


def _opened(note: str, verifiers: list[Verifier], where: str) -> None:
    try:
        open_checkpoint(note, *verifiers)
    except BadSignature as error:
        raise BadSignature(f"{where}: {error}") from None


class _Tree:
    """The tree as a row of complete subtrees, the widest first: a number written in binary, one added for each entry."""

    def __init__(self) -> None:
        self.size = 0
        self.levels: list[bytearray] = []
        """The hashes of tile level 1, 2, ...: each is over 256 of the level below."""
        self._stack: list[bytes] = []

    def push(self, found: bytes) -> None:
        """Append a leaf hash."""
        height, carry = 0, self.size
        while carry & 1:
            found = node_hash(self._stack.pop(), found)
            height, carry = height + 1, carry >> 1
            if height % TILE_HEIGHT == 0:
                self._keep(height // TILE_HEIGHT, found)
        self._stack.append(found)
        self.size += 1

    def _keep(self, level: int, found: bytes) -> None:
        if level > len(self.levels):
            self.levels.append(bytearray())
        self.levels[level - 1] += found

    def root(self) -> bytes:
        """The root of all entries so far."""
        if not self._stack:
            return EMPTY
        *rest, found = self._stack
        for subtree in reversed(rest):
            found = node_hash(subtree, found)
        return found


def _check_tiles(reader: Reader, tree: _Tree) -> None:
    for stored, made in zip_longest(reader.scan("tiles", _BEGINNING), _tiles(tree)):
        if stored != made:
            number = min(row[0] for row in (stored, made) if row is not None)
            raise Broken(f"table tiles, tile {number >> 48}/{number & (1 << 48) - 1}: is not what the entries hash to")


def _tiles(tree: _Tree) -> Iterator[tuple[int, bytes]]:
    width = TILE_WIDTH * 32
    for level, hashes in enumerate(tree.levels, 1):
        for index, at in enumerate(range(0, len(hashes), width)):
            yield (level << 48) + index, bytes(hashes[at : at + width])


class _Batches:
    """Walks the table of batches beside the entries."""

    def __init__(self, reader: Reader) -> None:
        self._rows = reader.scan("batches", _BEGINNING)
        self._next = next(self._rows, None)
        self.stop = 0
        self.count = 0

    def meet(self, tree: _Tree) -> None:
        """Compare the batch that ends at the tree's size, if one does."""
        if self._next is None or self._next[0] > tree.size:
            return
        if self._next != (tree.size, self.stop.to_bytes(8) + tree.root()) or tree.size == 0:
            raise Broken(f"table batches, row {self._next[0]}: is not what the entries up to there hash to")
        self.stop, self._next, self.count = tree.size, next(self._rows, None), self.count + 1

    def check_end(self, size: int) -> None:
        """Raises Broken unless the batches end where the entries do."""
        if self._next is not None:
            raise Broken(f"table batches, row {self._next[0]}: does not belong there")
        if self.stop != size:
            raise Broken(f"table batches ends at {self.stop} instead of {size}")


class _Index:
    """Makes the index of identities anew and compares it run by run."""

    def __init__(self, reader: Reader, size: int) -> None:
        self._reader = reader
        self.runs = list_runs(reader)
        self._marks: list[tuple[Marks, int]] = []
        self._size = size
        self._expected = iter(self.runs)
        self._run = next(self._expected, None)
        self._stop = 0
        self._names: dict[str, tuple[list[str], list[int]]] = {}
        self.replacements: list[int] = []
        """The entries that say which entry they replace."""

    def take(self, index: int, entry: Entry) -> None:
        """Note the keys of an entry; compare the run that ends with it, if one does."""
        for kind, name in keys(entry):
            names, indices = self._names.setdefault(kind, ([], []))
            names.append(name)
            indices.append(index)
        if entry.replaces is not None:
            self.replacements.append(index)
        if self._run is not None and index + 1 == self._run.stop:
            self._check(self._run)

    def _check(self, run: Run) -> None:
        if run.start != self._stop:
            raise Broken(
                f"table meta, the runs of identities: run {run.number} starts at {run.start} instead of {self._stop}"
            )
        made = [
            marks(
                key_hashes(kind, pa.array(names, pa.string())),
                np.array(indices, dtype=np.uint64) - np.uint64(run.start),
            )
            for kind, (names, indices) in self._names.items()
        ]
        found = np.sort(np.concatenate([np.empty(0, np.uint64), *made]))
        if len(found) != run.count:
            raise Broken(
                f"table meta, the runs of identities: run {run.number} counts {run.count} marks instead of {len(found)}"
            )
        stored = self._reader.scan("identities", run.number << RUN_SHIFT, (run.number + 1) << RUN_SHIFT)
        for row, expected in zip_longest(stored, run.parts(found)):
            if row != expected:
                part = min(one[0] for one in (row, expected) if one is not None) & (1 << RUN_SHIFT) - 1
                raise Broken(f"table identities, run {run.number}, part {part}: is not what the entries say")
        self._marks.append((found, run.start))
        self._stop, self._run, self._names = run.stop, next(self._expected, None), {}

    def repeated(self) -> Iterator[list[int]]:
        """The indices of entries that share a key, key by key, ascending."""
        hashes = np.sort(
            np.concatenate([np.empty(0, np.uint64), *(found >> np.uint64(INDEX_BITS) for found, _ in self._marks)])
        )
        shared = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        positions, indices = joined(self._marks, shared)
        order = np.lexsort((indices, positions))
        for group in np.split(indices[order], np.flatnonzero(np.diff(positions[order])) + 1):
            yield group.tolist()

    def check_end(self) -> None:
        """Raises Broken unless the runs cover every entry, and nothing is stored besides."""
        if self._stop != self._size or self._run is not None:
            raise Broken(f"table meta, the runs of identities: they end at {self._stop} instead of {self._size}")
        numbers = {run.number for run in self.runs}
        for number, _ in self._reader.scan("identities", _BEGINNING):
            if number >> RUN_SHIFT not in numbers:
                raise Broken(f"table identities, row {number}: does not belong there")


def _findings(reader: Reader, index: _Index) -> Iterator[Finding]:
    """Identities that are repeated without replacing the entry that stood: the first counts."""
    snapshot = Snapshot(reader)
    for indices in index.repeated():
        standing: dict[tuple[str, ...], int] = {}
        for at in indices:
            entry = decode(snapshot.entry(at))
            if (names := identity(entry)) is None:
                continue
            before = standing.get(names)
            if before is None or entry.replaces == before:
                standing[names] = at
            else:
                said = f"entry {at} repeats {' '.join(names)}, which entry {before} stands for; it does not count"
                yield Finding("repeated identity", at, said)
    yield from _strange_replacements(snapshot, index.replacements)


def _strange_replacements(snapshot: Snapshot, replacing: list[int]) -> Iterator[Finding]:
    """Replacements of what is not there yet, or is something else: no ledger of this program takes one."""
    for at in replacing:
        entry = decode(snapshot.entry(at))
        before = decode(snapshot.entry(entry.replaces)) if entry.replaces is not None and entry.replaces < at else None
        if before is None or (kind_of(before), identity(before)) != (kind_of(entry), identity(entry)):
            other = "which comes later" if before is None else f"a {kind_of(before)} of another identity"
            said = f"entry {at} says that it replaces entry {entry.replaces}, {other}; look at both before you rely on either"
            yield Finding("strange replacement", at, said)
