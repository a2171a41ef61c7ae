"""The demonstration: what must come out of the campaign of 1935, and that the telling says it."""

import io
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from checkweigh import cli
from checkweigh.demo import LEDGER, build, campaign
from checkweigh.demo.telling import HEWING, Book, tell
from checkweigh.errors import Refused
from checkweigh.ledger import Edge, Ledger
from checkweigh.verify import verify

# Ibis 12 still calls by its old name what DuckDB 2 has renamed.
EDGE = Edge("login:anna", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The demonstration ledger, built once; tests do not write to it."""
    return build(tmp_path_factory.mktemp("demo"), EDGE)[0]


@pytest.fixture(scope="module")
def book(path):
    with Ledger.open(path) as ledger:
        yield Book(ledger)


def marks(book: Book, size: int, **changed: object) -> list[tuple[str, Decimal]]:
    return [(row["shift"], row["value"]) for row in book.rows("records", size, **{**HEWING, **changed})]


def test_the_ledger_is_a_demonstration_and_verifies(path):
    report = verify(path)
    assert report.origin.startswith("demonstration/") and report.size == len(list(campaign()))
    assert report.findings == ()


def test_everyone_gets_the_same_entries(path, tmp_path):
    again, _ = build(tmp_path, EDGE)
    with Ledger.open(path) as one, Ledger.open(again) as other:
        assert one.root() == other.root() and one.verifier != other.verifier


def test_entries_are_recorded_at_their_dates_and_cite_sources_recorded_before(book):
    recorded = [entry.recorded for entry in book.entries]
    assert recorded == sorted(recorded) and recorded[0] < "1935-08-31"
    known: set[str] = set()
    for entry in book.entries:
        known |= {entry.id} if entry in book.of_kind("source") else set()
        assert set(entry.cites or ()) <= known
        owes = type(entry).__name__ not in ("Source", "Rule")
        assert entry.cites or not owes, f"{entry} cites nothing"


def test_the_shift_of_august(book):
    then, later = book.shift(book.then), book.shift(book.later)
    assert (then["attainment"], then["labour_attainment"], then["holder"]) == (
        Decimal("14.571428"),
        Decimal("14.571428"),
        "single",
    )
    assert (later["attainment"], later["labour_attainment"]) == (Decimal("14.571428"), Decimal("4.857142"))
    assert (later["holder"], later["status"]) == ("crew", "adjusted")


def test_the_record_book_before_and_after_the_truth_came_out(book):
    then, later = marks(book, book.then), marks(book, book.later)
    assert then[:3] == [("izotov-60", 60), ("izotov-70", 70), ("august", 102)]
    assert later[:3] == [("izotov-60", 60), ("izotov-70", 70), ("dyukanov-115", 115)]
    assert then[-1] == ("stakhanov-227", 227) and later[-1] == ("stakhanov-321", 321)
    for size in (book.then, book.later, book.now):
        assert marks(book, size, holder="crew")[-1] == ("crew-640", 640)


def test_the_honours_of_august_lose_their_basis(book):
    def of_august(size: int) -> set[str]:
        return {row["status"] for row in book.rows("honours", size) if row["shift"] == "august"}

    assert of_august(book.then) == {"earned", "granted"} and of_august(book.later) == {"basis lost"}
    others = [row["status"] for row in book.rows("honours", book.now) if row["shift"] != "august"]
    assert "basis lost" not in others and others.count("granted") == 3


def test_contradictions_are_kept(book):
    def said(about: str, field: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(fact.value, fact.cites) for fact in book.of_kind("fact") if (fact.about, fact.field) == (about, field)]

    assert [cites for _, cites in said("stakhanov", "birthplace")] == [("moscow-times",), ("impact",)]
    assert [value for value, _ in said("crew-640", "quantity")] == ["640 t", "607 t"]
    assert said("stakhanov", "age at death") == [("72", ("impact",))]
    claims = {shift.id: shift.claimed_attainment for shift in book.of_kind("shift") if shift.id.startswith("claim-")}
    assert claims == {"claim-2010": "20.23", "claim-2013": "43.91"}
    assert "thirty shift tasks" in said("izotov", "claim of 11 September 1935")[0][0]


def told(path: Path) -> str:
    console = Console(file=io.StringIO(), width=100, record=True)
    tell(console, path)
    return " ".join(console.export_text().split())


def test_the_telling_says_what_the_derivations_say(path):
    said = told(path)
    for wanted in (
        "102 ÷ 7 = 14.571428 quotas", "as known at the end of 1936", "as known in 1990", "Dyukanov's 115 t",
        "labour attainment 14.571428 4.857142", "basis lost", "birthplace Oryol province The Moscow Times", "71 years, not 72",
        "607 t press pages", "Verified: all", "checkweigh verify", "automobiles 1 1.431111",
    ):  # fmt: skip
        assert wanted in said, wanted


def test_a_second_time_the_ledger_is_shown_as_it_is(tmp_path, path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    directory = tmp_path / "demo"
    shutil.copytree(path.parent, directory)
    shift = directory / LEDGER
    with pytest.raises(SystemExit) as judged:
        cli.main(["judge", str(shift), "stakhanov-227", "annulled", "--reason", "try"])
    assert not judged.value.code
    with pytest.raises(SystemExit) as again:
        cli.main(["demo", str(directory)])
    assert not again.value.code and "was there already" in " ".join(capsys.readouterr().out.split())


def test_something_else_in_its_place_is_left_alone(tmp_path):
    with Ledger.create(tmp_path / LEDGER, edge=EDGE) as ledger:
        root = ledger.root()
    with pytest.raises(Refused, match="not the demonstration"):
        build(tmp_path, EDGE)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        assert ledger.root() == root
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="is a file"):
        build(tmp_path / "file", EDGE)
