"""What a request may ask: stated as data at the route, read from the request by the same data, and told by it in the description.

What a request asks beyond that, or in another form, is refused: a parameter that is silently left out of account is a wrong answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from litestar import Request

from ...asking import NUMBER
from ...errors import Refused
from ...fields import meant
from ..live import Known, Live
from ..problems import NotHere
from ..roles import Who

Asking = Request[Who, Any, Any]
MOST_WHOLE = 2**53 - 1
MOST_VALUES = 100


@dataclass(frozen=True)
class Query:
    """One parameter: its name, what it says, and the JSON Schema of a value. `many` may be given several times."""

    name: str
    says: str
    schema: Mapping[str, Any]
    example: Any = None
    many: bool = False
    place: str = "query"
    required: bool = False


@dataclass(frozen=True)
class Described:
    """What a route says of itself: what it is asked, and what it answers."""

    tag: str
    summary: str
    says: str
    answers: Mapping[int, Mapping[str, Any]]
    queries: tuple[Query, ...] = ()
    body: Mapping[str, Any] | None = None
    refusals: tuple[int, ...] = (400,)


def whole(most: int = MOST_WHOLE, least: int = 0, default: int | None = None) -> dict[str, Any]:
    """The schema of a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most} | ({} if default is None else {"default": default})


def ratio(most: float | None) -> dict[str, Any]:
    """The schema of a number above 0."""
    return {"type": "number", "exclusiveMinimum": 0} | ({} if most is None else {"maximum": most})


def text(pattern: str | None = None, most: int = 200) -> dict[str, Any]:
    """The schema of a text."""
    return {"type": "string", "minLength": 1, "maxLength": most} | ({"pattern": pattern} if pattern else {})


def one_of(*words: str, default: str | None = None) -> dict[str, Any]:
    """The schema of one of a few words."""
    return {"type": "string", "enum": list(words)} | ({} if default is None else {"default": default})


FLAG = one_of("yes", "no", "true", "false")
_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?Z?)?)?"
AT = Query(
    "at",
    "As known at a size, or at the end of a date or month; the latest where it is absent.",
    text(rf"^([0-9]{{1,15}}|{_DAY})$", 30),
    "1936-12-31",
)
AGAINST = Query(
    "against", "What changed between this state and that of `at`.", text(rf"^([0-9]{{1,15}}|{_DAY})$", 30), "1990-01-01"
)
ZONE = Query(
    "zone", "The IANA time zone in which dates end; UTC unless told.", text(r"^[A-Za-z0-9_+/-]+$", 64), "Europe/Moscow"
)
CURSOR = Query(
    "cursor",
    "Where to go on: from the `next` link of the answer before. It pins the size, so that the pages of one listing agree.",
    text(r"^[A-Za-z0-9_-]+$", 2000),
)


class Asked:
    """What a request asks, read as a route states it."""

    def __init__(self, given: Mapping[str, list[str]]) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        """A value as it was written."""
        values = self._given.get(name)
        return values[0] if values else None

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter that may be given several times."""
        return self._given.get(name, [])

    def whole(self, name: str, default: int) -> int:
        """A whole number."""
        found = self.text(name)
        return default if found is None else int(found)

    def flag(self, name: str) -> bool:
        """Whether it was given as yes or true."""
        return self.text(name) in ("yes", "true")

    def has(self, name: str) -> bool:
        """Whether it was given."""
        return name in self._given


def asked(request: Asking, queries: Sequence[Query]) -> Asked:
    """Reads a request. Raises Refused for what the queries do not allow."""
    known = {query.name: query for query in queries if query.place == "query"}
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise Refused(f"there is no parameter {name!r} here{meant(name, known)}; there are {_listed(known)}")
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if len(values) > (MOST_VALUES if known[name].many else 1):
            raise Refused(f"{name} is given {len(values)} times")
        for value in values:
            check(known[name], value)
    for query in known.values():
        if query.required and query.name not in given:
            raise Refused(f"{query.name} is missing: {query.says}")
    return Asked(given)


def _listed(known: Mapping[str, Query]) -> str:
    return ", ".join(known) if known else "none"


def check(query: Query, value: str) -> str:
    """Raises Refused for a value that is not of the schema of a query."""
    schema = query.schema
    if schema["type"] == "integer":
        fits = re.fullmatch(r"[0-9]{1,16}", value) and schema["minimum"] <= int(value) <= schema["maximum"]
    elif schema["type"] == "number":
        fits = NUMBER.fullmatch(value) and 0 < float(value) <= schema.get("maximum", inf)
    elif "enum" in schema:
        fits = value in schema["enum"]
    else:
        fits = schema["minLength"] <= len(value) <= schema["maxLength"] and re.fullmatch(
            schema.get("pattern", ".*").removeprefix("^").removesuffix("$"), value, re.DOTALL
        )
    if not fits:
        raise Refused(f"{query.name} {value[:80]!r} is not what it may be: {expected(query)}")
    return value


def expected(query: Query) -> str:
    """What a value of a query may be, in words."""
    schema = query.schema
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']:,} to {schema['maximum']:,}"
    if schema["type"] == "number":
        return "a number above 0" + (f" and up to {schema['maximum']}" if "maximum" in schema else "")
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    example = f", such as {query.example}" if query.example is not None else ""
    return f"{schema['minLength']} to {schema['maxLength']} characters{example}. {query.says}"


def in_path(value: str, query: Query) -> str:
    """A part of the path, which leads nowhere when it is not of the schema. Raises NotHere."""
    try:
        return check(query, value)
    except Refused as error:
        raise NotHere(str(error)) from None


def state(live: Live, question: Asked, name: str = "at") -> Known:
    """The state that is asked for. Raises NotHere where there is none, as of a day that the calendar does not have."""
    written, now = question.text(name), live.now()
    if written in (None, str(now.size)):
        return now
    try:
        return live.at(written, question.text("zone") or "UTC")
    except Refused as error:
        raise NotHere(str(error)) from None


@dataclass(frozen=True)
class Narrowing:
    """Which parameters of a table are columns, options, or of every table; names that clash are reached as `where.NAME`."""

    options: tuple[Query, ...] = ()
    columns: Mapping[str, Query] = field(default_factory=dict)

    def where(self, question: Asked) -> dict[str, list[str]]:
        """Column -> the values of which a row must have one."""
        return {name: question.texts(query.name) for name, query in self.columns.items() if question.has(query.name)}
