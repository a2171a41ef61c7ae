"""Where a ledger is: a file, a schema of a PostgreSQL database, or a board on the web that shows it.

    mine.ledger                                      the file
    postgresql://anna@db.example/works?schema=north  the schema `north` of the database `works`; without ?schema= it is `checkweigh`
    https://board.mine.example                       the board; what needs the ledger itself is refused there

A database's address is what libpq takes as a connection URI, with `schema` besides. A password in it is never shown.

Some files belong to a ledger but not into it: its signing key, the people whose names are private, and the columns. They stand
`beside` it. Beside a file `mine.ledger` they are called `mine.ledger.key` and so on; beside a ledger in a database they rest in the
directory that CHECKWEIGH_BESIDE names, else in the user's own directory for data, as `HOST/DATABASE/SCHEMA.key` and so on.
"""

import os
import re
import shlex
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from .errors import NotALedger, Refused

BESIDE_VARIABLE = "CHECKWEIGH_BESIDE"
TOKEN_VARIABLE = "CHECKWEIGH_TOKEN"
"""The environment variable that holds the token which says to a board on the web who asks."""
SCHEMA = "checkweigh"
_SCHEMES = ("postgresql", "postgres")
_WEB = ("http", "https")
_PLAIN = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_]{0,62}")
_SECRET = ("password", "sslpassword")
_FORM = "postgresql://USER@HOST/DATABASE?schema=SCHEMA"


class Address(Protocol):
    """Where a ledger is. As a text it is what people may see of it."""

    @property
    def name(self) -> str:
        """What to call it in a few letters."""

    @property
    def typed(self) -> str:
        """As it is typed in a shell."""

    def beside(self, ending: str) -> Path:
        """The path of what stands beside the ledger: its `key`, `private`, `columns`."""

    def prepare(self) -> None:
        """Make it possible that something stands beside a new ledger. Raises Refused where it is not."""


@dataclass(frozen=True)
class FileAddress:
    """A ledger in a file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def typed(self) -> str:
        """The path, quoted where a shell needs that."""
        return shlex.quote(str(self.path))

    def beside(self, ending: str) -> Path:
        """LEDGER.ending."""
        return Path(f"{self.path}.{ending}")

    def prepare(self) -> None:
        """Raises Refused when the directory of the file is not there."""
        place(self.path)


@dataclass(frozen=True)
class DatabaseAddress:
    """A ledger in a schema of a database. `uri` is for libpq, and may hold a password; `home` names it among the user's files."""

    uri: str
    schema: str
    home: Path
    shown: str

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"DatabaseAddress({self.shown!r})"

    @property
    def name(self) -> str:
        """The name of the schema."""
        return self.schema

    @property
    def typed(self) -> str:
        """The address without a password, quoted for a shell."""
        return shlex.quote(self.shown)

    def beside(self, ending: str) -> Path:
        """The user's file for this ledger."""
        return Path(f"{_directory() / self.home}.{ending}")

    def prepare(self) -> None:
        """Make the user's directory for this database, which nobody else may read. Raises Refused when that cannot be."""
        directory = (_directory() / self.home).parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            hint = f"name a directory for the ledger's key in {BESIDE_VARIABLE}"
            raise Refused(f"{directory} cannot be made: {error.strerror}; {hint}") from None


@dataclass(frozen=True)
class WebAddress:
    """A ledger that a board on the web shows: it can be read and written through the board, and is not at hand itself."""

    uri: str

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """The host."""
        return urlsplit(self.uri).netloc

    @property
    def typed(self) -> str:
        """The address, quoted where a shell needs that."""
        return shlex.quote(self.uri)

    def beside(self, ending: str) -> Path:
        """Nothing is beside a board. Raises Refused."""
        raise Refused(self.away)

    def prepare(self) -> None:
        """Nothing can be made there. Raises Refused."""
        raise Refused(self.away)

    @property
    def away(self) -> str:
        """Why a command cannot be done there."""
        return (
            f"{self.uri} is a board on the web, and this needs the ledger itself: its file or database, and what stands beside it; "
            "run the command on the computer where the ledger is"
        )


def place(path: Path) -> Path:
    """A path at which a file can be made. Raises Refused when its directory is not there."""
    if not path.parent.is_dir():
        raise Refused(f"{path}: there is no directory {path.parent}; make it first, or choose another place")
    return path


Where = str | PathLike[str] | Address
"""What is taken for the place of a ledger."""


def address_of(where: Where) -> Address:
    """What somebody means by the place of a ledger. Raises NotALedger for an address that is incomplete."""
    if isinstance(where, str) and "://" in where and where.partition("://")[0] in _SCHEMES:
        return _database(where)
    if isinstance(where, str) and where.partition("://")[0].lower() in _WEB and "://" in where:
        return _board(where)
    return FileAddress(Path(where)) if isinstance(where, str | PathLike) else where


def _board(text: str) -> WebAddress:
    try:
        parts = urlsplit(text)
        wrong = (
            not parts.hostname or parts.username is not None or parts.query or parts.fragment or (parts.port or 1) < 1
        )
    except ValueError:
        wrong = True
    if wrong:
        raise NotALedger(
            "the address of the board cannot be used: it is of the form https://HOST, without name, password and question; "
            f"a token comes from {TOKEN_VARIABLE}"
        )
    return WebAddress(f"{parts.scheme.lower()}://{parts.netloc}{parts.path.rstrip('/')}")


def _database(text: str) -> DatabaseAddress:
    try:
        parts = urlsplit(text)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        parts.netloc.encode("ascii")
    except ValueError:
        raise NotALedger(f"the address of the database cannot be read; it is of the form {_FORM}") from None
    schema = dict(options).get("schema", SCHEMA)
    options = [(name, value) for name, value in options if name != "schema"]
    database = unquote(parts.path.removeprefix("/")) or dict(options).get("dbname", "")
    public = [pair for pair in options if pair[0] not in _SECRET]
    shown = _joined(_without_password(parts.netloc), parts.path, [*public, ("schema", schema)])
    if not database:
        raise NotALedger(f"{shown} names no database; the address is of the form {_FORM}")
    if not _PLAIN.fullmatch(schema):
        raise NotALedger(f"{shown}: {schema!r} cannot name a schema; use letters, digits and underscores")
    home = Path(_file_name(_host(parts.netloc, dict(options))), _file_name(database), schema)
    return DatabaseAddress(_joined(parts.netloc, parts.path, options), schema, home, shown)


def _joined(netloc: str, path: str, options: list[tuple[str, str]]) -> str:
    query = urlencode(options, quote_via=quote, safe="/")
    return f"postgresql://{netloc}{path or '/'}" + (f"?{query}" if query else "")


def _without_password(netloc: str) -> str:
    user, at, host = netloc.rpartition("@")
    return user.partition(":")[0] + at + host


def _host(netloc: str, options: dict[str, str]) -> str:
    """The server, as it names a directory: its port only where it is not the usual one."""
    host = netloc.rpartition("@")[2] or options.get("host") or os.environ.get("PGHOST") or "local"
    port = options.get("port", "" if ":" in host else os.environ.get("PGPORT", ""))
    return unquote(host).removesuffix(":5432") + (f":{port}" if port not in ("", "5432") else "")


def _file_name(text: str) -> str:
    """A text as the name of a file: letters, digits and a few signs as they are, the rest as one underscore each."""
    return re.sub(r"[^A-Za-z0-9.\-]", "_", text.strip("/")).lstrip(".") or "_"


def _directory() -> Path:
    if given := os.environ.get(BESIDE_VARIABLE):
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "checkweigh"
