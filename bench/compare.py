"""Our derivations beside the same tables made by hand: in SQL on the same engine and files, and in pandas from the same files.

Both sides go into the same sink, a checksum over every column of every row, so that nothing is left uncomputed and the results are
compared at any size. They take turns, on warm files, with two threads each; what a derivation keeps for later questions is forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from bench import by_pandas

from checkweigh import columns, queries, tables
from checkweigh.derived import DERIVED
from checkweigh.ledger import Ledger
from checkweigh.tables import Tables

SQL = Path(__file__).parent / "sql"
THREADS = 2
MAIN = ("records", "standings", "attainment")
READ_BY_PANDAS = ("shift", "site", "job", "worker", "crew", "quota", "verdict")
_DUCKDB = {"string": "VARCHAR", "int64": "BIGINT", "timestamp(6)": "TIMESTAMP", "array<int64>": "BIGINT[]"}


@dataclass(frozen=True)
class Compared:
    """Seconds of ours and of theirs, in the order of the turns, and whether the results are the same."""

    ours: list[float]
    theirs: list[float]
    same: bool
    rows: int

    @property
    def ratio(self) -> float:
        """Ours to theirs, medians."""
        return median(self.ours) / median(self.theirs)


def opened(ledger: Ledger) -> Tables:
    """The tables of a ledger in an engine of its own, by two threads."""
    found = tables.at(ledger)
    found.engine.execute(f"SET threads = {THREADS}")
    found.engine.execute("SET TimeZone = 'UTC'")
    return found


def ours(found: Tables, name: str) -> str:
    """The SQL of our derivation; steps that it computes at once are computed."""
    return queries.sql(DERIVED[name].derive(found))


def by_hand(found: Tables, name: str) -> str:
    """The SQL by hand."""
    found.engine.execute((SQL / "judged.sql").read_text())
    return (SQL / f"{name}.sql").read_text()


def typed(name: str, sql: str) -> str:
    """A query with the columns and types that the derivation declares."""
    shape = DERIVED[name].schema
    each = (f'"{column}"::{_DUCKDB.get(str(kind), str(kind))} AS "{column}"' for column, kind in shape.items())
    return f"SELECT {', '.join(each)} FROM ({sql})"


def checksum(engine: duckdb.DuckDBPyConnection, name: str, sql: str) -> tuple[int, int, int]:
    """Rows, and two sums over a hash of each row: the same for the same rows in whatever order."""
    columns_of = ", ".join(f'"{column}"' for column in DERIVED[name].schema.names)
    query = f"SELECT count(*), bit_xor(h), sum(h) FROM (SELECT hash({columns_of}) AS h FROM ({typed(name, sql)}))"
    found: tuple[int, int, int] = engine.execute(query).fetchone()  # type: ignore[assignment]
    return found


def beside_sql(ledger: Ledger, name: str, repeats: int) -> Compared:
    """Turn about: our derivation and the SQL by hand."""
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    sums = set()
    for turn in range(repeats + 1):
        for side, write in (("ours", ours), ("theirs", by_hand)):
            found = opened(ledger)
            started = perf_counter()
            total = checksum(found.engine, name, write(found, name))
            if turn:  # the first turn warms the files
                seconds[side].append(perf_counter() - started)
            sums.add(total)
            found.engine.close()
    return Compared(seconds["ours"], seconds["theirs"], len(sums) == 1, max(sums)[0])


def differences(ledger: Ledger, name: str) -> list[tuple[object, ...]]:
    """Rows that only one side has: ours first. For looking, and for tests."""
    found = opened(ledger)
    queries = {"ours": typed(name, ours(found, name)), "hand": typed(name, by_hand(found, name))}
    for side, sql in queries.items():
        found.engine.execute(f"CREATE TEMP TABLE {side} AS {sql}")
    only = "SELECT '{0}', * FROM (FROM {0} EXCEPT ALL FROM {1})"
    rows = [
        row
        for pair in (("ours", "hand"), ("hand", "ours"))
        for row in found.engine.execute(only.format(*pair)).fetchall()
    ]
    found.engine.close()
    return rows


# ---- pandas


def files_of(ledger: Ledger, directory: Path) -> by_pandas.Files:
    """The Parquet files of each kind; what is not sealed in a segment yet is written into `directory`."""
    cover = columns.build(ledger, columns.directory_of(ledger.address))
    sealed = cover[-1].stop if cover else 0
    tail = columns.read(ledger, sealed, ledger.size, columns.known_keys(cover))
    directory.mkdir(parents=True, exist_ok=True)
    files: by_pandas.Files = {}
    for kind in READ_BY_PANDAS:
        files[kind] = [file for segment in cover if (file := segment.file(kind)) is not None]
        if kind in tail or not files[kind]:
            rest = tail.get(kind, columns.schema(kind).empty_table())
            pq.write_table(rest, directory / f"{kind}.parquet")
            files[kind].append(directory / f"{kind}.parquet")
    return files


def three_tables(found: Tables) -> dict[str, pa.Table]:
    """The three main tables of ours in memory, as Arrow."""
    return {name: found.engine.sql(ours(found, name)).to_arrow_table() for name in MAIN}


def beside_pandas(ledger: Ledger, directory: Path, repeats: int) -> Compared:
    """Turn about: the three main tables by us and by pandas, each left in memory. `same`: as many shifts and standings."""
    files = files_of(ledger, directory)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    rows: dict[str, list[int]] = {}
    for turn in range(repeats + 1):
        found = opened(ledger)
        sides: dict[str, Callable[[], dict[str, object]]] = {
            "ours": lambda found=found: three_tables(found),  # type: ignore[misc]
            "theirs": lambda: by_pandas.all_three(files),  # type: ignore[dict-item]
        }
        for side, make in sides.items():
            started = perf_counter()
            made = make()
            if turn:
                seconds[side].append(perf_counter() - started)
            rows[side] = [len(made[name]) for name in ("attainment", "standings")]  # type: ignore[arg-type]
            del made
        found.engine.close()
    return Compared(seconds["ours"], seconds["theirs"], rows["ours"] == rows["theirs"], rows["ours"][0])
