"""Foreign files that come in: as `checkweigh import` takes them, with the same report of every refused row.

The file is the body of the request, and is read here: only the ledger can say which of its rows it holds already, and only here do all
of them go in together or none. The same file again adds nothing, so a lost answer can be asked for again.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.compute as pc
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException, PermissionDeniedException

from ... import importing
from ...errors import Refused
from ...importing import Report, RowsRefused, Settings
from ...importing.settings import NOT_IMPORTED
from ...kinds import KINDS
from ...ledger import Batch, Edge, Ledger
from .. import rights
from ..live import Live
from ..page import Served
from ..roles import May, Who, needs
from . import answers, bodies, document
from .entering import FOLD
from .questions import FLAG, Asked, Described, Query, asked, one_of, text

Asking = Request[Who, Any, Any]
MOST_TOLD = 10_000
"""So many refused rows are told with their reasons."""
TYPES = {
    "text/csv": ".csv", "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}  # fmt: skip
_PAIR = text(r"^[a-z_.]{1,60}=[^\u0000-\u001f\u007f]*$", 500)
_TEXT = r"[^\u0000-\u001f\u007f]"
_REASON = text(rf"^{_TEXT}*[^\s\u0000-\u001f\u007f]{_TEXT}*$", 2000)
_DATES = text(rf"^(mdy|dmy|ymd|{_TEXT}*%{_TEXT}*)$", 60)
QUERIES = (
    Query("kind", "What the rows are; shift unless told otherwise.", one_of(*(kind for kind in KINDS if kind not in NOT_IMPORTED))),
    Query("map", "Which column holds a field of another name: FIELD=COLUMN.", _PAIR, "worker=payroll_no", many=True),
    Query("set", "A value that holds for every row: FIELD=VALUE.", _PAIR, "site=irmino", many=True),
    Query("dates", "How dates are written that are not ISO 8601.", _DATES, "dmy", many=True),
    Query("create", "Make missing sites, jobs, workers and crews.", FLAG),
    Query("accept_valid", "Take in the good rows although others are refused.", FLAG),
    Query("correct", "Replace what the ledger holds under the same id with other content, for this reason.", _REASON),
    FOLD,
    Query("private", "Give workers random ids; payroll numbers and names stay out of the log.", one_of("worker")),
    Query("sheet", "The sheet of an Excel file; the first unless told.", text(r"^[^\u0000-\u001f\u007f]+$", 200)),
    Query("name", "What the file is called where it comes from.", text(r"^[^\u0000-\u001f\u007f/\\]+$", 200), "september.csv"),
)  # fmt: skip
_NUMBER = {"type": "integer"}
COUNTS = ("rows", "added", "skipped", "corrected", "refused_rows", "reasons", "size_before", "size_after")
REPORT = {
    "type": "object", "required": ["kind", "rows", "added", "skipped", "corrected", "refused_rows", "refused"],
    "properties": {
        "kind": {"type": "string"}, **dict.fromkeys(COUNTS, _NUMBER),
        "created": {"type": "object", "description": "How many sites, jobs, ... were made along with the rows."},
        "ignored": {"type": "array", "items": {"type": "string"}, "description": "Columns that were not used."},
        "seconds": {"type": "string"}, "late_clock": {"type": "boolean"},
        "refused": {"type": "array", "description": f"The first {MOST_TOLD:,} reasons for which rows were refused.", "items": {
            "type": "object", "required": ["line", "field", "value", "reason"],
            "properties": {"line": _NUMBER, **{name: {"type": ["string", "null"]} for name in ("field", "value", "reason")}},
        }},
    },
}  # fmt: skip


class Refusal(RowsRefused):
    """Rows of a file that was sent were refused; the answer holds the report."""

    @property
    def besides(self) -> dict[str, Any]:
        """What the answer says besides."""
        return {"report": plain(self.report)}


def plain(report: Report) -> dict[str, Any]:
    """A report as JSON has it."""
    told = {name: getattr(report, name) for name in ("kind", "rows", "added", "skipped", "corrected", "refused_rows", "created",
                                                     "size_before", "size_after", "late_clock")}  # fmt: skip
    first = report.refused.slice(0, MOST_TOLD).to_pylist()
    return told | {
        "ignored": list(report.ignored),
        "seconds": f"{report.seconds:.3f}",
        "reasons": len(report.refused),
        "refused": first,
    }


class Watched:
    """A ledger whose batches are looked at before they are committed: everything in them must be of one site."""

    def __init__(self, ledger: Ledger, site: str | None) -> None:
        self._ledger, self._site = ledger, site

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def append(self, edge: Edge) -> Iterator[Batch]:
        """As of the ledger. Raises an exception at the end for entries of another site."""
        with self._ledger.append(edge) as batch:
            begun = batch.size
            yield batch
            if self._site is not None:
                self._check(batch, begun)

    def _check(self, batch: Batch, begun: int) -> None:
        words = f'"site":{msgspec.json.encode(self._site).decode()}'
        for start in range(begun, batch.size, 65_536):
            texts = batch.growth.texts(np.arange(start, min(start + 65_536, batch.size)))
            if not pc.all(pc.match_substring(texts, words)).as_py():
                raise PermissionDeniedException(
                    f"you enter for the site {self._site} only, and rows of the file are of others"
                )


def _settings(question: Asked) -> Settings:
    pairs = {name: dict(one.split("=", 1) for one in question.texts(name)) for name in ("map", "set")}
    return Settings(
        kind=question.text("kind") or "shift", mapping=pairs["map"], constants=pairs["set"], dates=tuple(question.texts("dates")),
        create=question.flag("create"), accept_valid=question.flag("accept_valid"), correct=question.text("correct"),
        fold=question.text("fold"), private=question.text("private"), sheet=question.text("sheet"),  # type: ignore[arg-type]
    )  # fmt: skip


def _check_rights(who: Who, settings: Settings) -> None:
    rights.check_kind(who, settings.kind)
    if (settings.create or settings.private) and not who.may(May.SET_QUOTAS):
        raise PermissionDeniedException(
            f"a {who.role} may not make sites, jobs, workers and crews; leave create and private out"
        )
    if settings.kind == "verdict":
        raise PermissionDeniedException(
            "verdicts are given one by one, with /api/v1/entries, so that nobody judges their own entry"
        )
    if settings.kind == "objection" and not who.may(May.ENTER):
        raise PermissionDeniedException("objections are made one by one, with /api/v1/entries")
    if who.site is not None and settings.kind == "training":
        raise PermissionDeniedException(
            "trainings are entered one by one, with /api/v1/entries, which knows whose site each is of"
        )


async def _received(request: Asking, path: Path, most: int) -> None:
    """Writes the body to a file as it comes. Raises an exception when it is too long."""
    size = 0
    with path.open("wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise HTTPException(
                    status_code=413,
                    detail=f"the file is longer than {most:,} bytes; send it in parts",
                )
            await sync_to_thread(file.write, part)


DESCRIBED = Described(
    "entering", "Import a file", "As `checkweigh import`: all of its rows, or none. The same file again adds nothing.",
    {200: document.json_answer("What became of the rows.", REPORT)}, QUERIES,
    {kind: {"schema": {"type": "string"}} for kind in TYPES}, (400, 409, 413, 415, 422),
)  # fmt: skip


@post("/api/v1/imports", opt=needs(May.WRITE) | document.said(DESCRIBED), status_code=200, request_max_body_size=None)
async def import_file(request: Asking, live: Served) -> Response[Any]:
    """Import a file. Which right is needed depends on what the rows are."""
    rights.check_writer(request.user, live)
    question = asked(request, QUERIES)
    ending = TYPES[bodies.check_type(request, *TYPES)]
    settings = _settings(question)
    _check_rights(request.user, settings)
    with tempfile.TemporaryDirectory(prefix="checkweigh-import-") as place:
        name = (question.text("name") or "file").rpartition(".")[0] or "file"
        path = Path(place) / f"{name[:80].encode()[:200].decode('utf-8', 'ignore')}{ending}"
        await _received(request, path, request.app.state.settings.most_upload_bytes)
        report = await sync_to_thread(_imported, request.user, live, path, settings)
    return answers.plain(plain(report), {"Cache-Control": "no-store"})


def _imported(who: Who, live: Live, path: Path, settings: Settings) -> Report:
    """Raises Refusal, which names the file as it was sent and not where it lay here."""
    ledger: Any = Watched(live.ledger, who.site if not who.may(May.SET_QUOTAS) else None)
    try:
        report = importing.read(ledger, path, edge=live.edge(who), settings=settings)
    except RowsRefused as refused:
        raise Refusal(_of(refused.report, path.name)) from None
    except Refused as error:
        raise Refused(str(error).replace(str(path), path.name)) if type(error) is Refused else error from None
    live.woken()
    return _of(report, path.name)


def _of(report: Report, name: str) -> Report:
    values = {field: getattr(report, field) for field in report.__dataclass_fields__}
    return Report(**{**values, "file": Path(name)})


ROUTES: list[Any] = [import_file]
