"""Rendering: the same exact figures in a terminal, in CSV, in JSON and in Parquet."""

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from checkweigh import render, tables
from checkweigh.derived import DERIVED
from checkweigh.entries import decimal_text
from checkweigh.ledger import Ledger

HELPER = pa.struct([("worker", pa.string()), ("hours", pa.decimal128(12, 6))])
SCHEMA = pa.schema(
    [
        ("shift", pa.string()), ("quantity", pa.decimal128(18, 9)), ("shifts", pa.int64()), ("late", pa.bool_()),
        ("started", pa.timestamp("us")), ("on", pa.date32()), ("helpers", pa.list_(HELPER)), ("cites", pa.list_(pa.string())),
    ]
)  # fmt: skip
ROWS = [
    {
        "shift": 'night, "A"', "quantity": Decimal("102.000000000"), "shifts": 3, "late": True,
        "started": datetime(1935, 8, 31, 2, 45), "on": date(1935, 8, 31), "cites": ["M", "A"],
        "helpers": [{"worker": "bo", "hours": Decimal("5.750000")}],
    },
    {
        "shift": "b", "quantity": Decimal("0.000000001"), "shifts": None, "late": None, "started": None, "on": None, "helpers": None,
        "cites": [],
    },
]  # fmt: skip


def reader(rows: list[dict], schema: pa.Schema = SCHEMA, batch: int = 1) -> pa.RecordBatchReader:
    table = pa.Table.from_pylist(rows, schema=schema)
    return pa.RecordBatchReader.from_batches(schema, table.to_batches(max_chunksize=batch))


def written(form: render.Format, rows: list[dict], schema: pa.Schema = SCHEMA) -> bytes:
    into = io.BytesIO()
    assert render.write(reader(rows, schema), into, form) == len(rows)
    return into.getvalue()


def test_json_is_an_array_of_objects_with_decimals_as_strings_and_absent_as_null():
    assert json.loads(written("json", ROWS)) == [
        {
            "shift": 'night, "A"', "quantity": "102", "shifts": 3, "late": True, "started": "1935-08-31T02:45:00Z",
            "on": "1935-08-31", "helpers": [{"worker": "bo", "hours": "5.75"}], "cites": ["M", "A"],
        },
        {
            "shift": "b", "quantity": "0.000000001", "shifts": None, "late": None, "started": None, "on": None, "helpers": None,
            "cites": [],
        },
    ]  # fmt: skip


def test_csv_quotes_what_needs_it_and_leaves_absent_empty():
    found = list(csv.DictReader(io.StringIO(written("csv", ROWS).decode())))
    assert [row["quantity"] for row in found] == ["102", "0.000000001"]
    assert found[0]["shift"] == 'night, "A"' and found[0]["started"] == "1935-08-31T02:45:00Z"
    assert json.loads(found[0]["helpers"]) == [{"worker": "bo", "hours": "5.75"}]
    assert [found[1][name] for name in ("shifts", "late", "started", "on", "helpers")] == [""] * 5


def test_parquet_keeps_the_types():
    table = pq.read_table(io.BytesIO(written("parquet", ROWS)))
    assert table.schema.equals(SCHEMA) and table.to_pylist() == ROWS


@pytest.mark.parametrize(("form", "text"), [("json", "[]"), ("csv", ",".join(SCHEMA.names))])
def test_no_rows_are_still_a_document(form, text):
    assert written(form, []).decode().strip() == text


@given(st.lists(st.decimals(min_value=-(10**8), max_value=10**8, places=9), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_every_decimal_reads_as_in_the_ledger(numbers):
    rows = [{"quantity": number} for number in numbers]
    found = json.loads(written("json", rows, pa.schema([("quantity", pa.decimal128(18, 9))])))
    assert [row["quantity"] for row in found] == [decimal_text(number) for number in numbers]


def shown(rows: list[dict], width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render.terminal(render.fit(rows, list(rows[0]), width), "records", ["as known at size 7"]))
    return console.export_text()


def test_terminal_tells_a_common_value_once_and_names_what_it_leaves_out():
    rows = [
        {"site": "mine", "worker": f"worker {i}", "quantity": Decimal(i), "note": None, "reason": "r" * i}
        for i in range(1, 40)
    ]
    said = shown(rows, 30)
    assert "In every row: site mine" in said.replace("\n", " ")
    assert "note" not in said and "reason" in said.split("Not shown")[1]
    assert "as known at size 7" in said


def test_what_there_is_no_room_for_makes_room_for_what_comes_after_it_and_sentences_are_folded():
    rows = [
        {"code": f"code {i}", "about": "x" * (30 + i), "message": f"{i} sentences about it, " * 9, "entry": i}
        for i in range(3)
    ]
    assert render.fit(rows, list(rows[0]), 40).columns == ["code", "message"]
    assert render.fit(rows, list(rows[0]), 36).columns == ["code", "entry"]
    assert render.fit(rows, list(rows[0]), 96) == render.Shown(rows, [*rows[0]], {}, [])
    assert max(len(line) for line in shown(rows, 40).splitlines()) <= 40


def test_the_figures_that_a_table_is_for_are_shown_in_a_terminal_of_80_characters(campaign):
    with Ledger.open(campaign) as ledger:
        known = tables.at(ledger)
    for table, wanted in (
        ("attainment", {"worker", "attainment"}),
        ("records", {"value", "worker", "scope"}),
        ("honours", {"honour", "worker", "status", "on"}),
        ("standings", {"party", "rank", "attainment"}),
        ("quotas", {"quota", "quantity", "from"}),
        ("shares", {"job", "from", "share"}),
        ("findings", {"code", "shift", "message"}),
        ("cases", {"shift", "findings", "worker"}),
    ):
        derivation = DERIVED[table]
        rows = tables.collect(derivation.derive(known)).to_pylist()
        assert wanted <= {*render.fit(rows, derivation.in_order(derivation.schema.names), 80).columns}, table


def test_terminal_puts_numbers_to_the_right():
    lines = shown(
        [{"worker": "ada", "quantity": Decimal("7.5")}, {"worker": "bo", "quantity": Decimal("102")}], 60
    ).splitlines()
    at = {line.rstrip().rfind("7.5") + 3 for line in lines if "7.5" in line} | {
        line.rstrip().rfind("102") + 3 for line in lines if "102" in line
    }
    assert len(at) == 1


def test_wanted_columns_are_shown_whatever_they_hold():
    assert render.fit(ROWS, SCHEMA.names, 10, ["late", "shift"]).columns == ["late", "shift"]
