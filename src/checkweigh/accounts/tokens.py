"""Tokens: what lets a program in. `cw_` and 32 random bytes; only the SHA-256 is kept, and a day at which it ends."""

import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import Refused
from ..private import writing
from . import removed
from .roles import Role, checked_name, checked_role
from .sessions import secret_hash

BEGINS = "cw_"
_NOTED_SECONDS = 3600
"""That a token is in use is written down at most so often."""


@dataclass(frozen=True)
class Token:
    """A token, without what opens it. `site` and `worker` as with an account; `expires` is absent where it never ends."""

    name: str
    role: Role
    site: str | None
    worker: str | None
    made: datetime
    expires: datetime | None
    used: datetime | None

    @property
    def by(self) -> str:
        """What stands in the entries that are made with it."""
        return f"token:{self.name}"


class Tokens:
    """The tokens of one ledger."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(
        self,
        name: str,
        role: str,
        now: datetime,
        random: Callable[[int], bytes],
        *,
        site: str | None = None,
        worker: str | None = None,
        expires: datetime | None = None,
    ) -> str:
        """A new token; what is returned lets in, and is known to nobody else. Raises Refused for a name that is or was in use."""
        checked_role(checked_name(name), role, site, worker)
        if expires is not None and expires <= now:
            raise Refused(f"{name}: a token that expires on {expires:%Y-%m-%d} has expired already; give a later date")
        secret = BEGINS + urlsafe_b64encode(random(32)).decode().rstrip("=")
        with writing(self._connection):
            if self._connection.execute("SELECT 1 FROM tokens WHERE name = ?", [name]).fetchone():
                raise Refused(f"there is a token {name} already; remove it first, or choose another name")
            removed.check(self._connection, f"token:{name}")
            ends = None if expires is None else int(expires.timestamp())
            row = [name, secret_hash(secret), role, site, worker, int(now.timestamp()), ends, None]
            self._connection.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return secret

    def find(self, secret: str, now: datetime) -> Token | None:
        """The token that a secret is, unless it has expired. That it is in use is noted."""
        if not secret.startswith(BEGINS):
            return None
        hash = secret_hash(secret)
        sql = "SELECT name, role, site, worker, made, expires, used FROM tokens WHERE hash = ?"
        row = self._connection.execute(sql, [hash]).fetchone()
        found = None if row is None else _token(row)
        if found is None or (found.expires is not None and now >= found.expires):
            return None
        if found.used is None or now >= found.used + timedelta(seconds=_NOTED_SECONDS):
            self._connection.execute("UPDATE tokens SET used = ? WHERE hash = ?", [int(now.timestamp()), hash])
        return found

    def all(self) -> list[Token]:
        """Every token, by name."""
        sql = "SELECT name, role, site, worker, made, expires, used FROM tokens ORDER BY name"
        return [_token(row) for row in self._connection.execute(sql)]

    def remove(self, name: str) -> None:
        """Delete a token; its name is not given away again. Raises Refused where there is none."""
        with writing(self._connection):
            if not self._connection.execute("DELETE FROM tokens WHERE name = ?", [name]).rowcount:
                raise Refused(f"there is no token {name!r}; `checkweigh token list LEDGER` shows them")
            removed.note(self._connection, f"token:{name}")


def _token(row: tuple[str, str, str | None, str | None, int, int | None, int | None]) -> Token:
    name, role, site, worker, made, expires, used = row
    return Token(name, Role(role), site, worker, _moment(made), _maybe(expires), _maybe(used))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _maybe(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
