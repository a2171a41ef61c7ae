"""The board under load: how long pages take while people read and shifts are being appended.

    python -m bench.load                   a million shifts, 20 readers, 50 shifts a second; some four minutes, written to results.md
    python -m bench.load --million 0.03 --seconds 5 --print      a short form, printed only

A real server answers over HTTP. The readers ask in a closed loop, first without a pause, then with one second between the pages of a
reader, for the board, the record book, and the pages of workers and shifts picked at random. Meanwhile a writer appends shifts through
the API, each of the last day of the year, so that they count in the period that the board shows. Afterwards everything that was
acknowledged is looked for in the ledger, and `verify` goes over it.
"""

import argparse
import asyncio
import os
import random
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

import httpx
from bench import book, results, run
from bench.work import Work

from checkweigh import codec
from checkweigh.entries import decimal_text
from checkweigh.ledger import Ledger

READERS, A_SECOND, PAUSE = 20, 50, 1.0
MEDIAN_MS, SLOW_MS, NEWS_SECONDS = 100, 300, 2
SIZE = re.compile(rb'data-size="(\d+)"')
SAID = re.compile(rb"at size ([\d,]+)")
COMMAND = (sys.executable, "-c", "from checkweigh.cli import main; main()")
HEADING = "The board under load"


@dataclass
class Seen:
    """What the readers and the writer saw."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds of each page, by its kind."""
    behind: list[float] = field(default_factory=list)
    """For how many seconds the ledger had been larger than the size that a page showed, when the page came."""
    appended: list[tuple[float, int, str]] = field(default_factory=list)
    """When each shift was acknowledged, its index, and its id."""
    waits: list[float] = field(default_factory=list)
    """Seconds of each append."""
    news: list[float] = field(default_factory=list)
    """Seconds from an append to the event that tells an open board of it."""
    failed: list[str] = field(default_factory=list)
    """What went wrong."""


@dataclass(frozen=True)
class Board:
    """A server and what can be asked of it."""

    address: str
    token: str
    workers: list[str]
    shifts: list[str]
    rows: list[dict[str, Any]]

    def page(self, kind: str) -> str:
        """The address of a page of a kind."""
        paths = {"board": "/", "record book": "/records", "worker": f"/workers/{random.choice(self.workers)}"}
        return self.address + paths.get(kind, f"/shifts/{random.choice(self.shifts)}")


@contextmanager
def served(path: Path) -> Iterator[str]:
    """A server of the ledger, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*COMMAND, "serve", str(path), "--port", str(port)]
    environment = {**os.environ, "CHECKWEIGH_WRITES_PER_MINUTE": "1000000"}
    with path.with_name("server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def ready(board: Board, most: float = 240) -> None:
    """Waits until the server follows its ledger: until every kind of page comes quickly, five times in a row."""
    end, quick = monotonic() + most, 0
    while quick < 5:
        if monotonic() > end:
            raise SystemExit("the server was not ready in time; look at server.log beside the ledger")
        try:
            started = perf_counter()
            for kind in ("board", "record book", "worker", "shift"):
                httpx.get(board.page(kind), timeout=most).raise_for_status()
            quick = quick + 1 if perf_counter() - started < 2 else 0
        except httpx.TransportError:
            quick = 0
        sleep(0.5)


async def reader(board: Board, seen: Seen, end: float, pause: float) -> None:
    """One person who reads one page after the other."""
    async with httpx.AsyncClient(timeout=60) as client:
        await asyncio.sleep(random.random() * pause)
        while monotonic() < end:
            kind = random.choice(("board", "record book", "worker", "shift"))
            started = perf_counter()
            try:
                answer = await client.get(board.page(kind))
            except httpx.HTTPError as error:
                seen.failed.append(f"{kind}: {error!r}")
                continue
            seen.took[kind].append(perf_counter() - started)
            if answer.status_code != 200:
                seen.failed.append(f"{kind}: {answer.status_code}")
            if found := SIZE.search(answer.content) or SAID.search(answer.content):
                seen.behind.append(behind(seen, int(found[1].replace(b",", b""))))
            await asyncio.sleep(pause)


def behind(seen: Seen, size: int) -> float:
    """For how long the ledger has been larger than a size."""
    later = [when for when, index, _ in seen.appended[-500:] if index >= size]
    return monotonic() - min(later) if later else 0.0


async def writer(board: Board, seen: Seen, end: float) -> None:
    """Appends so many shifts a second, each by a request of its own, whether or not the one before was answered."""
    headers = {"Authorization": f"Bearer {board.token}"}
    async with httpx.AsyncClient(timeout=60, headers=headers, limits=httpx.Limits(max_connections=None)) as client:
        tasks, begun, count = set(), monotonic(), 0
        while monotonic() < end:
            task = asyncio.create_task(append(client, board, seen))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            count += 1
            await asyncio.sleep(max(begun + count / A_SECOND - monotonic(), 0))
        await asyncio.gather(*tasks)


async def append(client: httpx.AsyncClient, board: Board, seen: Seen) -> None:
    """One shift."""
    row = {**random.choice(board.rows), "kind": "shift", "id": secrets.token_hex(8)}
    started = perf_counter()
    try:
        answer = await client.post(f"{board.address}/api/v1/entries", json=row)
    except httpx.HTTPError as error:
        seen.failed.append(f"append: {error!r}")
        return
    seen.waits.append(perf_counter() - started)
    if answer.status_code not in (200, 201):
        seen.failed.append(f"append: {answer.status_code} {answer.text[:200]}")
        return
    seen.appended.append((monotonic(), index_in(answer.json()), row["id"]))


def index_in(answer: Any) -> int:
    """The index that an append was answered with."""
    entry = (
        answer[0]
        if isinstance(answer, list)
        else answer.get("entries", [answer])[0]
        if isinstance(answer, dict)
        else {}
    )
    return int(entry["index"] if "index" in entry else entry["entry"])


async def follower(board: Board, seen: Seen, end: float) -> None:
    """An open board: notes how long after an append the event comes that tells of it."""
    known = 0
    async with httpx.AsyncClient(timeout=None) as client, client.stream("GET", f"{board.address}/board/size") as events:
        async for line in events.aiter_lines():
            if monotonic() > end:
                return
            if found := re.match(r"data: *(\d+)", line):
                size = int(found[1])
                seen.news += [monotonic() - when for when, index, _ in seen.appended if known <= index < size]
                known = size


async def loaded(board: Board, seconds: float, pause: float) -> Seen:
    """Readers, the writer and an open board, for so long."""
    seen, end = Seen(), monotonic() + seconds
    open_board = asyncio.create_task(follower(board, seen, end))
    await asyncio.gather(writer(board, seen, end), *(reader(board, seen, end, pause) for _ in range(READERS)))
    open_board.cancel()
    await asyncio.gather(open_board, return_exceptions=True)
    return seen


def shift_rows(million: float) -> list[dict[str, Any]]:
    """Shifts of the last day of the year, as the API takes them, without an id."""
    work = Work(million)
    work.seed += 1
    table = work._day(365, min(work.workers // 2, 2000), local=False)
    rows = []
    for row in table.drop_columns(["helpers", "labour_hours"]).to_pylist():
        told = {name: value for name, value in row.items() if value is not None}
        told |= {name: f"{told[name]:%Y-%m-%dT%H:%M:%SZ}" for name in ("started", "ended") if name in told}
        told |= {name: decimal_text(told[name]) for name in ("hours", "quantity", "headcount") if name in told}
        rows.append(told)
    return rows


def opened(path: Path, address: str, million: float) -> Board:
    """The board of a ledger, with some of its workers and shifts, and a token of a program that may enter."""
    command = [*COMMAND, "token", "add", str(path), secrets.token_hex(4), "--role", "manager"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    token = max(told.split(), key=len)
    with Ledger.open(path) as ledger:
        each = [codec.decode(ledger.entry(random.randrange(ledger.size))) for _ in range(4000)]
    shifts = [one.id for one in each if type(one).__name__ == "Shift"]
    return Board(address, token, [f"w{n:06d}" for n in range(Work(million).workers)], shifts, shift_rows(million))


def missing(path: Path, appended: list[tuple[float, int, str]]) -> int:
    """How many of the acknowledged shifts are not where the answer said."""
    with Ledger.open(path) as ledger:
        return sum(getattr(codec.decode(ledger.entry(index)), "id", None) != name for _, index, name in appended)


def figures(seen: Seen, label: str) -> list[str]:
    """The lines of the table for one way of reading."""
    lines = []
    for kind, took in sorted(seen.took.items()):
        middle, slow = statistics.median(took) * 1000, quantile(took, 0.99) * 1000
        kept = "yes" if middle < MEDIAN_MS and slow < SLOW_MS else "**no**"
        lines.append(f"| {label}: {kind} | {len(took):,} | {middle:.0f} ms | {slow:.0f} ms | {kept} |")
    others = (
        ("age of the size shown", seen.behind, 1.0),
        ("append to event on an open board", seen.news, NEWS_SECONDS),
        ("append acknowledged", seen.waits, None),
    )
    for name, found, most in others:
        if found:
            middle, slow = statistics.median(found), quantile(found, 0.99)
            kept = "–" if most is None else "yes" if slow <= most else "**no**"
            lines.append(
                f"| {label}: {name} | {len(found):,} | {middle * 1000:.0f} ms | {slow * 1000:.0f} ms | {kept} |"
            )
    return lines


def quantile(numbers: list[float], part: float) -> float:
    """The number below which that part of the numbers lies."""
    ordered = sorted(numbers)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def measured(path: Path, million: float, seconds: float) -> str:
    """The section of results.md."""
    with served(path) as address:
        board = opened(path, address, million)
        ready(board)
        asyncio.run(loaded(board, min(seconds / 3, 20), 0))  # warms up
        closed = asyncio.run(loaded(board, seconds, 0))
        paused = asyncio.run(loaded(board, seconds, PAUSE))
    appended = closed.appended + paused.appended
    done = subprocess.run([*COMMAND, "verify", str(path)], capture_output=True, text=True)
    failed = closed.failed + paused.failed
    lines = [
        f"Written by `make bench-load` on: {run.machine()}.",
        "",
        f"{million:g} million shifts; {READERS} readers at once, {A_SECOND} shifts a second appended through the API. "
        f"{seconds:.0f} seconds each way, after a warm-up.",
        "",
        "| measure | how often | median | 99 % below | met |",
        "| --- | --- | --- | --- | --- |",
        *figures(closed, "no pause"),
        *figures(paused, "a second between pages"),
        "",
        f"Acknowledged: {len(appended):,} shifts, of which {missing(path, appended)} are missing. Requests that failed: {len(failed)}. "
        f"`verify`: exit {done.returncode}, {(done.stdout.strip().splitlines() or ['nothing'])[-1].strip()}",
        *(f"- {one}" for one in failed[:5]),
    ]
    return "\n".join(lines)


def copied(million: float, source: Path | None) -> Path:
    """A ledger of so many million shifts to append to: a copy, so that it can be made once."""
    run.DATA.mkdir(exist_ok=True)
    original = source or run.DATA / f"{million:g}-million"
    if not original.exists():
        original, _ = book.made(run.DATA, million)
    target = run.DATA / "load" / "ledger"
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir()
    for end in ("", ".key"):
        shutil.copy(f"{original}{end}", f"{target}{end}")
    columns = Path(f"{original}.columns")
    if columns.exists():
        shutil.copytree(columns, f"{target}.columns")
    return target


def main() -> None:
    """Measure, print, write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--million", type=float, default=1, help="millions of shifts (default 1)")
    asked.add_argument(
        "--seconds", type=float, default=45, help="how long each way of reading is measured (default 45)"
    )
    asked.add_argument("--ledger", type=Path, help="a ledger of bench.book to copy, instead of making one")
    asked.add_argument("--print", action="store_true", dest="only_print", help="leave results.md as it is")
    given = asked.parse_args()
    began = datetime.now(UTC)
    section = measured(copied(given.million, given.ledger), given.million, given.seconds)
    print(section, f"\n({(datetime.now(UTC) - began).total_seconds():.0f} s)")
    if not given.only_print:
        results.write(HEADING, section)


if __name__ == "__main__":
    main()
