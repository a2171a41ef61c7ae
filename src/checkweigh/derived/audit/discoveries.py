"""Which tests of a family can survive: what the control of false discoveries will drop at any level need not be told."""

import numpy as np
from numpy.typing import NDArray

from .found import MOST_LEVEL


def can_survive(p_values: NDArray[np.float64], tests: int) -> NDArray[np.bool_]:
    """Those of so many tests that the procedure of Benjamini and Hochberg keeps at the highest level that can be asked for.

    The rest may be left out: it changes no q-value that is at or below that level.
    """
    if not len(p_values):
        return np.zeros(0, bool)
    rising = np.sort(p_values)
    kept = rising[rising * tests <= MOST_LEVEL * np.arange(1, len(rising) + 1)]
    found: NDArray[np.bool_] = p_values <= kept.max() if len(kept) else np.zeros(len(p_values), bool)
    return found
