"""A connection to a server that is lost at the worst moment: an append is wholly in or wholly out, and the caller learns which."""

import random
import re
import threading
import time

import pytest

import servers
from checkweigh import errors, importing
from checkweigh.ledger import Ledger
from checkweigh.verify import verify
from conftest import EDGE, founded, shift


@pytest.fixture
def line(server, beside):
    """A line to the server that can be cut."""
    with servers.Line(server) as line:
        yield line


@pytest.fixture
def works(line):
    """A founded ledger at the other end of the line."""
    with founded(line.address()) as ledger:
        yield ledger


def append(ledger, name):
    """Append one shift; returns the batch."""
    with ledger.append(EDGE) as batch:
        batch.add("shift", shift(name))
    return batch


def test_an_answer_that_is_lost_is_asked_for_again(line, works):
    line.mode = "after"
    batch = append(works, "s-1")
    assert line.cuts == 1
    assert works.landed(batch.id) == range(4, 5) and works.find("shift", "s-1") == [4]


def test_a_commit_that_never_arrived_is_said_to_be_undone(line, works):
    line.mode = "before"
    with pytest.raises(errors.CannotReach, match="lost before the server kept it; nothing was written"):
        append(works, "s-1")
    assert line.cuts == 1 and works.size == 4
    append(works, "s-1")
    assert works.find("shift", "s-1") == [4]


def test_a_commit_that_is_still_on_its_way_is_waited_for(line, works):
    """Asked without waiting, the ledger would say no, and the entry come twice."""
    line.mode = "late"
    before = time.monotonic()
    append(works, "s-1")
    assert line.cuts == 1 and time.monotonic() - before > 0.4
    assert works.find("shift", "s-1") == [4]


@pytest.mark.parametrize("mode", ["before", "after"])
def test_when_nobody_can_be_asked_the_caller_learns_how_to_ask_later(line, works, mode, monkeypatch, run):
    monkeypatch.setattr("checkweigh.ledger._PAUSES", (0, 0.01))
    line.mode = mode

    def cut():
        number = line.cuts
        while line.cuts == number:
            time.sleep(0)
        line.down = True

    watching = threading.Thread(target=cut)
    monkeypatch.setattr("checkweigh.ledger.sleep", lambda seconds: watching.join())
    watching.start()
    with pytest.raises(errors.Unsure, match="before entering it again, ask whether it is there") as unsure:
        append(works, "s-1")
    line.down = False
    command, batch = re.search(r"checkweigh (landed) \S+ (\S+)$", str(unsure.value)).groups()
    landed = mode == "after"
    assert works.landed(batch) == (range(4, 5) if landed else None)
    told = run(command, works.address, batch, code=0 if landed else 2)
    assert "It is there" in told.out if landed else "nothing of it was written" in told.err


def test_a_batch_that_is_cut_off_before_its_end_leaves_nothing(line, works, tmp_path):
    rows = "\n".join(f"s-{number},ada,hew,north,2025-08-31T06:00:00Z,{number}" for number in range(30_000))
    (tmp_path / "file.csv").write_text("id,worker,job,site,started,quantity\n" + rows)
    line.mode = 100_000
    with pytest.raises(errors.CannotReach, match=r"was lost.*nothing was written; try again"):
        importing.read(works, tmp_path / "file.csv", edge=EDGE)
    assert (line.cuts, works.size) == (1, 4)
    assert importing.read(works, tmp_path / "file.csv", edge=EDGE).added == 30_000
    assert verify(works.address).size == 30_004


def outcomes(works, line, rounds, seed):
    """Append while the line is cut at random; returns the names that went in and those that did not."""
    chance, held, lost = random.Random(seed), {}, []
    for number in range(rounds):
        name = f"s-{seed}-{number}"
        line.mode = chance.choice([None, "before", "after", "late", chance.randrange(2500), chance.randrange(2500)])
        try:
            append(works, name)
            line.mode = None  # what is asked now is no part of it
            held[name] = works.size - 1
        except errors.CannotReach as error:
            assert "nothing was written" in str(error) or "cannot be reached" in str(error)
            lost.append(name)
        line.mode = None
    assert {name: works.find("shift", name) for name in held} == {name: [index] for name, index in held.items()}
    assert not [name for name in lost if works.find("shift", name)]
    report = verify(works.address)
    assert report.findings == () and report.size == 4 + len(held)
    return held, lost


def test_a_line_that_is_cut_at_random_loses_and_doubles_nothing(line, works):
    held, lost = outcomes(works, line, 30, seed=1)
    assert held and lost and line.cuts > len(lost)  # so that some were cut and are in all the same


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_line_that_is_cut_five_hundred_times_loses_and_doubles_nothing(line, server):
    for seed in range(2, 12):
        with founded(line.address()) as works:
            outcomes(works, line, 60, seed)
    assert line.cuts > 400


class Stubborn(threading.Thread):
    """Writes into a ledger until it is told to stop, whatever happens to its connections."""

    def __init__(self, address, name):
        super().__init__(name=name)
        self.ledger, self.stop = Ledger.open(address, write=True), threading.Event()
        self.held, self.lost = {}, []

    def run(self):
        while not self.stop.is_set():
            name = f"s-{self.name}-{len(self.held) + len(self.lost)}"
            try:
                with self.ledger.append(EDGE) as batch:
                    index = batch.add("shift", shift(name))
                self.held[name] = index
            except errors.Refused:
                self.lost.append(name)
        self.ledger.close()


def terminated_at_random(server, seconds):
    """Four write into a ledger while the server ends connections at random. Returns how often somebody was refused."""
    address = server.address()
    founded(address).close()
    writers = [Stubborn(address, name) for name in "abcd"]
    for writer in writers:
        writer.start()
    chance, stop = random.Random(1), time.monotonic() + seconds
    choice = "SELECT pid FROM pg_stat_activity WHERE application_name = 'checkweigh' ORDER BY random() LIMIT 1"
    while time.monotonic() < stop:
        time.sleep(chance.expovariate(30))
        server.execute(f"SELECT pg_terminate_backend(pid) FROM ({choice}) AS one")
    for writer in writers:
        writer.stop.set()
    for writer in writers:
        writer.join()
    assert verify(address).findings == ()
    with Ledger.open(address) as ledger:
        for writer in writers:
            found = {name: ledger.find("shift", name) for name in [*writer.held, *writer.lost]}
            assert found == {
                **{name: [index] for name, index in writer.held.items()},
                **{name: [] for name in writer.lost},
            }
        assert ledger.size == 4 + sum(len(writer.held) for writer in writers)
    return sum(len(writer.lost) for writer in writers)


def test_connections_that_the_server_ends_lose_and_double_nothing(server, beside):
    assert terminated_at_random(server, 2) > 0


@pytest.mark.long
@pytest.mark.timeout(0)
def test_connections_that_the_server_ends_for_a_minute_lose_and_double_nothing(server, beside):
    assert terminated_at_random(server, 60) > 100
