"""What the ledger holds by now, asked by the checks of a batch: who exists, since when, what stands, and what has been judged.

Answers are remembered until an entry is added that could change them. A check that fails says why, in words that end with the next step.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa

from . import arrays
from .entries import Entry, identity, kind_of, references, value
from .errors import AlreadyRecorded, BadEntry, UnknownReference
from .kinds import Objection, Shift
from .names import VERSIONED, Names
from .snapshot import Named, named
from .values import moment, time_text


class Holdings:
    """The entries up to now: those of a snapshot and those that a batch has added."""

    def __init__(self, names: Names, entry: Callable[[int], bytes], recorded: datetime) -> None:
        self.names = names
        self.recorded = recorded
        """When an entry that is checked now is recorded."""
        self._entry = entry
        self._known: set[tuple[str, str]] = set()
        self._days: dict[tuple[str, str], date] = {}
        self._last_day: dict[str, date] = {}
        """Party -> a day by which every worker or every crew that is remembered was known."""
        self._zones: dict[str, ZoneInfo] = {}
        self._since: dict[tuple[str, str, str], int] = {}

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

    def check(self, index: int, entry: Entry) -> None:
        """Raises Refused unless the entry, which would get this index, fits what the ledger holds."""
        self._check_identity(index, entry)
        missing = [found for found in references(entry) if not self.exists(found.kind, found.id)]
        if missing:
            raise UnknownReference("; ".join(unknown(kind_of(entry), *found) for found in missing))
        if isinstance(entry, Objection) and entry.entry >= index:
            raise UnknownReference(f"objection: entry {entry.entry} is not in the ledger, which holds {index}")
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
            return arrays.texts([])
        standing = self.names.standing_of_all(kind, arrays.texts(asked))
        for row, found in standing.items():
            if valid := [entry for _, entry in found if not entry.void]:
                self._remember(kind, asked[row], valid)
        return arrays.texts([name for name in asked if (kind, name) not in self._known])

    def _remember(self, kind: str, name: str, standing: list[Named]) -> None:
        """Keep what the checks of later entries will ask about a name that exists."""
        self._known.add((kind, name))
        if kind == "site":
            self._zones[name] = ZoneInfo(standing[0].timezone or "UTC")
        elif kind in VERSIONED:
            day = min(date.fromisoformat(entry.from_ or "9999-12-31") for entry in standing)
            self._days[kind, name] = day
            self._last_day[kind] = max(day, self._last_day.get(kind, day))

    def _check_identity(self, index: int, entry: Entry) -> None:
        names = identity(entry)
        if names is None:
            return self._check_nameless(index, entry)
        kind, name, *rest = names
        standing = {
            found.from_ if kind in VERSIONED else None: number for number, found in self.names.standing(kind, name)
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

    def _check_nameless(self, index: int, entry: Entry) -> None:
        kind, replaces = kind_of(entry), entry.replaces
        if replaces is not None and (problem := self.nameless_problem(kind, replaces, index)) is not None:
            raise BadEntry(kind, [("replaces", replaces, problem)])

    def nameless_problem(self, kind: str, replaces: int, size: int) -> str | None:
        """Why an entry without an id cannot be replaced, if so."""
        if replaces >= size or self._named(replaces).kind != kind:
            return f"is not the index of a {kind}"
        if others := self.names.find("replaces", str(replaces)):
            return f"was replaced already, by entry {others[-1]}; replace that one"
        return None

    def _named(self, index: int) -> Named:
        return named(self._entry(index), index)

    @property
    def future(self) -> str:
        """That a shift has not begun yet."""
        return f"lies in the future (it is recorded at {time_text(self.recorded)})"

    def _check_day(self, shift: Shift) -> None:
        started = moment(shift.started)
        if started > self.recorded:
            raise BadEntry("shift", [("started", shift.started, self.future)])
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

    def all_long_known(self, party: str, microseconds: int) -> bool:
        """`long_known` of all workers, or all crews, that exist among those that were asked about so far."""
        return _long_before(self._last_day.get(party, date.min), microseconds)

    def long_known(self, party: str, names: list[str], microseconds: int) -> bool:
        """Whether all of some workers or crews were known two days before a moment (since 1970), whatever the time zone."""
        days = [self._days.get((party, name), date.max) for name in names]
        return not days or _long_before(max(days), microseconds)

    def day_problem(self, party: str, name: str, site: str, started: datetime) -> str | None:
        """Why a worker or crew cannot be credited for work begun at that moment, if it was not known yet on that day at the site.

        Both exist.
        """
        first = self._days[party, name]
        if local_day(started, self._zones[site]) >= first:
            return None
        return f"is known only from {first} on; add {party} {name} with an earlier from"


_EPOCH = date(1970, 1, 1)
_DAY = 86_400 * 10**6


def _long_before(day: date, microseconds: int) -> bool:
    return (day - _EPOCH).days + 2 <= microseconds // _DAY


def unknown(kind: str, field: str, target: str, name: str) -> str:
    """That a reference leads nowhere."""
    return f"{kind}: {field} {name!r} is not a {target} in the ledger; add it first, or correct the name"


def local_day(when: datetime, zone: ZoneInfo) -> date:
    """The date on the calendar of a zone at a moment."""
    try:
        return when.astimezone(zone).date()
    except OverflowError:  # the first or the last day of the calendar
        return when.date()
