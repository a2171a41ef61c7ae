"""repeated-identity: one id for two entries, neither of which replaces the other.

Our own ledgers refuse this; one that was written by other software may hold it. The first entry counts in every figure, the others are
passed over: each is one finding. Two entries with one id are two facts, one of which disappears, so somebody should say which is true.

It cannot see the same thing under two ids (for shifts see `duplicate`).
"""

import ibis
import ibis.expr.types as ir

from ...tables import Tables
from .found import evidence, finding, said

CODE = "repeated-identity"
HELP = "one id for two entries, of which only the first counts"
FAMILY = False
MESSAGE = (
    "There are two entries for {kind} {id}, and none says that it replaces the other. "
    "Entry {first} counts in every figure; entry {entry} is passed over."
)


def find(tables: Tables) -> ir.Table:
    """One row per entry that is passed over."""
    again = tables.repeated
    words = {"kind": again.kind, "id": again.id, "first": again["first"], "entry": again.entry}
    return finding(
        again, entry=again.entry, entries=ibis.array([again.entry, again["first"]]), message=said(MESSAGE, **words),
        shift=ibis.ifelse(again.kind == "shift", again.id, ibis.null("string")), evidence=evidence(**words),
        about=ibis.ifelse(again.kind == "shift", ibis.null("string"), again.id),
    )  # fmt: skip


def lacking(tables: Tables) -> str | None:
    """A ledger without any entry has nothing to repeat."""
    return "the ledger is empty" if tables.size == 0 else None
