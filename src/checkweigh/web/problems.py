"""Refusals and faults as answers: one shape for programs (RFC 9457, `application/problem+json`), the same as a page for browsers.

type      urn:checkweigh:ERROR, an error of the reference, or about:blank where the status says it all
title     the status in words
status    4xx: put it right, nothing was written; 5xx: the board or the ledger is at fault
detail    what, where, and the next step, in one message
problems  for entries: each field that is wrong, with its value and the reason, and of several which entry
"""

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException

from .. import errors
from ..answered import OtherRequest
from ..errors import (
    AlreadyRecorded,
    BadEntry,
    BadRows,
    BeyondTheEnd,
    Broken,
    Busy,
    CannotReach,
    CannotWrite,
    CheckweighError,
    NoKey,
    Refused,
    UnknownReference,
    Unsure,
)
from ..importing import RowsRefused
from .page import page
from .roles import Who

RETRY_SECONDS = "2"
MEDIA_TYPE = "application/problem+json"
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (AlreadyRecorded, 409), (BadEntry, 422), (UnknownReference, 422), (OtherRequest, 422), (RowsRefused, 422), (BadRows, 422),
    (BeyondTheEnd, 404), (Busy, 503), (CannotReach, 503), (CannotWrite, 507), (NoKey, 403), (Refused, 400), (Unsure, 503), (Broken, 500),
)  # fmt: skip
log = logging.getLogger("checkweigh.web")


@dataclass(frozen=True)
class Problem:
    """What went wrong, as a page shows it."""

    status: int
    """The status code."""
    heading: str
    """The status in words."""
    detail: str
    """What, where, and the next step."""
    problems: list[dict[str, Any]]
    """Each field that is wrong."""
    sign_in: str = "/sign-in"
    """Where to sign in, and then come back to."""
    error: str = ""
    """The name of the error, where it is one of Checkweigh's."""
    kind: str = ""
    """The kind of the entry that is wrong."""


class NotHere(Refused):
    """What was asked for is not in the ledger."""

    status = 404


class CannotEnter(Refused):
    """An entry that is right in itself cannot be recorded now."""

    status = 422


def problem_of(error: Exception) -> Problem:
    """What is told of an error; of a fault of the board itself nothing but that there was one."""
    if isinstance(error, HTTPException):
        return Problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail), [])
    if isinstance(error, CheckweighError):
        own = getattr(error, "status", None)
        status = own or next(code for kind, code in STATUSES if isinstance(error, kind))
        wrong = _wrong(error) if isinstance(error, BadEntry) else []
        kind = error.kind if isinstance(error, BadEntry) else ""
        name = next(one.__name__ for one in type(error).__mro__ if one.__module__ == errors.__name__)
        return Problem(status, HTTPStatus(status).phrase, _text(error), wrong, error=name, kind=kind)
    return Problem(
        500, "Internal Server Error", "the board failed where it should not; whoever runs it finds why in its log", []
    )


def _text(error: Exception) -> str:
    """The message; what is not UTF-8 in it is told by its number."""
    return str(error).encode("utf-8", "backslashreplace").decode()


def _wrong(error: CheckweighError) -> list[dict[str, Any]]:
    """Each field that is wrong; of several entries also which one."""
    problems: list[tuple[str, object, str]] = getattr(error, "problems", [])
    places: list[int] = getattr(error, "places", [])
    told: list[dict[str, Any]] = [
        {"field": field, "value": None if value is None else str(value), "reason": reason}
        for field, value, reason in problems
    ]
    return [{"entry": place, **one} for place, one in zip(places, told, strict=True)] if places else told


def answer(request: Request[Who, Any, Any], error: Exception) -> Response[Any]:
    """The answer to a request that failed."""
    found = problem_of(error)
    if found.status >= 500:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if not _wants_page(request):
        kind = f"urn:checkweigh:{found.error}" if found.error else "about:blank"
        body: dict[str, Any] = {"type": kind, "title": found.heading, "status": found.status, "detail": found.detail}
        body |= {"instance": request.url.path} | (
            {"kind": found.kind, "problems": found.problems} if found.problems else {}
        )
        body |= getattr(error, "besides", {})
        if found.status == 503:
            headers.setdefault("Retry-After", RETRY_SECONDS)
        return Response(body, status_code=found.status, media_type=MEDIA_TYPE, headers=headers)
    if isinstance(error, NotAuthorizedException):
        found = replace(found, sign_in=_sign_in(request))
        headers["Refresh"] = f"3; url={found.sign_in}"
    shown = page(request, "problem.html", found)
    shown.status_code, shown.headers = found.status, {**shown.headers, **headers}
    return shown


def _sign_in(request: Request[Who, Any, Any]) -> str:
    """The sign-in page, which leads back to what was asked for; to what a form was sent to nobody can go back."""
    if request.method != "GET":
        return "/sign-in"
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/sign-in?{urlencode({'next': request.url.path + query})}"


def _wants_page(request: Request[Who, Any, Any]) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and not request.url.path.startswith("/api/")
