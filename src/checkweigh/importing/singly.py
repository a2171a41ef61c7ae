"""Kinds that come by the dozen, row by row: each row is what `checkweigh add` would be given, and is added as such."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, codec, entries, fields
from ..errors import AlreadyRecorded, BadEntry, Refused
from ..kinds import KINDS, Conditions
from ..ledger import Batch, Edge, Ledger
from ..people import People
from ..values import decimal_of
from . import cells, dates
from .dates import Formats
from .drafts import NOT_A_DATE
from .mapping import Plan, targets_of_workers
from .report import compact
from .settings import Settings
from .shifts import OTHER_SITE, PROBLEMS
from .taking import NOT_CONTENT

_CONDITIONS = frozenset(one.name for one in msgspec.structs.fields(Conditions))
_LISTS = ("texts", "helpers")


@dataclass
class Single:
    """Takes rows of one kind into a batch, one by one, and counts."""

    batch: Batch
    edge: Edge
    settings: Settings
    plan: Plan
    people: People | None
    formats: Mapping[str, Formats]
    ledger: Ledger
    added: int = 0
    skipped: int = 0
    corrected: int = 0
    problems: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = self.batch.size
        self.kind = self.settings.kind
        self._found: dict[tuple[str, str], Any] = {}
        self._nameless = self._held() if not KINDS[self.kind].id_fields else Counter[bytes]()

    def take(self, chunk: pa.Table, first: int) -> None:
        """Add what is new of these rows."""
        columns = {name: self._texts(chunk, name, first) for name in (*self.plan.columns, *self.plan.constants)}
        for row in range(len(chunk)):
            written = {name: column[row] for name, column in columns.items() if column[row] is not None}
            unread = [name for name, text in written.items() if text is _UNREAD]
            if not unread:
                self._row(first + row, written)

    def _texts(self, chunk: pa.Table, name: str, first: int) -> list[Any]:
        """The clean texts of a field; dates as ISO 8601 has them."""
        constant = self.plan.constants.get(name)
        if name not in self.plan.columns:
            texts = cells.constant(str(constant), len(chunk))
        else:
            texts = cells.clean(chunk[str(self.plan.columns[name])].combine_chunks())
            texts = texts if constant is None else cells.filled(texts, constant)
        if name in entries.fields(self.kind) and entries.column_of(self.kind, name) in ("time", "day"):
            return self._dates(name, texts, first)
        listed: list[Any] = texts.to_pylist()
        return listed

    def _dates(self, name: str, texts: Any, first: int) -> list[Any]:
        moments = dates.read(texts, self.formats[name])
        stamps = pa.array(moments.at, mask=~moments.valid).cast(pa.timestamp("us"))
        written: list[Any] = stamps.cast(pa.string()).to_pylist()
        for row in np.flatnonzero(moments.valid).tolist():
            written[row] = written[row][:10] if moments.day_only[row] else written[row] + "Z" * bool(moments.aware[row])
        for row in np.flatnonzero(arrays.numpy_of(texts.is_valid()) & ~moments.valid).tolist():
            self._say(first + row, [(name, texts[row].as_py(), NOT_A_DATE)])
            written[row] = _UNREAD
        return written

    def _row(self, record: int, written: dict[str, str]) -> None:
        try:
            given = fields.read(self.kind, self._arguments(written), self._lookup, self.settings.fold)
            self._check_site(given)
            self._add(record, given if self.people is None else self._private(given))
        except BadEntry as refused:
            self._say(record, refused.problems)
        except Refused as refused:
            self._say(record, [("", None, str(refused))])

    def _check_site(self, given: Mapping[str, Any]) -> None:
        only, site = self.settings.only_site, given.get("site")
        if only is not None and site is not None and site != only:
            raise BadEntry(self.kind, [("site", site, OTHER_SITE.format(only))])

    def _arguments(self, written: dict[str, str]) -> list[str]:
        """The row as it would be written at the command line."""
        unit = written.pop("unit", None) if self.kind in ("quota", "count") else None
        found = []
        for name, text in written.items():
            if self.kind == "rule" and name in _CONDITIONS:
                found.append(f"conditions.{name}={text}")
            elif name == "quantity" and unit and decimal_of(text) is not None:
                found.append(f"{name}={text} {unit}")
            elif entries.column_of(self.kind, name) in _LISTS and not text.startswith("["):
                found.append(f"{name}={text.replace(';', ',').rstrip(',')}")
            else:
                found.append(f"{name}={text}")
        return found

    def _lookup(self, kind: str, name: str) -> Any:
        """The entry that stands for an id; those that an import asks for again and again are remembered."""
        if (kind, name) not in self._found:
            standing = self.batch.names.standing(kind, name)
            if not standing:
                return None
            self._found[kind, name] = codec.decode(self.batch.growth.entry(standing[-1][0]))
        return self._found[kind, name]

    def _add(self, record: int, given: dict[str, Any]) -> None:
        content = self._content(given)
        if self._nameless.get(content, 0):
            self._nameless[content] -= 1
            self.skipped += 1
            return
        try:
            self.batch.add(self.kind, given)
            self.added += 1
        except AlreadyRecorded as held:
            self._again(record, given, content, held.index)

    def _again(self, record: int, given: dict[str, Any], content: bytes, index: int) -> None:
        """A row whose identity the ledger holds."""
        before = self._content_of(self.batch.growth.entry(index))
        if before == content:
            self.skipped += 1
        elif self.settings.correct is not None and index < self.begun:
            self.batch.add(self.kind, {**given, "replaces": index, "note": self.settings.correct})
            self._found.pop((self.kind, given["id"]), None)
            self.corrected += 1
        else:
            where = f"is entry {index}" if index < self.begun else "stands in this file twice"
            hint = "; pass --correct REASON to replace it" if index < self.begun else ""
            self._say(record, [("id", given["id"], f"{where} with other content{hint}")])

    def _content(self, given: Mapping[str, Any]) -> bytes:
        """What a row says, but for what does not make it another row."""
        own = {"salt": "A" * 16} if "salt" in entries.fields(self.kind) else {}
        return self._content_of(codec.encode(entries.build(self.kind, {**given, **self.batch.constants, **own})))

    def _content_of(self, entry: bytes) -> bytes:
        said = msgspec.json.decode(entry)
        return msgspec.json.encode({name: said[name] for name in sorted(said) if name not in NOT_CONTENT})

    def _held(self) -> "Counter[bytes]":
        """The contents of all entries of the kind, for kinds without an id: the same row again is the same content again."""
        marker = f'"kind":"{self.kind}"'
        held: Counter[bytes] = Counter()
        for _, texts in self.ledger.bundles(0, self.begun):
            for text in texts.filter(pc.match_substring(texts, marker)).to_pylist():
                held[self._content_of(text.encode())] += 1
        return held

    def _private(self, given: dict[str, Any]) -> dict[str, Any]:
        """The row with random ids for its workers."""
        assert self.people is not None
        for name in targets_of_workers(self.kind):
            if name not in given:
                continue
            if self.kind == "worker":
                return self._private_worker(given)
            if isinstance(given[name], str):
                given[name] = self._worker(name, given[name])
            elif name == "helpers":
                given[name] = [{**helper, "worker": self._worker(name, helper["worker"])} for helper in given[name]]
            else:
                given[name] = [self._worker(name, number) for number in given[name]]
        return given

    def _worker(self, name: str, number: str) -> str:
        assert self.people is not None
        found = self.people.by_payroll([number])
        if number not in found:
            raise BadEntry(self.kind, [(name, number, "is not the payroll number of anyone known to this ledger")])
        return found[number]

    def _private_worker(self, given: dict[str, Any]) -> dict[str, Any]:
        assert self.people is not None
        number, name = given["id"], given.pop("name", None)
        worker = self.people.by_payroll([number]).get(number)
        person = self.people.enrol(number, name, self.edge.random) if worker is None else self.people.find(worker)
        assert person is not None
        return {**given, "id": person.worker, "profile": person.profile}

    def _say(self, record: int, problems: list[tuple[str, Any, str]]) -> None:
        rows = [
            {"record": record, "field": name, "value": None if value is None else str(value), "reason": reason}
            for name, value, reason in problems
        ]
        self.problems.append(compact(pa.Table.from_pylist(rows, PROBLEMS)))


_UNREAD = object()
