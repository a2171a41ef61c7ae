"""A thread that follows a large ledger, and shows each state that it has come to."""

import gc
import logging
import threading
from collections.abc import Callable
from time import monotonic

from ..following import Following, State
from ..ledger import Ledger

PACE_SECONDS = 0.4
"""From the beginning of a step to the next at the least: one for a single shift takes half as long as one for fifty, and pages want their
turn."""
LOG = logging.getLogger(__name__)


class Follower:
    """Follows a ledger as it grows. It looks every `seconds`, and at once when it is woken."""

    def __init__(self, ledger: Ledger, seconds: float, show: Callable[[State], None]) -> None:
        self._ledger, self._seconds, self._show = ledger, seconds, show
        self._woken = threading.Event()
        self._ended, self._failed = threading.Event(), False
        self._shown = -1
        self.heard = float("-inf")
        """When the ledger last told what is new."""
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it has shown a state."""
        return self._begun.is_set()

    def shown(self, seconds: float) -> bool:
        """Whether it has shown a state, or does so within some seconds."""
        return self._begun.is_set() or self._begun.wait(0 if self._failed else seconds)

    def wake(self) -> None:
        """The ledger has grown."""
        self._woken.set()

    def stop(self) -> None:
        """Follow no further."""
        self._ended.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except Exception:
                self._failed = True
                LOG.exception("following the ledger failed; it is begun anew")
                self._ended.wait(max(self._seconds, PACE_SECONDS))

    def _follow(self) -> None:
        following = Following(self._ledger)
        following.rehearse()
        gc.collect()
        gc.freeze()  # what a ledger followed consists of stays: to go through it again would stop all pages for a third of a second
        while not self._ended.is_set():
            begun = monotonic()
            size = self._ledger.size
            if size != following.size:
                following.follow(size)
            if size != self._shown:
                self._show(following.state())
                self._shown = size
                self._begun.set()
            self.heard = begun
            self._ended.wait(begun + min(PACE_SECONDS, self._seconds) - monotonic())
            self._woken.wait(begun + self._seconds - monotonic())
            self._woken.clear()
