"""The clocks of the world: for each time zone and day of UTC, which local date begins when.

For each zone and UTC day the local date is

    `before` until the moment `turn`, `after` from then on; and from `back` to `again`, where a clock is put back over midnight, `before`

with the months of both dates, counted from the year 0: a join by day instead of asking a time zone database for each row.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pyarrow as pa

DAY_SECONDS = 86_400
MICROSECONDS = 1_000_000
FIRST_DAY = date(1840, 1, 1)  # no zone has changed its clocks before: earlier days are treated as this one
DAYS = ibis.schema(
    {
        "zone": "int32", "day": "date", "turn": "timestamp(6)", "back": "timestamp(6)", "again": "timestamp(6)",
        "before": "date", "after": "date", "month_before": "int32", "month_after": "int32",
    }
)  # fmt: skip


def days(zones: list[str], first: date, last: date) -> pa.Table:
    """One row for each zone and UTC day from `first` to `last`, with the columns of `DAYS`."""
    first = max(first, FIRST_DAY)
    start, stop = (
        first.toordinal() - date(1970, 1, 1).toordinal(),
        max(last, first).toordinal() - date(1970, 1, 1).toordinal() + 1,
    )
    parts = [days_of_zone(name, start, stop) for name in zones]
    numbers = np.repeat(np.arange(len(zones), dtype=np.int32), stop - start)
    joined = (
        [np.concatenate([part[column] for part in parts]) for column in range(6)]
        if parts
        else [np.array([], np.int64)] * 6
    )
    day, turn, back, again, before, after = joined
    moments = {"turn": turn, "back": back, "again": again}
    return pa.table(
        {"zone": pa.array(numbers), "day": _dates(day)}
        | {name: pa.array(values * MICROSECONDS).cast(pa.timestamp("us")) for name, values in moments.items()}
        | {
            "before": _dates(before),
            "after": _dates(after),
            "month_before": _months(before),
            "month_after": _months(after),
        }
    )


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _months(days: np.ndarray) -> pa.Array:
    """The months from the year 0 to each day."""
    return pa.array(
        (days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12).astype(np.int32)
    )


@lru_cache(maxsize=256)
def days_of_zone(name: str, start: int, stop: int) -> tuple[np.ndarray, ...]:
    """UTC days start..stop-1 (counted from 1970): day, turn, back, again as seconds, before and after as days."""
    zone = ZoneInfo(name)
    offsets = np.array([_offset(zone, day * DAY_SECONDS) for day in range(start, stop + 1)], np.int64)
    day = np.arange(start, stop, dtype=np.int64)
    before = (day * DAY_SECONDS + offsets[:-1]) // DAY_SECONDS
    turn = (before + 1) * DAY_SECONDS - offsets[:-1]
    back, again, after = turn.copy(), turn.copy(), before + 1
    for row in np.flatnonzero(offsets[1:] != offsets[:-1]):
        turn[row], back[row], again[row], before[row], after[row] = _crossings(zone, int(day[row]))
    return day, turn, back, again, before, after


def _crossings(zone: ZoneInfo, day: int) -> tuple[int, int, int, int, int]:
    """Turn, back, again, before and after of a UTC day on which the clocks of a zone are changed."""
    begin, end = day * DAY_SECONDS, (day + 1) * DAY_SECONDS
    change = _change(zone, begin, end)
    dates: list[tuple[int, int]] = []
    for start, stop, offset in ((begin, change, _offset(zone, begin)), (change, end, _offset(zone, end - 1))):
        midnights = range(-(-(start + offset) // DAY_SECONDS), -(-(stop + offset) // DAY_SECONDS))
        for moment in [start, *(midnight * DAY_SECONDS - offset for midnight in midnights)]:
            local = (moment + offset) // DAY_SECONDS
            if not dates or dates[-1][1] != local:
                dates.append((moment, local))
    moments = [moment for moment, _ in dates[1:]] + [end] * 3
    turn, back, again = moments[:3]
    before, after = dates[0][1], dates[1][1] if len(dates) > 1 else dates[0][1]
    return (turn, back, again, before, after) if len(dates) > 2 else (turn, turn, turn, before, after)


def _change(zone: ZoneInfo, begin: int, end: int) -> int:
    """The second at which the offset changes between two moments, by halving."""
    first = _offset(zone, begin)
    while end - begin > 1:
        middle = (begin + end) // 2
        begin, end = (middle, end) if _offset(zone, middle) == first else (begin, middle)
    return end


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _offset(zone: ZoneInfo, second: int) -> int:
    """What a zone's clocks are ahead of UTC at a moment, in seconds."""
    try:
        ahead = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    except OverflowError:  # the last day of the year 9999
        ahead = None
    return 0 if ahead is None else ahead.days * DAY_SECONDS + ahead.seconds
