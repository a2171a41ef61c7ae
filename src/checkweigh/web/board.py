"""The board: who stands where in a period."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from .live import Row
from .page import Served, page
from .roles import May, Who, needs


@dataclass(frozen=True)
class Board:
    """Who stands where."""

    rows: list[Row]
    """The standings of all time, best first."""


@get("/", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def board_page(request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None) -> Template:
    """The board."""
    known = live.at(at)
    return page(request, "board.html", Board(known.rows("standings", period="all", limit=50)), known)


ROUTES = [board_page]
