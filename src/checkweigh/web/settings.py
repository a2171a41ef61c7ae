"""What whoever runs the board decides, in a TOML file and in the environment.

    title = "North pit"
    port = 8935
    proxies = ["127.0.0.1"]

Every setting has a variable of the same name in capitals, `CHECKWEIGH_TITLE`; a list is written with commas there. What the command
line says goes before the environment, the environment before the file, and the file before the default. A setting that does not
exist is refused, with the one that may have been meant.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ..address import BESIDE_VARIABLE, TOKEN_VARIABLE
from ..errors import Refused
from ..ledger import KEY_VARIABLE

Visitors = Literal["board", "everything", "nothing"]
LogFormat = Literal["lines", "json"]
Port = Annotated[int, Meta(ge=0, le=65535)]
Many = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Hours = Annotated[float, Meta(gt=0, le=8760)]

PREFIX = "CHECKWEIGH_"
PUBLIC = re.compile(r"https?://[^/?#\s]+")
NOT_OURS = frozenset({KEY_VARIABLE, BESIDE_VARIABLE, TOKEN_VARIABLE})
"""Variables of the same prefix that say something else."""
ALIKE = 0.8
"""How much like a setting a variable of the prefix must be to be taken for one that is misspelt."""
SECRET = frozenset({"metrics_token", "oidc_client_secret"})
"""Settings whose value no message repeats."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a board, each with its default."""

    title: str = ""
    """What stands at the head of every page; the ledger's origin where it is empty."""
    host: str = "127.0.0.1"
    """The address to listen at; `0.0.0.0` or `::` is for everybody on the network."""
    port: Port = 8935
    """The port to listen at; 0 is any free one."""
    public_address: str = ""
    """How readers reach the board, such as `https://board.mine.example`: in QR codes, and where a sign-in elsewhere leads back to."""
    proxies: tuple[str, ...] = ()
    """The addresses or networks of the proxies before the board, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    visitors: Visitors = "board"
    """What somebody who has not signed in may see: `board` is the pages without personal data, else `everything` or `nothing`."""
    read_only: bool = False
    """Whether nobody may write, whatever their role."""
    session_hours: Hours = 12
    """After so many hours somebody must sign in again."""
    sign_ins_per_minute: Many = 10
    """So many times a minute one address, or one name, may try to sign in."""
    writes_per_minute: Many = 120
    """So many requests a minute that write one account may make."""
    most_upload_bytes: Many = 64 << 20
    """The longest file that may be uploaded."""
    most_body_bytes: Many = 4 << 20
    """The longest body of any other request."""
    fresh_seconds: Seconds = 0.5
    """How old the state that pages show may be before the ledger is asked again."""
    stop_seconds: Seconds = 10
    """How long a stop waits for what is being answered."""
    log_format: LogFormat = "lines"
    """How the log is written: `lines` for people, `json` for programs, one object a line."""
    metrics_token: str = ""
    """The bearer token with which `/metrics` may be read from another computer; without one only this computer may read it."""
    oidc_issuer: str = ""
    """The address of an OpenID Connect provider; people may then sign in there."""
    oidc_client_id: str = ""
    """The name under which the provider knows this board."""
    oidc_client_secret: str = ""
    """The secret that goes with it."""

    def __post_init__(self) -> None:
        for proxy in self.proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise Refused(f"proxies: {proxy!r} is neither an address nor a network such as 10.0.0.0/8") from None
        if self.public_address and not PUBLIC.fullmatch(self.public_address):
            reason = "is not an address such as https://board.mine.example, without a path"
            raise Refused(f"public_address: {self.public_address!r} {reason}")


def settings_from(
    path: str | Path | None, environment: Mapping[str, str], told: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of a file (if one is given), the environment, and what the command line told. Raises Refused."""
    found = {} if path is None else dict(_in_file(Path(path)))
    found |= _in_environment(environment)
    return Settings(**{**found, **{name: value for name, value in (told or {}).items() if value is not None}})


def _in_file(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, a number too long, brackets too deep
        raise Refused(f"{path} is not TOML: {error}") from None
    for name, value in read.items():
        if name not in _TYPES:
            raise Refused(f"{path}: {name} is not a setting; {_meant(name)}")
        yield name, _value(f"{path}: {name}", name, value, strict=True)


def _in_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for variable, text in sorted(environment.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or variable in NOT_OURS:
            continue
        if name in _TYPES:
            many = get_origin(_TYPES[name]) is tuple
            given = [part.strip() for part in text.split(",") if part.strip()] if many else text
            yield name, _value(variable, name, given, strict=False)
        elif get_close_matches(name, _TYPES, cutoff=ALIKE):
            raise Refused(f"the variable {variable} is not a setting; {_meant(name, PREFIX)}")


def _meant(name: str, prefix: str = "") -> str:
    """The setting that may have been meant, or all of them."""
    found = get_close_matches(name, _TYPES, n=1)
    if found:
        return f"did you mean {prefix}{found[0].upper() if prefix else found[0]}?"
    return f"there are {', '.join(_TYPES)}"


def _value(where: str, name: str, given: Any, *, strict: bool) -> Any:
    """A value in the type of its setting. In the environment everything is text."""
    try:
        return msgspec.convert(given, _TYPES[name], strict=strict)
    except msgspec.ValidationError:
        shown = "" if name in SECRET else f" = {given!r}"
        raise Refused(f"{where}{shown}: it must be {shape(name)}; see docs/reference/settings.md") from None


_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def shape(name: str) -> str:
    """What a setting may be, in words."""
    hint = _TYPES[name]
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint)[:-1]) + f" or {get_args(hint)[-1]}"
    if get_origin(hint) is tuple:
        return "a list of texts"
    if get_origin(hint) is not Annotated:
        return _WORDS[hint]
    plain, bounds = get_args(hint)
    said = [
        f"at least {bounds.ge}" if bounds.ge is not None else "",
        f"above {bounds.gt}" if bounds.gt is not None else "",
        f"at most {bounds.le}" if bounds.le is not None else "",
    ]
    return f"{_WORDS[plain]}, {', '.join(part for part in said if part)}"


_TYPES: dict[str, Any] = {
    field.name: get_type_hints(Settings, include_extras=True)[field.name] for field in fields(Settings)
}
