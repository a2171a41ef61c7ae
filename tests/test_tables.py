"""Tables: what stands at a size, and the date on every clock of the world."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from books import book, known
from checkweigh import clocks, tables
from checkweigh.errors import Refused

ROWS = """
    shift  id  worker  started           hours  quantity  replaces  note     void
           a   ada     2024-01-02 06:00  8      1         -         -        -
           b   ada     2024-01-02 06:00  8      2         -         -        -
           a   ada     2024-01-02 06:00  8      3         8         misread  -
           a   ada     2024-01-02 06:00  8      4         10        misread  -
           b   ada     2024-01-02 06:00  8      2         9         twice    true
"""


def standing(told, size):
    """(id, quantity, first entry) of the shifts that stand."""
    rows = tables.collect(known(told, size).shift.select("id", "quantity", "first_entry")).to_pylist()
    return sorted((row["id"], int(row["quantity"]), row["first_entry"]) for row in rows)


def test_replaced_and_withdrawn_entries_are_gone_and_a_replacement_keeps_the_place():
    told = book(ROWS)
    first = len(told) - 5
    told = [item | {"replaces": item["replaces"] - 8 + first} if "replaces" in item else item for item in told]
    assert standing(told, first + 2) == [("a", 1, first), ("b", 2, first + 1)]
    assert standing(told, first + 3) == [("a", 3, first), ("b", 2, first + 1)]
    assert standing(told, first + 4) == [("a", 4, first), ("b", 2, first + 1)]
    assert standing(told, first + 5) == [("a", 4, first)]


def test_the_date_on_every_clock():
    """`days` against the time zone database, at random moments and around every change of a clock, for all zones."""
    draw = random.Random(1935)
    zones = sorted(name for name in available_timezones() if not name.startswith(("posix", "right")))
    odd = ("America/St_Johns", "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Asia/Manila")
    for name in [*draw.sample(zones, 40), *odd]:
        start = draw.randrange(-40_000, 20_000)
        day, turn, back, again, before, after = clocks.days_of_zone(name, start, start + 800)
        changed = [row for row in range(800) if after[row] != before[row] + 1 or back[row] != turn[row]]
        rows = changed + [draw.randrange(800) for _ in range(60)]
        for row in rows:
            for second in sorted(
                {0, 86_399, *(draw.randrange(86_400) for _ in range(8)), *_around(turn, back, again, row, day)}
            ):
                at = int(day[row]) * 86_400 + second
                earlier = at < turn[row] or back[row] <= at < again[row]
                shown = date(1970, 1, 1) + timedelta(int(before[row] if earlier else after[row]))
                moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)
                assert shown == moment.astimezone(ZoneInfo(name)).date(), (name, moment)


def _around(turn, back, again, row, day):
    near = [int(moment[row]) - int(day[row]) * 86_400 + step for moment in (turn, back, again) for step in (-1, 0)]
    return [second for second in near if 0 <= second < 86_400]


def test_a_clock_put_back_over_midnight_shows_the_old_date_again():
    start = (date(2000, 10, 29) - date(1970, 1, 1)).days
    _, turn, back, again, before, after = (
        values[0] for values in clocks.days_of_zone("America/St_Johns", start, start + 1)
    )
    assert after == before + 1 and turn < back < again
    assert again - back == 3540  # at one minute past midnight, back to a minute past eleven


def test_a_size_beyond_the_end_is_refused(tmp_path):
    class Empty:
        size = 0

        def root(self, size=None):
            return b""

        def erased(self):
            return []

        def bundles(self, start, stop):
            return []

    with pytest.raises(Refused, match="not 1"):
        tables.at(Empty(), 1, tmp_path)
    assert tables.at(Empty(), 0, tmp_path).size == 0


def test_entries_are_given_without_a_gap():
    with pytest.raises(ValueError, match="gap"):
        tables.from_entries([(1, b"{}")])
