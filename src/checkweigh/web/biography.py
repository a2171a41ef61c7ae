"""Biography: what sources say of somebody, field by field; where they disagree, side by side.

Two values of a field disagree when no source states both: one source that names three later posts disagrees with nobody. Where a source
states an age at death, the age that follows from the stated days of birth and death stands beside it, as reckoned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

Row = Mapping[str, Any]
BORN, DIED, AGE = "born", "died", "age at death"


@dataclass(frozen=True)
class Value:
    """One value of a field, and who says so."""

    value: str
    """What is said."""
    sources: tuple[str, ...]
    """The ids of the sources that say it; empty where none is cited."""
    entries: tuple[int, ...]
    """The entries that state it."""
    reckoned: str | None = None
    """From what it follows, where nobody states it."""


@dataclass(frozen=True)
class Field:
    """What is said of one thing."""

    name: str
    values: tuple[Value, ...]
    """What is said, the earliest recorded first."""
    disagree: bool
    """Whether sources disagree."""


def fields(facts: Iterable[Row]) -> list[Field]:
    """The fields of some facts (rows of kind fact), in the order in which they were first recorded."""
    stated: dict[str, dict[str, list[Row]]] = {}
    for row in sorted(facts, key=lambda row: row["entry"]):
        stated.setdefault(row["field"], {}).setdefault(row["value"], []).append(row)
    found = {name: tuple(_value(value, rows) for value, rows in values.items()) for name, values in stated.items()}
    if AGE in found:
        found[AGE] += tuple(one for one in _ages(found) if one.value not in stated[AGE])
    return [Field(name, values, _disagree(values)) for name, values in found.items()]


def _value(value: str, rows: Sequence[Row]) -> Value:
    sources = dict.fromkeys(source for row in rows for source in row["cites"] or ())
    return Value(value, tuple(sources), tuple(row["entry"] for row in rows))


def _disagree(values: Sequence[Value]) -> bool:
    return any(
        one.reckoned or other.reckoned or not {*one.sources} & {*other.sources}
        for one, other in combinations(values, 2)
    )


def _ages(found: Mapping[str, Sequence[Value]]) -> list[Value]:
    """The ages at death that follow from stated days of birth and death, each once."""
    made: dict[str, Value] = {}
    for born in found.get(BORN, ()):
        for died in found.get(DIED, ()):
            if (age := age_on(born.value, died.value)) is not None:
                sources = tuple(dict.fromkeys((*born.sources, *died.sources)))
                said = f"born {born.value}, died {died.value}"
                made.setdefault(str(age), Value(str(age), sources, (*born.entries, *died.entries), said))
    return list(made.values())


def age_on(born: str, died: str) -> int | None:
    """Whole years between two dates; None where either is no full date."""
    try:
        first, last = date.fromisoformat(born), date.fromisoformat(died)
    except ValueError:
        return None
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))
