"""A whole file into the ledger by upload, with the report of `checkweigh import`: first as a rehearsal, then in earnest.

    /enter/file                the form
    /enter/file/TOKEN          how far it is, then every refused row, the confirmation, and the result
    /enter/file/TOKEN/refused.csv

A file is read in a thread of its own, since a million rows take a while; the page asks again each second until it is through. What was
uploaded is kept until it is entered or an hour old, for whoever uploaded it and nobody else.
"""

import csv
import io
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template

from .. import importing
from ..errors import CheckweighError, Refused
from ..importing import RefusedRow, Report, RowsRefused, Settings
from . import entering
from .forms import Asked, Form, Written, on_a_form, text_of
from .live import Live
from .page import Served, page
from .problems import NotHere
from .roles import May, Who, needs, who_asks
from .security import TOKEN_FIELD

DAILY = ("shift", "count", "training", "incident")
"""What anybody who enters may upload; the other kinds are for those who set quotas."""
OTHERS = ("quota", "worker", "crew", "job", "site", "source", "fact", "award", "practice", "campaign", "rule")
KEPT = timedelta(hours=1)
MOST_UPLOADS, SHOWN = 20, 500
File = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


@dataclass
class Upload:
    """A file on its way into the ledger."""

    token: str
    by: str
    name: str
    path: Path
    settings: Settings
    since: datetime
    form: Mapping[str, str]
    """What was written into the form, which comes back with it where the file is uploaded again."""
    state: str = "reading"
    """reading, ready (rehearsed), entering, done, or failed."""
    done: int = 0
    total: int = 0
    report: Report | None = None
    error: str | None = None

    def progress(self, done: int, total: int) -> None:
        """How far it is."""
        self.done, self.total = done, total


@dataclass
class Uploads:
    """The files of an application that are on their way. Safe to use from several threads."""

    kept: dict[str, Upload] = field(default_factory=dict)
    home: Path | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(
        self, who: Who, name: str, content: Any, settings: Settings, now: datetime, form: Mapping[str, str]
    ) -> Upload:
        """Keep a file, under a name of our own and its own ending."""
        token = entering.fresh_id()
        with self.lock:
            self.home = self.home or Path(tempfile.mkdtemp(prefix="checkweigh-uploads-"))
        path = self.home / (token + "".join(Path(name).suffixes[-1:])[:10])
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        with self.lock:
            self._sweep(now)
            if len(self.kept) >= MOST_UPLOADS:
                path.unlink()
                raise Refused(
                    "too many files are being entered already; wait until they are through, and upload it again"
                )
            self.kept[token] = Upload(token, who.by, name, path, settings, now, form)
        return self.kept[token]

    def find(self, token: str, who: Who) -> Upload:
        """Somebody's own upload. Raises NotHere."""
        found = self.kept.get(token)
        if found is None or found.by != who.by:
            raise NotHere("this file is not here any more; upload it again: what was entered already is known again")
        return found

    def drop(self, upload: Upload) -> None:
        """Delete what was uploaded."""
        upload.path.unlink(missing_ok=True)
        self.kept.pop(upload.token, None)

    def close(self) -> None:
        """Delete everything that was uploaded."""
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def _sweep(self, now: datetime) -> None:
        for one in [
            one for one in self.kept.values() if now - one.since > KEPT and one.state not in ("reading", "entering")
        ]:
            self.drop(one)


@dataclass(frozen=True)
class FilePage:
    """The form of an upload."""

    kinds: tuple[str, ...]
    """What may be uploaded."""
    form: dict[str, str]
    problem: str | None
    most: int
    """The longest file, in bytes."""
    may_create: bool
    """Whether missing sites, jobs, workers and crews may be created, and entries corrected."""
    site: str | None
    """The one site whose rows go in."""
    again: bool
    """Whether the form comes back filled in, but for the file."""


@dataclass(frozen=True)
class UploadPage:
    """How far a file is, and what became of it."""

    upload: Upload
    refused: list[RefusedRow]
    """Why rows are refused, the first of them."""
    more: int
    """How many more reasons there are."""
    good: int
    """How many rows would go in, or went in."""


@get("/enter/file", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True)
def file_page(request: Asked, again: FromQuery[str | None] = None) -> Template:
    """The empty form, or as it was for an upload that is to be made again."""
    if again:
        return _form(request, _uploads(request).find(again, who_asks(request)).form, None, again=True)
    return _form(request, {"kind": "shift"}, None)


def _form(request: Asked, form: Mapping[str, str], problem: str | None, *, again: bool = False) -> Template:
    who = who_asks(request)
    kinds = DAILY + (OTHERS if who.may(May.SET_QUOTAS) else ())
    most = request.app.state.settings.most_upload_bytes
    answer = page(
        request,
        "file.html",
        FilePage(
            kinds,
            Written(form),
            on_a_form(problem or "") or None,
            most,
            who.may(May.SET_QUOTAS),
            who.site,
            again or bool(problem),
        ),
    )
    answer.status_code = 422 if problem else 200
    return answer


@post("/enter/file", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True, status_code=200)
def take_file(request: Asked, live: Served, data: File) -> Template | Redirect:
    """Take a file, and begin to rehearse it."""
    who, file = who_asks(request), data.get("file")
    form = {name: text_of(data, name) for name, value in data.items() if isinstance(value, str)}
    form.pop(TOKEN_FIELD, None)
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refused("choose a file: CSV, Parquet or Excel")
        settings = settings_of(who, form)
        upload = _uploads(request).take(who, file.filename, file.file, settings, live.clock(), form)
    except Refused as error:
        return _form(request, form, str(error))
    threading.Thread(target=_rehearse, args=[live, who, upload]).start()
    return Redirect(f"/enter/file/{upload.token}", status_code=303)


def _uploads(request: Asked) -> Uploads:
    found: Uploads = request.app.state.uploads
    return found


def settings_of(who: Who, form: Mapping[str, str]) -> Settings:
    """What the form asks for, as far as somebody may ask for it. Raises Refused."""
    kind = form.get("kind") or "shift"
    manages = who.may(May.SET_QUOTAS)
    if kind not in DAILY and not manages:
        raise Refused(f"{kind} is entered by a manager; you may upload {', '.join(DAILY)}")
    told: dict[str, Any] = {
        "kind": kind, "mapping": _pairs(form, "map"), "constants": _pairs(form, "set"), "fold": form.get("fold") or None,
        "dates": tuple(form.get("dates", "").split()), "accept_valid": form.get("accept_valid") == "on",
        "sheet": form.get("sheet") or None,
    }  # fmt: skip
    if manages:
        told |= {"create": form.get("create") == "on", "correct": form.get("correct") or None}
    settings = _from_toml(form.get("toml", "")).over(**{name: value for name, value in told.items() if value})
    if manages:
        return settings.over(only_site=who.site) if who.site else settings
    if settings.create or settings.correct or settings.private or settings.kind not in DAILY:
        raise Refused("to create, to correct, and what is private is for managers; take it out of the settings")
    constants = {"site": who.site} if who.site and "site" not in settings.constants and kind != "training" else {}
    # A quota in a row would be set by it: that is not for everybody who enters.
    mapping = {"quota": ""} if kind == "shift" else {}
    return settings.over(only_site=who.site, constants=constants, mapping=mapping)


def _pairs(form: Mapping[str, str], name: str) -> dict[str, str]:
    """Lines of the form field=column."""
    found = {}
    for line in filter(str.strip, form.get(name, "").splitlines()):
        left, equals, right = line.partition("=")
        if not equals or not left.strip():
            raise Refused(f"{line!r} is not of the form field=column, one to a line")
        found[left.strip()] = right.strip()
    return found


def _from_toml(text: str) -> Settings:
    if not text.strip():
        return Settings()
    with tempfile.TemporaryDirectory(prefix="checkweigh-settings-") as home:
        path = Path(home) / "settings.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return importing.settings_from(path)
        except Refused as error:
            raise Refused(str(error).replace(str(path), "the settings")) from None


def _rehearse(live: Live, who: Who, upload: Upload) -> None:
    """Read the file without writing, for the report."""
    try:
        upload.report = importing.rehearse(
            live.ledger, upload.path, edge=live.edge(who), settings=upload.settings, progress=upload.progress
        )
        upload.state = "ready"
    except CheckweighError as error:
        _fail(upload, error)
    except Exception:
        _fail(upload, Refused("the file could not be read; whoever runs this board finds why in its log"))
        raise


def _enter(live: Live, who: Who, upload: Upload) -> None:
    """Read the file into the ledger."""
    try:
        upload.report = importing.read(
            live.ledger, upload.path, edge=live.edge(who), settings=upload.settings, progress=upload.progress
        )
        upload.state = "done"
        live.woken()
    except RowsRefused as refused:  # the ledger has changed since the rehearsal
        upload.report, upload.state = refused.report, "ready"
    except CheckweighError as error:
        _fail(upload, error)
    except Exception:
        _fail(upload, Refused("the file could not be entered; whoever runs this board finds why in its log"))
        raise


def _fail(upload: Upload, error: CheckweighError) -> None:
    upload.error, upload.state = on_a_form(str(error).replace(str(upload.path), upload.name)), "failed"


@get("/enter/file/{token:str}", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True)
def upload_page(request: Asked, token: FromPath[str]) -> Template:
    """How far a file is, and what became of it."""
    # A copy, since the thread that reads goes on: the state is copied before the report, which is there once the state says so.
    upload = replace(_uploads(request).find(token, who_asks(request)))
    report = upload.report
    rows = islice(report.refusals(), SHOWN) if report else ()
    refused = [row._replace(reason=on_a_form(row.reason)) for row in rows]
    more = len(report.refused) - len(refused) if report else 0
    good = report.added + report.corrected if report else 0
    answer = page(request, "upload.html", UploadPage(upload, refused, more, good))
    if upload.state in ("reading", "entering"):
        answer.headers["Refresh"] = "1"
    return answer


@post("/enter/file/{token:str}", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True, status_code=200)
def confirm(request: Asked, live: Served, token: FromPath[str], data: Form) -> Redirect:
    """Enter a file that was rehearsed, or let it be."""
    who, uploads = who_asks(request), _uploads(request)
    upload = uploads.find(token, who)
    if text_of(data, "step") == "drop":
        uploads.drop(upload)
        return Redirect("/enter/file", status_code=303)
    with uploads.lock:
        if upload.state == "ready":
            upload.state = "entering"
            if text_of(data, "accept_valid") == "on":
                upload.settings = upload.settings.over(accept_valid=True)
            threading.Thread(target=_enter, args=[live, who, upload]).start()
    return Redirect(f"/enter/file/{token}", status_code=303)


@get("/enter/file/{token:str}/refused.csv", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True)
def refused_rows(request: Asked, token: FromPath[str]) -> Response[bytes]:
    """Every reason for which a row was refused."""
    upload = _uploads(request).find(token, who_asks(request))
    into = io.StringIO()
    writer = csv.writer(into)
    writer.writerow(RefusedRow._fields)
    writer.writerows(upload.report.refusals() if upload.report else ())
    headers = {"Content-Disposition": 'attachment; filename="refused.csv"'}
    return Response(into.getvalue().encode(), media_type="text/csv; charset=utf-8", headers=headers)


ROUTES = [file_page, take_file, upload_page, confirm, refused_rows]
