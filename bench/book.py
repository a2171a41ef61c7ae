"""Ledgers of synthetic work, and what it takes to make them: time beside hashlib, memory, bytes at rest, columns from the log.

python -m bench.book LEDGER CSV    imports the file in a process of its own and prints seconds and peak memory as JSON
"""

import hashlib
import json
import resource
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from subprocess import PIPE, run
from time import perf_counter, process_time

import duckdb
from bench.work import Work

from checkweigh import columns, importing, tiles
from checkweigh.ledger import Edge, Ledger, verifiers

SMALL = ("site", "job", "worker", "crew", "quota", "rule")
IMPORTS = 3
EXPORTS = 3
HASHINGS = 3
KILOBYTE = 1024  # the unit in which Linux tells memory


@dataclass(frozen=True)
class Imported:
    """What an import in a process of its own took."""

    seconds: float
    peak_bytes: int


def edge() -> Edge:
    """Who makes the ledgers of the benchmark, and when: after the year of the shifts."""
    return Edge(by="login:bench", now=datetime(2025, 6, 1, tzinfo=UTC))


def prepared(path: Path, work: Work) -> None:
    """A new ledger with everything that shifts refer to."""
    for beside in ("", ".key", "-wal", "-shm"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    shutil.rmtree(columns.directory_of(path), ignore_errors=True)
    with Ledger.create(path, edge=edge()) as ledger, ledger.append(edge()) as batch:
        for kind in SMALL:
            for fields in work.entries(kind):
                batch.add(kind, fields)


def imported(path: Path, csv: Path) -> Imported:
    """Import the shifts in a process of their own, so that its memory is theirs alone."""
    command = [sys.executable, "-m", "bench.book", str(path.absolute()), str(csv.absolute())]
    done = run(command, check=True, stdout=PIPE, text=True, cwd=Path(__file__).parent.parent)
    return Imported(**json.loads(done.stdout.splitlines()[-1]))


def judged(path: Path, work: Work) -> None:
    """Verdicts and awards on some of the shifts in the ledger."""
    with Ledger.open(path, write=True) as ledger:
        files = [
            str(file)
            for segment in columns.build(ledger, columns.directory_of(path))
            if (file := segment.file("shift"))
        ]
        if files:
            shifts = (
                duckdb.read_parquet(files).order("entry").select("id, worker, crew, hours, quantity").to_arrow_table()
            )
        else:  # too small for columns
            shifts = columns.read(ledger, 0, ledger.size, {})["shift"]
        with ledger.append(edge()) as batch:
            for fields in work.verdicts(shifts):
                batch.add("verdict", fields)
            for fields in work.awards(shifts):
                batch.add("award", fields)


def made(directory: Path, million: float) -> tuple[Path, Imported]:
    """A ledger of so many million shifts, judged, with its columns; and what the import took."""
    work = Work(million)
    path, csv = directory / f"{million:g}-million", directory / f"{million:g}-million.csv"
    if not csv.exists():
        work.write_csv(csv)
    prepared(path, work)
    took = imported(path, csv)
    judged(path, work)
    return path, took


def import_ratio(directory: Path, million: float) -> tuple[list[float], list[float]]:
    """Seconds of several imports, and of hashing the same entries and nodes with hashlib alone in one thread, turn about."""
    work = Work(million)
    path, csv = directory / "to-import", directory / f"{million:g}-million.csv"
    if not csv.exists():
        work.write_csv(csv)
    imports, hashings = [], []
    for _ in range(IMPORTS):
        prepared(path, work)
        imports.append(imported(path, csv).seconds)
        with Ledger.open(path) as ledger:
            entries = [entry for _, entry in ledger.entries() if b'"kind":"shift"' in entry]
        hashings += [hash_seconds(entries) for _ in range(HASHINGS)]
    return imports, hashings


def hash_seconds(entries: Sequence[bytes]) -> float:
    """What hashlib alone needs for the leaves and the nodes of a tree over these entries."""
    sha256 = hashlib.sha256
    started = perf_counter()
    level = [sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        above = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = above + level[2 * len(above) :]
    return perf_counter() - started


def export_ratio(path: Path) -> tuple[list[float], list[float], tiles.Exported]:
    """Seconds of several exports as static files, and of hashing the same entries and nodes with hashlib alone, turn about."""
    exports, hashings = [], []
    with Ledger.open(path) as ledger, ledger.snapshot() as snapshot:
        entries = [entry for _, entry in snapshot.entries(0, snapshot.size)]
        for _ in range(EXPORTS):
            with tempfile.TemporaryDirectory(dir=path.parent) as fresh:
                started = perf_counter()
                done = tiles.export(snapshot, verifiers(snapshot), Path(fresh))
                exports.append(perf_counter() - started)
            hashings.append(hash_seconds(entries))
    return exports, hashings, done


def bytes_at_rest(path: Path, shifts: int) -> dict[str, float]:
    """Bytes per shift: the packed bundles, the other tables of the store, and the file as a whole."""
    with sqlite3.connect(path) as store:
        tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        held = {name: _bytes(store, name) / shifts for name in tables}
    return {**held, "file": path.stat().st_size / shifts}


def _bytes(store: sqlite3.Connection, table: str) -> int:
    blob = store.execute(f"SELECT name FROM pragma_table_info('{table}') ORDER BY cid DESC LIMIT 1").fetchone()[0]
    found: int = store.execute(f'SELECT coalesce(sum(length("{blob}")), 0) FROM "{table}"').fetchone()[0]
    return found


def rebuild_rates(path: Path, repeats: int = 3) -> tuple[float, float]:
    """Entries a second of processor time, and of wall time, that columns are made from the log at; medians."""
    rates = []
    with Ledger.open(path) as ledger:
        for _ in range(repeats):
            with tempfile.TemporaryDirectory(dir=path.parent) as fresh:
                started, busy = perf_counter(), process_time()
                cover = columns.build(ledger, Path(fresh))
                rates.append((cover[-1].stop / (process_time() - busy), cover[-1].stop / (perf_counter() - started)))
    return median(rate for rate, _ in rates), median(rate for _, rate in rates)


def peak_bytes() -> int:
    """The most memory that this program has held. What the kernel tells of a process counts its parent's before the start, too."""
    status = Path("/proc/self/status")
    if status.exists():
        held = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held) * KILOBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE


def main(path: str, csv: str) -> None:
    """Import, and say what it took."""
    with Ledger.open(path, write=True) as ledger:
        started = perf_counter()
        importing.read(ledger, csv, edge=edge())
        seconds = perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
