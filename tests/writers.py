"""Processes that write into a ledger until they are killed, and note down what was acknowledged.

They are forked from a nursery that has loaded everything already, so that hundreds of them can live and die in a minute. Each has a clock
of its own, up to an hour before or behind.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from checkweigh import importing
from checkweigh.ledger import Ledger
from conftest import EDGE, NOW, shift

Say = Callable[[str, int], None]
ROWS = 300


def hasty_edge():
    """The edge of somebody whose clock is not right."""
    return replace(EDGE, now=NOW + timedelta(seconds=random.uniform(-3600, 3600)))


def append(ledger: Ledger, name: str, say: Say, directory: Path) -> None:
    """Append one shift after another."""
    for number in count():
        with ledger.append(hasty_edge()) as batch:
            index = batch.add("shift", shift(f"{name}-{number}"))
        say(f"{name}-{number}", index)


def bring_in(ledger: Ledger, name: str, say: Say, directory: Path) -> None:
    """Import one file after another."""
    for number in count():
        file = directory / f"{name}.csv"
        rows = [f"{name}-{number}-{row},ada,hew,north,2025-08-31T06:00:00Z,{row}" for row in range(ROWS)]
        file.write_text("\n".join(["id,worker,job,site,started,quantity", *rows]))
        report = importing.read(ledger, file, edge=hasty_edge())
        say(f"{name}-{number}-{ROWS - 1}", report.size_after - 1)


KINDS = {"append": append, "import": bring_in}


@dataclass
class Writer:
    """A process that writes, and the file in which it notes what was acknowledged."""

    pid: int
    notes: Path

    def acknowledged(self) -> list[tuple[str, int]]:
        """(name, index) of what it has heard to be in the ledger."""
        lines = self.notes.read_text().splitlines(keepends=True)
        return [(line.split()[0], int(line.split()[1])) for line in lines if line.endswith("\n")]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.002)


class Nursery:
    """Starts writers; a context manager that leaves none behind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        command = [sys.executable, "-W", "error", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._writers: list[Writer] = []

    def start(self, where: str, kind: str, name: str) -> Writer:
        """A process that writes into a ledger from now on."""
        notes = self.directory / f"{name}.notes"
        notes.touch()
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{where}\t{kind}\t{name}\t{notes}\n")
        self._process.stdin.flush()
        self._writers.append(Writer(int(self._process.stdout.readline()), notes))
        return self._writers[-1]

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers:
            if Path(f"/proc/{writer.pid}").exists():
                writer.kill()
        self._process.communicate("")


def _requests() -> Iterator[list[str]]:
    while line := sys.stdin.readline():
        yield line.rstrip("\n").split("\t")


def main() -> None:
    """Fork a writer for each line of the standard input, and answer its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for where, kind, name, notes in _requests():
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _write(where, kind, name, Path(notes))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _write(where: str, kind: str, name: str, notes: Path) -> None:
    file = os.open(notes, os.O_WRONLY | os.O_APPEND)
    try:
        with Ledger.open(where, write=True) as ledger:
            KINDS[kind](ledger, name, lambda name, index: os.write(file, f"{name} {index}\n".encode()), notes.parent)
    except BaseException as error:
        os.write(file, f"failed -1 {error!r}\n".encode())
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
