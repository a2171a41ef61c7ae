"""People: who the workers of a ledger are, where their ids in the log say nothing.

`LEDGER.private` is a SQLite file beside the ledger, readable by its owner only, whose deleted rows are overwritten.
It holds, per worker, the random id that stands in the log, the payroll number, the name, and a salt of 32 bytes. The
log holds `profile`: the SHA-256 of the salt followed by the profile, canonical JSON such as

    {"name":"Ada Byron","payroll":"4711"}

so that whoever is shown profile and salt can check that the worker of the log is this person, and nobody can without.
When the row is deleted the log keeps an id and a hash that lead nowhere.

A new person is written here before the entry that names them is in the log, and marked as waiting. Should the entry
never arrive, because the import is refused or the power fails, the mark is still there, and `settle` deletes whoever
the ledger does not know.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from .address import Where, address_of
from .errors import Refused

FORMAT = 1
_SCHEMA = """
CREATE TABLE people (
    worker TEXT PRIMARY KEY, payroll TEXT NOT NULL UNIQUE, name TEXT, salt BLOB NOT NULL, profile TEXT NOT NULL,
    waiting INTEGER NOT NULL
) WITHOUT ROWID
"""
_LETTERS = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True)
class Person:
    """One worker: the id in the log, and who it is. `profile` is what the worker's entry states."""

    worker: str
    payroll: str
    name: str | None
    salt: bytes
    profile: str


def private_path(ledger: Where) -> Path:
    """Where the people of a ledger are."""
    return address_of(ledger).beside("private")


def profile_hash(payroll: str, name: str | None, salt: bytes) -> str:
    """The hash of a profile that stands in the log: SHA-256 of the salt and the canonical JSON of payroll number and name."""
    profile = {"payroll": payroll} if name is None else {"name": name, "payroll": payroll}
    return sha256(salt + msgspec.json.encode(profile, order="sorted")).hexdigest()


class People:
    """The people of one ledger. Use `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._enrolled: list[str] = []

    @classmethod
    @contextmanager
    def open(cls, ledger: Where, *, create: bool = False) -> Iterator["People"]:
        """The people of the ledger at an address. Raises Refused when it has none and `create` is not asked for."""
        path = private_path(ledger)
        if create and not path.exists():
            address_of(ledger).prepare()
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if not path.exists():
            raise Refused(
                f"{path} is not there: this ledger has no private workers, or their file was not kept beside it"
            )
        connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        try:
            try:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA synchronous = FULL")
                _prepare(path, connection)
            except UnicodeDecodeError:  # SQLite quotes the damaged words, and Python cannot read them
                raise Refused(f"{path} cannot be used: it is damaged; bring it back from a backup") from None
            yield cls(path, connection)
        except sqlite3.Error as error:
            raise Refused(f"{path} cannot be used: {error}") from None
        finally:
            connection.close()

    @contextmanager
    def enrolling(self) -> Iterator[None]:
        """A transaction: people enrolled in it are on disk when it ends, and forgotten after an exception."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            self._enrolled = []
            raise
        self._connection.commit()

    def by_payroll(self, numbers: Iterable[str]) -> dict[str, str]:
        """Payroll number -> worker, for those who are known."""
        asked = msgspec.json.encode(list(numbers)).decode()
        sql = "SELECT payroll, worker FROM people WHERE payroll IN (SELECT value FROM json_each(?))"
        return dict(self._connection.execute(sql, [asked]))

    def enrol(self, payroll: str, name: str | None, random: Callable[[int], bytes]) -> Person:
        """A new person under a random id, waiting for the entry that names them."""
        salt = random(32)
        worker = "".join(_LETTERS[byte & 31] for byte in random(16))
        person = Person(worker, payroll, name, salt, profile_hash(payroll, name, salt))
        row = (person.worker, payroll, name, salt, person.profile)
        self._connection.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?, 1)", row)
        self._enrolled.append(worker)
        return person

    def arrived(self) -> None:
        """Those enrolled here are in the log now and wait no longer."""
        with self.enrolling():
            arrived = [(worker,) for worker in self._enrolled]
            self._connection.executemany("UPDATE people SET waiting = 0 WHERE worker = ?", arrived)
        self._enrolled = []

    def find(self, worker: str) -> Person | None:
        """Who a worker of the log is."""
        sql = "SELECT worker, payroll, name, salt, profile FROM people WHERE worker = ?"
        row = self._connection.execute(sql, [worker]).fetchone()
        return None if row is None else Person(*row)

    def settle(self, known: Callable[[str], bool]) -> int:
        """Keep those waiting whom the ledger knows, delete the others. Returns how many were deleted.

        The caller holds the ledger locked, so that nobody else's people are on their way just now.
        """
        waiting = [worker for (worker,) in self._connection.execute("SELECT worker FROM people WHERE waiting = 1")]
        lost = [(worker,) for worker in waiting if not known(worker)]
        with self.enrolling():
            self._connection.executemany("DELETE FROM people WHERE worker = ?", lost)
            self._connection.execute("UPDATE people SET waiting = 0 WHERE waiting = 1")
        return len(lost)

    def erase(self, worker: str) -> bool:
        """Delete a person for good. Returns whether there was one."""
        return self._connection.execute("DELETE FROM people WHERE worker = ?", [worker]).rowcount > 0


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """A new file gets its table; one of a newer format, or of another program, is refused."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version > FORMAT:
        raise Refused(f"{path} was written by a newer version of Checkweigh; update this one")
    if version == 0 and tables:
        raise Refused(f"{path} is a database of another program; move it away")
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SCHEMA.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.commit()
