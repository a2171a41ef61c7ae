"""Files as a whole: what can be read, CSV, Parquet and Excel, and the one message for what cannot."""

import datetime
import io
import re
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checkweigh import importing
from checkweigh.errors import Refused
from checkweigh.importing import RowsRefused, Settings, settings_from
from checkweigh.importing.sheets import open_sheet
from conftest import EDGE
from files import HEADER, shifts

# Files as a whole: one message each.


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"worker,job\nada,hew\n", "nothing states"),
        (HEADER.encode() + b"s1,ada,hew,north,2025-08-31,6,7\ns2,ad\xe9,hew,north,2025-08-31,6,7\n", "line 3, byte 6 is 0xe9"),
        (b"id,id,worker\n1,2,3\n", "names 'id' twice"),
        (b"SQLite format 3\x00rest", "is a SQLite database"),
        ("id,worker".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"PK\x03\x04 no workbook", "cannot be read as an Excel file"),
        (b"PAR1 no parquet", "cannot be read"),
        (b"id,worker,job,site,started,quantity\n1,2,3,4,5,\"" + b"x\n" * (10 << 20), "never closed"),
    ],
    ids=["empty", "blank", "columns", "latin 1", "header", "sqlite", "utf-16", "gzip", "zip", "parquet", "quote"],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_gets_one_message(ledger, take, content, says):
    size = ledger.size
    with pytest.raises(Refused, match=re.escape(says)):
        take(content)
    assert ledger.size == size


def test_a_directory_and_a_missing_file_are_refused(ledger, tmp_path):
    for path, says in ((tmp_path, "is a directory"), (tmp_path / "nothing", "is not there")):
        with pytest.raises(Refused, match=says):
            importing.read(ledger, path, edge=EDGE)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mapping": {"worker": "Wroker"}}, "no such column"),
        ({"mapping": {"quantty": "quantity"}}, "did you mean quantity"),
        ({"constants": {"colour": "red"}}, "not a field of shift"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(take, settings, says):
    with pytest.raises(Refused, match=says):
        take(HEADER + "s1,ada,hew,north,2025-08-31,6,7\n", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "tale"},
        {"kind": "key"},
        {"dates": ("american",)},
        {"fold": "both"},
        {"private": "site"},
        {"correct": " "},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(Refused):
        Settings(**settings)


def test_settings_from_a_file_and_over_it(tmp_path):
    path = tmp_path / "garments.toml"
    path.write_text('dates = "mdy"\ncreate = true\n[map]\ncrew = "team"\njob = "dep"\n[set]\nquota_hours = 7.5\n')
    settings = settings_from(path).over(mapping={"job": "department"}, accept_valid=True, kind=None)
    assert settings.mapping == {"crew": "team", "job": "department"} and settings.dates == ("mdy",)
    assert settings.create and settings.accept_valid and settings.constants == {"quota_hours": "7.5"}
    for text, says in (
        ("maps = 1", "not a setting"),
        ("create = 'yes'", "right shape"),
        ("[", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        (f"a = 1{'0' * 5000}", "not TOML"),
    ):
        path.write_text(text)
        with pytest.raises(Refused, match=says):
            settings_from(path)
    with pytest.raises(Refused, match="cannot be read"):
        settings_from(tmp_path / "none.toml")


def test_a_header_alone_adds_nothing(ledger, take):
    assert take(HEADER.strip()).rows == 0 and take(HEADER).rows == 0


def test_semicolons_and_a_byte_order_mark(ledger, take):
    take("\ufeff" + (HEADER + "s1,ada,hew,north,2025-08-31,6,7\n").replace(",", ";"))
    assert shifts(ledger)[0]["id"] == "s1"


# Parquet and Excel.

ROWS = [
    ("s1", "ada", datetime.datetime(2025, 8, 31, 5, 45), 5.75, 102.0),
    ("s2", "bo", datetime.datetime(2025, 9, 1), 6.0, 115.5),
]


def test_parquet_goes_in_as_the_same_csv_would(ledger, tmp_path):
    ids, workers, started, hours, quantity = zip(*ROWS, strict=True)
    table = pa.table({"id": ids, "worker": pa.array(workers).dictionary_encode(), "started": started, "hours": hours,
                      "quantity": pa.array(quantity).cast(pa.float64())})  # fmt: skip
    pq.write_table(table, tmp_path / "file")
    settings = Settings(constants={"job": "hew", "site": "north"})
    assert importing.read(ledger, tmp_path / "file", edge=EDGE, settings=settings).added == 2
    assert [(one["started"], one["hours"], one["quantity"]) for one in shifts(ledger)] == [
        ("2025-08-31T02:45:00Z", "5.75", "102"), ("2025-08-31T21:00:00Z", "6", "115.5"),
    ]  # fmt: skip


def test_excel_goes_in_and_refusals_name_its_rows(ledger, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([])
    sheet.append(["id", "worker", "started", "hours", "quantity"])
    sheet.append(["s1", "ada", ROWS[0][2], 5.75, 102])
    sheet.append([])
    sheet.append(["s2", "bo", ROWS[1][2], 6, "many"])
    book.save(tmp_path / "file.xlsx")
    settings = Settings(constants={"job": "hew", "site": "north"})
    with pytest.raises(RowsRefused) as refused:
        importing.read(ledger, tmp_path / "file.xlsx", edge=EDGE, settings=settings)
    assert [row[:3] for row in refused.value.report.refusals()] == [(5, "quantity", "many")]
    settings = Settings(constants={"job": "hew", "site": "north"}, accept_valid=True)
    assert importing.read(ledger, tmp_path / "file.xlsx", edge=EDGE, settings=settings).added == 1
    assert shifts(ledger)[0]["started"] == "2025-08-31T02:45:00Z"
    with pytest.raises(Refused, match="has no sheet 'May'"):
        importing.read(ledger, tmp_path / "file.xlsx", edge=EDGE, settings=Settings(sheet="May"))


@pytest.mark.parametrize("far", ["XFD1048576", "B99999999999"])
def test_a_small_workbook_that_asks_for_terabytes_is_refused(take, ledger, far):
    plain, into = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["id", "worker"])
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'r="B1"', f'r="{far}"'.encode()))
    before = ledger.checkpoint()
    with pytest.raises(Refused, match="cannot be read as an Excel file"):
        take(into.getvalue())
    assert ledger.checkpoint() == before


def test_chunks_are_cut_at_the_same_rows_whatever_the_blocks(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "".join(f"{n},{'x' * 50}\n" for n in range(300_000)))
    chunks = [chunk for chunk, _ in open_sheet(path).chunks([0])]
    assert [len(chunk) for chunk in chunks] == [16_384, 32_768, 65_536, 131_072, 54_240]
    assert [text for chunk in chunks for text in chunk["0"].to_pylist()] == [str(n) for n in range(300_000)]
