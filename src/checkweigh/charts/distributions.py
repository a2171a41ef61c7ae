"""How the figures of many shifts are spread: beside the quota, in the tail, among neighbours; and counts beside sums."""

from collections.abc import Sequence

import altair as alt

from ..render import text
from .drawing import INK, QUIET, RED, WIDE, Chart, Row, along, colours, drawn, many, points_of, tips, upwards, whole
from .work import DASHED, claimed, with_claim

SIDES = ("below the quota", "at or above the quota")


def bunching(bins: Sequence[Row], *, title: str, width: int = WIDE) -> Chart:
    """How many shifts lie where beside the quota. Columns: from, below (attainments), shifts, expected (smoothly spread; or absent)."""
    rows = [drawn(row, "from", "below", "expected") | {"side": SIDES[row["from"] >= 1]} for row in bins]
    rows = [row | {"middle": (row["from"] + row["below"]) / 2, "floor": 0} for row in rows]
    scale = alt.Scale(zero=False, nice=False)
    x = alt.X(
        "from:Q", title="attainment (1 = the quota)", scale=scale, axis=alt.Axis(grid=False, tickCount=width // 60)
    )
    seen = tips(from_text="from", below_text="below", shifts="shifts", expected_text="a smooth spread gives")
    legend = alt.Legend(title=None, orient="top", offset=4)
    side = alt.Color("side:N", scale=colours(SIDES, [QUIET, RED]), legend=legend)
    bars = points_of(rows).mark_rect(stroke="transparent", strokeWidth=1)
    curve = points_of([row for row in rows if row["expected"] is not None]).mark_line(color=INK, strokeWidth=1.5)
    layers = [
        bars.encode(x, upwards("floor", "shifts"), side, x2="below:Q", y2="shifts:Q", tooltip=seen),
        curve.encode(alt.X("middle:Q"), alt.Y("expected:Q")),
        *_quota_line(),
    ]
    total, above = sum(row["shifts"] for row in bins), sum(row["shifts"] for row in bins if row["from"] >= 1)
    said = f"{title}. {many(total, 'shift')} near the quota, {above} of them at or above it."
    return whole(layers, title, said, width)


def _quota_line() -> list[alt.Chart]:
    quota = points_of([{"at": 1, "said": "the quota"}])
    word = quota.mark_text(align="right", baseline="top", dx=-5, color=INK)
    return [
        quota.mark_rule(color=INK, strokeWidth=1.5).encode(x="at:Q"),
        word.encode(x="at:Q", y=alt.value(0), text="said:N"),
    ]


def tail(shifts: Sequence[Row], fitted: Sequence[Row] = (), *, title: str, unit: str, width: int = WIDE) -> Chart:
    """The highest figures of a job, both axes by powers of ten.

    Columns: value, at_least (how many shifts reached so much), claim, shift; of the fitted tail: value, expected (how many would).
    """
    rows = [drawn(row, "value", "at_least", "on") for row in shifts if row["value"] > 0]
    curve = [drawn(row, "value", "expected") for row in fitted if row["value"] > 0 and row["expected"] > 0]
    scale, axis = alt.Scale(type="log", nice=False, padding=12), alt.Axis(tickCount=6, format="~s", grid=False)
    x = alt.X("value:Q", title=f"quantity ({unit})", scale=scale, axis=axis)
    heading = "shifts that reached as much"
    y, expected = (alt.Y(f"{name}:Q", title=heading, scale=scale, axis=axis) for name in ("at_least", "expected"))
    line = points_of(curve).mark_line(color=QUIET, strokeDash=DASHED, clip=True).encode(x, expected)
    said = f"{title}. {claimed(shifts, unit)}" + (" The dashed line is the tail as fitted." if fitted else "")
    return whole([line, *with_claim(rows, x, y, unit)], title, said, width)


def neighbours(shifts: Sequence[Row], *, title: str, unit: str, width: int = WIDE) -> Chart:
    """A claim among its neighbours, a tick for each shift. Columns: value, claim, who, shift, group (a line of ticks for each)."""
    rows = [drawn(row, "value") for row in shifts]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    x, y = along("value", f"quantity ({unit})", width), _lines("group", groups)
    seen = tips(who="who", shift="shift", value_text=unit)
    others, claims = ([row for row in rows if bool(row.get("claim")) is wanted] for wanted in (False, True))
    ticks = points_of(others).mark_tick(color=INK, opacity=0.55, thickness=2).encode(x, y, tooltip=seen)
    red = points_of(claims).mark_point(filled=True, color=RED, size=150, shape="diamond", opacity=1)
    said = f"{title}. {claimed(shifts, unit)}"
    return whole([ticks, red.encode(x, y, tooltip=seen)], title, said, width, max(60, 46 * len(groups)))


def counts(sums: Sequence[Row], *, title: str, unit: str, width: int = WIDE) -> Chart:
    """What was counted independently beside what the shifts add up to. Columns: at (in words), counted, tolerance, least, most."""
    rows = [drawn(row, "counted", "least", "most", "tolerance") for row in sums]
    rows = [row | {"low": row["counted"] - row["tolerance"], "high": row["counted"] + row["tolerance"]} for row in rows]
    y = _lines("at", [row["at"] for row in rows])
    counted, low, least = (along(name, unit, width) for name in ("counted", "low", "least"))
    seen = tips(
        at="when", counted_text="counted", tolerance_text="give or take", least_text="shifts", most_text="at most"
    )
    drawing = points_of(rows)
    layers = [
        drawing.mark_bar(color=QUIET, opacity=0.55, height=14).encode(counted, y, tooltip=seen),
        drawing.mark_rule(color=INK, strokeWidth=2).encode(low, y, x2="high:Q"),
        drawing.mark_rule(color=RED, strokeWidth=3).encode(least, y, x2="most:Q", tooltip=seen),
        drawing.mark_point(filled=True, color=RED, size=90, shape="diamond", opacity=1).encode(least, y, tooltip=seen),
    ]
    each = " ".join(
        f"{row['at']}: {text(row['counted'])} {unit} counted, {text(row['least'])} in shifts." for row in sums
    )
    said = f"{title}. {each} Bars are the counts, diamonds the sums of the shifts."
    return whole(layers, title, said, width, max(60, 40 * len(rows)))


def _lines(name: str, order: list[str]) -> alt.Y:
    """A line of the drawing for each word."""
    axis = alt.Axis(domain=False, ticks=False, labelLimit=180)
    return alt.Y(f"{name}:N", title=None, sort=order, axis=axis)


__all__ = ["bunching", "counts", "neighbours", "tail"]
