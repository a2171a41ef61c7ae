"""Shifts in the course of time: against the quota, and a claim beside its own history."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from ..render import text
from .drawing import INK, QUIET, RED, WIDE, Chart, Row, colours, drawn, many, points_of, tips, upwards, when, whole

MET = {"met the quota": ("circle", RED), "missed it": ("triangle-down", INK), "no quota": ("square", QUIET)}
DASHED = [5, 3]


def output_against_quota(
    shifts: Sequence[Row], *, title: str, unit: str, measure: str = "quantity", width: int = WIDE
) -> Chart:
    """Each shift against what its quota asked. Columns: on, quantity, expected (or absent), shift, status; met, where less is better."""
    rows = [drawn(row, "on", "quantity", "expected") | {"met": _met(row)} for row in shifts]
    asked = [row for row in rows if row["expected"] is not None]
    x, heading = when("on", width), f"{measure} ({unit})"
    line = points_of(asked).mark_line(interpolate="step-after", color=QUIET, strokeWidth=1.5, strokeDash=DASHED)
    seen = tips(shift="shift", on_text="on", quantity_text=unit, expected_text="the quota asked", status="status")
    points = points_of(rows).mark_point(filled=True, size=60 if len(rows) < 100 else 22, opacity=0.85)
    layers = (
        [line.encode(x, upwards("expected", heading))] if asked else []
    )  # a line of nothing has nothing to say to a screen reader
    layers.append(points.encode(x, upwards("quantity", heading), *_met_or_not(rows), tooltip=seen))
    met = sum(row["met"] == "met the quota" for row in rows)
    said = f"{title}. {many(len(rows), 'shift')}; {met} of the {len(asked)} that have a quota met it. The dashed line is the quota."
    return whole(layers, title, said, width)


def _met(row: Row) -> str:
    if row.get("expected") is None:
        return "no quota"
    met = row["met"] if row.get("met") is not None else row["quantity"] >= row["expected"]
    return "met the quota" if met else "missed it"


def _met_or_not(rows: Iterable[Row]) -> tuple[alt.Shape, alt.Color]:
    found = {row["met"] for row in rows}
    known = [name for name in MET if name in found]
    legend = alt.Legend(title=None, orient="top", offset=4)
    return (
        alt.Shape("met:N", legend=legend, scale=alt.Scale(domain=known, range=[MET[name][0] for name in known])),
        alt.Color("met:N", legend=legend, scale=colours(known, [MET[name][1] for name in known])),
    )


def own_history(shifts: Sequence[Row], *, title: str, unit: str, width: int = WIDE) -> Chart:
    """A claim beside what the same party did before. Columns: on, value, low, usual, high (of those before), claim, shift."""
    rows = [drawn(row, "on", "value", "low", "usual", "high") for row in shifts]
    heading = f"quantity ({unit})"
    x, y = when("on", width), upwards("value", heading)
    before = points_of([row for row in rows if row["low"] is not None])
    band = before.mark_area(color=QUIET, opacity=0.25).encode(x, upwards("low", heading), alt.Y2("high:Q"))
    usual = before.mark_line(color=QUIET, strokeDash=DASHED).encode(x, upwards("usual", heading))
    said = f"{title}. {claimed(shifts, unit)} The band is the usual range of the shifts before."
    return whole([band, usual, *with_claim(rows, x, y, unit)], title, said, width)


def with_claim(rows: Sequence[dict[str, Any]], x: alt.X, y: alt.Y, unit: str) -> list[alt.Chart]:
    """All shifts as points, the claim as a large red diamond."""
    seen = tips(shift="shift", who="who", on_text="on", value_text=unit)
    rows = [{"shift": "–", "who": "–", "on_text": "–"} | row for row in rows]
    others, claims = ([row for row in rows if bool(row.get("claim")) is wanted] for wanted in (False, True))
    plain = points_of(others).mark_point(filled=True, color=INK, size=26, opacity=0.7)
    red = points_of(claims).mark_point(filled=True, color=RED, size=150, shape="diamond", opacity=1)
    return [plain.encode(x, y, tooltip=seen), red.encode(x, y, tooltip=seen)]


def claimed(rows: Sequence[Row], unit: str) -> str:
    """The claim in words, against the highest of the others."""
    claims = [text(row["value"]) for row in rows if row.get("claim")]
    others = [row["value"] for row in rows if not row.get("claim")]
    rest = f" against at most {text(max(others))} {unit} in {many(len(others), 'other shift')}" if others else ""
    return f"The claim: {' and '.join(claims)} {unit}{rest}." if claims else f"{many(len(others), 'shift')}."
