"""What columns hold of a person, and how that is taken out of them."""

import shutil
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PERSONAL = ("name", "profile")
"""What the columns of a worker hold of the person, until that person is erased."""


def without(tables: dict[str, pa.Table], erased: Collection[str]) -> dict[str, pa.Table]:
    """The same tables, in which name and profile of erased workers are absent."""
    if not erased or "worker" not in tables:
        return tables
    worker = tables["worker"]
    gone = pc.is_in(worker["id"], pa.array(sorted(erased), pa.string()))
    for name in PERSONAL:
        kept = pc.if_else(gone, pa.scalar(None, pa.string()), worker[name])
        worker = worker.set_column(worker.schema.get_field_index(name), name, kept)
    return {**tables, "worker": worker}


def forget(directory: Path, worker: str) -> list[Path]:
    """Delete every segment, and what is being built, that holds name or profile of a worker. They are built anew without."""
    gone = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if any(_holds_person(file, worker) for file in path.rglob("worker.parquet")):
            shutil.rmtree(path, ignore_errors=True)
            gone.append(path)
    return gone


def _holds_person(file: Path, worker: str) -> bool:
    """Whether a file says who a worker is; one that cannot be read may do so."""
    try:
        found = pq.read_table(file, columns=["id", *PERSONAL])
    except (OSError, pa.ArrowInvalid):
        return True
    found = found.filter(pc.equal(found["id"], worker))
    return any(found[name].null_count < len(found) for name in PERSONAL)
