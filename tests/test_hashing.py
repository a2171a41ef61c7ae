"""Hashing in a process of its own: the same hashes as here, and nothing is written when it ends."""

import os

import pyarrow as pa
import pytest

from checkweigh import errors, hashing
from checkweigh.verify import verify
from conftest import EDGE, shifts


@pytest.mark.parametrize("pending", [0, 1, 255])
def test_a_table_is_hashed_elsewhere_as_it_is_here(pending, monkeypatch):
    entries = pa.array([b"x" * (row % 700) for row in range(2000)], pa.large_binary())[3:]
    here, elsewhere = hashing.Hasher(), hashing.Hasher()
    expected = here.hashed(entries, pending)
    monkeypatch.setattr(hashing, "ALONE_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    try:
        found = [elsewhere.hashed(entries, pending) for _ in range(3)]
    finally:
        elsewhere.close()
    assert found == [expected] * 3
    head = -pending % 256
    assert [len(part) for part in expected] == [head, (1997 - head) // 256, (1997 - head) % 256]


def test_the_request_of_the_docstring(monkeypatch):
    sent = []
    monkeypatch.setattr(hashing.Hasher, "_send", lambda self, *parts: sent.extend(parts))
    monkeypatch.setattr(hashing.Hasher, "_received", lambda self, length: bytes(length))
    hashing.Hasher()._asked(pa.array([b"a", b"b"], pa.large_binary()), 0)
    begin, offsets, data = (bytes(part) for part in sent)
    assert f"{begin[:8].hex()} {begin[8:16].hex()} {begin[16:].hex()}" in hashing.__doc__
    assert (list(offsets[::8]), data.hex()) == ([0, 1, 2], "6162")


def test_a_ctrl_c_at_a_terminal_does_not_reach_the_process_that_hashes():
    hasher = hashing.Hasher()
    try:
        assert hasher._started() and os.getsid(hasher._child.pid) != os.getsid(0)  # no Python runs in it yet
    finally:
        hasher.close()


def test_when_the_process_that_hashes_is_killed_nothing_is_written(ledger, monkeypatch):
    monkeypatch.setattr(hashing, "ALONE_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(hashing, "_CHILD", "import os; os._exit(1)")
    with pytest.raises(errors.Broken, match="process that hashes ended"), ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts([f"s{number}" for number in range(3000)]))
    assert ledger.size == 4
    verify(ledger.address)
