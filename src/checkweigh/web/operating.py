"""For whoever runs a board: whether it lives, whether it can be used, and its figures.

/healthz    200: the process answers
/readyz     200: the ledger can be read, its head is signed, and what pages show is no older than it should be; else 503
/metrics    for Prometheus, from this computer, or from elsewhere with the token of the settings
"""

import logging
from ipaddress import ip_address
from secrets import compare_digest
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException

from ..checkpoint import open_checkpoint
from ..ledger import verifiers
from .live import Live
from .measures import Measures
from .page import Served
from .roles import May, Who, needs
from .settings import Settings

OLDEST_SECONDS = 5
"""A board that has not been able to ask its ledger for so long is not to be used."""
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger("checkweigh.web")


@get("/healthz", opt=needs(May.ALWAYS), media_type=MediaType.TEXT, sync_to_thread=False, include_in_schema=False)
def lives() -> str:
    """The process answers."""
    return "ok\n"


@get("/readyz", opt=needs(May.ALWAYS), sync_to_thread=True, include_in_schema=False)
def ready(live: Served) -> Response[dict[str, bool]]:
    """Whether the board can be used, and which part of that fails; the log says why."""
    found = {"ledger": _holds("the ledger cannot be read", lambda: live.ledger.size >= 0)}
    found["head"] = _holds("the head of the ledger is not signed", lambda: _signed(live))
    found["shown"] = _holds("what pages show is old", lambda: live.now().size >= 0 and live.age() < OLDEST_SECONDS)
    return Response(found, status_code=200 if all(found.values()) else 503, headers={"Cache-Control": "no-store"})


def _holds(otherwise: str, check: Any) -> bool:
    try:
        if check():
            return True
        log.warning("not ready: %s", otherwise)
    except Exception as error:  # whatever it is, the board is not ready, and whoever asks is told so
        log.warning("not ready: %s: %s", otherwise, error)
    return False


def _signed(live: Live) -> bool:
    with live.ledger.snapshot() as snapshot:
        return open_checkpoint(snapshot.note, verifiers(snapshot)[-1]).size == snapshot.size


@get("/metrics", opt=needs(May.ALWAYS), sync_to_thread=True, include_in_schema=False)
def metrics(request: Request[Who, Any, Any]) -> Response[bytes]:
    """The figures, for whoever may have them."""
    settings: Settings = request.app.state.settings
    if not _from_here(request):
        _check_token(request, settings.metrics_token)
    measures: Measures = request.app.state.measures
    return Response(measures.text(), media_type=METRICS_TYPE)


def _from_here(request: Request[Who, Any, Any]) -> bool:
    """Whether somebody at this computer asks, and no proxy in the name of somebody else."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _check_token(request: Request[Who, Any, Any], token: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if not token:
        raise PermissionDeniedException(
            "the figures are for this computer; whoever runs the board can set metrics_token"
        )
    if scheme.lower() != "bearer" or not compare_digest(given.strip().encode(), token.encode()):
        raise NotAuthorizedException("the figures need the token of the settings: Authorization: Bearer TOKEN")


ROUTES = [lives, ready, metrics]
