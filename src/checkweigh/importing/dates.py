"""Dates and times of a file, read without guessing.

ISO 8601 is always understood: `1935-08-31`, `1935-08-31 06:00`, `1935-08-31T06:00:00.5`, and with an offset or Z.
Dates that begin with the year can only be year, month, day. Of dates that end with the year, such as 8/31/1935, the
order must be stated (`mdy`, `dmy`), unless the file itself leaves no doubt: of all dates with the same separator,
some can only be read in one order and none only in the other. A stated format such as `%d.%m.%y %H:%M` goes before
everything else. Two-digit years are read by a stated format alone.

Times without an offset are the site's own. At a clock change a local time may not exist or exist twice; then it is a
problem, unless `fold` says which of the two moments is meant. A date alone is the first moment of that day.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays
from ..errors import Refused
from .settings import Fold

DAY = 86_400_000_000  # microseconds
EPOCH = datetime(1970, 1, 1)
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# A separator, a date in three numbers with the year first or last, perhaps a time of day, perhaps an offset.
_SHAPE = (
    r"^\s*(?P<a>[0-9]{1,4})(?P<s>[-/.])(?P<b>[0-9]{1,2})(?P<r>[-/.])(?P<c>[0-9]{1,4})"
    r"(?:(?:T|\s+)(?P<h>[0-9]{1,2}):(?P<m>[0-9]{2})(?::(?P<sec>[0-9]{2})(?:[.,](?P<f>[0-9]{1,6}))?)?\s*(?P<p>[AaPp][Mm])?"
    r"\s*(?P<z>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
_TIME_DIRECTIVES = re.compile(r"%-?[HIMSfXcpsT]")


@dataclass
class Moments:
    """What texts say: microseconds since 1970, in UTC where `aware`, else local; with `day_only` the time of day was not stated."""

    at: Numbers
    valid: Flags
    aware: Flags
    day_only: Flags

    @classmethod
    def none(cls, rows: int) -> "Moments":
        """So many rows, none of them read yet."""
        return cls(np.zeros(rows, np.int64), *(np.zeros(rows, np.bool_) for _ in range(3)))

    def put(self, rows: Any, other: "Moments") -> None:
        """Fill these rows, as far as the other has read them."""
        rows = rows[other.valid]
        self.at[rows], self.valid[rows] = other.at[other.valid], True
        self.aware[rows], self.day_only[rows] = other.aware[other.valid], other.day_only[other.valid]


@dataclass
class Formats:
    """How the dates of one column are written: stated, or decided from the whole column when the first doubtful date is met."""

    column: str
    stated: tuple[str, ...]
    scan: Callable[[], Iterator[pa.Array]]
    """All texts of the column, for deciding."""
    _decided: dict[str, str] | None = field(default=None)

    def orders(self, separator: str) -> list[str]:
        """The orders in which dates with this separator and the year last may be read. Raises Refused when that is in doubt."""
        stated = [order for order in self.stated if order in ("mdy", "dmy")]
        if stated or "ymd" in self.stated:
            return stated
        if self._decided is None:
            self._decided = _decide(self.column, self.scan())
        return [self._decided[separator]] if separator in self._decided else []

    @property
    def directives(self) -> list[str]:
        """The stated formats that are spelt out, such as %d.%m.%Y."""
        return [format for format in self.stated if "%" in format]


def read(texts: Any, formats: Formats) -> Moments:
    """What a column of texts says; rows that are null or cannot be read are not `valid`. Raises Refused when the order is in doubt."""
    if not formats.directives and (found := _all_iso(texts)) is not None:
        return found
    moments = Moments.none(len(texts))
    left = np.flatnonzero(arrays.numpy_of(texts.is_valid()))
    for format in formats.directives:
        moments.put(left, _by_format(texts.take(pa.array(left)), format))
        left = left[~moments.valid[left]]
    distinct = texts.take(pa.array(left)).dictionary_encode()
    parts = _Parts(distinct.dictionary)
    found = parts.year_first()
    for separator in parts.separators():
        rows = np.flatnonzero(parts.year_last & (parts.separator == separator))
        found.put(rows, _agreed(parts, rows, formats.orders(separator)))
    places = arrays.numpy_of(distinct.indices)
    moments.put(left, Moments(found.at[places], found.valid[places], found.aware[places], found.day_only[places]))
    return moments


def _all_iso(texts: Any) -> Moments | None:
    """The quick way, when the whole column is ISO 8601 of one sort."""
    for zone in (None, "UTC"):
        try:
            stamps = texts.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:
            continue
        valid = arrays.numpy_of(texts.is_valid())
        at = arrays.numpy_of(arrays.filled(stamps.cast(pa.int64()), 0))
        lengths = arrays.numpy_of(arrays.filled(pc.binary_length(texts), 0))
        aware = np.full(len(texts), zone is not None)
        return Moments(at, valid & (at >= -62_135_596_800_000_000), aware, lengths == 10)
    return None


def _by_format(texts: Any, format: str) -> Moments:
    with duckdb.connect() as engine:
        engine.register("texts", pa.table({"text": texts}))
        try:
            sql = "SELECT try_strptime(trim(text), $format) AS at FROM texts"
            table: Any = engine.sql(sql, params={"format": format}).to_arrow_table()
        except duckdb.Error as error:
            raise Refused(f"--dates {format} is not a format of dates: {str(error).splitlines()[0]}") from None
    found = table["at"]
    aware = pa.types.is_timestamp(found.type) and found.type.tz is not None
    at = found.combine_chunks().cast(pa.timestamp("us", found.type.tz)).cast(pa.int64())
    rows = len(texts)
    day_only = np.full(rows, not _TIME_DIRECTIVES.search(format))
    return Moments(_filled(at), arrays.numpy_of(at.is_valid()), np.full(rows, aware), day_only)


def _filled(numbers: Any) -> Numbers:
    values: Numbers = arrays.numpy_of(arrays.filled(numbers, 0)).astype(np.int64)
    return values


class _Parts:
    """The numbers that distinct texts are made of."""

    def __init__(self, texts: Any) -> None:
        found = pc.extract_regex(texts, _SHAPE)
        part = {one.name: pc.struct_field(found, [number]) for number, one in enumerate(found.type)}
        self.a, self.b, self.c = (_number(part[name]) for name in "abc")
        self.separator = np.asarray(arrays.filled(part["s"], "").to_pylist(), dtype=object)
        shaped = (self.separator == np.asarray(arrays.filled(part["r"], "").to_pylist(), dtype=object)) & (
            self.separator != ""
        )
        self.long_first = shaped & (_lengths(part["a"]) == 4) & (_lengths(part["c"]) <= 2)
        self.year_last = shaped & (_lengths(part["a"]) <= 2) & (_lengths(part["c"]) == 4)
        self.day_only = _lengths(part["h"]) == 0
        self.zone = np.asarray(arrays.filled(part["z"], "").to_pylist(), dtype=object)
        self.clock, self.clock_valid = _clock(part)

    def separators(self) -> list[str]:
        """The separators of dates that end with the year."""
        return sorted(set(self.separator[self.year_last]))

    def year_first(self) -> Moments:
        """The dates that begin with the year."""
        return self._moments(self.a, self.b, self.c, self.long_first)

    def ordered(self, order: str) -> Moments:
        """The dates that end with the year, read in this order."""
        month, day = (self.a, self.b) if order == "mdy" else (self.b, self.a)
        return self._moments(self.c, month, day, self.year_last)

    def _moments(self, year: Numbers, month: Numbers, day: Numbers, among: Flags) -> Moments:
        days, valid = _days(year, month, day)
        aware = self.zone != ""
        offsets = np.asarray([_offset(text) for text in self.zone], dtype=np.int64)
        at = days * DAY + self.clock - offsets
        return Moments(at, among & valid & self.clock_valid, aware & among, self.day_only)


def _number(texts: Any) -> Numbers:
    return _filled(pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts).cast(pa.int64()))


def _lengths(texts: Any) -> Numbers:
    return _filled(pc.binary_length(texts))


def _clock(part: dict[str, Any]) -> tuple[Numbers, Flags]:
    """Microseconds since midnight, and whether the time of day exists on a clock."""
    hour, minute, second = (_number(part[name]) for name in ("h", "m", "sec"))
    fraction = _number(pc.utf8_rpad(part["f"], 6, "0"))
    half = np.asarray(arrays.filled(part["p"], "").to_pylist(), dtype=object)
    named = half != ""
    afternoon = np.asarray([text[:1] in "pP" and text != "" for text in half], dtype=np.bool_)
    valid = np.where(named, (hour >= 1) & (hour <= 12), hour <= 23) & (minute <= 59) & (second <= 59)
    hour = np.where(named, hour % 12 + 12 * afternoon, hour)
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction, valid


def _offset(text: str) -> int:
    if text in ("", "Z"):
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return minutes * 60_000_000 * (-1 if text[0] == "-" else 1)


def _days(year: Numbers, month: Numbers, day: Numbers) -> tuple[Numbers, Flags]:
    """Days since 1970, and whether the day exists in the calendar."""
    valid = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days = first + day - 1
    return days, valid & (days < following)


def _agreed(parts: _Parts, rows: Any, orders: Sequence[str]) -> Moments:
    """What all orders that can read a date say alike; where two say different things nothing is read."""
    found = Moments.none(len(rows))
    clash = np.zeros(len(rows), np.bool_)
    for order in orders:
        every = parts.ordered(order)
        one = Moments(every.at[rows], every.valid[rows], every.aware[rows], every.day_only[rows])
        clash |= found.valid & one.valid & (found.at != one.at)
        found.put(np.arange(len(rows)), one)
    found.valid &= ~clash
    return found


def _decide(column: str, texts: Iterable[Any]) -> dict[str, str]:
    """Separator -> the one order in which the column can be meant. Raises Refused when there are two."""
    seen: dict[str, dict[str, list[str]]] = {}
    for chunk in texts:
        distinct = chunk.dictionary_encode().dictionary
        parts = _Parts(distinct)
        mdy, dmy = parts.ordered("mdy").valid, parts.ordered("dmy").valid
        for separator in parts.separators():
            here = parts.year_last & (parts.separator == separator)
            votes = seen.setdefault(separator, {"mdy": [], "dmy": [], "either": []})
            for vote, mask in (("mdy", mdy & ~dmy), ("dmy", dmy & ~mdy), ("either", mdy & dmy)):
                votes[vote] += distinct.filter(pa.array(here & mask)).slice(0, 3).to_pylist()
    decided = {separator: _winner(column, votes) for separator, votes in seen.items()}
    return {separator: order for separator, order in decided.items() if order is not None}


def _winner(column: str, votes: dict[str, list[str]]) -> str | None:
    mdy, dmy, either = (votes[vote][:2] for vote in ("mdy", "dmy", "either"))
    if mdy and dmy:
        raise Refused(
            f"column {column!r}: {mdy[0]} can only be month, day, year and {dmy[0]} only day, month, year; "
            "write all dates alike, or as 1935-08-31"
        )
    if mdy or dmy or not either:
        return "mdy" if mdy else "dmy" if dmy else None
    raise Refused(
        f"column {column!r}: {' and '.join(either)} could each be two dates; "
        "pass --dates mdy if the month comes first, --dates dmy if the day does"
    )


# From local time to moments: by the day, not by the row.


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@cache
def _steady_offset(zone: str, day: int) -> int | None:
    """The offset from UTC that holds all day long, in microseconds; None on a day with a clock change, and at the calendar's ends."""
    found = set()
    try:
        for at in (EPOCH + timedelta(days=day), EPOCH + timedelta(days=day + 1)):
            found |= {_offset_of(zone, at, fold) for fold in (0, 1)}
    except OverflowError:
        return None
    return found.pop() if len(found) == 1 else None


def _offset_of(zone: str, local: datetime, fold: int) -> int:
    offset = local.replace(tzinfo=_zone(zone), fold=fold).utcoffset() or timedelta(0)
    return offset // timedelta(microseconds=1)


def to_utc(moments: Moments, zones: Sequence[str], zone_of: Any, fold: Fold | None) -> tuple[Numbers, dict[str, Flags]]:
    """Microseconds since 1970 in UTC, and the rows of each reason for which a local time is not one moment.

    `zone_of` says per row which of `zones` is the site's; -1 where that is not known, and then nothing is said of the row.
    """
    at = moments.at.copy()
    problems: dict[str, Flags] = {}
    local = moments.valid & ~moments.aware & (zone_of >= 0)
    days = at // DAY
    for number, zone in enumerate(zones):
        rows = np.flatnonzero(local & (zone_of == number)) if len(zones) > 1 else np.flatnonzero(local)
        if not len(rows):
            continue
        first = int(days[rows].min())
        span = days[rows] - first
        offsets, unsteady = _offsets(zone, first, span)
        at[rows] -= offsets[span]
        for row in rows[unsteady[span]].tolist():
            at[row], problem = _one(zone, int(moments.at[row]), bool(moments.day_only[row]), fold)
            if problem is not None:
                problems.setdefault(problem, np.zeros(len(at), np.bool_))[row] = True
    return at, problems


def _offsets(zone: str, first: int, span: Numbers) -> tuple[Numbers, Flags]:
    """For each day from `first` on that occurs: its offset, and whether it has none that holds all day."""
    length = int(span.max()) + 1
    offsets, unsteady = np.zeros(length, np.int64), np.zeros(length, np.bool_)
    occurring = np.zeros(length, np.bool_)
    occurring[span] = True
    for day in np.flatnonzero(occurring).tolist():
        offset = _steady_offset(zone, first + day)
        offsets[day], unsteady[day] = offset or 0, offset is None
    return offsets, unsteady


@cache
def _one(zone: str, at: int, day_only: bool, fold: Fold | None) -> tuple[int, str | None]:
    """One local time on a day with a clock change."""
    local = EPOCH + timedelta(microseconds=at)
    try:
        both = sorted({at - _offset_of(zone, local, which) for which in (0, 1)})
        if day_only:
            first = next((moment for moment in both if _local(zone, moment).date() == local.date()), None)
            return (at, f"is a day that does not exist in {zone}") if first is None else (first, None)
        if len(both) == 1 or fold == "earlier":
            return both[0], None
        if fold == "later":
            return both[1], None
        twice = all(_local(zone, moment) == local for moment in both)
    except OverflowError:
        return at, "lies at the end of the calendar"
    change = "exists twice" if twice else "does not exist"
    return at, f"{change} in {zone}, where the clocks changed; pass --fold earlier or --fold later, or write the offset"


def _local(zone: str, at: int) -> datetime:
    return (EPOCH + timedelta(microseconds=at)).replace(tzinfo=UTC).astimezone(_zone(zone)).replace(tzinfo=None)


def local_days(at: Numbers, zones: Sequence[str], zone_of: Any) -> Numbers:
    """The local day (since 1970) of each moment in UTC."""
    found = at // DAY
    for number, zone in enumerate(zones):
        rows = np.flatnonzero(zone_of == number)
        for day in np.unique(found[rows]).tolist():
            today = rows[at[rows] // DAY == day]
            found[today] = _local_days(zone, at[today], day)
    return found


def _local_days(zone: str, at: Numbers, day: int) -> Numbers:
    """Local days of moments of one day in UTC."""
    try:
        ends = {
            (_local(zone, moment) - EPOCH) // timedelta(microseconds=1) - moment
            for moment in (day * DAY, (day + 1) * DAY)
        }
        if len(ends) == 1:
            return (at + ends.pop()) // DAY
        return np.asarray([(_local(zone, moment) - EPOCH).days for moment in at.tolist()], dtype=np.int64)
    except OverflowError:
        return at // DAY


# Periods.


def period(text: str) -> tuple[date, date] | None:
    """[first day, day after the last] of 1935, 1935-08, 1935-W35 or 1935-08-31; None when it is none of these."""
    try:
        if re.fullmatch(r"[0-9]{4}", text):
            return date(int(text), 1, 1), date(int(text) + 1, 1, 1)
        if match := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
            year, month = int(match[1]), int(match[2])
            return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
        if match := re.fullmatch(r"([0-9]{4})-?W([0-9]{2})", text):
            monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return monday, monday + timedelta(days=7)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text), date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return None
