"""A page: one template, and one frozen context whose fields say what they are. What every page gets besides stands in `Common`."""

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request
from litestar.di import NamedDependency
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from .. import render
from . import links, saying, static
from .live import Known, Live
from .roles import May, Who, who_asks
from .security import FormToken
from .security import token as token
from .settings import Settings

Served = NamedDependency[Live]
"""What a handler asks for as `live: Served`: the ledger of the application."""
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Common:
    """What every template gets."""

    who: Who
    """Who looks."""
    known: Known
    """The state of the ledger that the page shows."""
    newest: int
    """The size of the newest state."""
    title: str
    """The name of this board."""
    demonstration: bool
    """Whether the ledger is a demonstration."""
    read_only: bool
    """Whether nobody can write here."""
    asked: bool
    """Whether it was found out who looks; not where there is no page."""
    path: str
    """The path of this page."""
    query: dict[str, str]
    """What the address asks for."""


def engine() -> JinjaTemplateEngine:
    """The templates; a name that is missing is an error, and what comes from outside is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": figure,
        "words": words,
        "day": day,
        "moment": moment,
        "factor": factor,
        "sentence": sentence,
        "counted": saying.counted,
        "plural": saying.plural,
    }
    environment.globals |= {"asset": static.address, "May": May, "links": links}
    return JinjaTemplateEngine.from_environment(environment)


def page(request: Request[Who, Any, Any], template: str, context: Any, known: Known | None = None) -> Template:
    """A page from its template and its context, a frozen dataclass."""
    live: Live = request.app.state.live
    settings: Settings = request.app.state.settings
    now = live.now()
    query = {name: value for name, value in request.query_params.items() if value}
    common = Common(
        who_asks(request), known or now, now.size, settings.title or title(live.ledger.origin), live.ledger.demonstration, live.read_only,
        "user" in request.scope, request.url.path, query,
    )  # fmt: skip
    given = {field.name: getattr(context, field.name) for field in fields(context)}
    return Template(
        template, context={"common": common, "address": address(common), "csrf_token": FormToken(request), **given}
    )


def title(origin: str) -> str:
    """A ledger's own name as people read it: of random bits at its end only the first."""
    return re.sub(r"/([0-9a-f]{6})[0-9a-f]{26}$", r"/\1…", origin)


def sentence(said: str) -> str:
    """What was said, as a sentence; what begins with a word of somebody's own, such as the name of a file, begins as it did."""
    begun = said[:1].upper() + said[1:] if re.match(r"[a-z]+ ", said) else said
    return begun + ("" if said[-1:] in ".!?:" else ".")


def address(common: Common) -> Any:
    """For templates: the address of this page with some of its query changed; None takes a part out."""

    def changed(**given: Any) -> str:
        query = {**common.query, **given}
        kept = {name: str(value) for name, value in query.items() if value not in (None, "", False)}
        return common.path + ("?" + urlencode(kept, quote_via=quoted) if kept else "")

    return changed


@lru_cache(maxsize=4096)
def quoted(text: str, safe: str, encoding: str | None, errors: str | None) -> str:
    """As an address has it: pages name the same few jobs, sites and filters in many addresses."""
    return quote_plus(text, safe, encoding, errors)


def figure(value: object) -> str:
    """A value as every other face shows it; a dash where it is absent."""
    return render.text(value) or "–"


def factor(value: Decimal | None, places: int = 2) -> str:
    """An attainment for a poster: rounded down to a few places, never up, so that what missed the quota never looks met."""
    if value is None:
        return "–"
    whole = Decimal(1).scaleb(-places)
    return str(value.quantize(whole, rounding="ROUND_DOWN"))


def words(name: str) -> str:
    """A column's or a measure's name as words."""
    return render.heading(name)


def day(value: object, precision: str | None = None) -> str:
    """A date as people write it, as exactly as it is known: 31 August 1935, August 1935 or 1935."""
    value = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    if precision is not None and isinstance(value, date):
        return f"{value.year}" if precision == "year" else f"{value:%B} {value.year}"
    return f"{value.day} {value:%B %Y}" if isinstance(value, date) else figure(value)


def moment(value: datetime | str | None) -> str:
    """A moment, to the minute, in UTC; also one as an entry has it."""
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    if value is None:
        return "–"
    plain = value.astimezone(UTC) if value.tzinfo else value
    return f"{plain.day} {plain:%B %Y, %H:%M} UTC"
