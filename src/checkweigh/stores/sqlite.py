"""A ledger in one SQLite file.

The file carries the application id "Ckwg" (0x436b7767) at byte 68, so that no other program's file is taken for a ledger. While it
is open a `-wal` and a `-shm` file may stand beside it; whoever closes it last folds them in, and then the one file is complete. A
commit is synced to disk before it returns. Reading also works where nothing can be written.
"""

import itertools
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import Broken, Busy, CannotWrite, NotALedger, Refused
from . import FORMAT, TABLES, WAIT_SECONDS, Fill, Meta, Reader, Table, Writer

APPLICATION = 0x436B7767
_MAGIC = b"SQLite format 3\x00"
_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_OPENED: Counter[tuple[int, int]] = Counter()
_OPENING = threading.Lock()
_NUMBERS = itertools.count()


class _Connection(sqlite3.Connection):
    """A connection that is counted while it is open.

    When a process closes a file that it has opened by itself, it loses every lock on that file, those that SQLite holds for it too;
    another process would then take itself for the last one and delete the -wal file from under it. So a file with a connection is
    not opened otherwise.
    """

    inode: tuple[int, int] | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.number = next(_NUMBERS)

    def count(self, path: Path) -> None:
        """Note which file it is open on."""
        self.inode = _inode(path)
        _OPENED[self.inode] += 1

    def close(self) -> None:
        """Close it."""
        with _OPENING:
            super().close()
            if self.inode is not None:
                _OPENED[self.inode] -= 1
                self.inode = None


def _inode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


class SQLiteStore:
    """The store in the file at `path`. `mode` is rw, or ro for a place where nothing can be written."""

    def __init__(self, path: Path, mode: str, wait_seconds: float) -> None:
        self.path = path
        self._mode = mode
        self._wait_seconds = wait_seconds
        self._idle: list[_Connection] = []
        self._writer: list[_Connection] = []
        self._turn = threading.Lock()
        self._written: tuple[tuple[int, int], int | None] = (-1, -1), None
        """The last transaction here: its connection with the version of the file that it saw, which others change, and its number."""

    @classmethod
    def create(cls, path: Path, facts: Mapping[Meta, bytes], *, fill: Fill | None = None) -> "SQLiteStore":
        """A new store with these facts and what `fill` writes. Raises Refused when something is at `path` or it cannot be written."""
        _make_file(path)
        store = cls(path, "rw", WAIT_SECONDS)
        try:
            with store._connection() as connection:
                _prepare(connection, facts)
                if fill is not None:
                    fill(_Snapshot(path, connection))
                connection.execute("COMMIT")
        except Exception as error:
            store.close()
            _remove(path)
            raise _said(path, error) from error
        return store

    @classmethod
    def open(cls, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> "SQLiteStore":
        """The store at `path`. Raises NotALedger when there is none that this version can open."""
        _check_file(path)
        store = cls(path, _mode(path), wait_seconds)
        try:
            with store._connection() as connection:
                _check_version(path, connection)
        except Exception as error:
            store.close()
            raise _said(path, error) from error
        return store

    @contextmanager
    def _connection(self, idle: list[_Connection] | None = None) -> Iterator[_Connection]:
        """A connection of our own; idle ones are kept, since opening a file costs more than reading from it."""
        idle = self._idle if idle is None else idle
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    def _connect(self) -> _Connection:
        uri = f"file:{quote(str(self.path.absolute()))}?mode={self._mode}"
        with _OPENING:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=self._wait_seconds, cached_statements=64,
                factory=_Connection,
            )  # fmt: skip
            connection.count(self.path)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-16384")
        return connection

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A snapshot."""
        try:
            with self._connection() as connection:
                connection.execute("BEGIN")
                try:
                    yield _Snapshot(self.path, connection)
                finally:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _said(self.path, error) from error

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """The only transaction that writes, now; always on one connection, which then knows whether others have written meanwhile."""
        if not self._turn.acquire(timeout=self._wait_seconds):
            raise _busy(self.path)
        try:
            with self._connection(self._writer) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    (version,) = connection.execute("PRAGMA data_version").fetchone()
                    number, state = next(_NUMBERS), (connection.number, version)
                    yield _Snapshot(
                        self.path, connection, number, self._written[1] if self._written[0] == state else None
                    )
                    connection.execute("COMMIT")
                    self._written = state, number
                except BaseException:
                    with suppress(sqlite3.Error):  # a full disk has rolled back already
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise _said(self.path, error) from error
        finally:
            self._turn.release()

    def copy(self, target: Path) -> None:
        """Copy a snapshot of the whole store into a new file, synced. Raises Refused when `target` exists or cannot be written."""
        _make_file(target)
        try:
            with self._connection() as source:
                _copy(source, target)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, sqlite3.Error):
                raise _said(target, error) from error
            raise

    @staticmethod
    def discard(path: Path) -> None:
        """Remove a store that was made just now and is not to stay."""
        _remove(path)

    def close(self) -> None:
        """Close the connections at rest; the last process to do so folds the -wal file in."""
        for idle in (self._idle, self._writer):
            while idle:
                idle.pop().close()


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _make_file(path: Path) -> None:
    """An empty file of our own: of two processes that make the same one, one is refused."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        raise Refused(f"{path} exists already and is left as it is; choose another name") from None
    except OSError as error:
        raise CannotWrite(f"{path} cannot be made: {error.strerror}") from None


class _Snapshot:
    """One transaction of one connection: a Reader, and a Writer where the transaction may write."""

    def __init__(self, path: Path, connection: _Connection, number: int = 0, after: int | None = None) -> None:
        self._path = path
        self._connection = connection
        self.number, self.after = number, after

    def get(self, table: Table, number: int) -> bytes | None:
        query = f"SELECT data FROM {table} WHERE number = ?"
        row = self._connection.execute(query, (number,)).fetchone()
        return None if row is None else _blob(self._path, table, number, row[0])

    def scan(self, table: Table, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        query = f"SELECT number, data FROM {table} WHERE number >= ? AND number < ? ORDER BY number"
        for number, data in self._connection.execute(query, (start, 2**63 - 1 if stop is None else stop)):
            yield number, _blob(self._path, table, number, data)

    def put(self, table: Table, rows: Iterable[tuple[int, bytes]]) -> None:
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)

    def delete(self, table: Table, start: int, stop: int) -> None:
        self._connection.execute(f"DELETE FROM {table} WHERE number >= ? AND number < ?", (start, stop))


def _blob(path: Path, table: Table, number: int, data: object) -> bytes:
    if not isinstance(data, bytes):
        raise Broken(f"{path}: table {table}, row {number} holds a {type(data).__name__} where bytes belong")
    return data


def _prepare(connection: sqlite3.Connection, facts: Mapping[Meta, bytes]) -> None:
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT")
    rows = [(int(number), fact) for number, fact in {Meta.FORMAT: str(FORMAT).encode(), **facts}.items()]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def _check_file(path: Path) -> None:
    """Refuse, before SQLite sees it, what is no ledger: a missing path, a directory, an empty file, another program's file."""
    hint = "name the ledger's file, or make a ledger with `checkweigh init`"
    if path.is_dir():
        raise NotALedger(f"{path} is a directory, not a ledger; {hint}")
    try:
        with _OPENING:
            if _OPENED[_inode(path)]:
                return
            with path.open("rb") as file:
                head = file.read(100)
    except FileNotFoundError:
        raise NotALedger(f"{path} does not exist; {hint}") from None
    except OSError as error:
        raise NotALedger(f"{path} cannot be read: {error.strerror}; {hint}") from None
    if not head:
        raise NotALedger(f"{path} is an empty file, not a ledger; {hint}")
    if not head.startswith(_MAGIC) or int.from_bytes(head[68:72]) != APPLICATION:
        raise NotALedger(f"{path} is not a ledger, but some other program's file; {hint}")


def _mode(path: Path) -> str:
    """rw where the file and its directory can be written; else ro, and immutable where no -wal file tells of unfinished business."""
    if os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK):
        return "rw"
    wal = Path(f"{path}-wal")
    return "ro" if wal.exists() and wal.stat().st_size else "ro&immutable=1"


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    try:
        row = connection.execute("SELECT data FROM meta WHERE number = ?", (int(Meta.FORMAT),)).fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise NotALedger(
            f"{path} was begun as a ledger, but never finished; delete it and run `checkweigh init` again"
        ) from None
    version = row[0].decode("ascii", "replace") if row and isinstance(row[0], bytes) else "unknown"
    if not version.isdigit():
        raise Broken(f"{path}: table meta, row 0 holds no format version")
    if int(version) > FORMAT:
        raise NotALedger(
            f"{path} is in format {version}, and this version of Checkweigh reads formats up to {FORMAT}; install a newer Checkweigh"
        )


def _copy(source: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        source.backup(copy)
        # A copy has no readers yet: without a -wal file it is complete at every moment.
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("PRAGMA journal_mode=WAL")
    finally:
        copy.close()
    for path in (target, target.absolute().parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _busy(path: Path) -> Busy:
    return Busy(
        f"{path}: another process is writing to the ledger; nothing was written; try again when it has finished"
    )


def _said(path: Path, error: Exception) -> Exception:
    """What an error of SQLite means for a person; other errors as they are."""
    if isinstance(error, UnicodeDecodeError):  # SQLite quotes the damaged words, and Python cannot read them
        return Broken(f"{path} is damaged: its list of tables cannot be read; restore it from a backup")
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return _busy(path)
    if code in _FULL:
        return CannotWrite(
            f"{path}: the disk did not take it ({error}); nothing was written; make room or choose another place"
        )
    return Broken(f"{path}: the file is damaged ({error}); restore it from a backup")
