"""A thread that follows a large ledger, and shows each state that it has come to."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from ..following import Following, State
from ..ledger import Ledger

LOG = logging.getLogger(__name__)


class Follower:
    """Follows a ledger as it grows. It looks every `seconds`, and at once when it is woken."""

    def __init__(self, ledger: Ledger, seconds: float, show: Callable[[State], None]) -> None:
        self._ledger, self._seconds, self._show = ledger, seconds, show
        self._woken = threading.Event()
        self._stopped = False
        self._shown = -1
        self.heard = float("-inf")
        """When the ledger last told what is new."""
        self.ready = False
        """Whether it has shown a state; until then nobody else should wait for it."""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

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
                self._shown, self.ready = size, True
            self.heard = begun
            self._woken.wait(max(self._seconds - (monotonic() - begun), 0.05))
            self._woken.clear()
