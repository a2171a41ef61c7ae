"""The command line: what people type, what they are told, and what the ledger holds afterwards."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pytest

from checkweigh.hashing import Hasher
from checkweigh.ledger import Ledger

# Ibis 12 still calls by its old name what DuckDB 2 has renamed.


SITE = ("site", "id=north", "name=North", "industry=coal", "timezone=Europe/Berlin")
JOB = ("job", "id=hewing", "name=Hewing", "industry=coal", "unit=t", "better=higher")
SHIFT = (
    "shift",
    "id=s-1",
    "worker=ada",
    "job=hewing",
    "site=north",
    "started=2025-01-02T06:00",
    "quantity=102 t",
    "hours=5.75",
)
ENTRIES = (
    SITE,
    JOB,
    ("worker", "id=ada", "name=Ada", "site=north", "from=2025-01-01"),
    ("worker", "id=bo", "name=Bo", "site=north", "from=2025-01-01"),
    ("quota", "id=q", "job=hewing", "quantity=7", "per=worker", "from=2025-01-01"),
)


@pytest.fixture
def book(tmp_path, run) -> Path:
    """A ledger with a site, a job, two workers and a quota."""
    path = tmp_path / "book.ledger"
    run("init", path)
    for entry in ENTRIES:
        run("add", path, *entry)
    return path


def size(path: Path) -> int:
    with Ledger.open(path) as ledger:
        return ledger.size


def newest(path: Path) -> dict:
    with Ledger.open(path) as ledger:
        return json.loads(ledger.entry(ledger.size - 1))


def test_init_shows_the_verifier_key_and_what_to_do_with_it(tmp_path, run):
    result = run("init", tmp_path / "a.ledger", "--origin", "mine.example/north")
    with Ledger.open(tmp_path / "a.ledger") as ledger:
        assert ledger.verifier in result.out and ledger.origin == "mine.example/north"
    assert "representative" in result.out and "a.ledger.key" in result.out
    assert (tmp_path / "a.ledger.key").stat().st_mode & 0o777 == 0o600


def test_init_says_when_there_is_no_directory(tmp_path, run):
    assert "there is no directory" in run("init", tmp_path / "nowhere" / "a.ledger", code=2).err


def test_init_leaves_an_existing_file_alone(tmp_path, run):
    (tmp_path / "a.ledger").write_text("mine")
    assert "exists already" in run("init", tmp_path / "a.ledger", code=2).err
    assert (tmp_path / "a.ledger").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_add_tells_index_identity_and_checkpoint(book, run):
    result = run("add", book, *SHIFT)
    assert "Entry 5: shift s-1" in result.out and "checkpoint covers 6 entries" in result.out
    entry = newest(book)
    assert (entry["quantity"], entry["started"], entry["hours"]) == ("102", "2025-01-02T05:00:00Z", "5.75")
    assert entry["by"].startswith("login:")


def changed(**fields: str) -> list[str]:
    """The arguments of the shift with some of them changed; an empty one is left out."""
    given = dict(argument.split("=", 1) for argument in SHIFT[1:]) | fields
    return ["shift", *(f"{name}={text}" for name, text in given.items() if text)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (changed(wroker="ada"), "did you mean worker?"),
        (changed(job="hewng"), "job 'hewng': is not in the ledger; add it first"),
        (changed(worker="cy"), "worker 'cy' is not a worker in the ledger; add it first"),
        (changed(quantity="-7"), "quantity '-7': must not be negative"),
        (changed(hours="26"), "must be at most 24 without ended"),
        (changed(started="2999-01-02T06:00"), "lies in the future"),
        (changed(started="2024-12-31T06:00"), "is known only from 2025-01-01 on"),
        (changed(quantity="102 l"), "the job is counted in t"),
        (changed(quantity="102 pair"), "the job is counted in t"),
        (changed(quantity="", hours="", site=""), "site: is missing"),
        (changed(started="2025-03-30T02:30"), "does not exist in Europe/Berlin"),
        (changed(helpers="ada:self:1"), "cannot be their own helper"),
        (changed(recorded="2025-01-01T00:00Z"), "is set by the ledger itself"),
        (["shfit"], "did you mean shift?"),
        ([*SITE], "already entry 0; to correct it"),
        (["verdict", "shift=s-9", "ruling=annulled", "reason=x"], "s-9"),
        ([*SHIFT, "note=\udcff"], "is not UTF-8 text"),
    ],
)
def test_bad_entries_get_one_clear_message_and_leave_the_ledger_alone(book, run, arguments, said):
    before = book.read_bytes()
    assert said in run("add", book, *arguments, code=2).err
    assert size(book) == 5 and book.read_bytes() == before


def test_recorded_is_for_demonstrations(tmp_path, book, run):
    assert "demonstration" in run("add", book, *SHIFT, "--recorded", "2025-01-03T00:00Z", code=2).err
    run("init", tmp_path / "d.ledger", "--demonstration")
    run("add", tmp_path / "d.ledger", *SITE, "--recorded", "1935-08-31T12:00Z")
    assert newest(tmp_path / "d.ledger")["recorded"] == "1935-08-31T12:00:00Z"
    assert "not a time" in run("add", tmp_path / "d.ledger", *JOB, "--recorded", "yesterday", code=2).err


def test_a_fold_is_chosen(book, run):
    run("add", book, *changed(started="2025-10-26T02:30"), "--fold", "later")
    assert newest(book)["started"] == "2025-10-26T01:30:00Z"
    assert "--fold 'first'" in run("add", book, *changed(id="s-2"), "--fold", "first", code=2).err


def make_directory(path: Path) -> None:
    path.mkdir()


def make_other_database(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


@pytest.mark.parametrize(
    "command", [["add", "LEDGER", *SITE], ["log", "LEDGER"], ["show", "records", "LEDGER"], ["verify", "LEDGER"]]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda path: None, make_directory, lambda path: path.write_text("dear diary"), lambda path: path.write_bytes(b""),
        make_other_database,
    ],
    ids=["missing", "directory", "text", "empty", "other database"],
)  # fmt: skip
def test_what_is_no_ledger_is_refused(tmp_path, run, make, command):
    path = tmp_path / "x.ledger"
    make(path)
    said = run(*(str(path) if part == "LEDGER" else part for part in command), code=2).err
    assert str(path) in said.replace("\n", "")
    assert {found.name for found in tmp_path.iterdir()} <= {"x.ledger"}


def test_without_its_key_a_ledger_is_read_but_not_written(book, run):
    Path(f"{book}.key").unlink()
    assert "signing key is missing" in run("add", book, *JOB, code=2).err
    assert "site" in run("log", book).out


def test_a_rotation_is_told(book, run):
    result = run("rotate", book)
    with Ledger.open(book) as ledger:
        assert ledger.verifier in result.out and ledger.genesis in result.out
    run("add", book, *SHIFT)


def test_log_filters(book, run):
    run("add", book, *SHIFT)
    assert [row["id"] for row in json.loads(run("log", book, "--kind", "worker", "--format", "json").out)] == [
        "ada",
        "bo",
    ]
    assert [row["index"] for row in json.loads(run("log", book, "--about", "ada", "--format", "json").out)] == [2, 5]
    assert [
        row["index"] for row in json.loads(run("log", book, "--from", "1", "--to", "3", "--format", "json").out)
    ] == [1, 2]
    assert run("log", book, "--from", "2999-01-01", "--format", "json").out.strip() == "[]"
    assert run("log", book, "--format", "csv").out.startswith("index,kind,recorded,by,entry\n0,site,")
    assert "5 earlier ones are not shown" in run("log", book, "--limit", "1").out
    assert "no entries match" in run("log", book, "--kind", "count").out
    assert "not a kind of entry" in run("log", book, "--kind", "shfit", code=2).err
    assert "beyond the ledger" in run("log", book, "--to", "2025", code=2).err


def shown(run, book: Path, *arguments: str) -> list[dict]:
    return json.loads(run("show", arguments[0], book, *arguments[1:], "--format", "json").out)


def test_show_tells_what_a_verdict_changed_and_what_was_known_before(book, run):
    run("add", book, *SHIFT)
    result = run(
        "judge",
        book,
        "s-1",
        "adjusted",
        "--reason",
        "a helper",
        "--helpers",
        "bo:timberer:5.75",
        "--quantity",
        "98000 kg",
        "--own",
    )
    assert "attainment: 14.571428 → 14" in result.out and "holder: single → crew" in result.out
    assert [(row["attainment"], row["labour_attainment"]) for row in shown(run, book, "attainment")] == [("14", "7")]
    assert [row["attainment"] for row in shown(run, book, "attainment", "--at", "6")] == ["14.571428"]
    assert shown(run, book, "attainment", "--at", "2025-01-01") == []
    [changed] = shown(run, book, "attainment", "--at", "6", "--against", "7")
    assert (changed["difference"], changed["attainment"], changed["attainment_before"]) == (
        "changed",
        "14",
        "14.571428",
    )
    assert "14.571428 → 14" in run("show", "attainment", book, "--against", "6").out


def test_a_judgement_that_cannot_be_is_refused(book, run):
    run("add", book, *SHIFT)
    assert "adjusted" in run("judge", book, "s-1", "adjusted", "--reason", "x", "--own", code=2).err
    assert "s-9" in run("judge", book, "s-9", "annulled", "--reason", "x", code=2).err
    assert "did you mean annulled?" in run("judge", book, "s-1", "anulled", "--reason", "x", code=2).err
    assert "reason '': is empty" in run("judge", book, "s-1", "annulled", "--reason", "", code=2).err
    assert size(book) == 6


def test_a_tables_own_options(book, run):
    run("add", book, *SHIFT)
    assert [row["rank"] for row in shown(run, book, "standings", "--period", "week")] == [1]
    assert {row["measure"] for row in shown(run, book, "records", "--measure=quantity", "--standing")} == {"quantity"}
    before = run("show", "standings", "--period", "week", "--labour", book, "--format", "json").out
    assert before == run("show", "standings", book, "--format", "json", "--labour", "--period=week").out
    assert "not" in run("show", "records", book, book, code=2).err
    assert "did you mean period?" in run("show", "standings", book, "--perod", "week", code=2).err
    assert "none of day, week" in run("show", "standings", book, "--period", "weak", code=2).err
    assert "did you mean records?" in run("show", "record", book, code=2).err
    assert "the table comes before the ledger" in run("show", book, "records", code=2).err
    assert "--minimum-shifts NUMBER" in run("show", "tables").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "7"], "beyond the ledger, which has 5 entries"), (["--at", "1936"], "write its last day, 1936-12-31"),
        (["--at", "soon"], "neither a size nor a date"), (["--at", "2025-02-30"], "neither a size nor a date"),
        (["--zone", "Mars", "--at", "2025-01-01"], "IANA"), (["--format", "xml"], "none of table, csv, json"),
        (["--format", "parquet"], "--out FILE.parquet"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered(book, run, options, said):
    assert said in run("show", "records", book, *options, code=2).err


def test_a_date_ends_in_the_zone_that_is_named(tmp_path, run):
    path = tmp_path / "d.ledger"
    run("init", path, "--demonstration")
    run("add", path, *SITE, "--recorded", "1935-08-31T21:30Z")
    log = ["log", path, "--format", "json", "--to", "1935-08-31"]
    assert len(json.loads(run(*log).out)) == 1
    assert len(json.loads(run(*log, "--zone", "Europe/Moscow").out)) == 0
    assert len(json.loads(run("log", path, "--format", "json", "--to", "1935-08").out)) == 1


def test_a_terminal_shows_a_few_rows_and_says_what_it_shows(book, run):
    for number in range(4):
        run("add", book, *changed(id=f"s-{number}", started=f"2025-01-0{number + 2}T06:00"))
    out = run("show", "attainment", book, "--limit", "3").out
    assert "and 1 more" in out and "as known at size 9, the latest, root" in out
    assert "no column nonsense" in run("show", "attainment", book, "--columns", "nonsense", code=2).err.replace(
        "\n", " "
    )
    assert "quota entry" in run("show", "attainment", book, "--columns", "id,quota_entry").out


def flip(path: Path, needle: bytes) -> None:
    """Change one byte of what rests in a file."""
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)


def test_verify_says_where_a_byte_was_changed(book, run):
    assert "5 entries, every byte as it was signed" in run("verify", book).out
    flip(book, b'"id":"hewing"')
    assert "entry 1" in run("verify", book, code=3).err


def test_verify_against_an_older_checkpoint_and_a_key(book, run, tmp_path):
    with Ledger.open(book) as ledger:
        key = ledger.verifier
    run("verify", book, "--save", tmp_path / "old.checkpoint")
    run("add", book, *SHIFT)
    assert "is part of its history" in run("verify", book, "--against", tmp_path / "old.checkpoint", "--key", key).out
    assert "columns" in run("verify", book, "--columns").out
    run("init", tmp_path / "other.ledger")
    assert (
        "the older checkpoint: the note is not signed by"
        in run("verify", tmp_path / "other.ledger", "--against", tmp_path / "old.checkpoint", code=3).err
    )
    with Ledger.open(tmp_path / "other.ledger") as ledger:
        assert "did not grow from the key" in run("verify", book, "--key", ledger.verifier, code=3).err
    assert "--key" in run("verify", book, "--key", "nonsense", code=2).err


def test_restore_verifies(book, run, tmp_path):
    run("backup", book, tmp_path / "copy.ledger")
    run("restore", tmp_path / "copy.ledger", tmp_path / "back.ledger")
    assert size(tmp_path / "back.ledger") == 5
    flip(tmp_path / "copy.ledger", b'"id":"hewing"')
    run("restore", tmp_path / "copy.ledger", tmp_path / "again.ledger", code=3)
    assert not (tmp_path / "again.ledger").exists()


CSV = """worker,job,site,started,hours,quantity
ada,hewing,north,2025-01-02T06:00,5.75,102
ada,hewing,north,2025-01-03T06:00,26,7
bo,hewing,north,2025-01-03T06:00,8,-7
"""


def test_import_reports_every_refused_row_and_writes_nothing(book, run, tmp_path):
    file = tmp_path / "shifts.csv"
    file.write_text(CSV)
    said = run("import", book, file, code=2).err
    assert "2 of 3 rows" in said and "line 3: hours '26'" in said and "line 4: quantity '-7'" in said
    assert size(book) == 5
    run("import", book, file, "--report", tmp_path / "refused.csv", code=2)
    assert (tmp_path / "refused.csv").read_text().count("\n") == 3
    assert "1 of 3 rows added" in run("import", book, file, "--accept-valid").out and size(book) == 6
    file.write_text("\n".join(CSV.splitlines()[:2]) + "\n")
    assert "holds all 1 rows already" in run("import", book, file).out and size(book) == 6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "not there"),
        (b"", "is empty"),
        (CSV.encode() + b"\xff\xfe,hewing,north,2025-01-02T06:00,1,1\n", "UTF-8"),
        (b"a,b\n1,2\n", "nothing states"),
    ],
)
def test_import_of_what_is_no_file_of_rows(book, run, tmp_path, content, said):
    file = tmp_path / "shifts.csv"
    if content is not None:
        file.write_bytes(content)
    assert said in run("import", book, file, code=2).err and size(book) == 5


def test_a_file_is_written_whole(book, run, tmp_path):
    run("log", book, "--out", tmp_path / "log.parquet")
    assert run("log", book, "--out", tmp_path / "log.json").out.startswith(str(tmp_path / "log.json"))
    assert len(json.loads((tmp_path / "log.json").read_text())) == 5
    assert "csv" in run("log", book, "--out", tmp_path / "log.txt", code=2).err
    said = run("log", book, "--out", tmp_path / "nowhere" / "log.csv", code=2).err
    assert "nowhere" in said and "there is no directory" in said


def test_backup(book, run, tmp_path):
    run("backup", book, tmp_path / "copy.ledger")
    assert size(tmp_path / "copy.ledger") == 5
    assert "exists already" in run("backup", book, tmp_path / "copy.ledger", code=2).err


def test_a_fault_of_our_own_is_one_message_with_a_report(book, run, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("checkweigh.cli.writing.append", lambda *_: 1 / 0)
    said = run("add", book, *SITE, code=1).err
    assert "ZeroDivisionError" in said and "report" in said
    report = next(tmp_path.glob("checkweigh-*.txt")).read_text()
    assert "Traceback" in report and "Python" in report


def command_line(*arguments: object, **options) -> subprocess.CompletedProcess:
    code = "import sys; from checkweigh.cli import main; main(sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, **options)


def test_a_full_disk_and_a_closed_pipe_leave_no_trace(book):
    with Path("/dev/full").open("wb") as full:
        code = "import sys; from checkweigh.cli import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, "log", book, "--format", "csv"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2 and "No space left" in done.stderr and "Traceback" not in done.stderr
    pipe = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c 'from checkweigh.cli import main; main()' log {book} --format json | head -c 5"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert pipe.stdout == '[\n{"i' and pipe.stderr == ""


def opened(book):
    """Whether a process has a ledger open."""
    return Path(f"{book}-wal").exists()


def test_an_interrupted_import_leaves_the_ledger_alone_and_no_trace(book, tmp_path):
    rows = "".join(f"ada,hewing,north,2025-{1 + i % 12:02}-{1 + i % 28:02},{i % 90}\n" for i in range(300_000))
    (tmp_path / "many.csv").write_text("worker,job,site,started,quantity\n" + rows)
    code = "from checkweigh.cli import main; main()"
    command = [sys.executable, "-c", code, "import", str(book), str(tmp_path / "many.csv")]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while running.poll() is None and not opened(book):
        time.sleep(0.01)
    time.sleep(0.5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate()
    assert err == "" and (running.returncode, size(book)) in ((130, 5), (0, 300_005)), out


LOST = """
import sys, weakref, checkweigh.cli.app as cli
class Part:
    pass
def ended(_):
    raise KeyboardInterrupt
def command(**given):
    part = Part()
    watched = weakref.ref(part, ended)
    del part
    for _ in range(10**8):
        pass
cli.typer.main.get_command = lambda app: command_of
from types import SimpleNamespace
def run(**given):
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(130)
command_of = SimpleNamespace(main=run)
cli.main([])
"""


def test_an_interruption_that_nobody_could_raise_comes_once_more():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_the_process_that_hashes_leaves_an_interruption_to_its_parent():
    entries = pa.array([f"entry {i}" for i in range(20_000)], pa.large_binary())
    hasher = Hasher()
    first = hasher.hashed(entries, 0)
    if hasher._child is not None:
        hasher._child.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert hasher.hashed(entries, 0) == first
    hasher.close()


@pytest.fixture
def unprivileged():
    """Nobody in particular, since root may write anywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(before)


def test_a_directory_without_permission(tmp_path, run, request):
    run("init", tmp_path / "imports-everything.ledger")
    place = Path(tempfile.mkdtemp())  # `tmp_path` lies where nobody else can look
    request.addfinalizer(place.rmdir)
    place.chmod(0o555)
    request.getfixturevalue("unprivileged")
    assert "cannot be made" in run("init", place / "a.ledger", code=2).err


def test_help_starts_without_the_heavy_libraries():
    code = """
import sys
from checkweigh.cli import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"ibis", "duckdb", "pyarrow", "pint", "numpy", "pandas"} & set(sys.modules)
    assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_adding_does_not_wait_for_the_derivations(book):
    code = f"""
import sys
from checkweigh.cli import main
try:
    main(["add", {str(book)!r}, *{SHIFT!r}])
except SystemExit as exit:
    assert not exit.code
    heavy = {{"ibis", "pandas", "sqlglot"}} & set(sys.modules)
    assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_is_the_command():
    asked = [sys.executable, "-m", "checkweigh", "show", "nothing"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    answered = subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)
    assert answered.returncode == 2 and "Refused: there is no table 'nothing'" in answered.stderr
