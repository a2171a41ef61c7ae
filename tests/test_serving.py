"""A witness over HTTP, in a process of its own: the protocol to the byte, many at once, and what is left when it is killed."""

import re
import signal
import socket
import threading
import time
from hashlib import sha256
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from checkweigh.checkpoint import open_note, sign_rotation
from checkweigh.witness import Directory, Submission, Witness
from checkweigh.witness.evidence import check
from serving import SERVE, serving
from test_witness import HONEST, LEDGER, NEXT, OTHER, REP


@pytest.fixture
def book(tmp_path):
    """The directory of a witness that follows the ledger."""
    found = Directory.create(tmp_path / "rep", REP.name, lambda n: REP.seed)
    Witness(found.signer, found).follow(LEDGER.verifier)
    return found


@pytest.fixture
def server(book):
    with serving(book.path) as found:
        yield found


def ask(address, path, body=None, method=None):
    """(status, content type, body) of a request."""
    try:
        with urlopen(Request(address + path, data=body, method=method), timeout=120) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def add(address, shown):
    return ask(address, "/add-checkpoint", shown.body)


def test_the_protocol_to_the_byte(server, book):
    key = Witness(book.signer, book).key
    before = int(time.time())
    status, _, line = add(server.address, HONEST.shown(0, 7))
    assert status == 200 and re.fullmatch(r"— union\.example/rep [A-Za-z0-9+/]+=*\n", line.decode())
    _, signatures = open_note(HONEST.note(7) + line.decode(), LEDGER.verifier, key)
    assert before <= signatures[1].moment <= time.time()
    assert add(server.address, HONEST.shown(0, 20)) == (409, "text/x.tlog.size", b"7\n")
    assert add(server.address, HONEST.shown(7, 20))[0] == 200
    assert add(server.address, HONEST.shown(20, 20))[0] == 200
    assert add(server.address, OTHER.shown(20, 21))[0] == 422
    assert ask(server.address, "/add-checkpoint", b"old 20\n\n")[0] == 400
    assert add(server.address, Submission(21, (), HONEST.note(20)))[0] == 400
    assert add(server.address, HONEST.shown(20, 21, NEXT))[0] == 403
    assert add(server.address, Submission(0, (), HONEST.note(7).replace("north", "south")))[0] == 404
    assert len(book.evidence()) == 1 and "FORK: mine.example/north: 20 entries had been agreed to" in server.said


def test_the_last_agreed_checkpoint_can_be_fetched(server, book):
    path = f"/{sha256(LEDGER.name.encode()).hexdigest()}/checkpoint"
    assert ask(server.address, path)[0] == 404
    add(server.address, HONEST.shown(0, 7))
    status, _, note = ask(server.address, path)
    text, signatures = open_note(note.decode(), LEDGER.verifier, Witness(book.signer, book).key)
    assert (status, text, len(signatures)) == (200, HONEST.note(7).split("\n\n")[0] + "\n", 2)
    assert ask(server.address, f"/{'0' * 64}/checkpoint")[0] == 404
    assert ask(server.address, "/")[2].decode().endswith("mine.example/north 7\n")


def test_what_is_not_offered_is_refused(server):
    for path, body, method, status in [
        ("/add-checkpoint", None, "GET", 405),
        ("/", b"x", "POST", 405),
        ("/x", None, "GET", 404),
        ("/add-checkpoint", b"old 0\n" * 20_000, "POST", 413),
        ("/add-handover", b"x", "POST", 400),
        ("/add-checkpoint", b"\xff", "POST", 400),
        ("/../witness.key", None, "GET", 404),
    ]:
        assert ask(server.address, path, body, method)[0] == status, path


def test_it_goes_over_to_a_key_that_the_one_before_has_signed_for(server):
    add(server.address, HONEST.shown(0, 7))
    handover = sign_rotation(LEDGER.name, NEXT.verifier, LEDGER)
    for lines, status in (
        ([LEDGER.name, NEXT.verifier, "A" * 88], 403),
        (["south", NEXT.verifier, handover], 400),
        ([LEDGER.name, NEXT.verifier, handover], 200),
    ):
        assert ask(server.address, "/add-handover", "".join(f"{line}\n" for line in lines).encode())[0] == status
    assert add(server.address, HONEST.shown(7, 8, NEXT))[0] == 200
    assert add(server.address, HONEST.shown(8, 9))[0] == 403


def test_of_two_histories_that_arrive_at_once_only_one_is_agreed_to(server, book):
    agreed, barrier = [], threading.Barrier(8)

    def show(log, size):
        barrier.wait()
        old = 0
        for _ in range(6):
            status, _, said = add(server.address, log.shown(old, size))
            if status == 200:
                agreed.append((size, log.root(size)))
            if status == 409 and int(said) <= size:
                old = int(said)

    sizes = (11, 13, 21, 39)
    threads = [threading.Thread(target=show, args=(log, size)) for log in (HONEST, OTHER) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((size, HONEST.root(size)) in agreed for size, _ in agreed) or all(
        (size, OTHER.root(size)) in agreed for size, _ in agreed
    )
    assert {root for _, root in agreed} <= {HONEST.root(size) for size in sizes} or {root for _, root in agreed} <= {
        OTHER.root(size) for size in sizes
    }
    forks = [one for _, one in book.evidence() if one.what == "fork"]
    assert forks and all(check(one, LEDGER.verifier) for one in forks)


# A witness that is killed as soon as it has written down what it agrees to, before anybody hears of it.
KILLED = f"""
import os, signal
from contextlib import contextmanager
from checkweigh.witness import Directory
page = Directory.page
@contextmanager
def killing(self):
    with page(self) as found:
        agree, agreed = found.agree, []
        found.agree = lambda *given: (agree(*given), agreed.append(given))
        yield found
    if agreed:
        os.kill(os.getpid(), signal.SIGKILL)
Directory.page = killing
{SERVE}
"""


def test_killed_between_writing_and_answering_it_stands_by_what_it_wrote(book):
    with serving(book.path, KILLED) as server:
        with pytest.raises(OSError):
            add(server.address, HONEST.shown(0, 7))
        assert server.process.wait(timeout=120) == -signal.SIGKILL
    with serving(book.path) as server:
        assert "of a fork" not in server.said
        assert add(server.address, OTHER.shown(0, 7))[0] == 409
        assert add(server.address, OTHER.shown(7, 7))[0] == 422
        assert add(server.address, HONEST.shown(0, 7)) == (409, "text/x.tlog.size", b"7\n")
        assert add(server.address, HONEST.shown(7, 7))[0] == 200
    assert [one.what for _, one in book.evidence()] == ["fork"]
    with serving(book.path) as server:
        assert "Note: 1 file of evidence of a fork" in server.said


def test_killed_at_random_it_never_forgets_what_it_answered(book):
    for turn in range(3):
        answered = []
        with serving(book.path) as server:

            def grow(server=server, answered=answered, turn=turn):
                for size in range(turn * 8, turn * 8 + 8):
                    try:
                        old = Directory.open(book.path).all_followed()[0].checkpoint.size
                        if add(server.address, HONEST.shown(old, max(size, old)))[0] == 200:
                            answered.append(max(size, old))
                    except OSError:
                        return

            thread = threading.Thread(target=grow)
            thread.start()
            time.sleep(0.02 * turn)
            server.process.kill()
            server.process.wait()
            thread.join()
        assert Directory.open(book.path).all_followed()[0].checkpoint.size >= max(answered, default=0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_it_is_told_to(server, how):
    assert add(server.address, HONEST.shown(0, 7))[0] == 200
    assert server.stop(how) == 0
    assert server.said.endswith("Stopped.\n") and "agreed to 7 entries" in server.said


IMPATIENT = f"from checkweigh import listening\nlistening.PATIENCE_SECONDS = 1\n{SERVE}"


HEAD = b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("sent", "answer"), [(b"", b""), (HEAD, b""), (HEAD + b"Content-Length: 9\r\n\r\nold", b"HTTP/1.1 408 ")]
)
def test_whoever_is_too_slow_is_hung_up_on(book, sent, answer):
    with serving(book.path, IMPATIENT) as server:
        port = int(server.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
            connection.sendall(sent)
            heard = b""
            while part := connection.recv(4096):
                heard += part
        assert heard.startswith(answer) if answer else not heard
        assert add(server.address, HONEST.shown(0, 7))[0] == 200


def test_a_port_that_is_taken_is_said(book, server):
    port = server.address.rpartition(":")[2]
    again = SERVE.replace("'0'", f"'{port}'")
    with pytest.raises(AssertionError, match=r"Refused: nothing can be served at 127\.0\.0\.1, port"):
        serving(book.path, again).__enter__()
