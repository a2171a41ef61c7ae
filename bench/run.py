"""The benchmark: ratios measured in one run, written to results.md beside this file.

    python -m bench.run                  10 million shifts, some 15 minutes
    python -m bench.run --million 1      a short form; results.md is left alone unless --write

Every figure is a ratio of two measurements of the same run, or bytes and rates that do not depend on how busy the machine is. Times are
medians over turns, with warm files and two threads on every side.
"""

import argparse
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import pyarrow as pa
from bench import book, compare, results

from checkweigh.derived import DERIVED
from checkweigh.ledger import Ledger

HERE = Path(__file__).parent
DATA = HERE / "data"
GIBIBYTE = 2**30
PACKAGES = ("duckdb", "ibis-framework", "pyarrow", "pandas", "numpy", "zstandard")


@dataclass(frozen=True)
class Line:
    """One measure: what, its value in words, what was promised, and whether it was kept."""

    what: str
    found: str
    target: str
    kept: bool
    seen: str = ""

    @property
    def row(self) -> str:
        """The line of the table."""
        return f"| {self.what} | {self.found} | {self.target} | {'yes' if self.kept else '**no**'} | {self.seen} |"


def told(line: Line) -> Line:
    """Print a line as soon as it is known."""
    print(
        f"{'met   ' if line.kept else 'MISSED'} {line.what}: {line.found} (target {line.target}) {line.seen}",
        flush=True,
    )
    return line


def of_import(million: float) -> Line:
    """Import beside hashlib."""
    imports, hashings = book.import_ratio(DATA, million)
    ratio = median(imports) / median(hashings)
    seen = f"{median(imports):.2f} s beside {median(hashings):.2f} s"
    return Line(
        f"import of {million:g} million shifts from CSV ÷ hashlib alone", f"{ratio:.2f}", "≤ 3", ratio <= 3, seen
    )


def of_export(million: float) -> Line:
    """The log as static files beside hashlib, which makes each hash once; a target was never set."""
    exports, hashings, done = book.export_ratio(DATA / "to-import")
    seen = f"{median(exports):.2f} s beside {median(hashings):.2f} s, {done.files:,} files"
    ratio = median(exports) / median(hashings)
    return Line(
        f"export of {million:g} million shifts as static files ÷ hashlib alone", f"{ratio:.2f}", "–", True, seen
    )


def of_memory(million: float, took: book.Imported) -> Line:
    """Peak memory of the import."""
    peak = took.peak_bytes / GIBIBYTE
    return Line(
        f"peak memory of importing {million:g} million shifts",
        f"{peak:.2f} GiB",
        "≤ 2 GiB",
        peak <= 2,
        f"{took.seconds:.0f} s",
    )


def at_rest(path: Path, million: float) -> list[Line]:
    """Bytes per shift."""
    held = book.bytes_at_rest(path, round(million * 1_000_000))
    rest = ", ".join(f"{name} {held[name]:.1f}" for name in ("tiles", "identities") if name in held)
    return [
        Line("bytes a shift in the log's bundles", f"{held['bundles']:.1f}", "≤ 48", held["bundles"] <= 48),
        Line("bytes a shift in the whole file", f"{held['file']:.1f}", "≤ 96", held["file"] <= 96, rest),
    ]


def of_columns(path: Path) -> Line:
    """Columns from the log."""
    per_core, per_second = book.rebuild_rates(path)
    seen = f"{per_second:,.0f} a second by the clock"
    return Line(
        "entries a second and core, columns from the log", f"{per_core:,.0f}", "≥ 500,000", per_core >= 500_000, seen
    )


def of_table(ledger: Ledger, name: str, million: float, repeats: int) -> Line:
    """A derivation beside the SQL by hand."""
    found = compare.beside_sql(ledger, name, repeats)
    same = "identical" if found.same else "DIFFERENT"
    seen = f"{median(found.ours):.2f} s beside {median(found.theirs):.2f} s, {found.rows:,} rows, {same}"
    return Line(
        f"{name} over {million:g} million shifts ÷ SQL by hand",
        f"{found.ratio:.2f}",
        "≤ 2",
        found.ratio <= 2 and found.same,
        seen,
    )


def of_pandas(ledger: Ledger, million: float, repeats: int) -> Line:
    """The three main tables beside pandas."""
    found = compare.beside_pandas(ledger, DATA / "tail", repeats)
    faster = 1 / found.ratio
    seen = f"{median(found.ours):.2f} s beside {median(found.theirs):.2f} s"
    return Line(
        f"three main tables over {million:g} million shifts, times faster than pandas",
        f"{faster:.1f}",
        "≥ 5, aim 14",
        faster >= 5,
        seen,
    )


def measured(million: float, repeats: int) -> list[Line]:
    """Every line, in the order in which they are found."""
    lines = [told(of_import(min(million, 1))), told(of_export(min(million, 1)))]
    path, _ = book.made(DATA, min(million, 2))
    with Ledger.open(path) as ledger:
        lines.append(told(of_pandas(ledger, min(million, 2), repeats)))
    lines.append(told(of_columns(path)))
    path, took = book.made(DATA, million)
    lines.append(told(of_memory(million, took)))
    lines += [told(line) for line in at_rest(path, million)]
    with Ledger.open(path) as ledger:
        lines += [
            told(of_table(ledger, name, million, repeats)) for name in DERIVED if (compare.SQL / f"{name}.sql").exists()
        ]
    return lines


def machine() -> str:
    """What this was measured on."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}; Python {platform.python_version()}, {packages}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def report(lines: list[Line]) -> str:
    """The section of results.md."""
    return "\n".join(
        [
            f"Written by `make bench` on: {machine()}.",
            "",
            f"Every ratio is of medians of one run, with warm files and {compare.THREADS} threads on every side.",
            "The SQL by hand is in `sql/`, the pandas program in `by_pandas.py`, the work itself in `work.py`.",
            "",
            "| measure | found | target | met | seen |",
            "| --- | --- | --- | --- | --- |",
            *(line.row for line in lines),
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--million", type=float, default=10, help="shifts of the largest ledger, in millions (default 10)"
    )
    asked.add_argument(
        "--repeats", type=int, default=3, help="turns that count, after one that warms the files (default 3)"
    )
    asked.add_argument("--write", action="store_true", help="write results.md in a short form too")
    asked.add_argument("--keep", action="store_true", help="leave the ledgers in bench/data")
    given = asked.parse_args()
    pa.set_cpu_count(compare.THREADS)
    DATA.mkdir(exist_ok=True)
    lines = measured(given.million, given.repeats)
    if given.write or given.million >= 10:
        results.write("Import, storage and derivations", report(lines))
    if not given.keep:
        shutil.rmtree(DATA)


if __name__ == "__main__":
    main()
