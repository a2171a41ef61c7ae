"""Servers of the tests' own, lines to them that can be cut, and small disks. As root PostgreSQL does not run, so it runs as another."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg

NUMBERS = itertools.count(1)
USERS = ("postgres", "nobody")
FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off")
"""For tests that cut no power: the server need not wait for its disk."""


def programs() -> Path | None:
    """Where the newest PostgreSQL of this computer is, None without one."""
    newest = max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]), default=None)
    found = newest or shutil.which("postgres")
    return Path(found).parent if found else None


class Server:
    """A server in a directory of its own, reached through a socket in it; user `anna`, who may do all, and database `works`."""

    def __init__(
        self, *settings: str, initdb: tuple[str, ...] = (), directory: Path | None = None, limit: int | None = None
    ) -> None:
        """`limit`: until it is started again no file of it grows beyond so many bytes."""
        self.directory = directory or Path(tempfile.mkdtemp(prefix="checkweigh-"))
        self._settings = (*settings, "listen_addresses=", f"unix_socket_directories={self.directory}", "lc_messages=C")
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.chmod(0o755)
        self.give(self.directory)
        made = self._run(
            "initdb",
            "-D",
            self.directory / "data",
            "-U",
            "anna",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            *initdb,
        )
        assert made.wait() == 0, (self.directory / "log").read_text()
        self.start(limit)
        self.execute("CREATE DATABASE works", database="postgres")

    @staticmethod
    def _user() -> pwd.struct_passwd:
        names = {user.pw_name: user for user in pwd.getpwall()}
        return next(names[name] for name in USERS if name in names)

    def give(self, directory: Path) -> None:
        """Let the server have a directory."""
        if os.geteuid() == 0:
            shutil.chown(directory, self._user().pw_name)

    def _run(self, program: str, *arguments: object, limit: int | None = None) -> "subprocess.Popen[bytes]":
        other = self._user() if os.geteuid() == 0 else None
        as_other = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []} if other else {}
        limited = ["prlimit", f"--fsize={limit}"] if limit else []
        command = [*limited, str(programs() / program), *map(str, arguments)]
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, **as_other)

    def start(self, limit: int | None = None) -> None:
        """Start it, and wait until it answers."""
        settings = [part for setting in self._settings for part in ("-c", setting)]
        self._process = self._run("postgres", "-D", self.directory / "data", *settings, limit=limit)
        for _ in range(2400):
            try:
                psycopg.connect(self.conninfo("postgres")).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise TimeoutError((self.directory / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT as one should, SIGQUIT as if it crashed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it and delete what it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def conninfo(self, database: str = "works", user: str = "anna") -> str:
        """How a client reaches it."""
        return f"postgresql://{user}@/{database}?host={self.directory}"

    def execute(self, *statements: str, database: str = "works") -> list[tuple[object, ...]]:
        """Run statements, each for itself; returns the rows of the last."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def address(self, schema: str | None = None, user: str = "anna") -> str:
        """The address of a ledger, in a schema that nothing is in yet."""
        return f"{self.conninfo(user=user)}&schema={schema or f'ledger{next(NUMBERS)}'}"


class Line:
    """A line to a server, on a port of this computer, that can be cut: `mode` says when. A context manager.

    before   when a COMMIT comes along, which the server then never sees
    after    when the server has answered a COMMIT, an answer that the client then never sees
    late     when a COMMIT comes along, which the server sees half a second later all the same
    a number when so many more bytes have been sent to the server

    A line is cut once; with `down` nobody comes through any more.
    """

    def __init__(self, server: Server) -> None:
        self.mode: str | int | None = None
        self.down = False
        self.cuts = 0
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self) -> str:
        """The address of a ledger that nobody has made yet, over this line."""
        port = self._listener.getsockname()[1]
        return f"postgresql://anna@127.0.0.1:{port}/works?schema=ledger{next(NUMBERS)}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.down:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{self._server.directory}/.s.PGSQL.5432")
                self._ends += [client, server]
                silent = threading.Event()
                threading.Thread(target=self._ask, args=(client, server, silent), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, silent), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if isinstance(self.mode, int):
                    self.mode -= len(data)
                    if self.mode < 0:
                        self._cut()
                        break
                elif self.mode and b"COMMIT\0" in data:
                    mode = self._cut()
                    if mode == "before":
                        break
                    silent.set()
                    if mode == "late":
                        _end(client)
                        time.sleep(0.5)
                    server.sendall(data)
                    return  # whoever waits for the answer ends it
                server.sendall(data)
        _end(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if silent.is_set():
                    break
                client.sendall(data)
        _end(client, server)

    def _cut(self) -> str | int | None:
        mode, self.mode, self.cuts = self.mode, None, self.cuts + 1
        return mode

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        _end(*self._ends)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


class Disk:
    """A small file system at `path`, for tests that fill it; `mounted` says whether this user may have one. A context manager."""

    def __init__(self, megabytes: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="checkweigh-disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(self.path)]
        self.mounted = (
            bool(shutil.which("mount")) and subprocess.run(command, capture_output=True, check=False).returncode == 0
        )

    def leave(self, megabytes: int) -> None:
        """Fill it but for so much."""
        free = os.statvfs(self.path)
        (self.path / "ballast").write_bytes(bytes(free.f_bavail * free.f_bsize - (megabytes << 20)))

    def make_room(self) -> None:
        """Take away what `leave` has filled it with."""
        (self.path / "ballast").unlink()

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *error: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)
        self.path.rmdir()
