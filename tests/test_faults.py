"""Faults: killed processes, two at once, a full disk. What was acknowledged is there, and the ledger verifies."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pytest

from checkweigh import errors
from checkweigh.ledger import Ledger
from checkweigh.verify import verify
from conftest import EDGE, founded, shift

TESTS = Path(__file__).parent


def child(program, *arguments):
    """Another Python process that runs a program over a ledger; it says on its standard output what was acknowledged."""
    begin = "import sys; from conftest import *; from checkweigh.ledger import Ledger; from test_faults import *\n"
    command = [sys.executable, "-W", "error", "-c", begin + textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def acknowledged(process):
    """The lines that a child has completed."""
    output, complaint = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), complaint
    return [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]


def shift_table(prefix, count):
    """A table of plain shifts."""
    plain = pa.Table.from_pylist([shift(f"{prefix}-{number}") for number in range(count)])
    times = plain["started"].cast(pa.timestamp("us", "UTC"))
    return plain.set_column(plain.column_names.index("started"), "started", times)


APPENDING = """
    with Ledger.open(sys.argv[1], write=True) as ledger:
        for number in range(10**6):
            name = f"{sys.argv[2]}-{number}"
            with ledger.append(EDGE) as batch:
                index = batch.add("shift", shift(name))
            print(name, index, flush=True)
"""
IMPORTING = """
    with Ledger.open(sys.argv[1], write=True) as ledger:
        for number in range(10**6):
            with ledger.append(EDGE) as batch:
                for part in range(3):
                    indices = batch.add_table("shift", shift_table(f"{sys.argv[2]}-{number}-{part}", 300))
            print(f"{sys.argv[2]}-{number}-{part}-299", indices[-1], flush=True)
"""


def killed_at_random(path, times, seed):
    """Kill a child in the midst of its work so many times; each time the ledger verifies and holds what was acknowledged."""
    chance, held = random.Random(seed), []
    for turn in range(times):
        process = child(APPENDING if turn % 2 else IMPORTING, path, turn)
        first = process.stdout.readline()
        time.sleep(chance.expovariate(8))
        process.send_signal(signal.SIGKILL)
        held += [first.split()] * bool(first) + acknowledged(process)
        report = verify(path)
        with Ledger.open(path) as ledger:
            assert all(ledger.find("shift", name) == [int(index)] for name, index in held[-200:])
            assert report.size == ledger.size > int(held[-1][1])
    with Ledger.open(path) as ledger:
        assert all(ledger.find("shift", name) == [int(index)] for name, index in held)
    assert len(held) >= times


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path):
    founded(tmp_path / "ledger").close()
    killed_at_random(tmp_path / "ledger", 20, seed=1)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_two_hundred_killed_processes_lose_nothing(tmp_path):
    for turn in range(10):
        founded(tmp_path / f"ledger{turn}").close()
        killed_at_random(tmp_path / f"ledger{turn}", 20, seed=turn)


def test_two_processes_that_append_at_once_lose_nothing(tmp_path):
    founded(tmp_path / "ledger").close()
    program = APPENDING.replace("10**6", "1000")
    processes = [child(program, tmp_path / "ledger", name) for name in "ab"]
    lines = [line for process in processes for line in acknowledged(process)]
    assert sorted(int(index) for _, index in lines) == list(range(4, 2004))
    assert verify(tmp_path / "ledger").size == 2004
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert all(ledger.find("shift", name) == [int(index)] for name, index in lines[::97])
    assert {file.name for file in tmp_path.iterdir()} == {"ledger", "ledger.key"}


def test_readers_see_whole_batches_while_a_process_appends(tmp_path):
    founded(tmp_path / "ledger").close()
    process = child(IMPORTING.replace("10**6", "12"), tmp_path / "ledger", "a")
    with Ledger.open(tmp_path / "ledger") as ledger:
        sizes = []
        while process.poll() is None:
            size = len(list(ledger.entries()))
            sizes.append(size)
            assert (size - 4) % 900 == 0
    assert len(acknowledged(process)) == 12
    assert sizes == sorted(sizes)
    assert verify(tmp_path / "ledger").size == 4 + 12 * 900


FILLING = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Ledger.open(sys.argv[1], write=True) as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        for number in range(10**6):
            try:
                with ledger.append(EDGE) as batch:
                    batch.add_table("shift", shift_table(number, 300))
            except errors.CannotWrite as error:
                print("refused", str(error).replace(" ", "_"), ledger.size)
                break
            print("held", number, batch.size, flush=True)
"""


def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    founded(tmp_path / "ledger").close()
    lines = acknowledged(child(FILLING, tmp_path / "ledger"))
    assert len(lines) > 1
    *held, (word, message, size) = lines
    assert word == "refused"
    assert "nothing_was_written" in message
    assert int(size) == int(held[-1][2]) == verify(tmp_path / "ledger").size
    with Ledger.open(tmp_path / "ledger", write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("after"))
    verify(tmp_path / "ledger")


def test_a_process_killed_while_it_makes_a_ledger_leaves_none_or_a_whole_one(tmp_path):
    for turn in range(4):
        path = tmp_path / f"ledger{turn}"
        process = child("print('ready', flush=True); Ledger.create(sys.argv[1], edge=EDGE)", path)
        process.stdout.readline()
        time.sleep(turn * 0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        try:
            Ledger.open(path, write=True).close()
        except errors.NotALedger as error:
            assert "ledger" in str(error)


def test_a_ledger_that_is_held_too_long_is_said_to_be_busy(tmp_path):
    with (
        founded(tmp_path / "ledger") as ledger,
        Ledger.open(tmp_path / "ledger", write=True, wait_seconds=0.1) as other,
    ):
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("s"))
            with pytest.raises(errors.Busy, match="try again"), other.append(EDGE):
                pass
        assert ledger.size == 5
