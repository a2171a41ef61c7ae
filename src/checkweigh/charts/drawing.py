"""Drawing: paper and ink, fonts, and what all charts share; a chart as Vega-Lite or as SVG."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap
from typing import Any

import altair as alt

from ..render import text

Row = Mapping[str, Any]
Chart = alt.LayerChart
WIDE, NARROW, HIGH = 660, 340, 260
"""Widths of the drawing on a page and on a phone, and its height, in pixels."""
SERIF, SANS = "Source Serif Pro, Georgia, serif", "Source Sans Pro, Helvetica, Arial, sans-serif"
FONTS = ("font_source_serif_pro", "font_source_sans_pro")


@dataclass(frozen=True)
class Palette:
    """What is drawn on which paper."""

    ink: str
    red: str
    quiet: str
    rule: str


LIGHT = Palette(ink="#1b1815", red="#b3180f", quiet="#5d554b", rule="#d8ccb4")
DARK = Palette(ink="#efe6d6", red="#ff6a52", quiet="#b5a996", rule="#3a332c")
INK, RED, QUIET = (alt.ExprRef(name) for name in ("ink", "red", "quiet"))


def spec(chart: Chart, dark: bool = False) -> dict[str, Any]:
    """The chart as Vega-Lite, whole: its data, its look, its description."""
    palette = DARK if dark else LIGHT
    made: dict[str, Any] = chart.to_dict(validate=False)
    colours = [{"name": name, "value": getattr(palette, name)} for name in ("ink", "red", "quiet")]
    return made | {
        "params": [*colours, *made.get("params", [])],
        "config": _config(palette),
        "background": "transparent",
    }


def svg(chart: Chart, dark: bool = False) -> str:
    """The chart as a picture, drawn here: it needs no script and loads nothing."""
    import vl_convert

    _fonts()
    return str(vl_convert.vegalite_to_svg(json.dumps(spec(chart, dark)), allowed_base_urls=[]))


@cache
def _fonts() -> None:
    """Lets texts be measured in the fonts of the house, where they are installed."""
    import vl_convert

    for found in filter(None, map(find_spec, FONTS)):
        vl_convert.register_font_directory(str(Path(str(found.origin)).parent / "files"))


def _config(palette: Palette) -> dict[str, Any]:
    text_look = {"font": SANS, "fontSize": 13, "color": palette.ink}
    return {
        "font": SANS,
        "padding": {"left": 16, "right": 8, "top": 5, "bottom": 5},
        "view": {"stroke": None},
        "text": text_look,
        "title": {
            "font": SERIF, "fontSize": 17, "fontWeight": 600, "color": palette.ink, "anchor": "start", "offset": 12, "frame": "group",
        },
        "axis": {
            "labelColor": palette.quiet, "titleColor": palette.ink, "labelFont": SANS, "titleFont": SANS, "labelFontSize": 13,
            "titleFontSize": 13.5, "titleFontWeight": "normal", "gridColor": palette.rule, "domainColor": palette.ink,
            "tickColor": palette.quiet, "gridOpacity": 0.8, "titlePadding": 8, "labelOverlap": "greedy",
        },
        "legend": {
            "labelColor": palette.ink, "titleColor": palette.quiet, "labelFont": SANS, "titleFont": SANS, "labelFontSize": 13,
            "titleFontWeight": "normal", "symbolStrokeColor": palette.quiet, "titleFontSize": 13,
        },
    }  # fmt: skip


def whole(layers: Sequence[alt.Chart], title: str, said: str, width: int, height: int = HIGH) -> Chart:
    """Layers as one chart, with its title and its description."""
    heading = alt.Title(wrap(title, max(20, width // 10)))  # with room for the wider letters of another font
    held = [layer for layer in layers if layer.data.values] or list(layers)[:1]  # a layer of nothing has no extent
    return alt.LayerChart(layer=held, title=heading, description=said, width=width, height=height)


def points_of(rows: Sequence[Row]) -> alt.Chart:
    """A layer that holds some rows."""
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def drawn(row: Row, *names: str) -> dict[str, Any]:
    """A row in which the named columns can be drawn, each with its exact text beside it."""
    made = {name: _plain(value) for name, value in row.items()}
    for name in names:
        made[name] = _figure(row.get(name))
        made[f"{name}_text"] = text(row.get(name)) or "–"
    return made


def _figure(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return value if isinstance(value, str | int | float | bool | None) else text(value)


def when(name: str, width: int, title: str | None = None) -> alt.X:
    """Days from left to right."""
    by_day = "utchours(datum.value) ? '' : datum.label"  # a day is the finest that is known: no hour is named
    axis = alt.Axis(grid=False, tickCount=max(3, width // 110), labelExpr=by_day)
    return alt.X(f"{name}:T", title=title, scale=alt.Scale(type="utc"), axis=axis)


def along(name: str, title: str, width: int) -> alt.X:
    """Amounts from left to right, from zero."""
    return alt.X(f"{name}:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=max(4, width // 80)))


def upwards(name: str, title: str) -> alt.Y:
    """Amounts from below upwards, from zero."""
    return alt.Y(f"{name}:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=6))


def later(days: Sequence[date], share: float) -> str:
    """A day somewhat after the last of some, so that what stands is seen to go on: a month at least, and no axis of hours."""
    if not days:
        return ""
    span = (max(days) - min(days)).days
    last = max(days).toordinal() + max(30, round(span * share))
    return date.fromordinal(min(last, date.max.toordinal())).isoformat()


def colours(domain: Sequence[str], range: Sequence[alt.ExprRef]) -> alt.Scale:
    """Which word is drawn in which colour."""
    return alt.Scale(domain=list(domain), range=list(range))


def tips(**columns: str) -> list[alt.Tooltip]:
    """What a reader who points at a mark is told: column and how it is called."""
    return [alt.Tooltip(f"{name}:N", title=said) for name, said in columns.items()]


def many(number: int, one: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {one}" + ("" if number == 1 else "s")
