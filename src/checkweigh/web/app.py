"""The application, put together: routes, guard, templates, and what becomes of errors."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import HttpMethod, Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.template import TemplateConfig
from litestar.types import Middleware

from ..ledger import Ledger
from . import (
    api,
    board,
    campaign,
    enter,
    entries,
    files,
    find,
    oidc,
    on_this_day,
    operating,
    others,
    page,
    party,
    pictures,
    problems,
    quotas,
    receipts,
    record_book,
    security,
    sessions,
    shift,
    signing_in,
    static,
    trial,
)
from .entering import Once
from .kept import Kept, Pages
from .limits import Limits, check_writes
from .live import Live
from .measures import Measures
from .roles import guard
from .settings import Settings

ROUTES: list[Any] = [
    *static.ROUTES,
    *operating.ROUTES,
    *board.ROUTES,
    *record_book.ROUTES,
    *campaign.ROUTES,
    *on_this_day.ROUTES,
    *shift.ROUTES,
    *receipts.ROUTES,
    *party.ROUTES,
    *quotas.ROUTES,
    *find.ROUTES,
    *pictures.ROUTES,
    *enter.ROUTES,
    *entries.ROUTES,
    *others.ROUTES,
    *signing_in.ROUTES,
    *oidc.ROUTES,
    *trial.ROUTES,
    *api.ROUTES,
]


for handler in (*ROUTES, *files.ROUTES):
    # Whoever asks by HEAD is answered as by GET, without the body: Litestar wants that said of each route.
    if HttpMethod.GET in getattr(handler, "http_methods", ()):
        handler.http_methods.add(HttpMethod.HEAD)


def application(
    ledger: Ledger, settings: Settings, clock: Callable[[], datetime], middleware: list[Middleware] | None = None
) -> Litestar:
    """The board of an open ledger, to which nobody can write when it was opened for reading.

    `middleware` says who asks; by default it is the one of `sessions`.
    """
    live = Live(
        ledger, clock, read_only=settings.read_only or not ledger.writable, fresh_seconds=settings.fresh_seconds
    )
    uploads = files.Uploads()
    return Litestar(
        # One router: else a path with two handlers registers the first a second time, and it is no longer awaited.
        route_handlers=[
            Router("/", route_handlers=ROUTES),
            Router("/", route_handlers=files.ROUTES, request_max_body_size=settings.most_upload_bytes),
        ],
        guards=[guard, security.check_form, check_writes],
        middleware=[*([sessions.Asking] if middleware is None else middleware), Kept],
        dependencies={"live": Provide(lambda: live, sync_to_thread=False)},
        exception_handlers={Exception: problems.answer},
        template_config=TemplateConfig(instance=page.engine()),
        compression_config=CompressionConfig(backend="gzip", gzip_compress_level=5),
        before_send=[security.headers],
        state=State(
            {
                "live": live,
                "settings": settings,
                "once": Once(),
                "pages": Pages(),
                "uploads": uploads,
                "measures": Measures(live),
                "limits": Limits(settings),
                "provider": oidc.Provider(settings),
            }
        ),
        on_shutdown=[uploads.close],
        request_max_body_size=settings.most_body_bytes,
        openapi_config=None,
        logging_config=None,
        pdb_on_exception=False,
        debug=False,
    )
