"""The board: who stands where in a period, and which records were set and fell in it.

/                 filters in the address: scope, period, start, job, site, verified, minimum, labour, at
/?wall=1          the same for a wall: large type, no controls
/board/size       server-sent events: the size of the ledger, whenever it has grown; an open board fetches itself anew then
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template

from ..derived import standings
from . import spans
from .asked import Asked, Option, named_options, names, options
from .kept import KEPT
from .live import Known, Row
from .page import Served, page
from .roles import May, Who, needs
from .spans import NAMED, Span

SCOPES = {"worker": "Workers", "crew": "Crews", "site": "Sites", "industry": "Industries"}
SHOWN, MOST_SHOWN, ON_A_WALL = 25, 1_000, 12
RECORDS_SHOWN = 12
PERIODS = ("from", "shifts")
BEST = ("party", "rank")
SUMS = tuple(name for name in standings.SCHEMA.names if name != "rank")
"""What is asked of the standings: which periods there are, who is best, and then of these parties all the rest."""
LOOK_SECONDS = 0.5
"""How often an open board's connection looks whether the ledger has grown."""


@dataclass(frozen=True)
class Choice:
    """What of the book the board shows."""

    scope: str
    period: str
    job: str | None
    site: str | None
    verified: bool
    minimum: int
    labour: bool
    shown: int
    wall: bool

    def standings(self, **changed: Any) -> dict[str, Any]:
        """The parameters of the standings."""
        plain = {"period": self.period, "scope": self.scope, "labour": self.labour, "verified_only": self.verified}
        return plain | {"minimum_shifts": self.minimum, "job": self.job, "site": self.site} | changed


@dataclass(frozen=True)
class Board:
    """Who stands where."""

    choice: Choice
    """What was asked for."""
    span: Span | None
    """The period; None where no period holds a shift."""
    rows: list[Row]
    """The standings, best first: with both attainments, and `moved`, the change in words."""
    best: list[Row]
    """Who stands first."""
    more: int
    """How many rows are asked for by the link to more; 0 where all are shown."""
    new: list[Row]
    """Records set in the period, the newest first, each with `beat`, the mark it beat."""
    party: str
    """What is ranked, in the plural."""
    jobs: list[Option]
    """The choice of jobs."""
    sites: list[Option]
    """The choice of sites."""
    scopes: list[Option]
    """The choice of who is ranked."""
    periods: list[Option]
    """The choice of periods."""


@get("/", opt=needs(May.READ) | KEPT, sync_to_thread=True, include_in_schema=False)
def board_page(request: Request[Who, Any, Any], live: Served, at: FromQuery[str | None] = None) -> Template:
    """The board of a period."""
    known, asked = live.at(at), Asked(request.query_params)
    choice = _choice(asked)
    together = known.rows(
        "standings", order=["from"], columns=PERIODS, **choice.standings(scope="all", minimum_shifts=0)
    )
    span = spans.chosen(together, choice.period, asked.day("start"))
    rows = _standings(known, choice, span) if span else []
    shown = page(request, "wall.html" if choice.wall else "board.html", Board(
        choice, span, rows[: choice.shown], [row for row in rows[: choice.shown] if row["rank"] == 1],
        min(choice.shown * 4, MOST_SHOWN) if len(rows) > choice.shown else 0, _records(known, choice, span) if span else [],
        SCOPES[choice.scope].lower(),
        named_options(known, "job", choice.job, "All jobs"), named_options(known, "site", choice.site, "All sites"),
        options(SCOPES, choice.scope), options(NAMED, choice.period),
    ), known)  # fmt: skip
    shown.headers["Cache-Control"] = "no-cache"
    return shown


def _choice(asked: Asked) -> Choice:
    wall = asked.flag("wall")
    return Choice(
        asked.one_of("scope", list(SCOPES), "worker"), asked.one_of("period", list(NAMED), "month"), asked.text("job"),
        asked.text("site"), asked.flag("verified"), asked.whole("minimum", 0, 100_000), asked.flag("labour"),
        asked.whole("shown", ON_A_WALL if wall else SHOWN, MOST_SHOWN), wall,
    )  # fmt: skip


def _standings(known: Known, choice: Choice, span: Span) -> list[Row]:
    """One row more than is shown, so that one sees whether there are more."""
    where: dict[str, Any] = {} if span.start is None else {"from": span.start}
    shown, plain, other = choice.shown + 1, choice.standings(), choice.standings(labour=not choice.labour)
    best = known.rows("standings", where, order=["rank", "party"], limit=shown, columns=BEST, **plain)
    if not best:
        return []
    where = where | {"party": [row["party"] for row in best]}
    sums = {row["party"]: row for row in known.rows("standings", where, columns=SUMS, **plain)}
    others = {row["party"]: row for row in known.rows("standings", where, columns=("party", "attainment"), **other)}
    return [_told(sums[row["party"]] | row, others.get(row["party"], {}).get("attainment"), choice) for row in best]


def _told(row: Row, other: Any, choice: Choice) -> Row:
    first, second = (other, row["attainment"]) if choice.labour else (row["attainment"], other)
    return row | {
        "attainment": first,
        "labour_attainment": second,
        "moved": spans.change(row["change"], choice.period),
        "called": row["name"] or row["party"],
    }


def _records(known: Known, choice: Choice, span: Span) -> list[Row]:
    """Marks among all, by quantity, that were set in a period, the newest first, each with the one that it beat."""
    days = span.days
    asked: dict[str, Any] = {"measure": "quantity", "scope": "all", "job": choice.job}
    where: dict[str, Any] = {} if choice.site is None else {"site": choice.site}
    where |= {} if days is None else {"set_on": days}
    found = known.rows("records", where, order=["-started", "-entry"], limit=RECORDS_SHOWN, **asked)
    fell = known.rows("records", {"beaten_by": [row["shift"] for row in found]}, **asked) if found else []
    beat = {(row["job"], row["holder"], row["length"], row["beaten_by"]): row for row in fell}
    called = {kind: names(known, kind, [row[kind] for row in found + fell]) for kind in ("worker", "crew", "job")}
    units = {row["id"]: row["unit"] for row in known.rows("job", {"id": sorted(called["job"])})} if found else {}
    told = [_named(row, called, units) for row in found]
    for row in told:
        beaten = beat.get((row["job"], row["holder"], row["length"], row["shift"]))
        row["beat"] = _named(beaten, called, units) if beaten else None
    return told


def _named(row: Row, called: dict[str, dict[str, str]], units: dict[str, str]) -> Row:
    kind = "worker" if row["worker"] else "crew"
    who = called[kind].get(row[kind], row[kind])
    return row | {"who": who, "job_name": called["job"].get(row["job"], row["job"]), "unit": units.get(row["job"], "")}


@get("/board/size", opt=needs(May.READ), include_in_schema=False)
async def board_size(request: Request[Who, Any, Any], live: Served) -> ServerSentEvent:
    """The size of the ledger as an event, now and whenever it has grown."""

    async def sizes() -> AsyncIterator[ServerSentEventMessage]:
        told = -1
        while True:
            size = (await anyio.to_thread.run_sync(live.now)).size
            if size != told:
                told = size
                yield ServerSentEventMessage(data=str(size), event="size")
            if request.method == "HEAD":
                return
            await asyncio.sleep(LOOK_SECONDS)

    return ServerSentEvent(sizes(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


ROUTES = [board_page, board_size]
