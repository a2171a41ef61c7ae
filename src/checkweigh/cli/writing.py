"""Writing: init, add, rotate."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..address import Address, address_of
from . import edge

if TYPE_CHECKING:
    from ..fields import Fold, Lookup
    from ..ledger import Batch, Ledger
    from ..remote import Remote

WHICH = "The ledger's file, or postgresql://USER@HOST/DATABASE?schema=SCHEMA."
LEDGER = Annotated[Address, typer.Argument(metavar="LEDGER", parser=address_of, help=WHICH, show_default=False)]
RECORDED = Annotated[
    str | None, typer.Option(help="In a demonstration ledger: when the entry was recorded, such as 1935-08-31T12:00Z.")
]
FOLD = Annotated[
    str | None,
    typer.Option(
        help="Which of two moments is meant where the clocks changed: earlier or later.", metavar="earlier|later"
    ),
]


def init(
    ledger: LEDGER,
    origin: Annotated[
        str | None, typer.Option(help="The ledger's unique name; without it a random one is made.")
    ] = None,
    demonstration: Annotated[
        bool,
        typer.Option(
            "--demonstration", help="Mark the ledger as a demonstration, which may state when entries were recorded."
        ),
    ] = False,
) -> None:
    """Make a new, empty ledger and its signing key."""
    from ..ledger import Ledger, key_path

    with Ledger.create(ledger, edge=edge.edge(), origin=origin, demonstration=demonstration) as made:
        edge.tell(
            (str(ledger), "bold green"),
            f" is a new {'demonstration ' if demonstration else ''}ledger, named {made.origin}.",
        )
        edge.tell(f"Its signing key is {key_path(ledger)}: keep it to yourself, and a copy of it in another place.")
        edge.tell(
            "Its verifier key is for everyone: give it to the workers' representative, who can check every later state with it."
        )
        edge.tell("\n  ", (made.verifier, "bold"), "\n")
        edge.tell(f"Next: checkweigh add {ledger.typed} site id=north name=North industry=coal timezone=Europe/Berlin")


def add(
    ledger: LEDGER,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="The kind of entry: site, job, worker, crew, quota, shift, ...", show_default=False
        ),
    ],
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="FIELD=VALUE...", help="What the entry states, as people write it.", show_default=False),
    ] = None,
    recorded: RECORDED = None,
    fold: FOLD = None,
) -> None:
    """Add one entry. A quantity may have a unit, a time is the site's own."""
    from ..errors import Refused

    if kind == "erasure":
        raise Refused(
            "an erasure is more than its entry: checkweigh erase LEDGER WORKER --reason TEXT deletes the person too"
        )
    with edge.opened(ledger, write=True) as opened:
        (index,) = append(opened, kind, [fields or []], recorded, fold)
        tell_added(opened, index)


def append(
    opened: "Ledger", kind: str, written: list[list[str]], recorded: str | None, fold: str | None, own: bool = False
) -> list[int]:
    """Append entries of a kind together, each from its `field=value` arguments; returns their indices.

    A verdict is under the rules of `judging`, by whichever command it comes; `own` says that one judges what one has entered.
    """
    from .. import fields, judging

    if far := edge.far(opened):
        return _append_there(far, kind, written, recorded, fold, own)
    given = [fields.read(kind, one, lookup(opened), _fold(fold)) for one in written]
    with opened.append(edge.edge(recorded)) as batch:
        _warn_of_late_clock(batch)
        indices = [batch.add(kind, one) for one in given]
        for one in given if kind == "verdict" else []:
            if "replaces" not in one:
                judging.check(opened, str(one["shift"]), str(one["ruling"]), edge.login(), own)
        return indices


def _append_there(
    far: "Remote", kind: str, written: list[list[str]], recorded: str | None, fold: str | None, own: bool
) -> list[int]:
    """Append entries through a board, which reads what is written; the clock and who enters are the board's."""
    from .. import fields
    from ..errors import BadEntry, Refused
    from ..values import time_text

    if own:
        raise Refused(
            "over the web nobody judges what they entered themselves; leave --own out, and let somebody else judge"
        )
    entries = []
    for one in written:
        texts, problems = fields.split(kind, one)
        if problems:
            raise BadEntry(kind, problems)
        entries.append({"kind": kind, **texts})
    moment = edge.edge(recorded).recorded
    told = far.append(entries, None if moment is None else time_text(moment), _fold(fold))
    if told["late_clock"]:
        edge.warn(
            f"the board's clock is behind the ledger; the entry is recorded at the ledger's last moment, {told['recorded']}"
        )
    return [int(one["index"]) for one in told["entries"]]


def lookup(opened: "Ledger") -> "Lookup":
    """What the ledger holds under a kind and an id: the entry now standing, or None."""
    from .. import codec

    def find(kind: str, name: str) -> Any:
        indices = opened.find(kind, name)
        standing = codec.decode(opened.entry(indices[-1])) if indices else None
        return None if standing is None or standing.void else standing

    return find


def _fold(fold: str | None) -> "Fold | None":
    from ..errors import Refused

    if fold in (None, "earlier", "later"):
        return cast("Fold | None", fold)
    raise Refused(f"--fold {fold!r} is neither earlier nor later")


def _warn_of_late_clock(batch: "Batch") -> None:
    if batch.late_clock:
        when = f"{batch.recorded:%Y-%m-%d %H:%M:%S} UTC"
        edge.warn(
            f"this computer's clock is behind the ledger; the entry is recorded at the ledger's last moment, {when}"
        )


def tell_added(opened: "Ledger", index: int) -> None:
    """Say which entry was written, as the ledger holds it, and where that leaves the ledger."""
    from .. import codec, entries

    entry = codec.decode(opened.entry(index))
    name = " ".join(entries.identity(entry) or (entries.kind_of(entry),))
    edge.tell((f"Entry {index}", "bold green"), f": {name}")
    edge.tell(f"  {described(entry)}")
    edge.tell(f"The checkpoint covers {edge.counted(opened.size)}, root {opened.root().hex()[:16]}…")


def described(entry: Any) -> str:
    """The fields of an entry as the ledger holds them, on one line."""
    from .. import entries
    from ..fields import GIVEN_BY_THE_LEDGER
    from ..render import text

    parts = []
    for name in entries.fields(entries.kind_of(entry)):
        held = entries.value(entry, name)
        if held is not None and name not in GIVEN_BY_THE_LEDGER:
            parts.append(f"{name}={text(held)}")
    return "  ".join(parts)


def rotate(ledger: LEDGER) -> None:
    """Replace the signing key; the old key signs for the new one."""
    from ..ledger import Ledger, key_path

    with Ledger.open(ledger, write=True) as opened:
        before = opened.verifier
        opened.rotate(edge.edge())
        edge.tell((f"Entry {opened.size - 1}", "bold green"), ": from here on the ledger is signed with a new key.")
        edge.tell(f"  until now  {before}")
        edge.tell("  from now   ", (opened.verifier, "bold"))
        edge.tell(
            f"Keep a new copy of {key_path(ledger)}. Whoever holds the first verifier key can follow the ledger to this one."
        )
