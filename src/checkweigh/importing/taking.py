"""Ready rows into the ledger: new ones added, known ones skipped, changed ones corrected or refused."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec
from ..bulk import Rows
from ..errors import BadRows
from ..ledger import Batch
from .mapping import Plan
from .report import compact
from .settings import Settings
from .shifts import PROBLEMS, Ready

NOT_CONTENT = frozenset({"recorded", "by", "salt", "replaces", "note"})
CHANGED = "is entry {index} with other content ({field}: {old}, now {new}); pass --correct REASON to replace it"
TWICE = "stands in this file twice, with other content ({field}: {old}, now {new})"


@dataclass
class Taker:
    """Takes the rows of one file into a batch, and counts."""

    batch: Batch
    settings: Settings
    plan: Plan
    begun: int
    """The index at which this import began: what stands there or later comes from this very file."""
    created: dict[str, int]
    added: int = 0
    skipped: int = 0
    corrected: int = 0
    problems: list[pa.Table] = field(default_factory=list)
    quotas: set[str] = field(default_factory=set)

    def take(self, ready: Ready) -> None:
        """Add what is new of these shifts."""
        if len(ready.problems):
            self.problems.append(compact(ready.problems))
        table, records = ready.table, ready.records
        table, records, kept = self._once(table, records) if ready.named else (table, records, None)
        quotas = ready.quotas if ready.quotas is None or kept is None else ready.quotas.take(pa.array(kept))
        if not len(table):
            return
        rows = self.batch.rows("shift", table)
        if len(rows.candidates[0]):
            self._add_beside(table, records, self.batch.standing("shift", rows.column("id")), quotas)
        else:
            self.added += self._add(rows, records, quotas)

    def _once(self, table: pa.Table, records: Any) -> tuple[pa.Table, Any, Any]:
        """The first row of each id; later ones are skipped when they say the same, refused when they do not."""
        coded = table["id"].combine_chunks().dictionary_encode()
        if len(coded.dictionary) == len(table):
            return table, records, None
        places = arrays.numpy_of(coded.indices)
        _, first = np.unique(places, return_index=True)
        later = _without(len(table), first)
        same = self._same(
            table.take(pa.array(later)), table.take(pa.array(first[places[later]])), TWICE, records[later]
        )
        self.skipped += int(same.sum())
        kept = np.sort(first)
        return table.take(pa.array(kept)), records[kept], kept

    def _add_beside(self, table: pa.Table, records: Any, standing: Any, quotas: pa.Table | None) -> None:
        """Add rows of which some have an id that the ledger holds."""
        known = np.flatnonzero(arrays.numpy_of(standing.is_valid()))
        fresh = _without(len(table), known)
        indices = arrays.numpy_of(standing.take(pa.array(known)))
        before = codec.decode_table("shift", self.batch.growth.texts(indices))
        mine = table.take(pa.array(known))
        changed = first_difference(mine, before)
        self.skipped += int((changed.field < 0).sum())
        replacing = np.flatnonzero(changed.field >= 0)
        if self.settings.correct is None:
            self._refuse(changed, replacing, CHANGED, records[known], indices)
            replacing = replacing[:0]
        in_file = replacing[indices[replacing] >= self.begun]
        self._refuse(changed, in_file, TWICE, records[known], indices)
        replacing = replacing[indices[replacing] < self.begun]
        self.added += self._add(
            self.batch.rows("shift", table.take(pa.array(fresh))), records[fresh], _some(quotas, fresh)
        )
        changed_rows = mine.take(pa.array(replacing))
        quotas = _some(quotas, known[replacing])
        self.corrected += self._replace(changed_rows, records[known][replacing], indices[replacing], quotas)

    def _replace(self, table: pa.Table, records: Any, indices: Any, quotas: pa.Table | None) -> int:
        if not len(table):
            return 0
        table = table.drop_columns(["note"]) if "note" in table.column_names else table
        table = table.append_column("replaces", pa.array(indices, pa.int64()))
        notes = pa.array([self.settings.correct] * len(table), pa.string())
        return self._add(self.batch.rows("shift", table.append_column("note", notes)), records, quotas)

    def _add(self, rows: Rows, records: Any, quotas: pa.Table | None) -> int:
        """Add rows and the quotas that they state; those that the ledger refuses become problems. Returns how many were added."""
        while len(rows.table):
            if new := self._new(quotas):
                rows.promised["quota"] = bounds.flat(new["id"])
            try:
                prepared = self.batch.prepared(rows)
            except BadRows as refused:
                self._say(records, refused)
                left = _without(len(records), [row for row, *_ in refused.problems])
                rows = self.batch.rows("shift", rows.table.take(pa.array(left)))
                records, quotas = records[left], _some(quotas, left)
                continue
            if new:
                self._add_quotas(new)
            return len(self.batch.add_prepared(prepared))
        return 0

    def _say(self, records: Any, refused: BadRows) -> None:
        rows, named, values, reasons = zip(*refused.problems, strict=True)
        names = [self.plan.source_of(name) for name in named]
        texts = pa.array([None if value is None else str(value) for value in values], pa.string())
        columns = [pa.array(records[list(rows)], pa.int64()), pa.array(names), texts, pa.array(reasons)]
        self.problems.append(compact(pa.table(columns, schema=PROBLEMS)))

    def _new(self, quotas: pa.Table | None) -> pa.Table | None:
        """Those of the quotas that rows state which the ledger does not hold, each once; None where there are none."""
        if quotas is None or quotas["id"].null_count == len(quotas):
            return None
        ids = quotas["id"].to_pylist()
        first = {name: row for row, name in reversed(list(enumerate(ids))) if name and name not in self.quotas}
        new = quotas.take(pa.array(sorted(first.values()), pa.int64()))
        if len(new):
            held = self.batch.standing("quota", new["id"].combine_chunks()).is_valid()
            self.quotas |= set(new["id"].filter(held).to_pylist())
            new = new.filter(pc.invert(held))
        return new if len(new) else None

    def _add_quotas(self, new: pa.Table) -> None:
        """Add quotas, and remember that the ledger holds them."""
        self.quotas |= set(new["id"].to_pylist())
        self.batch.add_table("quota", new)
        self.created["quota"] = self.created.get("quota", 0) + len(new)

    def _same(self, mine: pa.Table, other: pa.Table, reason: str, records: Any) -> Any:
        """Per row whether two tables say the same; where they do not, that is a problem."""
        changed = first_difference(mine, other)
        self._refuse(changed, np.flatnonzero(changed.field >= 0), reason, records, np.zeros(len(records), np.int64))
        return changed.field < 0

    def _refuse(self, changed: "Difference", rows: Any, reason: str, records: Any, indices: Any) -> None:
        found = []
        for row in rows.tolist():
            name, old, new = changed.told(row)
            said = reason.format(index=indices[row], field=name, old=old, new=new)
            found.append(
                {"record": int(records[row]), "field": "id", "value": changed.mine["id"][row].as_py(), "reason": said}
            )
        if found:
            self.problems.append(compact(pa.Table.from_pylist(found, PROBLEMS)))


def _some(quotas: pa.Table | None, rows: Any) -> pa.Table | None:
    """What some rows state, where rows state any quotas at all."""
    return None if quotas is None else quotas.take(pa.array(rows, pa.int64()))


def _without(rows: int, some: Any) -> Any:
    """The numbers of so many rows, but for some."""
    left = np.ones(rows, np.bool_)
    left[some] = False
    return np.flatnonzero(left)


@dataclass(frozen=True)
class Difference:
    """Where two tables of shifts differ: per row the number of the first field that is not the same, -1 where all are."""

    mine: pa.Table
    other: pa.Table
    names: list[str]
    field: Any

    def told(self, row: int) -> tuple[str, str, str]:
        """The field, what the other says, and what mine says."""
        name = self.names[self.field[row]]
        said = []
        for table in (self.other, self.mine):
            column = bounds.flat(table[name].slice(row, 1)) if name in table.column_names else pa.nulls(1, pa.string())
            said.append(bounds.texts_of(column.type, column)[0].as_py() or "nothing")
        return name, said[0], said[1]


def first_difference(mine: pa.Table, other: pa.Table, kind: str = "shift") -> Difference:
    """Compare two tables of a kind row by row; a column that is missing says nothing."""
    names = [name for name in codec.schema(kind).names if name not in NOT_CONTENT]
    found = np.full(len(mine), -1, np.int64)
    for number, name in enumerate(names):
        here = [name in table.column_names and table[name].null_count < len(table) for table in (mine, other)]
        if any(here):
            columns = [
                bounds.flat(table[name]) if is_here else pa.nulls(len(mine), codec.schema(kind).field(name).type)
                for table, is_here in zip((mine, other), here, strict=True)
            ]
            found = np.where((found < 0) & _differs(*columns), number, found)
    return Difference(mine, other, names, found)


def _differs(mine: Any, other: Any) -> Any:
    if pa.types.is_nested(mine.type):
        return np.asarray([a != b for a, b in zip(mine.to_pylist(), other.to_pylist(), strict=True)], dtype=np.bool_)
    unequal = arrays.filled(pc.not_equal(mine, other), False)
    return arrays.numpy_of(pc.or_(unequal, pc.xor(mine.is_null(), other.is_null())))
