"""Every page of the board, from its routes: a new page is looked at by the tests that look at all of them, or they fail.

A page is a GET route that renders a template. One whose address has a part to be filled in needs an example here.
"""

import re
from dataclasses import dataclass
from typing import get_args

from litestar import Router
from litestar.response import Template

from checkweigh.web.app import ROUTES
from checkweigh.web.roles import RIGHT, RIGHTS, Role

EXAMPLES = {
    "/shifts/{id}": ("/shifts/august", "/shifts/crew-640"),
    "/workers/{id}": ("/workers/stakhanov",),
    "/crews/{id}": ("/crews/vinogradovas",),
    "/trial/{id}": ("/trial/crew-640",),
    "/quotas/{job}": ("/quotas/hewing",),
    "/ledger/{index}": ("/ledger/40",),
    "/receipts/{index}": ("/receipts/40",),
    "/enter/{kind}": ("/enter/count", "/enter/training", "/enter/incident"),
    "/object/{index}": ("/object/40",),
    "/records": ("/records", "/records?job=hewing&at=1990-12-31&since=1936-12-31"),
    "/on-this-day": ("/on-this-day?day=08-31", "/on-this-day?day=11-06"),
    "/find": ("/find?q=vinogradova",),
    "/": ("/", "/?period=all&scope=crew&labour=1", "/?wall=1"),
}
"""Addresses on the board of 1935, where one is not enough or a part has to be filled in."""
LOOKED_AT_BY = {"/object/{index}": Role.AUDITOR}
"""Who looks at a page of which the first role with the right sees its own only."""

PARTS = frozenset({"/records/book", "/records/changes"})
"""Parts of a page that a script puts into it; they are looked at there."""


@dataclass(frozen=True)
class Page:
    """One address, and the role of somebody who may look at it."""

    address: str
    role: Role

    def __str__(self) -> str:
        return self.address


def handlers(routes):
    """The handlers of routes, those inside routers too."""
    for found in routes:
        if isinstance(found, Router):
            yield from handlers(handler for route in found.routes for handler in route.route_handlers)
        else:
            yield found


def is_page(handler):
    """Whether a handler shows a page."""
    shown = handler.fn.__annotations__["return"]
    return "GET" in handler.http_methods and Template in (shown, *get_args(shown))


def who_may(right):
    """The first role that has a right, from the visitor on."""
    return next(role for role in Role if right in RIGHTS[role])


def every():
    """Every page, with its examples."""
    for handler in handlers(ROUTES):
        if is_page(handler):
            for path in sorted(handler.paths - PARTS):
                plain = re.sub(r":\w+}", "}", path)
                for address in EXAMPLES.get(plain, (path,)):
                    yield Page(address, LOOKED_AT_BY.get(plain) or who_may(handler.opt[RIGHT]))
