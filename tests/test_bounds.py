"""Bounds of whole tables: a row is refused if and only if `entries.build` refuses the same values."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import bounds, codec, entries
from checkweigh.errors import BadEntry

GIVEN = {"recorded": "2026-01-01T00:00:00Z", "by": "login:anna"}
SALT = {"salt": "AAAAAAAAAAAAAAAA"}

IDS = st.sampled_from(
    ["ada", "bo", "a b", " a", "a ", "", "é", "é", "a\tb", "x" * 200, "x" * 201, "a\x7f", "\u3000a", "😀"]
)
TEXTS = st.sampled_from(["a note", "", "two\nlines", "é", "é", "a\x01", " "])
SMALL = st.sampled_from([Decimal(text) for text in ("0", "1", "-1", "0.001", "23.999", "24", "24.001", "30.5", "100")])
TIMES = st.sampled_from(
    [datetime.datetime(2025, 1, day, hour) for day in (1, 2) for hour in (0, 6, 12)]
    + [datetime.datetime(2025, 1, 1, 6, 0, 0, 1)]
)
DAYS = st.sampled_from([datetime.date(2025, 1, 1), datetime.date(2025, 1, 2), datetime.date(1, 1, 1)])
HELPER = st.fixed_dictionaries(
    {"worker": IDS | st.none(), "hours": SMALL | st.none()}, optional={"role": TEXTS | st.none()}
)
COLUMNS = {
    "quantity": SMALL, "hours": SMALL, "labour_hours": SMALL, "headcount": SMALL, "ratio": SMALL, "time": TIMES, "day": DAYS,
    "whole": st.sampled_from([0, 1, -1, 2**53 - 1, 2**53]), "flag": st.booleans(), "helpers": st.lists(HELPER, max_size=2),
    "texts": st.lists(IDS, max_size=2),
}  # fmt: skip
WORDS = {
    "per": ["worker", "crew", "site"],
    "basis": ["history", "time study", "hearsay"],
    "precision": ["month", "year", "day"],
}


def values(kind, field):
    shape = entries.column_of(kind, field)
    if field in WORDS:
        return st.sampled_from(WORDS[field])
    if shape == "text":
        return TEXTS if field in ("note", "evidence", "consequence") else IDS
    return COLUMNS[shape]


GOOD = {
    "shift": {
        "id": "s", "job": "hew", "site": "mine", "started": datetime.datetime(2025, 1, 1, 6), "quantity": Decimal(7), "worker": "w",
    },
    "quota": {"id": "q", "job": "hew", "quantity": Decimal(7), "per": "crew", "from": datetime.date(2025, 1, 1)},
}  # fmt: skip


def rows(kind):
    """Good rows with up to three fields changed: what is refused is refused for few reasons at a time."""
    fields = [name for name in entries.fields(kind) if name not in bounds.GIVEN_BY_THE_LEDGER]
    change = st.sampled_from(fields).flatmap(lambda name: st.tuples(st.just(name), values(kind, name) | st.none()))
    changes = st.lists(change, max_size=3)
    return st.lists(changes.map(lambda some: {**GOOD[kind], **dict(some)}), min_size=1, max_size=8)


def refused_one_by_one(kind, table):
    found = set()
    for row, fields in enumerate(bounds.plain(kind, table)):
        try:
            entries.build(kind, {**GIVEN, **(SALT if kind == "shift" else {}), **fields})
        except BadEntry:
            found.add(row)
    return found


@pytest.mark.parametrize("kind", ["shift", "quota"])
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_row_is_refused_if_and_only_if_build_refuses_it(kind, data):
    listed = data.draw(rows(kind))
    names = sorted({name for row in listed for name in row})
    table = pa.Table.from_pylist(listed, pa.schema([codec.schema(kind).field(name) for name in names]))
    assert set(bounds.problems(kind, table)["row"].to_pylist()) == refused_one_by_one(kind, table)


def table_of(kind, **changes):
    row = {**GOOD[kind], **changes}
    return pa.Table.from_pylist([row], pa.schema([codec.schema(kind).field(name) for name in row]))


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"quantity": Decimal(-5)}, "quantity", "-5"),
        ({"hours": Decimal(26)}, "hours", "26"),
        ({"crew": "c"}, "worker", "w"),
        ({"ended": datetime.datetime(2025, 1, 1, 6)}, "ended", "2025-01-01T06:00:00Z"),
        ({"job": " hew"}, "job", " hew"),
        ({"helpers": [{"worker": "w", "hours": Decimal(1), "role": None}]}, "helpers", None),
        ({"started": datetime.datetime(2025, 1, 1, 6), "quantity": None}, "quantity", None),
    ],
)
def test_a_problem_names_its_field_and_its_value(changes, field, value):
    found = bounds.problems("shift", table_of("shift", **changes)).to_pylist()
    assert [problem["field"] for problem in found] == [field]
    assert value is None or found[0]["value"] == value


def test_a_good_table_has_no_problems_and_other_columns_are_refused():
    assert not len(bounds.problems("shift", table_of("shift")))
    with pytest.raises(BadEntry, match="colour"):
        bounds.problems("shift", table_of("shift").append_column("colour", pa.array(["red"])))


def test_kinds_that_come_by_the_dozen_are_asked_row_by_row():
    day = datetime.date(2025, 1, 1)
    listed = [{"id": "a", "name": "A", "from": day}, {"id": "b", "name": "B", "from": day, "headcount": Decimal(3)}]
    names = ("id", "name", "from", "headcount")
    crews = pa.Table.from_pylist(listed, pa.schema([codec.schema("crew").field(name) for name in names]))
    assert bounds.problems("crew", crews)["row"].to_pylist() == [0]


def test_slices_are_judged_by_their_own_rows():
    good = table_of("shift")
    table = pa.concat_tables([good, table_of("shift", quantity=Decimal(-1)), good])
    assert bounds.problems("shift", table.combine_chunks().slice(1))["row"].to_pylist() == [0]
    assert bounds.problems("shift", table)["row"].to_pylist() == [1]


def test_plain_is_what_build_takes():
    table = table_of("shift", hours=Decimal("5.750"), started=datetime.datetime(2025, 1, 1, 6, 0, 0, 500000))
    assert bounds.plain("shift", table) == [
        {
            "id": "s",
            "job": "hew",
            "site": "mine",
            "started": "2025-01-01T06:00:00.5Z",
            "quantity": "7",
            "worker": "w",
            "hours": "5.75",
        }
    ]
    assert bounds.scaled(bounds.flat(table["hours"])).tolist() == [5_750_000]
    assert bounds.scaled(pa.array([None, Decimal(1)], pa.decimal128(12, 6))).dtype == np.int64
