"""Dates and times of a file: every spelling means one moment, or is refused."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import fields
from checkweigh.errors import Refused
from checkweigh.importing import dates
from checkweigh.importing.dates import EPOCH, Formats, local_days, period, read, to_utc


def formats(*stated, column=()):
    return Formats("when", stated, lambda: iter([pa.array(column, pa.string())]))


def local(text, *stated, column=None):
    """What one text says: (local time or aware moment, whether a time of day was stated); None when it cannot be read."""
    found = read(pa.array([text], pa.string()), formats(*stated, column=[text] if column is None else column))
    if not found.valid[0]:
        return None
    when = EPOCH + timedelta(microseconds=int(found.at[0]))
    return (when.replace(tzinfo=UTC) if found.aware[0] else when), not found.day_only[0]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1935-08-31", (datetime(1935, 8, 31), False)),
        ("1935-08-31 06:00", (datetime(1935, 8, 31, 6), True)),
        ("1935-08-31T06:00:01.5", (datetime(1935, 8, 31, 6, 0, 1, 500000), True)),
        ("1935-08-31T06:00Z", (datetime(1935, 8, 31, 6, tzinfo=UTC), True)),
        ("1935-08-31 06:00:00+03:00", (datetime(1935, 8, 31, 3, tzinfo=UTC), True)),
        ("1935/8/31", (datetime(1935, 8, 31), False)),
        ("1935-8-1 6:30", (datetime(1935, 8, 1, 6, 30), True)),
        ("1935-02-30", None), ("1935-13-01", None), ("1935-08-31T24:00", None), ("1935-08-31T06:61", None),
        ("31.8.35", None), ("31-8/1935", None), ("today", None), ("", None), ("0000-01-01", None), ("19350831", None),
    ],
)  # fmt: skip
def test_without_a_stated_format(text, means):
    assert local(text) == means
    # The same beside another value, where the column as a whole is not of one sort.
    found = read(pa.array([text, "x", None], pa.string()), formats(column=[text]))
    assert bool(found.valid[0]) == (means is not None) and not found.valid[1:].any()


@pytest.mark.parametrize(
    ("text", "stated", "means"),
    [
        ("1/13/2015", "mdy", datetime(2015, 1, 13)), ("01-03-2015", "mdy", datetime(2015, 1, 3)),
        ("01-03-2015", "dmy", datetime(2015, 3, 1)), ("1.3.2015 6:05 PM", "dmy", datetime(2015, 3, 1, 18, 5)),
        ("1.3.2015 12:05 am", "dmy", datetime(2015, 3, 1, 0, 5)), ("2015/1/3", "ymd", datetime(2015, 1, 3)),
        ("31.8.35", "%d.%m.%y", None), ("31.08.15", "%d.%m.%y", datetime(2015, 8, 31)),
        ("2015-08-31", "dmy", datetime(2015, 8, 31)), ("2015-02-01", "%Y-%d-%m", datetime(2015, 1, 2)),
        ("31.08.2015 06:00", "%d.%m.%Y %H:%M", datetime(2015, 8, 31, 6)), ("13/13/2015", "mdy", None),
        ("1/13/2015", "dmy", None), ("1/13/2015", "ymd", None), ("1/2/2015 13:00 PM", "mdy", None),
    ],
)  # fmt: skip
def test_with_a_stated_format(text, stated, means):
    found = local(text, stated)
    if text == "31.8.35":
        assert found is not None and found[0].month == 8
    else:
        assert (found and found[0]) == means


def test_two_stated_orders_take_only_what_both_say_alike_or_one_alone():
    assert local("1/13/2015", "mdy", "dmy")[0] == local("13/1/2015", "mdy", "dmy")[0] == datetime(2015, 1, 13)
    assert local("2/2/2015", "mdy", "dmy")[0] == datetime(2015, 2, 2)
    assert local("1/2/2015", "mdy", "dmy") is None


def test_an_order_is_decided_by_the_whole_column_and_by_the_separator():
    column = ["1/13/2015", "2/3/2015", "rain"]
    assert local("2/3/2015", column=column)[0] == datetime(2015, 2, 3)
    with pytest.raises(Refused, match=r"'when': 02-03-2015 could each be two dates; pass --dates mdy .* --dates dmy"):
        local("02-03-2015", column=[*column, "02-03-2015"])
    with pytest.raises(Refused, match="1/13/2015 can only be month, day, year and 13/1/2015 only day, month, year"):
        local("2/3/2015", column=[*column, "13/1/2015"])


def test_what_is_no_format_is_refused():
    with pytest.raises(Refused, match="not a format of dates"):
        local("2015", "%Q")


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2015", date(2015, 1, 1), date(2016, 1, 1)), ("2015-12", date(2015, 12, 1), date(2016, 1, 1)),
        ("2015-02", date(2015, 2, 1), date(2015, 3, 1)), ("2015-W01", date(2014, 12, 29), date(2015, 1, 5)),
        ("2015-02-28", date(2015, 2, 28), date(2015, 3, 1)),
    ],
)  # fmt: skip
def test_periods(text, first, after):
    assert period(text) == (first, after)


@pytest.mark.parametrize("text", ["2015-13", "2015-W54", "2015-02-29", "15", "2015-Q1", "9999", ""])
def test_what_is_no_period(text):
    assert period(text) is None


ZONES = [
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Moscow",
    "Pacific/Apia",
    "America/Havana",
    "UTC",
]
LOCALS = st.datetimes(datetime(1900, 1, 1), datetime(2037, 1, 1)) | st.datetimes(
    datetime(2015, 3, 1), datetime(2015, 4, 10)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LOCALS, st.sampled_from(ZONES)), min_size=1), st.sampled_from([None, "earlier", "later"]))
def test_local_times_become_the_moments_that_they_are_one_by_one(listed, fold):
    texts = pa.array([when.isoformat(" ") for when, _ in listed])
    zone_of = np.asarray([ZONES.index(zone) for _, zone in listed])
    at, problems = to_utc(read(texts, formats()), ZONES, zone_of, fold)
    refused = np.logical_or.reduce([np.zeros(len(listed), bool), *problems.values()])
    for row, (when, zone) in enumerate(listed):
        try:
            expected = fields.instant(when, ZoneInfo(zone), fold)
        except fields.Unreadable:
            assert refused[row]
        else:
            assert not refused[row] and EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=int(at[row])) == expected
    days = local_days(at[~refused], ZONES, zone_of[~refused])
    moments = [EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=int(one)) for one in at[~refused]]
    expected = [
        one.astimezone(ZoneInfo(ZONES[zone])).date() for one, zone in zip(moments, zone_of[~refused], strict=True)
    ]
    assert [dates.EPOCH.date() + timedelta(days=int(day)) for day in days] == expected


@pytest.mark.parametrize(
    ("day", "zone", "moment"),
    [
        ("2015-03-08", "America/Havana", "2015-03-08T05:00:00"),  # midnight does not exist
        ("2015-11-01", "America/Havana", "2015-11-01T04:00:00"),  # midnight exists twice
        ("2011-12-30", "Pacific/Apia", None),  # the whole day does not exist
    ],
)
def test_a_date_alone_is_the_first_moment_of_the_day(day, zone, moment):
    at, problems = to_utc(read(pa.array([day]), formats()), [zone], np.zeros(1, int), None)
    if moment is None:
        assert list(problems) == [f"is a day that does not exist in {zone}"]
    else:
        assert not problems and (EPOCH + timedelta(microseconds=int(at[0]))).isoformat() == moment
