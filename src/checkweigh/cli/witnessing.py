"""Witnessing: the second book of a workers' representative or an auditor."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..address import FileAddress, address_of
from . import edge, proving

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint, Verifier
    from ..published import Published
    from ..snapshot import Snapshot
    from ..witness import Directory, Evidence, Followed, Submission, Witness
    from ..witness.book import Considered

PORT = 8650
SETTLED = {
    "rollback": "Settled: the ledger has shown since that it holds what was agreed to.",
    "unproven": "Settled: it has been agreed to since.",
}
SQLITE = b"SQLite format 3\x00"
DIRECTORY = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of the witness.", show_default=False)]
NEW = Annotated[
    Path, typer.Argument(metavar="DIR", help="The directory to be made; nothing may be there yet.", show_default=False)
]
NAME = Annotated[
    str, typer.Option("--name", metavar="NAME", help="What to call the witness, without blanks: union.example/north.")
]
VKEY = Annotated[
    str, typer.Argument(metavar="VKEY", help="The verifier key that the ledger's `init` showed.", show_default=False)
]
HANDOVER = Annotated[
    str | None,
    typer.Option(
        "--handover",
        metavar="SIGNATURE",
        help="If the ledger has changed its key: by what signature the key before named this one (`log LEDGER --kind key`).",
    ),
]
SHOWN = Annotated[
    str,
    typer.Argument(
        metavar="LEDGER|LOG|CHECKPOINT",
        help="What you were shown: the ledger, its log as exported to a directory or a web address, or a checkpoint or receipt.",
        show_default=False,
    ),
]
OUT = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the checkpoint with the cosignature of the witness.")
]
FILES = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Files of evidence, or directories.", show_default=False)
]
KEY = Annotated[
    str | None,
    typer.Option("--key", metavar="VKEY", help="The ledger's verifier key, which the evidence must be about."),
]
HOST = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is for everybody on the network.")]


def init(directory: NEW, name: NAME) -> None:
    """Make a witness: a key with which it cosigns, and a book of what it has agreed to."""
    import os

    from ..witness import Directory, Witness

    book = Directory.create(edge.place(directory), name, os.urandom)
    edge.tell((str(directory), "bold green"), f" is the second book of {name}.")
    edge.tell(f"Its key is {directory / 'witness.key'}: keep it to yourself, and a copy of it in another place.")
    edge.tell("This is the key by which others know it; give it to the ledger's owner and to the workers:")
    edge.tell("  ", (str(Witness(book.signer, book).key), "bold"))


def follow(directory: DIRECTORY, vkey: VKEY, handover: HANDOVER = None) -> None:
    """Follow a ledger from now on, or go over to its next key."""
    from ..checkpoint import Verifier
    from ..witness import Directory, Witness

    book = Directory.open(directory)
    found = Witness(book.signer, book).follow(Verifier.parse(vkey.strip()), handover)
    size = edge.counted(found.checkpoint.size)
    edge.tell((found.origin, "bold green"), f" is followed with the key {found.keys[-1]}")
    edge.tell(f"  agreed to so far: {size if found.note else 'nothing'}")


def serve(
    directory: DIRECTORY, host: HOST = "127.0.0.1", port: Annotated[int, typer.Option(min=0, max=65535)] = PORT
) -> None:
    """Answer ledgers over HTTP until stopped."""
    from ..listening import listening
    from ..witness import Directory
    from ..witness.serving import Application
    from ..witness.serving import serve as run

    book = Directory.open(directory)
    at = listening(host, port)
    if forks := sum(one.what == "fork" for _, one in book.evidence()):
        edge.warn(
            f"{forks} {'file' if forks == 1 else 'files'} of evidence of a fork; `checkweigh witness show {directory}` tells"
        )
    followed = ", ".join(found.origin for found in book.all_followed()) or "no ledger yet"
    edge.tell(
        (book.signer.name, "bold green"), f" listens at http://{host}:{at.getsockname()[1]} and follows {followed}"
    )
    # The server ends on these by itself; then the command is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *given: None)
    run(Application(book, edge.now, _hear), at)
    edge.tell("Stopped.")


def _hear(considered: "Considered") -> None:
    """Say what the server did; loudly what contradicts the book."""
    from rich.text import Text

    if considered.evidence is None:
        if considered.note:
            origin, size = considered.note.split("\n")[:2]
            edge.tell(f"{origin}: agreed to {edge.counted(int(size))}, {edge.now():%Y-%m-%d %H:%M:%S} UTC")
    elif considered.kept_at is not None:
        said, proof = alarm(considered.evidence), considered.evidence.what == "fork"
        style = "bold red" if proof else "yellow"
        edge.aside().print(Text(f"{considered.evidence.what.upper()}: {said}", style), soft_wrap=True)
        edge.aside().print(f"  The evidence is in {considered.kept_at}", soft_wrap=True)


def alarm(found: "Evidence") -> str:
    """What a contradiction means, in a sentence or two."""
    agreed, shown = (_head(note) for note in (found.agreed, found.shown))
    first = f"{found.origin}: {edge.counted(agreed.size)} had been agreed to"
    if found.what == "rollback":
        return (
            f"{first}, and a checkpoint of {shown.size:,} is shown. Entries are gone, or this is an old one sent late."
        )
    if found.what == "unproven":
        hint = "Check the whole ledger with `checkweigh witness check`."
        return f"{first}, and nothing shows that the {shown.size:,} now signed begin with them. {hint}"
    if agreed.size == shown.size:
        return f"{first}, and now the ledger signs {shown.size:,} others. Its owner has shown two histories."
    begin = f"the first {agreed.size:,} of the {shown.size:,} that the ledger now signs are others"
    return f"{first}, and {begin}. Its owner has shown two histories."


def _head(note: str) -> "Checkpoint":
    from ..checkpoint import Checkpoint, split_note

    return Checkpoint.parse(split_note(note)[0])


def check(directory: DIRECTORY, shown: SHOWN, out: OUT = None) -> None:
    """Hold what you were shown against the book: agree to it, or keep it as evidence. Needs no server."""
    from ..witness import Directory, Witness

    book = Directory.open(directory)
    witness = Witness(book.signer, book)
    place = None if out is None else edge.place(out)
    before, submission = _submission(witness, shown)
    considered = witness.consider(submission, edge.now())
    if considered.answer.status != 200:
        _refuse(considered, submission, before)
    checkpoint = submission.checkpoint
    more = checkpoint.size - before.checkpoint.size
    edge.tell(("Agreed: ", "bold green"), f"{checkpoint.origin} holds {edge.counted(checkpoint.size)}.")
    if before.note is None:
        edge.tell("  It is the first that this witness has seen; from now on nothing in it can change unnoticed.")
    else:
        since = f"{edge.counted(more) if more else 'nothing'} came since"
        edge.tell(
            f"  The {edge.counted(before.checkpoint.size)} agreed to {edge.ago(before.moment)}, stand unchanged; {since}."
        )
    if place is not None:
        place.write_text(considered.note, encoding="utf-8")
        edge.tell(f"The cosigned checkpoint is saved in {place}.")


def _submission(witness: "Witness", shown: str) -> "tuple[Followed, Submission]":
    """What was shown as a submission, and what was agreed to before."""
    from .. import published
    from ..ledger import Ledger

    if shown.startswith(("http://", "https://")):
        return _of_log(witness, published.at_address(shown))
    if (Path(shown) / "checkpoint").is_file():
        return _of_log(witness, published.in_directory(Path(shown)))
    address = address_of(shown)
    if isinstance(address, FileAddress) and not _is_ledger(address.path):
        return _of_note(witness, address.path)
    with Ledger.open(address) as ledger:
        before = _gone_over(witness, _followed(witness, ledger.origin), ledger.genesis, ledger.handovers())
        with ledger.snapshot() as snapshot:
            return before, _continuing(before, snapshot.note, snapshot)


def _of_log(witness: "Witness", log: "Published") -> "tuple[Followed, Submission]":
    from ..errors import Broken
    from ..witness import Submission

    before = _followed(witness, Submission(0, (), log.note).checkpoint.origin)
    if log.keys and str(before.keys[-1]) != log.keys[-1]:
        hint = "check the ledger itself, or go over to it with `witness follow --handover`"
        raise Broken(f"{log.name} is signed with another key than the one followed: {log.keys[-1]}; {hint}")
    return before, _continuing(before, log.note, log)


def _of_note(witness: "Witness", path: Path) -> "tuple[Followed, Submission]":
    from ..witness import Submission

    note = _note(path)
    before = _followed(witness, Submission(0, (), note).checkpoint.origin)
    old = before.checkpoint.size
    if _head(note).size > old > 0:
        said = f"a checkpoint alone does not show that it continues the {old:,} agreed to"
        raise _refused(f"{path}: {said}; give the ledger itself")
    return before, Submission(old, (), note)


def _continuing(before: "Followed", note: str, log: "Snapshot | Published") -> "Submission":
    """A checkpoint with the proof from what was agreed to, where it can continue that."""
    from ..witness import Submission

    old, size = before.checkpoint.size, log.checkpoint.size
    if not 0 < old <= size:
        return Submission(old, (), note)
    return Submission(old, tuple(log.consistency_proof(old, size)), note, log.root(old))


def _is_ledger(path: Path) -> bool:
    if not path.is_file():
        return True  # opening it says what it is
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _note(path: Path) -> str:
    if proving.is_receipt(path):
        found = proving.read(path)
        found.check_inclusion()
        return found.note
    data = path.read_bytes()[: 2**16]
    return data.decode("utf-8", "replace")


def _refused(message: str) -> Exception:
    from ..errors import Refused

    return Refused(message)


def _followed(witness: "Witness", origin: str) -> "Followed":
    found = witness.followed(origin)
    if found is None:
        raise _refused(f"{origin} is not followed yet; begin with `checkweigh witness follow DIR VKEY`")
    return found


def _gone_over(witness: "Witness", followed: "Followed", genesis: str, handovers: list[tuple[str, str]]) -> "Followed":
    """Go over to the keys that the ledger's own entries hand over to, from the one that is followed on."""
    from ..checkpoint import Verifier

    keys = [genesis, *(key for key, _ in handovers)]
    current = str(followed.keys[-1])
    for key, signature in handovers[keys.index(current) :] if current in keys else []:
        followed = witness.follow(Verifier.parse(key), signature)
        edge.tell(f"The ledger has changed its key, and the key before has signed for the new one: {key}")
    return followed


def _refuse(considered: "Considered", shown: "Submission", before: "Followed") -> None:
    """Raise what was refused: Broken where it contradicts the book."""
    from ..errors import BadSignature, Broken

    if considered.evidence is not None:
        path = considered.kept_at or f"the directory's evidence already, as {considered.evidence.name}"
        raise Broken(f"{alarm(considered.evidence)}\n  The evidence is in {path}")
    checkpoint, reason = shown.checkpoint, considered.answer.reason
    if considered.answer.status == 403:
        raise BadSignature(f"{checkpoint.origin}: {reason}")
    if checkpoint.size < before.checkpoint.size:
        agreed = edge.counted(before.checkpoint.size)
        raise Broken(
            f"{checkpoint.origin}: this is a state of {checkpoint.size:,}, and {agreed} had been agreed to; it is an older copy"
        )
    raise Broken(f"{checkpoint.origin}: {reason}")


def show(directory: DIRECTORY) -> None:
    """Show who the witness is, what it follows, what it agreed to when, and the evidence. Exit code 3 if there is a fork."""
    from ..errors import Broken
    from ..witness import Directory, Witness

    book = Directory.open(directory)
    edge.tell((book.signer.name, "bold"), ", whose key is")
    edge.tell(f"  {Witness(book.signer, book).key}")
    for followed in book.all_followed():
        edge.tell("\n", (followed.origin, "bold"))
        if followed.note is None:
            edge.tell("  nothing agreed to yet")
        else:
            edge.tell(f"  agreed to {edge.counted(followed.checkpoint.size)} {edge.ago(followed.moment)}")
            edge.tell(f"  root {followed.checkpoint.root.hex()}")
        for key in followed.keys:
            edge.tell(f"  key {key}")
    forks = _show_evidence(book)
    if forks:
        raise Broken(
            f"{forks} of the files above {'proves' if forks == 1 else 'prove'} that a ledger has two histories"
        )


def _show_evidence(book: "Directory") -> int:
    """The evidence of a directory; returns how many forks there are."""
    found = book.evidence()
    if found:
        edge.tell(("\nEvidence", "bold"))
    for path, one in found:
        settled = one.what != "fork" and book.settled(one)
        edge.tell(f"  {one.seen}  ", (one.what.upper(), "bold red" if one.what == "fork" else "yellow"), f"  {path}")
        edge.tell(f"    {SETTLED[one.what] if settled else alarm(one)}")
    return sum(one.what == "fork" for _, one in found)


def evidence(files: FILES, key: KEY = None) -> None:
    """Check evidence again, on any computer, without the witness and without the ledger."""
    from ..checkpoint import Verifier
    from ..witness.evidence import BadEvidence

    known = None if key is None else Verifier.parse(key.strip())
    paths = [found for path in files for found in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    if not paths:
        raise _refused(f"there is no evidence in {', '.join(map(str, files))}")
    for path in paths:
        try:
            _tell_evidence(path, known)
        except BadEvidence as error:
            raise BadEvidence(f"{path}: {error}") from None


def _tell_evidence(path: Path, key: "Verifier | None") -> None:
    from datetime import UTC, datetime

    from ..checkpoint import Verifier
    from ..cosigned import cosigned_by
    from ..witness.evidence import check as checked
    from ..witness.evidence import parse

    found = parse(path.read_bytes()[: 2**20])
    checked(found, key)
    witness = Verifier.parse(found.witness)
    moment = cosigned_by(found.agreed, witness) or 0
    shows = {"fork": "proves a fork", "rollback": "shows a rollback", "unproven": "shows what was not proven"}[
        found.what
    ]
    edge.tell((str(path), "bold red"), f" {shows}. {alarm(found)}")
    edge.tell(f"\nAgreed to by {witness.name} on {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC:\n")
    edge.tell(found.agreed)
    edge.tell(f"Shown on {found.seen}:\n")
    edge.tell(found.shown)
    if key is None:
        edge.tell(
            f"Both are signed with the key {found.keys[0]}"
            + (" or one that it handed over to" if found.keys[1:] else "")
        )
        edge.tell("Compare it with the one that the ledger's `init` showed, or give that as --key.")
