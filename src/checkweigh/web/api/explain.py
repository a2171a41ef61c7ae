"""From a figure to the entries that it rests on, as `checkweigh explain` tells it."""

from dataclasses import replace
from typing import Any

from litestar import Request, Response

from ... import asking, explained, render
from ... import tables as tabled
from ...derived import DERIVED
from ...errors import Refused
from ...explaining import choosing
from ...moments import Known
from ..live import Live
from ..page import Served
from ..problems import NotHere
from ..roles import May, Who
from . import answers, document, tables
from .document import get
from .questions import AT, ZONE, Described, Query, asked, state, text

WORD = Query(
    "word", "A word that stands in the row that is meant, or the figure that is: a column's name.", text(r"^[^\u0000-\u001f\u007f]+$"),
    "labour_attainment", many=True,
)  # fmt: skip
_ANY = {"type": "object", "required": ["origin", "size", "root", "table", "row", "figures", "changed_since", "all_changes_found"],
        "properties": {"size": {"type": "integer"}, "table": {"type": "string"}, "row": {"type": "object"},
                       "figures": {"type": "array"}, "changed_since": {"type": "array"}}}  # fmt: skip


class SeveralHere(NotHere):
    """Several rows fit, so it is not known which is meant."""


def _queries(name: str) -> tuple[Query, ...]:
    found = tables.narrowing(name)
    columns = [replace(query, many=False) for column, query in found.columns.items() if column in DERIVED[name].schema]
    return (AT, ZONE, WORD, *found.options, *columns)


def _explained(request: Request[Who, Any, Any], live: Live, name: str) -> Response[Any]:
    question = asked(request, _queries(name))
    known = state(live, question)
    headers = answers.named(request, known, live.now().size)
    if answers.unchanged(request, headers):
        return answers.not_modified(headers)
    derivation = DERIVED[name]
    wanted = explained.Wanted()
    for word in question.texts("word"):
        figure = choosing.named(derivation, word)
        (wanted.figures.append(figure) if figure else wanted.words.append(word))
    for one in derivation.parameters:
        if (written := question.text(one.name)) is not None:
            wanted.parameters[one.name] = asking.value_of(one.name, one, written)
    for column, query in tables.narrowing(name).columns.items():
        if (written := question.text(query.name)) is not None:
            wanted.columns[column] = written
    at = Known(known.size, known.said)
    try:
        return answers.plain(
            explained.answer(live.ledger, tabled.at(live.ledger, known.size), at, derivation, wanted), headers
        )
    except explained.SeveralRows as several:
        rows = "; ".join(
            ", ".join(f"{column} {render.text(row[column]) or 'none'}" for column in derivation.key)
            for row in several.rows[:6]
        )
        raise SeveralHere(f"{several}. They are: {rows}") from None
    except Refused as error:
        raise NotHere(str(error)) from None


def _route(name: str) -> Any:
    described = Described(
        "tables", f"Explain a figure of {name}",
        "The formulas with their numbers, the entries beneath them, and what has changed the figure since.",
        {200: document.json_answer("The explanation.", _ANY), 304: document.UNCHANGED}, _queries(name), refusals=(400, 404),
    )  # fmt: skip

    def handler(request: Request[Who, Any, Any], live: Served) -> Response[Any]:
        return _explained(request, live, name)

    handler.__name__ = f"explain_{name}"
    return get(f"/api/v1/explain/{name}", May.READ, described)(handler)


ROUTES: list[Any] = [_route(name) for name in DERIVED]
