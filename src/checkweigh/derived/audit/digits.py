"""Terminal digits: whether the last digits of figures come as evenly as those of a scale. Arrays in, figures out.

    χ² = Σ (count - n ÷ 10)² ÷ (n ÷ 10)        with 9 degrees of freedom

Last digits are even where figures are read off to one more digit than anybody can steer: where they spread over many tens (the middle half
over at least 10 steps) and have two digits before the last. Figures that all are multiples of something (boxes of 12, a scale that
shows fives) are counted in that; figures that mostly are multiples of something that is not round are batches, and not tested.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from .excess import Floats
from .lattice import BATCHES, Whole

FEWEST = 100
"""Figures, so that each digit is expected ten times."""
LEAST_FIGURE = 100
LEAST_SPREAD = 10
LEAST_UNEVEN = 0.05
MOSTLY = 0.8
OFTEN = 5
ROUND = (2, 5, 10, 20, 25, 50, 100)


@dataclass(frozen=True)
class Digits:
    """How often each last digit comes, χ² and its p-value; `uneven` is the share of figures that would have to end otherwise."""

    counts: Floats
    chi_square: float
    p_value: float
    uneven: float


def tested(counts: Floats) -> Digits:
    """The test of ten counts."""
    total = counts.sum()
    found = scipy.stats.chisquare(counts)
    uneven = np.maximum(counts / total - 0.1, 0).sum()
    return Digits(counts, float(found.statistic), float(found.pvalue), float(uneven))


def telling(parties: Whole, days: Whole, figures: Whole) -> NDArray[np.bool_]:
    """Which figures of a job tell about the hand that wrote them.

    Not the same figure again on the same day, since who shares work shares its figures; and not those of a worker or crew of at least
    five shifts whose own figures are steady: the middle half within less than 10 steps.
    """
    first = np.zeros(len(figures), bool)
    first[np.unique(np.stack([days, figures]), axis=1, return_index=True)[1]] = True
    order = np.lexsort([figures, parties])
    _, start, place, count = np.unique(parties[order], return_index=True, return_inverse=True, return_counts=True)
    low, high = (figures[order][start + (count - 1) * quarter // 4] for quarter in (1, 3))
    steady = np.zeros(len(figures), bool)
    steady[order] = ((high - low < LEAST_SPREAD) & (count >= OFTEN))[place]
    return first & ~steady


def of_figures(figures: Whole) -> Digits | None:
    """The test of whole figures, in the steps in which they come; None where even digits cannot be expected of them."""
    step = int(np.gcd.reduce(figures)) if len(figures) else 1
    figures = figures // max(step, 1)
    figures = figures[figures >= LEAST_FIGURE]
    if not even_expected(figures) or in_batches(figures):
        return None
    return tested(np.bincount(figures % 10, minlength=10).astype(float))


def even_expected(figures: Whole) -> bool:
    """Whether the figures are many and spread enough that a scale would give every last digit as often."""
    if len(figures) < FEWEST:
        return False
    low, high = np.quantile(figures, (0.25, 0.75))
    return bool(high - low >= LEAST_SPREAD)


def in_batches(figures: Whole) -> bool:
    """Whether most figures are multiples of something that is not a round number: nobody rounds to twelves."""
    return any((figures % batch == 0).mean() >= MOSTLY for batch in BATCHES if batch not in ROUND and batch % 10)
