"""The description of the API: OpenAPI 3.1, made from what the routes state about themselves.

What a route reads from a request and what is told of it here are the same data (`questions.Query`), so neither can be right without the
other. Every refusal has one shape.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypeVar

from litestar import HttpMethod, Litestar, route
from litestar.handlers import HTTPRouteHandler

from ..roles import RIGHT, WRITES, May, needs
from .questions import Described, Query

Handler = TypeVar("Handler", bound=Callable[..., Any])
DESCRIBED = "described"
"""The name under which a route states what it says of itself."""
PREFIX = "/api/v1"
TAGS = {
    "ledger": "The ledger: its size and checkpoint, its entries, and the proof of each.",
    "tables": "What is derived from the entries: every figure as known at any size or date.",
    "entering": "Entries that come in.",
    "log": "The log as any client of a transparency log reads it (C2SP tlog-tiles).",
    "description": "What you read here.",
}
UNCHANGED = {"description": "Nothing has changed since the answer that If-None-Match names."}
PROBLEM = {
    "type": "object",
    "description": "Why a request was refused, or failed (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "about:blank: the status says it all."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "description": "4xx: put it right, nothing was written; 5xx: the board or the ledger is at fault."},
        "detail": {"type": "string", "description": "What, where, and the next step."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "problems": {
            "type": "array",
            "description": "Of entries: each field that is wrong.",
            "items": {
                "type": "object", "required": ["field", "value", "reason"],
                "properties": {
                    "entry": {"type": "integer", "description": "Which of the entries that were sent, from 0."},
                    "field": {"type": "string"}, "value": {"type": ["string", "null"]}, "reason": {"type": "string"},
                },
            },
        },
    },
}  # fmt: skip
_EXAMPLE = {
    "type": "about:blank", "title": "Not Found", "status": 404, "instance": "/api/v1/entries/9000",
    "detail": "entry 9000 is beyond this state of the ledger, which has 114 entries",
}  # fmt: skip
_MEANS = {
    400: "The request is not written as it may be.",
    401: "Sign in, or send a token.",
    403: "Your role may not do this, or the board is read-only.",
    404: "The ledger does not hold it.",
    405: "This address takes other methods.",
    406: "None of the formats that you accept is written here.",
    409: "The ledger holds this already, or more or other entries than you expect.",
    413: "The body is too long.",
    415: "The body is not of a type that is read here.",
    422: "It cannot be recorded; `problems` says why, field by field.",
    429: "Too many requests; Retry-After says when to come back.",
    500: "The board failed, or the ledger is not what it claims to be.",
    503: "Somebody else is writing just now, or it is not known whether it was written; try again with the same Idempotency-Key.",
}


def get(
    path: str, right: May, described: Described | None = None, *, thread: bool | None = True
) -> Callable[[Handler], Handler]:
    """A route that is read, and asked for its head alone; most answer in a thread of their own."""
    stated = needs(right) | ({} if described is None else said(described))
    made: Any = route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD], opt=stated, sync_to_thread=thread)
    return made  # type: ignore[no-any-return]


def said(described: Described) -> dict[str, Any]:
    """What a route states in its `opt`."""
    return {DESCRIBED: described}


def json_answer(says: str, schema: Mapping[str, Any], example: Any = None) -> dict[str, Any]:
    """An answer in JSON."""
    shown = {} if example is None else {"example": example}
    return {"description": says, "content": {"application/json": {"schema": schema, **shown}}}


def text_answer(says: str, media: str = "text/plain", shape: str = "string") -> dict[str, Any]:
    """An answer as text or as bytes."""
    return {"description": says, "content": {media: {"schema": {"type": shape}}}}


def rows_answer(says: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Rows, in every format."""
    from .answers import FORMATS

    contents: dict[str, Any] = {media.partition(";")[0]: {"schema": {}} for media in FORMATS.values()}
    contents["application/json"] = {"schema": schema}
    return {
        "description": says,
        "content": contents,
        "headers": {
            "Checkweigh-Size": _header("The size of the state that the rows are of."),
            "Checkweigh-Root": _header("The root hash of that state, hexadecimal."),
            "ETag": _header("Names the answer; send it as If-None-Match."),
            "Link": _header('The next page, rel="next", where there is one.'),
        },
    }


def _header(says: str) -> dict[str, Any]:
    return {"description": says, "schema": {"type": "string"}}


@cache
def document(app: Litestar) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for path, handler in _described(app):
        methods = {str(getattr(method, "value", method)).lower() for method in handler.http_methods}
        for method in sorted(methods - {"head", "options"}):
            paths.setdefault(path, {})[method] = _operation(handler, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Checkweigh",
            "version": version("checkweigh"),
            "description": "The second book: every figure and every entry of the ledger, for programs.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Problem": PROBLEM},
            "responses": {str(status): _refusal(status) for status in _MEANS},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token made by `checkweigh token add`."},
            },
        },
        "security": [{}, {"token": []}],
    }


def _described(app: Litestar) -> Iterable[tuple[str, HTTPRouteHandler]]:
    for found in app.routes:
        for handler in getattr(found, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler) and DESCRIBED in handler.opt:
                yield re.sub(r"\{(\w+):\w+\}", r"{\1}", found.path_format), handler


def _operation(handler: HTTPRouteHandler, method: str) -> dict[str, Any]:
    described: Described = handler.opt[DESCRIBED]
    right = May(handler.opt[RIGHT])
    writes = right in WRITES or method == "post"
    statuses = {*described.refusals, 401, 403, 500, *((429, 503) if writes else (503,))}
    answers = {str(status): answer for status, answer in described.answers.items()}
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    made: dict[str, Any] = {
        "operationId": f"{method}_{handler.handler_name}", "tags": [described.tag], "summary": described.summary,
        "description": described.says + f" Right: {right}.", "responses": answers,
    }  # fmt: skip
    if described.queries:
        made["parameters"] = [_parameter(query) for query in described.queries]
    if described.body is not None:
        made["requestBody"] = {"required": True, "content": described.body}
    return made


def _parameter(query: Query) -> dict[str, Any]:
    schema = {"type": "array", "items": query.schema, "maxItems": 100} if query.many else query.schema
    told: dict[str, Any] = {"name": query.name, "in": query.place, "description": query.says, "schema": schema}
    if query.many:
        told |= {"style": "form", "explode": True}
    if query.example is not None:
        told["example"] = [query.example] if query.many else query.example
    return told | ({"required": True} if query.place == "path" or query.required else {})


def _refusal(status: int) -> dict[str, Any]:
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    example = (
        _EXAMPLE
        if status == 404
        else {**_EXAMPLE, "status": status, "title": HTTPStatus(status).phrase, "detail": _MEANS[status]}
    )
    return {"description": _MEANS[status], "content": {"application/problem+json": {**shape, "example": example}}}
