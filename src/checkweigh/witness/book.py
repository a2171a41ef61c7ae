"""What a witness remembers, and the witness itself: whom it follows, what it has agreed to, and what contradicts that.

A witness is one directory, which only its owner may read:

    witness.key         the key with which it cosigns, mode 0600
    witness.sqlite      the ledgers that it follows with their keys, and every checkpoint that it has agreed to
    evidence/           a file for each contradiction (see `evidence`)

What it has agreed to is on disk before it answers. The check and the writing are one transaction, so that of two checkpoints that arrive at
once the second is held against the first; any number of threads and processes may use one directory.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from ..checkpoint import (
    COSIGNATURE,
    Checkpoint,
    Signer,
    Verifier,
    cosign,
    join_note,
    open_rotation,
    split_note,
    valid_name,
)
from ..errors import CannotWrite, NoKey, Refused
from .decision import OK, Answer, Followed, decide
from .evidence import Evidence, evidence, parse
from .submission import Submission

APPLICATION = 0x436B7732
FORMAT = 1
MOST_UNPROVEN = 1000
"""How many files that prove nothing by themselves are kept, since anybody can cause one."""
WAIT_SECONDS = 30.0


class Page(Protocol):
    """One transaction over what a witness remembers. It is durable when it ends; an exception undoes it whole."""

    def followed(self, origin: str) -> Followed | None:
        """The ledger with an origin, if it is followed."""

    def agreed(self, origin: str, size: int) -> str | None:
        """The cosigned checkpoint once agreed to at a size."""

    def follow(self, followed: Followed) -> None:
        """Follow a ledger, or write its keys down anew."""

    def agree(self, origin: str, size: int, note: str, moment: int) -> None:
        """Remember a cosigned checkpoint."""

    def keep(self, found: Evidence) -> str | None:
        """Keep evidence on disk, now. Returns where it is, None where it was kept before or there is no room for more of its kind."""


class Book(Protocol):
    """What a witness remembers. Safe to use from several threads."""

    def page(self) -> AbstractContextManager[Page]:
        """The only transaction, now."""


@dataclass(frozen=True)
class Considered:
    """What became of a checkpoint that was shown: the answer; where the witness agreed, the cosigned note; else what it contradicts."""

    answer: Answer
    note: str = ""
    moment: int = 0
    evidence: Evidence | None = None
    kept_at: str | None = None

    @property
    def line(self) -> str:
        """The cosignature alone, as the last line of the note."""
        return self.note[self.note.rindex("\n", 0, -1) + 1 :] if self.note else ""


class Witness:
    """Whoever keeps the book: a name, a key, and what they remember."""

    def __init__(self, signer: Signer, book: Book) -> None:
        self._signer = signer
        self._book = book
        self.key = Verifier(signer.name, signer.verifier.public, COSIGNATURE)
        """What the ledger's owner and everybody else is given."""

    def follow(self, key: Verifier, handover: str | None = None) -> Followed:
        """Follow the ledger of a key; with `handover`, the signature of the key before it, go over to this one.

        Raises Refused for another key of a ledger that is followed already, BadSignature for a handover that its key did not sign.
        """
        if key.algorithm == COSIGNATURE:
            raise Refused(f"{key} is the key of a witness; give the verifier key of a ledger, as its `init` showed it")
        with self._book.page() as page:
            found = page.followed(key.name)
            if found is None and handover is None:
                found = Followed(key.name, (key,))
            elif found is None:
                raise Refused(
                    f"{key.name} is not followed yet; follow its first key before the one that it handed over to"
                )
            elif key not in found.keys:
                found = _handed_over(found, key, handover)
            page.follow(found)
        return found

    def consider(self, shown: Submission, now: datetime) -> Considered:
        """Agree to what is shown, or refuse it and keep what it contradicts. What is returned is on disk."""
        origin, size = shown.checkpoint.origin, shown.checkpoint.size
        with self._book.page() as page:
            followed = page.followed(origin)
            answer = decide(shown, followed, lambda at: page.agreed(origin, at))
            if followed is None or answer.status != OK:
                return self._refused(page, followed, answer, now)
            # A clock that was set back must not make an earlier cosignature say more than was known then.
            moment = max(int(now.timestamp()), followed.moment, 1)
            note = cosign(_signed(shown.note, followed.keys[-1]), self._signer, moment)
            page.agree(origin, size, note, moment)
        return Considered(answer, note, moment)

    def _refused(self, page: Page, followed: Followed | None, answer: Answer, now: datetime) -> Considered:
        if answer.conflict is None or followed is None:
            return Considered(answer)
        found = evidence(answer.conflict, followed, self.key, f"{now:%Y-%m-%dT%H:%M:%SZ}")
        return Considered(answer, evidence=found, kept_at=page.keep(found))

    def followed(self, origin: str) -> Followed | None:
        """The ledger with an origin, if it is followed."""
        with self._book.page() as page:
            return page.followed(origin)


def _signed(note: str, key: Verifier) -> str:
    """The note with the signature of the ledger's own key alone: what others say, nobody here has checked."""
    text, signatures = split_note(note)
    return join_note(text, [found for found in signatures if (found.name, found.id) == (key.name, key.id)][:1])


def _handed_over(found: Followed, key: Verifier, handover: str | None) -> Followed:
    if handover is None:
        hint = "if the ledger has changed its key, give the signature by which it handed over, as --handover"
        raise Refused(f"{key.name} is followed with another key already, {found.keys[-1]}; {hint}")
    successor = open_rotation(found.origin, str(key), handover, found.keys[-1])
    return replace(found, keys=(*found.keys, successor), handovers=(*found.handovers, handover))


# ---- the directory

_SCHEMA = (
    "CREATE TABLE followed (origin TEXT PRIMARY KEY, keys TEXT NOT NULL, handovers TEXT NOT NULL) STRICT",
    "CREATE TABLE agreed (origin TEXT NOT NULL, size INTEGER NOT NULL, moment INTEGER NOT NULL, note TEXT NOT NULL,"
    " PRIMARY KEY (origin, size)) STRICT, WITHOUT ROWID",
)


class Directory:
    """The book of a witness in a directory. Use `open` or `create`."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path = path
        self.signer = signer

    @classmethod
    def create(cls, path: Path, name: str, random: Callable[[int], bytes]) -> "Directory":
        """A new directory with a new key. Raises Refused when there is something at `path` already, or for a name that cannot be one."""
        if not valid_name(name):
            raise Refused(
                f"{name!r} cannot name a witness: give one without blanks and plus signs, such as union.example/north"
            )
        signer = Signer(name, random(32))
        try:
            path.mkdir(mode=0o700)
            (path / "evidence").mkdir(mode=0o700)
            _write(path / "witness.key", (signer.private + "\n").encode())
        except FileExistsError:
            raise Refused(f"{path} exists already and is left as it is; choose another place") from None
        except OSError as error:
            raise CannotWrite(
                f"{path} cannot be made: {error.strerror}; choose a place that you may write to"
            ) from None
        found = cls(path, signer)
        with found._connected(create=True) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in (*_SCHEMA, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {FORMAT}"):
                connection.execute(statement)
            connection.execute("COMMIT")
        return found

    @classmethod
    def open(cls, path: Path) -> "Directory":
        """The book in a directory. Raises Refused where there is none, NoKey where its key is missing."""
        if not (path / "witness.sqlite").exists():
            raise Refused(f"{path} is not the directory of a witness; make one with `checkweigh witness init`")
        if not (path / "witness.key").exists():
            raise NoKey(f"{path / 'witness.key'} is missing; restore it from a backup")
        found = cls(path, Signer.parse((path / "witness.key").read_text()))
        with found._connected() as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION or version != FORMAT:
            raise Refused(f"{path} is not the directory of a witness that this version of Checkweigh can open")
        return found

    @contextmanager
    def _connected(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        place = f"{(self.path / 'witness.sqlite').absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        try:
            connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=WAIT_SECONDS)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise CannotWrite(f"{self.path}: the book of the witness cannot be written: {error}") from None

    @contextmanager
    def page(self) -> Iterator[Page]:
        """The only transaction, now."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Page(self.path, connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def all_followed(self) -> list[Followed]:
        """Every ledger that is followed, by origin."""
        with self.page() as page:
            assert isinstance(page, _Page)
            found = [page.followed(origin) for origin in page.origins()]
        return [followed for followed in found if followed is not None]

    def evidence(self) -> list[tuple[Path, Evidence]]:
        """Every file of evidence with what it holds, as old as they were shown."""
        paths = sorted((self.path / "evidence").glob("*.json"))
        return sorted(((path, parse(path.read_bytes())) for path in paths), key=lambda found: found[1].seen)

    def settled(self, found: Evidence) -> bool:
        """Whether what was unproven has been agreed to since, or what seemed to be gone has been shown again."""
        shown = Checkpoint.parse(split_note(found.shown)[0])
        with self.page() as page:
            note, followed = page.agreed(found.origin, shown.size), page.followed(found.origin)
        if found.what == "rollback":
            return followed is not None and followed.moment > datetime.fromisoformat(found.seen).timestamp()
        return note is not None and Checkpoint.parse(split_note(note)[0]).root == shown.root

    def by_hash(self, origin_hash: str) -> str | None:
        """The last cosigned checkpoint of the ledger whose origin has this SHA-256 in hex."""
        for followed in self.all_followed():
            if sha256(followed.origin.encode()).hexdigest() == origin_hash:
                return followed.note
        return None


class _Page:
    """One transaction over the directory."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def origins(self) -> list[str]:
        """Who is followed."""
        return [origin for (origin,) in self._connection.execute("SELECT origin FROM followed ORDER BY origin")]

    def followed(self, origin: str) -> Followed | None:
        row = self._connection.execute("SELECT keys, handovers FROM followed WHERE origin = ?", [origin]).fetchone()
        if row is None:
            return None
        sql = "SELECT note, moment FROM agreed WHERE origin = ? ORDER BY size DESC LIMIT 1"
        note, moment = self._connection.execute(sql, [origin]).fetchone() or (None, 0)
        keys = tuple(Verifier.parse(text) for text in msgspec.json.decode(row[0]))
        return Followed(origin, keys, tuple(msgspec.json.decode(row[1])), note, moment)

    def agreed(self, origin: str, size: int) -> str | None:
        sql = "SELECT note FROM agreed WHERE origin = ? AND size = ?"
        row = self._connection.execute(sql, [origin, size]).fetchone()
        return None if row is None else str(row[0])

    def follow(self, followed: Followed) -> None:
        keys = msgspec.json.encode([str(key) for key in followed.keys]).decode()
        row = (followed.origin, keys, msgspec.json.encode(followed.handovers).decode())
        self._connection.execute("INSERT OR REPLACE INTO followed VALUES (?, ?, ?)", row)

    def agree(self, origin: str, size: int, note: str, moment: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO agreed VALUES (?, ?, ?, ?)", (origin, size, moment, note))

    def keep(self, found: Evidence) -> str | None:
        directory = self._path / "evidence"
        path = directory / found.name
        if path.exists() or (found.what != "fork" and len(list(directory.glob("[ru]*.json"))) >= MOST_UNPROVEN):
            return None
        _write(path, found.text.encode())
        return str(path)


def _write(path: Path, data: bytes) -> None:
    """A file that only its owner may read, whole or not at all, synced with its name to disk."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
