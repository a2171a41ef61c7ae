"""Peaks over a threshold: how often work of this kind reaches so high a figure. Arrays in, figures out.

Above a high threshold u the exceedances of almost any distribution follow a generalised Pareto distribution (Coles 2001, chapter 4):

    P(X > x) = share above u × (1 + ξ (x - u) ÷ σ)^(-1/ξ)

The figures under doubt must neither be fitted nor be left out as if they had not been there: a false figure would widen the tail and hide
itself, and a tail without its honest highest figures would look too short. So the highest tenth of the exceedances is censored: the fit
(maximum likelihood) is told that so many lie above the highest of the rest, and not where.

The fit is uncertain, most of all in ξ, and far out everything hangs on it. The chance that is told is therefore that of the upper end of ξ:
the largest value on the profile likelihood within a 90 % bound (one-sided), with the σ that belongs to it, and no less than 0.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CENSORED = 0.1
SHAPES = np.linspace(-0.5, 1.5, 41)
BOUND = NormalDist().inv_cdf(0.9) ** 2 / 2
"""By how much the log-likelihood may lie below its maximum."""


@dataclass(frozen=True)
class Tail:
    """A fitted tail: threshold, share of figures above it, and its parameters: most likely, and at the upper end."""

    threshold: float
    share: float
    shape: float
    scale: float
    most_shape: float
    most_scale: float

    def chance(self, figures: Floats) -> Floats:
        """How often a figure is this high or higher, at the upper end of the shape."""
        found: Floats = self.share * scipy.stats.genpareto.sf(
            figures - self.threshold, self.most_shape, scale=self.most_scale
        )
        return found


def fitted(highest: Floats, total: int) -> Tail | None:
    """The tail above the least of the highest figures, of `total` in all; None where these are too alike to be fitted."""
    threshold = float(highest.min())
    above = np.sort(highest[highest > threshold]) - threshold
    if len(above) < 2:
        return None
    hidden = max(int(np.ceil(len(above) * CENSORED)), 1)
    seen = above[: len(above) - hidden]
    if len(seen) < 2 or seen[-1] <= seen[0]:
        return None
    unit = seen.mean()
    likelihoods, scales = np.array([_profile(seen / unit, hidden, shape) for shape in SHAPES]).T
    best = int(np.argmax(likelihoods))
    most = int(np.flatnonzero(likelihoods >= likelihoods[best] - BOUND).max())
    most = max(most, int(np.searchsorted(SHAPES, 0.0)))
    return Tail(
        threshold, len(above) / total, float(SHAPES[best]), float(scales[best] * unit), float(SHAPES[most]), float(scales[most] * unit)
    )  # fmt: skip


def _profile(seen: Floats, hidden: int, shape: float) -> tuple[float, float]:
    """The greatest log-likelihood for a shape, and the scale that gives it; figures are in units of their mean."""

    def negative(log_scale: float) -> float:
        scale = np.exp(log_scale)
        inner = 1 + shape * seen / scale
        if inner[-1] <= 1e-9:
            return 1e12
        logs = seen / scale if abs(shape) < 1e-9 else np.log(inner) / shape
        return float(len(seen) * log_scale + (1 + shape) * logs.sum() + hidden * logs[-1])

    found = scipy.optimize.minimize_scalar(negative, bounds=(-6, 6), method="bounded", options={"xatol": 1e-4})
    return -float(found.fun), float(np.exp(found.x))
