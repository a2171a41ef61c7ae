"""People: who the workers of a ledger are, where their ids in the log say nothing.

`LEDGER.private` (see `private`) holds, per worker, the random id that stands in the log, the payroll number, the name,
and a salt of 32 bytes. The log holds `profile`: the SHA-256 of the salt followed by the profile, canonical JSON such as

    {"name":"Ada Byron","payroll":"4711"}

so that whoever is shown profile and salt can check that the worker of the log is this person, and nobody can without.
When the row is deleted the log keeps an id and a hash that lead nowhere.

A new person is written here before the entry that names them is in the log, and marked as waiting. Should the entry
never arrive, because the import is refused or the power fails, the mark is still there, and `settle` deletes whoever
the ledger does not know.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from .address import Where
from .private import PEOPLE, opened, writing
from .private import private_path as private_path

_LETTERS = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True)
class Person:
    """One worker: the id in the log, and who it is. `profile` is what the worker's entry states."""

    worker: str
    payroll: str
    name: str | None
    salt: bytes
    profile: str


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
        missing = "this ledger has no private workers, or their file was not kept beside it"
        with opened(ledger, missing, needs=PEOPLE, create=create) as connection:
            yield cls(private_path(ledger), connection)

    @contextmanager
    def enrolling(self) -> Iterator[None]:
        """A transaction: people enrolled in it are on disk when it ends, and forgotten after an exception."""
        try:
            with writing(self._connection):
                yield
        except BaseException:
            self._enrolled = []
            raise

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

    def named(self, word: str, most: int) -> list[Person]:
        """Those whose name holds a word, in whatever case, at most so many."""
        self._connection.create_function("casefold", 1, lambda name: (name or "").casefold(), deterministic=True)
        sql = """SELECT worker, payroll, name, salt, profile FROM people
            WHERE waiting = 0 AND instr(casefold(name), casefold(?)) ORDER BY name LIMIT ?"""
        return [Person(*row) for row in self._connection.execute(sql, [word, most])]

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
