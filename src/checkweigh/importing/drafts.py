"""Rows of a chunk on their way to become shifts, as far as the file alone can say: texts cleaned, numbers exact,
dates read.

What depends on the ledger (the site's time zone, the job's unit, the ids of private workers) comes afterwards, in
`shifts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec
from . import cells, dates
from .cells import Problem
from .dates import DAY, Formats, Moments
from .mapping import Plan
from .settings import Settings

CODED = ("site", "job", "worker", "crew")
_TEXTS = ("id", "quota_id", "practice", "precision", "evidence", "note", "quota_per", "quota_basis")
_EXACT = {
    "hours": ("shift", "hours"), "labour_hours": ("shift", "labour_hours"), "headcount": ("shift", "headcount"),
    "claimed_attainment": ("shift", "claimed_attainment"), "quota_hours": ("quota", "hours"),
}  # fmt: skip
NOT_A_DATE = "is not a date or time; write it as 1935-08-31 or 1935-08-31T06:00, or state its format with --dates"
NOT_A_PERIOD = "is not a period; write it as 1935-08-31, 1935-08, 1935-W35 or 1935"


@dataclass
class Draft:
    """A chunk. Every column has one value per row; the numbers of the records begin at `first`."""

    chunk: pa.Table
    first: int
    plan: Plan
    coded: dict[str, Any] = field(default_factory=dict)
    """site, job, worker and crew, as dictionary arrays of clean ids."""
    columns: dict[str, Any] = field(default_factory=dict)
    """Columns of their own types, ids as texts; quantity and quota are still texts too."""
    moments: dict[str, Moments] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    done: int = 0

    def __len__(self) -> int:
        return len(self.chunk)

    def texts(self, name: str) -> Any:
        """The clean texts of a field; None when nothing states it."""
        constant = self.plan.constants.get(name)
        if name in self.plan.columns:
            texts = cells.clean(bounds.flat(self.chunk[str(self.plan.columns[name])]))
            return texts if constant is None else cells.filled(texts, constant)
        return None if constant is None else cells.constant(constant, len(self))

    def say(self, rows: Any, name: str, texts: Any, reason: str) -> None:
        """These rows have a problem; the values are what the file says."""
        if len(rows):
            values = None if texts is None else texts.take(pa.array(rows))
            self.problems.append(Problem(rows, name, values, reason))

    def refused(self) -> Any:
        """Per row, whether it has a problem by now."""
        mask = np.zeros(len(self), np.bool_)
        for problem in self.problems:
            mask[problem.rows] = True
        return mask


def drafted(chunk: pa.Table, first: int, plan: Plan, settings: Settings, formats: Mapping[str, Formats]) -> Draft:
    """A chunk whose cells have been read. Raises Refused when the order of its dates is in doubt."""
    draft = Draft(chunk, first, plan)
    for name in CODED:
        if (texts := draft.texts(name)) is not None:
            draft.coded[name], draft.columns[name] = texts.dictionary_encode(), texts
    for name in (*_TEXTS, "quantity", "quota", *(["unit"] if "unit" in plan.columns else [])):
        if (texts := draft.texts(name)) is not None:
            draft.columns[name] = texts
    for name, (kind, like) in _EXACT.items():
        if (texts := draft.texts(name)) is not None:
            draft.columns[name], problems = cells.exact(kind, like, texts)
            draft.problems += [Problem(one.rows, name, one.values, one.reason) for one in problems]
    _read_lists(draft)
    if "period" in plan:
        _read_periods(draft, formats["period"])
    for name in ("started", "ended"):
        if (texts := draft.texts(name)) is not None:
            texts = _completed(texts, draft.columns["precision"]) if "precision" in draft.columns else texts
            draft.moments[name] = moments = dates.read(texts, formats[name])
            unread = arrays.numpy_of(texts.is_valid()) & ~moments.valid
            draft.say(np.flatnonzero(unread), name, texts, NOT_A_DATE)
    return draft


def _completed(texts: Any, precision: Any) -> Any:
    """`1935-08` and `1935` as the first day of the month or year, where the row says that no more is known."""
    month = pc.and_(pc.match_substring_regex(texts, "^[0-9]{4}-[0-9]{2}$"), precision.is_valid())
    year = pc.and_(pc.match_substring_regex(texts, "^[0-9]{4}$"), pc.equal(precision, "year"))
    texts = pc.if_else(arrays.filled(month, False), pc.binary_join_element_wise(texts, "01", "-"), texts)
    return pc.if_else(arrays.filled(year, False), pc.binary_join_element_wise(texts, "01-01", "-"), texts)


def _read_lists(draft: Draft) -> None:
    if (texts := draft.texts("helpers")) is not None:
        draft.columns["helpers"], problems = cells.helpers("helpers", texts)
        draft.problems += problems
    if (texts := draft.texts("cites")) is not None:
        rows = np.flatnonzero(arrays.numpy_of(texts.is_valid()))
        listed = codec.schema("shift").field("cites").type
        draft.columns["cites"], problems = cells.one_by_one("cites", texts, rows, cells.listed, listed)
        draft.problems += problems


def _read_periods(draft: Draft, formats: Formats) -> None:
    """Started and ended from periods: few distinct ones, however many rows."""
    texts = draft.texts("period")
    coded = texts.dictionary_encode()
    as_dates = dates.read(coded.dictionary, formats)
    starts: list[int] = []
    stops: list[int] = []
    known: list[bool] = []
    for place, text in enumerate(coded.dictionary.to_pylist()):
        days = dates.period(text)
        if days is None and as_dates.valid[place] and as_dates.day_only[place]:
            day = int(as_dates.at[place] // DAY)
            starts, stops, known = [*starts, day], [*stops, day + 1], [*known, True]
        else:
            first, after = ((one - dates.EPOCH.date()).days for one in days) if days else (0, 0)
            starts, stops, known = [*starts, first], [*stops, after], [*known, days is not None]
    places = arrays.numpy_of(arrays.filled(coded.indices, len(starts)))
    valid = np.asarray([*known, False])[places]
    for name, listed in (("started", starts), ("ended", stops)):
        at = np.asarray([*listed, 0], dtype=np.int64)[places] * DAY
        draft.moments[name] = Moments(at, valid, np.zeros(len(draft), np.bool_), np.ones(len(draft), np.bool_))
    draft.say(np.flatnonzero(~valid & arrays.numpy_of(texts.is_valid())), "period", texts, NOT_A_PERIOD)


def earliest_day(texts: Any, formats: Formats, *, periods: bool) -> int | None:
    """The first local day (since 1970) that a column of dates, or of periods, speaks of; None when it speaks of none."""
    distinct = cells.clean(texts).dictionary_encode().dictionary.drop_null()
    moments = dates.read(distinct, formats)
    # A moment with an offset is on that day or on the one before, wherever the site is.
    days = (moments.at // DAY - moments.aware)[moments.valid].tolist()
    if periods:
        rest = distinct.filter(pa.array(~moments.valid)).to_pylist()
        days += [(found[0] - dates.EPOCH.date()).days for found in map(dates.period, rest) if found]
    return min(days, default=None)


def is_id(text: str) -> bool:
    """Whether a text can be the id of something."""
    return bounds.judged("job", "id", text) is None
