"""The docs say what the program does: reference pages are made from the code, and what a page shows is what a user gets.

In a block of `console`, a line that begins with `$ ` is run, lines that begin with `> ` go on with it, and the rest is what it prints:
`…` stands for any text, and a line of `...` for any lines. A command that needs a shell gets one. A plain `checkweigh` command is run here,
which spares it the start of a process; in the long form, and on the page with which everybody begins, it is a process too.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from checkweigh import cli
from checkweigh.cli import edge
from checkweigh.cli.app import COMMANDS
from checkweigh.derived import DERIVED
from checkweigh.kinds import KINDS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from docs import generate  # noqa: E402

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"])
Step = tuple[str, list[str]]
PORTS = ("8650", "8935")
"""The ports that the docs name, of a witness and of a board."""
PLAIN = re.compile(r"""checkweigh [\w\s:/.,+=%'"-]+""")
"""A command in which a shell has nothing to do but to take off quotes."""


@pytest.mark.parametrize("name", generate.pages())
def test_a_generated_page_is_what_the_code_says(name):
    written = (generate.REFERENCE / name).read_text(encoding="utf-8")
    assert written == generate.pages()[name], "run `make docs`"


def test_every_command_table_kind_and_error_has_its_heading():
    headings = {name: re.findall(r"^## (.+)$", text, re.M) for name, text in generate.pages().items()}
    assert headings["commands.md"] == [name for name, *_ in COMMANDS]
    assert headings["tables.md"] == list(DERIVED)
    assert headings["entries.md"][: len(KINDS)] == list(KINDS)
    assert {"Refused", "Broken", "AlreadyRecorded", "RowsRefused", "BeyondTheEnd"} <= set(headings["errors.md"])
    assert {"CHECKWEIGH_KEY", "dates", "accept_valid"} <= set(headings["settings.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_the_docs_exist(page):
    commands = {name.partition(" ")[0] for name, *_ in COMMANDS}
    named = re.findall(r"(?:^|[`$] ?)checkweigh ([a-z]+(?:-[a-z]+)*)", page.read_text(encoding="utf-8"), re.M)
    assert set(named) <= commands


def steps(page: Path, port: str = "") -> list[Step]:
    """The commands of a page, in order, each with the lines that it is said to print; they use the port instead of the usual ones."""
    found: list[Step] = []
    text = re.sub("|".join(PORTS), port, page.read_text(encoding="utf-8"))
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif (line.startswith("> ") or line == ">") and not found[-1][1]:
                found[-1] = (found[-1][0] + "\n" + line[2:], [])
            else:
                found[-1][1].append(line.rstrip())
    return found


def pattern(lines: list[str]) -> str:
    """What the lines of a page stand for."""
    parts = [r"(?:.*\n)*?" if line == "..." else re.escape(line).replace("…", ".*") + " *\n" for line in lines]
    return "".join(parts)


@pytest.fixture
def port() -> str:
    """A free port, which stands in for the one that the docs name."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


@pytest.fixture
def place(tmp_path):
    """Where the commands of a page run; what they have left running, by its id in a file, is stopped in the end."""
    yield tmp_path
    for found in tmp_path.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(found.read_text()), signal.SIGKILL)


def environment() -> dict[str, str]:
    """As a user's terminal of 100 characters, where the command is on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}


def by_shell(command: str, place: Path) -> tuple[int, str]:
    """The exit code of a command and what it says, first on its output and then aside."""
    # Ibis 12 still calls by its old name what DuckDB 2 has renamed: no user is warned of it.
    done = subprocess.run(["bash", "-c", command], cwd=place, env=environment(), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def here(command: str) -> tuple[int, str]:
    """The same of a plain command, in this process and its directory."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as exit:
        cli.main(shlex.split(command)[1:])
    return int(exit.value.code or 0), "".join(said.buffer.getvalue().decode() for said in (out, err))


@pytest.fixture
def terminal(place, monkeypatch):
    """This process as a user's terminal, in the place where the commands run."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", environment()["COLUMNS"])
    for console in (edge.screen, edge.aside):  # each has the width of when it was made
        console.cache_clear()
    yield
    for console in (edge.screen, edge.aside):
        console.cache_clear()


SHOWN = [page for page in PAGES if steps(page)]


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_a_user_gets(page, place, port, terminal):
    follow(page, place, port, processes=page.name == "README.md")


@pytest.mark.long
@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_processes_of_their_own_say(page, place, port):
    follow(page, place, port, processes=True)


def follow(page: Path, place: Path, port: str, processes: bool) -> None:
    """Do what a page says, and see that it gives what the page shows."""
    for command, lines in steps(page, port):
        if command.startswith(("make ", "git ")):
            continue
        code, said = by_shell(command, place) if processes or not PLAIN.fullmatch(command) else here(command)
        assert "Traceback" not in said, said
        expected = 2 if "Refused:" in "".join(lines) else 3 if "Broken:" in "".join(lines) else 0
        assert code == expected, f"{command}\n{said}"
        assert re.fullmatch(pattern(lines or ["..."]), said), f"{command}\nprints\n{said}"


def test_real_files_go_in_with_the_commands_of_the_page(shared, tmp_path):
    for name in ("garments.csv", "eia_coal_mines.csv"):
        shutil.copy(shared(f"data/{name}"), tmp_path / name)
    blocks = re.findall(
        r"^```\n(checkweigh .*?)^```$", (ROOT / "docs/importing.md").read_text(encoding="utf-8"), re.M | re.S
    )
    said = ""
    for block in blocks:
        done = subprocess.run(["bash", "-ec", block], cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert "1,197 of 1,197 rows added" in said and "12,085 of 12,090 rows added" in said
