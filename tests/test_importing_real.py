"""Real files, imported by the commands that the documentation gives."""

import re
import shlex
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from checkweigh import cli
from checkweigh.ledger import Ledger
from files import entries, shifts

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
