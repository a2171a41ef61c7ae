"""Answers: what was found once is kept and given again to whoever asks the same."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Answers:
    """So many answers, those asked for last. Safe to use from several threads: whoever asks the same meanwhile waits for the answer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def once(self, key: Hashable, find: Callable[[], Any]) -> Any:
        """What was found under a key; what cannot be found is not kept."""
        with self._lock:
            asked = key in self._kept
            answer = self._kept.setdefault(key, Future())
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if not asked:
            try:
                answer.set_result(find())
            except BaseException as error:
                answer.set_exception(error)
                with self._lock:
                    self._kept.pop(key, None)
        return answer.result()
