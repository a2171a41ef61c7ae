"""Lattices: the figures that can be written at all. Coal is weighed in tenths of a ton, shoes come in pairs, nails in boxes of twelve.

What is counted in coarse units lies on few points, and a narrow bin at the quota may hold one of them where its neighbours hold none.
Quantities are whole numbers here, in billionths of the job's unit, as exact as the ledger has them.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .excess import BINS, EXCLUDED, Floats

Whole = NDArray[np.int64]
NEARLY_ALL = 0.95
BATCHES = np.array([*range(2, 61), 72, 96, 100, 120, 144], np.int64)
ROUND = (5, 10, 50, 100, 500, 1000)
"""Round numbers, in the last decimal place that is used."""
MOST = 7 * 10**16
VARIES = 0.2
FEWEST_BINS = 3
"""Round numbers count as a sort of their own where so many bins away from the quota hold a greater share of them."""


def billionths(figures: pa.ChunkedArray) -> Whole:
    """Decimals with nine places as whole numbers; what needs more than 64 bits, or is absent, as 0."""
    words = [
        np.frombuffer(part.buffers()[1], np.int64)[2 * part.offset : 2 * (part.offset + len(part))]
        for part in figures.chunks
    ]
    low, high = (np.concatenate([np.empty(0, np.int64), *(part[first::2] for part in words)]) for first in (0, 1))
    found: Whole = np.where((high == 0) & (low > 0), low, 0)
    return found


def step_of(quantities: Whole) -> tuple[int, int]:
    """The last decimal place that is used, and the step between figures: the largest place and batch of which 95 of 100 are multiples."""
    quantities = quantities[quantities > 0]
    place = 1
    if not len(quantities):
        return place, place
    while (quantities % (place * 10) == 0).mean() >= NEARLY_ALL and place < MOST:
        place *= 10
    fitting = [int(batch) for batch in BATCHES if (quantities % (place * batch) == 0).mean() >= NEARLY_ALL]
    return place, place * max(fitting, default=1)


def exposure(
    expected: Whole, place: Whole, step: Whole, lower: NDArray[np.bool_], weight: Floats
) -> tuple[Floats, Floats]:
    """How much of each bin of attainment (`excess.BINS`) the figures can fill, and per sort of round number its share of them.

    One row per quota: what is expected, the last place, the step, whether less is better, and how many reports it has.
    """
    known = (expected > 0) & (expected < MOST) & (step > 0)
    expected, place, step = expected[known, None], place[known, None], step[known, None]
    lower, weight = lower[known, None], weight[known, None]
    if not len(expected):
        return np.ones(len(BINS)), np.empty((0, len(BINS)))
    share = weight * step / (expected * 0.01)
    held = _points(expected, step, lower)
    filled = (share * held).sum(0)
    sorts = [(share * _points(expected, np.lcm(step, place * many), lower)).sum(0) for many in ROUND]
    telling = np.array([sort / np.maximum(filled, 1e-9) for sort in sorts])
    varies = (telling > telling.mean(1, keepdims=True) + VARIES)[:, ~EXCLUDED].sum(1) >= FEWEST_BINS
    return filled, telling[varies]


def _points(expected: Whole, step: Whole, lower: NDArray[np.bool_]) -> Whole:
    """How many multiples of a step give an attainment in each bin: [lo, hi) of the quota; where less is better quota ÷ [lo, hi)."""
    low, high = 100 + BINS, 101 + BINS
    upward = (-expected * low) // (100 * step) - (-expected * high) // (100 * step)
    downward = expected * 100 // (low * step) - expected * 100 // (high * step)
    found: Whole = np.where(lower, downward, upward)
    return found
