"""Writing: init, add, judge, rotate."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..address import Address, address_of
from . import edge

if TYPE_CHECKING:
    from ..fields import Fold, Lookup
    from ..ledger import Batch, Ledger

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
        edge.tell(f"Next: checkweigh add {ledger} site id=north name=North industry=coal timezone=Europe/Berlin")


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
    from ..ledger import Ledger

    if kind == "erasure":
        raise Refused(
            "an erasure is more than its entry: checkweigh erase LEDGER WORKER --reason TEXT deletes the person too"
        )
    with Ledger.open(ledger, write=True) as opened:
        index = append(opened, kind, fields or [], recorded, fold)
        tell_added(opened, index)


def append(opened: "Ledger", kind: str, written: list[str], recorded: str | None, fold: str | None) -> int:
    """Append one entry from `field=value` arguments; returns its index."""
    from .. import fields

    given = fields.read(kind, written, lookup(opened), _fold(fold))
    with opened.append(edge.edge(recorded)) as batch:
        _warn_of_late_clock(batch)
        return batch.add(kind, given)


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


def judge(
    ledger: LEDGER,
    shift: Annotated[str, typer.Argument(metavar="SHIFT", help="The id of the shift.", show_default=False)],
    ruling: Annotated[
        str,
        typer.Argument(
            metavar="RULING",
            help="verified, disputed, adjusted, annulled, or withdrawn (back to reported).",
            show_default=False,
        ),
    ],
    reason: Annotated[
        str, typer.Option(help="Why; it is permanent and public to all who read the ledger.", show_default=False)
    ],
    quantity: Annotated[str | None, typer.Option(help="For adjusted: the corrected quantity.")] = None,
    hours: Annotated[str | None, typer.Option(help="For adjusted: the corrected hours.")] = None,
    headcount: Annotated[str | None, typer.Option(help="For adjusted: the corrected headcount of a crew.")] = None,
    helpers: Annotated[str | None, typer.Option(help="For adjusted: helpers as worker:role:hours,... or none.")] = None,
    cites: Annotated[str | None, typer.Option(help="Ids of sources, separated by commas.")] = None,
    recorded: RECORDED = None,
) -> None:
    """Judge a shift. The verdict is an entry itself; every figure follows it from then on, and none before."""
    from ..ledger import Ledger

    stated = {"shift": shift, "ruling": ruling, "reason": reason, "quantity": quantity, "hours": hours, "headcount": headcount,
              "helpers": helpers, "cites": cites}  # fmt: skip
    with Ledger.open(ledger, write=True) as opened:
        index = append(
            opened, "verdict", [f"{name}={text}" for name, text in stated.items() if text is not None], recorded, None
        )
        tell_added(opened, index)
        from .showing import tell_effect

        tell_effect(opened, shift, index)


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
