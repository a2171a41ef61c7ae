"""What comes along for running a board: the unit and the container are what they claim, as far as it can be tested without them."""

import json
import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from conftest import missing
from test_tidy import ROOT

UNIT, CONTAINER = ROOT / "deploy" / "checkweigh.service", ROOT / "deploy" / "Containerfile"


@pytest.fixture
def analyze(tmp_path):
    """systemd's own check of the unit, with programs of this computer instead of those to be installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("systemd is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/checkweigh/bin/checkweigh", sys.executable))

    def run(*arguments):
        done = subprocess.run([program, *arguments, unit], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


def test_systemd_finds_no_fault_in_the_unit(analyze):
    assert analyze("verify", "--man=no", "--recursive-errors=no") == (0, "")


def test_the_service_is_hardly_exposed(analyze):
    code, said = analyze("security", "--offline=true", "--threshold=20")
    assert code == 0, said


def test_the_container_is_not_run_by_root_and_names_no_registry():
    text = CONTAINER.read_text()
    assert re.search(r"^FROM python:[\d.]+-slim$", text, re.M) and re.search(r"^USER 1935$", text, re.M)
    assert "://" not in re.sub(r"http://127\.0\.0\.1:", "", text)
    assert all((ROOT / name).exists() for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"))


def test_the_health_of_the_container_is_that_of_the_board(served, ledger, tmp_path):
    command = json.loads(re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", CONTAINER.read_text(), re.M)[1])
    assert command[0] == "python"
    site = served(ledger)
    environment = {"CHECKWEIGH_PORT": str(urlsplit(site.address).port)}
    check = [sys.executable, *command[1:]]
    assert subprocess.run(check, env=environment, timeout=120).returncode == 0
    site.stop()
    assert subprocess.run(check, env=environment, timeout=120, stderr=subprocess.DEVNULL).returncode == 1
