"""`checkweigh serve` in a process of its own: what it says, and that a stop or a kill loses nothing that was acknowledged."""

import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from checkweigh.accounts import Accounts
from checkweigh.codec import decode
from checkweigh.kinds import KINDS
from checkweigh.ledger import Ledger, key_path
from checkweigh.verify import verify
from checkweigh.web import application
from checkweigh.web.running import serve
from checkweigh.web.settings import Settings
from conftest import NOW, shift
from serving import serving

SERVE = "from checkweigh.cli import main; main(['serve', sys.argv[1], '--port', '0'])"
DEMO = "from checkweigh.cli import main; main(['serve', '--demo', '--port', '0'])"
WRITERS = 8


def stopped(server, how=signal.SIGTERM):
    """Stop it; its exit code, and that it took seconds and not minutes."""
    began = time.monotonic()
    code = server.stop(how)
    assert time.monotonic() - began < 60
    return code


def test_the_demonstration_is_served_from_nothing_and_leaves_nothing(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    with serving(tmp_path / "demo", DEMO) as server:
        assert "holds 97 entries" in server.said and f"{server.address}/records?at=1936-12-31" in server.said
        with urlopen(server.address, timeout=120) as page:
            assert b"A demonstration" in page.read()
        assert stopped(server) == 0
        assert server.said.endswith("Stopped.\n") and "Traceback" not in server.said
    assert not list(place.glob("checkweigh-*"))


def test_who_stops_it_before_it_runs_stops_it(ledger):
    wanted = threading.Event()
    wanted.set()
    shown = application(ledger, Settings(), lambda: NOW)
    with socket.create_server(("127.0.0.1", 0)) as at:
        serve(shown, Settings(), at, wanted)
    assert shown.state.live._closed


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_can_be_stopped_as_soon_as_it_says_that_it_listens(ledger, how):
    ledger.close()
    with serving(ledger.address.path, SERVE) as server:
        assert stopped(server, how) == 0 and server.said.endswith("Stopped.\n")


def test_without_its_key_a_ledger_is_served_for_reading(tmp_path, ledger):
    ledger.close()
    key_path(ledger.address).unlink()
    with serving(ledger.address.path, SERVE) as server:
        assert "nothing can be written here" in server.said and "its signing key is missing" in server.said
        with urlopen(server.address + "/readyz", timeout=120) as answer:
            assert answer.status == 200
        assert stopped(server, signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one ledger to serve, or none and --demo"),
        (["LEDGER", "--demo"], "name one ledger to serve, or none and --demo"),
        (["LEDGER", "--settings", "none.toml"], "none.toml cannot be read"),
        (["LEDGER", "--host", "no.such.host.invalid", "--port", "0"], "nothing can be served at no.such.host.invalid"),
        (["nothing.ledger"], "nothing.ledger"),
    ],
)
def test_what_cannot_be_served_is_refused(run, ledger, arguments, said):
    found = run("serve", *[str(ledger.address.path) if one == "LEDGER" else one for one in arguments], code=2)
    assert said in found.err


def test_a_port_that_is_taken_and_a_misspelt_setting_are_refused(run, ledger, served, tmp_path, monkeypatch):
    port = urlsplit(served(ledger).address).port
    assert "choose another --port" in run("serve", ledger.address.path, "--port", port, code=2).err
    (tmp_path / "board.toml").write_text('visitor = "nothing"')
    said = run("serve", ledger.address.path, "--settings", tmp_path / "board.toml", code=2).err
    assert "visitor is not a setting; did you mean visitors?" in said
    monkeypatch.setenv("CHECKWEIGH_VISITOR", "nothing")
    assert "did you mean CHECKWEIGH_VISITORS?" in run("serve", ledger.address.path, code=2).err


def test_without_its_parts_the_board_says_what_to_install(run, ledger, monkeypatch):
    monkeypatch.setitem(sys.modules, "litestar", None)
    assert "pip install 'checkweigh[web]'" in run("serve", ledger.address.path, code=2).err


class Clerks:
    """Several clerks who each write one shift after the other, and keep what was acknowledged."""

    def __init__(self, address, token):
        self._at, self._token = urlsplit(address).netloc, token
        self.acknowledged = {}
        self.statuses = set()
        self._pool = ThreadPoolExecutor(WRITERS)
        self._working = [self._pool.submit(self._write, number) for number in range(WRITERS)]

    def _write(self, clerk):
        connection = HTTPConnection(self._at, timeout=120)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        try:
            for number in range(100_000):
                name = f"s{clerk}-{number}"
                body = json.dumps({"kind": "shift", **shift(name)})
                connection.request("POST", "/api/v1/entries", body, headers)
                answer = connection.getresponse()
                said = answer.read()
                self.statuses.add(answer.status)
                if answer.status == 201:
                    self.acknowledged[name] = json.loads(said)["entries"][0]["index"]
        except (OSError, HTTPException):
            return
        finally:
            connection.close()

    def wait(self, acknowledged):
        """Until so much has been acknowledged."""
        end = time.monotonic() + 120
        while len(self.acknowledged) < acknowledged:
            assert self.statuses <= {201} and time.monotonic() < end, (self.statuses, self.acknowledged)
            threading.Event().wait(0.02)

    def done(self):
        """Wait until each has found the board gone."""
        self._pool.shutdown(wait=True)
        for one in self._working:
            one.result()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_nothing_acknowledged_is_lost(ledger, how, monkeypatch):
    path = ledger.address.path
    with Accounts.open(path, create=True) as accounts:
        token = accounts.tokens.add("scale", "manager", NOW, os.urandom)
    ledger.close()
    monkeypatch.setenv("CHECKWEIGH_WRITES_PER_MINUTE", "1000000")
    with serving(path, SERVE) as server:
        clerks = Clerks(server.address, token)
        clerks.wait(60)
        code = stopped(server, how)
        clerks.done()
    assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    assert clerks.statuses == {201}
    with Ledger.open(path) as after:
        kept = {found.id: index for index, data in after.entries() if isinstance(found := decode(data), KINDS["shift"])}
    assert clerks.acknowledged.items() <= kept.items()
    if how is signal.SIGTERM:
        assert len(kept) == len(clerks.acknowledged), "what was written was acknowledged"
    assert verify(path).size >= len(kept)
