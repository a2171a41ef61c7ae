"""Imports: what goes in, what is refused and why, and that the same file again adds nothing."""

import csv
import datetime
import json
import re
import shlex
import shutil
from collections import Counter
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkweigh import cli, codec, fields, importing
from checkweigh.errors import Refused
from checkweigh.importing import RowsRefused, Settings, naming, settings_from
from checkweigh.importing.sheets import FIRST_ROWS, open_sheet
from checkweigh.ledger import Ledger
from conftest import EDGE, founded

HEADER = "id,worker,job,site,started,hours,quantity\n"


@pytest.fixture
def take(ledger, tmp_path):
    """Import text as a file into the small ledger."""

    def run(text, **settings):
        path = tmp_path / "file.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return importing.read(ledger, path, edge=EDGE, settings=Settings(**settings))

    return run


def entries(ledger, kind=None):
    found = [json.loads(entry) for _, entry in ledger.entries()]
    return [entry for entry in found if kind is None or entry["kind"] == kind]


def shifts(ledger):
    return entries(ledger, "shift")


def refusals(take, text, **settings):
    with pytest.raises(RowsRefused) as refused:
        take(text, **settings)
    return [(row.line, row.field, row.value) for row in refused.value.report.refusals()]


# What goes in.


def test_a_file_goes_in_and_again_adds_nothing(ledger, take):
    text = HEADER + "s1,ada,hew,north,2025-08-31 05:45,5.75,102\ns2,bo,hew,north,2025-09-01T06:00:00+03:00,6,115\n"
    report = take(text)
    assert (report.rows, report.added, report.skipped) == (2, 2, 0)
    first, second = shifts(ledger)
    assert (first["started"], first["quantity"], first["hours"]) == ("2025-08-31T02:45:00Z", "102", "5.75")
    assert second["started"] == "2025-09-01T03:00:00Z"
    size = ledger.size
    again = take(text)
    assert (again.added, again.skipped, again.nothing_new, again.size_after) == (0, 2, True, size)
    assert ledger.size == size


def test_headers_are_found_whatever_their_case_and_others_are_named(ledger, take):
    report = take("ID , Worker,JOB,Site,Started,Quantity,Weather\ns1,ada,hew,north,2025-08-31,7,rain\n")
    assert report.ignored == ("Weather",)
    assert shifts(ledger)[0]["started"] == "2025-08-30T21:00:00Z"


def test_columns_can_be_mapped_and_fields_set_or_left_out(ledger, take):
    text = "who,what,when,done,note\nada,hew,2025-08-31,7,dull\nada,,2025-09-01,8,x\n"
    take(text, mapping={"worker": "who", "job": "what", "started": "when", "quantity": "Done", "note": ""},
         constants={"site": "north", "job": "hew"})  # fmt: skip
    first, second = shifts(ledger)
    assert "note" not in first and second["job"] == "hew" and second["quantity"] == "8"


def test_ids_are_made_from_what_happened_and_repeated_rows_are_counted(ledger, take):
    text = "worker,job,site,started,quantity\n" + "ada,hew,north,2025-08-31 06:00,7\n" * 2
    report = take(text)
    assert report.added == 2 and take(text).skipped == 2
    expected = []
    for n in "12":
        key = "\t".join(["worker", "ada", "hew", "north", "2025-08-31T03:00:00Z", n])
        expected.append(base_32(int(sha256(key.encode()).hexdigest()[:15], 16)))
    assert [shift["id"] for shift in shifts(ledger)] == expected


def base_32(number):
    letters = "0123456789abcdefghijklmnopqrstuv"
    return "".join(letters[number >> 5 * place & 31] for place in reversed(range(12)))


def test_the_example_of_the_docstring_is_named_so():
    key = re.search(r"^    (worker\t.*1)$", naming.__doc__, re.M)[1]
    name = re.search(r"named\s+`(.*?)`", naming.__doc__)[1]
    assert base_32(int(sha256(key.encode()).hexdigest()[:15], 16)) == name


def test_repetitions_are_counted_across_chunks():
    namer = naming.Namer()
    rows = [["a", "b", "a"], ["c", "a", "a"], ["b"]]
    seen = []
    for workers in rows:
        nothing = pa.nulls(len(workers), pa.string())
        started = pa.array([datetime.datetime(2025, 1, 1)] * len(workers), pa.timestamp("us"))
        job = pa.array(["j"] * len(workers))
        table = pa.table({"worker": workers, "crew": nothing, "job": job, "site": job, "started": started})
        seen += namer.shifts(table).to_pylist()
    expected = []
    for worker, n in [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("a", 3), ("a", 4), ("b", 2)]:
        key = "\t".join(["worker", worker, "j", "j", "2025-01-01T00:00:00Z", str(n)])
        expected.append(base_32(int(sha256(key.encode()).hexdigest()[:15], 16)))
    assert seen == expected


def test_what_has_come_up_before_is_counted_exactly():
    chance, seen, before = np.random.default_rng(7), naming._Seen(), Counter()
    for size in (5, 0, 9, 300, 2, 300, 1000, 4):
        numbers = chance.integers(0, 400, size)
        expected = []
        for number in numbers.tolist():
            before[number] += 1
            expected.append(before[number])
        assert seen.counted(numbers).tolist() == expected


def test_other_content_under_the_same_id_is_refused_or_corrected(ledger, take):
    take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,102\ns2,ada,hew,north,2025-09-01 06:00,6,9\n")
    changed = HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,103\ns2,ada,hew,north,2025-09-01 06:00,6,9\n"
    size = ledger.size
    with pytest.raises(RowsRefused, match=r"line 2: id 's1': is entry 4 with other content \(quantity: 102, now 103\)"):
        take(changed)
    assert ledger.size == size
    report = take(changed, correct="misread the scale")
    assert (report.added, report.corrected, report.skipped) == (0, 1, 1)
    entry = shifts(ledger)[-1]
    assert (entry["quantity"], entry["replaces"], entry["note"]) == ("103", 4, "misread the scale")
    assert take(changed).nothing_new


def test_a_shift_under_a_verdict_is_not_corrected(ledger, take):
    take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,102\n")
    with ledger.append(EDGE) as batch:
        batch.add("verdict", {"shift": "s1", "ruling": "verified", "reason": "scale"})
    with pytest.raises(RowsRefused, match="under verdict"):
        take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,103\n", correct="misread")


def test_an_id_twice_in_a_file_is_the_same_row_or_refused(ledger, take):
    same = "s1,ada,hew,north,2025-08-31 06:00,6,102\n"
    assert refusals(take, HEADER + same + same + same.replace("102", "9"), correct="typo") == [(4, "id", "s1")]
    report = take(HEADER + same + same)
    assert (report.added, report.skipped) == (1, 1)


def test_an_id_that_comes_again_in_a_later_chunk_is_the_same_row_or_refused(take):
    rows = [f"s{n},ada,hew,north,2025-08-31 06:00,6,102\n" for n in range(FIRST_ROWS + 2)]
    assert take(HEADER + "".join(rows) + rows[0]).skipped == 1
    changed = [row.replace(",102\n", ",103\n") for row in rows]
    again = HEADER + "".join(changed) + rows[0]
    assert refusals(take, again, correct="typo") == [(FIRST_ROWS + 4, "id", "s0")]
    assert take(HEADER + "".join(changed), correct="typo").corrected == len(rows)


# Refused rows: each is named, and nothing is written.


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("s1,ada,dig,north,2025-08-31,6,7", "job", "dig"),
        ("s1,eve,hew,north,2025-08-31,6,7", "worker", "eve"),
        ("s1,ada,hew,south,2025-08-31,6,7", "site", "south"),
        ("s1,ada,hew,north,2025-08-31,6,-7", "quantity", "-7"),
        ("s1,ada,hew,north,2025-08-31,26,7", "hours", "26"),
        ("s1,ada,hew,north,2026-08-31,6,7", "started", "2026-08-30T21:00:00"),
        ("s1,ada,hew,north,2024-08-31,6,7", "worker", "ada"),
        ("s1,ada,hew,north,2025-08-31,6,7 metres", "quantity", "7 metres"),
        ("s1,ada,hew,north,2025-08-31,6,seven", "quantity", "seven"),
        ("s1,ada,hew,north,2025-08-31,6,", "quantity", None),
        ("s1,ada,hew,north,2025-02-30,6,7", "started", "2025-02-30"),
        ("s1,ada,hew,north,yesterday,6,7", "started", "yesterday"),
        ("s1,ada,hew,north,2025-08-31,0,7", "hours", "0"),
        ("s1,,hew,north,2025-08-31,6,7", "worker", None),
        ("s1,ada,hew,north,2025-08-31,6,1234567890", "quantity", "1234567890"),
        ("s1,ada,hew,north,2025-08-31,6,0.1234567891", "quantity", "0.1234567891"),
        ("s1,ada,hew,north,2025-08", "", None),
        ("s1,ada,hew,north,2025-08-31,6,7,8", "", None),
        ("s\x01,ada,hew,north,2025-08-31,6,7", "id", "s\x01"),
    ],
)
def test_a_refused_row_is_named_and_nothing_is_written(ledger, take, row, field, value):
    size, root = ledger.size, ledger.root()
    good = "s0,ada,hew,north,2025-08-30,6,7\n"
    assert refusals(take, HEADER + good + row + "\n" + good.replace("s0", "s9")) == [(3, field, value)]
    assert (ledger.size, ledger.root()) == (size, root)
    report = take(HEADER + good + row + "\n", accept_valid=True)
    assert (report.rows, report.added, report.refused_rows) == (2, 1, 1)


def test_lines_are_those_of_the_file(take):
    text = (
        "id,worker,job,site,started,quantity,evidence\n"
        's1,ada,hew,north,2025-08-31,7,"a long\n\nstory"\n'
        "\n"
        "s2,ada,hew,north,2025-08-31,x,\n"
        "s3,ada,hew\n"
        's4,ada,hew,north,2025-08-31,7,"two\nlines"\n'
        "s5,ada,hew,north,2025-08-31,y,\n"
    )
    assert refusals(take, text) == [(6, "quantity", "x"), (7, "", None), (10, "quantity", "y")]


def test_all_refused_rows_are_told(take):
    rows = "".join(f"s{n},ada,hew,north,2025-08-31,6,bad\n" for n in range(1000))
    assert [line for line, *_ in refusals(take, HEADER + rows)] == list(range(2, 1002))


def test_a_local_time_at_a_clock_change_needs_a_fold(ledger, take):
    with ledger.append(EDGE) as batch:
        batch.add("site", {"id": "ny", "name": "NY", "industry": "coal", "timezone": "America/New_York"})
    twice = HEADER + "s1,ada,hew,ny,2025-11-02 01:30,6,7\n"
    with pytest.raises(RowsRefused, match="exists twice in America/New_York"):
        take(twice)
    with pytest.raises(RowsRefused, match="does not exist in America/New_York"):
        take(HEADER + "s1,ada,hew,ny,2025-03-09 02:30,6,7\n")
    take(twice, fold="later")
    assert shifts(ledger)[-1]["started"] == "2025-11-02T06:30:00Z"


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
    for text, says in (("maps = 1", "not a setting"), ("create = 'yes'", "right shape"), ("[", "not TOML")):
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


def test_chunks_are_cut_at_the_same_rows_whatever_the_blocks(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "".join(f"{n},{'x' * 50}\n" for n in range(300_000)))
    chunks = [chunk for chunk, _ in open_sheet(path).chunks([0])]
    assert [len(chunk) for chunk in chunks] == [16_384, 131_072, 131_072, 21_472]
    assert [text for chunk in chunks for text in chunk["0"].to_pylist()] == [str(n) for n in range(300_000)]


# Creating, quotas, units, periods, helpers.

FOUNDING = {"industry": "coal", "timezone": "Europe/Moscow", "unit": "tonne"}


def test_what_is_missing_can_be_created(tmp_path, ledger, take):
    text = (
        "crew,job,site,started,quantity,headcount,helpers\n"
        "red,dig,south,2024-05-02 01:00,7,30.5,\n"
        "red,dig,south,2024-05-01 01:00,7,29,eve::2\n"
    )
    report = take(text, create=True, constants=FOUNDING)
    assert report.created == {"site": 1, "job": 1, "crew": 1, "worker": 1}
    crew, worker = entries(ledger, "crew")[0], entries(ledger, "worker")[-1]
    assert (crew["from"], crew["headcount"], crew["name"]) == ("2024-05-01", "30.5", "red")
    assert (worker["id"], worker["site"], worker["from"]) == ("eve", "south", "2024-05-01")
    assert take(text, create=True, constants=FOUNDING).nothing_new


def test_what_cannot_be_created_says_what_is_wanting(take):
    text = "crew,job,site,started,quantity\nred,dig,south,2024-05-02 01:00,7\n"
    with pytest.raises(
        Refused, match=r"site south cannot be created without industry, timezone: pass --set industry=\.\.\."
    ):
        take(text, create=True)
    with pytest.raises(Refused, match="crew red cannot be created without headcount: pass --set crew_headcount"):
        take(text, create=True, constants=FOUNDING)
    with pytest.raises(Refused, match="site south cannot be created"):
        take(text, create=True, constants=FOUNDING | {"timezone": "Moscow"})


def test_an_inline_quota_makes_one_entry_for_the_same_demand(ledger, take):
    text = (
        "worker,job,site,started,quantity,quota\n"
        "ada,hew,north,2025-08-31 01:00,7,7\n"
        "ada,hew,north,2025-08-31 12:00,7,7.0\n"
        "bo,hew,north,2025-09-02 02:00,9,8\n"
        "bo,hew,north,2025-09-03 02:00,9,\n"
    )
    report = take(text)
    assert report.created == {"quota": 2}
    first, second = entries(ledger, "quota")
    assert (first["worker"], first["from"], first["until"], first["per"], first["quantity"]) == (
        "ada", "2025-08-31", "2025-09-01", "worker", "7",
    )  # fmt: skip
    assert [one.get("quota") for one in shifts(ledger)] == [first["id"], first["id"], second["id"], None]
    assert take(text).nothing_new and len(entries(ledger, "quota")) == 2


def test_a_quota_of_nothing_is_refused_by_its_own_field(take):
    text = "worker,job,site,started,quantity,quota\nada,hew,north,2025-08-31 01:00,7,0\n"
    assert refusals(take, text) == [(2, "quota", "0")]


def test_a_quota_that_the_ledger_holds_is_named_by_its_id(ledger, take):
    with ledger.append(EDGE) as batch:
        batch.add("quota", {"id": "q", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
    take("worker,job,site,started,quantity,quota_id\nada,hew,north,2025-08-31 01:00,7,q\n")
    assert shifts(ledger)[0]["quota"] == "q"


def test_quantities_are_converted_exactly(ledger, take):
    text = (
        "id,worker,job,site,started,quantity,unit\n"
        "s1,ada,hew,north,2025-08-31,102000.001,kg\n"
        "s2,ada,hew,north,2025-08-30,7,\n"
        "s3,ada,hew,north,2025-08-29,8 t,kg\n"
    )
    take(text)
    assert [one["quantity"] for one in shifts(ledger)] == ["102.000001", "7", "8"]
    assert refusals(take, text.replace("kg", "metre").replace("s1", "s4")) == [(2, "quantity", "102000.001")]


def test_periods_are_of_the_site(ledger, take):
    text = (
        "id,worker,job,site,period,quantity\n"
        "s1,ada,hew,north,2025,7\n"
        "s2,ada,hew,north,2025-02,7\n"
        "s3,ada,hew,north,2025-W10,7\n"
        "s4,ada,hew,north,2025-03-01,7\n"
    )
    take(text)
    assert [(one["started"], one["ended"]) for one in shifts(ledger)] == [
        ("2024-12-31T21:00:00Z", "2025-12-31T21:00:00Z"), ("2025-01-31T21:00:00Z", "2025-02-28T21:00:00Z"),
        ("2025-03-02T21:00:00Z", "2025-03-09T21:00:00Z"), ("2025-02-28T21:00:00Z", "2025-03-01T21:00:00Z"),
    ]  # fmt: skip
    assert refusals(take, text.replace("2025-W10", "2025-W60")) == [(4, "period", "2025-W60")]


def test_helpers(ledger, take):
    text = (
        "worker,job,site,started,quantity,helpers\n"
        "ada,hew,north,2025-08-31 01:00,7,bo:timberer:5.75\n"
        "ada,hew,north,2025-09-01,7,none\n"
        "ada,hew,north,2025-09-02,7,\n"
    )
    take(text)
    first, second, third = shifts(ledger)
    assert first["helpers"] == [{"worker": "bo", "role": "timberer", "hours": "5.75"}]
    assert second["helpers"] == [] and "helpers" not in third
    assert take(text).nothing_new
    assert refusals(take, text.replace(":5.75", "")) == [(2, "helpers", "bo:timberer")]
    assert refusals(take, text.replace("bo:", "eve:").replace("01:00", "02:00")) == [(2, "helpers", "eve")]


# A file means what its rows would mean at the command line.

CELLS = {
    "worker": ["ada", "bo", " ada ", "eve", ""],
    "job": ["hew", "dig"],
    "site": ["north", "south"],
    "started": [
        "2025-08-31", "2025-09-01 06:00", "2025-09-01T06:00:00.250Z", "2025-09-01T06:00+05:30", "2025-02-30", "2025-01-01",
        "soon", "2031-01-01", "2025-08", "2025", "",
    ],
    "precision": ["month", "year", "day", ""],
    "quantity": [
        "102", "102.50", "1,234.5", "102 t", "102000kg", "3 m", "-1", "x", "1e3", ".5", "5.", "+5", "0", "0.1234567891",
        "999999999.999999999", "1000000000", "",
    ],
    "hours": ["5.75", "5:45", "5 h 45 min", "5:20", "24", "24.5", "0", "x", ""],
    "headcount": ["1", "2", "1.0", ""],
    "labour_hours": ["6", "5", "100", ""],
    "helpers": ["none", "bo:timberer:5.75", "bo::5:45", "ada::1", "eve::1", "bo:1", "cy::0", ""],
    "claimed_attainment": ["14.57", "1457%", "x", ""],
    "evidence": ["seen", "e\u0301", "two\nlines", 'with "quotes", commas', "bad\x01", ""],
}  # fmt: skip
GOOD = {"worker": "ada", "job": "hew", "site": "north", "started": "2025-08-31", "quantity": "102"}


def rows_of_cells():
    change = st.sampled_from(sorted(CELLS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(CELLS[name])))
    return st.lists(st.lists(change, max_size=3).map(lambda some: {**GOOD, **dict(some)}), min_size=1, max_size=6)


def one_by_one(ledger, row):
    """What `checkweigh add` would make of a row, None where it refuses it."""

    def lookup(kind, name):
        found = ledger.find(kind, name)
        return codec.decode(ledger.entry(found[-1])) if found else None

    try:
        given = fields.read("shift", ["id=x", *(f"{name}={text}" for name, text in row.items() if text)], lookup)
        with ledger.append(EDGE) as batch:
            index = batch.add("shift", given)
            entry = json.loads(batch.growth.entry(index))
            raise Undone
    except Undone:
        return {name: value for name, value in entry.items() if name not in ("id", "salt")}
    except Refused:
        return None


class Undone(Exception):
    """Takes a batch back."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_cells())
def test_a_file_means_what_its_rows_mean_one_by_one(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("same")
    with founded(path / "ledger") as ledger:
        expected = [one_by_one(ledger, row) for row in rows]
        names = sorted({name for row in rows for name in row})
        with (path / "file.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([names, *([row.get(name, "") for name in names] for row in rows)])
        report = importing.read(ledger, path / "file.csv", edge=EDGE, settings=Settings(accept_valid=True))
        found = [{name: value for name, value in one.items() if name not in ("id", "salt")} for one in shifts(ledger)]
        assert found == [one for one in expected if one is not None]
        assert report.refused_rows == sum(one is None for one in expected)


# Other kinds.


def test_other_kinds_go_in_and_again_add_nothing(ledger, take):
    workers = "id,site,from\ncy,north,1/13/2025\ndan,north,1/14/2025\n"
    assert take(workers, kind="worker").added == 2
    assert take(workers, kind="worker").nothing_new
    counts = "id,site,job,from,until,quantity,instrument,unit\nc1,north,hew,2025-08-31 00:00,2025-09-01 00:00,99000,scale,kg\n"
    assert take(counts, kind="count").added == 1
    entry = entries(ledger, "count")[0]
    assert (entry["quantity"], entry["from"]) == ("99", "2025-08-30T21:00:00Z")
    crews = "id;name;from;members\nred;Red;2025-01-13;ada,bo\n"
    assert take(crews, kind="crew").added == 1 and entries(ledger, "crew")[0]["members"] == ["ada", "bo"]
    rules = "id,gives,from,measure,at_least\nhero,a title,2025-01-01,attainment,200%\n"
    assert take(rules, kind="rule").added == 1 and entries(ledger, "rule")[0]["conditions"]["at_least"] == "2"


def test_a_changed_row_of_another_kind_is_refused_or_corrected(ledger, take):
    text = "id,site,from,name\ncy,north,2025-01-13,Cy\n"
    take(text, kind="worker")
    assert refusals(take, text.replace("Cy\n", "Cyrus\n"), kind="worker") == [(2, "id", "cy")]
    assert take(text.replace("Cy\n", "Cyrus\n"), kind="worker", correct="full name").corrected == 1
    assert refusals(take, text.replace("north", "south"), kind="worker", correct="x") == [(2, "", None)]


def test_kinds_without_an_id_are_known_by_what_they_say(ledger, take):
    text = "site,on,severity,days_lost\nnorth,2025-08-31,bruise,1\nnorth,2025-08-31,bruise,1\n"
    assert take(text, kind="incident").added == 2
    assert take(text, kind="incident").skipped == 2
    report = take(text + "north,2025-09-01,cut,0\n", kind="incident")
    assert (report.added, report.skipped) == (1, 2)
    assert refusals(take, text.replace("bruise,1", "bruise,some"), kind="incident") == [
        (2, "days_lost", "some"),
        (3, "days_lost", "some"),
    ]


# Real data, by the commands that the documentation gives.

PAGE = Path(__file__).parent.parent / "docs" / "importing.md"


def run_page(ledger_name, file, monkeypatch, tmp_path):
    """Run the page's commands about a ledger, up to its import, in a directory that holds the file. Returns the import's arguments."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(file, tmp_path)
    text = PAGE.read_text().replace("\\\n", " ")
    commands = [
        shlex.split(line) for line in text.splitlines() if re.match(rf"checkweigh (init|import) {ledger_name} ?", line)
    ]
    assert [command[1] for command in commands] == ["init", "import"]
    for _, *arguments in commands:
        checkweigh(*arguments)
    return commands[-1][1:]


def checkweigh(*arguments, code=0):
    with pytest.raises(SystemExit) as done:
        cli.main(list(arguments))
    assert (done.value.code or 0) == code


def attainments(ledger):
    quotas = {entry["id"]: Fraction(entry["quantity"]) for entry in entries(ledger, "quota")}
    return {one["id"]: Fraction(one["quantity"]) / quotas[one["quota"]] for one in shifts(ledger)}


def test_garments(tmp_path, shared, monkeypatch):
    again = run_page("garments.ledger", shared("data/garments.csv"), monkeypatch, tmp_path)
    with Ledger.open("garments.ledger") as ledger:
        assert (len(shifts(ledger)), len(entries(ledger, "crew"))) == (1197, 12)
        assert {job["id"] for job in entries(ledger, "job")} == {"sewing", "finishing"}
        found = attainments(ledger)
        assert sum(value >= 1 for value in found.values()) == 875
        best = next(one for one in shifts(ledger) if found[one["id"]] == max(found.values()))
        assert (best["crew"], best["started"]) == ("7", "2015-02-04T18:00:00Z")  # 5 February in Dhaka
        assert round(float(max(found.values())), 3) == 7.469
        days = {one["started"] for one in shifts(ledger)}
        assert len(days) == 59 and min(days) == "2014-12-31T18:00:00Z" and max(days) == "2015-03-10T18:00:00Z"
        size = ledger.size
    checkweigh(*again)
    without_dates = [word for word in again if word not in ("--dates", "mdy")]
    checkweigh(*without_dates, code=2)
    with Ledger.open("garments.ledger") as ledger:
        assert ledger.size == size


def test_mines(tmp_path, shared, monkeypatch, capsys):
    again = run_page("mines.ledger", shared("data/eia_coal_mines.csv"), monkeypatch, tmp_path)
    with Ledger.open("mines.ledger") as ledger:
        assert len(shifts(ledger)) == 12_085 and len(entries(ledger, "job")) == 3
        assert sum(one["quantity"] == "0" for one in shifts(ledger)) == 3171
        first = shifts(ledger)[0]
        assert (first["started"], first["ended"], first["labour_hours"]) == (
            "2001-01-01T05:00:00Z",
            "2002-01-01T05:00:00Z",
            "11052",
        )
        size = ledger.size
    refused = (tmp_path / "refused.csv").read_text().splitlines()
    assert len(refused) == 6 and all("labour_hours,-," in line for line in refused[1:])
    capsys.readouterr()
    checkweigh(*again)
    checkweigh(*[word for word in again if word != "--accept-valid"], code=2)
    assert "5 of 12,090 rows" in capsys.readouterr().err
    with Ledger.open("mines.ledger") as ledger:
        assert ledger.size == size
