"""What witnesses have said of a ledger, kept beside it in plain files.

    LEDGER.witnesses               a line for each witness: its address, a blank, its verifier key; `#` begins a remark
    LEDGER.cosigned/SIZE.checkpoint    the checkpoint of that size, with the cosignature of every witness that agreed to it

Each file of `LEDGER.cosigned` is a signed note like any other, for `verify --against` and for receipts. Of every witness the newest
checkpoint that it cosigned is kept; a file that no witness needs any more is deleted. Nothing in here is secret, and nothing in here is
trusted: whoever reads a note verifies its signatures.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .address import Where, address_of
from .checkpoint import COSIGNATURE, Checkpoint, Verifier, join_note, open_note, split_note
from .errors import BadKey, BadSignature, Broken, CannotWrite, Refused

REMARK = "# The witnesses of this ledger, one to a line: address, blank, verifier key. `checkweigh submit` asks them.\n"


@dataclass(frozen=True)
class Witness:
    """Somebody who keeps a second book of this ledger: where they are asked, and the key with which they cosign."""

    address: str
    key: Verifier

    def __str__(self) -> str:
        return f"{self.address} {self.key}"


def cosigner(text: str) -> Verifier:
    """The verifier key of a witness. Raises BadKey, also for a key that signs notes instead of cosigning."""
    found = Verifier.parse(text)
    if found.algorithm != COSIGNATURE:
        raise BadKey(f"the key of {found.name} signs notes, it does not cosign; take the one that the witness shows")
    return found


def witnesses_path(ledger: Where) -> Path:
    """Where the witnesses of a ledger are written down."""
    return address_of(ledger).beside("witnesses")


def directory_of(ledger: Where) -> Path:
    """Where the cosigned checkpoints of a ledger are kept."""
    return address_of(ledger).beside("cosigned")


def witnesses(ledger: Where) -> list[Witness]:
    """The witnesses of a ledger, none where nobody has named any. Raises Refused for a line that cannot be read."""
    path = witnesses_path(ledger)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return [_witness(path, number, line) for number, line in enumerate(lines, 1) if line.partition("#")[0].strip()]


def _witness(path: Path, number: int, line: str) -> Witness:
    parts = line.partition("#")[0].split()
    if len(parts) != 2:
        raise Refused(f"{path}, line {number}: write the address of a witness, a blank, and its verifier key")
    try:
        return Witness(checked_address(parts[0]), cosigner(parts[1]))
    except Refused as error:
        raise Refused(f"{path}, line {number}: {error}") from None


def checked_address(text: str) -> str:
    """The address of a witness without a slash at its end. Raises Refused unless it begins with http:// or https://."""
    if not text.startswith(("http://", "https://")) or any(letter.isspace() or letter == "#" for letter in text):
        raise Refused(f"{text!r} is not the address of a witness; it begins with http:// or https://")
    return text.rstrip("/")


def write_witnesses(ledger: Where, found: list[Witness]) -> None:
    """Write the witnesses of a ledger down, in place of those that were."""
    address_of(ledger).prepare()
    _write(witnesses_path(ledger), REMARK + "".join(f"{witness}\n" for witness in found))


def kept(ledger: Where) -> list[str]:
    """The cosigned checkpoints of a ledger as signed notes, the newest first; not verified. Raises BadSignature when one is malformed."""
    found = [(_checkpoint(path).size, path) for path in directory_of(ledger).glob("*.checkpoint")]
    return [path.read_text(encoding="utf-8") for _, path in sorted(found, reverse=True)]


def _checkpoint(path: Path) -> Checkpoint:
    try:
        return Checkpoint.parse(split_note(path.read_text(encoding="utf-8"))[0])
    except (BadSignature, UnicodeDecodeError):
        raise BadSignature(f"{path} holds no signed checkpoint; delete it and run `checkweigh submit`") from None


def newest(ledger: Where, *demanded: Verifier) -> str | None:
    """The newest kept checkpoint that carries a cosignature of every demanded witness (by default: of anybody), None where none does.

    Raises BadSignature when a demanded witness's cosignature is there and false.
    """
    for note in kept(ledger):
        if all(cosigned_by(note, witness) is not None for witness in demanded):
            return note
    return None


def cosigned_by(note: str, witness: Verifier) -> int | None:
    """When a witness says it cosigned a note, in seconds since 1970; None when it did not. Raises BadSignature for a false cosignature."""
    if all((found.name, found.id) != (witness.name, witness.id) for found in split_note(note)[1]):
        return None
    moment = max(found.moment for found in open_note(note, witness)[1])
    if not 0 < moment < 2**63:
        raise BadSignature(f"{witness.name} cosigned at a time that is none: {moment} seconds since 1970")
    return moment


def keep(ledger: Where, note: str) -> None:
    """Keep a checkpoint whose cosignatures have been verified, beside those that others gave it, on disk when this returns.

    Raises Broken when another checkpoint of the same size is kept: then the ledger has changed beneath its witnesses.
    """
    directory = directory_of(ledger)
    address_of(ledger).prepare()
    directory.mkdir(exist_ok=True)
    path = directory / f"{Checkpoint.parse(split_note(note)[0]).size}.checkpoint"
    with _alone(directory):
        if path.exists():
            _checkpoint(path)
            note = _merged(path, path.read_text(encoding="utf-8"), note)
        _write(path, note)
        _sweep(directory)


def _merged(path: Path, before: str, note: str) -> str:
    """The signatures of both notes over their one text; of one key the newer."""
    (text, old), (new_text, new) = split_note(before), split_note(note)
    if Checkpoint.parse(text) != Checkpoint.parse(new_text):
        raise Broken(f"history was rewritten: {path} holds another checkpoint of the same size; keep it as evidence")
    if text != new_text:
        return note
    return join_note(text, list({(found.name, found.id): found for found in [*old, *new]}.values()))


def _sweep(directory: Path) -> None:
    """Delete what holds no witness's newest cosignature."""
    needed: set[tuple[str, bytes]] = set()
    for _, path in sorted(((_checkpoint(path).size, path) for path in directory.glob("*.checkpoint")), reverse=True):
        text, signatures = split_note(path.read_text(encoding="utf-8"))
        cosigners = {(found.name, found.id) for found in signatures if found.name != Checkpoint.parse(text).origin}
        if cosigners <= needed:
            path.unlink()
        needed |= cosigners


def said(ledger: Where) -> dict[str, str]:
    """All of this, to lay it beside a copy of the ledger: the text of each file by its name, that of the witnesses being empty."""
    witnesses, directory = witnesses_path(ledger), directory_of(ledger)
    found = {"": witnesses.read_text(encoding="utf-8")} if witnesses.exists() else {}
    if directory.is_dir():
        with _alone(directory):
            found |= {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.checkpoint")}
    return found


def lay(ledger: Where, texts: dict[str, str]) -> None:
    """Lay beside a ledger what `said` found beside another."""
    for name, text in texts.items():
        if name:
            directory_of(ledger).mkdir(exist_ok=True)
        _write(directory_of(ledger) / name if name else witnesses_path(ledger), text)


def remove(ledger: Where) -> None:
    """Delete everything that witnesses have said of a ledger."""
    for name in said(ledger):
        (directory_of(ledger) / name if name else witnesses_path(ledger)).unlink()
    if directory_of(ledger).is_dir():
        directory_of(ledger).rmdir()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Nobody else keeps notes in the directory meanwhile; the lock goes with the process."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, synced to disk."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}; make room, or choose another place") from None
    finally:
        partial.unlink(missing_ok=True)
