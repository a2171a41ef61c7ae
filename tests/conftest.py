"""What all tests share: published vectors and real data beside the repository, and the smallest ledger worth testing."""

import gc
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

import damage
import servers
from checkweigh import cli, importing
from checkweigh.demo import build
from checkweigh.ledger import Edge, Ledger

BESIDE = Path(__file__).parents[2] / "shared"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EDGE = Edge("login:anna", NOW)


def pytest_collection_finish():
    """What has been loaded stays: to look through all of it again and again for what may go took a tenth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure():
    """It is looked through once in the end, or libraries complain of what has not gone."""
    gc.unfreeze()
    gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    """Pages are closed before the boards and ledgers that they show, in whatever order a test has named them."""
    if pages := getattr(item, "funcargs", {}).get("browse"):
        pages.leave()


def pytest_terminal_summary(terminalreporter):
    """After the long form of the fuzzing tests: how many inputs each target was given."""
    if damage.long_form() and damage.tried:
        terminalreporter.section("damaged inputs, and steps")
        for target, inputs in sorted(damage.tried.items()):
            terminalreporter.line(f"{inputs:9,}  {target}")


@pytest.fixture
def shared():
    """The path of published vectors or real data, by name; the test is skipped, with the reason, where they are missing."""

    def find(name: str) -> Path:
        path = BESIDE / name
        if not path.exists():
            missing(f"{name} is not beside the repository, in {BESIDE}")
        return path

    return find


@pytest.fixture(autouse=True)
def no_key_from_outside(monkeypatch):
    """Tests use the key beside the ledger, whatever the environment of the person who runs them holds."""
    monkeypatch.delenv("CHECKWEIGH_KEY", raising=False)


SITE = {"id": "north", "name": "North pit", "industry": "coal", "timezone": "Europe/Moscow"}
JOB = {"id": "hew", "name": "Hewing", "industry": "coal", "unit": "tonne", "better": "higher"}


def shift(name: str, **fields: object) -> dict[str, object]:
    """The fields of a plain shift of worker ada."""
    plain = {
        "id": name,
        "job": "hew",
        "site": "north",
        "started": "2025-08-31T06:00:00Z",
        "quantity": "7",
        "worker": "ada",
    }
    return {**plain, **fields}


def founded(path: Path, **options: object) -> Ledger:
    """A ledger with the site north, the job hew, and the workers ada (from 2025) and bo (from August 2025)."""
    ledger = Ledger.create(path, edge=EDGE, **options)
    with ledger.append(EDGE) as batch:
        batch.add("site", SITE)
        batch.add("job", JOB)
        batch.add("worker", {"id": "ada", "site": "north", "from": "2025-01-01"})
        batch.add("worker", {"id": "bo", "site": "north", "from": "2025-08-31"})
    return ledger


@pytest.fixture
def pit(tmp_path):
    """A ledger with a quota, open for as long as the test runs."""
    with founded(tmp_path / "pit.ledger") as ledger:
        with ledger.append(EDGE) as batch:
            batch.add("quota", {"id": "norm", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
        yield ledger


def added(ledger, kind, **fields):
    """Append one entry; its index."""
    with ledger.append(EDGE) as batch:
        return batch.add(kind, fields)


def shifts(names, **columns):
    """A table of plain shifts."""
    count = len(names)
    plain = {
        "id": pa.array(names, pa.string()),
        "job": ["hew"] * count,
        "site": ["north"] * count,
        "started": pa.array([datetime(2025, 8, 31, 6)] * count, pa.timestamp("us")),
        "quantity": pa.array(["7"] * count).cast(pa.decimal128(18, 9)),
        "worker": ["ada"] * count,
    }
    return pa.table({**plain, **columns})


def refused(ledger, kind, fields, error, match):
    """That an entry is refused for this reason, and that the ledger is as it was."""
    before = (ledger.size, ledger.checkpoint())
    with pytest.raises(error, match=match), ledger.append(EDGE) as batch:
        batch.add(kind, fields)
    assert (ledger.size, ledger.checkpoint()) == before


@pytest.fixture
def ledger(tmp_path):
    """`founded`, in a directory of its own; closed after the test."""
    with founded(tmp_path / "ledger") as ledger:
        yield ledger


@pytest.fixture
def take(ledger, tmp_path):
    """Import text as a file into the small ledger."""

    def run(text, **settings):
        path = tmp_path / "file.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return importing.read(ledger, path, edge=EDGE, settings=importing.Settings(**settings))

    return run


class Result:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsysbinary, monkeypatch):
    """Run a command and check its exit code; refusals must leave no stack trace and one message."""
    monkeypatch.setenv("COLUMNS", "120")

    def go(*arguments: object, code: int = 0) -> Result:
        with pytest.raises(SystemExit) as exit:
            cli.main([str(argument) for argument in arguments])
        out, err = (text.decode() for text in capsysbinary.readouterr())
        assert (exit.value.code or 0) == code, f"exit {exit.value.code}\n{out}\n{err}"
        assert "Traceback" not in out + err
        if code == 2:
            assert err.count("Refused:") == 1 or "Usage:" in err
        return Result(code, out, err)

    return go


def missing(reason: str) -> None:
    """Skip the test, with the reason; where nothing may be missing, fail."""
    if os.environ.get("CHECKWEIGH_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server for all tests that leave it as it is."""
    if servers.programs() is None:
        missing("PostgreSQL is not installed")
    found = servers.Server(*servers.FAST)
    yield found
    found.remove()


@pytest.fixture
def own_server():
    """Makes servers that one test alone uses, and does with as it likes."""
    if servers.programs() is None:
        missing("PostgreSQL is not installed")
    made = []

    def make(*initdb, settings=(), **options):
        made.append(servers.Server(*servers.FAST, *settings, initdb=initdb, **options))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The directory for what belongs beside a ledger in a database."""
    monkeypatch.setenv("CHECKWEIGH_BESIDE", str(tmp_path / "beside"))
    return tmp_path / "beside"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path):
    """Where a ledger may be made, in each of the stores."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger")
    request.getfixturevalue("beside")
    return request.getfixturevalue("server").address()


@pytest.fixture(scope="module")
def chromium():
    """The profiles of a running browser, for all tests of a module: while it runs, its thread has a running event loop."""
    import browsing  # here and below, since processes of the tests' own import this module, and browse nothing

    if browsing.program() is None:
        missing("Chromium is not installed")
    with browsing.chromium() as browser:
        yield browsing.Profiles(browser)


@pytest.fixture
def browse(chromium):
    """Opens pages; whatever no user should meet fails the test at its end."""
    import browsing

    found = browsing.Browse(chromium)
    yield found
    found.close()


@pytest.fixture
def served():
    """Makes boards that listen, each of an open ledger; they stop after the test."""
    import browsing

    made = []

    def make(ledger, **options):
        made.append(browsing.Site(ledger, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def campaign(tmp_path_factory):
    """The path of the demonstration ledger, for all tests that leave it as it is."""
    return build(tmp_path_factory.mktemp("campaign"), EDGE)[0]


@pytest.fixture(scope="session")
def demo(campaign):
    """The board of the campaign of 1935 as a visitor asks it in the same process: what it has answered once it has at hand."""
    from web import board

    with board(campaign) as client:
        yield client


@pytest.fixture(scope="session")
def demonstration(campaign):
    """The board of the campaign of 1935, to which nobody can write."""
    import browsing

    with Ledger.open(campaign) as ledger:
        site = browsing.Site(ledger, shared=True)
        yield site
        site.stop()


@pytest.fixture(scope="session")
def inhabited(tmp_path_factory):
    """The board of the campaign of 1935, to which one may write, for tests that only look at its pages."""
    import browsing

    path = build(tmp_path_factory.mktemp("inhabited"), EDGE)[0]
    with Ledger.open(path, write=True) as ledger:
        site = browsing.Site(ledger, shared=True)
        yield site
        site.stop()
