"""Sessions: somebody who has signed in is known again by 32 random bytes, of which only the SHA-256 is kept."""

import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from .signings import LONGEST_ORIGIN

_NOTED_SECONDS = 60
"""That a session is in use is written down at most so often."""
MOST = 20
"""An account has at most so many sessions; another one ends the one that was unused for longest."""


@dataclass(frozen=True)
class Lasting:
    """How long a session lasts: in all, and without being used."""

    whole: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class Session:
    """One session of an account. `id` names it in a list and opens nothing."""

    id: str
    account: str
    begun: datetime
    seen: datetime
    origin: str


class Sessions:
    """The sessions of a ledger's accounts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, account: str, origin: str, now: datetime, random: Callable[[int], bytes]) -> str:
        """A new session; what is returned opens it, and is known to nobody else."""
        secret = urlsafe_b64encode(random(32)).decode().rstrip("=")
        at = int(now.timestamp())
        row = [secret_hash(secret), account, at, at, origin[:LONGEST_ORIGIN]]
        self._connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", row)
        kept = "SELECT hash FROM sessions WHERE account = ?1 ORDER BY seen DESC, begun DESC LIMIT ?2"
        self._connection.execute(f"DELETE FROM sessions WHERE account = ?1 AND hash NOT IN ({kept})", [account, MOST])
        return secret

    def find(self, secret: str, now: datetime, lasting: Lasting) -> Session | None:
        """The session that a secret opens, unless it has ended. That it is in use is noted."""
        hash = secret_hash(secret)
        sql = "SELECT hash, account, begun, seen, origin FROM sessions WHERE hash = ?"
        row = self._connection.execute(sql, [hash]).fetchone()
        if row is None:
            return None
        found = _session(row)
        if now >= found.begun + lasting.whole or now >= found.seen + lasting.idle:
            self._connection.execute("DELETE FROM sessions WHERE hash = ?", [hash])
            return None
        if now >= found.seen + timedelta(seconds=_NOTED_SECONDS):
            self._connection.execute("UPDATE sessions SET seen = ? WHERE hash = ?", [int(now.timestamp()), hash])
        return found

    def of(self, account: str, now: datetime, lasting: Lasting) -> list[Session]:
        """The sessions of an account that have not ended, the one used last first."""
        sql = "SELECT hash, account, begun, seen, origin FROM sessions WHERE account = ? ORDER BY seen DESC, hash"
        found = [_session(row) for row in self._connection.execute(sql, [account])]
        return [one for one in found if now < one.begun + lasting.whole and now < one.seen + lasting.idle]

    def end(self, secret: str) -> None:
        """End the session that a secret opens."""
        self._connection.execute("DELETE FROM sessions WHERE hash = ?", [secret_hash(secret)])

    def end_one(self, account: str, id: str) -> bool:
        """End the session of an account that a list calls by `id`. Returns whether there was one."""
        sql = "DELETE FROM sessions WHERE account = ? AND lower(hex(substr(hash, 1, 8))) = ?"
        return self._connection.execute(sql, [account, id]).rowcount > 0

    def end_all(self, account: str, but: str | None = None) -> int:
        """End the sessions of an account, all or all but the one that a secret opens. Returns how many."""
        kept = None if but is None else secret_hash(but)
        sql = "DELETE FROM sessions WHERE account = ?1 AND (?2 IS NULL OR hash != ?2)"
        return self._connection.execute(sql, [account, kept]).rowcount

    def forget(self, now: datetime, lasting: Lasting) -> None:
        """Delete the sessions that have ended by themselves."""
        whole, idle = (int((now - span).timestamp()) for span in (lasting.whole, lasting.idle))
        self._connection.execute("DELETE FROM sessions WHERE begun <= ? OR seen <= ?", [whole, idle])


def secret_hash(secret: str) -> bytes:
    """What is kept of a secret of 32 random bytes, which nobody can guess: no slow hash is needed."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _session(row: tuple[bytes, str, int, int, str]) -> Session:
    hash, account, begun, seen, origin = row
    return Session(
        hash[:8].hex(), account, datetime.fromtimestamp(begun, UTC), datetime.fromtimestamp(seen, UTC), origin
    )
