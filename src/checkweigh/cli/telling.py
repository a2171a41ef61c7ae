"""demo: the campaign of 1935."""

from pathlib import Path
from typing import Annotated

import typer

from . import edge

DIRECTORY = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the demonstration ledger goes.")]


def demo(directory: DIRECTORY = Path("demo")) -> None:
    """Build the ledger of the 1935 campaign and show what a second book can do. A second time, the ledger is shown as it is now."""
    from ..demo import build
    from ..demo.telling import tell

    path, made = build(directory, edge.edge())
    tell(edge.screen(), path)
    if not made:
        edge.tell((f"{path} was there already and was shown as it is now; delete {directory} to begin anew.", "dim"))
