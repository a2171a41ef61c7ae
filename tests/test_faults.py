"""Faults, on both stores: killed processes, several at once, a crashed server, a full disk, a clock that is set back.

What was acknowledged is there, once, and the ledger verifies.
"""

import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import servers
import writers
from checkweigh import errors
from checkweigh.codec import decode
from checkweigh.ledger import Ledger
from checkweigh.verify import verify
from conftest import EDGE, NOW, founded, shift

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


def checked(where, held):
    """Verify a ledger, and that it holds what was acknowledged, each once."""
    report = verify(where)
    assert report.findings == ()  # an entry that is there twice would be one
    with Ledger.open(where) as ledger:
        assert ledger.size >= report.size
        assert {name: ledger.find("shift", name) for name, _ in held} == {name: [index] for name, index in held}
    return report


def killed_at_random(nursery, where, kills, seed):
    """Four at a time write, and are killed one after the other in the midst of it. Returns how much was acknowledged."""
    chance, held = random.Random(seed), []
    for turn in range(kills // 4):
        writers = [nursery.start(where, kind, f"{seed}-{turn}-{n}") for n, kind in enumerate(("append", "import") * 2)]
        while not any(writer.acknowledged() for writer in writers):
            time.sleep(0.01)
        for writer in chance.sample(writers, 4):
            time.sleep(chance.expovariate(12))
            writer.kill()
        new = [line for writer in writers for line in writer.acknowledged()]
        assert "failed" not in dict(new), [writer.notes.read_text()[-500:] for writer in writers]
        held += new
        checked(where, [*new, *chance.sample(held, min(len(held), 100))])
    checked(where, held)
    return len(held)


def test_killed_writers_lose_nothing_that_was_acknowledged(where, tmp_path):
    founded(where).close()
    with writers.Nursery(tmp_path) as nursery:
        assert killed_at_random(nursery, where, 20, seed=1) >= 5


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_three_hundred_killed_writers_lose_nothing(store, request, tmp_path, beside):
    held = 0
    with writers.Nursery(tmp_path) as nursery:
        for seed in range(15):
            where = (
                str(tmp_path / f"ledger{seed}") if store == "sqlite" else request.getfixturevalue("server").address()
            )
            founded(where).close()
            held += killed_at_random(nursery, where, 20, seed)
    sys.stdout.write(f"{store}: 300 writers killed, {held:,} acknowledged batches all there, none twice\n")


def test_two_processes_that_append_at_once_lose_nothing(where, tmp_path):
    founded(where).close()
    program = APPENDING.replace("10**6", "300")
    processes = [child(program, where, name) for name in "ab"]
    lines = [line for process in processes for line in acknowledged(process)]
    assert sorted(int(index) for _, index in lines) == list(range(4, 604))
    assert verify(where).size == 604
    with Ledger.open(where) as ledger:
        assert all(ledger.find("shift", name) == [int(index)] for name, index in lines[::97])
    assert {file.name for file in tmp_path.iterdir()} in ({"ledger", "ledger.key"}, {"beside"})


def test_opening_a_ledger_again_takes_no_lock_from_a_process_that_has_it_open(tmp_path):
    """Else another process takes itself for the last to close it, and deletes the -wal file into which the first goes on writing."""
    path = tmp_path / "ledger"
    founded(path).close()
    with Ledger.open(path, write=True) as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("shift", shift("first"))
        assert verify(path).size == 5
        for name in "ab":
            assert len(acknowledged(child(APPENDING.replace("10**6", "1"), path, name))) == 1
            with ledger.append(EDGE) as batch:
                batch.add("shift", shift(f"after {name}"))
            assert verify(path).size == ledger.size
        assert [ledger.find("shift", name) for name in ("a-0", "after a", "b-0", "after b")] == [[5], [6], [7], [8]]
    assert verify(path).size == 9


def test_readers_see_whole_batches_while_a_process_appends(where):
    founded(where).close()
    process = child(IMPORTING.replace("10**6", "12"), where, "a")
    with Ledger.open(where) as ledger:
        sizes = []
        while process.poll() is None:
            size = len(list(ledger.entries()))
            sizes.append(size)
            assert (size - 4) % 900 == 0
    assert len(acknowledged(process)) == 12
    assert sizes == sorted(sizes)
    assert verify(where).size == 4 + 12 * 900


def test_a_clock_set_back_an_hour_never_takes_the_ledger_back(where):
    with founded(where) as ledger:
        for number, hours in enumerate((1, 0, 0.5, 2, 1)):
            with ledger.append(replace(EDGE, now=NOW + timedelta(hours=hours))) as batch:
                batch.add("shift", shift(f"s-{number}"))
                assert (batch.late_clock, batch.recorded) == (hours < 1 or number == 4, ledger_time(number))
        recorded = [decode(data).recorded for _, data in ledger.entries()]
        assert recorded == sorted(recorded) and ledger.recorded == NOW + timedelta(hours=2)
    assert verify(where).findings == ()


def ledger_time(number):
    """When the ledger records an entry whose clock said 1, 0, 0.5, 2, 1 hours."""
    return NOW + timedelta(hours=(1, 1, 1, 2, 2)[number])


def test_a_server_that_crashes_keeps_what_it_acknowledged(beside, tmp_path, own_server):
    server = own_server()
    where = server.address()
    founded(where).close()
    with writers.Nursery(tmp_path) as nursery:
        for turn in range(2):
            started = [nursery.start(where, kind, f"{turn}-{kind}") for kind in ("append", "import")]
            while not all(writer.acknowledged() for writer in started):
                time.sleep(0.01)
            server.stop(signal.SIGQUIT)
            while any(Path(f"/proc/{writer.pid}").exists() for writer in started):
                time.sleep(0.05)
            server.start()
            held = [line for writer in started for line in writer.acknowledged()]
            assert [name for name, _ in held].count("failed") == 2
            checked(where, [line for line in held if line[0] != "failed"])


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


def filled(ledger):
    """Append until nothing more goes in. Returns the size that was acknowledged, and the refusal."""
    size = ledger.size
    for number in range(1000):
        table = shift_table(number, 100)
        table = table.append_column("note", [[os.urandom(2000).hex() for _ in range(len(table))]])
        try:
            with ledger.append(EDGE) as batch:
                batch.add_table("shift", table)
            size = batch.size
        except errors.CheckweighError as error:
            return size, error
    raise AssertionError("the disk was never full")


def told_and_kept(where, size, error):
    """What was acknowledged is there and nothing else; with room again the ledger goes on."""
    assert isinstance(error, errors.Refused) and "nothing was written" in str(error), error
    assert verify(where).size == size
    with Ledger.open(where, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift("after"))
    assert verify(where).size == size + 1


def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    with servers.Disk(16) as disk:
        if disk.mounted:
            with founded(disk.path / "ledger") as ledger:
                disk.leave(2)
                size, error = filled(ledger)
            assert isinstance(error, errors.CannotWrite) and size > 4
            disk.make_room()
            told_and_kept(disk.path / "ledger", size, error)
    founded(tmp_path / "ledger").close()
    *held, (word, message, size) = acknowledged(child(FILLING, tmp_path / "ledger"))
    assert held and word == "refused" and int(size) == int(held[-1][2])
    told_and_kept(tmp_path / "ledger", int(size), errors.Refused(message.replace("_", " ")))


def test_a_full_disk_under_the_servers_tables_is_said_and_costs_nothing(beside, own_server):
    """The tables are on a disk of their own; where none can be mounted, no file may grow beyond a limit."""
    with servers.Disk(24) as disk:
        server = own_server("--wal-segsize=1", limit=None if disk.mounted else 2_500_000)
        if disk.mounted:
            server.give(disk.path)
            server.execute(
                f"CREATE TABLESPACE small LOCATION '{disk.path}'", "ALTER ROLE anna SET default_tablespace = small"
            )
        where = server.address()
        with founded(where) as ledger:
            if disk.mounted:
                disk.leave(2)
            size, error = filled(ledger)
        assert size > 4 and (isinstance(error, errors.CannotWrite) or not disk.mounted)
        if disk.mounted:
            disk.make_room()
        else:
            server.stop()
            server.start()
        told_and_kept(where, size, error)
        server.stop()


def test_a_full_disk_under_the_whole_server_loses_nothing(beside, own_server, monkeypatch):
    """Then the server itself may stop, so that nobody can be asked; once it runs again, it can."""
    monkeypatch.setattr("checkweigh.ledger._PAUSES", (0, 0.1))
    with servers.Disk(96) as disk:
        if not disk.mounted:
            pytest.skip("this user may not mount a small disk")
        server = own_server("--wal-segsize=1", directory=disk.path, settings=("max_wal_size=4MB", "min_wal_size=2MB"))
        where = server.address()
        with founded(where) as ledger:
            disk.leave(5)
            size, error = filled(ledger)
        disk.make_room()
        server.stop(signal.SIGQUIT)
        server.start()
        if isinstance(error, errors.Unsure):
            with Ledger.open(where, write=True) as ledger:
                found = ledger.landed(re.search(r"batch (\S+)", str(error))[1])
            size, error = found.stop if found else size, errors.Refused("nothing was written")
        told_and_kept(where, size, error)
        server.stop()
