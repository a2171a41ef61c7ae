"""The edge: the one place that reads the clock, asks who is typing, and knows the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from ..address import TOKEN_VARIABLE
from ..address import place as place
from ..errors import BadEntry, Broken, CheckweighError, Refused, Unsure

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from ..address import WebAddress, Where
    from ..ledger import Edge, Ledger
    from ..remote import Remote


@cache
def screen() -> "Console":
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def aside() -> "Console":
    """Where progress, warnings and refusals go, so that results can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def tell(*parts: str | tuple[str, str]) -> None:
    """A line of result from texts and styled texts; what is in them is shown as it is."""
    from rich.text import Text

    screen().print(Text.assemble(*parts), soft_wrap=True)


def counted(entries: int) -> str:
    """So many entries."""
    return f"{entries:,} {'entry' if entries == 1 else 'entries'}"


def warn(message: str) -> None:
    """One line aside, for something that the user should know and that stops nothing."""
    from rich.text import Text

    aside().print(Text.assemble(("Note: ", "bold yellow"), message), soft_wrap=True)


def now() -> datetime:
    """The clock, in UTC."""
    return datetime.now(UTC)


def ago(moment: int) -> str:
    """How long ago a moment (in seconds since 1970) was, and when; a moment that has not come yet says so."""
    when = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC" if moment < 2**37 else f"moment {moment}"
    seconds = int(now().timestamp()) - moment
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            many = seconds // length
            return f"{many:,} {name}{'' if many == 1 else 's'} ago, on {when}"
    return (
        f"just now, on {when}" if seconds >= -60 else f"on {when}, which has not come yet (one of the clocks is wrong)"
    )


def login() -> str:
    """Who is typing, as the operating system knows them: `login:NAME`."""
    try:
        import pwd

        return f"login:{pwd.getpwuid(os.getuid()).pw_name}"
    except (ImportError, KeyError):
        return f"login:{os.environ.get('USERNAME') or 'unknown'}"


@contextmanager
def opened(where: "Where", *, write: bool = False) -> "Iterator[Ledger]":
    """A ledger where it is; behind a board on the web what stands for it, which reads as a ledger reads."""
    from ..address import WebAddress, address_of
    from ..ledger import Ledger

    address = address_of(where)
    if not isinstance(address, WebAddress):
        with Ledger.open(address, write=write) as found:
            yield found
        return
    with remote(address) as far:
        yield cast("Ledger", far)


def remote(address: "WebAddress") -> "Remote":
    """The ledger behind a board. The token is that of the environment."""
    try:
        from ..remote import Remote
    except ImportError:
        hint = "install it with `pip install 'checkweigh[web]'`"
        raise Refused(f"for a board on the web this installation lacks the library httpx; {hint}") from None
    return Remote(address, os.environ.get(TOKEN_VARIABLE, "").strip() or None)


def far(opened: "Ledger") -> "Remote | None":
    """What stands for a ledger behind a board; None for one that is at hand."""
    from ..address import WebAddress

    return cast("Remote", opened) if isinstance(opened.address, WebAddress) else None


def edge(recorded: str | None = None) -> "Edge":
    """What the ledger is told from outside: who, when, and for a demonstration ledger the recorded time to be written."""
    from ..ledger import Edge

    return Edge(by=login(), now=now(), recorded=None if recorded is None else _recorded(recorded))


def _recorded(text: str) -> datetime:
    from .. import fields
    from ..values import moment

    try:
        return moment(fields.time(text, ZoneInfo("UTC")))
    except fields.Unreadable as reason:
        raise Refused(f"--recorded {text!r} {reason}") from None


_KINDS = {Broken: ("Broken: ", 3), Unsure: ("Unsure: ", 4), CheckweighError: ("Refused: ", 2)}


def failure(error: BaseException) -> int:
    """Tell the user of a failure in one message, and return the exit code that belongs to it."""
    from rich.text import Text

    if isinstance(error, CheckweighError):
        label, code = next(said for kind, said in _KINDS.items() if isinstance(error, kind))
        aside().print(Text.assemble((label, "bold red"), _message(error)), soft_wrap=True)
        return code
    if isinstance(error, UnicodeEncodeError):
        return failure(Refused("what was typed is not UTF-8 text; check the encoding of your terminal or script"))
    if isinstance(error, OSError):
        return failure(Refused(_said_by_the_system(error)))
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryException", "IOException"):
        said = str(error).partition("\n")[0]
        return failure(
            Refused(f"this computer has no room for it: {said or 'out of memory'}; free memory or disk and try again")
        )
    aside().print(
        Text.assemble(("Checkweigh failed where it should not: ", "bold red"), _report(error)), soft_wrap=True
    )
    return 1


def _message(error: CheckweighError) -> str:
    """Several problems stand one below the other; one stands on the line. What is not UTF-8 in it is told by its number."""
    if isinstance(error, BadEntry) and len(error.problems) > 1:
        said = f"this {error.kind} cannot be recorded:" + "".join(f"\n  {_problem(*found)}" for found in error.problems)
    else:
        said = str(error)
    return said.encode("utf-8", "backslashreplace").decode()


def _problem(field: str, value: object, reason: str) -> str:
    return f"{field}: {reason}" if value is None else f"{field} {value!r}: {reason}"


def _said_by_the_system(error: OSError) -> str:
    reason = error.strerror or str(error)
    said = f"{error.filename}: {reason}" if error.filename else reason
    return f"{said}; make room, or choose a place that you may write to"


def _report(error: BaseException) -> str:
    """What a report of the fault should hold; the whole trace goes to a file beside other temporary ones."""
    import platform
    import tempfile
    import traceback
    from importlib.metadata import version

    said = f"{type(error).__name__}: {error}"
    system = f"checkweigh {version('checkweigh')}, Python {platform.python_version()}, {platform.system()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="checkweigh-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(system + "\n" + "".join(traceback.format_exception(error)))
        return f"{said} ({system}). Please report it with the file {file.name}."
    except OSError:
        return f"{said} ({system}). Please report it."


class Bar:
    """A bar that shows how far something is, or only that it goes on where nobody knows how far it has to go."""

    def __init__(self, bar: "Progress", task: "TaskID") -> None:
        self._bar, self._task = bar, task

    def add(self, more: int) -> None:
        """So much more is done."""
        self._bar.advance(self._task, more)

    def at(self, done: int, total: int) -> None:
        """So much is done of so much."""
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress(description: str) -> Iterator[Bar]:
    """A progress bar aside, in a terminal only, gone when done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=aside(), transient=True, disable=not aside().is_terminal) as bar:
        yield Bar(bar, bar.add_task(description, total=None))
