"""Bring a ledger back from a backup: copy it, verify the copy from its first byte to its last, and only then call it restored."""

from pathlib import Path

from .errors import Refused
from .ledger import Ledger, key_path
from .verify import Progress, Report, verify


def restore(source: str | Path, target: str | Path, *, progress: Progress | None = None) -> Report:
    """Copy the ledger at `source`, with its key if that stands beside it, to `target`, and verify it there.

    Raises Refused when the target exists, NotALedger when the source is none, and Broken when the backup is damaged; then nothing is
    left at the target.
    """
    target = Path(target)
    if target.exists():
        raise Refused(f"{target} exists already and is left as it is; choose another name, or move it away first")
    with Ledger.open(source) as ledger:
        ledger.backup(target)
    try:
        return verify(target, progress=progress)
    except BaseException:
        target.unlink()
        key_path(target).unlink(missing_ok=True)
        raise
