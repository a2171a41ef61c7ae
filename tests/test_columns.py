"""Columns: the same entries as Parquet, in segments that are built once, merged, checked and swept."""

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from books import START, book, entry
from checkweigh import asking, codec, columns, entries, tables
from checkweigh.derived import DERIVED
from checkweigh.errors import Refused
from reference import attainment


class MemoryLog:
    """A log in memory, for `columns.Log`."""

    def __init__(self, told):
        built = (
            entries.build(item["kind"], {name: value for name, value in item.items() if name != "kind"})
            for item in told
        )
        self.rows = [codec.encode(one) for one in built]
        self.size = len(self.rows)
        self.reads = 0

    def root(self, size=None):
        return hashlib.sha256(b"\n".join(self.rows[:size])).digest()

    def erased(self):
        return []

    def bundles(self, start, stop):
        self.reads += stop - start
        for at in range(start, stop, 5):
            yield at, pa.array(self.rows[at : min(at + 5, stop)], pa.binary())


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(columns, "SEGMENT", 8)


def told(count):
    """`START` and so many shifts, one in five with helpers, one in seven corrected."""
    made = list(START)
    for number in range(count):
        helpers = (
            [{"worker": "cy", "hours": "1.5"}, {"worker": "di", "hours": "0.25"}][: number % 3]
            if number % 5 == 0
            else None
        )
        fields = {
            "id": f"s{number}",
            "worker": "ada",
            "job": "hewing",
            "site": "mine",
            "hours": "8",
            "helpers": helpers,
        }
        made.append(
            entry("shift", **fields, started=f"2024-01-{number % 28 + 1:02}T06:00:00Z", quantity=str(number + 1))
        )
        if number % 7 == 6:
            again = {"replaces": len(made) - 1, "note": "misread", "quantity": "3"}
            made.append(entry("shift", **fields, started=f"2024-01-{number % 28 + 1:02}T06:00:00Z", **again))
    return made


def test_segments_are_the_fewest_aligned_ones(tmp_path):
    log = MemoryLog(told(50))
    cover = columns.build(log, tmp_path)
    widths = [(segment.start, segment.stop) for segment in cover]
    assert widths == [(0, 64)] and log.size == 65
    assert all((stop - start) & (stop - start - 1) == 0 and start % (stop - start) == 0 for start, stop in widths)


@pytest.mark.parametrize("size", [0, 3, 8, 20, 33, 61])
def test_tables_of_columns_are_those_of_the_entries(tmp_path, size):
    whole = told(48)
    log = MemoryLog(whole)
    shown = tables.at(log, size, tmp_path)
    found = tables.collect(DERIVED["attainment"].derive(shown)).to_pylist()
    assert {row["entry"]: row["quantity"] for row in found} == {
        row["entry"]: row["quantity"] for row in attainment(whole, size)
    }
    assert sorted(row["first_entry"] for row in found) == sorted(row["first_entry"] for row in attainment(whole, size))


def test_built_once_and_merged_from_shorter_ones(tmp_path):
    whole = told(60)
    for size in (16, 24, 40, 64):
        columns.build(MemoryLog(whole[:size]), tmp_path)
    log = MemoryLog(whole[:64])
    columns.build(log, tmp_path)
    assert log.reads == 0
    fresh = tmp_path / "fresh"
    columns.build(log, fresh)
    assert log.reads > 0
    for file in (fresh / "0-64").iterdir():
        assert file.read_bytes() == (tmp_path / "0-64" / file.name).read_bytes()


def test_an_edited_file_is_found_and_named(tmp_path):
    log = MemoryLog(told(60))
    columns.build(log, tmp_path)
    assert columns.check(log, tmp_path) == []
    file = next(tmp_path.iterdir()) / "shift.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index("worker"), "worker", pa.array(["bo"] * len(table))), file)
    assert columns.check(log, tmp_path) == [file]


def test_a_segment_of_another_log_is_built_again(tmp_path):
    columns.build(MemoryLog(told(30)), tmp_path)
    other = MemoryLog(
        [*START, *(item | {"quantity": "9"} for item in told(30) if item["kind"] == "shift" and "replaces" not in item)]
    )
    cover = columns.build(other, tmp_path)
    assert cover[0].facts["root"] == other.root(cover[0].stop).hex()
    assert set(pq.read_table(cover[0].file("shift"))["quantity"].to_pylist()) == {9}


def test_covered_segments_go_after_an_hour(tmp_path):
    columns.build(MemoryLog(told(60)[:8]), tmp_path)
    columns.build(MemoryLog(told(60)[:64]), tmp_path)
    soon = datetime.now(UTC)
    assert columns.sweep(tmp_path, soon) == []
    assert [path.name for path in columns.sweep(tmp_path, soon + timedelta(hours=2))] == ["0-8"]
    assert columns.sweep(tmp_path / "missing", soon) == []


def shown_of(known):
    return sorted(row["entry"] for row in tables.collect(DERIVED["attainment"].derive(known)).to_pylist())


@pytest.mark.parametrize("size", [40, 60])
def test_a_reader_that_loses_a_file_plans_again(tmp_path, size):
    """Its segments were covered by a longer one and swept, or the whole cache was deleted, while it was reading."""
    whole = told(60)
    log = MemoryLog(whole[:size])
    known, expected = tables.at(log, size, tmp_path), shown_of(tables.from_entries(enumerate(log.rows)))
    log.rows, log.size = MemoryLog(whole[:64]).rows, 64
    columns.build(log, tmp_path)
    gone = columns.sweep(tmp_path, datetime.now(UTC) + timedelta(hours=2))
    assert [path.name for path in gone] == {40: ["0-32", "32-40"], 60: ["0-32", "32-48", "48-56"]}[size]
    assert shown_of(known) == expected
    with asking.answer([known], DERIVED["attainment"], {}) as reader:
        shutil.rmtree(tmp_path / "0-64")
        assert sorted(reader.read_all()["entry"].to_pylist()) == expected


def test_files_that_vanish_while_they_are_planned_are_planned_again(tmp_path, monkeypatch):
    log, build, losses = MemoryLog(told(60)), columns.build, [3, 1]

    def building(*arguments):
        cover = build(*arguments)
        if losses and losses[-1]:
            losses[-1] -= 1
            shutil.rmtree(tmp_path / "0-64")
        return cover

    monkeypatch.setattr(columns, "build", building)
    assert len(shown_of(tables.at(log, None, tmp_path))) == 60
    losses.pop()
    with pytest.raises(Refused, match="vanish while they are read"):
        tables.at(log, None, tmp_path)


def test_of_a_repeated_identity_the_first_counts_in_files_and_in_the_tail(tmp_path):
    row = "shift  id  worker  started  hours  quantity\n"
    lines = [f"{name}  ada  2024-01-02 06:00  8  {quantity}" for quantity, name in enumerate("abacdaefghbijklma")]
    whole = book(row + "\n".join(lines))
    shown = tables.at(MemoryLog(whole), None, tmp_path)
    found = {row["id"]: row["quantity"] for row in tables.collect(DERIVED["attainment"].derive(shown)).to_pylist()}
    assert found == {row["id"]: row["quantity"] for row in attainment(whole)}
    assert (found["a"], found["b"], len(found)) == (0, 1, 13)


def test_helpers_are_summed_and_none_is_not_unknown():
    rows = """
        shift  id  worker  started           hours  quantity  helpers
               a   ada     2024-01-02 06:00  8      7         bo:1.5+cy:0.25
               b   ada     2024-01-02 06:00  8      7         none
               c   ada     2024-01-02 06:00  8      7         -
    """
    log = MemoryLog(book(rows))
    shifts = columns.read(log, 0, log.size, {})["shift"].to_pylist()
    assert [row["helper_count"] for row in shifts] == [2, 0, None]
    assert [row["helper_hours"] for row in shifts] == [Decimal("1.75"), 0, None]


def test_every_kind_has_a_schema_without_salt():
    for kind in entries.KINDS:
        names = columns.schema(kind).names
        assert names[0] == "entry" and "salt" not in names and len(set(names)) == len(names)
