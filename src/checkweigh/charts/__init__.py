"""Charts: plain rows -> Altair charts in the look of the house, as Vega-Lite or as SVG.

    chart = progression(marks, title="Hewing coal: the most by one worker in one shift", unit="t")
    spec(chart), svg(chart, dark=True)

A row is a mapping; each function says which columns it looks at. Figures are drawn as they are given: nothing is added up or divided
here. Decimals are drawn as doubles, and stand beside them as exact text for tooltips. Every chart has a title in words, axes with units,
and a description in a sentence or two for those who cannot see it. What colour tells, shape or place tells too. Dates are drawn as UTC.

Colours are parameters of the chart (`ink`, `red`, `quiet`), so that the same chart is drawn for light and for dark paper.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .distributions import bunching, counts, neighbours, tail
    from .drawing import DARK, LIGHT, NARROW, WIDE, Chart, spec, svg
    from .quotas import meeting, spread
    from .records import progression
    from .work import output_against_quota, own_history

__all__ = [
    "DARK", "LIGHT", "NARROW", "WIDE", "Chart", "bunching", "counts", "meeting", "neighbours", "output_against_quota", "own_history",
    "progression", "spec", "spread", "svg", "tail",
]  # fmt: skip
_MODULES = ("distributions", "drawing", "quotas", "records", "work")


def __getattr__(name: str) -> Any:
    """A name of `__all__`, from its module. Altair is loaded with the first one: a board that has drawn nothing yet starts without it."""
    if name in __all__:
        modules = (import_module(f".{module}", __name__) for module in _MODULES)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
