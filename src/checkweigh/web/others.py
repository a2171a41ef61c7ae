"""The other entries that a site makes daily: a count by the scale, a training, an incident; and objections to entries.

/enter/count  /enter/training  /enter/incident     a plain form each
/object/INDEX                                      a protest against an entry, permanent like every other
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import get, post
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from .. import entries
from ..entries import Entry
from ..errors import AlreadyRecorded, BadEntry, Refused
from . import entering, rights
from .choices import Choices, choices, party_named
from .entering import Problems
from .entries import Word, hidden, said
from .forms import Asked, Form, Written, text_of
from .live import Known, Live
from .page import Served, page
from .problems import NotHere
from .roles import May, Role, Who, needs, who_asks


@dataclass(frozen=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    """text, select (of sites or jobs), worker, date, datetime-local, whole or area."""
    required: bool = False


NOTE = Field(
    "note", "Note", "Permanent, and read by everybody who reads the ledger. Nothing about a person's health or family.", "area"
)  # fmt: skip
FORMS: dict[str, tuple[str, str, tuple[Field, ...]]] = {
    "count": (
        "A count",
        "What the scale, or another independent measurement, made of the same output between two moments.",
        (
            Field("job", "Job", kind="select", required=True),
            Field("site", "Site", kind="select", required=True),
            Field("from", "From", "On the clock of the site.", "datetime-local", True),
            Field("until", "Until", "Up to this moment, not including it.", "datetime-local", True),
            Field("quantity", "Quantity", "In the job's unit, or with its own: 850 kg.", required=True),
            Field("instrument", "Instrument", "Which scale, which dispatch note.", required=True),
            Field("tolerance", "Give or take", "What the instrument may err. Empty: not stated."),
            NOTE,
        ),
    ),
    "training": (
        "A training",
        "Who learned what, and from whom.",
        (
            Field("trainee", "Who learned", "A name, an id, or a payroll number.", "worker", True),
            Field("course", "Course", "What was taught; or name a practice of the ledger."),
            Field("practice", "Practice", "The id of a practice of the ledger. May stay empty."),
            Field("trainer", "Who taught", "Empty: nobody knows.", "worker"),
            Field("on", "Day", "Empty: nobody knows.", "date"),
            NOTE,
        ),
    ),
    "incident": (
        "An incident",
        "Harm done at a site. Name a person only if that has to stand in the ledger for good.",
        (
            Field("site", "Site", kind="select", required=True),
            Field("on", "Day", "", "date", True),
            Field("severity", "How bad", "Such as bruise, fracture, death.", required=True),
            Field("days_lost", "Days lost", "0 where nobody stayed away.", "whole", True),
            Field("worker", "Who was hurt", "May stay empty. It is permanent.", "worker"),
            NOTE,
        ),
    ),
}
"""Each kind: its heading, what it is, and its fields."""


@dataclass(frozen=True)
class OtherPage:
    """The form of an entry, and the entry that was made last."""

    kind: str
    heading: str
    about: str
    fields: tuple[Field, ...]
    form: dict[str, str]
    problems: Problems
    choices: Choices
    done: int | None
    """The index of the entry that was just made."""


@get("/enter/{kind:str}", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True)
def other_page(request: Asked, live: Served, kind: FromPath[str], done: FromQuery[int | None] = None) -> Template:
    """The empty form of a kind."""
    who = who_asks(request)
    form = {"token": entering.fresh_id(), "site": who.site or ""}
    return _shown(request, live, _known_kind(kind), form, {}, done)


def _known_kind(kind: str) -> str:
    if kind not in FORMS:
        raise NotFoundException(f"there is no form for {kind}; there is one each for {', '.join(FORMS)}")
    return kind


def _shown(
    request: Asked, live: Live, kind: str, form: Mapping[str, str], problems: Problems, done: int | None = None
) -> Template:
    heading, about, fields = FORMS[kind]
    known, who = live.now(), who_asks(request)
    offered = choices(live, known, who, form.get("site"))
    return page(
        request, "other.html", OtherPage(kind, heading, about, fields, Written(form), problems, offered, done), known
    )


@post("/enter/{kind:str}", opt=needs(May.ENTER), include_in_schema=False, sync_to_thread=True, status_code=200)
def enter_other(request: Asked, live: Served, kind: FromPath[str], data: Form) -> Template | Redirect:
    """Make an entry, once for each form."""
    who, form = who_asks(request), {name: text_of(data, name) for name in data}
    try:
        given = _given(live, who, _known_kind(kind), form)
        if "id" in entries.fields(kind):
            made = entering.enter(live, who, kind, {**given, "id": form.get("token") or entering.fresh_id()})
        else:
            token = form.get("token") or entering.fresh_id()
            made = entering.enter_once(live, who, request.app.state.once, token, kind, given)
    except Refused as error:
        problems = entering.told(error) if isinstance(error, BadEntry) else {"": str(error)}
        if isinstance(error, AlreadyRecorded):
            form["token"] = entering.fresh_id()
        answer = _shown(request, live, kind, form, problems)
        answer.status_code = 422
        return answer
    return Redirect(f"/enter/{kind}?done={made.index}", status_code=303)


def _given(live: Live, who: Who, kind: str, form: Mapping[str, str]) -> dict[str, object]:
    """The fields of the entry. Raises BadEntry with everything that is wrong."""
    written = {field.name: form.get(field.name, "") for field in FORMS[kind][2]}
    problems: list[tuple[str, object, str]] = []
    for field in FORMS[kind][2]:
        if field.kind == "worker" and written[field.name]:
            written[field.name] = _worker(live.now(), kind, field.name, written[field.name], problems)
    if kind == "training" and written["trainee"]:
        _check_trainee(live, who, written["trainee"], problems)
    if "site" in written:
        written["site"] = written["site"] or who.site or ""
        entering.check_site(who, kind, written["site"])
    try:
        given = entering.read(live, kind, {**({"id": "new"} if "id" in entries.fields(kind) else {}), **written})
    except BadEntry as error:
        raise BadEntry(kind, problems + error.problems) from None
    if problems:
        raise BadEntry(kind, problems)
    return given


def _check_trainee(live: Live, who: Who, trainee: str, problems: list[tuple[str, object, str]]) -> None:
    """A training is of the site of who was taught."""
    site = rights.site_of_worker(live.ledger, trainee)
    if who.site is not None and site not in (None, who.site):
        problems.append(("trainee", trainee, f"is of the site {site}; you enter for {who.site} only"))


def _worker(known: Known, kind: str, field: str, text: str, problems: list[tuple[str, object, str]]) -> str:
    try:
        party, name = party_named(known, text)
    except BadEntry as error:
        problems.append((field, text, error.problems[0][2]))
        return ""
    if party != "worker":
        problems.append((field, text, "is a crew; name a worker"))
    return name


@dataclass(frozen=True)
class ObjectPage:
    """The form of an objection, beneath the entry that it is about."""

    index: int
    kind: str
    says: list[Word]
    form: dict[str, str]
    problems: Problems


@get("/object", opt=needs(May.OBJECT), include_in_schema=False, sync_to_thread=True)
def object_by_query(entry: FromQuery[int]) -> Redirect:
    """The same form by another address."""
    return Redirect(f"/object/{entry}", status_code=303)


@get("/object/{index:int}", opt=needs(May.OBJECT), include_in_schema=False, sync_to_thread=True)
def object_page(request: Asked, live: Served, index: FromPath[int]) -> Template:
    """The form of an objection."""
    known, who = live.now(), who_asks(request)
    entry = _objectionable(live, known, who, index)
    shown = ObjectPage(index, entries.kind_of(entry), said(entry), Written({"token": entering.fresh_id()}), {})
    return page(request, "object.html", shown, known)


@post("/object/{index:int}", opt=needs(May.OBJECT), include_in_schema=False, sync_to_thread=True, status_code=200)
def object_to(request: Asked, live: Served, index: FromPath[int], data: Form) -> Template | Redirect:
    """Object to an entry, once for each form."""
    known, who = live.now(), who_asks(request)
    entry = _objectionable(live, known, who, index)
    form = {name: text_of(data, name) for name in data}
    try:
        given = entering.read(live, "objection", {"entry": str(index), "reason": form.get("reason", "")})
        token = form.get("token") or entering.fresh_id()
        made = entering.enter_once(live, who, request.app.state.once, token, "objection", given)
    except BadEntry as error:
        shown = ObjectPage(index, entries.kind_of(entry), said(entry), Written(form), entering.told(error))
        answer = page(request, "object.html", shown, known)
        answer.status_code = 422
        return answer
    return Redirect(f"/ledger/{made.index}", status_code=303)


def _objectionable(live: Live, known: Known, who: Who, index: int) -> Entry:
    """The entry that somebody objects to. A worker objects to what concerns them."""
    if not 0 <= index < known.size:
        raise NotHere(f"there is no entry {index}: the ledger has {known.size}; look under Ledger")
    entry = known.entry(index)
    if hidden(entry, who):
        raise PermissionDeniedException("this entry concerns somebody else; object to what concerns you")
    if who.role is Role.WORKER and not rights.concerns(live.ledger, who.worker, entry):
        raise PermissionDeniedException(
            "this entry does not concern you; a worker objects to shifts, verdicts and awards of their own"
        )
    return entry


ROUTES: list[Any] = [other_page, enter_other, object_by_query, object_page, object_to]
