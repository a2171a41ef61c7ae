"""A witness as others meet it: a server in a process of its own, on a free port."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVE = "from checkweigh.cli import main; main(['witness', 'serve', sys.argv[1], '--port', '0'])"


class Server:
    """A running witness: where it listens, and what it has said."""

    def __init__(self, directory, program=SERVE):
        # A file, since nobody reads a pipe meanwhile.
        self.log = Path(f"{directory}.log")
        self.begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("a") as log:
            command = [sys.executable, "-W", "error", "-c", f"import sys\n{program}", str(directory)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.address = self._address()

    def _address(self):
        for _ in range(2400):
            if found := re.findall(r"listens at (http://\S+)", self.said):
                return found[-1]
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.05)
        raise AssertionError(self.said)

    @property
    def said(self):
        return self.log.read_bytes()[self.begun :].decode()

    def stop(self, how=signal.SIGTERM):
        """Stop it and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=120)


@contextmanager
def serving(directory, program=SERVE):
    """A server that is stopped in the end."""
    server = Server(directory, program)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@contextmanager
def listening(handler):
    """A plain web server in a thread; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(answer):
    """An HTTP server that answers every POST with (status, headers, body) of `answer(path, body)`, or with nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = answer(self.path, body)
            if found is None:
                return
            status, headers, text = found
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self):
            self.send_response(200, answer(self.path, b"") and "")
            self.end_headers()

        def log_message(self, *given):
            """Nobody reads it."""

    with listening(Handler) as address:
        yield address
