"""How quotas are met: where and when they were exceeded, and by what share of the workers."""

from collections.abc import Sequence

import altair as alt

from ..render import text
from .drawing import INK, QUIET, RED, WIDE, Chart, Row, drawn, many, points_of, tips, when, whole


def spread(months: Sequence[Row], *, title: str, by: str, width: int = WIDE) -> Chart:
    """Where the quota was met, and when. Columns: from, party, shifts, exceeding (those that met it), share; parties in their order."""
    rows = [drawn(row, "from", "share") for row in months]
    parties = list(dict.fromkeys(row["party"] for row in rows))
    x = when("from", width).scale(type="utc", padding=16)  # the largest circle stays clear of the names
    y = alt.Y("party:N", title=None, sort=parties, axis=alt.Axis(grid=True, domain=False, ticks=False, labelLimit=170))
    legend = alt.Legend(orient="top", tickCount=3, offset=4)
    size = alt.Size("exceeding:Q", title="shifts that met the quota", scale=alt.Scale(range=[30, 520]), legend=legend)
    seen = tips(party=by, from_text="from", exceeding="met the quota", shifts="shifts with a quota", share_text="share")
    above, none = ([row for row in rows if bool(row["exceeding"]) is wanted] for wanted in (True, False))
    missed = points_of(none).mark_tick(color=QUIET, thickness=1.5, height=9, orient="vertical")
    layers = [
        missed.encode(x, y, tooltip=seen),
        points_of(above).mark_circle(color=RED, opacity=0.75).encode(x, y, size, tooltip=seen),
    ]
    first = {row["party"]: row["from"] for row in reversed(months) if row["exceeding"]}
    said = f"{title}. " + " ".join(f"{party} from {text(first[party])}." for party in parties if party in first)
    return whole(layers, title, said, width, max(80, 30 * len(parties)))


def meeting(shares: Sequence[Row], changed: Sequence[Row] = (), *, title: str, width: int = WIDE) -> Chart:
    """The share of workers who meet the quota. Columns: from, share (0 to 1), workers, job (a line for each);

    of the changes of the quota: on, said.
    """
    rows, marks = [drawn(row, "from", "share") for row in shares], [drawn(row, "on") for row in changed]
    x, on = when("from", width), when("on", width)
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=5)
    y = alt.Y("share:Q", title="share of workers who meet the quota", scale=scale, axis=axis)
    jobs = list(dict.fromkeys(row["job"] for row in rows))
    legend = alt.Legend(title=None, orient="top", offset=4) if len(jobs) > 1 else None
    line = points_of(rows).mark_line(interpolate="step-after", color=RED, strokeWidth=2)
    seen = tips(job="job", from_text="from", share_text="share", workers="workers")
    word = points_of(marks).mark_text(align="left", baseline="top", dx=4, color=INK)
    layers = [
        line.encode(x, y, alt.StrokeDash("job:N", sort=jobs, legend=legend)),
        points_of(rows).mark_point(filled=True, color=RED, size=40, opacity=1).encode(x, y, tooltip=seen),
        points_of(marks)
        .mark_rule(color=INK, strokeDash=[2, 3])
        .encode(on, tooltip=tips(said="the quota", on_text="on")),
        word.encode(on, y=alt.value(0), text="said:N"),
    ]
    last = "".join(f" {row['job']}: {text(row['share'])} from {text(row['from'])}." for row in shares[-1:])
    return whole(layers, title, f"{title}.{last} The quota changed {many(len(changed), 'time')}.", width)
