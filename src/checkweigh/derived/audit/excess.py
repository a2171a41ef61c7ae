"""Excess mass: how many more reports stand in the bin at a quota than a smooth distribution would put there. Arrays in, figures out.

Bins are one percent of the quota wide and reach a quarter to either side; the quota's own bin is [1, 1.01) of it. With r the exposure of
a bin (how many figures can be written in it, for the quotas asked and the unit counted in; the same for all where the unit is fine), z
its middle and d the share of those figures that are round numbers, the counts outside of the excluded bins [0.98, 1.02) are fitted by

    counterfactual = r exp(a₀ + a₁ z + ... + a₇ z⁷ + Σ b d)

a polynomial counterfactual with dummies for round numbers (Saez 2010; Chetty, Friedman, Olsen and Pistaferri 2011; Kleven and Waseem
2013), fitted on the logarithm by Poisson regression, so that no count is expected to be negative and a narrow honest peak at the quota is
fitted as well as a broad one. Whoever bunches would otherwise stand in another bin, so the counterfactual is scaled until it holds as
many reports as there are (the integration constraint; on both sides, since a quota draws reports up to it and holds others down to it):
the factor is all reports ÷ (reports outside + counterfactual inside).

    excess B = reports in the quota's bin - counterfactual there         b = B ÷ counterfactual there

The standard error of B is that of 200 bootstrap draws: the counterfactual plus resampled residuals, in units of the root of the count
since counts vary as their size, fitted again; and never less than Poisson noise; that of b adds how uncertain its denominator is (delta
method). The p-value is one-sided: the greater of the normal tail of B ÷ standard error, and of the tail of a Poisson count whose mean is
as uncertain as the draws say, which matters where counts are small.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
REACH = 25
BINS = np.arange(-REACH, REACH)
MEASURED = BINS == 0
EXCLUDED = (BINS >= -2) & (BINS < 2)
DEGREE = 7
BINS_A_TERM = 4
REPORTS_A_TERM = 8
FEWEST_BINS = 8
DRAWS = 200
LEAST = 0.5
STEPS = 12
NEAR_STEPS = 5
LEAST_NOISE = 0.8416  # below, even Poisson noise alone gives a p-value above 0.2
RIDGE = 0.05


@dataclass(frozen=True)
class Excess:
    """What stands in the quota's bin (`found`), what a smooth distribution would put there, and how sure that is."""

    found: int
    counterfactual: float
    excess: float
    standard_error: float
    b: float
    b_standard_error: float
    p_value: float


def excess(counts: Floats, exposure: Floats | None = None, rounds: Floats | None = None) -> Excess | None:
    """The excess at the quota of counts in `BINS`; None where there is none to speak of (p-value above 0.2),
    or too few bins can hold a figure to tell.

    `exposure` has one figure per bin, `rounds` one row per sort of round number: the share of the figures in each bin. The draws are
    seeded by the counts: the same question gets the same answer.
    """
    exposure = np.ones(len(BINS)) if exposure is None else exposure / exposure.mean()
    outside = ~EXCLUDED & (exposure > 0)
    if outside.sum() < FEWEST_BINS or not exposure[MEASURED].all():
        return None
    counts = np.where(exposure > 0, counts, 0.0)
    design = _design(rounds, outside, counts[outside].sum())
    terms = _fitted(counts[None, :], design, exposure, outside, None, STEPS)
    smooth = _counterfactual(counts[None, :], terms, design, exposure, outside)[0]
    found, expected = counts[MEASURED].sum(), max(smooth[MEASURED].sum(), LEAST)
    if found < expected + LEAST_NOISE * np.sqrt(expected):
        return None
    drawn = _draws(counts, smooth, outside, design.shape[1])
    terms = _fitted(drawn, design, exposure, outside, terms, NEAR_STEPS)
    again = _counterfactual(drawn, terms, design, exposure, outside)[:, MEASURED].sum(1)
    error = max((drawn[:, MEASURED].sum(1) - again).std(ddof=1), np.sqrt(expected))
    p_value = max(
        scipy.stats.norm.sf((found - expected) / error), _rare(found, expected, max(again.var(ddof=1), LEAST**2))
    )
    b = found / expected - 1
    b_error = np.hypot(error, b * again.std(ddof=1)) / expected
    figures = (expected, found - expected, error, b, b_error, p_value)
    return Excess(int(found), *(float(figure) for figure in figures))


def _rare(found: float, expected: float, variance: float) -> float:
    """How often a Poisson count whose mean is itself uncertain (gamma, with this variance) is as large as found."""
    return float(scipy.stats.nbinom.sf(found - 1, expected**2 / variance, expected / (expected + variance)))


def _design(rounds: Floats | None, outside: Mask, reports: float) -> Floats:
    """The terms of the fit, one column each: fewer where few bins can hold a figure, or few reports are there."""
    degree = int(min(DEGREE, outside.sum() // BINS_A_TERM, max(reports // REPORTS_A_TERM, 2)))
    smooth = np.polynomial.legendre.legvander((BINS + 0.5) / REACH, degree)
    telling = [one for one in rounds if np.ptp(one[outside]) > 0] if rounds is not None else []
    return np.column_stack([smooth, *telling])


def _fitted(
    counts: Floats, design: Floats, exposure: Floats, outside: Mask, start: Floats | None, steps: int
) -> Floats:
    """The terms for each row of counts: iterated weighted least squares, all rows at once, from terms that are near if there are any.

    A slight ridge keeps the terms finite where bins at the edge are empty.
    """
    x, r, y = design[outside], exposure[outside], counts[:, outside]
    ridge = RIDGE * np.eye(design.shape[1])
    ridge[0, 0] = 0
    squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    mean = (y + y.mean(1, keepdims=True)) / 2 + 1e-9 if start is None else r * np.exp(start @ x.T)
    for _ in range(steps):
        working = np.log(mean / r) + (y - mean) / mean
        normal = (mean @ squares).reshape(-1, *ridge.shape) + ridge
        terms: Floats = np.linalg.solve(normal, ((mean * working) @ x)[:, :, None])[:, :, 0]
        mean = r * np.exp(np.clip(terms @ x.T, -20, 20))
    return terms


def _counterfactual(counts: Floats, terms: Floats, design: Floats, exposure: Floats, outside: Mask) -> Floats:
    """What the terms say of every bin, scaled to hold as many reports as each row of counts does."""
    smooth = exposure * np.exp(np.clip(terms @ design.T, -20, 20))
    held = counts[:, outside].sum(1) + smooth[:, ~outside].sum(1)
    scaled: Floats = smooth * (counts.sum(1) / np.maximum(held, LEAST))[:, None]
    return scaled


def _draws(counts: Floats, smooth: Floats, outside: Mask, terms: int) -> Floats:
    """Counts as they might have come without bunching: the counterfactual and resampled residuals."""
    rng = np.random.default_rng(counts.astype(np.int64))
    root = np.sqrt(np.maximum(smooth, LEAST))
    residuals = (counts - smooth * counts[outside].sum() / max(smooth[outside].sum(), LEAST))[outside] / root[outside]
    residuals = (residuals - residuals.mean()) * np.sqrt(outside.sum() / (outside.sum() - terms))
    drawn: Floats = np.maximum(smooth + rng.choice(residuals, (DRAWS, len(smooth))) * root, 0)
    return drawn
