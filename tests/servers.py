"""PostgreSQL servers of the tests' own. PostgreSQL does not run as root, so root starts it as somebody else."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
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

    def __init__(self, *settings: str, directory: Path | None = None) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix="checkweigh-"))
        self._settings = (*settings, "listen_addresses=", f"unix_socket_directories={self.directory}", "lc_messages=C")
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.directory, self._user().pw_name)
        made = self._run(
            "initdb", "-D", self.directory / "data", "-U", "anna", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        assert made.wait() == 0, (self.directory / "log").read_text()
        self.start()
        self.execute("CREATE DATABASE works", database="postgres")

    @staticmethod
    def _user() -> pwd.struct_passwd:
        names = {user.pw_name: user for user in pwd.getpwall()}
        return next(names[name] for name in USERS if name in names)

    def _run(self, program: str, *arguments: object) -> "subprocess.Popen[bytes]":
        other = self._user() if os.geteuid() == 0 else None
        as_other = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []} if other else {}
        command = [str(programs() / program), *map(str, arguments)]
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, **as_other)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [part for setting in self._settings for part in ("-c", setting)]
        self._process = self._run("postgres", "-D", self.directory / "data", *settings)
        for _ in range(600):
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
