"""Entries: immutable facts, built from plain values or refused with every problem at once.

An entry is one of the `kinds`; its fields hold canonical `values`, so an entry *is* its canonical form and nothing is lost between the
two. This module says what one entry must satisfy on its own, what it is known by, and what it refers to; whether the ledger holds what
it refers to is the ledger's business.
"""

import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from .errors import BadEntry
from .kinds import (
    KINDS,
    Award,
    Campaign,
    Conditions,
    Count,
    Crew,
    Entry,
    Helper,
    Quota,
    Rule,
    Shift,
    Site,
    Training,
    Verdict,
)  # fmt: skip
from .values import LONGEST, date_text, decimal_of, decimal_text, moment, time_text, timezones

__all__ = [
    "KINDS", "LONGEST", "Conditions", "Entry", "Helper", "Reference", "build", "check", "column_of", "date_text", "decimal_of",
    "decimal_text", "fields", "identity", "kind_of", "moment", "references", "required", "time_text", "timezones", "value",
]  # fmt: skip

DAY_HOURS = Decimal(24)


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
    """The shape of a field, such as text, quantity, time or helpers: a key of `codec`'s table of column types."""
    return str(_outer(fields(kind)[field]).get("column", "conditions"))


def _outer(hint: Any) -> dict[str, Any]:
    """What the outermost Meta of a type carries; an optional type is the type of what it may hold."""
    if (found := next((part for part in get_args(hint) if isinstance(part, Meta)), None)) is not None:
        return found.extra or {}
    return next((_outer(part) for part in get_args(hint) if part is not type(None)), {})


def value(entry: Struct, field: str) -> Any:
    """A field of an entry by the name that stands in the log (`from`, `for`), None when absent."""
    return getattr(entry, _attribute(field))


def _attribute(field: str) -> str:
    return field + "_" if field in ("from", "for") else field


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
        Reference(field, kind, name) for field, kind in entry.targets.items() for name in _names(value(entry, field))
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
    stated = {name: given[name] for name in given if given[name] is not None}
    try:
        entry = msgspec.convert(stated, KINDS[kind])
    except msgspec.ValidationError:
        entry = None
    if entry is None or not given.keys() <= fields(kind).keys():
        raise BadEntry(kind, _problems(kind, given))
    check(entry)
    return entry


def _problems(kind: str, given: Mapping[str, object]) -> "Problems":
    """Everything that is wrong with the fields of an entry, each by itself."""
    known = fields(kind)
    problems: Problems = [
        (name, None, "is not a field of this kind; it has " + ", ".join(sorted(known)))
        for name in given
        if name not in known
    ]
    problems += [(name, None, "is missing") for name in sorted(required(kind)) if given.get(name) is None]
    for name in known:
        if given.get(name) is not None:
            problems += _field_problems(name, given[name], known[name])
    return problems


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
    given = ((name, getattr(entry, attribute)) for name, attribute in _dated(kind_of(entry)))
    found: Problems = [
        (name, day, "is not a day of the calendar") for name, day in given if day is not None and not _real(day[:10])
    ]
    if entry.void and entry.replaces is None:
        found.append(("void", True, "needs replaces: the index of the entry that is withdrawn"))
    if entry.replaces is not None and not entry.note:
        found.append(("note", None, "is missing: a replacement says why"))
    return found + _text_problems(entry)


@cache
def _dated(kind: str) -> tuple[tuple[str, str], ...]:
    """The fields that hold a date or a time, each with the attribute where it rests."""
    names = (field.encode_name for field in msgspec.structs.fields(KINDS[kind]))
    return tuple((name, _attribute(name)) for name in names if column_of(kind, name) in ("day", "time"))


@lru_cache(maxsize=65_536)
def _real(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _text_problems(entry: Entry) -> Problems:
    """Texts that are not in normal form, nested ones included; what joins texts in JSON never combines with their letters."""
    data = msgspec.json.encode(entry)
    if data.isascii() or unicodedata.is_normalized("NFC", data.decode()):
        return []
    fields_at_fault = [
        name
        for name in fields(kind_of(entry))
        if not unicodedata.is_normalized("NFC", msgspec.json.encode(value(entry, name)).decode())
    ]
    return [(name, None, "must be in Unicode normal form NFC") for name in fields_at_fault]


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
    return found + _total_problems(entry) + _helper_problems(entry)


def _total_problems(entry: Shift) -> Problems:
    """The total of labour hours is stated where the helpers are not, and it includes the hours of who is credited."""
    if entry.labour_hours is None:
        return []
    if entry.helpers is not None:
        return [
            ("labour_hours", entry.labour_hours, "is for shifts whose helpers are not stated; leave out one of the two")
        ]
    heads = "1" if entry.worker is not None else entry.headcount
    if entry.hours is None or heads is None or Decimal(entry.labour_hours) >= Decimal(entry.hours) * Decimal(heads):
        return []
    return [("labour_hours", entry.labour_hours, f"must be at least the own {entry.hours} hours of {heads}")]


def _helper_problems(entry: Any) -> Problems:
    named = entry.helpers or ()
    found: Problems = [
        ("helpers", helper.worker, "hours must be more than 0") for helper in named if helper.hours == "0"
    ]
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
