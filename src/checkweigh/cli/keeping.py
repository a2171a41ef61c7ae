"""Keeping: verify, landed, backup, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..address import Address, FileAddress, address_of
from . import edge, proving
from .writing import LEDGER, WHICH

if TYPE_CHECKING:
    from ..checkpoint import Verifier
    from ..verify import Cosigned, Report

TARGET = Annotated[
    Address,
    typer.Argument(
        metavar="LEDGER|RECEIPT", parser=address_of, help=f"{WHICH[:-1]}, or a receipt.", show_default=False
    ),
]
VKEY = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="VKEY",
        help="The verifier key that `init` showed: the ledger must have grown from it, and a receipt be signed by it.",
    ),
]
OLD = Annotated[
    Path | None,
    typer.Option(
        "--against",
        metavar="FILE",
        help="An older checkpoint of this ledger, or a receipt, which must be part of its history.",
    ),
]
WITNESSES = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        metavar="VKEY",
        help="A witness that must have agreed to this history, or cosigned the receipt; may be repeated.",
    ),
]
ROTATIONS = Annotated[
    list[Path] | None,
    typer.Option(
        "--rotation",
        metavar="FILE",
        help="With a receipt: the receipt of a rotation that leads from --key to the key that signed; may be repeated.",
    ),
]
SAVE = Annotated[
    Path | None, typer.Option("--save", metavar="FILE", help="Save the verified checkpoint, for --against another day.")
]
COLUMNS = Annotated[bool, typer.Option("--columns", help="Compare the columns beside the ledger with it as well.")]


def verify(
    target: TARGET,
    key: VKEY = None,
    witness: WITNESSES = None,
    rotation: ROTATIONS = None,
    against: OLD = None,
    save: SAVE = None,
    columns: COLUMNS = False,
) -> None:
    """Check the whole ledger from its stored bytes: every entry, hash, index and signature. Or check a receipt, which needs no ledger."""
    known = None if key is None else _parsed("--key", key)
    witnesses = [proving.cosigner(one) for one in witness or ()]
    if isinstance(target, FileAddress) and proving.is_receipt(target.path):
        _only("a receipt", "a ledger", against=against, save=save, columns=columns)
        proving.verify(target.path, known, witnesses, rotation or [])
    else:
        _only("a ledger", "a receipt", rotation=rotation)
        _verify_ledger(target, known, witnesses, against, save, columns)


def _only(given: str, other: str, **options: object) -> None:
    """Refuse options that say nothing about what was given."""
    from ..errors import Refused

    for name, value in options.items():
        if value:
            raise Refused(f"--{name} is for {other}, and this is {given}; leave it out")


def _verify_ledger(
    ledger: Address,
    key: "Verifier | None",
    witnesses: "list[Verifier]",
    against: Path | None,
    save: Path | None,
    columns: bool,
) -> None:
    from .. import verify as second_path

    older = None if against is None else _older(against)
    with edge.progress(f"verifying {ledger.name}") as bar:
        report = second_path.verify(ledger, against=older, witnesses=witnesses, progress=bar.at)
    _check_key(report, key)
    _tell(ledger, report, key, against)
    if columns:
        _check_columns(ledger)
    if save is not None:
        edge.place(save).write_text(report.checkpoint, encoding="utf-8")
        edge.tell(f"The checkpoint is saved in {save}.")


def _older(path: Path) -> str:
    """The note of a checkpoint that was kept, by itself or in a receipt, whose entry must then be under it."""
    from ..errors import BadSignature, Broken

    try:
        if proving.is_receipt(path):
            kept = proving.read(path)
            kept.check_inclusion()
            return kept.note
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadSignature(f"{path} is no checkpoint: it is not UTF-8 text") from None
    except Broken as error:
        raise type(error)(f"--against {path}: {error}") from None


def _parsed(option: str, key: str) -> "Verifier":
    from ..checkpoint import Verifier
    from ..errors import BadKey

    try:
        return Verifier.parse(key.strip())
    except BadKey as error:
        raise BadKey(f"{option} {key!r}: {error}; it is the line that `init` showed") from None


def _check_key(report: "Report", key: "Verifier | None") -> None:
    from ..errors import BadSignature

    if key is not None and str(key) not in report.verifiers:
        raise BadSignature(f"the ledger did not grow from the key {key}; its first key is {report.verifiers[0]}")


def _tell(ledger: Address, report: "Report", key: "Verifier | None", against: Path | None) -> None:
    counts = ", ".join(
        f"{number:,} {kind}" for kind, number in sorted(report.kinds.items(), key=lambda found: -found[1])
    )
    edge.tell(("Verified: ", "bold green"), f"{ledger} holds {edge.counted(report.size)}, every byte as it was signed.")
    edge.tell(f"  {counts or 'no entries yet'}; the last recorded {report.recorded or 'never'}")
    if against is not None:
        edge.tell(f"  {against} is part of its history: nothing before it has changed.")
    for agreed in report.cosigned:
        edge.tell(f"  {_agreed(agreed, report.size)}")
    for finding in report.findings:
        edge.warn(f"entry {finding.index}: {finding.message}")
    edge.tell(f"\n{report.checkpoint.strip()}\n")
    if key is None:
        edge.tell("It is signed with this key; compare it with the one that `init` showed, or give that as --key:")
        edge.tell("  ", (report.verifiers[-1], "bold"))


def _agreed(agreed: "Cosigned", size: int) -> str:
    """What a witness has agreed to, how long ago, and what has come since."""
    name, since = agreed.witness.name, size - agreed.size
    first = f"{name} agreed to the first {edge.counted(agreed.size)} {edge.ago(agreed.moment)}"
    return f"{first}; {edge.counted(since) if since else 'nothing'} came since."


def _check_columns(ledger: Address) -> None:
    from .. import columns
    from ..errors import Broken
    from ..ledger import Ledger

    directory = columns.directory_of(ledger)
    with Ledger.open(ledger) as opened, edge.progress("comparing the columns"):
        wrong = columns.check(opened, directory)
    if wrong:
        hint = f"the ledger itself is whole; delete {directory}, which is built anew from it"
        raise Broken(f"columns that are not what the ledger says: {', '.join(map(str, wrong))}; {hint}")
    edge.tell(f"The columns in {directory} say the same.")


def landed(
    ledger: LEDGER,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The id that the message named.", show_default=False)],
) -> None:
    """After a connection was lost: tell whether a batch is in the ledger."""
    from ..errors import Refused

    with edge.opened(ledger, write=True) as opened:
        found = opened.landed(batch)
    if found is None:
        raise Refused(f"batch {batch} is not in {ledger}: nothing of it was written; enter it again")
    edge.tell(("It is there", "bold green"), f": batch {batch} brought {edge.counted(len(found))}, from {found[0]} on.")


def backup(
    ledger: LEDGER,
    target: Annotated[
        Address,
        typer.Argument(
            metavar="TARGET",
            parser=address_of,
            help="The copy to be made; nothing may be there yet.",
            show_default=False,
        ),
    ],
) -> None:
    """Copy the ledger and its key as they are now, while others may go on writing. Who private workers are is not copied."""
    from ..ledger import Ledger, key_path
    from ..people import private_path

    with Ledger.open(ledger) as opened:
        opened.backup(target)
    with Ledger.open(target) as copied:
        edge.tell(
            (str(target), "bold green"),
            f" holds the {edge.counted(copied.size)} of {ledger}, root {copied.root().hex()[:16]}…",
        )
    if key_path(target).exists():
        edge.tell(f"{key_path(target)} is a copy of the signing key: keep it where only you can read it.")
    if private_path(ledger).exists():
        edge.tell(f"{private_path(ledger)} was not copied: names rest in one place, which an erasure reaches.")


def restore(
    source: Annotated[
        Address, typer.Argument(metavar="BACKUP", parser=address_of, help="The backup.", show_default=False)
    ],
    ledger: Annotated[
        Address,
        typer.Argument(
            metavar="LEDGER",
            parser=address_of,
            help="Where the ledger goes; nothing may be there yet.",
            show_default=False,
        ),
    ],
) -> None:
    """Bring a ledger back from a backup, after verifying it."""
    from .. import restore as from_backup

    with edge.progress(f"verifying {ledger.name}") as bar:
        report = from_backup.restore(source, ledger, progress=bar.at)
    edge.tell((str(ledger), "bold green"), f" holds the {edge.counted(report.size)} of {source}, verified.")
    edge.tell(f"\n{report.checkpoint.strip()}")
