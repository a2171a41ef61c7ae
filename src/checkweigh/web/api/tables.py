"""Every derived table: as known at a size or a date, or what changed between two; in JSON, CSV, Parquet or Arrow; whole or by pages.

A table that is asked for with a limit comes from the state that the pages look at, and with a cursor that pins the size. A whole one is
derived in an engine of its own and flows batch by batch, so that a slow reader holds nobody up.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from litestar import Request, Response
from litestar.params import FromPath

from ... import asking, changes, render
from ... import tables as tabled
from ...asking import Narrowed
from ...derived import DERIVED, Derivation, Parameter
from ...derived.findings import lacking
from ...errors import Refused
from ...render import FileFormat
from ..live import Known, Live
from ..page import Served
from ..problems import NotHere
from ..roles import May, Who
from . import answers, document, questions
from .document import get
from .questions import AGAINST, AT, CURSOR, ZONE, Asked, Described, Narrowing, Query, asked, state, text, whole

MOST_ROWS = 10_000
SMALL = 65_536
"""Up to so many entries a table is derived at once, and kept in memory until it is sent."""
AT_HAND = 10_000
"""Up to so many entries a table that is asked for without options is computed once for a state, and kept as long as that is."""
LIMIT = Query("limit", "At most so many rows; all of them where it is absent.", whole(MOST_ROWS, 1), 100)
COMMON = (AT, AGAINST, ZONE, LIMIT, CURSOR, answers.FORMAT)
SHORT = {"audit": "findings", "cases": "cases"}
"""Tables that have an address of their own as well."""
_PATTERNS = {
    "int64": r"^(none|-?[0-9]{1,18})$",
    "date": r"^(none|[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)$",
    "number": r"^(none|-?[0-9]{1,18}(\.[0-9]{1,9})?)$",
    "text": r"^[^\u0000-\u001f\u007f]+$",
}


@cache
def narrowing(name: str) -> Narrowing:
    """What can be asked of a table beside what can be asked of all."""
    derivation = DERIVED[name]
    options = tuple(_option(parameter) for parameter in derivation.parameters)
    taken = {query.name for query in (*COMMON, *options)} | {"order"}
    columns: dict[str, Query] = {}
    for column, kind in [*derivation.schema.items(), (changes.DIFFERENCE, "")]:
        if (schema := _of_column(kind)) is not None:
            called = f"where.{column}" if column in taken else column
            says = "added, removed or changed, with `against`" if kind == "" else derivation.columns[column]
            columns[column] = Query(called, f"Only rows whose {column} is this: {says}.", schema, many=True)
    return Narrowing(options, columns)


def _option(parameter: Parameter) -> Query:
    schema: dict[str, Any] = {
        "choice": {"type": "string", "enum": list(parameter.choices)}, "flag": questions.FLAG, "whole": whole(),
        "ratio": questions.ratio(parameter.most), "text": text(_PATTERNS["text"]),
    }[parameter.kind]  # fmt: skip
    default = parameter.default if parameter.kind in ("choice", "whole", "ratio") else None
    schema |= {} if default is None else {"default": default}
    return Query(parameter.name, f"{parameter.help[:1].upper()}{parameter.help[1:]}.", schema)


def _of_column(kind: Any) -> dict[str, Any] | None:
    """The schema of a value of a column; none for columns by which no row is chosen."""
    if kind == "" or kind.is_string():
        return text(_PATTERNS["text"])
    if kind.is_boolean():
        return questions.one_of(*questions.FLAG["enum"], "none")
    if kind.is_date() or kind.is_timestamp():
        return text(_PATTERNS["date"], 10)
    if kind.is_integer():
        return text(_PATTERNS["int64"], 20)
    return text(_PATTERNS["number"], 30) if kind.is_numeric() else None


@cache
def queries(name: str) -> tuple[Query, ...]:
    """Everything that can be asked of a table."""
    found = narrowing(name)
    order = [sign + column for column in (*DERIVED[name].schema, changes.DIFFERENCE) for sign in ("", "-")]
    ordered = Query(
        "order",
        "Columns by which the rows are put in order, the first one first; `-` before one that falls.",
        questions.one_of(*dict.fromkeys(order)),
        many=True,
    )
    return (*COMMON, ordered, *found.options, *found.columns.values())


def _table(request: Request[Who, Any, Any], live: Live, name: str) -> Response[Any]:
    """A derived table, as it was asked for."""
    question = asked(request, queries(name))
    form = answers.format_of(request, question.text("format"))
    derivation = DERIVED[name]
    options = {
        parameter.name: asking.value_of(parameter.name, parameter, written)
        for parameter in derivation.parameters
        if (written := question.text(parameter.name)) is not None
    }
    listing = Listing(request, live, question, derivation, options)
    headers = answers.named(request, listing.states[-1], form)
    if len(listing.states) == 2:
        headers["Checkweigh-Before-Size"] = str(listing.states[0].size)
    if answers.unchanged(request, headers):
        return answers.not_modified(headers)
    if question.has("limit") or question.has("cursor"):
        return listing.page(form, headers)
    return answers.flowing(request, listing.whole(form), answers.FORMATS[form], headers)


def _at_hand(derivation: Derivation) -> Derivation:
    """A derivation that is computed once for a state: for all pages of a listing, for every form, and for the pages of the board."""

    def derive(tables: tabled.Tables) -> ir.Table:
        return tables.held(f"asked {derivation.name} []", partial(derivation.derive, tables))

    return replace(derivation, derive=derive)


class Listing:
    """One listing of a table: the states that it compares, which rows, and where it goes on."""

    def __init__(
        self,
        request: Request[Who, Any, Any],
        live: Live,
        question: Asked,
        derivation: Derivation,
        options: Mapping[str, Any],
    ) -> None:
        self._request, self._derivation, self._options = request, derivation, options
        self._live = live
        where = narrowing(derivation.name).where(question)
        order = question.texts("order")
        compared = question.has("against")
        known = {*derivation.schema, *((changes.DIFFERENCE,) if compared else ())}
        for column in [*where, *(one.removeprefix("-") for one in order)]:
            if column not in known:
                raise NotHere(f"{column} is a column of what changed; ask with against")
        self._asked = answers.digest(derivation.name, sorted(options.items()), sorted(where.items()), order, compared)
        self._limit = question.whole("limit", MOST_ROWS)
        start = self._begin(question)
        self._wanted = Narrowed(where, order, start)
        if not options and max(one.size for one in self.states) <= AT_HAND:
            self._derivation = _at_hand(derivation)

    def _begin(self, question: Asked) -> int:
        """Finds the states, newly asked or as the cursor has pinned them, and where to start."""
        written = question.text("cursor")
        if written is None:
            states = [state(self._live, question)]
            if question.has("against"):
                states.append(state(self._live, question, "against"))
            self.states = sorted(states, key=lambda known: known.size)
            return 0
        place = answers.place_of(written, asked=str, size=int, before=int, start=int, compared=bool)
        if place["asked"] != self._asked or place["compared"] != question.has("against"):
            raise NotHere("the cursor belongs to another question; give what was asked before along with it")
        sizes = [place["before"], place["size"]] if place["compared"] else [place["size"]]
        self.states = [state(self._live, Asked({"at": [str(size)]})) for size in sizes]
        return int(place["start"])

    def page(self, form: FileFormat, headers: Mapping[str, str]) -> Response[Any]:
        """So many rows, and the way to the next ones."""
        wanted = Narrowed(self._wanted.where, self._wanted.order, self._wanted.start, self._limit + 1)
        with _deriving(self.states) as known, asking.answer(known, self._derivation, self._options, wanted) as reader:
            rows = reader.read_all()
        more = {} if rows.num_rows <= self._limit else answers.next_link(self._request, self._next(rows))
        pieces = b"".join(part for part, _ in render.pieces(rows.slice(0, self._limit).to_reader(), form))
        return Response(pieces, media_type=answers.FORMATS[form], headers={**headers, **more})

    def _next(self, rows: pa.Table) -> str:
        by_log = len(self.states) == 1 and self._wanted.by_log(self._derivation)
        start = rows[self._derivation.by_entry][self._limit].as_py() if by_log else self._wanted.start + self._limit
        sizes = {"size": self.states[-1].size, "before": self.states[0].size, "compared": len(self.states) == 2}
        return answers.cursor(asked=self._asked, start=start, **sizes)

    def whole(self, form: FileFormat) -> Iterator[bytes]:
        """Every row: of a small state at once, of a larger one in an engine of its own and as they are read."""
        if self.states[-1].size <= SMALL:
            with _deriving(self.states) as known, self._answer(known) as reader:
                rows = reader.read_all()
            yield from (piece for piece, _ in render.pieces(rows.to_reader(), form))
            return
        own = [tabled.at(self._live.ledger, one.size) for one in self.states]
        with self._answer(own) as reader:
            yield from (piece for piece, _ in render.pieces(reader, form))

    def _answer(self, known: list[tabled.Tables]) -> AbstractContextManager[pa.RecordBatchReader]:
        return asking.answer(known, self._derivation, self._options, self._wanted)


class _deriving:
    """The tables of one state, or of two, for one thread at a time; of two the earlier is always taken first."""

    def __init__(self, states: list[Known]) -> None:
        self._held = [known.deriving() for known in states]

    def __enter__(self) -> list[tabled.Tables]:
        return [held.__enter__() for held in self._held]

    def __exit__(self, *error: Any) -> None:
        for held in reversed(self._held):
            held.__exit__(*error)


def _listed(name: str) -> dict[str, Any]:
    """What there is to say of a table."""
    derivation = DERIVED[name]
    kinds = derivation.schema.to_pyarrow()
    return {
        "name": name,
        "help": derivation.help,
        "href": f"/api/v1/tables/{name}",
        "key": list(derivation.key),
        "columns": [
            {
                "name": column, "help": derivation.columns[column], "type": str(kinds.field(column).type),
                "filter": found.name if (found := narrowing(name).columns.get(column)) else None,
            }
            for column in derivation.schema
        ],
        "parameters": [
            {
                "name": one.name, "kind": one.kind, "help": one.help, "choices": list(one.choices),
                "default": None if one.default is None else str(one.default).lower() if one.kind == "flag" else str(one.default),
            }
            for one in derivation.parameters
        ],
    }  # fmt: skip


TABLE = {
    "type": "object", "required": ["name", "help", "href", "key", "columns", "parameters"],
    "properties": {
        "name": {"type": "string"}, "help": {"type": "string"}, "href": {"type": "string"},
        "key": {"type": "array", "items": {"type": "string"}, "description": "The columns that tell which row is which."},
        "columns": {"type": "array", "items": {
            "type": "object", "required": ["name", "help", "type", "filter"],
            "properties": {
                "name": {"type": "string"}, "help": {"type": "string"}, "type": {"type": "string", "description": "As Arrow calls it."},
                "filter": {"type": ["string", "null"], "description": "The parameter that chooses rows by this column."},
            },
        }},
        "parameters": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    },
}  # fmt: skip


LISTED = Described(
    "tables",
    "What tables there are",
    "Every derived table, what its columns mean, and what can be asked of it.",
    {200: document.json_answer("The tables.", {"type": "array", "items": TABLE})},
    refusals=(400,),
)  # fmt: skip


@get("/api/v1/tables", May.READ, LISTED)
def listed(request: Request[Who, Any, Any], live: Served) -> Response[Any]:
    """What tables there are."""
    asked(request, ())
    return answers.once(request, answers.named(request, live.now()), lambda: [_listed(name) for name in DERIVED])


def _row_schema(derivation: Derivation) -> dict[str, Any]:
    """A row as JSON has it."""
    kinds = derivation.schema.to_pyarrow()
    properties = {
        name: {**_json_schema(kinds.field(name).type), "description": derivation.columns[name]} for name in derivation.schema
    }  # fmt: skip
    before = {f"{name}{changes.BEFORE}": {**_json_schema(kinds.field(name).type), "description": f"{name} as it was, with `against`"}
              for name in derivation.schema if name not in derivation.key}  # fmt: skip
    return {"type": "object", "properties": {**before, **properties}}


def _json_schema(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_boolean(kind):
        return {"type": ["boolean", "null"]}
    if pa.types.is_integer(kind):
        return {"type": ["integer", "null"]}
    if pa.types.is_floating(kind):
        return {"type": ["number", "null"]}
    if pa.types.is_list(kind):
        return {"type": ["array", "null"]}
    if pa.types.is_nested(kind):
        return {"type": ["object", "array", "null"]}
    return {"type": ["string", "null"]}


def _route(path: str, name: str) -> Any:
    """The route of one table: what it is asked and answers is stated for each, since each has its own columns."""
    derivation = DERIVED[name]
    rows = {"type": "array", "items": _row_schema(derivation)}
    described = Described(
        "tables", f"The table {name}" if path.endswith(name) else f"The table {name}, by a shorter address",
        f"{derivation.help} Decimals are exact texts, absent figures null; the columns are the same in every format.",
        {200: document.rows_answer("The rows.", rows), 304: document.UNCHANGED}, queries(name), refusals=(400, 404, 406),
    )  # fmt: skip

    def handler(request: Request[Who, Any, Any], live: Served) -> Response[Any]:
        return _table(request, live, name)

    handler.__name__ = f"table_{path.rpartition('/')[2]}"
    handler.__doc__ = derivation.help
    return get(path, May.READ, described)(handler)


@get("/api/v1/tables/{name:str}", May.READ, thread=False)
def unknown(name: FromPath[str]) -> None:
    """No table has this name."""
    try:
        asking.derivation_named(name)
    except Refused as error:
        raise NotHere(str(error)) from None


LACKING = Described(
    "tables", "The checks of the audit that have nothing to look at", "Each with what is lacking; every other check has looked.",
    {200: document.json_answer("Check -> what is lacking.", {"type": "object", "additionalProperties": {"type": "string"}}),
     304: document.UNCHANGED}, (AT, ZONE), refusals=(400, 404),
)  # fmt: skip


@get("/api/v1/audit/lacking", May.READ, LACKING)
def lacks(request: Request[Who, Any, Any], live: Served) -> Response[Any]:
    """The checks that have nothing to look at."""
    known = state(live, asked(request, (AT, ZONE)))

    def told() -> dict[str, str]:
        with known.deriving() as held:
            return lacking(held)

    return answers.once(request, answers.named(request, known), told)


ROUTES: list[Any] = [
    lacks,
    listed,
    unknown,
    *(_route(f"/api/v1/tables/{name}", name) for name in DERIVED),
    *(_route(f"/api/v1/{short}", name) for short, name in SHORT.items()),
]
