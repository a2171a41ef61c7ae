"""A followed board shows what a board shows that derives everything anew: what is kept from one state to the next is right."""

import shutil
import threading
import time

import pytest

from checkweigh import erasing
from checkweigh.ledger import Ledger
from checkweigh.web.follower import PACE_SECONDS, Follower
from checkweigh.web.live import Live
from conftest import EDGE
from web import board

PAGES = (
    "/", "/?scope=crew&labour=1&start=1935-09-01", "/records", "/records?job=hewing&scope=site",
    "/workers/stakhanov", "/workers/izotov", "/crews/vinogradovas", "/shifts/august",
)  # fmt: skip
WORK = {"job": "hewing", "site": "tsentralnaya-irmino", "worker": "stakhanov", "hours": "6"}
GIVEN = [
    [("shift", {**WORK, "id": "x-1", "started": "1937-06-01T06:00:00Z", "quantity": "5", "worker": "izotov"})],
    [
        ("shift", {**WORK, "id": "x-2", "started": "1937-06-02T06:00:00Z", "quantity": "400"}),
        ("verdict", {"shift": "stakhanov-227", "ruling": "annulled", "reason": "nobody saw it"}),
        ("worker", {"id": "stakhanov", "site": "kochegarka", "from": "1937-01-01", "name": "A. G. Stakhanov"}),
        ("site", {"id": "south", "name": "A south pit", "industry": "coal", "timezone": "Europe/Kyiv"}),
        ("quota", {"id": "q", "job": "hewing", "quantity": "8", "per": "worker", "from": "1935-01-01", "until": "1935-12-01"}),
    ],
]  # fmt: skip


@pytest.fixture
def boards(campaign, tmp_path, monkeypatch):
    """Two boards of one ledger: one that follows it, and one that does not."""
    for end in ("", ".key"):
        shutil.copy(f"{campaign}{end}", tmp_path / f"mine.ledger{end}")
    with Ledger.open(tmp_path / "mine.ledger", write=True) as ledger, board(ledger) as plain:
        monkeypatch.setitem(Live.__init__.__kwdefaults__, "followed", 0)
        with board(ledger) as followed:
            yield ledger, followed, plain
    assert "follower" not in {thread.name for thread in threading.enumerate()}, "it would slow all that runs here later"


def test_pages_are_those_of_a_board_that_is_not_followed(boards):
    ledger, followed, plain = boards
    for page in PAGES:
        followed.get(page)
    for several in GIVEN:
        if several is GIVEN[-1]:
            same(ledger, followed, plain)
            erasing.erase(ledger, "krivonos", "asked", EDGE)
        with ledger.append(EDGE) as batch:
            for kind, fields in several:
                batch.add(kind, fields)
    assert "Krivonos" not in same(ledger, followed, plain)["/records"]


def test_a_follower_that_fails_keeps_its_pace_and_ends_when_it_is_told(caplog):
    begun = time.monotonic()
    follower = Follower("no ledger", 0, print)
    follower.wake()
    time.sleep(PACE_SECONDS)
    follower.stop()
    assert not follower._thread.is_alive() and not follower.ready
    assert 1 <= len(caplog.records) <= 1 + (time.monotonic() - begun) / PACE_SECONDS


def same(ledger, followed, plain):
    """Asserts that both boards show the same of the newest state; what they show."""
    followed.live.wait(ledger.size - 1, 20)
    assert followed.live.now()._state is not None and followed.live.now().size == plain.live.now().size == ledger.size
    shown = {page: followed.get(page).text for page in PAGES}
    for page, text in shown.items():
        assert f"{ledger.size}" in text and text == plain.get(page).text, (page, ledger.size)
    return shown
