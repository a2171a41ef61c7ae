"""Consequences: what a ruling would change, before it is given.

    found = of(tables, verdict)        a verdict as the canonical bytes of an entry that the ledger does not hold

Every derivation is a pure function of the tables, so the verdict need not be in the ledger: it is put behind the verdicts that are
there, the tables are derived with and without it, and what differs is told. Nothing is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import ibis
import pyarrow as pa

from . import asking, changes, codec, columns, entries
from .derived import DERIVED
from .derived.attainment import derive as attainment
from .errors import Refused
from .kinds import Verdict
from .tables import Tables, collect

Row = dict[str, Any]
CONSTANT = frozenset({"entry", "first_entry", "id", "verdict"})
"""Columns of a shift's figures that no ruling is about."""
NO_SALT = "A" * 16


@dataclass(frozen=True)
class Figure:
    """One figure of the shift, as it is and as it would be."""

    name: str
    before: Any
    now: Any


@dataclass(frozen=True)
class Mark:
    """One mark of the record book that changes. `effect` is one of

    falls        the shift loses the mark
    sets         the shift sets it, which it does not now
    alters       the shift keeps it, with another value
    stands       it was beaten, or no mark at all, and stands
    counts       it was none, and is one, beaten since by another
    beaten       it stands, and would be beaten
    lapses       another shift's mark that is none any more
    """

    effect: str
    row: Row
    value_before: Any = None


@dataclass(frozen=True)
class Honour:
    """One honour that changes: its status before and after, None where it is not there."""

    row: Row
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Standing:
    """Where the shift's party stands in the month of the shift, and how many others change places."""

    month: Any
    before: Row | None
    now: Row | None
    others: int


@dataclass(frozen=True)
class Consequences:
    """Everything that a ruling on a shift would change."""

    shift: str
    figures: list[Figure]
    marks: list[Mark]
    honours: list[Honour]
    standing: Standing | None

    @property
    def nothing(self) -> bool:
        """Whether no figure, mark, honour or standing would change."""
        unchanged = self.standing is None or (self.standing.before == self.standing.now and not self.standing.others)
        return unchanged and not (self.figures or self.marks or self.honours)


def proposed(given: dict[str, Any], recorded: str, by: str) -> bytes:
    """A verdict as it would stand in the ledger, but for its salt. Raises BadEntry for figures that do not go together."""
    return codec.encode(entries.build("verdict", {**given, "recorded": recorded, "by": by, "salt": NO_SALT}))


def with_verdict(tables: Tables, verdict: bytes) -> Tables:
    """The tables as if a verdict were the next entry."""
    rows = columns.decode(tables.size, pa.array([verdict.decode()]), {})["verdict"]
    added = tables.given(rows.append_column("first_entry", rows["entry"]), tables.verdict.schema())
    return replace(tables, size=tables.size + 1, verdict=tables.verdict.union(added), _held={})


def of(tables: Tables, verdict: bytes) -> Consequences:
    """What a verdict would change. Raises Refused where the tables do not know its shift."""
    ruled = codec.decode(verdict)
    assert isinstance(ruled, Verdict)
    states = (tables, with_verdict(tables, verdict))
    before, now = (_figures(state, ruled.shift) for state in states)
    if before is None or now is None:
        raise Refused(f"there is no shift {ruled.shift!r} at size {tables.size}; choose a later size")
    changed = [
        Figure(name, before[name], now[name]) for name in now if name not in CONSTANT and before[name] != now[name]
    ]
    marks = list(_marks(states, ruled.shift))
    return Consequences(ruled.shift, changed, marks, list(_honours(states)), _standing(states, before))


def _figures(tables: Tables, shift: str) -> Row | None:
    table = attainment(tables)
    found = collect(table.filter(table.id == shift)).to_pylist()
    return found[0] if found else None


def _changes(states: tuple[Tables, Tables], name: str) -> list[Row]:
    with asking.answer(states, DERIVED[name], {}) as changed:
        rows: list[Row] = changed.read_all().to_pylist()
    return rows


def _marks(states: tuple[Tables, Tables], shift: str) -> Iterator[Mark]:
    """The marks that come, go or change hands; one of which only the status of its shift changes is not told."""
    for row in _changes(states, "records"):
        effect = _effect(row, row["shift"] == shift)
        if effect is not None:
            yield Mark(effect, row, row["value_before"])


def _effect(row: Row, own: bool) -> str | None:
    stands, stood = row["beaten_by"] is None, row["beaten_by_before"] is None
    if row[changes.DIFFERENCE] == "removed":
        return "falls" if own else "lapses"
    if row[changes.DIFFERENCE] == "added":
        return "sets" if own else "stands" if stands else "counts"
    if own and row["value"] != row["value_before"]:
        return "alters"
    return None if stands == stood else "stands" if stands else "beaten"


def _honours(states: tuple[Tables, Tables]) -> Iterator[Honour]:
    for row in _changes(states, "honours"):
        before, now = row["status_before"], None if row[changes.DIFFERENCE] == "removed" else row["status"]
        if before != now:
            yield Honour(row, before, now)


def _standing(states: tuple[Tables, Tables], shift: Row) -> Standing | None:
    """The standings of the month of a shift, by its day on the site's clock."""
    month = shift["day"].replace(day=1)
    scope, party = ("crew", shift["crew"]) if shift["crew"] is not None else ("worker", shift["worker"])
    before, now = (_ranks(state, scope, month) for state in states)
    if party not in before and party not in now:
        return None
    places = [{name: row["rank"] for name, row in ranks.items()} for ranks in (before, now)]
    moved = {name for name in {*before, *now} if name != party and places[0].get(name) != places[1].get(name)}
    return Standing(month, before.get(party), now.get(party), len(moved))


def _ranks(tables: Tables, scope: str, month: Any) -> dict[str, Row]:
    table = DERIVED["standings"].derive(tables, period="month", scope=scope)
    found = collect(table.filter(table["from"] == ibis.literal(month)))
    return {row["party"]: row for row in found.select(["party", "rank", "attainment", "shifts"]).to_pylist()}
