"""Drafts with what the ledger knows: moments in UTC, quantities in the job's unit, quotas of their own, ids; ready to
be added.

Nothing here looks at the ledger itself: what is needed of it stands in `Known`, so that a chunk can be made ready
while the one before it is being hashed.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec
from . import amounts, dates
from .cells import Problem
from .dates import DAY
from .drafts import Draft
from .naming import Namer
from .settings import Settings

PROBLEMS = pa.schema([("record", pa.int64()), ("field", pa.string()), ("value", pa.string()), ("reason", pa.string())])
OTHER_SITE = "is not your site; you enter for {} only"
_PARTIES = ("worker", "crew")
_TAKEN = (
    "precision", "hours", "headcount", "helpers", "labour_hours", "claimed_attainment", "practice", "evidence", "note", "cites",
)  # fmt: skip
_QUOTA_FIELDS = ("worker", "crew", "job", "from", "until", "quantity", "per", "hours", "basis")


@dataclass
class Known:
    """What has been asked of the ledger so far. Filled chunk by chunk, before the chunk is made ready."""

    zones: dict[str, str] = field(default_factory=dict)
    """Site -> its time zone."""
    units: dict[str, str] = field(default_factory=dict)
    """Job -> its unit."""
    parties: dict[str, set[str]] = field(default_factory=lambda: {"worker": set(), "crew": set()})
    """Workers and crews that exist, by the id they have in the ledger."""
    people: dict[str, str] = field(default_factory=dict)
    """Payroll number -> the worker's random id."""


@dataclass(frozen=True)
class Ready:
    """Shifts that nothing but the ledger can refuse any more, with the quotas that they name."""

    table: pa.Table
    records: Any
    """The record that each row is."""
    quotas: pa.Table | None
    problems: pa.Table
    named: bool
    """Whether the file names its shifts itself, so that an id may stand in it twice."""
    done: int


def ready(draft: Draft, known: Known, namer: Namer, settings: Settings) -> Ready:
    """The rows of a draft that are shifts, and the problems of the others."""
    columns: dict[str, Any] = {}
    for name in _PARTIES:
        if name in draft.coded:
            columns[name] = _identified(draft, name, known, settings)
    columns |= {"job": draft.columns["job"], "site": draft.columns["site"]}
    _say_unknown(draft, "job", known.units, settings)
    _say_unknown(draft, "site", known.zones, settings)
    _say_other_sites(draft, settings)
    zones, zone_of = _zones(draft, known)
    for name, moments in draft.moments.items():
        at, problems = dates.to_utc(moments, zones, zone_of, settings.fold)
        for reason, rows in problems.items():
            draft.say(np.flatnonzero(rows), name, draft.texts(draft.plan.source_of(name)), reason)
        columns[name] = arrays.numbers(at, None if moments.valid.all() else moments.valid).cast(pa.timestamp("us"))
    columns["quantity"] = _quantity(draft, "quantity", known)
    columns |= {name: draft.columns[name] for name in _TAKEN if name in draft.columns}
    if settings.private and "helpers" in columns:
        columns["helpers"] = _private_helpers(draft, columns["helpers"], known)
    quotas = _quotas(draft, columns, known, (zones, zone_of), namer)
    columns["id"] = _ids(draft, columns, namer)
    return _parted(draft, pa.table(columns), quotas)


def _identified(draft: Draft, name: str, known: Known, settings: Settings) -> Any:
    """Workers or crews by the ids that they have in the ledger; a payroll number that is nobody's becomes a problem."""
    coded = draft.coded[name]
    if name == "worker" and settings.private:
        ids = pa.array([known.people.get(number) for number in coded.dictionary.to_pylist()], pa.string())
        unknown = arrays.numpy_of(coded.indices.is_valid()) & ~arrays.numpy_of(ids.take(coded.indices).is_valid())
        reason = "is not the payroll number of anyone known to this ledger; correct it, or pass --create"
        draft.say(np.flatnonzero(unknown), name, draft.columns[name], reason)
        return ids.take(coded.indices)
    _say_unknown(draft, name, known.parties[name], settings)
    return draft.columns[name]


def _say_unknown(draft: Draft, name: str, known: Any, settings: Settings) -> None:
    coded = draft.coded[name]
    missing = [place for place, one in enumerate(coded.dictionary.to_pylist()) if one not in known]
    if missing:
        places = arrays.numpy_of(arrays.filled(coded.indices, -1))
        reason = f"is not a {name} in the ledger; correct it, add it first, or pass --create"
        unknown = np.isin(places, missing)
        # What would have been created for a row that is refused anyway is not missed as well.
        unknown &= ~draft.refused() if settings.create else True
        draft.say(np.flatnonzero(unknown), name, draft.columns[name], reason)


def _say_other_sites(draft: Draft, settings: Settings) -> None:
    """Rows of a site for which whoever imports may not enter."""
    if settings.only_site is None:
        return
    coded = draft.coded["site"]
    others = [place for place, one in enumerate(coded.dictionary.to_pylist()) if one != settings.only_site]
    rows = np.isin(arrays.numpy_of(arrays.filled(coded.indices, -1)), others)
    draft.say(np.flatnonzero(rows), "site", draft.columns["site"], OTHER_SITE.format(settings.only_site))


def _zones(draft: Draft, known: Known) -> tuple[list[str], Any]:
    """The time zones of the sites, and per row which of them is its own (-1: not known)."""
    coded = draft.coded["site"]
    named = [known.zones.get(site) for site in coded.dictionary.to_pylist()]
    zones = sorted({zone for zone in named if zone})
    numbers = np.asarray([*(zones.index(zone) if zone else -1 for zone in named), -1])
    return zones, numbers[arrays.numpy_of(arrays.filled(coded.indices, len(named)))]


def _quantity(draft: Draft, name: str, known: Known) -> Any:
    found, problems = amounts.in_unit_of_jobs(
        name,
        draft.columns[name],
        draft.columns.get("unit", draft.plan.constants.get("unit")),
        draft.coded["job"],
        known.units,
    )
    draft.problems += problems
    return found


def _private_helpers(draft: Draft, helpers: Any, known: Known) -> Any:
    """The helpers by their random ids."""
    flat = pc.list_flatten(helpers)
    numbers = pc.struct_field(flat, "worker")
    ids = pa.array([known.people.get(number) for number in numbers.to_pylist()], pa.string())
    rows = arrays.numpy_of(pc.list_parent_indices(helpers))
    unknown = np.unique(rows[~arrays.numpy_of(ids.is_valid())])
    reason = "names a payroll number that is nobody's known to this ledger; correct it, or pass --create"
    draft.say(unknown, "helpers", draft.texts("helpers"), reason)
    parts = [ids, pc.struct_field(flat, "hours"), pc.struct_field(flat, "role")]
    values = pa.StructArray.from_arrays(parts, fields=list(codec.HELPER))
    lengths = np.concatenate([[0], np.cumsum(arrays.numpy_of(arrays.filled(pc.list_value_length(helpers), 0)))])
    mask = helpers.is_null() if helpers.null_count else None
    return pa.ListArray.from_arrays(pa.array(lengths, pa.int32()), values, mask=mask)


def _quotas(
    draft: Draft, columns: dict[str, Any], known: Known, zoned: tuple[list[str], Any], namer: Namer
) -> pa.Table | None:
    """The quota that each row states, in the order of the rows, and its id in the row; None when the file states none."""
    if "quota_id" in draft.columns:
        columns["quota"] = draft.columns["quota_id"]
    if "quota" not in draft.columns or not len(draft):
        return None
    stated = draft.columns["quota"].is_valid()
    quota = {name: columns.get(name, pa.nulls(len(draft), pa.string())) for name in ("worker", "crew", "job")}
    quota["from"], quota["until"] = _days_of(draft, columns, zoned)
    quota["quantity"] = _quantity(draft, "quota", known)
    own = pc.if_else(quota["worker"].is_valid(), "worker", "crew")
    quota["per"] = pc.coalesce(draft.columns["quota_per"], own) if "quota_per" in draft.columns else own
    quota["hours"] = draft.columns.get("quota_hours", pa.nulls(len(draft), codec.schema("quota").field("hours").type))
    quota["basis"] = draft.columns.get("quota_basis", pa.nulls(len(draft), pa.string()))
    table = pa.table({name: quota[name] for name in _QUOTA_FIELDS})
    ids = pc.if_else(stated, namer.quotas(table), pa.scalar(None, pa.string()))
    columns["quota"] = ids if "quota_id" not in draft.columns else pc.coalesce(columns["quota"], ids)
    return table.append_column("id", ids)


def _days_of(draft: Draft, columns: dict[str, Any], zoned: tuple[list[str], Any]) -> tuple[Any, Any]:
    """The local day on which each shift started, and the day after it or, of a period, after its last."""
    first = _local_days(draft, columns, "started", zoned)
    after = first + 1
    if "ended" in draft.moments and "period" in draft.plan:
        after = _local_days(draft, columns, "ended", zoned)
    mask = None if draft.moments["started"].valid.all() else ~draft.moments["started"].valid
    return tuple(pa.array(days.astype(np.int32), pa.int32(), mask=mask).cast(pa.date32()) for days in (first, after))


def _local_days(draft: Draft, columns: dict[str, Any], name: str, zoned: tuple[list[str], Any]) -> Any:
    moments = draft.moments[name]
    if not moments.aware.any():
        return moments.at // DAY
    at = arrays.numpy_of(arrays.filled(columns[name].cast(pa.int64()), 0))
    return dates.local_days(at, *zoned)


def _ids(draft: Draft, columns: dict[str, Any], namer: Namer) -> Any:
    """The ids that the file states, and for rows that state none the ids that they are given."""
    stated = draft.columns.get("id")
    if stated is not None and not stated.null_count:
        return stated
    key = {
        name: columns.get(name, pa.nulls(len(draft), pa.string()))
        for name in ("worker", "crew", "job", "site", "started")
    }
    given = namer.shifts(pa.table(key))
    return given if stated is None else pc.coalesce(stated, given)


def _parted(draft: Draft, table: pa.Table, quotas: pa.Table | None) -> Ready:
    """Good rows and problems apart."""
    found = [_said(draft, problem) for problem in draft.problems]
    refused = draft.refused()
    for judged in _judged(table, quotas):
        # Of a row that could not even be read, only that is said: what is missing then is missing for that reason.
        judged = judged.filter(pa.array(~refused[arrays.numpy_of(judged["row"])]))
        names = pa.array([draft.plan.source_of(name) for name in judged["field"].to_pylist()], pa.string())
        records = pc.add(judged["row"], draft.first)
        found.append(pa.table([records, names, judged["value"], judged["reason"]], schema=PROBLEMS))
    for part in found[len(draft.problems) :]:
        refused[arrays.numpy_of(part["record"]) - draft.first] = True
    good = np.flatnonzero(~refused)
    if refused.any():
        table = table.take(pa.array(good))
        quotas = None if quotas is None else quotas.take(pa.array(good))
    problems = pa.concat_tables(found) if found else arrays.empty(PROBLEMS)
    return Ready(table, good + draft.first, quotas, problems, "id" in draft.plan, draft.done)


def _judged(table: pa.Table, quotas: pa.Table | None) -> list[pa.Table]:
    """What is out of bounds in shifts that state a quota, so that none is made for a bad shift, and in those quotas.

    Of the other shifts only those are judged here that lack what a name is made of; the rest are when they are added.
    """
    ids = table["id"].combine_chunks()
    rows = np.arange(len(table)) if quotas is not None else np.flatnonzero(arrays.numpy_of(ids.is_null()))
    found = []
    if len(rows):
        problems = bounds.problems("shift", table.take(pa.array(rows)))
        # An id that is out of bounds is said by its value; one that could not be made, by what it lacks.
        made = pc.or_(pc.not_equal(problems["field"], "id"), problems["value"].is_valid())
        found.append(_at_rows(problems.filter(made), rows))
    if quotas is not None:
        stated = np.flatnonzero(arrays.numpy_of(quotas["id"].combine_chunks().is_valid()))
        of_quotas = _at_rows(bounds.problems("quota", quotas.take(pa.array(stated))), stated)
        fields = pa.array([_QUOTA_NAMES.get(name, name) for name in of_quotas["field"].to_pylist()], pa.string())
        found.append(of_quotas.set_column(1, "field", fields))
    return [part for part in found if len(part)]


def _at_rows(problems: pa.Table, rows: Any) -> pa.Table:
    """Problems of some rows, by the numbers that these have among all."""
    return problems.set_column(0, "row", pa.array(rows[arrays.numpy_of(problems["row"])], pa.int64()))


_QUOTA_NAMES = {"quantity": "quota", "hours": "quota_hours", "per": "quota_per", "basis": "quota_basis"}


def _said(draft: Draft, problem: Problem) -> pa.Table:
    rows = len(problem.rows)
    values = problem.values if isinstance(problem.values, pa.Array) else pa.array([problem.values] * rows, pa.string())
    fields, reasons = pa.array([problem.field] * rows, pa.string()), pa.array([problem.reason] * rows, pa.string())
    return pa.table([pa.array(problem.rows + draft.first, pa.int64()), fields, values, reasons], schema=PROBLEMS)
