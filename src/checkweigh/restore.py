"""Bring a ledger back from a backup: copy it, verify the copy from its first byte to its last, and only then call it restored."""

from . import cosigned
from .address import Where, address_of
from .ledger import Ledger, key_path
from .stores.opening import discard_store
from .verify import Progress, Report, verify


def restore(source: Where, target: Where, *, progress: Progress | None = None) -> Report:
    """Copy the ledger at `source` to `target` and verify it there. Its key and what its witnesses have said go along.

    Raises Refused when the target exists, NotALedger when the source is none, and Broken when the backup is damaged; then nothing is
    left at the target.
    """
    address = address_of(target)
    with Ledger.open(source) as ledger:
        ledger.backup(address)
    try:
        return verify(address, progress=progress)
    except BaseException:
        discard_store(address)
        key_path(address).unlink(missing_ok=True)
        cosigned.remove(address)
        raise
