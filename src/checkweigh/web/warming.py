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


class Warming:
    """The thread that warms a board. It ends by itself, or is broken off when the board stops: no thread may outlive the engine it asks."""

    def __init__(self, live: Live) -> None:
        self._live, self._stopped = live, False
        self._known: Known | None = None
        self._thread = threading.Thread(target=self._warm, name="warming")
        self._thread.start()

    def join(self) -> None:
        """Wait until the board is warm."""
        self._thread.join()

    def stop(self) -> None:
        """Break off."""
        self._stopped = True
        while self._thread.is_alive():
            if self._known is not None:
                self._known.interrupt()
            for audits in audited.all_of(self._live):
                audits.interrupt()
            self._thread.join(0.05)

    def _warm(self) -> None:
        try:
            self._known = known = self._live.now()
            if known.size <= audited.AT_ONCE:
                self._derive(known)
            self._go_on()
            from ..charts import drawing  # noqa: F401  # loads Altair, which the first picture needs
        except Exception:
            if not self._stopped:
                log.exception("warming stopped; pages are answered all the same, the first ones later")

    def _derive(self, known: Known) -> None:
        """What pages ask of a small ledger: first the board, at last what takes longest."""
        for changed in ({"scope": "all", "minimum_shifts": 0}, {}, {"labour": True}):
            self._go_on()
            known.rows("standings", limit=1, **PLAIN.standings(**changed))
        self._go_on()
        known.rows("records", limit=1, measure="quantity", scope="all", job=None)
        for table in TABLES:
            self._go_on()
            known.rows(table, limit=1)
        for table in ("findings", "cases"):
            self._go_on()
            audited.of(self._live, table).ask(known)

    def _go_on(self) -> None:
        if self._stopped:
            raise InterruptedError
