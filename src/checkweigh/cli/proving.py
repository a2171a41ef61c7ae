"""Proving: receipts, written and checked; and the log as static files, for anybody to check."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from . import edge
from .writing import LEDGER, described

if TYPE_CHECKING:
    from ..address import Address
    from ..checkpoint import Verifier
    from ..ledger import Ledger
    from ..receipt import Proven, Receipt
    from ..snapshot import Snapshot

ENDING = ".tlog-proof"
BEGINNING = b"c2sp.org/tlog-proof"
WHICH = Annotated[
    str,
    typer.Argument(
        metavar="INDEX|SHIFT",
        help="The index of the entry; or the id of a shift, as it now stands.",
        show_default=False,
    ),
]
OUT = Annotated[
    Path,
    typer.Option("--out", metavar="FILE", help=f"The file to write, by custom NAME{ENDING}; nothing may be there yet."),
]
WITNESSES = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        metavar="VKEY",
        help="A witness that must have cosigned the checkpoint; may be given several times.",
    ),
]
DIRECTORY = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="The directory of the files: a new one, or that of an earlier export.", show_default=False
    ),
]


def receipt(ledger: LEDGER, which: WHICH, out: OUT, witness: WITNESSES = None) -> None:
    """Write the receipt of an entry: the entry itself, and the proof that the ledger holds it."""
    from ..checkpoint import open_note
    from ..ledger import verifiers
    from ..receipt import of_entry

    demanded = [cosigner(one) for one in witness or ()]
    with edge.opened(ledger) as opened:
        index = _index(opened, which)
        if far := edge.far(opened):
            made = far.receipt(index, demanded)
            open_note(made.note, *far.verifiers)
            _write(edge.place(out), made.encode())
            _tell_written(opened, made, far.verifiers, out)
            return
        notes = _cosigned(ledger, demanded)
        with opened.snapshot() as snapshot:
            keys = verifiers(snapshot)
            made = of_entry(snapshot, index, keys, notes)
        if demanded and made.note not in notes:
            _refuse_uncosigned(ledger, index, demanded)
        _write(edge.place(out), made.encode())
        _tell_written(opened, made, keys, out)


def cosigner(key: str) -> "Verifier":
    """The key of a witness. Raises BadKey, also for a key that signs notes instead."""
    from .. import cosigned
    from ..errors import BadKey

    try:
        return cosigned.cosigner(key.strip())
    except BadKey as error:
        raise BadKey(f"--witness {key!r}: {error}; it is the line that the witness showed") from None


def _cosigned(ledger: "Address", demanded: list["Verifier"]) -> list[str]:
    """The kept checkpoints that every demanded witness cosigned, the newest first."""
    from ..cosigned import cosigned_by, kept

    return [note for note in kept(ledger) if all(cosigned_by(note, witness) is not None for witness in demanded)]


def _refuse_uncosigned(ledger: "Address", index: int, demanded: list["Verifier"]) -> None:
    from ..errors import Refused

    names = " and ".join(witness.name for witness in demanded)
    raise Refused(
        f"no checkpoint that covers entry {index} is cosigned by {names}; run `checkweigh submit {ledger.typed}` and ask again"
    )


def _index(opened: "Ledger", which: str) -> int:
    """The index that is meant: a whole number is one, anything else is the id of a shift."""
    from ..errors import Refused

    shifts = opened.find("shift", which)
    if which.isascii() and which.isdigit():
        if shifts and shifts[-1] != int(which):
            edge.warn(f"this is entry {int(which)}; the shift with the id {which} is entry {shifts[-1]}")
        return int(which)
    if not shifts:
        hint = f"find the entry with `checkweigh log {opened.address.typed} --about {which}` and give its index"
        raise Refused(f"{which!r} is not a shift in the ledger; {hint}")
    return shifts[-1]


def _write(path: Path, data: bytes) -> None:
    from ..errors import Refused

    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise Refused(f"{path} exists already and is left as it is; choose another name") from None


def _tell_written(opened: "Ledger", made: "Receipt", keys: list["Verifier"], out: Path) -> None:
    from .. import codec, entries
    from ..checkpoint import split_note

    entry = codec.decode(made.entry)
    name = " ".join(entries.identity(entry) or (entries.kind_of(entry),))
    size = edge.counted(made.checkpoint.size)
    edge.tell((str(out), "bold green"), f" is the receipt of entry {made.index}: {name}")
    edge.tell(f"  {described(entry)}")
    edge.tell(f"It holds the entry whole, and the proof that the ledger signed for it at {size}.")
    signatures = split_note(made.note)[1]
    if cosigners := [found.name for found in signatures if found.name != made.checkpoint.origin]:
        edge.tell(f"It carries what these witnesses signed: {', '.join(cosigners)}.")
    ids = {found.id for found in signatures}
    signed = next(number for number, key in enumerate(keys) if key.id in ids)
    edge.tell("Anybody can check it, on any computer, with the ledger's verifier key:")
    edge.tell("\n  ", (f"checkweigh verify {out} --key {keys[signed]}", "bold"), "\n")
    _warn_of_verdicts(opened, entry)
    if signed:
        said = ", ".join(map(str, opened.find("key", "")[:signed]))
        edge.warn(
            f"the ledger has changed its key; whoever holds only its first one needs the receipt of entry {said} as well, for --rotation"
        )


def _warn_of_verdicts(opened: "Ledger", entry: Any) -> None:
    from .. import entries

    for index in opened.find("verdict", entry.id) if entries.kind_of(entry) == "shift" else ():
        edge.warn(f"entry {index} is a verdict on this shift, which the receipt does not show; it can have its own")


def export_log(ledger: LEDGER, directory: DIRECTORY) -> None:
    """Write the whole log as static files, or what is new since the last time: for any web server and any log client (C2SP tlog-tiles)."""
    from ..tiles import export

    with (
        edge.opened(ledger) as opened,
        _published(opened) as (snapshot, keys, note),
        edge.progress(f"exporting {ledger.name}") as bar,
    ):
        done = export(snapshot, keys, edge.place(directory), note=note, progress=bar.at)
    new = (
        f"{edge.counted(done.size - done.before)} new, {done.files:,} files written" if done.files else "nothing is new"
    )
    edge.tell((str(directory), "bold green"), f" shows the {edge.counted(done.size)} of {ledger}: {new}.")
    edge.tell(
        "A web server can offer it as it is. Whoever reads it needs the ledger's verifier key, and gets it best from you:"
    )
    edge.tell("\n  ", (str(keys[0]), "bold"), "\n")
    edge.warn(
        "whoever can read this directory can read every entry whole: offer it only to people who may see all of them"
    )


@contextmanager
def _published(opened: "Ledger") -> "Iterator[tuple[Snapshot, list[Verifier], str]]":
    """One moment of a ledger, its keys, and its checkpoint as witnesses have cosigned it."""
    from ..ledger import verifiers

    if far := edge.far(opened):
        log = far.log()
        yield cast("Snapshot", log), far.verifiers, log.note
        return
    with opened.snapshot() as snapshot:
        yield snapshot, verifiers(snapshot), _with_cosignatures(opened.address, snapshot.note)


def _with_cosignatures(ledger: "Address", note: str) -> str:
    """The checkpoint as witnesses have cosigned it, where they have."""
    from ..checkpoint import split_note
    from ..cosigned import kept

    text, _ = split_note(note)
    return next((found for found in kept(ledger) if split_note(found)[0] == text), note)


def is_receipt(path: Path) -> bool:
    """Whether a file says that it is a receipt, by how it begins or by its name."""
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING or path.suffix == ENDING
    except OSError:
        return False


def read(path: Path) -> "Receipt":
    """The receipt in a file. Raises BadReceipt or BadSignature, naming the file, for what is none."""
    from ..errors import Broken
    from ..receipt import LONGEST_RECEIPT, Receipt

    with path.open("rb") as file:
        data = file.read(LONGEST_RECEIPT + 1)
    try:
        return Receipt.parse(data)
    except Broken as error:
        raise type(error)(f"{path}: {error}") from None


def verify(path: Path, key: "Verifier | None", witnesses: list["Verifier"], rotations: list[Path]) -> None:
    """Check a receipt with nothing but the key, and say in plain words what it proves and what not."""
    from ..errors import Broken, Refused
    from ..receipt import check, needed_key

    found = read(path)
    if key is None:
        said = f"{path} says that it is a receipt of the ledger {found.checkpoint.origin}; without that ledger's key nothing is proven"
        hint = (
            f"give the verifier key that you were told by someone you trust; it should begin with {needed_key(found)}"
        )
        raise Refused(f"{said}: add --key VKEY, {hint}")
    others = [read(rotation) for rotation in rotations]
    try:
        proven = check(found, key, witnesses, others)
    except Broken as error:
        raise type(error)(f"{path}: {error}") from None
    _tell_proven(path, found, proven, key)


def _tell_proven(path: Path, found: "Receipt", proven: "Proven", key: "Verifier") -> None:
    head = found.checkpoint
    edge.tell(
        ("Proven: ", "bold green"), f"the ledger {head.origin} holds this, as entry {found.index} of {head.size:,}:\n"
    )
    rows = _rows(proven.entry)
    width = max(len(name) for name, _ in rows)
    for name, said in rows:
        edge.tell(f"  {name:{width}}   ", (said, "bold"))
    edge.tell("\nWhat this proves")
    edge.tell(
        "  The ledger has signed for these words, to the letter. It cannot change them or leave them out unnoticed:"
    )
    edge.tell(f"  keep {path.name}, which shows it.")
    if proven.key != key:
        edge.tell(f"  It was signed with a later key, to which yours has handed over: {proven.key}")
    for one in proven.cosigned:
        edge.tell(
            f"  The witness {one.witness} had seen the ledger so far by {_moment(one.moment)}, and no other history of it."
        )
    _tell_unproven(proven)


def _tell_unproven(proven: "Proven") -> None:
    entry, seen = proven.entry, min((one.moment for one in proven.cosigned), default=None)
    edge.tell("What it does not prove")
    edge.tell(f"  That it is true: it is what {entry.by} entered.")
    edge.tell("  That it still counts: a later entry may replace it or rule on it. Ask the ledger what stands today.")
    if seen is None:
        edge.tell("  When it was recorded: the time is what the ledger says.")
        edge.tell("  That others are shown the same history: no witness was asked for; --witness does.")
    else:
        edge.tell(f"  When it was recorded: the time is what the ledger says; it was there by {_moment(seen)}.")


def _rows(entry: Any) -> list[tuple[str, str]]:
    """What an entry says, field by field: kind, identity and content, then when it was recorded and by whom."""
    from .. import entries
    from ..fields import GIVEN_BY_THE_LEDGER
    from ..render import text

    kind = entries.kind_of(entry)
    held = {name: entries.value(entry, name) for name in entries.fields(kind) if name not in GIVEN_BY_THE_LEDGER}
    rows = [("kind", kind), *((name, text(value)) for name, value in held.items() if value is not None)]
    return [*((name.replace("_", " "), said) for name, said in rows), ("recorded", entry.recorded), ("by", entry.by)]


def _moment(seconds: int) -> str:
    """A time that a witness states; one beyond the calendar as it is."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {seconds} since 1970"
