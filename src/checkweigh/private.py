"""The private file: what belongs to a ledger and must not be in it, because it is secret or may have to be deleted.

`LEDGER.private` is a SQLite file beside the ledger, readable by its owner only, whose deleted rows are overwritten. `people` keeps there
who the private workers are, `accounts` who may sign in. Its format has a version, in SQLite's `user_version`:

    1   people
    2   accounts, sessions, tokens, signings and removed besides
    3   answers besides: which requests brought which batches

An older file is read as it is, and is brought to a later format when that is first needed. A newer one is refused.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .address import Where, address_of
from .errors import Refused

PEOPLE, ACCOUNTS, ANSWERS = 1, 2, 3
"""The format that the people need, the one that the accounts need, and the one that answered requests need."""
_STEPS = (
    (
        """CREATE TABLE people (
            worker TEXT PRIMARY KEY, payroll TEXT NOT NULL UNIQUE, name TEXT, salt BLOB NOT NULL, profile TEXT NOT NULL,
            waiting INTEGER NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE accounts (
            name TEXT PRIMARY KEY, role TEXT NOT NULL, site TEXT, worker TEXT, password TEXT, subject TEXT UNIQUE, issuer TEXT,
            disabled INTEGER NOT NULL, made INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE tokens (
            name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, role TEXT NOT NULL, site TEXT, worker TEXT, made INTEGER NOT NULL,
            expires INTEGER, used INTEGER
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE sessions (
            hash BLOB PRIMARY KEY, account TEXT NOT NULL, begun INTEGER NOT NULL, seen INTEGER NOT NULL, origin TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX sessions_of ON sessions (account)",
        """CREATE TABLE signings (
            number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, account TEXT, origin TEXT NOT NULL, outcome TEXT NOT NULL
        ) STRICT""",
        "CREATE TABLE removed (hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
    ),
    (
        """CREATE TABLE answers (
            asked_by TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, batch TEXT NOT NULL, answer TEXT NOT NULL,
            at INTEGER NOT NULL, PRIMARY KEY (asked_by, key)
        ) STRICT, WITHOUT ROWID""",
    ),
)
FORMAT = len(_STEPS)
WAIT_SECONDS = 60


def private_path(ledger: Where) -> Path:
    """Where the private file of a ledger is."""
    return address_of(ledger).beside("private")


@contextmanager
def opened(ledger: Where, missing: str, *, needs: int, create: bool = False) -> Iterator[sqlite3.Connection]:
    """The private file, of at least the format that is needed. Raises Refused, with what is `missing`, where there is none."""
    path = private_path(ledger)
    if create and not path.exists():
        address_of(ledger).prepare()
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if not path.exists():
        raise Refused(f"{path} is not there: {missing}")
    connection = sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS)
    try:
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            _prepare(path, connection, needs)
        except UnicodeDecodeError:  # SQLite quotes the damaged words, and Python cannot read them
            raise Refused(f"{path} cannot be used: it is damaged; bring it back from a backup") from None
        yield connection
    except sqlite3.Error as error:
        raise Refused(f"{path} cannot be used: {error}") from None
    finally:
        connection.close()


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction: what is written in it is on disk when it ends, and undone after an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _prepare(path: Path, connection: sqlite3.Connection, needs: int) -> None:
    """A new file gets its tables, an older one those that are needed; one that is newer, or another program's, is refused."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    version = _version(connection)
    if version > FORMAT:
        raise Refused(f"{path} was written by a newer version of Checkweigh; update this one")
    if version == 0 and tables:
        raise Refused(f"{path} is a database of another program; move it away")
    if version < needs:
        with writing(connection):
            for statements in _STEPS[_version(connection) :]:  # asked again: another process may have been faster
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
