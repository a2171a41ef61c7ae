"""Charts: plain rows -> Altair charts in the look of the house, as Vega-Lite or as SVG.

    chart = progression(marks, title="Hewing coal: the most by one worker in one shift", unit="t")
    spec(chart), svg(chart, dark=True)

A row is a mapping; each function says which columns it looks at. Figures are drawn as they are given: nothing is added up or divided
here. Decimals are drawn as doubles, and stand beside them as exact text for tooltips. Every chart has a title in words, axes with units,
and a description in a sentence or two for those who cannot see it. What colour tells, shape or place tells too. Dates are drawn as UTC.

Colours are parameters of the chart (`ink`, `red`, `quiet`), so that the same chart is drawn for light and for dark paper.
"""

from .distributions import bunching, counts, neighbours, tail
from .drawing import DARK, LIGHT, NARROW, WIDE, Chart, spec, svg
from .quotas import meeting, spread
from .records import progression
from .work import output_against_quota, own_history

__all__ = [
    "DARK", "LIGHT", "NARROW", "WIDE", "Chart", "bunching", "counts", "meeting", "neighbours", "output_against_quota", "own_history",
    "progression", "spec", "spread", "svg", "tail",
]  # fmt: skip
