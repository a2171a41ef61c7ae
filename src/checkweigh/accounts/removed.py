"""The names that were removed and are not given away again, since entries of the log may bear them: a hash of each, and no name."""

import sqlite3
from hashlib import sha256

from ..errors import Refused


def note(connection: sqlite3.Connection, by: str) -> None:
    """Remember that `account:NAME` or `token:NAME` was removed."""
    connection.execute("INSERT OR IGNORE INTO removed VALUES (?)", [_hash(by)])


def check(connection: sqlite3.Connection, by: str) -> None:
    """Raises Refused where the name was removed before."""
    if connection.execute("SELECT 1 FROM removed WHERE hash = ?", [_hash(by)]).fetchone():
        kind, _, name = by.partition(":")
        raise Refused(
            f"there was {'an account' if kind == 'account' else 'a token'} {name} once, and entries of the ledger may bear its name; "
            "choose another one"
        )


def _hash(by: str) -> bytes:
    return sha256(by.encode()).digest()
