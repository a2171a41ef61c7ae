"""Enter: a shift in a few seconds, with or without scripts, with or without a network.

The page is a form that the server understands. With scripts on, `enter.js` keeps each shift on the device and sends the same form when
the network is there; `worker.js` lets the page open without one. The id of a shift is made before it is sent, so that a shift that is
sent twice is entered once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from .. import render
from ..errors import AlreadyRecorded, BadEntry, Refused
from ..kinds import Shift
from . import entering, static
from .choices import Choices, choices, party_named
from .entering import Entered, Problems
from .forms import HELPER_LINES, Asked, Form, Written, helpers, text_of
from .live import Known, Live, Row
from .page import Served, page, token
from .roles import May, Who, needs, who_asks

PLAIN = ("job", "site", "quantity", "hours", "quota", "note", "started")


@dataclass(frozen=True)
class EnterPage:
    """The form of a shift, and what became of the one before."""

    form: dict[str, str]
    """What stands in the fields."""
    problems: Problems
    """What is wrong beside which field."""
    choices: Choices
    """What the fields offer."""
    done: "Done | None"
    """The shift that was entered last, for confirmation."""
    account: str
    """Under whose name shifts are kept on this device."""
    helper_lines: range
    """The lines for helpers."""


@dataclass(frozen=True)
class Done:
    """A shift that is in the ledger, with its figures."""

    entry: int
    """The index of its entry."""
    again: bool
    """Whether it was there already when it was sent."""
    shift: Row
    """Its row of the table attainment."""
    unit: str
    """The unit of its job."""
    who: str
    """Worker or crew, by name."""


@get("/enter", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True)
def enter_page(
    request: Asked, live: Served, done: FromQuery[int | None] = None, again: FromQuery[bool] = False
) -> Template:
    """The empty form, with job, site and hours of the last shift that this account entered."""
    known, who = live.now(), who_asks(request)
    last = _last_entered(known, who)
    form = {"id": entering.fresh_id(), "job": last.get("job") or "", "site": who.site or last.get("site") or ""}
    offered = choices(live, known, who, form["site"])
    if not form["site"] and len(offered.sites) == 1:
        form["site"] = offered.sites[0]["id"]
    form["started"] = _local_now(live, offered, form["site"])
    shown = None if done is None else _done(known, done, again)
    return page(request, "enter.html", _context(who, form, {}, offered, shown), known)


def _context(who: Who, form: dict[str, str], problems: Problems, offered: Choices, done: Done | None) -> EnterPage:
    return EnterPage(Written(form), problems, offered, done, who.by, HELPER_LINES)


def _last_entered(known: Known, who: Who) -> Row:
    found = known.rows("shift", {"by": who.by}, order=["-entry"], limit=1)
    return found[0] if found else {}


def _local_now(live: Live, offered: Choices, site: str) -> str:
    """The time on the clock of a site, to the minute."""
    zones = {row["id"]: row["timezone"] for row in offered.sites}
    return live.clock().astimezone(ZoneInfo(zones.get(site, "UTC"))).strftime("%Y-%m-%dT%H:%M")


@post("/enter", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True, status_code=200)
def enter_shift(request: Asked, live: Served, data: Form) -> Response[Any] | Template:
    """Enter a shift: for a script the entry and its figures, for a browser the empty form with the confirmation."""
    who, program = who_asks(request), "text/html" not in request.headers.get("accept", "")
    account = text_of(data, "account")
    if account and account != who.by:
        raise PermissionDeniedException(
            f"this shift was kept for {account}, and {who.by} is signed in; let them sign in"
        )
    try:
        entered = _enter(live, who, data)
    except (Refused, PermissionDeniedException) as error:
        if program:
            raise
        return _again(request, live, data, error)
    if program:
        return _answer(live, entered)
    return Redirect(f"/enter?done={entered.index}" + ("&again=true" if entered.again else ""), status_code=303)


def _enter(live: Live, who: Who, form: Mapping[str, Any]) -> Entered:
    site = text_of(form, "site") or who.site or ""
    entering.check_site(who, "shift", site)
    written = {name: text_of(form, name) for name in PLAIN} | {"site": site}
    given, problems = _read(live, form, written)
    if problems:
        raise BadEntry("shift", problems)
    return entering.enter(live, who, "shift", {**given, "id": text_of(form, "id") or entering.fresh_id()})


def _read(
    live: Live, form: Mapping[str, Any], written: dict[str, str]
) -> tuple[dict[str, object], list[tuple[str, object, str]]]:
    """The fields of a shift, and everything that is wrong with them."""
    problems: list[tuple[str, object, str]] = []
    try:
        if not text_of(form, "who"):
            raise BadEntry("shift", [("who", None, "is missing; write a name or an id")])
        kind, name = party_named(live.now(), text_of(form, "who"))
        written[kind] = name
    except BadEntry as error:
        problems += error.problems
    try:
        written["helpers"] = helpers(live.now(), form)
    except BadEntry as error:
        problems += error.problems
    try:
        return entering.read(live, "shift", {"id": "new", **written}, text_of(form, "fold")), problems
    except BadEntry as error:
        return {}, problems + error.problems


def _again(request: Asked, live: Live, form: Mapping[str, Any], error: Exception) -> Template:
    """The form as it was sent, with what is wrong beside the fields. Of a form that was sent before with other content, a new one."""
    who, known = who_asks(request), live.now()
    shown = {name: text_of(form, name) for name in form}
    problems = {"": str(getattr(error, "detail", error))}
    if isinstance(error, BadEntry):
        problems = entering.told(error, {"worker": "who", "crew": "who"})
    if isinstance(error, AlreadyRecorded):
        shown["id"] = entering.fresh_id()
        said = "was made from this form before, with other content, and nothing was written now"
        problems = {"": f"entry {error.index} {said}; if this is another shift, enter it again"}
    answer = page(
        request, "enter.html", _context(who, shown, problems, choices(live, known, who, shown.get("site")), None), known
    )
    answer.status_code = 409 if isinstance(error, AlreadyRecorded) else 422
    return answer


def _done(known: Known, index: int, again: bool) -> Done | None:
    if not 0 <= index < known.size or not isinstance(entry := known.entry(index), Shift):
        return None
    found = known.rows("attainment", {"id": entry.id})
    if not found:
        return None
    kind, name = ("worker", entry.worker) if entry.worker else ("crew", str(entry.crew))
    job = known.rows("job", {"id": entry.job}, limit=1)
    return Done(index, again, found[0], job[0]["unit"] if job else "", known.name_of(kind, name))


def _answer(live: Live, entered: Entered) -> Response[Any]:
    done = _done(live.now(), entered.index, entered.again)
    figures = {} if done is None else {
        name: render.text(done.shift[name]) or None
        for name in ("expected", "attainment", "labour_attainment")
    }  # fmt: skip
    body = {"entry": entered.index, "again": entered.again, "shift": done and done.shift["id"], **figures}
    return Response(body, media_type="application/json", status_code=200 if entered.again else 201)


@get("/enter/state", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=False)
def enter_state(request: Asked, live: Served) -> Response[dict[str, Any]]:
    """Who is signed in, and what a form carries: asked by the script before it sends what waited."""
    body = {"account": who_asks(request).by, "csrf_token": token(request), "size": live.now().size}
    return Response(body, headers={"Cache-Control": "no-store"})


@get("/enter/worker.js", opt=needs(May.ALWAYS), include_in_schema=False, sync_to_thread=False)
def service_worker() -> Response[bytes]:
    """The service worker of the entry page, with the queue that it shares with the page."""
    script = static.content("waiting.js") + b"\n" + static.content("worker.js")
    headers = {"Service-Worker-Allowed": "/enter", "Cache-Control": "no-cache"}
    return Response(script, media_type="text/javascript", headers=headers)


ROUTES = [enter_page, enter_shift, enter_state, service_worker]
