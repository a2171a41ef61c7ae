"""The kinds of entry: frozen types, their bounds, their identities and what they refer to.

An entry is one immutable fact. Its fields hold canonical values: decimals, times and dates are the canonical strings that stand in the
log, so an entry *is* its canonical form and nothing is lost between the two. The shapes:

    decimal   "102", "5.75": no exponent, no plus sign, no leading or trailing zeros; at most 9 digits before and 9 after the point
    hours     at most 6 digits before and 6 after the point; labour hours at most 12 before; headcount at most 6 before and 3 after
    time      "1935-08-31T02:45:00Z", UTC, a fraction without trailing zeros; date "1935-08-31"; published "1935", "1935-08" or a date
    text      NFC, no control character but a line feed or a tab; ids have no blank at either end

`build` makes an entry from plain values and lists every problem at once; `codec` turns entries into bytes and back.
"""

import re
import unicodedata
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from .errors import BadEntry

LONGEST = 65_535  # bytes of one entry: what a C2SP entry bundle can hold
DAY_HOURS = Decimal(24)


class Helper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Someone who worked on a shift that another is credited with: who, as what, for how many hours."""

    worker: "Id"
    hours: "Hours"
    role: "Text | None" = None


class Conditions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rule demands: `at_least` of a measure over a period, or with `record` a standing mark of a class."""

    measure: "Measure | None" = None
    at_least: "Ratio | None" = None
    shifts_at_least: "Whole | None" = None
    period: "PeriodName | None" = None
    job: "Id | None" = None
    industry: "Id | None" = None
    site: "Id | None" = None
    verified_only: "bool | None" = None
    record: "Literal[True] | None" = None
    scope: "ScopeName | None" = None
    holder: "HolderName | None" = None
    length: "LengthName | None" = None


def _decimal(before: int, after: int, column: str) -> Any:
    pattern = rf"^(0|[1-9][0-9]{{0,{before - 1}}})(\.[0-9]{{0,{after - 1}}}[1-9])?$"
    return Annotated[str, Meta(pattern=pattern, extra={"column": column, "digits": (before, after)})]


_CLEAN = r"[^\x00-\x1f\x7f]"
Id = Annotated[
    str, Meta(pattern=rf"^[^\s\x00-\x1f\x7f]({_CLEAN}*[^\s\x00-\x1f\x7f])?$", max_length=200, extra={"column": "text", "says": "id"})
]
Text = Annotated[str, Meta(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$", max_length=20_000, extra={"column": "text", "says": "text"})]
Quantity = _decimal(9, 9, "quantity")
Hours = _decimal(6, 6, "hours")
LabourHours = _decimal(12, 6, "labour_hours")
Headcount = _decimal(6, 3, "headcount")
Ratio = _decimal(12, 6, "ratio")
Whole = Annotated[int, Meta(ge=0, lt=2**53, extra={"column": "whole"})]
_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
Time = Annotated[
    str,
    Meta(pattern=rf"^{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{0,5}}[1-9])?Z$", extra={"column": "time"}),
]
Day = Annotated[str, Meta(pattern=rf"^{_DATE}$", extra={"column": "day"})]
Published = Annotated[str, Meta(pattern=rf"^([0-9]{{4}}|[0-9]{{4}}-(0[1-9]|1[0-2])|{_DATE})$", extra={"column": "text"})]
By = Annotated[str, Meta(pattern=rf"^(login|account|token):{_CLEAN}+$", max_length=200, extra={"column": "text"})]
Salt = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{16}$", extra={"column": "salt"})]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", extra={"column": "text"})]
Texts = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1000, extra={"column": "texts"})]
Helpers = Annotated[tuple[Helper, ...], Meta(max_length=500, extra={"column": "helpers"})]
Flag = Annotated[bool, Meta(extra={"column": "flag"})]
Better = Annotated[Literal["higher", "lower"], Meta(extra={"column": "text"})]
Per = Annotated[Literal["worker", "crew"], Meta(extra={"column": "text"})]
Basis = Annotated[Literal["time study", "history", "decree", "agreement"], Meta(extra={"column": "text"})]
Precision = Annotated[Literal["month", "year"], Meta(extra={"column": "text"})]
Ruling = Annotated[
    Literal["verified", "disputed", "adjusted", "annulled", "withdrawn"], Meta(extra={"column": "text"})
]
Measure = Literal["quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment"]
PeriodName = Literal["shift", "day", "week", "month", "quarter", "year", "all"]
ScopeName = Literal["all", "industry", "site", "worker"]
HolderName = Literal["single", "crew"]
LengthName = Literal["shift", "period"]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What every entry carries: when the ledger took it in, who entered it, and what it cites or replaces."""

    id_fields: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[Mapping[str, str]] = {}

    recorded: Time
    by: By
    cites: Texts | None = None
    note: Text | None = None
    replaces: Whole | None = None
    void: Flag | None = None


class Site(Entry, frozen=True, kw_only=True, tag="site"):
    """A place of work; its time zone (an IANA name) decides to which day its shifts belong."""

    id_fields = ("id",)
    id: Id
    name: Text
    industry: Id
    timezone: Id
    industry_code: Id | None = None
    place: Text | None = None


class Job(Entry, frozen=True, kw_only=True, tag="job"):
    """A kind of work that is counted in one unit; `capacity` is the most that one labour hour can physically yield."""

    id_fields = ("id",)
    id: Id
    name: Text
    industry: Id
    unit: Id
    better: Better
    capacity: Quantity | None = None


class Worker(Entry, frozen=True, kw_only=True, tag="worker"):
    """A person as of `from`; `profile` is the hash of a profile and a salt that both rest outside the log."""

    id_fields = ("id", "from")
    targets = {"site": "site"}
    id: Id
    site: Id
    from_: Day = msgspec.field(name="from")
    profile: Hash | None = None
    name: Text | None = None


class Crew(Entry, frozen=True, kw_only=True, tag="crew"):
    """People credited together as of `from`: how many (`headcount`), or who (`members`)."""

    id_fields = ("id", "from")
    targets = {"members": "worker"}
    id: Id
    name: Text
    from_: Day = msgspec.field(name="from")
    headcount: Headcount | None = None
    members: Texts | None = None


class Quota(Entry, frozen=True, kw_only=True, tag="quota"):
    """What a job demands of a worker or a crew, for one shift or for so many hours, on the days in [from, until)."""

    id_fields = ("id",)
    targets = {"job": "job", "site": "site", "worker": "worker", "crew": "crew"}
    id: Id
    job: Id
    quantity: Quantity
    per: Per
    from_: Day = msgspec.field(name="from")
    hours: Hours | None = None
    until: Day | None = None
    site: Id | None = None
    worker: Id | None = None
    crew: Id | None = None
    basis: Basis | None = None
    consequence: Text | None = None


class Shift(Entry, frozen=True, kw_only=True, tag="shift"):
    """One reported piece of work: who, which job, when, how long, how much, and with whose help."""

    id_fields = ("id",)
    targets = {
        "worker": "worker", "crew": "crew", "job": "job", "site": "site", "quota": "quota",
        "practice": "practice", "helpers": "worker",
    }  # fmt: skip
    id: Id
    job: Id
    site: Id
    started: Time
    quantity: Quantity
    salt: Salt
    worker: Id | None = None
    crew: Id | None = None
    precision: Precision | None = None
    ended: Time | None = None
    hours: Hours | None = None
    headcount: Headcount | None = None
    helpers: Helpers | None = None
    labour_hours: LabourHours | None = None
    quota: Id | None = None
    claimed_attainment: Ratio | None = None
    practice: Id | None = None
    evidence: Text | None = None


class Count(Entry, frozen=True, kw_only=True, tag="count"):
    """An independent measurement of the same output between two moments: the check-weight."""

    id_fields = ("id",)
    targets = {"site": "site", "job": "job"}
    id: Id
    site: Id
    job: Id
    from_: Time = msgspec.field(name="from")
    until: Time
    quantity: Quantity
    instrument: Text
    salt: Salt
    tolerance: Quantity | None = None


class Verdict(Entry, frozen=True, kw_only=True, tag="verdict"):
    """A ruling on a shift, complete in itself: figures that it does not state are as reported."""

    targets = {"shift": "shift", "helpers": "worker"}
    shift: Id
    ruling: Ruling
    reason: Text
    salt: Salt
    quantity: Quantity | None = None
    hours: Hours | None = None
    headcount: Headcount | None = None
    helpers: Helpers | None = None


class Objection(Entry, frozen=True, kw_only=True, tag="objection"):
    """A worker's protest against an entry, named by its index."""

    entry: Whole
    reason: Text
    salt: Salt


class Rule(Entry, frozen=True, kw_only=True, tag="rule"):
    """A published condition: what it gives (a title, an award, a prize) to whoever meets it in [from, until)."""

    id_fields = ("id",)
    id: Id
    gives: Text
    conditions: Conditions
    from_: Day = msgspec.field(name="from")
    until: Day | None = None


class Award(Entry, frozen=True, kw_only=True, tag="award"):
    """An honour that was granted, by name or under a rule, for the shifts that it names."""

    targets = {"worker": "worker", "crew": "crew", "rule": "rule", "for": "shift"}
    salt: Salt
    worker: Id | None = None
    crew: Id | None = None
    name: Text | None = None
    rule: Id | None = None
    on: Day | None = None
    for_: Texts | None = msgspec.field(name="for", default=None)


class Campaign(Entry, frozen=True, kw_only=True, tag="campaign"):
    """A drive to exceed the quota of some jobs or in some industries."""

    id_fields = ("id",)
    targets = {"jobs": "job"}
    id: Id
    name: Text
    goal: Text
    from_: Day = msgspec.field(name="from")
    jobs: Texts | None = None
    industries: Texts | None = None
    until: Day | None = None


class Practice(Entry, frozen=True, kw_only=True, tag="practice"):
    """A way of working that was introduced on a day."""

    id_fields = ("id",)
    targets = {"job": "job"}
    id: Id
    name: Text
    job: Id
    introduced: Day


class Training(Entry, frozen=True, kw_only=True, tag="training"):
    """Who learned what, from whom, when; trainer and day are absent when nobody knows them."""

    targets = {"practice": "practice", "trainer": "worker", "trainee": "worker"}
    trainee: Id
    salt: Salt
    course: Text | None = None
    practice: Id | None = None
    trainer: Id | None = None
    on: Day | None = None


class Incident(Entry, frozen=True, kw_only=True, tag="incident"):
    """Harm done at a site on a day."""

    targets = {"site": "site", "worker": "worker"}
    site: Id
    on: Day
    severity: Text
    days_lost: Whole
    salt: Salt
    worker: Id | None = None


class Source(Entry, frozen=True, kw_only=True, tag="source"):
    """Where a figure was published; recorded before it is cited, however late it came out."""

    id_fields = ("id",)
    id: Id
    title: Text
    publisher: Text
    published: Published
    locator: Text | None = None


class Fact(Entry, frozen=True, kw_only=True, tag="fact"):
    """What a source says about someone or something; two sources may disagree, and both stay."""

    about: Id
    field: Id
    value: Text
    salt: Salt


class Erasure(Entry, frozen=True, kw_only=True, tag="erasure"):
    """A person's name and profile were deleted; every proof stays valid."""

    targets = {"worker": "worker"}
    worker: Id
    reason: Text


class Key(Entry, frozen=True, kw_only=True, tag="key"):
    """The next verifier key of the ledger, signed by the key that it follows."""

    verifier: Text
    signature: Text


_TYPES: tuple[type[Entry], ...] = (
    Site, Job, Worker, Crew, Quota, Shift, Count, Verdict, Objection, Erasure, Rule, Award, Campaign, Practice, Training,
    Incident, Source, Fact, Key,
)  # fmt: skip
KINDS: dict[str, type[Entry]] = {str(kind.__struct_config__.tag): kind for kind in _TYPES}
KINDS_OF_PARTY = ("worker", "crew")


class Reference(NamedTuple):
    """That a field of an entry names an entry of some kind."""

    field: str
    kind: str
    id: str


@cache
def fields(kind: str) -> dict[str, Any]:
    """The fields of a kind by the name that stands in the log, each with its annotated type; `kind` itself is left out."""
    hints = get_type_hints(KINDS[kind], include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(KINDS[kind])}


@cache
def required(kind: str) -> frozenset[str]:
    """The names of the fields that every entry of the kind states."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(KINDS[kind]) if field.required)


@cache
def column_of(kind: str, field: str) -> str:
    """The shape of a field: text, quantity, hours, labour_hours, headcount, ratio, whole, time, day, salt, texts, helpers, flag, conditions."""
    return str(_outer(fields(kind)[field]).get("column", "conditions"))


def _outer(hint: Any) -> dict[str, Any]:
    """What the outermost Meta of a type carries; an optional type is the type of what it may hold."""
    if (found := next((part for part in get_args(hint) if isinstance(part, Meta)), None)) is not None:
        return found.extra or {}
    return next((_outer(part) for part in get_args(hint) if part is not type(None)), {})


def value(entry: Struct, field: str) -> Any:
    """A field of an entry by the name that stands in the log (`from`, `for`), None when absent."""
    return getattr(entry, field + "_" if field in ("from", "for") else field)


def kind_of(entry: Entry) -> str:
    """The kind of an entry, as it stands in the log."""
    return str(type(entry).__struct_config__.tag)


def identity(entry: Entry) -> tuple[str, ...] | None:
    """(kind, id), for worker and crew (kind, id, from); None for kinds that are known by their index alone."""
    if not entry.id_fields:
        return None
    return (kind_of(entry), *(str(value(entry, field)) for field in entry.id_fields))


def references(entry: Entry) -> list[Reference]:
    """Every entry that this one names and that must be in the ledger before it, sources among them."""
    named = [
        Reference(field, kind, name)
        for field, kind in entry.targets.items()
        for name in _names(value(entry, field))
    ]
    return named + [Reference("cites", "source", name) for name in entry.cites or ()]


def _names(named: Any) -> list[str]:
    if named is None:
        return []
    if isinstance(named, str):
        return [named]
    return [item.worker if isinstance(item, Helper) else item for item in named]


def build(kind: str, given: Mapping[str, object]) -> Entry:
    """An entry of a kind from plain canonical values (`kind` itself left out).

    Raises BadEntry with every problem that can be seen in this one entry.
    """
    if kind not in KINDS:
        raise BadEntry(kind, [("kind", kind, f"is not a kind of entry; the kinds are {', '.join(KINDS)}")])
    known = fields(kind)
    problems: list[tuple[str, object, str]] = [
        (name, None, "is not a field of this kind; it has " + ", ".join(sorted(known))) for name in given if name not in known
    ]
    problems += [(name, None, "is missing") for name in sorted(required(kind)) if given.get(name) is None]
    for name in known:
        if given.get(name) is not None:
            problems += _field_problems(name, given[name], known[name])
    if problems:
        raise BadEntry(kind, problems)
    entry = msgspec.convert({name: given[name] for name in given if given[name] is not None}, KINDS[kind])
    check(entry)
    return entry


def _field_problems(name: str, given: object, hint: Any) -> list[tuple[str, object, str]]:
    try:
        msgspec.convert(given, hint)
    except msgspec.ValidationError as error:
        return [(name, given, _expectation(hint) or str(error))]
    return []


_SHAPES = {
    "id": "must be 1 to 200 characters without control characters and without a blank at either end",
    "text": "must be 1 to 20,000 characters without control characters other than line feed and tab",
    "quantity": "must be a decimal from 0 with at most 9 digits before and 9 after the point, such as 5.75",
    "hours": "must be a decimal from 0 with at most 6 digits before and 6 after the point, such as 5.75",
    "labour_hours": "must be a decimal from 0 with at most 12 digits before and 6 after the point, such as 11052",
    "headcount": "must be a decimal from 0 with at most 6 digits before and 3 after the point, such as 30.5",
    "ratio": "must be a decimal from 0 with at most 12 digits before and 6 after the point, such as 1.25",
    "time": "must be a time in UTC such as 1935-08-31T02:45:00Z",
    "day": "must be a date such as 1935-08-31",
    "whole": "must be a whole number from 0",
}


def _expectation(hint: Any) -> str | None:
    extra = _outer(hint)
    return _SHAPES.get(str(extra.get("says", extra.get("column"))))


def check(entry: Entry) -> None:
    """What the types alone cannot say: real dates, trimmed NFC text, and fields that depend on each other. Raises BadEntry."""
    problems = [*_shared_problems(entry), *_CHECKS.get(type(entry), _no_problems)(entry)]
    if problems:
        raise BadEntry(kind_of(entry), problems)


Problems = list[tuple[str, object, str]]


def _shared_problems(entry: Entry) -> Problems:
    found: Problems = []
    for name, shape in _checked(kind_of(entry)):
        given = value(entry, name)
        if given is None:
            continue
        if shape in ("day", "time") and not _real(given):
            found.append((name, given, "is not a day of the calendar"))
        elif shape in ("text", "texts") and not _normal(given):
            found.append((name, given, "must be in Unicode normal form NFC"))
    if entry.void and entry.replaces is None:
        found.append(("void", True, "needs replaces: the index of the entry that is withdrawn"))
    if entry.replaces is not None and not entry.note:
        found.append(("note", None, "is missing: a replacement says why"))
    return found


@cache
def _checked(kind: str) -> tuple[tuple[str, str], ...]:
    shapes = ((name, column_of(kind, name)) for name in fields(kind))
    return tuple((name, shape) for name, shape in shapes if shape in ("day", "time", "text", "texts"))


def _normal(given: str | tuple[str, ...]) -> bool:
    texts = (given,) if isinstance(given, str) else given
    return all(text.isascii() or unicodedata.is_normalized("NFC", text) for text in texts)


def _real(given: str) -> bool:
    try:
        datetime.fromisoformat(given)
    except ValueError:
        return False
    return True


def moment(time: str) -> datetime:
    """The aware datetime of a canonical time."""
    return datetime.fromisoformat(time)


def _no_problems(entry: Any) -> Problems:
    return []


def _party_problems(entry: Any) -> Problems:
    if (entry.worker is None) == (entry.crew is None):
        return [("worker", entry.worker, "exactly one of worker and crew must be given")]
    return []


def _positive(entry: Any, *names: str) -> Problems:
    return [(name, "0", "must be more than 0") for name in names if getattr(entry, name) == "0"]


def _shift_problems(entry: Shift) -> Problems:
    found = _party_problems(entry) + _positive(entry, "hours", "headcount", "labour_hours")
    if entry.worker is not None and entry.headcount not in (None, "1"):
        found.append(("headcount", entry.headcount, "a single worker counts as 1; name helpers, or a crew"))
    span = _span(entry.started, entry.ended)
    if span is not None and span <= 0:
        found.append(("ended", entry.ended, f"must be after started {entry.started}"))
    elif entry.hours is not None and Decimal(entry.hours) > (DAY_HOURS if span is None else span):
        limit = "24 without ended" if span is None else f"the {span.normalize():f} between started and ended"
        found.append(("hours", entry.hours, f"must be at most {limit}"))
    return found + _helper_problems(entry)


def _helper_problems(entry: Any) -> Problems:
    named = entry.helpers or ()
    found: Problems = [("helpers", helper.worker, "hours must be more than 0") for helper in named if helper.hours == "0"]
    if isinstance(entry, Shift) and any(helper.worker == entry.worker for helper in named):
        found.append(("helpers", entry.worker, "the credited worker cannot be their own helper"))
    return found


def _span(started: str, ended: str | None) -> Decimal | None:
    if ended is None:
        return None
    try:
        between = moment(ended) - moment(started)
    except ValueError:  # not a day of the calendar: reported as such
        return None
    microseconds = (between.days * 86_400 + between.seconds) * 10**6 + between.microseconds
    return Decimal(microseconds) / Decimal(3_600_000_000)


def _verdict_problems(entry: Verdict) -> Problems:
    found = _positive(entry, "hours", "headcount") + _helper_problems(entry)
    corrected = [name for name in ("quantity", "hours", "headcount", "helpers") if getattr(entry, name) is not None]
    if entry.ruling != "adjusted" and corrected:
        found.append((corrected[0], None, f"only an adjusted ruling states corrected figures, not {entry.ruling}"))
    if entry.ruling == "adjusted" and not corrected:
        found.append(("ruling", "adjusted", "must state a corrected quantity, hours, headcount or helpers"))
    return found


def _period_problems(entry: Any) -> Problems:
    if entry.until is not None and entry.until <= entry.from_:
        return [("until", entry.until, f"must be after from {entry.from_}")]
    return []


def _quota_problems(entry: Quota) -> Problems:
    found = _period_problems(entry) + _positive(entry, "quantity", "hours")
    if entry.worker is not None and entry.crew is not None:
        found.append(("worker", entry.worker, "a quota is for a worker or for a crew, not both"))
    if entry.per == "crew" and entry.worker is not None:
        found.append(("per", "crew", "a quota per crew never applies to a single worker"))
    return found


def _crew_problems(entry: Crew) -> Problems:
    if (entry.headcount is None) == (entry.members is None):
        return [("headcount", entry.headcount, "exactly one of headcount and members must be given")]
    if entry.members is not None and len(set(entry.members)) < len(entry.members):
        return [("members", ", ".join(entry.members), "names a worker twice")]
    return _positive(entry, "headcount")


def _award_problems(entry: Award) -> Problems:
    found = _party_problems(entry)
    if (entry.name is None) == (entry.rule is None):
        found.append(("name", entry.name, "exactly one of name and rule must be given"))
    return found


def _site_problems(entry: Site) -> Problems:
    if entry.timezone not in timezones():
        return [("timezone", entry.timezone, "is not a name of the IANA time zone database, such as Europe/Moscow")]
    return []


@cache
def timezones() -> frozenset[str]:
    """The names of the IANA time zone database that Checkweigh carries."""
    return frozenset(zoneinfo.available_timezones())


def _rule_problems(entry: Rule) -> Problems:
    conditions = entry.conditions
    found = _period_problems(entry)
    if conditions.measure is None:
        found.append(("conditions", None, "must name a measure, such as attainment"))
    if conditions.record is None and conditions.at_least is None:
        found.append(("conditions", None, "must state at_least, or record"))
    return found


def _training_problems(entry: Training) -> Problems:
    if (entry.course is None) == (entry.practice is None):
        return [("course", entry.course, "exactly one of course and practice must be given")]
    return []


_CHECKS: dict[type[Entry], Any] = {
    Shift: _shift_problems, Verdict: _verdict_problems, Quota: _quota_problems, Crew: _crew_problems, Award: _award_problems,
    Site: _site_problems, Rule: _rule_problems, Count: _period_problems, Campaign: _period_problems,
    Training: _training_problems,
}  # fmt: skip


def decimal_text(number: Decimal | int) -> str:
    """The canonical string of an exact decimal: 102, 5.75, 0; never an exponent, a plus sign or -0."""
    text = format(Decimal(number), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def decimal_of(text: str) -> Decimal | None:
    """The exact decimal of a plain number such as 1,234.50 or 1e3 written by a person, None when it is none."""
    plain = text.strip()
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", plain):
        plain = plain.replace(",", "")
    try:
        number = Decimal(plain) if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", plain) else None
    except InvalidOperation:
        return None
    return number


def time_text(when: datetime) -> str:
    """The canonical string of a moment, in UTC, without trailing zeros. Raises ValueError for a naive datetime."""
    if when.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    text = when.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def date_text(day: date) -> str:
    """The canonical string of a date."""
    return day.isoformat()
