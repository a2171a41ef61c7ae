"""The benchmark in a small form: the derivations, the SQL by hand and the pandas program agree on 20,000 shifts of synthetic work."""

from pathlib import Path

import pandas as pd
import pytest
from bench import book, by_pandas, compare
from bench.work import Work

from checkweigh.ledger import Ledger

# Ibis 12 still calls by its old name what DuckDB 2 has renamed.

MILLION = 0.02
BY_HAND = sorted(path.stem for path in compare.SQL.glob("*.sql") if path.stem != "judged")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 20,000 imported shifts, with verdicts and awards."""
    made, took = book.made(tmp_path_factory.mktemp("bench"), MILLION)
    assert took.peak_bytes < 2 * 2**30
    return made


@pytest.mark.parametrize("name", BY_HAND)
def test_the_sql_by_hand_gives_the_same_rows(path: Path, name: str) -> None:
    with Ledger.open(path) as ledger:
        assert compare.differences(ledger, name) == []
        found = compare.opened(ledger)
        assert compare.checksum(found.engine, name, compare.ours(found, name))[0] > 0
        found.engine.close()


def test_pandas_finds_the_same_but_for_rounding(path: Path, tmp_path: Path) -> None:
    with Ledger.open(path) as ledger:
        theirs = by_pandas.all_three(compare.files_of(ledger, tmp_path))
        found = compare.opened(ledger)
        ours = {name: table.to_pandas() for name, table in compare.three_tables(found).items()}
        found.engine.close()
    for name, table in theirs.items():
        assert set(ours[name].columns) == set(table.columns), f"pandas makes the same columns of {name}"
    both = ours["attainment"].merge(theirs["attainment"], on="entry", suffixes=("", "_float"))
    assert len(both) == len(ours["attainment"]) == round(MILLION * 1_000_000)
    for figure in ("attainment", "labour_attainment", "expected"):
        exact = pd.to_numeric(both[figure]).astype("float64")
        assert (exact.isna() == both[f"{figure}_float"].isna()).all()
        assert (exact - both[f"{figure}_float"]).abs().max() < 2e-6
    assert len(ours["standings"]) == pytest.approx(len(theirs["standings"]), rel=0.01)
    keys = ["job", "measure", "scope", "within", "holder", "length", "shift"]
    marked = ours["records"].merge(theirs["records"], on=keys, suffixes=("", "_float"))
    assert len(marked) > 0.98 * len(ours["records"])
    same = marked["beaten_by"].fillna("") == marked["beaten_by_float"].fillna("")
    assert same.mean() > 0.98
    marks = [len(tables["records"]) for tables in (ours, theirs)]
    assert marks[0] == pytest.approx(marks[1], rel=0.02)


def test_an_export_is_timed_beside_the_hashing_of_the_same_entries(path: Path) -> None:
    exports, hashings, done = book.export_ratio(path)
    assert len(exports) == len(hashings) == book.EXPORTS and min(exports) > min(hashings) > 0
    with Ledger.open(path) as ledger:
        assert (done.before, done.size) == (0, ledger.size)


def test_the_work_is_the_same_every_time_and_shaped_as_described() -> None:
    work, again = Work(MILLION), Work(MILLION)
    days = list(work.shifts())
    assert sum(len(day) for day in days) == work.shift_count
    assert all(day.equals(other) for day, other in zip(days, again.shifts(), strict=True))
    helped = sum(len(day) - day["helpers"].null_count for day in days) / work.shift_count
    crews = sum(len(day) - day["crew"].null_count for day in days) / work.shift_count
    assert 0.01 < helped < 0.03
    assert 0.01 < crews < 0.04
