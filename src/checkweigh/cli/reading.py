"""log: the entries themselves."""

import json
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..moments import known_at
from . import edge
from .target import FORMAT, LIMIT, OUT, ZONE, Target
from .writing import LEDGER

if TYPE_CHECKING:
    import pyarrow as pa

    from ..ledger import Ledger

KIND = Annotated[str | None, typer.Option(help="Only entries of this kind.")]
ABOUT = Annotated[
    str | None, typer.Option(metavar="ID", help="Only entries that name this id: its own, or those that refer to it.")
]
FROM = Annotated[
    str | None,
    typer.Option("--from", metavar="SIZE|DATE", help="Only entries recorded from this date on, or from this index on."),
]
TO = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="SIZE|DATE", help="Only entries recorded until the end of this date, or below this size."
    ),
]
ROWS = 8192


def log(
    ledger: LEDGER,
    kind: KIND = None,
    about: ABOUT = None,
    begin: FROM = None,
    end: TO = None,
    form: FORMAT = None,
    out: OUT = None,
    limit: LIMIT = 40,
    zone: ZONE = "UTC",
) -> None:
    """List entries as they stand in the log, the newest last. JSON holds each entry whole, but for the names of erased workers."""
    from .. import listing, render

    with edge.opened(ledger) as opened:
        _check_kind(kind)
        stop = known_at(opened, end, zone, "--to").size
        start = 0 if begin is None else known_at(opened, begin, zone, "--from", before=True).size
        target = Target(form, out, limit)
        far = edge.far(opened)
        matching = far.matching if far else partial(listing.matching, opened)
        found = listing.shown(matching(start, stop, kind, about), opened.erased())
        said = f"entries {start} to {stop - 1}" if stop > start else "no entries"
        if target.format() == "table":
            _tell(opened, found, limit, f"{ledger}, {said}")
        elif target.format() == "json":
            target.deliver(lambda into, progress: render.write_objects(_objects(found), into, progress), [said])
        else:
            target.write(_reader(found), str(ledger), [said])


def _check_kind(kind: str | None) -> None:
    from ..entries import KINDS
    from ..errors import Refused

    if kind is not None and kind not in KINDS:
        raise Refused(f"--kind {kind!r} is not a kind of entry; the kinds are {', '.join(KINDS)}")


def _tell(opened: "Ledger", found: Iterator[tuple[int, bytes]], limit: int, title: str) -> None:
    """The last of the entries found, as rows of a terminal."""
    from .. import render

    kept: deque[tuple[int, bytes]] = deque(maxlen=limit or None)
    count = 0
    for one in found:
        kept.append(one)
        count += 1
    if not count:
        edge.tell((title, "bold"), ": no entries match")
        return
    rows = [_row(opened, index, data) for index, data in kept]
    earlier = [f"{count - len(rows):,} earlier ones are not shown (--limit 0 shows all)"] if count > len(rows) else []
    shown = render.Shown(rows, ["index", "recorded (UTC)", "kind", "says"], {}, [])
    edge.screen().print(render.terminal(shown, title, earlier))


def _row(opened: "Ledger", index: int, data: bytes) -> dict[str, Any]:
    from .. import codec, entries, judging
    from ..kinds import Verdict
    from .judging import OWN_MARK
    from .writing import described

    entry = codec.decode(data)
    recorded = entries.moment(entry.recorded).replace(tzinfo=None, microsecond=0)
    own = isinstance(entry, Verdict) and entry.by in judging.entered_by(opened, entry.shift)
    says = described(entry) + (f"  ({OWN_MARK})" if own else "")
    return {"index": index, "recorded (UTC)": recorded, "kind": entries.kind_of(entry), "says": says}


def _objects(found: Iterator[tuple[int, bytes]]) -> Iterator[list[str]]:
    """Each entry as it stands in the log, with its index before its own fields."""
    while lines := [f'{{"index":{index},' + data[1:].decode() for index, data in islice(found, ROWS)]:
        yield lines


def _reader(found: Iterator[tuple[int, bytes]]) -> "pa.RecordBatchReader":
    """Rows with index, kind, recorded, by and the canonical entry, in batches."""
    import pyarrow as pa

    schema = pa.schema([("index", pa.int64()), *((name, pa.string()) for name in ("kind", "recorded", "by", "entry"))])

    def batches() -> Iterator[pa.RecordBatch]:
        while rows := [_flat(index, data) for index, data in islice(found, ROWS)]:
            yield pa.RecordBatch.from_pylist(rows, schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _flat(index: int, data: bytes) -> dict[str, Any]:
    entry = json.loads(data)
    return {
        "index": index,
        "kind": entry["kind"],
        "recorded": entry["recorded"],
        "by": entry["by"],
        "entry": data.decode(),
    }
