"""Units: conversion is exact or refused, one by one and by the column."""

from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import bounds, fields, units
from checkweigh.importing import cells
from checkweigh.importing.amounts import in_unit_of_jobs


@pytest.mark.parametrize(
    ("quantity", "given_unit", "wanted", "converted"),
    [
        ("102000", "kg", "tonne", "102"), ("102", "t", "kg", "102000"), ("1", "short_ton", "kg", "907.18474"),
        ("907.18474", "kg", "short_ton", "1"), ("3", "pair", "pair", "3"), ("3", "pair", "piece", None), ("3", "m", "kg", None),
        ("1", "kg", "short_ton", None), ("2", "ton", "tonne", None), ("5", "mile", "m", "8046.72"), ("0", "kg", "tonne", "0"),
        ("1", "degC", "kelvin", None), ("0.000000001", "kg", "tonne", None),
    ],
)  # fmt: skip
def test_conversion(quantity, given_unit, wanted, converted):
    assert units.convert(Decimal(quantity), given_unit, wanted) == (None if converted is None else Decimal(converted))


@pytest.mark.parametrize(
    "unit", ['rker": [', "m**9**9", "km**999999999", "(" * 99, "m" * 99, "__import__('os')", "lambda: m", "m.real"]
)
def test_what_is_no_unit_is_a_counting_unit(unit):
    assert units.factor(unit, "m") is None and units.factor("m", unit) is None
    assert units.factor(unit, unit) == 1


@pytest.mark.parametrize(
    ("unit", "wanted", "ratio"),
    [("m**3", "l", 1000), ("m³", "l", 1000), ("m^3", "l", 1000), ("kWh", "MJ", "3.6"), ("km / hour", "m/minute", "16.66666666"),
     ("tonne km", "kg m", 10**6), ("µm", "mm", "0.001")],
)  # fmt: skip
def test_units_that_are_made_of_others(unit, wanted, ratio):
    assert abs(units.factor(unit, wanted) - Fraction(ratio)) < Fraction(1, 10**6)


def by_the_column(texts, given_units, jobs, unit_of):
    given_units = (
        given_units if given_units is None or isinstance(given_units, str) else pa.array(given_units, pa.string())
    )
    coded = pa.array(jobs).dictionary_encode()
    found, problems = in_unit_of_jobs("quantity", pa.array(texts, pa.string()), given_units, coded, unit_of)
    refused = {int(row) for problem in problems for row in problem.rows}
    return [None if row in refused else value for row, value in enumerate(found.to_pylist())], refused


UNITS = ["kg", "tonne", "short_ton", "pound", "m", "pair", None]
NUMBERS = st.decimals(0, 10**9 - 1, places=9) | st.integers(0, 10**9 - 1).map(Decimal) | st.decimals(0, 2000, places=2)
CELLS = st.tuples(
    NUMBERS.map(lambda number: format(number, "f")), st.sampled_from(UNITS), st.sampled_from(["hew", "walk", "sew"])
)
OF_JOBS = {"hew": "tonne", "walk": "m", "sew": "pair"}


@settings(max_examples=200, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=20))
def test_a_column_is_converted_as_its_cells_are(cells):
    texts, given_units, jobs = map(list, zip(*cells, strict=True))
    found, refused = by_the_column(texts, given_units, jobs, OF_JOBS)
    for row, (text, unit, job) in enumerate(cells):
        try:
            expected = fields.quantity(text if unit is None else f"{text} {unit}", OF_JOBS[job])
        except fields.Unreadable:
            expected = None
        if expected is None or len(expected.partition(".")[0]) > 9:
            assert row in refused
        else:
            assert found[row] == Decimal(expected)


def test_a_unit_for_all_and_units_in_cells():
    found, refused = by_the_column(["102", "7 kg", "1,234.5", "x", None, "5 m"], "t", ["hew"] * 6, {"hew": "tonne"})
    assert found[:3] == [Decimal(102), Decimal("0.007"), Decimal("1234.5")] and refused == {3, 5}
    found, refused = by_the_column(["102", "7 kg"], None, ["hew"] * 2, {"hew": "tonne"})
    assert found == [Decimal(102), Decimal("0.007")] and not refused
    assert by_the_column(["-5"], "kg", ["hew"], {"hew": "tonne"})[0] == [Decimal("-0.005")]


@pytest.mark.parametrize(
    "texts",
    [
        ["bo:timberer:5.75;cy::5", None, "none", "bo: hewer :1", "b o:é:1", "bo::5:45", '[{"worker":"bo","hours":"2"}]'],
        [None, "bo::1", None], ["none"], [None], [], ["bo::x", "bo::1"],
    ],
)  # fmt: skip
def test_helpers_of_a_column_are_those_of_its_cells(texts):
    column = pa.array(texts, pa.string())
    found, problems = cells.helpers("helpers", column)
    refused = {int(row) for problem in problems for row in problem.rows}
    assert len(found) == len(texts)
    for row, text in enumerate(texts):
        if text is None or row in refused:
            assert found[row].as_py() is None and (text is None or "x" in text)
        else:
            listed = [
                {"role": None, **one, "hours": Decimal(one["hours"])} for one in fields.helpers(text.replace(";", ","))
            ]
            assert found[row].as_py() == listed


PLAIN = st.sampled_from(["bo", "c y", "x-1"])
WORDS = PLAIN | st.sampled_from([" z", "z ", "", "é", "a:b", r"\\", "n{"])
HOURS = st.sampled_from(["8.0", "5.75", '"4"', "0"]) | st.sampled_from(
    ["08", '"08"', '"5:45"', "1e1", "0.1234567", "7000000", "null"]
)


@st.composite
def json_helpers(draw):
    """A cell with a JSON array of helpers, as programs write them or nearly so."""
    blank, words = draw(st.sampled_from(["", " "])), draw(st.sampled_from([PLAIN, WORDS]))
    objects = []
    for _ in range(draw(st.integers(1, 3))):
        role = draw(st.none() | words)
        pairs = [("worker", f'"{draw(words)}"'), ("hours", draw(HOURS))] + (
            [] if role is None else [("role", f'"{role}"')]
        )
        objects.append(
            f",{blank}".join(f'"{key}":{blank}{value}' for key, value in draw(st.sampled_from([pairs, pairs[::-1]])))
        )
    text = "[" + f",{blank}".join(f"{{{one}}}" for one in objects) + "]"
    at, put = draw(st.integers(0, len(text) - 1)), draw(st.sampled_from(["", '"', "[", "}", "{", ",", " ", ";"]))
    return draw(st.sampled_from([text, text, text[:at] + put + text[at + 1 :]]))


def helpers_one_by_one(text):
    """The helpers that a cell names; None where it is refused."""
    try:
        named = fields.helpers(text)
    except fields.Unreadable:
        return None
    if any("worker" not in one or bounds.judged("shift", "hours", one.get("hours", "")) for one in named):
        return None
    return [{"worker": one["worker"], "hours": Decimal(one["hours"]), "role": one.get("role")} for one in named]


@settings(max_examples=300, deadline=None)
@given(st.lists(json_helpers() | st.just("bo:hewer:5"), max_size=6))
def test_json_helpers_of_a_column_are_those_of_its_cells(texts):
    found, problems = cells.helpers("helpers", pa.array(texts, pa.string()))
    refused = {int(row) for problem in problems for row in problem.rows}
    expected = [helpers_one_by_one(text) for text in texts]
    assert found.to_pylist() == expected and refused == {row for row, one in enumerate(expected) if one is None}
