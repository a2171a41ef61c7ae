"""Building: the entries of `campaign.txt`, recorded at their historical dates.

The salts of a demonstration are counted rather than drawn, so that everyone's copy has the same entries and the same root; its signing
key is drawn, as always. The ledger is built under another name and moved into place when it is complete.
"""

import hashlib
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from .. import fields
from ..errors import Refused
from ..ledger import Batch, Edge, Ledger, key_path
from ..values import moment

LEDGER = "1935.ledger"
ORIGIN = "demonstration/1935-campaign"

Line = tuple[str, str, list[str]]
"""When it is recorded, the kind, and the fields as `checkweigh add` takes them."""


def campaign() -> Iterator[Line]:
    """The entries of the campaign, in order."""
    text = resources.files(__package__).joinpath("campaign.txt").read_text(encoding="utf-8")
    recorded = ""
    for line in _joined(text):
        if line.startswith("@"):
            recorded = line[1:].strip()
        else:
            kind, *written = shlex.split(line)
            yield recorded, kind, written


def _joined(text: str) -> Iterator[str]:
    """Lines that say something, each with the indented ones that go on with it."""
    whole = ""
    for line in text.splitlines():
        if line.startswith(" "):
            whole += line
        elif line.strip() and not line.startswith("#"):
            if whole:
                yield whole
            whole = line
    if whole:
        yield whole


def build(directory: Path, edge: Edge) -> tuple[Path, bool]:
    """The demonstration ledger in a directory, and whether it was made just now; one that is there already is used again.

    Raises Refused when something else stands in its place.
    """
    path = directory / LEDGER
    if path.exists():
        _check_mine(path)
        return path, False
    if directory.exists() and not directory.is_dir():
        raise Refused(f"{directory} is a file; name a directory for the demonstration")
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory, prefix=".building-") as place:
        built = Path(place) / LEDGER
        with Ledger.create(built, edge=edge, origin=ORIGIN, demonstration=True) as ledger:
            record(ledger, edge)
        shutil.rmtree(f"{path}.columns", ignore_errors=True)
        key_path(built).replace(key_path(path))
        built.replace(path)
    return path, True


def _check_mine(path: Path) -> None:
    with Ledger.open(path) as ledger:
        if ledger.origin != ORIGIN or ledger.size < sum(1 for _ in campaign()):
            raise Refused(f"{path} is not the demonstration; name another directory: checkweigh demo DIR")


def record(ledger: Ledger, edge: Edge) -> None:
    """Append the whole campaign; entries recorded at the same moment go in together."""
    known: dict[tuple[str, str], Any] = {}
    edge = replace(edge, by="account:demonstration", random=counted())
    waiting: list[Line] = []
    for line in campaign():
        if waiting and line[0] != waiting[0][0]:
            _append(ledger, edge, waiting, known)
            waiting = []
        waiting.append(line)
    _append(ledger, edge, waiting, known)


def _append(ledger: Ledger, edge: Edge, lines: list[Line], known: dict[tuple[str, str], Any]) -> None:
    with ledger.append(replace(edge, recorded=moment(fields.time(lines[0][0], None)))) as batch:
        for _, kind, written in lines:
            _add(batch, kind, written, known)


def _add(batch: Batch, kind: str, written: list[str], known: dict[tuple[str, str], Any]) -> None:
    given = fields.read(kind, written, lambda kind, name: known.get((kind, name)))
    batch.add(kind, given)
    if "id" in given:
        known[kind, str(given["id"])] = SimpleNamespace(
            **{name: value for name, value in given.items() if name.isidentifier()}
        )


def counted() -> Callable[[int], bytes]:
    """Bytes that look random and are the same every time."""
    number = count()

    def take(length: int) -> bytes:
        wanted = b"".join(hashlib.sha256(b"1935 %d" % next(number)).digest() for _ in range(length // 32 + 1))
        return wanted[:length]

    return take
