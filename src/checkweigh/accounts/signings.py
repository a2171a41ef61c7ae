"""The sign-in log: when, who, from where, with what outcome. It is kept for 90 days, and its newest 10,000 lines.

A name is kept only where there is an account of that name: people type their password into the wrong field.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

KEPT = 10_000
KEPT_DAYS = 90
LONGEST_ORIGIN = 100

Outcome = Literal[
    "signed in",
    "signed out",
    "wrong password",
    "unknown name",
    "disabled",
    "has no password",
    "too many tries",
    "unknown subject",
    "password changed",
    "sessions ended",
]


@dataclass(frozen=True)
class Signing:
    """One line of the sign-in log. `account` is absent where nobody has the name that was typed; `origin` is the address of the network."""

    at: datetime
    account: str | None
    origin: str
    outcome: Outcome


class Signings:
    """The sign-in log of one ledger."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, account: str | None, origin: str, outcome: Outcome, now: datetime) -> None:
        """Write a line, and delete those that are too old or too many. The caller may be inside a transaction."""
        at = int(now.timestamp())
        known = "(SELECT name FROM accounts WHERE name = ?)"
        self._connection.execute(
            f"INSERT INTO signings (at, account, origin, outcome) VALUES (?, {known}, ?, ?)",
            [at, account, origin[:LONGEST_ORIGIN], outcome],
        )
        old = at - int(timedelta(days=KEPT_DAYS).total_seconds())
        self._connection.execute(
            "DELETE FROM signings WHERE at < ? OR number <= (SELECT max(number) FROM signings) - ?", [old, KEPT]
        )

    def newest(self, account: str | None = None, limit: int = KEPT) -> Iterator[Signing]:
        """The newest lines first; those of one account, or all."""
        sql = "SELECT at, account, origin, outcome FROM signings WHERE ?1 IS NULL OR account = ?1 ORDER BY number DESC LIMIT ?2"
        for at, name, origin, outcome in self._connection.execute(sql, [account, limit]):
            yield Signing(datetime.fromtimestamp(at, UTC), name, origin, outcome)

    def last(self) -> dict[str, datetime]:
        """When each account last signed in."""
        sql = (
            "SELECT account, max(at) FROM signings WHERE outcome = 'signed in' AND account IS NOT NULL GROUP BY account"
        )
        return {name: datetime.fromtimestamp(at, UTC) for name, at in self._connection.execute(sql)}
