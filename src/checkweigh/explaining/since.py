"""What has changed a figure since: the entries after a size that did, each with what it was before and after.

The figure is not computed at every size. It is asked at the size, at the end, and around every entry that may have changed it: those that
are new in the tree, and every verdict on its shifts. Wherever it still differs between two neighbouring sizes, the entry between them is
found by halving. So every lasting change is found; one that came and went between two sizes that were asked is found if a verdict made it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MOST_SIZES = 64
"""At no more sizes than this the figure is asked."""
Figures = Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """That an entry changed a figure. `before` and `after` are all figures that were asked, None where the row was not there."""

    entry: int
    before: Figures
    after: Figures


def changes(
    start: int, stop: int, candidates: Iterable[int], at: Callable[[int], Figures]
) -> tuple[list[Change], bool]:
    """The entries start..stop-1 that changed what `at` gives, in order, and whether all of them could be looked for."""
    known: dict[int, Figures] = {}

    def asked(size: int) -> Figures:
        if size not in known:
            known[size] = at(size)
        return known[size]

    points = sorted(
        {start, stop, *(size for entry in candidates if start <= entry < stop for size in (entry, entry + 1))}
    )
    complete = len(points) <= MOST_SIZES // 2
    points = points if complete else [*points[: MOST_SIZES // 2 - 1], stop]
    found: list[Change] = []
    for before, after in pairwise(points):
        complete &= _between(before, after, asked, known, found)
    return found, complete


def _between(
    low: int, high: int, asked: Callable[[int], Figures], known: Mapping[int, Figures], found: list[Change]
) -> bool:
    """Adds the changes between two sizes; returns whether there was room to look for all of them."""
    if asked(low) == asked(high):
        return True
    if high - low == 1:
        found.append(Change(low, asked(low), asked(high)))
        return True
    if len(known) >= MOST_SIZES:
        return False
    middle = (low + high) // 2
    return _between(low, middle, asked, known, found) & _between(middle, high, asked, known, found)
