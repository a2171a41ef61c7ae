"""The load script in a small form: everything that it asks is answered, and nothing that was acknowledged is missing."""

import random
import re
from itertools import cycle

from bench import book, load

KINDS = ("board", "record book", "worker", "shift")


class InTurn(random.Random):
    """Chance that asks for one kind of page after the other, at once, so that few readers ask for all."""

    def __init__(self):
        super().__init__()
        self._kinds = cycle(KINDS)

    def choice(self, those):
        return next(self._kinds) if those == KINDS else super().choice(those)

    def random(self):
        return 0.0

    def getrandbits(self, bits):
        return random.getrandbits(bits)


def test_everything_is_answered_and_nothing_is_missing(tmp_path, monkeypatch):
    # A ledger this small is derived anew for every state: twenty readers would wait for each other.
    monkeypatch.setattr(load, "READERS", len(KINDS))
    monkeypatch.setattr(load, "random", InTurn())
    path, _ = book.made(tmp_path, 0.001)
    said = load.measured(path, 0.001, 1)
    assert "Requests that failed: 0." in said, said
    assert "are missing" in said and re.search(r"of which 0 are missing", said), said
    assert "`verify`: exit 0" in said, said
    assert all(f"{way}: {kind} |" in said for way in ("no pause", "a second between pages") for kind in KINDS), said
