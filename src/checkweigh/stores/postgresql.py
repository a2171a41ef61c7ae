"""A ledger in a schema of a PostgreSQL database: one table of (number bigint, data bytea) for each table of the store.

Writers on any number of connections take turns: each first locks the row of the head, `SELECT ... FOR UPDATE`, and then sees all
that those before it have committed. A snapshot is a REPEATABLE READ transaction. A commit is on the server's disk before it returns,
also where the server is told not to wait for that (`synchronous_commit=off`); a server that runs with `fsync=off` promises nothing.

Should the connection be lost while a commit is under way, nobody here knows whether it was done: that is Unsure. Whoever next holds the
lock does know, because the lost transaction has ended by then, the one way or the other.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import psycopg
from psycopg import errors as sqlstates
from psycopg.conninfo import conninfo_to_dict

from ..address import DatabaseAddress
from ..errors import Broken, Busy, CannotReach, CannotWrite, NotALedger, Refused, Unsure
from . import FORMAT, TABLES, WAIT_SECONDS, Fill, Meta, Reader, Table, Writer

# What becomes of a connection is said in the errors below, not beside them on the terminal.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
Connection = psycopg.Connection[tuple[object, ...]]
FEW = 16
"""Fewer rows are written one by one; more are copied in."""
MANY = 512
"""Rows that are copied in at once."""
SCANNED_BYTES = 4 << 20
"""About how much of a scan is fetched at once."""
_CLIENT = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
           "tcp_user_timeout": 60_000, "application_name": "checkweigh"}  # fmt: skip
# The server lets go of a writer that has vanished before others give up waiting; it does not cut off one who works for long.
_SESSION = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "transaction_timeout": "0",
            "tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
            "synchronous_commit": "on"}  # fmt: skip
_SET = """
    SELECT set_config(s.name, w.value, false) FROM pg_settings s JOIN unnest(%s::text[], %s::text[]) w (name, value) USING (name)
    WHERE s.name <> 'synchronous_commit' OR s.setting = 'off'
"""
_SHAPES = """
    SELECT c.relname::text, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = %s GROUP BY c.relname
"""
_SHAPE = "number bigint, data bytea"
_FULL = (sqlstates.DiskFull, sqlstates.IoError, sqlstates.OutOfMemory, sqlstates.ReadOnlySqlTransaction)
_BUSY = (sqlstates.LockNotAvailable, sqlstates.DeadlockDetected, sqlstates.SerializationFailure)
_DAMAGED = (sqlstates.DataCorrupted, sqlstates.IndexCorrupted, sqlstates.UndefinedFile, sqlstates.UndefinedTable)
_TAKEN = (sqlstates.DuplicateSchema, sqlstates.DuplicateTable, sqlstates.UniqueViolation)
_ENDED = (sqlstates.AdminShutdown, sqlstates.CrashShutdown, sqlstates.CannotConnectNow)
_UNREACHED = (
    ("does not exist", "name a database and a user that the server has"),
    ("password", "put the password into ~/.pgpass or PGPASSWORD"),
    ("pg_hba", "ask who runs the server to let this user in"),
    ("permission denied", "ask who runs the server to let this user in"),
    ("too many", "try again, or ask who runs the server for more connections"),
    ("resolve host", "correct the name of the server"),
    ("translate host name", "correct the name of the server"),
    ("starting up", "try again in a moment"),
)


class PostgreSQLStore:
    """The store at an address. Each snapshot and each writer has a connection of its own."""

    def __init__(self, address: DatabaseAddress, wait_seconds: float) -> None:
        self.address = address
        self._wait_seconds = wait_seconds
        self._idle: list[Connection] = []
        self._closed = False

    @classmethod
    def create(
        cls, address: DatabaseAddress, facts: Mapping[Meta, bytes], *, fill: Fill | None = None
    ) -> "PostgreSQLStore":
        """A new store with these facts and what `fill` writes, in one transaction. The schema is made if it is not there.

        Raises Refused when the schema holds anything already, or the user may not make it.
        """
        store = cls(address, WAIT_SECONDS)
        try:
            with store._transaction("BEGIN") as connection:
                _make_tables(address, connection)
                writer = _Snapshot(address, connection)
                writer.put("meta", [(int(n), fact) for n, fact in {Meta.FORMAT: str(FORMAT).encode(), **facts}.items()])
                if fill is not None:
                    fill(writer)
                _commit(address, connection)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, address: DatabaseAddress, *, wait_seconds: float = WAIT_SECONDS) -> "PostgreSQLStore":
        """The store at an address. Raises NotALedger when there is none that this version can open, CannotReach without a server."""
        store = cls(address, wait_seconds)
        try:
            with store._transaction("BEGIN READ ONLY") as connection:
                _check_tables(address, connection)
                _check_version(address, _Snapshot(address, connection))
                connection.execute("ROLLBACK")
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A snapshot."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
            yield _Snapshot(self.address, connection)
            connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """The only transaction that writes, now."""
        with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED") as connection:
            head = f"SELECT FROM {_table(self.address, 'meta')} WHERE number = {int(Meta.CHECKPOINT)} FOR UPDATE"
            if connection.execute(head).fetchone() is None:
                raise Broken(f"{self.address}: the head of the ledger is missing; restore it from a backup")
            yield _Snapshot(self.address, connection)
            _commit(self.address, connection)

    @staticmethod
    def discard(address: DatabaseAddress) -> None:
        """Remove the tables of a store that was made just now and is not to stay."""
        store = PostgreSQLStore(address, WAIT_SECONDS)
        with store._transaction("BEGIN") as connection:
            connection.execute("DROP TABLE " + ", ".join(_table(address, table) for table in TABLES))
            connection.execute("COMMIT")
        store.close()

    def close(self) -> None:
        """Close the connections, those in use when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        """A connection with a transaction, which the caller ends; an exception undoes it. Errors are said for people."""
        connection = self._begun(begin)
        try:
            yield connection
        except BaseException as error:
            lost = isinstance(error, psycopg.Error) and _lost(connection, error)
            with suppress(psycopg.Error):
                connection.close()  # the server undoes what was not committed
            if isinstance(error, psycopg.Error):
                raise _said(self.address, error, lost) from error
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _begun(self, begin: str) -> Connection:
        """A connection on which a transaction has begun. One that was at rest may have been cut off meanwhile; then another is taken."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            try:
                connection.execute(begin)
                return connection
            except psycopg.OperationalError:
                connection.close()
        try:
            connection = self._connect()
            connection.execute(begin)
        except psycopg.Error as error:
            raise _unreached(self.address, error) from None
        return connection

    def _connect(self) -> Connection:
        settings = {**_SESSION, "lock_timeout": f"{max(1, round(self._wait_seconds * 1000))}ms"}
        given: dict[str, Any] = {**_CLIENT, **conninfo_to_dict(self.address.uri)}
        connection = psycopg.connect(**given, autocommit=True)
        connection.execute(_SET, [[*settings], [*settings.values()]])
        return connection


class _Snapshot:
    """One transaction of one connection: a Reader, and a Writer where the transaction may write."""

    def __init__(self, address: DatabaseAddress, connection: Connection) -> None:
        self._address = address
        self._connection = connection

    number: int = 0
    after: int | None = None

    def get(self, table: Table, number: int) -> bytes | None:
        query = f"SELECT data FROM {_table(self._address, table)} WHERE number = %s::bigint"
        row = self._connection.execute(query, [number], binary=True).fetchone()
        return None if row is None else _bytes(row[0])

    def scan(self, table: Table, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        # Page by page, each after the last number of the one before: within a snapshot that is one scan, and it may be left at any time.
        query = f"""SELECT number, data FROM {_table(self._address, table)} WHERE number >= %s::bigint AND number < %s::bigint
                    ORDER BY number LIMIT %s"""
        last, limit = 2**63 - 1 if stop is None else stop, 64
        while start < last:
            rows = self._connection.execute(query, [start, last, limit], binary=True).fetchall()
            fetched = 1
            for number, data in rows:
                assert isinstance(number, int)
                fetched += len(_bytes(data))
                yield number, _bytes(data)
                start = number + 1
            if len(rows) < limit:
                return
            limit = max(1, min(4096, limit * SCANNED_BYTES // fetched))

    def put(self, table: Table, rows: Iterable[tuple[int, bytes]]) -> None:
        waiting = iter(rows)
        while chunk := dict(islice(waiting, MANY)):
            if len(chunk) < FEW:
                self._insert(_table(self._address, table), chunk)
            else:
                self._copy(_table(self._address, table), chunk)

    def _insert(self, table: str, rows: dict[int, bytes]) -> None:
        sql = f"INSERT INTO {table} VALUES (%s, %b) ON CONFLICT (number) DO UPDATE SET data = EXCLUDED.data"
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, [*rows.items()])

    def _copy(self, table: str, rows: dict[int, bytes]) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE number = ANY(%s::bigint[])", [[*rows]])
            with cursor.copy(f"COPY {table} (number, data) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "bytea"])
                for row in rows.items():
                    copy.write_row(row)

    def delete(self, table: Table, start: int, stop: int) -> None:
        sql = f"DELETE FROM {_table(self._address, table)} WHERE number >= %s::bigint AND number < %s::bigint"
        self._connection.execute(sql, [start, stop])


def _table(address: DatabaseAddress, table: Table) -> str:
    return f'"{address.schema}".{table}'


def _bytes(data: object) -> bytes:
    assert isinstance(data, bytes)  # the column says so, and is looked at when the store is opened
    return data


def _commit(address: DatabaseAddress, connection: Connection) -> None:
    try:
        done = connection.execute("COMMIT", prepare=False).statusmessage
    except psycopg.Error as error:
        if _lost(connection, error):
            said = "the connection was lost while the server was to keep what was written"
            raise Unsure(f"{address}: {said}; look whether it is there before you do it again") from error
        raise
    if done != "COMMIT":
        raise CannotWrite(f"{address}: the server undid what was to be written; nothing was written; try again")


def _make_tables(address: DatabaseAddress, connection: Connection) -> None:
    found = connection.execute(_SHAPES, [address.schema]).fetchall()
    if any(name is not None for name, _ in found):
        raise Refused(f"{address}: the schema exists already and is left as it is; name another with ?schema=")
    if not found:
        connection.execute(f'CREATE SCHEMA "{address.schema}"')
    for table in TABLES:
        name = _table(address, table)
        connection.execute(f"CREATE TABLE {name} (number bigint PRIMARY KEY, data bytea NOT NULL)")
        # What is stored is compressed or hashes: the server need not try again.
        connection.execute(f"ALTER TABLE {name} ALTER COLUMN data SET STORAGE EXTERNAL")


def _check_tables(address: DatabaseAddress, connection: Connection) -> None:
    """Refuse what is no ledger: no schema, an empty one, one with another program's tables."""
    hint = "name the ledger's schema with ?schema=, or make a ledger with `checkweigh init`"
    found: dict[Any, Any] = dict(connection.execute(_SHAPES, [address.schema]))  # type: ignore[arg-type]
    if not found:
        raise NotALedger(f"{address}: the database has no schema {address.schema}; {hint}")
    if set(found) == {None}:
        raise NotALedger(f"{address}: the schema {address.schema} is empty; {hint}")
    ours = {table for table in TABLES if found.get(table) == _SHAPE}
    if not ours:
        raise NotALedger(f"{address}: the schema {address.schema} holds some other program's tables; {hint}")
    if missing := sorted({*TABLES} - ours):
        raise Broken(f"{address}: table {missing[0]} is missing or of another shape; restore the ledger from a backup")


def _check_version(address: DatabaseAddress, reader: Reader) -> None:
    version = (reader.get("meta", Meta.FORMAT) or b"unknown").decode("ascii", "replace")
    if not version.isdigit():
        raise Broken(f"{address}: table meta, row 0 holds no format version")
    if int(version) > FORMAT:
        raise NotALedger(
            f"{address} is in format {version}, and this version of Checkweigh reads formats up to {FORMAT}; install a newer Checkweigh"
        )


def _unreached(address: DatabaseAddress, error: psycopg.Error) -> CannotReach:
    said = " ".join(str(error).removeprefix("connection failed: ").split())
    for secret in ("password", "sslpassword"):
        with suppress(psycopg.Error):
            said = said.replace(str(conninfo_to_dict(address.uri).get(secret) or "\0"), "…")
    hint = next(
        (hint for words, hint in _UNREACHED if words in said), "see that the server runs, and correct the address"
    )
    return CannotReach(f"{address} cannot be reached: {said}; {hint}")


def _lost(connection: Connection, error: psycopg.Error) -> bool:
    """Whether the connection has ended, rather than the server said no."""
    ended = connection.broken or connection.closed or error.sqlstate is None
    return ended or isinstance(error, _ENDED) or (error.sqlstate or "").startswith("08")


def _said(address: DatabaseAddress, error: psycopg.Error, lost: bool) -> Exception:
    """What an error of the server means for a person."""
    said = error.diag.message_primary or " ".join(str(error).split())
    if lost:
        return CannotReach(f"{address}: the connection to the server was lost ({said}); nothing was written; try again")
    if isinstance(error, _BUSY):
        return Busy(
            f"{address}: another process is writing to the ledger; nothing was written; try again when it has finished"
        )
    if isinstance(error, _FULL):
        return CannotWrite(
            f"{address}: the disk of the server did not take it ({said}); nothing was written; ask who runs it"
        )
    if isinstance(error, sqlstates.InsufficientPrivilege):
        return CannotWrite(
            f"{address}: the server does not let this user do it ({said}); ask who runs it for the right"
        )
    if isinstance(error, _DAMAGED):
        return Broken(f"{address}: the database is damaged ({said}); restore the ledger from a backup")
    if isinstance(error, _TAKEN):
        return Refused(f"{address}: somebody else has just made it; name another schema with ?schema=")
    return Refused(f"{address}: the server refused ({said}); nothing was written")
