"""The description of the API: for programs as OpenAPI, for people as a page."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.response import Template

from ..page import page
from ..roles import May, Who
from . import answers, document
from .document import get
from .questions import Described, asked

Asking = Request[Who, Any, Any]
_ANY = {"type": "object", "required": ["openapi", "info", "paths"], "properties": {"openapi": {"type": "string"}}}


OPENAPI_JSON = Described(
    "description",
    "This description",
    "OpenAPI 3.1, as JSON.",
    {200: document.json_answer("The description.", _ANY)},
)  # fmt: skip


@get("/api/v1/openapi.json", May.ALWAYS, OPENAPI_JSON)
def openapi_json(request: Asking) -> Response[Any]:
    """The description as JSON."""
    asked(request, ())
    return answers.plain(document.document(request.app), {"Cache-Control": "no-cache"})


OPENAPI_YAML = Described(
    "description",
    "This description as YAML",
    "OpenAPI 3.1, as YAML.",
    {200: document.text_answer("The description.", "application/yaml", "object")},
)  # fmt: skip


@get("/api/v1/openapi.yaml", May.ALWAYS, OPENAPI_YAML)
def openapi_yaml(request: Asking) -> Response[Any]:
    """The description as YAML."""
    asked(request, ())
    text = msgspec.yaml.encode(_unaliased(document.document(request.app)))
    return Response(text, media_type="application/yaml", headers={"Cache-Control": "no-cache"})


def _unaliased(part: Any) -> Any:
    """The same without anything that stands in it twice as one object, which YAML would write as an anchor."""
    if isinstance(part, dict):
        return {name: _unaliased(value) for name, value in part.items()}
    return [_unaliased(value) for value in part] if isinstance(part, list | tuple) else part


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked."""

    method: str
    """GET or POST."""
    path: str
    """The address."""
    summary: str
    """What it is."""
    says: str
    """What it does, and the right that it needs."""
    parameters: list[dict[str, Any]]
    """What it is asked: name, place, required, says, may."""
    answers: list[tuple[str, str]]
    """Each status, and what it means."""


@dataclass(frozen=True)
class ApiPage:
    """The API, told."""

    version: str
    """The version of Checkweigh."""
    host: str
    """Where this board is."""
    groups: list[tuple[str, str, list[Operation]]]
    """What can be asked, by what it is about: a name, a sentence, the operations."""


@get("/api", May.ALWAYS)
def api_page(request: Asking) -> Template:
    """The API, for people."""
    made = document.document(request.app)
    groups = []
    for tag in made["tags"]:
        found = [
            _operation(made, path, method, one)
            for path, methods in made["paths"].items()
            for method, one in methods.items()
            if tag["name"] in one["tags"]
        ]
        groups.append((tag["name"], tag["description"], found))
    return page(request, "api.html", ApiPage(made["info"]["version"], str(request.base_url).rstrip("/"), groups))


def _operation(made: dict[str, Any], path: str, method: str, one: dict[str, Any]) -> Operation:
    parameters = [
        {
            "name": given["name"], "place": given["in"], "required": given.get("required", False), "says": given["description"],
            "may": _may(given["schema"]),
        }
        for given in one.get("parameters", [])
        if not given["name"].startswith("where.")
    ]  # fmt: skip
    told = []
    for status, answer in one["responses"].items():
        found = made["components"]["responses"][status] if "$ref" in answer else answer
        told.append((status, found["description"]))
    return Operation(method.upper(), path, one["summary"], one["description"], parameters, told)


def _may(schema: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if schema["type"] == "array":
        return f"{_may(schema['items'])}; may be repeated"
    if "enum" in schema:
        words = schema["enum"]
        said = " | ".join(words[:12]) + (" | …" if len(words) > 12 else "")
    elif schema["type"] == "integer":
        said = f"{schema['minimum']:,} to {schema['maximum']:,}"
    else:
        said = "text"
    return said + (f", {schema['default']} unless told" if "default" in schema else "")


ROUTES: list[Any] = [openapi_json, openapi_yaml, api_page]
