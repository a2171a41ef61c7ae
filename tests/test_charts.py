"""Charts: every one has a title, axes with units and a description, draws the rows that it is given, and needs nothing from elsewhere."""

import json
from datetime import date
from decimal import Decimal

import pytest

from checkweigh import charts

D = Decimal
AUGUST = {
    "on": date(1935, 8, 31),
    "value": D("102.000000000"),
    "who": "Alexei Stakhanov",
    "said": "helpers were never counted",
}
MARKS = [
    {"on": date(1935, 1, 1), "value": D(70), "who": "Izotov", "state": "beaten", "said": "beaten"},
    {**AUGUST, "state": "out"},
    {"on": date(1935, 9, 1), "value": D(115), "who": "Dyukanov", "state": "standing", "said": "stands"},
]  # fmt: skip
CLAIM = {
    "on": date(1935, 8, 31),
    "value": D(102),
    "who": "stakhanov",
    "shift": "august",
    "claim": True,
    "group": "the day",
}
OTHER = {"on": date(1935, 8, 30), "value": D(7), "who": "izotov", "shift": "one", "claim": False, "group": "the day"}
BAND = {"low": D(6), "usual": D(7), "high": D(8)}
CHARTS = {
    "progression": charts.progression(MARKS, title="Hewing coal", unit="t"),
    "output_against_quota": charts.output_against_quota(
        [
            {"on": date(1935, 8, 31), "quantity": D(102), "expected": D(7), "shift": "august", "status": "reported"},
            {"on": date(1935, 9, 1), "quantity": D(6), "expected": None, "shift": "two", "status": "reported"},
        ],
        title="His shifts", unit="t",
    ),
    "own_history": charts.own_history([OTHER | BAND, CLAIM | BAND], title="His own shifts", unit="t per labour hour"),
    "bunching": charts.bunching(
        [
            {"from": D("0.99"), "below": D(1), "shifts": 3, "expected": D(4)},
            {"from": D(1), "below": D("1.01"), "shifts": 9, "expected": D(4)},
        ],
        title="Beside the quota",
    ),
    "tail": charts.tail([CLAIM | {"at_least": 1}, OTHER | {"at_least": 2}], [{"value": 7, "expected": 2.0}], title="The highest", unit="t"),
    "neighbours": charts.neighbours([CLAIM, OTHER], title="The day", unit="t"),
    "counts": charts.counts(
        [{"at": "August", "counted": D(90), "tolerance": D(2), "least": D(102), "most": D(109)}], title="Weighed", unit="t"
    ),
    "spread": charts.spread(
        [{"from": date(1935, 8, 1), "party": "Hewing coal", "shifts": 2, "exceeding": 1, "share": D("0.5")}], title="Where", by="job"
    ),
    "meeting": charts.meeting(
        [{"from": date(1935, 8, 1), "job": "Hewing coal", "share": D("0.5"), "workers": 2}],
        [{"on": date(1937, 1, 1), "said": "13.96 t"}], title="Who meets the quota",
    ),
}  # fmt: skip
EMPTY = {
    "progression": charts.progression([], title="Nothing", unit="t"),
    "output_against_quota": charts.output_against_quota([], title="Nothing", unit="t"),
    "own_history": charts.own_history([], title="Nothing", unit="t"),
    "bunching": charts.bunching([], title="Nothing"),
    "tail": charts.tail([], title="Nothing", unit="t"),
    "neighbours": charts.neighbours([], title="Nothing", unit="t"),
    "counts": charts.counts([], title="Nothing", unit="t"),
    "spread": charts.spread([], title="Nothing", by="job"),
    "meeting": charts.meeting([], title="Nothing"),
}
DRAWING = set(charts.__all__) - {"Chart", "DARK", "LIGHT", "NARROW", "WIDE", "spec", "svg"}


def values(spec, layer=None):
    """Every row that a chart draws, or those of one of its layers."""
    layers = spec["layer"] if layer is None else [spec["layer"][layer]]
    return [row for one in layers for row in spec["datasets"][one["data"]["name"]]]


def axis_titles(spec):
    """What stands beside the axes, and what there is without a title."""
    return {
        part["title"]
        for layer in spec["layer"]
        for name, part in layer["encoding"].items()
        if name in ("x", "y") and "title" in part
    }


def test_every_kind_of_chart_is_tried():
    assert set(CHARTS) == set(EMPTY) == DRAWING


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_says_what_it_shows(name):
    spec = charts.spec(CHARTS[name])
    title = " ".join(spec["title"]["text"])
    assert title and spec["description"].startswith(title + ".") and len(spec["description"]) > len(title) + 10
    assert any(axis_titles(spec)) or name == "spread", "a reader must know what the axis measures"
    assert any("tooltip" in layer["encoding"] for layer in spec["layer"])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_here_and_asks_nobody(name, dark):
    spec, drawn = charts.spec(CHARTS[name], dark), charts.svg(CHARTS[name], dark)
    assert "http" not in json.dumps({key: part for key, part in spec.items() if key != "$schema"})
    assert drawn.startswith("<svg") and "<script" not in drawn and "NaN" not in drawn and "undefined" not in drawn
    assert (charts.DARK if dark else charts.LIGHT).ink in drawn


@pytest.mark.parametrize("name", EMPTY)
def test_a_chart_of_nothing_is_drawn_too(name):
    assert charts.svg(EMPTY[name]).startswith("<svg")


def test_a_mark_that_left_the_class_is_drawn_beside_the_steps():
    spec = charts.spec(CHARTS["progression"])
    steps, signs = values(spec, 0), values(spec, 1)
    assert [row["value"] for row in steps] == [70, 115, 115] and steps[-1]["on"] > "1935-09-01"
    assert {row["value"]: row["state"] for row in signs} == {70: "beaten", 102: "out", 115: "standing"}
    assert "Out of the class now: 102 t by Alexei Stakhanov." in spec["description"]


def test_figures_stand_beside_the_drawing_to_the_last_digit():
    exact = D("14.571428000")
    spec = charts.spec(charts.progression([{**MARKS[0], "value": exact}], title="One", unit="quotas"))
    assert {row["value_text"] for row in values(spec) if "value_text" in row} == {"14.571428"}


def test_what_missed_the_quota_by_the_last_digit_is_not_drawn_as_met():
    row = {"on": date(2026, 1, 1), "quantity": D("6.999999999"), "expected": D(7), "shift": "s", "status": "reported"}
    drawn = values(charts.spec(charts.output_against_quota([row], title="One", unit="t")))
    assert {one["met"] for one in drawn} == {"missed it"}
    less = values(charts.spec(charts.output_against_quota([{**row, "met": True}], title="Less is better", unit="t")))
    assert {one["met"] for one in less} == {"met the quota"}


def test_labels_on_a_phone_do_not_lie_on_the_axis():
    marks = [
        {"on": date(1935, day, 1), "value": Decimal(value), "who": "Stakhanov", "state": state, "said": ""}
        for day, value, state in ((1, 70, "beaten"), (5, 227, "beaten"), (12, 321, "standing"))
    ]
    for width, sides in ((charts.WIDE, ["right", "left", "left"]), (charts.NARROW, ["right", "right", "left"])):
        drawn = charts.spec(charts.progression(marks, title="Steps", unit="t", width=width))
        assert [row["side"] for row in values(drawn, 1)] == sides


def test_marks_of_a_few_days_have_their_labels_where_there_is_room():
    """What stands goes on for a month at least, so marks of two days lie close to the axis."""
    close = [{**MARKS[0], "on": date(2026, 9, day), "state": state} for day, state in ((1, "beaten"), (3, "standing"))]
    close[1]["value"] = D(90)
    drawn = charts.spec(charts.progression(close, title="Close", unit="t"))
    assert [row["side"] for row in values(drawn, 1)] == ["right", "right"]


def test_labels_do_not_lie_on_each_other():
    close = [{**MARKS[0], "value": D(100 + step), "state": "beaten"} for step in range(5)] + [
        {**MARKS[2], "value": D(105)}
    ]
    labels = [row["label"] for row in values(charts.spec(charts.progression(close, title="Close", unit="t")), 1)]
    assert labels[-2:] == ["104 Izotov", "105 Dyukanov"] and not any(labels[:-2]), "four more lie where 104 stands"
