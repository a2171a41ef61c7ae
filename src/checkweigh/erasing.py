"""Erasing a person: name and profile go, every proof stays.

An erasure is an entry, and it comes first: from then on no table and no page names the worker, at whatever size one looks. Then the
person and their account are deleted from LEDGER.private, and from the columns what they held of the person. Whoever is interrupted
between the two erases again: the entry is found, and the rest is done. What anybody entered publicly stays in the log, since its bytes
are what the hashes prove: `Erased.public` says where.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from . import codec, columns, personal
from .accounts import Accounts, has_accounts
from .entries import Entry
from .errors import Refused
from .kinds import Erasure, Worker
from .ledger import Edge, Ledger
from .people import People, Person, private_path


@dataclass(frozen=True)
class Erased:
    """What an erasure came to: its entry, whether that is new, and what has been deleted."""

    worker: str
    entry: int
    new: bool
    person: bool
    """Whether LEDGER.private held the person."""
    accounts: Sequence[str]
    """The accounts of the worker, which are removed."""
    columns: Sequence[Path]
    """The segments that held something of the person; they are built anew without."""
    public: Sequence[int]
    """The entries whose name everybody could read, and which stay in the log."""


def shown(entry: Entry, erased: Collection[str]) -> Entry:
    """An entry as it may be shown: of a worker who has been erased without what it says of the person."""
    if isinstance(entry, Worker) and entry.id in erased:
        return msgspec.structs.replace(entry, name=None, profile=None)
    return entry


def worker_of(ledger: Ledger, named: str) -> str:
    """The id of a worker who is named by it, or by a payroll number of LEDGER.private. Raises Refused where there is none."""
    if ledger.find("worker", named):
        return named
    if private_path(ledger.address).exists():
        with People.open(ledger.address) as people:
            if (worker := people.by_payroll([named]).get(named)) is not None and ledger.find("worker", worker):
                return worker
    raise Refused(
        f"{named!r} is neither a worker of {ledger.address} nor a payroll number; look with `checkweigh log --kind worker`"
    )


def erase(ledger: Ledger, worker: str, reason: str, edge: Edge) -> Erased:
    """Erase the person behind a worker's id; a second time, finish what was begun.

    Raises Refused, before anything is written, where the reason says who it is.
    """
    person = _person(ledger, worker)
    entries = [(index, codec.decode(ledger.entry(index))) for index in ledger.find("worker", worker)]
    public = [(index, entry.name) for index, entry in entries if isinstance(entry, Worker) and entry.name]
    _check_reason(reason, [*([person.name, person.payroll] if person else []), *(name for _, name in public)])
    before = _erasure(ledger, worker)
    if before is None:
        with ledger.append(edge) as batch:
            entry = batch.add("erasure", {"worker": worker, "reason": reason})
    if person is not None:
        with People.open(ledger.address) as people:
            people.erase(worker)
    accounts = _without_accounts(ledger, worker)
    gone = personal.forget(columns.directory_of(ledger.address), worker)
    index = entry if before is None else before
    return Erased(worker, index, before is None, person is not None, accounts, gone, [index for index, _ in public])


def _person(ledger: Ledger, worker: str) -> Person | None:
    if not private_path(ledger.address).exists():
        return None
    with People.open(ledger.address) as people:
        return people.find(worker)


def _without_accounts(ledger: Ledger, worker: str) -> list[str]:
    if not has_accounts(ledger.address):
        return []
    with Accounts.open(ledger.address) as accounts:
        return accounts.remove_worker(worker)


def _check_reason(reason: str, secrets: Sequence[str | None]) -> None:
    """The reason is permanent: it must not say what is being erased."""
    if any(secret and re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", reason, re.IGNORECASE) for secret in secrets):
        raise Refused(
            "the reason names the person, and it stays in the ledger for good; say why without name and payroll number"
        )


def _erasure(ledger: Ledger, worker: str) -> int | None:
    """The entry by which a worker has been erased already."""
    for index in ledger.find("erasure", ""):
        entry = codec.decode(ledger.entry(index))
        if isinstance(entry, Erasure) and entry.worker == worker:
            return index
    return None
