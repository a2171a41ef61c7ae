"""The progression of a record as steps, with what was taken out of it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt

from ..render import text
from .drawing import (
    HIGH,
    INK,
    RED,
    WIDE,
    Chart,
    Row,
    colours,
    drawn,
    later,
    many,
    points_of,
    tips,
    upwards,
    when,
    whole,
)

STATES = {
    "standing": "circle",
    "beaten": "circle",
    "verified": "circle",
    "disputed": "triangle-up",
    "adjusted": "diamond",
    "out": "M-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0L-1,-.6Z",
}
"""What became of a mark, and the sign for it; `out`: it was in the class once, and a verdict took it out."""
IN_RED = {"standing", "out", "disputed"}


def progression(marks: Sequence[Row], *, title: str, unit: str, measure: str = "quantity", width: int = WIDE) -> Chart:
    """The marks of a class as steps. Columns: on, value, who, state (of STATES), said (what became of it)."""
    rows = [drawn(row, "on", "value") | {"label": _label(row)} for row in marks]
    _choose_labels(rows, width)
    x, y = when("on", width, "set on"), upwards("value", f"{measure} ({unit})")
    kept = [row for row in rows if row["state"] != "out"]
    steps = kept + [row | {"on": later([row["on"] for row in marks], 0.06)} for row in kept[-1:]]
    line = points_of(steps).mark_line(interpolate="step-after", color=INK, strokeWidth=2).encode(x, y)
    seen = tips(who="who", value_text=unit, on_text="set on", state="status", said="what became of it")
    signs = points_of(rows).mark_point(size=90, filled=True, opacity=1)
    signed = signs.encode(x, y, *_signs({row["state"] for row in rows}), tooltip=seen)
    return whole([line, signed, *_labels(rows, x, y)], title, _told(title, marks, unit), width)


def _label(row: Row) -> str:
    return f"{text(row['value'])} {str(row['who']).split(' ')[-1]}"


def _signs(states: set[str]) -> tuple[alt.Shape, alt.Color]:
    """Shape and colour of the states that occur; a legend only where something became of a mark."""
    known = [state for state in STATES if state in states]
    legend = alt.Legend(title=None, orient="top", offset=4) if states - {"standing", "beaten"} else None
    return (
        alt.Shape("state:N", legend=legend, scale=alt.Scale(domain=known, range=[STATES[name] for name in known])),
        alt.Color("state:N", legend=legend, scale=colours(known, [RED if name in IN_RED else INK for name in known])),
    )


def _choose_labels(rows: list[dict[str, Any]], width: int) -> None:
    """Blanks the labels that would lie on another; the standing mark and what is out are placed first, then the highest."""
    moments = [date.fromisoformat(row["on"]).toordinal() for row in rows]
    first, end = min(moments, default=0), later([date.fromordinal(moment) for moment in moments], 0.06)
    span = max(date.fromisoformat(end).toordinal() - first, 1) if end else 1
    top = max((row["value"] for row in rows), default=1.0) or 1.0
    taken: list[tuple[float, float, float]] = []
    for i in sorted(range(len(rows)), key=lambda i: (rows[i]["state"] not in ("standing", "out"), -rows[i]["value"])):
        x, y = (moments[i] - first) / span * width, rows[i]["value"] / top * (HIGH - 20)
        wide = 6.9 * len(rows[i]["label"]) + 10
        left = x > wide * (1 if width >= WIDE else 1.4)  # a phone has less room beside the axis
        rows[i]["side"] = "left" if left else "right"
        start = x - wide if left else x + 4
        if any(abs(y - other) < 14 and start < stop and begin < start + wide for begin, stop, other in taken):
            rows[i]["label"] = ""
        else:
            taken.append((start, start + wide, y))


def _labels(rows: list[dict[str, Any]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The labels beside the marks: to the left, where there is room."""
    left, right = ([row for row in rows if row["label"] and row["side"] == side] for side in ("left", "right"))
    return [
        points_of(left).mark_text(align="right", dx=-9, dy=-6, color=INK).encode(x, y, text="label:N"),
        points_of(right).mark_text(align="left", dx=9, dy=8, color=INK).encode(x, y, text="label:N"),
    ]


def _told(title: str, marks: Sequence[Row], unit: str) -> str:
    kept = [row for row in marks if row["state"] != "out"]
    if not kept:
        return f"{title}. No mark stands."
    first, last = kept[0], kept[-1]
    said = [
        f"{title}. {many(len(kept), 'mark')}, from {text(first['value'])} {unit} by {first['who']} on {text(first['on'])}",
        f" to {text(last['value'])} {unit} by {last['who']} on {text(last['on'])}.",
        *(
            f" Out of the class now: {text(row['value'])} {unit} by {row['who']}."
            for row in marks
            if row["state"] == "out"
        ),
    ]
    return "".join(said)
