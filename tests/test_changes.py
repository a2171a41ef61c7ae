"""What changed between two states of a table, against the plainest Python."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import changes
from checkweigh.derived import DERIVED
from checkweigh.render import text

SCHEMA = pa.schema(
    [("job", pa.string()), ("shift", pa.string()), ("value", pa.decimal128(18, 6)), ("status", pa.string())]
)
figures = st.tuples(
    st.none() | st.integers(0, 3).map(lambda n: Decimal(n).quantize(Decimal("0.000001"))), st.sampled_from(["reported", "annulled", None])
)  # fmt: skip
states = st.dictionaries(st.tuples(st.sampled_from(["hewing", None]), st.sampled_from("abcde")), figures, max_size=8)


def reader(state: dict) -> pa.RecordBatchReader:
    rows = [dict(zip(SCHEMA.names, (*key, *figure), strict=True)) for key, figure in state.items()]
    return pa.Table.from_pylist(rows, schema=SCHEMA).to_reader()


def changed(before: dict, now: dict) -> list[dict]:
    with changes.between(reader(before), reader(now), ["job", "shift"]) as found:
        return list(found.read_all().to_pylist())


@given(states, states)
@settings(max_examples=60, deadline=None)
def test_changes_are_what_plain_python_finds(before, now):
    wanted = {}
    for key in {*before, *now}:
        if before.get(key) != now.get(key):
            change = "added" if key not in before else "removed" if key not in now else "changed"
            wanted[key] = (change, *now.get(key, before.get(key)), *before.get(key, (None, None)))
    rows = changed(before, now)
    found = {
        (r["job"], r["shift"]): (r["difference"], r["value"], r["status"], r["value_before"], r["status_before"])
        for r in rows
    }
    assert found == wanted and len(rows) == len(wanted)


def test_rows_stand_in_the_order_of_the_later_table():
    figure = (Decimal("1.000000"), "reported")
    before = {("hewing", "a"): figure, ("hewing", "b"): figure}
    now = {("hewing", "d"): figure, ("hewing", "c"): figure, ("hewing", "b"): figure}
    assert [row["shift"] for row in changed(before, now)] == ["d", "a", "c"]


def test_for_people_a_changed_figure_stands_with_what_it_was():
    before, now = (
        {("hewing", "a"): (Decimal("14.571428"), "reported")},
        {("hewing", "a"): (Decimal("4.857142"), "adjusted")},
    )
    rows, names = changes.told(changed(before, now), ["difference", *SCHEMA.names, "value_before", "status_before"])
    assert names == ["difference", "job", "shift", "value", "status"]
    assert [text(rows[0][name]) for name in names] == [
        "changed",
        "hewing",
        "a",
        "14.571428 → 4.857142",
        "reported → adjusted",
    ]
    wide = ["difference", "job", "note", "other", *SCHEMA.names[1:]]
    rows = [{**row, "note": 1, "other": 2} for row in changed(before, now)]
    found = changes.told(rows, [*wide, *(f"{name}_before" for name in ("note", "other", "value", "status"))])[1]
    assert found == ["difference", "job", "note", "value", "status", "other", "shift"]


@pytest.mark.parametrize("name", DERIVED)
def test_every_table_has_room_for_what_was_before(name):
    rows, key = DERIVED[name].schema.to_pyarrow().empty_table(), DERIVED[name].key
    with changes.between(rows.to_reader(), rows.to_reader(), key) as found:
        names = found.schema.names
    assert len(set(names)) == len(names) == 1 + 2 * len(rows.column_names) - len(key)
