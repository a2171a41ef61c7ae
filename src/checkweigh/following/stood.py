"""The sums under the standings that readers ask for, kept up to date: what new shifts add is added to them.

Each set of parameters that was asked for lately has a table of its own, which is let go when nobody asks any more. Sums of new shifts,
by the derivation itself, are added to those that are there. Where a shift was taken out or replaced, the sums of its party and period
are taken anew. The standings are told from the sums when somebody asks (`Telling`).
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis.expr.types as ir

from ..derived import DERIVED, periods, standings
from ..tables import Tables, named
from .holding import Growth, Held
from .prepared import Questions

Asked = tuple[tuple[str, Any], ...]
Wanted = dict[Asked, int]
"""The sets of parameters that readers asked for, and at which step the last time; readers write into it."""
MOST = 8
"""So many sets of parameters are kept."""
MOST_WANTED = 1000
"""So many are remembered until the next step."""
PATIENCE = 120
"""How many steps a set is kept that nobody asks for."""
DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
"""The most days that a period has."""
NAMED = ("worker", "crew", "site")
"""The kinds whose names stand in standings."""
_JUDGED, _SUMS = '"judged"', '"sums"'
_LEAST, _GREATEST = "first_unit", "last_unit"
_SAME = "EXISTS (SELECT 1 FROM sums_was AS o WHERE o.party IS NOT DISTINCT FROM s.party AND o.at = s.at)"


def asked(parameters: Mapping[str, Any]) -> Asked:
    """What of a set of parameters makes a difference to the sums, what was left out at its default."""
    given = ((one.name, parameters.get(one.name, one.default)) for one in DERIVED["standings"].parameters)
    return tuple((name, value) for name, value in given if name != "minimum_shifts")


@dataclass(frozen=True)
class Telling:
    """The words of the questions about one set of parameters."""

    sums: str
    """SQL: the sums, over the table judged."""
    standings: str
    """SQL: the standings, over the table sums."""
    columns: tuple[str, ...]
    """The columns of the sums."""

    def over(self, sums: str) -> str:
        """SQL: the standings over other sums."""
        return self.standings.replace(_SUMS, sums)

    def of(self, shifts: str) -> str:
        """SQL: the sums over other shifts."""
        return self.sums.replace(_JUDGED, shifts)


def telling(
    questions: Questions, one: Asked, minimum: int = 0, columns: Sequence[str] = standings.SCHEMA.names
) -> Telling:
    """The words for a set of parameters, a least number of shifts and some columns."""
    given = dict(one)

    def summed(tables: Tables) -> ir.Table:
        return standings.summed(tables, **given)

    def told(tables: Tables) -> ir.Table:
        sums = named(tables.shift.get_backend(), "sums", summed(tables).schema())
        return standings.told(sums, tables, given["period"], given["scope"], minimum, columns)

    sums = questions.once(("sums", one), summed)
    return Telling(sums.query, questions.once(("told", one, minimum, *columns), told).query, sums.names)


def within(start: date, end: date, period: str) -> str:
    """SQL: the judged shifts of the periods that hold the days from one until another, and those of the period before."""
    first = date.fromordinal(max(start.toordinal() - 2 * DAYS[period], 1))
    last = date.fromordinal(min(end.toordinal() + DAYS[period], date.max.toordinal()))
    return f"(SELECT * FROM judged WHERE day >= DATE '{first}' AND day <= DATE '{last}')"


def needed(
    sums: str, period: periods.Period, start: date | None, parties: Sequence[int] | None, columns: Sequence[str]
) -> str:
    """SQL: of some sums those that columns of the period that begins on a day, of some parties by their keys, are told from.

    A rank needs all sums of its period, a change those of the period before.
    """
    kept = []
    if start is not None:
        at = periods.number_of(start, period)
        kept.append(f'"at" IN ({at - 1}, {at})' if "change" in columns else f'"at" = {at}')
    if parties is not None and "rank" not in columns:
        kept.append(f"party IN ({', '.join(map(str, parties)) or 'NULL'})")
    return f"(SELECT * FROM {sums} WHERE {' AND '.join(kept)})" if kept else sums


class Names:
    """Keeps what workers, crews and sites are called, as last known: a table each, by key."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.steps: dict[str, ir.Table] = {}
        """The tables, by the name that the standings hold them under."""
        self._written: dict[str, str] = {}
        for scope in NAMED:
            table = standings.latest(getattr(held.tables, scope), scope)
            self._written[scope] = f"CREATE OR REPLACE TABLE names_{scope} AS {table.get_backend().compile(table)}"
            self.steps[f"names of each {scope}"] = named(table.get_backend(), f"names_{scope}", table.schema())
        self.follow(NAMED)

    def follow(self, kinds: Collection[str]) -> None:
        """Writes anew those of the kinds of which there is something new."""
        for scope in NAMED:
            if scope in kinds:
                self._held.engine.execute(self._written[scope])


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

    def want(self, one: Asked, step: int) -> None:
        """Somebody who sees the tables of a step asks for a set of parameters."""
        if len(self.wanted) < MOST_WANTED or one in self.wanted:
            self.wanted[one] = step

    def follow(self, growth: Growth) -> None:
        """Adds what shifts in `was` and `is_now` change, and begins and ends tables as they are asked for."""
        self._step += 1
        engine = self._held.engine
        wanted = sorted(self.wanted.copy().items(), key=lambda item: -item[1])
        for one in [one for one, step in wanted if self._step - step > PATIENCE]:
            self.wanted.pop(one, None)
        current = {one for one, step in wanted[:MOST] if self._step - step <= PATIENCE}
        for one in [one for one in self._kept if one not in current]:
            engine.execute(f"DROP TABLE {self._kept.pop(one)}")
        gone = engine.execute("SELECT min(day), max(day) FROM was").fetchall()[0]
        for one in current:
            if one not in self._kept:
                self._make(one)
            elif "job" in growth.kinds:  # another unit, or another idea of what is better
                engine.execute(f"DROP TABLE {self._kept.pop(one)}")
                self._make(one)
            else:
                self._add(one, None if gone[0] is None else gone)

    def _make(self, one: Asked) -> None:
        self._made += 1
        name = f"sums_{self._made}"
        self._held.engine.execute(f"CREATE TABLE {name} AS {telling(self._questions, one).sums}")
        self._kept[one] = name

    def _add(self, one: Asked, gone: tuple[date, date] | None) -> None:
        table, words = self._kept[one], telling(self._questions, one)
        fresh = words.of("is_now")
        if gone is not None:
            self._again(table, words, dict(one)["period"], gone)
            fresh = f"SELECT * FROM ({fresh}) AS s WHERE NOT {_SAME}"
        sums = ", ".join(f'"{name}" = {_gathered(name)}' for name in words.columns if name not in ("party", "at"))
        self._held.engine.execute(
            f"MERGE INTO {table} AS s USING ({fresh}) AS n ON s.party IS NOT DISTINCT FROM n.party AND s.at = n.at "
            f"WHEN MATCHED THEN UPDATE SET {sums} WHEN NOT MATCHED THEN INSERT BY NAME *"
        )

    def _again(self, table: str, words: Telling, period: str, gone: tuple[date, date]) -> None:
        """Takes anew the sums of parties and periods that have lost a shift (`sums_was`); what came new to them is among it."""
        engine = self._held.engine
        engine.execute(f"CREATE OR REPLACE TEMP TABLE sums_was AS {words.of('was')}")
        engine.execute(f"DELETE FROM {table} AS s WHERE {_SAME}")
        shifts = "judged" if period == "all" else within(*gone, period)
        engine.execute(f"INSERT INTO {table} SELECT * FROM ({words.of(shifts)}) AS s WHERE {_SAME}")


def _gathered(name: str) -> str:
    """SQL: a sum of two of which one may be absent."""
    both = {_LEAST: "least(s.{0}, n.{0})", _GREATEST: "greatest(s.{0}, n.{0})"}.get(
        name, "coalesce(s.{0} + n.{0}, s.{0}, n.{0})"
    )
    return both.format(f'"{name}"')
