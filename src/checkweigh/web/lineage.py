"""Training lineage: who taught whom, as a tree, in both directions.

Trainings are looked up generation by generation, never all at once. Whoever is met again, on the way down or in another branch, is named
and not followed again, so a circle of people who taught one another ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Row = Mapping[str, Any]
Look = Callable[[list[str]], Sequence[Row]]
"""The trainings in which some people taught, or were taught."""
GENERATIONS = 6
MOST_PEOPLE = 300


@dataclass(frozen=True)
class Lesson:
    """Somebody who taught or learned, what and when, and who stands behind them."""

    person: str | None
    """The worker; absent where nobody knows who taught."""
    what: str
    """The course or the practice."""
    on: Any
    """The day, where it is known."""
    entry: int
    """The entry of the training."""
    below: tuple["Lesson", ...] = ()
    """Whom they taught, or who taught them."""
    again: bool = False
    """Whether the person stands elsewhere in the tree, and what is behind them with it."""


def tree(start: str, towards: Literal["trainee", "trainer"], look: Look) -> tuple[Lesson, ...]:
    """The lessons behind a worker: towards trainees whom they taught, towards trainers from whom they learned."""
    by = "trainer" if towards == "trainee" else "trainee"
    rows: dict[str, list[Row]] = {}
    people = [start]
    for _ in range(GENERATIONS):
        new = [one for one in people if one not in rows]
        if not new or len(rows) >= MOST_PEOPLE:
            break
        rows |= {one: [] for one in new[: MOST_PEOPLE - len(rows)]}
        for row in look([one for one in new if one in rows]):
            rows[row[by]].append(row)
        people = list(
            dict.fromkeys(row[towards] for one in new for row in rows.get(one, ()) if row[towards] is not None)
        )
    return _below(start, towards, rows, {start})


def _below(person: str, towards: str, rows: Mapping[str, Iterable[Row]], met: set[str]) -> tuple[Lesson, ...]:
    """The lessons of somebody; first those beside one another are met, then each is followed."""
    made: list[tuple[Lesson, bool]] = []
    for row in rows.get(person, ()):
        other = row[towards]
        lesson = Lesson(other, row["course"] or row["practice"] or "not stated what", row["on"], row["entry"])
        follow = other is not None and other not in met and other in rows
        again = other is not None and other in met and not any(one.person == other for one, _ in made)
        made.append((replace(lesson, again=again), follow))
        if other is not None:
            met.add(other)
    return tuple(
        replace(lesson, below=_below(str(lesson.person), towards, rows, met)) if follow else lesson
        for lesson, follow in made
    )


def people(lessons: Iterable[Lesson]) -> set[str]:
    """Everybody in a tree."""
    found: set[str] = set()
    for lesson in lessons:
        found |= ({lesson.person} if lesson.person is not None else set()) | people(lesson.below)
    return found
