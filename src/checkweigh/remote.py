"""A ledger that a board on the web shows, as the commands use it.

A `Remote` reads as a `Ledger` reads (size, root, entries, where an id is, what landed), and has besides what the server does itself:
tables, explanations, entering, importing. The server derives; it hands out Arrow and JSON, and the command shows them.
"""

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import httpx
import msgspec
import pyarrow as pa

from .address import WebAddress
from .bundles import unframe
from .checkpoint import Verifier
from .client import Client, RemoteRefusal, answered
from .derived import Derivation
from .errors import Broken, Refused
from .importing import Report, RowsRefused, Settings
from .importing.report import SCHEMA as REFUSED
from .merkle import TILE_WIDTH, tile_width
from .published import Published
from .receipt import Receipt
from .tiles import path_of
from .values import decimal_text, time_text

PAGE = 1000
TYPES = {
    ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
_CHUNK = 1 << 20


class Remote:
    """A ledger behind a board; a context manager. `token` says who asks."""

    writable = True

    def __init__(self, address: WebAddress, token: str | None, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        self._client = Client(address, token, transport)

    def __enter__(self) -> "Remote":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, traceback)

    def _json(self, path: str, *query: tuple[str, Any]) -> Any:
        return answered(self._client.get(path, query), self.address)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return cast(dict[str, Any], self._json("ledger"))

    @property
    def origin(self) -> str:
        """The name of the ledger."""
        return str(self._facts["origin"])

    @property
    def demonstration(self) -> bool:
        """Whether the ledger is a demonstration."""
        return bool(self._facts["demonstration"])

    @property
    def verifiers(self) -> list[Verifier]:
        """The verifier keys that the board says the ledger has had."""
        return [Verifier.parse(key) for key in self._facts["verifiers"]]

    @property
    def size(self) -> int:
        """The number of entries, asked anew."""
        return int(self._json("ledger")["size"])

    def root(self, size: int | None = None) -> bytes:
        """The root at a size, by default at the newest."""
        asked = self._json("ledger", *(() if size is None else (("at", size),)))
        return bytes.fromhex(asked["root"])

    def size_at(self, when: datetime) -> int:
        """How many entries were recorded up to and including a moment."""
        return int(self._json("ledger", ("at", time_text(when)))["size"])

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry, as they may be shown."""
        return _canonical(self._json(f"entries/{index}"))[1]

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) of the entries start..stop-1."""
        return self.matching(start, stop)

    def matching(
        self, start: int, stop: int, kind: str | None = None, about: str | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """The entries of a kind, or that name an id, as they may be shown."""
        asked: list[tuple[str, Any]] = [("from", start), ("until", stop), ("limit", PAGE)]
        asked += [(name, value) for name, value in (("kind", kind), ("about", about)) if value is not None]
        going: list[tuple[str, Any]] = []
        while True:
            answer = self._client.get("entries", asked + going)
            yield from (_canonical(one) for one in answered(answer, self.address))
            if (following := answer.headers.get("checkweigh-next")) is None:
                return
            going = [("cursor", following)]

    def find(self, kind: str, name: str) -> list[int]:
        """The indices of all entries with an id, ascending."""
        return [int(index) for index in self._json("find", ("kind", kind), ("id", name))] if name else []

    def entries_of(self, kind: str, name: str) -> list[tuple[int, bytes]]:
        """(index, canonical bytes) of what `find` finds, as they may be shown."""
        return [(index, self.entry(index)) for index in self.find(kind, name)]

    def erased(self) -> frozenset[str]:
        """Nobody: the board shows no erased person's name in the first place."""
        return frozenset()

    def landed(self, batch: str) -> range | None:
        """Where the entries of a batch are, by its id. Raises Refused where the board knows of none."""
        told = self._json(f"batches/{batch}")
        return range(int(told["from"]), int(told["until"]))

    @contextmanager
    def answer(
        self, sizes: Sequence[int], derivation: Derivation, parameters: Mapping[str, Any]
    ) -> Iterator[pa.RecordBatchReader]:
        """The rows of a table as known at a size, or what changed between two, in batches."""
        query: list[tuple[str, Any]] = [(name, _text(value)) for name, value in parameters.items()]
        query += [("at", sizes[-1])] + ([("against", sizes[0])] if len(sizes) == 2 else [])
        with self._client.stream(f"tables/{derivation.name}", query, "application/vnd.apache.arrow.stream") as answer:
            try:
                with pa.ipc.open_stream(pa.PythonFile(_Body(answer), "r")) as reader:
                    yield reader
            except pa.ArrowInvalid as error:
                raise Broken(
                    f"{self.address}: the rows were cut off or altered on their way ({error}); ask again"
                ) from None

    def explain(
        self,
        derivation: Derivation,
        size: int,
        parameters: Mapping[str, Any],
        words: Iterable[str],
        columns: Mapping[str, str],
    ) -> dict[str, Any]:
        """An explanation, as `explained.answer` gives it."""
        listed = next(one for one in self._json("tables") if one["name"] == derivation.name)
        names = {one["name"]: one["filter"] or one["name"] for one in listed["columns"]}
        query: list[tuple[str, Any]] = [("at", size), *(("word", word) for word in words)]
        query += [(name, _text(value)) for name, value in parameters.items()]
        query += [(names[name], value) for name, value in columns.items()]
        return cast(dict[str, Any], self._json(f"explain/{derivation.name}", *query))

    def lacking(self, size: int) -> dict[str, str]:
        """The checks of the audit that have nothing to look at, each with what is lacking."""
        return cast(dict[str, str], self._json("audit/lacking", ("at", size)))

    def append(self, entries: Sequence[Mapping[str, Any]], recorded: str | None, fold: str | None) -> dict[str, Any]:
        """Enter entries together, each as a kind and its fields as people write them; what the board answers."""
        query = [(name, value) for name, value in (("recorded", recorded), ("fold", fold)) if value is not None]
        body = json.dumps(list(entries), ensure_ascii=False).encode("utf-8", "surrogatepass")
        answer = self._client.send("entries", query, body, "application/json", os.urandom(16).hex())
        return cast(dict[str, Any], answered(answer, self.address))

    def take(self, file: Path, settings: Settings) -> Report:
        """Import a file: it is sent whole, and taken in there. Raises RowsRefused, which carries the report."""
        media = TYPES.get(file.suffix.lower())
        if media is None:
            raise Refused(f"{file}: over the web a file is {', '.join(TYPES)} by its name")
        if not file.is_file():
            raise Refused(f"{file} is not there")
        try:
            answer = self._client.send("imports", _asked(file, settings), lambda: _read(file), media)
        except RemoteRefusal as refused:
            raise RowsRefused(_report(file, refused.answer["report"])) from None
        return _report(file, answered(answer, self.address))

    def receipt(self, index: int, witnesses: Sequence[Verifier]) -> Receipt:
        """The receipt of an entry, checked: the hashes lead to what was signed."""
        answer = self._client.get(f"entries/{index}/receipt", [("witness", str(one)) for one in witnesses])
        made = Receipt.parse(answer.content)
        made.check_inclusion()
        return made

    def log(self) -> "RemoteLog":
        """The log as it is published there."""
        return RemoteLog(str(self.address), self._part)

    def _part(self, path: str) -> bytes | None:
        return self._client.get(f"log/{path}").content


class RemoteLog(Published):
    """A published log, which an export reads as it reads a snapshot of a ledger."""

    @property
    def size(self) -> int:
        """The size of the newest checkpoint."""
        return self.checkpoint.size

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile."""
        return self._tile(level, index)

    def bundle(self, number: int) -> list[bytes]:
        """The entries of a bundle, as many as it holds."""
        path = path_of("entries", number, tile_width(0, number, self.size))
        return unframe(self._fetch(path) or b"", f"{self.name}: {path}")

    def entries_at(self, indices: Iterable[int]) -> Iterator[bytes]:
        """The bytes of several entries."""
        known: dict[int, list[bytes]] = {}
        for index in indices:
            number = index // TILE_WIDTH
            if number not in known:
                known = {number: self.bundle(number)}
            yield known[number][index % TILE_WIDTH]


class _Body(io.RawIOBase):
    """The body of an answer, read as a file."""

    def __init__(self, answer: httpx.Response) -> None:
        self._parts = answer.iter_bytes()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        size = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _canonical(given: dict[str, Any]) -> tuple[int, bytes]:
    """The index and the canonical bytes of an entry as the board lists it."""
    index = given.pop("index")
    return int(index), msgspec.json.encode(given, order="sorted")


def _text(value: Any) -> str:
    """An option of a table, as a query writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return decimal_text(Decimal(repr(value))) if isinstance(value, float) else str(value)


def _asked(file: Path, settings: Settings) -> list[tuple[str, Any]]:
    flags = [(name, "yes") for name in ("create", "accept_valid") if getattr(settings, name)]
    texts = [
        (name, value) for name in ("kind", "correct", "fold", "private", "sheet") if (value := getattr(settings, name))
    ]
    pairs = [(name, f"{field}={value}") for name, held in (("map", settings.mapping), ("set", settings.constants))
             for field, value in held.items()]  # fmt: skip
    return [("name", file.name), *texts, *flags, *pairs, *(("dates", one) for one in settings.dates)]


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_CHUNK):
            yield part


def _report(file: Path, told: Mapping[str, Any]) -> Report:
    """The report that the board gives, as an import here would give it."""
    plain = pa.schema([(one.name, pa.int64() if one.name == "line" else pa.string()) for one in REFUSED])
    refused = pa.Table.from_pylist(told["refused"], plain)
    return Report(
        file, told["kind"], told["rows"], told["added"], told["skipped"], told["corrected"], told["refused_rows"],
        refused.cast(REFUSED), told["created"], tuple(told["ignored"]), told["size_before"], told["size_after"], float(told["seconds"]),
        told["late_clock"],
    )  # fmt: skip
