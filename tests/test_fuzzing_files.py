"""Fuzzing of imports: damaged CSV, Parquet and Excel files are taken in or refused, and a refusal leaves the ledger as it was."""

import datetime
import decimal
import io
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import importing
from checkweigh.importing import Settings
from checkweigh.ledger import Ledger
from checkweigh.verify import verify
from conftest import BESIDE, EDGE, founded
from damage import damaged, edited, edits, examples, promised

SHIFTS = b"""id,worker,job,site,started,ended,hours,quantity,helpers,quota,evidence,note
s1,ada,hew,north,2025-08-31 05:45,,5.75,102 t,bo:timberer:5.75,7,seen,
s2,bo,hew,north,2025-09-01T06:00:00+03:00,2025-09-01 12:00,6,"1,115.5",none,7,"two
lines",n
s3,ada,hew,north,9/13/2025,,5:45,7000 kg,,,,
,ada,hew,north,2025-08-30 06:00,,6,7,,8.5,"a ""quoted"" word",
"""
MAPPED = b"""team,department,date,no_of_workers,targeted,actual
8,sewing,01-01-2015,59,0.8,0.940725424
1,finishing ,01-13-2015,8.5,0.75,0.8865
8,sewing,01-03-2015,59,0.8,0.8
"""
FOUNDING = {"site": "factory", "industry": "garments", "timezone": "Asia/Dhaka", "unit": "productivity"}
COLUMNS = {"crew": "team", "job": "department", "headcount": "no_of_workers", "started": "date"}
GARMENTS = {"mapping": {**COLUMNS, "quantity": "actual", "quota": "targeted"}, "constants": FOUNDING, "create": True}
OTHERS = {
    "worker": b"id,site,from,name\ncy,north,1/13/2025,Cy\ndan,north,1/14/2025,\n",
    "crew": b"id;name;from;members\nred;Red;2025-01-13;ada,bo\nblue;Blue;2025-01-14;ada\n",
    "count": b"id,site,job,from,until,quantity,instrument,unit\nc1,north,hew,2025-08-31 00:00,2025-09-01 00:00,99000,scale,kg\n",
    "rule": b"id,gives,from,measure,at_least\nhero,a title,2025-01-01,attainment,200%\n",
    "incident": b"site,on,severity,days_lost\nnorth,2025-08-31,bruise,1\nnorth,2025-08-31,bruise,1\n",
    "quota": b"id,job,quantity,per,from\nq,hew,7 t,worker,2025-01-01\n",
}
WAYS = st.fixed_dictionaries(
    {
        "accept_valid": st.booleans(), "fold": st.sampled_from((None, "earlier")), "correct": st.sampled_from((None, "misread")),
        "dates": st.sampled_from(((), ("mdy",), ("dmy",), ("%d.%m.%Y",), ("%Q %",))),
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A ledger to be copied for each input."""
    path = tmp_path_factory.mktemp("small") / "ledger"
    with founded(path) as ledger, ledger.append(EDGE) as batch:
        batch.add(
            "shift",
            {
                "id": "s1",
                "worker": "ada",
                "job": "hew",
                "site": "north",
                "started": "2025-08-31T02:45:00Z",
                "quantity": "9",
            },
        )
    return path


@contextmanager
def copied(small):
    """A copy of the ledger in a directory of its own."""
    with tempfile.TemporaryDirectory() as place:
        for file in small.parent.iterdir():
            shutil.copy(file, place)
        yield Path(place) / small.name


def taken(small, target, data, again=True, **settings):
    """Import bytes as a file: what goes in verifies, and a second time adds nothing; what is refused leaves no trace."""
    with copied(small) as path, Ledger.open(path, write=True) as ledger:
        before, file, report = ledger.checkpoint(), path.with_name("file"), None
        file.write_bytes(data)
        with promised(target):
            report = importing.read(ledger, file, edge=EDGE, settings=Settings(**settings))
        if report is None or not report.added + report.corrected + sum(report.created.values()):
            assert ledger.checkpoint() == before
            return
        assert report.rows == report.added + report.skipped + report.corrected + report.refused_rows
        assert verify(path).size == report.size_after == ledger.size
        if again:
            second = importing.read(ledger, file, edge=EDGE, settings=Settings(**{**settings, "accept_valid": True}))
            assert (second.added, second.created) == (0, {})


def real(name, lines):
    """The beginning of a real file, where it is at hand."""
    path = BESIDE / "data" / name
    return [b"\n".join(path.read_bytes().split(b"\n")[:lines]) + b"\n"] if path.exists() else []


@given(damaged([SHIFTS, SHIFTS.replace(b",", b";"), b"\xef\xbb\xbf" + SHIFTS.replace(b"\n", b"\r\n")]), WAYS)
@examples(60)
def test_csv(small, data, ways):
    taken(small, "csv", data, **ways)


@given(damaged([MAPPED, *real("garments.csv", 12)]), WAYS, st.sampled_from((None, "worker")))
@examples(40)
def test_csv_that_creates(small, data, ways, private):
    mapping = GARMENTS["mapping"]
    if b"targeted_productivity" in data:
        mapping = {**mapping, "quantity": "actual_productivity", "quota": "targeted_productivity"}
    taken(small, "csv that creates", data, **GARMENTS | {"mapping": mapping}, **ways, private=private)


@given(damaged([SHIFTS, SHIFTS.replace(b"ada", b"eve")]), WAYS)
@examples(30)
def test_csv_of_private_workers(small, data, ways):
    taken(small, "csv of private workers", data, **ways, private="worker", create=True)


@given(st.sampled_from(sorted(OTHERS)).flatmap(lambda kind: st.tuples(st.just(kind), damaged([OTHERS[kind]]))), WAYS)
@examples(60)
def test_csv_of_other_kinds(small, chosen, ways):
    kind, data = chosen
    taken(small, "csv of other kinds", data, kind=kind, **ways)


# Parquet: damaged bytes, and columns of every type.

ROWS = {
    "id": ["a", "b", "c"], "worker": ["ada", "bo", None], "job": ["hew"] * 3, "site": ["north"] * 3, "quantity": [102.5, 7.0, 8.0],
    "started": [datetime.datetime(2025, 8, 31, 5, 45)] * 3, "hours": [5.75, None, 6.0], "evidence": ["x", None, "y"],
}  # fmt: skip


def parquet(columns, **options):
    into = io.BytesIO()
    pq.write_table(pa.table(columns), into, **options)
    return into.getvalue()


PARQUET = [
    parquet(ROWS), parquet(ROWS, compression="zstd", data_page_version="2.0"), parquet(ROWS, use_dictionary=False, compression="none"),
    parquet(ROWS, version="1.0", write_statistics=False, store_schema=False),
]  # fmt: skip


@given(damaged(PARQUET), WAYS)
@examples(80)
def test_parquet(small, data, ways):
    taken(small, "parquet", data if data[:4] == b"PAR1" else b"PAR1" + data[4:], **ways)


moments = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(2262, 1, 1))
TYPES = [
    (pa.string(), st.text(max_size=20)), (pa.large_string(), st.text(max_size=5)), (pa.string_view(), st.text(max_size=20)),
    (pa.binary(), st.binary(max_size=9)), (pa.binary(4), st.binary(min_size=4, max_size=4)), (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)), (pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float16(), st.floats(width=16)), (pa.float32(), st.floats(width=32)), (pa.float64(), st.floats()), (pa.null(), st.none()),
    (pa.decimal128(38, 20), st.decimals(-(10**17), 10**17, places=20)), (pa.decimal256(76, 40), st.decimals(-(10**30), 10**30, places=40)),
    (pa.decimal128(5, -2), st.integers(-999, 999).map(lambda number: decimal.Decimal(number * 100))),
    (pa.date32(), st.dates()), (pa.date64(), st.dates()), (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time64("us"), st.times()), (pa.timestamp("s"), moments), (pa.timestamp("ms", "UTC"), moments), (pa.timestamp("us"), moments),
    (pa.timestamp("ns"), st.integers(-(2**63) + 1, 2**63 - 1)), (pa.timestamp("us", "Asia/Dhaka"), moments),
    (pa.timestamp("us", "+05:30"), moments), (pa.timestamp("us", "Nowhere/Land"), moments), (pa.duration("s"), st.timedeltas()),
    (pa.list_(pa.string()), st.lists(st.text(max_size=3), max_size=3)),
    (pa.struct([("a", pa.int64())]), st.fixed_dictionaries({"a": st.integers(0, 9)})),
    (pa.map_(pa.string(), pa.int64()), st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2)),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(("ada", "bo", ""))), (pa.dictionary(pa.int32(), pa.int64()), st.integers(0, 9)),
]  # fmt: skip


@st.composite
def odd_columns(draw):
    """The plain rows with some columns of other types, and other columns besides."""
    columns = dict(ROWS)
    for name in draw(
        st.lists(
            st.sampled_from([*ROWS, "weather", "a.b", "", "helpers", "quota", "cites"]),
            min_size=1,
            max_size=3,
            unique=True,
        )
    ):
        kind, values = draw(st.sampled_from(TYPES))
        listed = draw(st.lists(st.one_of(st.none(), values), min_size=3, max_size=3))
        try:
            columns[name] = pa.array(listed, kind)
        except (pa.ArrowInvalid, OverflowError, TypeError):
            columns[name] = pa.nulls(3, kind)
    return columns


@given(odd_columns(), WAYS)
@examples(100)
def test_parquet_of_every_type(small, columns, ways):
    try:
        data = parquet(columns)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, OSError):
        return  # what Parquet cannot hold cannot be imported
    taken(small, "parquet of every type", data, **ways)


# Excel: damage to the archive, and to the sheets within it.


def excel():
    """A small workbook."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["id", "worker", "job", "site", "started", "hours", "quantity", "evidence"])
    sheet.append(["s7", "ada", "hew", "north", datetime.datetime(2025, 8, 31, 5, 45), 5.75, 102, "seen"])
    sheet.append(["s8", "bo", "hew", "north", datetime.date(2025, 9, 1), 6, "7 t", None])
    sheet.append(["s9", "ada", "hew", "north", "2025-09-02", datetime.time(5, 45), 1e15, "=1/0"])
    into = io.BytesIO()
    book.save(into)
    return into.getvalue()


EXCEL = excel()
PARTS = [
    name for name in zipfile.ZipFile(io.BytesIO(EXCEL)).namelist() if "docProps" not in name and "theme" not in name
]


@given(damaged([EXCEL]), WAYS)
@examples(40)
def test_excel(small, data, ways):
    taken(small, "excel", data if data[:4] == b"PK\x03\x04" else b"PK\x03\x04" + data[4:], again=False, **ways)


def repacked(part, change):
    """The workbook with one of its parts changed."""
    into = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(EXCEL)) as old, zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return into.getvalue()


def changed(data, listed):
    for edit in listed:
        data = edited(data, *edit)
    return data


@given(st.sampled_from([*PARTS, "xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"]), edits, WAYS)
@examples(60)
def test_excel_with_damaged_sheets(small, part, listed, ways):
    taken(small, "excel sheets", repacked(part, lambda data: changed(data, listed)), again=False, **ways)
