"""The ledger: the only way in. Append, read, prove.

A ledger is one file that verifies alone when it is copied, or a schema of a PostgreSQL database; beside it, as `LEDGER.key`, stands
the key that signs its checkpoints, without which it can only be read (the environment variable CHECKWEIGH_KEY may hold the key
instead). Any number of processes may
read and append at once: appends take turns, and a reader sees one moment of the log. What `append` has returned from is on disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import sleep
from types import TracebackType

import pyarrow as pa

from . import cosigned
from .address import Address, Where, address_of
from .batch import Batch, Edge, Left, landed
from .checkpoint import (
    Checkpoint,
    Signer,
    Verifier,
    open_checkpoint,
    open_rotation,
    sign_checkpoint,
    valid_name,
)
from .codec import decode
from .errors import BadSignature, Broken, Busy, CannotReach, CannotWrite, NoKey, Refused, Unsure
from .identities import Fresh, Identities
from .kinds import Erasure, Key
from .merkle import EMPTY
from .names import Names
from .snapshot import Snapshot
from .stores import WAIT_SECONDS, Meta, Store, opening

KEY_VARIABLE = "CHECKWEIGH_KEY"
DEMONSTRATION = "demonstration/"
"""How the origin of a ledger begins whose caller may say when an entry was recorded."""
_PAUSES = (0, 0.1, 0.5, 2, 5, 10)
"""Seconds before each try to reach a server again."""
__all__ = ["Batch", "Edge", "Ledger", "key_path"]


def key_path(where: Where) -> Path:
    """Where the signing key of a ledger stands."""
    return address_of(where).beside("key")


def _next_key_path(address: Address) -> Path:
    """Where a new key waits while the ledger changes over to it."""
    return address.beside("key.next")


@dataclass(frozen=True)
class _Last:
    """What an append has left to the next, its number in the store, and the keys that were at hand."""

    number: int
    secrets: list[str]
    left: Left


class Ledger:
    """An open ledger; a context manager. Safe to use from several threads."""

    def __init__(self, address: Address, store: Store, *, write: bool) -> None:
        """Use `open` or `create`."""
        self.address = address
        self._store = store
        self._write = write
        self._last: _Last | None = None
        with self.snapshot() as snapshot:
            self.origin: str = snapshot.checkpoint.origin
            self.genesis: str = snapshot.fact(Meta.GENESIS)
            self.demonstration: bool = self.origin.startswith(DEMONSTRATION)
            self._check_key(snapshot)

    @classmethod
    def create(cls, where: Where, *, edge: Edge, origin: str | None = None, demonstration: bool = False) -> "Ledger":
        """A new ledger and its key. Raises Refused when there is something at `where` or its key's already."""
        address = address_of(where)
        key = key_path(address)
        if key.exists():
            raise Refused(f"{key} exists already and may be the only copy of a key; choose another name for the ledger")
        signer = Signer(_origin(origin, demonstration, edge.random(16)), edge.random(32))
        facts = {number: fact.encode() for number, fact in _first_facts(signer).items()}
        # The key comes first: a key without a ledger can be deleted, a ledger without its key can never be written.
        address.prepare()
        _write_secret(key, signer.private)
        try:
            store = opening.create_store(address, facts)
        except Unsure:
            raise  # the ledger may be there, and this may be its only key
        except BaseException:
            key.unlink()
            raise
        return cls(address, store, write=True)

    @classmethod
    def open(cls, where: Where, *, write: bool = False, wait_seconds: float = WAIT_SECONDS) -> "Ledger":
        """An existing ledger. Raises NotALedger where there is none, NoKey when `write` is asked for without its key.

        `append` waits up to `wait_seconds` for its turn, and then raises Busy.
        """
        address = address_of(where)
        store = opening.open_store(address, wait_seconds=wait_seconds)
        try:
            return cls(address, store, write=write)
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; the last to let go of a file makes it complete in one piece."""
        self._store.close()

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._write

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One moment of the ledger, for several reads that must agree."""
        with self._store.read() as reader:
            yield Snapshot(reader)

    @property
    def size(self) -> int:
        """The number of entries."""
        with self.snapshot() as snapshot:
            return snapshot.size

    @property
    def recorded(self) -> datetime | None:
        """When the newest entry was recorded; None in an empty ledger."""
        with self.snapshot() as snapshot:
            return snapshot.recorded

    @property
    def verifier(self) -> str:
        """The verifier key that belongs to the newest checkpoint."""
        with self.snapshot() as snapshot:
            return str(verifiers(snapshot)[-1])

    def handovers(self) -> list[tuple[str, str]]:
        """Each rotation of the signing key, in order: the verifier key that took over, and by what signature it was named."""
        with self.snapshot() as snapshot:
            found = [decode(snapshot.entry(index)) for index in names_in(snapshot).find("key", "")]
        return [(entry.verifier, entry.signature) for entry in found if isinstance(entry, Key)]

    def checkpoint(self) -> str:
        """The newest checkpoint, as a signed note."""
        with self.snapshot() as snapshot:
            return snapshot.note

    def root(self, size: int | None = None) -> bytes:
        """The root at a size, by default at the newest."""
        with self.snapshot() as snapshot:
            return snapshot.checkpoint.root if size is None else snapshot.root(size)

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry. Raises Refused beyond the end."""
        with self.snapshot() as snapshot:
            return snapshot.entry(index)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) of the entries start..stop-1, of one snapshot, in constant memory."""
        with self.snapshot() as snapshot:
            yield from snapshot.entries(start, snapshot.size if stop is None else stop)

    def bundles(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, pa.LargeStringArray]]:
        """(first index, canonical texts) in runs that end at multiples of 65,536 entries: the way to read a million."""
        with self.snapshot() as snapshot:
            yield from snapshot.bundles(start, snapshot.size if stop is None else stop)

    def size_at(self, when: datetime) -> int:
        """How many entries were recorded up to and including a moment."""
        with self.snapshot() as snapshot:
            return snapshot.size_at(when)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """The hashes that prove entry `index` to be in the tree of `size` entries."""
        with self.snapshot() as snapshot:
            return snapshot.inclusion_proof(index, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """The hashes that prove the tree of `old` entries to be a prefix of that of `new`."""
        with self.snapshot() as snapshot:
            return snapshot.consistency_proof(old, new)

    def find(self, kind: str, name: str) -> list[int]:
        """The indices of all entries with an id, ascending: replaced ones too, and every version of a worker or crew."""
        with self.snapshot() as snapshot:
            return names_in(snapshot).find(kind, name)

    def entries_of(self, kind: str, name: str) -> list[tuple[int, bytes]]:
        """(index, canonical bytes) of what `find` finds, of one snapshot."""
        with self.snapshot() as snapshot:
            return [(index, snapshot.entry(index)) for index in names_in(snapshot).find(kind, name)]

    def erased(self) -> frozenset[str]:
        """The workers whose name and profile have been erased, whatever size is looked at."""
        with self.snapshot() as snapshot:
            found = names_in(snapshot).find("erasure", "")
            return frozenset(
                entry.worker for entry in map(decode, snapshot.entries_at(found)) if isinstance(entry, Erasure)
            )

    def landed(self, batch: str) -> range | None:
        """Where the entries of a batch are, by its id, or None if it never arrived: for whoever lost the connection while committing.

        In a ledger opened for writing the answer is final: a batch that is still on its way is waited for.
        """
        with self._store.write() if self._write else self._store.read() as reader:
            return landed(reader, batch)

    @contextmanager
    def append(self, edge: Edge) -> Iterator[Batch]:
        """A batch: when the block ends, its entries are in the ledger and on disk; after an exception none of them is.

        The one exception to that is Unsure, after which `landed` tells.
        """
        ended = False
        try:
            with self._store.write() as writer:
                snapshot, secrets = Snapshot(writer), self._secrets()
                last = self._taken(writer.after)
                left = None if last is None else last.left
                signer = left.signer if last and left and last.secrets == secrets else self._signer(snapshot, secrets)
                batch = Batch(writer, snapshot, edge, signer, demonstration=self.demonstration, before=left)
                try:
                    yield batch
                    if batch.grown:
                        batch.finish()
                        left = batch.left
                finally:
                    batch.growth.release()
                self._last = None if left is None else _Last(writer.number, secrets, left)
                ended = True
        except Unsure:
            if not ended:
                raise
            if batch.id is not None:
                self._find_out(batch.id)

    def _taken(self, after: int | None) -> "_Last | None":
        """What the append of that number has left; None where nothing is known of the state that the ledger is in."""
        last, self._last = self._last, None
        return last if last is not None and last.number == after else None

    def _find_out(self, batch: str) -> None:
        """After a connection was lost while committing: returns if the batch is in the ledger. Raises Refused if not, else Unsure."""
        for seconds in _PAUSES:
            sleep(seconds)
            try:
                # Whoever has the lock comes after the lost transaction, which has ended the one way or the other.
                with self._store.write() as reader:
                    found = landed(reader, batch)
            except Busy:
                break
            except (Refused, Unsure):
                continue
            if found is not None:
                return
            said = "the connection was lost before the server kept it; nothing was written; try again"
            raise CannotReach(f"{self.address}: {said}")
        raise Unsure(
            f"{self.address}: the connection was lost while batch {batch} was written, and the server does not answer now; "
            f"before entering it again, ask whether it is there: checkweigh landed {self.address.typed} {batch}"
        )

    def rotate(self, edge: Edge) -> None:
        """Hand over to a new signing key: a `key` entry signed by the old one. The new key replaces the old in LEDGER.key."""
        if os.environ.get(KEY_VARIABLE):
            raise Refused(f"the key comes from {KEY_VARIABLE}; rotate where it stands in {key_path(self.address)}")
        waiting = _next_key_path(self.address)
        successor = Signer(self.origin, edge.random(32))
        # Whoever is interrupted while the ledger changes over finds the new key waiting, and carries on with it.
        with self.append(edge) as batch:
            waiting.unlink(missing_ok=True)
            _write_secret(waiting, successor.private)
            batch.rotate(successor)
        waiting.replace(key_path(self.address))

    def backup(self, target: Where) -> None:
        """Copy the ledger as it is now, while others go on appending, its key, and what its witnesses have said.

        Raises Refused when the target exists.
        """
        address = address_of(target)
        key = key_path(address)
        for path in (key, cosigned.witnesses_path(address), cosigned.directory_of(address)):
            if path.exists():
                raise Refused(f"{path} exists already and is left as it is; choose another name")
        # What witnesses have said is read first: it must not be of a later state than the copy.
        said = cosigned.said(self.address)
        address.prepare()
        opening.copy_store(self._store, address)
        cosigned.lay(address, said)
        if key_path(self.address).exists():
            _write_secret(key, key_path(self.address).read_text())

    def _check_key(self, snapshot: Snapshot) -> None:
        verifier = verifiers(snapshot)[-1]
        open_checkpoint(snapshot.note, verifier)
        if self.origin != verifier.name:
            raise Broken(f"{self.address}: the checkpoint is of {self.origin}, but the key is that of {verifier.name}")
        if self._write:
            self._signer(snapshot, self._secrets())

    def _secrets(self) -> list[str]:
        """The texts of the keys at hand. Raises NoKey where the ledger was opened for reading."""
        if not self._write:
            raise NoKey(f"{self.address} was opened for reading only; open it with write=True")
        return _secrets(self.address)

    def _signer(self, snapshot: Snapshot, secrets: list[str]) -> Signer:
        """The key that signed the head of the ledger, among those at hand. Raises NoKey when it is not there."""
        found = [Signer.parse(text) for text in secrets]
        for signer in found:
            with suppress(BadSignature):
                open_checkpoint(snapshot.note, signer.verifier)
                return signer
        hint = f"put it into {key_path(self.address)} or {KEY_VARIABLE}"
        reason = "another key signed it last" if found else "its signing key is missing"
        raise NoKey(f"{self.address} can be read but not written: {reason}; {hint}")


def _origin(origin: str | None, demonstration: bool, chance: bytes) -> str:
    """The name of a ledger. A demonstration's says so, so that no checkpoint of it can be taken for a real one."""
    name = f"checkweigh.local/{chance.hex()}" if origin is None else origin
    if not valid_name(name):
        raise Refused(
            f"origin {name!r} cannot name a ledger: give one without blanks and plus signs, such as mine.example/north"
        )
    if demonstration:
        return DEMONSTRATION + name.removeprefix(DEMONSTRATION)
    if name.startswith(DEMONSTRATION):
        raise Refused(
            f"origin {name!r} is that of a demonstration; choose another, or make the ledger with --demonstration"
        )
    return name


def _first_facts(signer: Signer) -> dict[Meta, str]:
    return {
        Meta.GENESIS: str(signer.verifier),
        Meta.CHECKPOINT: sign_checkpoint(Checkpoint(signer.name, 0, EMPTY), signer),
        Meta.RECORDED: "",
        Meta.RUNS: "",
    }


def names_in(snapshot: Snapshot) -> Names:
    """Looks up names among the entries of a snapshot."""
    return Names(Identities(snapshot.reader), Fresh(snapshot.size), snapshot.entry)


def verifiers(snapshot: Snapshot) -> list[Verifier]:
    """The verifier keys of a ledger, from the first on; each signed for the next. Raises BadSignature."""
    chain = [Verifier.parse(snapshot.fact(Meta.GENESIS))]
    for index in names_in(snapshot).find("key", ""):
        entry = decode(snapshot.entry(index))
        assert isinstance(entry, Key)
        chain.append(open_rotation(snapshot.checkpoint.origin, entry.verifier, entry.signature, chain[-1]))
    return chain


def _secrets(address: Address) -> list[str]:
    """The texts of the keys at hand."""
    if given := os.environ.get(KEY_VARIABLE):
        return [given]
    places = (key_path(address), _next_key_path(address))
    return [place.read_text(encoding="utf-8", errors="replace") for place in places if place.exists()]


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, synced to disk."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be made: {error.strerror}; choose a place that you may write to") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text.strip() + "\n")
        file.flush()
        os.fsync(file.fileno())
