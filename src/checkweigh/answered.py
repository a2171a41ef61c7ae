"""Requests that were answered: so that one whose answer was lost can be asked again, and enters nothing twice.

Whoever asks chooses a key. Just before a batch is committed, while the ledger is locked, its id and the answer are written down under
that key in the private file. Asked again, the same key leads to the id, and the ledger itself says whether that batch landed:

    lost before the note        nothing is in the ledger, nothing is noted: it is entered now
    lost between note and end   the ledger does not hold the batch: it is entered now, and noted anew
    lost after the commit       the ledger holds the batch: the answer is given again, and nothing is entered

Both are asked under the writer's lock, so two that come at once with one key cannot both enter. Notes are kept for a week.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .address import Where
from .errors import Refused
from .private import ANSWERS, opened, writing

KEPT = timedelta(days=7)


class OtherRequest(Refused):
    """The key of a request was used before, for another one."""


@dataclass(frozen=True)
class Noted:
    """A request that brought a batch, by its id, and what was answered."""

    batch: str
    answer: str


def noted(ledger: Where, by: str, key: str, digest: bytes) -> Noted | None:
    """What was noted of a request. Raises OtherRequest where its key was used for another."""
    with opened(ledger, "", needs=ANSWERS, create=True) as connection:
        sql = "SELECT digest, batch, answer FROM answers WHERE asked_by = ? AND key = ?"
        row = connection.execute(sql, [by, key]).fetchone()
    if row is not None and row[0] != digest:
        raise OtherRequest(f"the Idempotency-Key {key!r} was used for another request; choose a new one for each")
    return None if row is None else Noted(row[1], row[2])


def note(ledger: Where, by: str, key: str, digest: bytes, what: Noted, now: datetime) -> None:
    """Remember a request whose batch is about to be committed, and forget those of long ago."""
    moment = int(now.timestamp())
    with opened(ledger, "", needs=ANSWERS, create=True) as connection, writing(connection):
        connection.execute("DELETE FROM answers WHERE at < ?", [moment - int(KEPT.total_seconds())])
        row = (by, key, digest, what.batch, what.answer, moment)
        connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
