"""Which column of a file is which field.

A column whose header is the name of a field is that field, whatever its case; `--map field=column` says it of any
other, and `--set field=value` states what holds for every row that does not say. Beside its own fields a kind has a
few that entries are made from:

    shift   period       the day, month, week or year in which the work was done, instead of started and ended:
                         1935-08-31, 1935-08, 1935-W35 or 1935
            quota        the quantity that was required: makes a quota entry; quota_per, quota_hours, quota_basis belong to it
            quota_id     the id of a quota that the ledger holds
            unit         what the quantity is counted in; converted exactly to the job's unit (quota and count have it too)
            site_name, industry, timezone, job_name, job_industry, better, capacity, worker_name, crew_name, crew_headcount, from
                         what --create makes missing sites, jobs, workers and crews of
    rule    the keys of its conditions, such as measure and at_least
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from .. import entries
from ..errors import Refused
from ..kinds import KINDS, Conditions
from .settings import Settings
from .sheets import Sheet

CONSTANTS_ONLY = frozenset({"from"})
"""Of shifts: a column of this name is more likely the hour at which they began."""
SET_HERE = frozenset({"recorded", "by", "salt", "replaces", "void"})
FOR_SHIFTS = (
    "period", "quota_id", "quota_per", "quota_hours", "quota_basis", "unit", "site_name", "industry", "timezone", "job_name",
    "job_industry", "better", "capacity", "worker_name", "crew_name", "crew_headcount", "from",
)  # fmt: skip
_ALTERNATIVES = {"shift": ({"started", "period"}, {"worker", "crew"})}


@dataclass(frozen=True)
class Plan:
    """Where each field comes from."""

    columns: Mapping[str, int]
    """Field -> position of its column."""
    headers: Mapping[str, str]
    """Field -> header of its column."""
    constants: Mapping[str, str]
    ignored: tuple[str, ...]
    """Headers of columns that are no field."""

    def __contains__(self, field: str) -> bool:
        return field in self.columns or field in self.constants

    def source_of(self, field: str) -> str:
        """The field of the file that a field of an entry comes from."""
        return "period" if field in ("started", "ended") and "period" in self else field

    @property
    def positions(self) -> list[int]:
        """The columns that are read, each once."""
        return sorted(set(self.columns.values()))


def known_fields(kind: str) -> list[str]:
    """The fields that a file of a kind may state."""
    own = [name for name in entries.fields(kind) if name not in SET_HERE]
    if kind == "shift":
        return [*own, *FOR_SHIFTS]
    if kind == "rule":
        return [
            *(name for name in own if name != "conditions"),
            *(one.name for one in msgspec.structs.fields(Conditions)),
        ]
    return [*own, "unit"] if kind in ("quota", "count") else own


def mapped(sheet: Sheet, settings: Settings) -> Plan:
    """The columns of a file as fields. Raises Refused naming every field and column that does not fit."""
    known = known_fields(settings.kind)
    problems = [
        f"{option} {name}: not a field of {settings.kind}{_meant(name, known)}; it has {', '.join(known)}"
        for option, given in (("--map", settings.mapping), ("--set", settings.constants))
        for name in given
        if name not in known
    ]
    named = {header.casefold(): header for header in reversed(sheet.header)}
    fixed = CONSTANTS_ONLY if settings.kind == "shift" else frozenset[str]()
    problems += [
        f"--map {name}=...: can only be set, with --set {name}=..." for name in fixed & settings.mapping.keys()
    ]
    headers = {name: named[name] for name in known if name in named and name not in {*settings.mapping, *fixed}}
    for name, column in settings.mapping.items():
        if column.strip():
            header = column.strip() if column.strip() in sheet.header else named.get(column.strip().casefold())
            if header is None:
                problems.append(f"--map {name}={column}: no such column{_meant(column, sheet.header)}")
            headers[name] = header or ""
    constants = {name: value.strip() for name, value in settings.constants.items() if value.strip()}
    problems += _missing(settings.kind, {*headers, *constants})
    if problems:
        columns = ", ".join(filter(None, sheet.header))
        raise Refused(f"{sheet.path}: " + "; ".join(problems) + f". The file has the columns: {columns}")
    positions = {name: sheet.header.index(header) for name, header in headers.items()}
    ignored = tuple(header for header in sheet.header if header and header not in headers.values())
    return Plan(positions, headers, constants, ignored)


def _missing(kind: str, given: set[str]) -> list[str]:
    """What every row needs and no column or constant states."""
    needed: list[set[str]] = [{name} for name in entries.required(kind) if name not in SET_HERE]
    if kind == "shift":
        needed = [names for names in needed if not names & {"id", "started"}]
    if kind == "rule":
        needed = [names for names in needed if names != {"conditions"}]
    missing = [names for names in [*needed, *_ALTERNATIVES.get(kind, ())] if not names & given]
    if not missing:
        return []
    told = ", ".join(sorted(" or ".join(sorted(names, reverse=True)) for names in missing))
    return [f"nothing states {told}: pass --map field=column or --set field=value"]


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word.casefold(), [name.casefold() for name in known], n=1, cutoff=0.6)
    original = {name.casefold(): name for name in known}
    return f" (did you mean {original[close[0]]}?)" if close else ""


def targets_of_workers(kind: str) -> list[str]:
    """The fields of a kind that name workers; of workers themselves their id."""
    if kind == "worker":
        return ["id"]
    return [name for name, target in KINDS[kind].targets.items() if target == "worker"]
