"""The log as static files, which any client of a transparency log can read from a plain web server (C2SP tlog-tiles).

    checkpoint                  the newest checkpoint, a signed note; replaced last, so that nothing under it is ever missing
    tile/<L>/<N>                256 hashes of 32 bytes: of entries on level 0, above it of whole tiles of the level below
    tile/<L>/<N>.p/<W>          the same on the right edge, W hashes
    tile/entries/<N>            256 entries, each behind its length in 2 bytes, big-endian; on the right edge <N>.p/<W>
    keys                        the verifier keys of the ledger, a line each, the first one first; the last one signs

<N> is written in groups of three digits, of which all but the last begin with x. So tile 1234067 of level 0 rests in
tile/0/x001/x234/067, and a log of 70,000 entries ends with tile/0/273.p/112, tile/1/001.p/17, tile/2/000.p/1 and tile/entries/273.p/112.

What a published checkpoint covers is never written again, only added to. Every hash is made anew from the entries and must lead to the
signed root before the checkpoint is replaced.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from . import merkle
from .bundles import frame
from .checkpoint import Checkpoint, Verifier, open_checkpoint
from .errors import BadSignature, Broken, Busy, Refused
from .merkle import EMPTY, HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, Frontier
from .snapshot import Snapshot

CHECKPOINT, KEYS, ENTRIES = "checkpoint", "keys", "entries"
Progress = Callable[[int, int], None]
"""Called now and then with the entries exported so far and their total."""


def path_of(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile or, for the level "entries", a bundle rests."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


@dataclass(frozen=True)
class Exported:
    """What an export has done: the log grew from `before` to `size` entries, by so many files."""

    before: int
    size: int
    files: int


def export(
    snapshot: Snapshot,
    verifiers: Sequence[Verifier],
    directory: Path,
    *,
    note: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Bring the log in `directory` up to date with the ledger, whose keys are given, the first one first.

    `note` is the ledger's newest checkpoint with the cosignatures of witnesses, where it has them. Raises Refused where the directory
    holds something else, Busy while another export writes there, and Broken where it holds another history of this ledger, or where
    the ledger is damaged; then the published checkpoint stays as it was.
    """
    _make(directory)
    note = note or snapshot.note
    with _alone(directory):
        _claim(directory, verifiers)
        old = _published(directory, snapshot, verifiers)
        work = _Export(snapshot, directory, old.size)
        work.run(progress or (lambda done, total: None))
        if work.files or not _shows(directory, note):
            work.publish(note, verifiers)
        return Exported(old.size, snapshot.size, work.files)


def _shows(directory: Path, note: str) -> bool:
    path = directory / CHECKPOINT
    return path.exists() and path.read_bytes() == note.encode()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError:
        raise Refused(f"{directory} is a file; name a directory for the log") from None


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory, so that no slower export puts an older checkpoint over a newer one."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(f"another export is writing to {directory}; try again when it has finished") from None
    finally:
        os.close(descriptor)


def _claim(directory: Path, verifiers: Sequence[Verifier]) -> None:
    """Refuse a directory that holds something else, and mark an empty one as this ledger's."""
    path, first = directory / KEYS, str(verifiers[0])
    if path.is_file():
        found = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        if found != first:
            raise Refused(
                f"{directory} holds the log of another ledger, with the key {found}; choose another directory"
            )
    elif any(directory.iterdir()):
        raise Refused(f"{directory} is not empty and holds no exported log; choose a new directory")
    else:
        _put(path, first.encode() + b"\n")


def _published(directory: Path, snapshot: Snapshot, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint that the directory shows, which must be part of the ledger's history."""
    path = directory / CHECKPOINT
    if not path.exists():
        return Checkpoint(snapshot.checkpoint.origin, 0, EMPTY)
    try:
        found = open_checkpoint(path.read_text(encoding="utf-8"), *verifiers)
    except (UnicodeDecodeError, BadSignature) as error:
        raise BadSignature(
            f"{path} is not a checkpoint that this ledger signed ({error}); nothing was exported"
        ) from None
    keep = "nothing was exported; keep the directory as evidence, and find out which of the two people have seen"
    if found.size > snapshot.size:
        raise Broken(f"{directory} shows {found.size:,} entries, and the ledger holds only {snapshot.size:,}; {keep}")
    if found.origin != snapshot.checkpoint.origin or found.root != snapshot.root(found.size):
        raise Broken(f"{directory} shows another history of its first {found.size:,} entries than the ledger; {keep}")
    return found


class _Export:
    """Writes what lies beyond a size, whole tiles first."""

    def __init__(self, snapshot: Snapshot, directory: Path, before: int) -> None:
        self.files = 0
        self._snapshot = snapshot
        self._directory = directory
        self._begin = before // TILE_WIDTH
        self._before = before
        self._frontier = _frontier(snapshot, self._begin * TILE_WIDTH)
        self._covered: list[Path] = []

    def run(self, progress: Progress) -> None:
        """Write every tile and bundle. Raises Broken when they do not lead to the signed root."""
        size = self._snapshot.size
        if size == self._before:
            return
        for number in range(self._begin, size // TILE_WIDTH):
            self._write(number, self._snapshot.bundle(number))
            progress((number + 1) * TILE_WIDTH, size)
        packed = size // TILE_WIDTH * TILE_WIDTH
        if size > packed:
            self._write(packed // TILE_WIDTH, list(self._snapshot.entries_at(range(packed, size))))
        for level, index, hashes in self._frontier.partial():
            self._tile(level, index, hashes)
        if self._frontier.root() != self._snapshot.checkpoint.root:
            raise Broken("the entries do not lead to the signed root; nothing was published; run `checkweigh verify`")
        progress(size, size)

    def _write(self, number: int, entries: list[bytes]) -> None:
        """A bundle, its tile of level 0, and what becomes whole with it."""
        leaves = merkle.leaf_hashes(entries)
        self._file(ENTRIES, number, len(entries), frame(entries))
        self._tile(0, number, b"".join(leaves))
        for level, index, hashes in self._frontier.add(leaves):
            self._tile(level, index, hashes)

    def _tile(self, level: int, index: int, hashes: bytes) -> None:
        self._file(level, index, len(hashes) // HASH_BYTES, hashes)

    def _file(self, level: int | str, index: int, width: int, data: bytes) -> None:
        path = self._directory / path_of(level, index, width)
        _put(path, data)
        self.files += 1
        if width == TILE_WIDTH and (partial := path.with_name(path.name + ".p")).is_dir():
            self._covered.append(partial)

    def publish(self, note: str, verifiers: Sequence[Verifier]) -> None:
        """Show the new checkpoint, once everything under it is on the disk; then drop the partial tiles that whole ones replace."""
        _put(self._directory / KEYS, "".join(f"{verifier}\n" for verifier in verifiers).encode())
        os.sync()  # thousands of files at once: one by one would take minutes
        _put(self._directory / CHECKPOINT, note.encode())
        os.sync()
        for partial in self._covered:
            rmtree(partial, ignore_errors=True)


def _frontier(snapshot: Snapshot, size: int) -> Frontier:
    """The right edge of the tree at a size that ends with a whole tile of level 0."""
    levels: list[list[bytes]] = [[]]
    while width := size >> (TILE_HEIGHT * len(levels)):
        held = width % TILE_WIDTH
        tile = snapshot.tile(len(levels), width // TILE_WIDTH) if held else b""
        levels.append(merkle.split_hashes(tile[: held * HASH_BYTES]))
    return Frontier(size, levels)


def _put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(data)
    fresh.replace(path)
