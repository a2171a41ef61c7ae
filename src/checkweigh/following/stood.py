"""The standings that readers ask for, kept up to date: only the periods that hold shifts that have changed are derived again.

Each set of parameters that was asked for lately has a table of its own, which is let go when nobody asks any more. A period is derived
with the one before it, against which its change is told, and so the one after a period that has changed is derived again too.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..derived import DERIVED
from .holding import Growth, Held
from .prepared import Questions

Asked = tuple[tuple[str, Any], ...]
Wanted = dict[Asked, int]
"""The sets of parameters that readers asked for, and at which step the last time; readers write into it."""
MOST = 8
"""So many sets of parameters are kept."""
PATIENCE = 120
"""How many steps a set is kept that nobody asks for."""
MANY = 6
"""Where more periods have changed all are derived again."""
_NAMED = {"worker": "worker", "crew": "crew", "site": "site"}
DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
"""The most days that a period has."""


def asked(parameters: Mapping[str, Any]) -> Asked:
    """A set of parameters, those that were left out at their default."""
    return tuple((one.name, parameters.get(one.name, one.default)) for one in DERIVED["standings"].parameters)


def around(query: str, start: date, end: date, period: str) -> str:
    """The query of standings over the shifts of the periods that begin from one day until another, and those of the period before."""
    first = date.fromordinal(max(start.toordinal() - DAYS[period], 1))
    last = date.fromordinal(min(end.toordinal() + DAYS[period], date.max.toordinal()))
    return query.replace('"judged"', f"(SELECT * FROM judged WHERE day >= DATE '{first}' AND day < DATE '{last}')")


class Stood:
    """Keeps a table for each set of parameters that readers ask for."""

    def __init__(self, held: Held, questions: Questions, wanted: Wanted) -> None:
        self._held, self._questions, self.wanted = held, questions, wanted
        self._step = self._made = 0
        self._kept: OrderedDict[Asked, str] = OrderedDict()

    @property
    def step(self) -> int:
        """How often the ledger was followed."""
        return self._step

    def kept(self) -> dict[Asked, str]:
        """The tables that there are, by the set of parameters."""
        return dict(self._kept)

    def follow(self, growth: Growth) -> None:
        """Derives again the periods of shifts in `was` and `is_now`, and begins and ends tables as they are asked for."""
        self._step += 1
        days = [
            row[0]
            for row in self._held.engine.execute(
                "SELECT day FROM was UNION SELECT day FROM is_now ORDER BY 1"
            ).fetchall()
        ]
        wanted = sorted(self.wanted.copy().items(), key=lambda item: -item[1])[:MOST]
        current = {one for one, step in wanted if self._step - step <= PATIENCE}
        for one in [one for one in self._kept if one not in current]:
            self._held.engine.execute(f"DROP TABLE {self._kept.pop(one)}")
            self.wanted.pop(one, None)
        for one in current:
            if one not in self._kept:
                self._make(one)
            elif "job" in growth.kinds or _NAMED.get(dict(one)["scope"]) in growth.kinds or "erasure" in growth.kinds:
                self._again(one)
            elif days:
                self._follow(one, days)

    def _make(self, one: Asked) -> None:
        self._made += 1
        name = f"standings_{self._made}"
        self._held.engine.execute(f"CREATE TABLE {name} AS {self._questions.written('standings', dict(one)).query}")
        self._kept[one] = name

    def _again(self, one: Asked) -> None:
        """All of it."""
        self._held.engine.execute(f"DROP TABLE {self._kept.pop(one)}")
        self._make(one)

    def _follow(self, one: Asked, days: list[date]) -> None:
        period, table = dict(one)["period"], self._kept[one]
        changed = () if period == "all" else sorted({_start(day, period) for day in days})
        if not 0 < len(changed) <= MANY:
            return self._again(one)
        for start, end in _runs([(start, _next(_next(start, period), period)) for start in changed]):
            query = around(self._questions.written("standings", dict(one)).query, start, end, period)
            those = f"\"from\" >= DATE '{start}' AND \"from\" < DATE '{end}'"
            self._held.engine.execute(f"DELETE FROM {table} WHERE {those}")
            self._held.engine.execute(f"INSERT INTO {table} SELECT * FROM ({query}) WHERE {those}")
        return None


def _start(day: date, period: str) -> date:
    """The first day of the period that holds a day."""
    if period == "day":
        return day
    if period == "week":
        return date.fromordinal(day.toordinal() - day.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _next(start: date, period: str) -> date:
    """The first day of the period after the one that begins on a day."""
    return _start(date.fromordinal(min(start.toordinal() + DAYS[period], date.max.toordinal())), period)


def _runs(spans: list[tuple[date, date]]) -> list[tuple[date, date]]:
    """Spans that meet, as one."""
    found: list[tuple[date, date]] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
