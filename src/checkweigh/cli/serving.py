"""Serving: the board of a ledger, for everybody with a browser."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ..address import Address, address_of
from . import edge
from .writing import WHICH

if TYPE_CHECKING:
    import socket

    from ..ledger import Ledger
    from ..web.settings import Settings

LEDGER = Annotated[
    Address | None, typer.Argument(metavar="[LEDGER]", parser=address_of, help=WHICH, show_default=False)
]
DEMO = Annotated[bool, typer.Option("--demo", help="The campaign of 1935 instead of a ledger; nothing can be written.")]
HOST = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Where to listen; 0.0.0.0 is for everybody on the network. Default: 127.0.0.1."
    ),
]
PORT = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="The port; 0 is any free one. Default: 8935.", min=0, max=65535)
]
SETTINGS = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A TOML file of settings; see docs/reference/settings.md.")
]
READ_ONLY = Annotated[bool, typer.Option("--read-only", help="Nobody may write, whatever their role.")]
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def serve(
    ledger: LEDGER = None,
    demo: DEMO = False,
    host: HOST = None,
    port: PORT = None,
    settings: SETTINGS = None,
    read_only: READ_ONLY = False,
) -> None:
    """Serve the board: the ledger as a web site, until stopped."""
    from ..errors import Refused
    from ..listening import listening

    if demo == (ledger is not None):
        raise Refused("name one ledger to serve, or none and --demo: checkweigh serve LEDGER | checkweigh serve --demo")
    _needs_the_extra()
    decided = _settings(settings, host, port, read_only or demo)
    with _ledger(ledger, decided) as opened, listening(decided.host, decided.port) as at:
        _run(opened, decided, at)
    edge.tell("Stopped.")


def _needs_the_extra() -> None:
    """Refuse where the parts of the board are not installed."""
    from ..errors import Refused

    try:
        import argon2  # noqa: F401
        import litestar  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401

        if find_spec("altair") is None:  # loaded with the first picture
            raise ImportError("there is no altair", name="altair")
    except ImportError as error:
        raise Refused(f"the board needs {error.name}; install it with `pip install 'checkweigh[web]'`") from None


def _settings(file: Path | None, host: str | None, port: int | None, read_only: bool) -> "Settings":
    from ..web.settings import settings_from

    return settings_from(file, os.environ, {"host": host, "port": port, "read_only": read_only or None})


@contextmanager
def _ledger(address: Address | None, settings: "Settings") -> "Iterator[Ledger]":
    """The ledger, open for writing where that is wanted and possible; or the demonstration, gone afterwards."""
    from .. import demo
    from ..errors import NoKey
    from ..ledger import Ledger

    if address is None:
        with TemporaryDirectory(prefix="checkweigh-demo-") as place:
            path, _ = demo.build(Path(place), edge.edge())
            with Ledger.open(path) as opened:
                yield opened
        return
    try:
        opened = Ledger.open(address, write=not settings.read_only)
    except NoKey as error:
        edge.warn(f"nothing can be written here: {error}")
        opened = Ledger.open(address)
    with opened:
        yield opened


def _tell(ledger: "Ledger", settings: "Settings", port: int) -> None:
    host = EVERYWHERE.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    address = f"http://{host}:{port}"
    edge.tell(
        (settings.title or ledger.origin, "bold green"), f" listens at {address} and holds {edge.counted(ledger.size)}"
    )
    if settings.public_address:
        edge.tell(f"  readers reach it at {settings.public_address}")
    if ledger.demonstration:
        edge.tell(f"  Begin with {address}/records?at=1936-12-31 and then ask for 1990.")
    if settings.host in EVERYWHERE and not settings.public_address.startswith("https:"):
        edge.warn("passwords go over this network as they are typed; put a proxy with TLS before it (docs/serving.md)")
    sys.stdout.flush()


def _run(ledger: "Ledger", settings: "Settings", at: "socket.socket") -> None:
    from ..web import application, audited, warming
    from ..web.observing import written
    from ..web.running import serve as run

    written(settings.log_format, sys.stderr)
    made, wanted = application(ledger, settings, edge.now), Event()
    # Before anybody is told that there is a server: whoever stops it at once must find it listening to that, too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *given: wanted.set())
    _tell(ledger, settings, at.getsockname()[1])
    warmed = warming.Warming(made.state.live)
    try:
        run(made, settings, at, wanted)
    finally:
        warmed.stop()
        for audits in audited.all_of(made.state.live):
            audits.stop()
