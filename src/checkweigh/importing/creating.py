"""Sites, jobs, workers and crews that a file names and the ledger does not hold: created from what the file and the constants say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, codec, fields
from ..errors import BadRows, Refused
from ..ledger import Batch, Edge
from ..people import People
from . import cells
from .drafts import CODED, Draft, is_id
from .settings import Settings
from .shifts import Known

Texts = Mapping[str, str | None]


@dataclass
class Founder:
    """Asks the ledger for what drafts name, and with `--create` adds what is missing."""

    batch: Batch
    edge: Edge
    settings: Settings
    known: Known
    people: People | None
    earliest: Callable[[], date | None]
    """The first day that the file speaks of."""
    created: dict[str, int]

    def resolve(self, draft: Draft) -> None:
        """Make known what the ledger holds of what a draft names; and create the rest, for rows without a problem so far."""
        if self.people is not None:
            self._people(draft)
        for kind in CODED:
            for name in self._asked(draft, kind):
                self._learn(kind, name)
        if self.settings.create:
            self._create(draft)

    def _asked(self, draft: Draft, kind: str) -> list[str]:
        """The ids of a draft that the ledger holds and that have not been asked for yet."""
        if kind not in draft.coded:
            return []
        held = self._held(kind)
        named = draft.coded[kind].dictionary.to_pylist()
        if kind == "worker" and self.people is not None:
            named = [self.known.people[number] for number in named if number in self.known.people]
        asked = arrays.texts([name for name in named if name not in held])
        if not len(asked):
            return []
        held_already: list[str] = asked.filter(self.batch.standing(kind, asked).is_valid()).to_pylist()
        return held_already

    def _held(self, kind: str) -> Any:
        known = self.known
        return {"site": known.zones, "job": known.units}.get(kind) if kind in ("site", "job") else known.parties[kind]

    def _learn(self, kind: str, name: str) -> None:
        if kind in ("worker", "crew"):
            self.known.parties[kind].add(name)
            return
        index = self.batch.names.standing(kind, name)[0][0]
        entry: Any = codec.decode(self.batch.growth.entry(index))
        held, fact = (self.known.zones, entry.timezone) if kind == "site" else (self.known.units, entry.unit)
        held[name] = fact

    def _people(self, draft: Draft) -> None:
        """Payroll numbers that have a worker already."""
        assert self.people is not None
        numbers = set(draft.coded["worker"].dictionary.to_pylist()) if "worker" in draft.coded else set()
        numbers |= set(_helpers_of(draft))
        self.known.people |= self.people.by_payroll(number for number in numbers if number not in self.known.people)

    def _create(self, draft: Draft) -> None:
        problems: list[str] = []
        good = np.flatnonzero(~draft.refused())
        for kind in CODED:
            if kind not in draft.coded:
                continue
            new = self._missing(draft, kind, good)
            told = self._told(kind, new, draft)
            problems += _lacking(kind, told)
            if not problems:
                self._add(kind, told)
        if problems:
            raise Refused("; ".join(problems))
        self._helpers(draft)

    def _missing(self, draft: Draft, kind: str, good: Any) -> list[tuple[str, int]]:
        """(id, first good row) of everything of a kind that the ledger does not hold."""
        coded = draft.coded[kind]
        held = self.known.people if kind == "worker" and self.people is not None else self._held(kind)
        wanted = {place for place, name in enumerate(coded.dictionary.to_pylist()) if name not in held and is_id(name)}
        if not wanted:
            return []
        places, first = np.unique(arrays.numpy_of(arrays.filled(coded.indices, -1))[good], return_index=True)
        named = sorted((int(good[at]), int(place)) for place, at in zip(places, first, strict=True) if place in wanted)
        return [(coded.dictionary[place].as_py(), row) for row, place in named]

    def _told(self, kind: str, new: list[tuple[str, int]], draft: Draft) -> list[dict[str, Any]]:
        """What entries of a kind are made of, each from its first row; None for what nothing states, "" for what need not be."""
        if not new:
            return []
        ids, rows = [name for name, _ in new], [row for _, row in new]
        told: dict[str, list[str | None]] = {"id": list(ids)}
        for field, (sources, otherwise) in _MADE_FROM[kind].items():
            columns = [_cells(draft, source, rows) for source in sources]
            told[field] = [next(filter(None, texts), otherwise) for texts in zip(*columns, strict=True)]
        if kind != "worker":
            told["name"] = [text or name for text, name in zip(told["name"], ids, strict=True)]
        if kind in ("worker", "crew"):
            told["from"] = [self._from()] * len(new)
        if kind == "crew":
            counted = _headcounts(draft, set(ids))
            told["headcount"] = [
                counted.get(name, text and _usable(text)) for name, text in zip(ids, told["headcount"], strict=True)
            ]
        return [dict(zip(told, values, strict=True)) for values in zip(*told.values(), strict=True)]

    def _from(self) -> str | None:
        """From when on a new party is known: as stated, or from the first day that the file speaks of."""
        stated = self.settings.constants.get("from")
        if stated:
            return stated
        day = self.earliest()
        return None if day is None else day.isoformat()

    def _add(self, kind: str, told: list[dict[str, Any]]) -> None:
        if not told:
            return
        if kind == "worker" and self.people is not None:
            told = [self._enrolled(fields) for fields in told]
        plain = [{name: text for name, text in fields.items() if text != ""} for fields in told]
        self._add_all(kind, plain)
        for given in plain:
            self._remember(kind, given)
        self.created[kind] = self.created.get(kind, 0) + len(plain)

    def _add_all(self, kind: str, plain: list[dict[str, Any]]) -> None:
        schema = codec.schema(kind)
        names = [name for name in schema.names if any(name in given for given in plain)]
        columns = {name: pa.array([given.get(name) for given in plain], pa.string()) for name in names}
        try:
            table = pa.table({name: column.cast(schema.field(name).type) for name, column in columns.items()})
            self.batch.add_table(kind, table)
        except pa.ArrowInvalid as error:
            raise Refused(f"a {kind} cannot be created: {error}") from None
        except BadRows as refused:
            row, name, value, reason = refused.problems[0]
            raise Refused(f"{kind} {plain[row]['id']} cannot be created: {name} {value!r} {reason}") from None

    def _remember(self, kind: str, given: dict[str, str]) -> None:
        if kind == "site":
            self.known.zones[given["id"]] = given["timezone"]
        elif kind == "job":
            self.known.units[given["id"]] = given["unit"]
        else:
            self.known.parties[kind].add(given["id"])

    def _enrolled(self, told: dict[str, Any]) -> dict[str, Any]:
        """A worker whose number and name stay out of the log."""
        assert self.people is not None
        person = self.people.enrol(told["id"], told["name"] or None, self.edge.random)
        self.known.people[person.payroll] = person.worker
        return {"id": person.worker, "site": told["site"], "from": told["from"], "profile": person.profile}

    def _helpers(self, draft: Draft) -> None:
        """Workers who are named as helpers only."""
        held = self.known.people if self.people is not None else self.known.parties["worker"]
        first: dict[str, int] = {}
        for number, row in _helpers_of(draft).items():
            if number not in held and is_id(number):
                first[number] = row
        asked = pa.array(list(first), pa.string())
        if self.people is None and len(asked):
            held_already = set(asked.filter(self.batch.standing("worker", asked).is_valid()).to_pylist())
            self.known.parties["worker"] |= held_already
            first = {name: row for name, row in first.items() if name not in held_already}
        # The name in the row is that of the worker who is credited.
        told = [{**one, "name": ""} for one in self._told("worker", list(first.items()), draft)]
        if problems := _lacking("worker", told):
            raise Refused("; ".join(problems))
        self._add("worker", told)


_MADE_FROM: dict[str, dict[str, tuple[tuple[str, ...], str | None]]] = {
    "site": {"name": (("site_name",), ""), "industry": (("industry",), None), "timezone": (("timezone",), None)},
    "job": {
        "name": (("job_name",), ""), "industry": (("job_industry", "industry"), None), "unit": (("unit",), None),
        "better": (("better",), "higher"), "capacity": (("capacity",), ""),
    },
    "worker": {"site": (("site",), None), "name": (("worker_name",), "")},
    "crew": {"name": (("crew_name",), ""), "headcount": (("crew_headcount", "headcount"), None)},
}  # fmt: skip
"""Kind -> field -> what of the file it is made from, the first that says anything; and what it is otherwise."""


def _cells(draft: Draft, name: str, rows: list[int]) -> list[str | None]:
    """What some rows say of a field, its constant where they say nothing."""
    constant = draft.plan.constants.get(name)
    if name not in draft.plan.columns:
        return [constant] * len(rows)
    column = draft.chunk[str(draft.plan.columns[name])].take(pa.array(rows)).combine_chunks()
    return [text or constant for text in cells.clean(column).to_pylist()]


def _headcounts(draft: Draft, crews: set[str]) -> dict[str, str]:
    """How many new crews are: the first usable number that a row of theirs states as crew_headcount, else as headcount."""
    found: dict[str, str] = {}
    for name in ("crew_headcount", "headcount"):
        if name not in draft.plan.columns:
            continue
        coded = draft.coded["crew"]
        wanted = [
            place for place, crew in enumerate(coded.dictionary.to_pylist()) if crew in crews and crew not in found
        ]
        rows = np.flatnonzero(np.isin(arrays.numpy_of(arrays.filled(coded.indices, -1)), wanted))
        texts = cells.clean(draft.chunk[str(draft.plan.columns[name])].take(pa.array(rows)).combine_chunks())
        for crew, text in zip(draft.columns["crew"].take(pa.array(rows)).to_pylist(), texts.to_pylist(), strict=True):
            if crew not in found and text and (number := _usable(text)):
                found[crew] = number
    return found


@lru_cache(10_000)
def _usable(text: str) -> str | None:
    """A headcount, None when the text is none: some files write 0 or a dash where nobody counted."""
    try:
        number = cells.bounded("crew", "headcount", fields.decimal(text))
    except fields.Unreadable:
        return None
    return None if number == "0" else number


def _helpers_of(draft: Draft) -> dict[str, int]:
    """Worker -> the first row that names them as a helper, among rows without a problem so far."""
    column = draft.columns.get("helpers")
    if column is None or column.null_count == len(column):
        return {}
    coded = pc.struct_field(pc.list_flatten(column), "worker").dictionary_encode()
    rows = arrays.numpy_of(pc.list_parent_indices(column))
    good = np.flatnonzero(~draft.refused()[rows])
    places, first = np.unique(arrays.numpy_of(coded.indices)[good], return_index=True)
    names = coded.dictionary.take(pa.array(places)).to_pylist()
    return dict(zip(names, rows[good[first]].tolist(), strict=True))


def _lacking(kind: str, told: list[dict[str, Any]]) -> list[str]:
    """That some of what would be created lacks fields that nothing states."""
    lacking = sorted({name for fields in told for name, text in fields.items() if text is None})
    if not lacking:
        return []
    names = [str(fields["id"]) for fields in told if None in fields.values()]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    options = [_OPTIONS.get((kind, name), name) for name in lacking]
    passed = " ".join(f"--set {option}=..." for option in options)
    return [
        f"{kind} {listed} cannot be created without {', '.join(lacking)}: pass {passed}, or --map the columns that state it"
    ]


_OPTIONS = {("crew", "headcount"): "crew_headcount"}
FIRST_DAY = date(1970, 1, 1)


def day_of(number: int) -> date:
    """The date that is so many days after the first of 1970."""
    return FIRST_DAY + timedelta(days=number)
