"""A batch: entries that join the ledger together or not at all, each checked against what the ledger holds by then.

What can be seen in one entry alone is `entries`' business; a batch asks whether its identity is new or rightly replaced, whether what it
names exists, whether the party was known on the day, and whether the shift lies in the past.
"""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import bulk, codec
from .checkpoint import Checkpoint, Signer, sign_checkpoint, sign_rotation
from .entries import Entry, build, fields, identity, kind_of, references, value
from .errors import AlreadyRecorded, BadEntry, Refused, UnknownReference
from .growth import Growth
from .identities import LONGEST_RUN, Fresh, Identities, Marks, keys, store_run
from .kinds import Objection, Shift
from .names import VERSIONED, Names
from .snapshot import Named, Snapshot, named
from .stores import Meta, Writer
from .values import moment, time_text

SALT_BYTES = 12
BY_LEDGER = ("recorded", "by", "salt")


@dataclass(frozen=True)
class Edge:
    """What comes from outside: who enters (`login:NAME`, `account:NAME` or `token:NAME`), the clock, and chance.

    `recorded` is for demonstration ledgers, whose caller may say when an entry was recorded.
    """

    by: str
    now: datetime
    recorded: datetime | None = None
    random: Callable[[int], bytes] = field(default=os.urandom)


class Batch:
    """Adds entries to the end of the ledger. Refused entries leave no trace, so a caller may go on after a refusal."""

    def __init__(self, writer: Writer, snapshot: Snapshot, edge: Edge, signer: Signer, *, demonstration: bool) -> None:
        self._writer = writer
        self._signer = signer
        self._edge = edge
        self._begun = snapshot.size
        self.growth = Growth(writer, snapshot)
        self._fresh = Fresh(snapshot.size)
        self._identities = Identities(writer)
        self._runs = self._identities.runs
        self.names = Names(self._identities, self._fresh, self.growth.entry)
        self._known: set[tuple[str, str]] = set()
        self._days: dict[tuple[str, str], date] = {}
        self._zones: dict[str, ZoneInfo] = {}
        self._since: dict[tuple[str, str, str], int] = {}
        last = snapshot.recorded
        self.recorded = _recorded(edge, last, demonstration)
        """When the entries of this batch are recorded: one moment for all, never before the last one."""
        self.late_clock = edge.recorded is None and last is not None and edge.now < last
        """Whether the edge's clock is behind the ledger, whose last moment is then used instead."""
        self.id: str | None = None
        """Known once the batch is complete; `Ledger.landed` tells later whether it is in the ledger."""

    @property
    def size(self) -> int:
        """The index that the next entry gets."""
        return self.growth.size

    @cached_property
    def constants(self) -> dict[str, str]:
        """What the ledger states in every entry of the batch."""
        return {"recorded": time_text(self.recorded), "by": self._edge.by}

    def salts(self, count: int) -> pa.Array:
        """So many salts: 12 random bytes each, in base64."""
        letters = base64.b64encode(self._edge.random(SALT_BYTES * count))
        offsets = np.arange(0, 16 * count + 1, 16, dtype=np.int32)
        return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))

    def add_table(self, kind: str, table: pa.Table) -> range:
        """Append a row of `table` each, its columns being fields of the kind without recorded, by and salt; returns their indices.

        The same checks as `add`, set by set. Raises BadRows with every refused row, or BadEntry for columns that are none.
        """
        return bulk.add_table(self, kind, table)

    def find(self, kind: str, name: str) -> list[int]:
        """The indices of all entries of an id, those of this batch included, ascending."""
        return self.names.find(kind, name)

    def standing(self, kind: str, ids: pa.Array) -> pa.Array:
        """The index of the entry that now stands for each id, null where there is none: int64, one per id.

        For workers and crews that of the version with the latest `from`.
        """
        ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        found = np.full(len(ids), -1, dtype=np.int64)
        for row, versions in self.names.standing_of_all(kind, ids).items():
            found[row] = max(versions, key=lambda version: version[1].from_ or "")[0]
        return pa.array(found, mask=found < 0)

    def add(self, kind: str, given: Mapping[str, object]) -> int:
        """Append one entry; the ledger adds recorded, by and salt. Returns its index. Raises Refused, and then nothing was added."""
        if kind == "key":
            raise BadEntry(kind, [("kind", kind, "is made by rotating the signing key, not added by hand")])
        return self.add_built(kind, given)

    def add_built(self, kind: str, given: Mapping[str, object]) -> int:
        """`add` for every kind, rotations too."""
        if taken := [name for name in BY_LEDGER if name in given]:
            raise BadEntry(kind, [(name, None, "is set by the ledger; leave it out") for name in taken])
        salt = {"salt": self.salts(1)[0].as_py()} if "salt" in fields_of(kind) else {}
        entry = build(kind, {**given, **self.constants, **salt})
        self.check(entry)
        return self._append(entry)

    def _append(self, entry: Entry) -> int:
        index = self.growth.add(codec.encode(entry))
        self._spill(range(index, index + 1))
        for key in keys(entry):
            self._fresh.add(*key, index)
            self.forget(*key)
        return index

    def _spill(self, indices: range) -> None:
        """Keep the keys in memory bounded: those before `indices` are stored when these no longer fit into one run."""
        if indices.stop - self._fresh.start > LONGEST_RUN:
            self._store_keys(indices.start)

    def _store_keys(self, stop: int) -> None:
        start = self._fresh.start
        self._runs = store_run(self._writer, self._runs, start, stop, self._fresh.take(stop))
        self._identities.runs = self._runs

    def note_keys(self, hashes: Marks, of: npt.NDArray[np.int64], indices: range) -> None:
        """Note the hashes of keys of the entries `of`, which are among those just added in bulk at `indices`."""
        self._spill(indices)
        self._fresh.add_all(hashes, of)

    def forget(self, kind: str, name: str | None = None) -> None:
        """Drop what was remembered of a name, or of all names of a kind, since an entry was added about it."""
        if name is None:
            self._known = {key for key in self._known if key[0] != kind}
            self._days = {key: day for key, day in self._days.items() if key[0] != kind}
        else:
            self._known.discard((kind, name))
            self._days.pop((kind, name), None)
        if kind in ("worker", "crew", "site"):
            self._since = {}

    def check(self, entry: Entry) -> None:
        """Raises Refused unless the entry fits what the ledger holds."""
        self._check_identity(entry)
        missing = [found for found in references(entry) if not self.exists(found.kind, found.id)]
        if missing:
            raise UnknownReference("; ".join(unknown(kind_of(entry), *found) for found in missing))
        if isinstance(entry, Objection) and entry.entry >= self.size:
            raise UnknownReference(f"objection: entry {entry.entry} is not in the ledger, which holds {self.size}")
        if isinstance(entry, Shift) and not entry.void:
            self._check_day(entry)

    def exists(self, kind: str, name: str) -> bool:
        """Whether an entry stands for an id."""
        if (kind, name) not in self._known:
            valid = [entry for _, entry in self.names.standing(kind, name) if not entry.void]
            if not valid:
                return False
            self._remember(kind, name, valid)
        return True

    def unknown_among(self, kind: str, names: pa.Array) -> pa.Array:
        """Those of some distinct names for which no entry stands."""
        asked = [name for name in names.to_pylist() if (kind, name) not in self._known]
        if not asked:
            return pa.array([], pa.string())
        standing = self.names.standing_of_all(kind, pa.array(asked, pa.string()))
        for row, found in standing.items():
            if valid := [entry for _, entry in found if not entry.void]:
                self._remember(kind, asked[row], valid)
        return pa.array([name for name in asked if (kind, name) not in self._known], pa.string())

    def _remember(self, kind: str, name: str, standing: list[Named]) -> None:
        """Keep what the checks of later entries will ask about a name that exists."""
        self._known.add((kind, name))
        if kind == "site":
            self._zones[name] = ZoneInfo(standing[0].timezone or "UTC")
        elif kind in VERSIONED:
            self._days[kind, name] = min(date.fromisoformat(entry.from_ or "9999-12-31") for entry in standing)

    def _check_identity(self, entry: Entry) -> None:
        names = identity(entry)
        if names is None:
            return self._check_nameless(entry)
        kind, name, *rest = names
        standing = {
            found.from_ if kind in VERSIONED else None: index for index, found in self.names.standing(kind, name)
        }
        before = standing.get(rest[0] if rest else None)
        if (problem := self.replacement_problem(entry.replaces, before)) is not None:
            raise BadEntry(kind, [("replaces", entry.replaces, problem)])
        if before is not None and entry.replaces is None:
            raise AlreadyRecorded(kind, " from ".join([name, *rest]), before)
        if kind == "shift" and before is not None and (problem := self.judged_problem(name)) is not None:
            raise BadEntry(kind, [("replaces", entry.replaces, problem)])
        return None

    def replacement_problem(self, replaces: int | None, standing: int | None) -> str | None:
        """Why an entry cannot replace what it says it does, if so."""
        if replaces is None or replaces == standing:
            return None
        if standing is None:
            return "there is no entry of this identity to replace; leave replaces out"
        return f"the entry now standing for this identity is {standing}; replace that one"

    def judged_problem(self, shift: str) -> str | None:
        """Why a shift cannot be replaced, if it has been judged."""
        verdict = self.names.ruling(shift)
        if verdict is None or verdict[1].ruling == "withdrawn":
            return None
        return f"shift {shift} is under verdict (entry {verdict[0]}); judge it again instead, or withdraw the verdict first"

    def _check_nameless(self, entry: Entry) -> None:
        kind, replaces = kind_of(entry), entry.replaces
        if replaces is not None and (problem := self.nameless_problem(kind, replaces)) is not None:
            raise BadEntry(kind, [("replaces", replaces, problem)])

    def nameless_problem(self, kind: str, replaces: int) -> str | None:
        """Why an entry without an id cannot be replaced, if so."""
        if replaces >= self.size or self.named(replaces).kind != kind:
            return f"is not the index of a {kind}"
        if others := self.names.find("replaces", str(replaces)):
            return f"was replaced already, by entry {others[-1]}; replace that one"
        return None

    def named(self, index: int) -> Named:
        """Who the entry at an index is."""
        return named(self.growth.entry(index), index)

    def _check_day(self, shift: Shift) -> None:
        started = moment(shift.started)
        if started > self.recorded:
            raise BadEntry("shift", [("started", shift.started, future(self.constants["recorded"]))])
        party = "worker" if shift.worker is not None else "crew"
        name = str(value(shift, party))
        if (problem := self.day_problem(party, name, shift.site, started)) is not None:
            raise BadEntry("shift", [(party, name, problem)])

    def surely_known(self, party: str, name: str, site: str, microseconds: int) -> bool:
        """Whether a party was known at a site at a moment (microseconds since 1970); quick where it was asked before.

        True too where party or site do not exist at all, since that is another problem.
        """
        known = self._since.get((party, name, site))
        if known is None:
            if not (self.exists(party, name) and self.exists("site", site)):
                return True
            midnight = datetime.combine(self._days[party, name], time.min, self._zones[site])
            # Where midnight comes twice or never, the hours around it are left to `day_problem`.
            known = self._since[party, name, site] = (int(midnight.timestamp()) + 7200) * 10**6
        return microseconds >= known

    def day_problem(self, party: str, name: str, site: str, started: datetime) -> str | None:
        """Why a worker or crew cannot be credited for work begun at that moment, if it was not known yet on that day at the site.

        Both exist.
        """
        first = self._days[party, name]
        if local_day(started, self._zones[site]) >= first:
            return None
        return f"is known only from {first} on; add {party} {name} with an earlier from"

    def rotate(self, successor: Signer) -> None:
        """Hand over to a new signing key, which signs this batch's checkpoint already."""
        signature = sign_rotation(self._signer.name, successor.verifier, self._signer)
        self.add_built("key", {"verifier": str(successor.verifier), "signature": signature})
        self._signer = successor

    def finish(self) -> None:
        """Write everything that is still in memory, and the checkpoint."""
        root = self.growth.finish()
        if self.size > self._fresh.start:
            self._store_keys(self.size)
        checkpoint = sign_checkpoint(Checkpoint(self._signer.name, self.size, root), self._signer)
        self._writer.put("batches", [(self.size, self._begun.to_bytes(8) + root)])
        self._writer.put("meta", [(Meta.CHECKPOINT, checkpoint.encode())])
        self._writer.put("meta", [(Meta.RECORDED, self.constants["recorded"].encode())])
        self.id = batch_id(self.size, root)

    @property
    def grown(self) -> bool:
        """Whether the batch has added anything."""
        return self.size > self._begun


def _recorded(edge: Edge, last: datetime | None, demonstration: bool) -> datetime:
    if edge.recorded is None:
        return max(edge.now, last) if last else edge.now
    if not demonstration:
        raise Refused("only a demonstration ledger lets the caller say when an entry was recorded; leave recorded out")
    if last is not None and edge.recorded < last:
        raise Refused(f"recorded {time_text(edge.recorded)} lies before the last entry, recorded {time_text(last)}")
    return edge.recorded


def batch_id(size: int, root: bytes) -> str:
    """The name of the batch that brought the ledger to a size with a root."""
    return f"{size}-{root.hex()}"


def unknown(kind: str, field: str, target: str, name: str) -> str:
    """That a reference leads nowhere."""
    return f"{kind}: {field} {name!r} is not a {target} in the ledger; add it first, or correct the name"


def future(recorded: str) -> str:
    """That a shift has not begun yet."""
    return f"lies in the future (it is recorded at {recorded})"


def local_day(when: datetime, zone: ZoneInfo) -> date:
    """The date on the calendar of a zone at a moment."""
    try:
        return when.astimezone(zone).date()
    except OverflowError:  # the first or the last day of the calendar
        return when.date()


def fields_of(kind: str) -> Mapping[str, object]:
    """The fields of a kind, none where there is no such kind."""
    try:
        return fields(kind)
    except KeyError:
        return {}
