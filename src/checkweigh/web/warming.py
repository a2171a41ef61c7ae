"""Warming: what the first readers would wait for is derived while a board starts, in a thread of its own.

The first question of each table costs seconds of planning, on however small a ledger. Nobody waits for the warming: whoever asks meanwhile
is answered as ever, and what it has derived by then is there. A large ledger is followed instead, and audits itself when it is asked.
"""

import logging
import threading

from . import audited
from .board import Choice
from .live import Known, Live

PLAIN = Choice("worker", "month", None, None, verified=False, minimum=0, labour=False, shown=1, wall=False)
"""The board as it is first seen."""
TABLES = ("attainment", "honours", "quotas")
log = logging.getLogger("checkweigh.web")


def begin(live: Live) -> threading.Thread:
    """Begin to warm a board; the thread ends by itself, and with the process."""
    thread = threading.Thread(target=_warm, args=[live], name="warming", daemon=True)
    thread.start()
    return thread


def _warm(live: Live) -> None:
    try:
        known = live.now()
        if known.size > audited.AT_ONCE:
            return
        _board(known)
        for table in TABLES:
            known.rows(table, limit=1)
        for table in ("findings", "cases"):
            audited.of(live, table).ask(known)
    except Exception:
        log.exception("warming stopped; pages are answered all the same, the first ones later")


def _board(known: Known) -> None:
    for changed in ({"scope": "all", "minimum_shifts": 0}, {}, {"labour": True}):
        known.rows("standings", limit=1, **PLAIN.standings(**changed))
    known.rows("records", limit=1, measure="quantity", scope="all", job=None)
