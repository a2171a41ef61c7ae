"""A thread that follows a large ledger, and shows each state that it has come to."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from ..following import Following, State
from ..ledger import Ledger

SHORTEST = 0.05
LOG = logging.getLogger(__name__)


class Follower:
    """Follows a ledger as it grows. It looks every `seconds`, and at once when it is woken."""

    def __init__(self, ledger: Ledger, seconds: float, show: Callable[[State], None]) -> None:
        self._ledger, self._seconds, self._show = ledger, seconds, show
        self._woken = threading.Event()
        self._stopped = self._failed = False
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
        self._stopped = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._follow()
            except Exception:
                self._failed = True
                LOG.exception("following the ledger failed; it is begun anew")
                self._woken.wait(self._seconds)

    def _follow(self) -> None:
        following = Following(self._ledger)
        while not self._stopped:
            begun = monotonic()
            size = self._ledger.size
            if size != following.size:
                following.follow(size)
            if size != self._shown:
                self._show(following.state())
                self._shown = size
                self._begun.set()
            self.heard = begun
            took = monotonic() - begun
            self._woken.wait(max(self._seconds - took, SHORTEST))
            self._woken.clear()
