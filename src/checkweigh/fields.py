"""Fields as a person writes them at a command line, read into the canonical values of an entry.

    quantity=102 t            a number, with a unit or without: converted exactly to the job's unit
    hours=5.75                also 5:45 and 5 h 45 min, where that is exact
    started=1935-08-31T06:00  the site's own time; with an offset or Z any time; with precision=month also 1935-08
    helpers=bo:timberer:5.75,cy::5.75    worker:role:hours; `none` for none; absent: not stated
    members=ada,bo            a list, separated by commas; a JSON array where an id holds a comma
    conditions.measure=attainment        one key of a field that has keys; or all of them as one JSON object
    claimed_attainment=1457%  a ratio, or per cent

Nothing is guessed: what cannot be read is a problem that says what would be, and all problems are told at once.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec

from . import entries
from .errors import BadEntry
from .kinds import KINDS, Conditions

Fold = Literal["earlier", "later"]
Lookup = Callable[[str, str], Any]
"""(kind, id) -> the entry now standing under that id, None when the ledger holds none."""
GIVEN_BY_THE_LEDGER = frozenset({"recorded", "by", "salt"})

_NUMBER_AND_UNIT = re.compile(r"([+-]?[0-9.,]*[0-9.](?:[eE][+-]?[0-9]+)?)\s*([^\s0-9].*)?")
_CLOCK = re.compile(r"([0-9]+)\s*(?::|h|hours?)\s*([0-5]?[0-9])\s*(?:m|min|minutes?)?")
_LOCAL = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?))?)?")
_ZONED = re.compile(r".*(Z|[+-][0-9]{2}:?[0-9]{2})")


class Unreadable(Exception):
    """A value that cannot be read, with the reason; it becomes one problem of the entry."""


class _NotHeld(Exception):
    """What a value depends on, a job or a site, is not in the ledger; it becomes a problem of the field that names it."""

    def __init__(self, kind: str, name: str) -> None:
        hint = f"is not in the ledger; add it first: checkweigh add LEDGER {kind} id={name} ..."
        self.problem = (kind, name, hint)
        super().__init__(hint)


def read(kind: str, arguments: Iterable[str], lookup: Lookup, fold: Fold | None = None) -> dict[str, object]:
    """The fields of an entry from arguments of the form `field=value`, all but those that the ledger itself gives.

    Raises BadEntry with every problem that can be seen before the ledger looks.
    """
    written, problems = split(kind, arguments)
    reader = _Reader(kind, written, lookup, fold)
    given: dict[str, object] = {}
    for name, text in written.items():
        try:
            given[name] = reader.value(name, text)
        except Unreadable as reason:
            problems.append((name, text if isinstance(text, str) else None, str(reason)))
        except _NotHeld as unknown:
            problems += [unknown.problem] if unknown.problem not in problems else []
    missing = entries.required(kind) - GIVEN_BY_THE_LEDGER - set(written)
    problems += [(name, None, f"is missing{_example(kind, name)}") for name in entries.fields(kind) if name in missing]
    if problems:
        raise BadEntry(kind, problems)
    return given


def _no_kind(kind: str) -> BadEntry:
    return BadEntry(
        kind, [("kind", kind, f"is not a kind of entry{meant(kind, KINDS)}; the kinds are {', '.join(KINDS)}")]
    )


def split(kind: str, arguments: Iterable[str]) -> tuple[dict[str, Any], list[tuple[str, object, str]]]:
    """Texts by field, and what is no field; keys of a field that has keys are gathered into one mapping."""
    if kind not in KINDS:
        raise _no_kind(kind)
    known = [name for name in entries.fields(kind) if name not in GIVEN_BY_THE_LEDGER]
    written: dict[str, Any] = {}
    problems: list[tuple[str, object, str]] = []
    for argument in arguments:
        name, equals, text = argument.partition("=")
        field, dot, key = name.strip().partition(".")
        if not equals:
            problems.append((argument, None, "is not of the form field=value; put quotes around a value with blanks"))
        elif field in GIVEN_BY_THE_LEDGER:
            problems.append((field, text, "is set by the ledger itself" + _RECORDED.get(field, "")))
        elif field not in known:
            problems.append((field, text, f"is not a field of {kind}{meant(field, known)}; it has {', '.join(known)}"))
        elif dot and entries.column_of(kind, field) == "conditions":
            written.setdefault(field, {})[key] = text
        elif dot or field in written:
            problems.append((name, text, "has no keys" if dot else "is given twice"))
        else:
            written[field] = text
    return written, problems


_RECORDED = {"recorded": "; in a demonstration ledger give it as --recorded"}


def meant(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that is closest to one that is not known, if any is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


_EXAMPLES = {
    "time": "1935-08-31T06:00", "day": "1935-08-31", "quantity": "7", "better": "higher", "per": "worker", "unit": "t",
    "timezone": "Europe/Moscow",
}  # fmt: skip


def _example(kind: str, name: str) -> str:
    example = _EXAMPLES.get(name) or _EXAMPLES.get(entries.column_of(kind, name))
    return f"; add {name}={example} or the like" if example else f"; add {name}=..."


class _Reader:
    """Reads the values of one entry; quantities look to the job for their unit, times to the site for their zone."""

    def __init__(self, kind: str, written: Mapping[str, Any], lookup: Lookup, fold: Fold | None) -> None:
        self.kind, self.written, self.lookup, self.fold = kind, written, lookup, fold

    def value(self, name: str, text: Any) -> object:
        shape = entries.column_of(self.kind, name)
        if shape == "conditions":
            return conditions(text)
        clean = unicodedata.normalize("NFC", text).strip()
        if not clean.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in clean):
            raise Unreadable("is not UTF-8 text; check the encoding of your terminal or file")
        if not clean:
            required = name in entries.required(self.kind)
            raise Unreadable("is empty" if required else "is empty; leave the field out instead")
        words = choices(entries.fields(self.kind)[name])
        if words and clean not in words:
            raise Unreadable(f"is none of {', '.join(words)}{meant(clean, words)}")
        if shape == "quantity":
            return quantity(clean, self._unit())
        if shape == "time":
            return time(clean, self._zone(clean), self.written.get("precision"), self.fold)
        return _READERS.get(shape, str)(clean)

    def _unit(self) -> str | None:
        if self.kind == "job":
            return str(self.written.get("unit", "")).strip() or None
        job = self._job()
        return None if job is None else str(job.unit)

    def _job(self) -> Any:
        if self.kind == "verdict":
            shift = self._named("shift", self.written.get("shift"))
            return self._named("job", None if shift is None else shift.job)
        return self._named("job", self.written.get("job"))

    def _zone(self, text: str) -> ZoneInfo | None:
        if _ZONED.fullmatch(text[10:]):
            return None
        site = self._named("site", self.written.get("site"))
        return None if site is None else ZoneInfo(site.timezone)

    def _named(self, kind: str, name: str | None) -> Any:
        if not name:  # missing: told as such
            return None
        found = self.lookup(kind, unicodedata.normalize("NFC", name).strip())
        if found is None:
            raise _NotHeld(kind, name)
        return found


def choices(hint: Any) -> tuple[str, ...]:
    """The words of a field that takes one of a few; none where it takes anything."""
    if get_origin(hint) is Literal:
        return tuple(map(str, get_args(hint)))
    parts = (part for part in get_args(hint) if part is not type(None) and not isinstance(part, msgspec.Meta))
    return next((found for part in parts if (found := choices(part))), ())


def quantity(text: str, unit: str | None) -> str:
    """The canonical quantity of `102`, `102 t`, `102000kg` or `1,234.5`, converted exactly to `unit` where it names another."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    number = entries.decimal_of(match[1]) if match else None
    if match is None or number is None:
        raise Unreadable(
            "is not a number, or a number and a unit, such as 102 or 102.5 t, with a point before decimals"
        )
    if number < 0:
        raise Unreadable("must not be negative")
    given = (match[2] or "").strip()
    if not given or unit is None or given == unit:
        return entries.decimal_text(number)
    return entries.decimal_text(_converted(number, given, unit))


def _converted(number: Decimal, given: str, unit: str) -> Decimal:
    from . import units  # reading the table of units takes a quarter of a second, which most entries need not wait for

    found = units.convert(number, given, unit)
    if found is not None:
        return found
    if units.factor(given, unit) is None:
        raise Unreadable(f"is in {given}, and the job is counted in {unit}: give the quantity in {unit}")
    raise Unreadable(f"has no exact value in {unit} within 9 places; give the quantity in {unit}")


@lru_cache(maxsize=4096)
def hours(text: str) -> str:
    """The canonical hours of `5.75`, `5.75 h`, `5:45` or `5 h 45 min`; refused where minutes give no exact decimal."""
    if clock := _CLOCK.fullmatch(text):
        exact = (int(clock[1]) + Fraction(int(clock[2]), 60)) * 10**6
        if exact.denominator != 1:
            raise Unreadable("has no exact value in hours within 6 places; give it as a decimal, such as 5.333333")
        return entries.decimal_text(Decimal(exact.numerator).scaleb(-6))
    return decimal(re.sub(r"\s*(h|hours?)$", "", text))


def decimal(text: str) -> str:
    """The canonical decimal of a number as people write it: 1,234.50 is 1234.5."""
    number = entries.decimal_of(text)
    if number is None:
        raise Unreadable("is not a number, such as 5.75")
    if number < 0:
        raise Unreadable("must not be negative")
    return entries.decimal_text(number)


def ratio(text: str) -> str:
    """The canonical ratio of `14.57` or `1457 %`."""
    if not text.endswith("%"):
        return decimal(text)
    return entries.decimal_text(Decimal(decimal(text[:-1].strip())).scaleb(-2))


def whole(text: str) -> int:
    """The whole number of `1,204` or `1204`."""
    number = entries.decimal_of(text)
    if number is None or number != number.to_integral_value():
        raise Unreadable("is not a whole number, such as 204")
    return int(number)


def flag(text: str) -> bool:
    """True for true and yes, False for false and no."""
    if text.lower() not in ("true", "yes", "false", "no"):
        raise Unreadable("is neither true nor false")
    return text.lower() in ("true", "yes")


def day(text: str) -> str:
    """A date of the calendar, written 1935-08-31."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return entries.date_text(date.fromisoformat(text))
    except ValueError:
        raise Unreadable("is not a day of the calendar") from None
    raise Unreadable("is not a date; write it as year-month-day, such as 1935-08-31")


def time(text: str, zone: ZoneInfo | None, precision: str | None = None, fold: Fold | None = None) -> str:
    """The canonical time of a moment with its offset, or of local time in `zone`; a date alone is the start of that day."""
    if _ZONED.fullmatch(text[10:]):
        try:
            return entries.time_text(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            raise Unreadable("is not a moment of the calendar and the clock") from None
    local = _local(text, precision)
    return entries.time_text(local.replace(tzinfo=UTC) if zone is None else instant(local, zone, fold))


def _local(text: str, precision: str | None) -> datetime:
    match = _LOCAL.fullmatch(f"{text}-01" if precision == "year" and re.fullmatch(r"[0-9]{4}", text) else text)
    if match is None:
        raise Unreadable(
            "is not a time; write it as 1935-08-31T06:00 in the site's own time, or with an offset: 1935-08-31T06:00+03:00"
        )
    if match[3] is None and precision is None:
        raise Unreadable(
            "names no day; if no more than the month or the year is known, add precision=month or precision=year"
        )
    try:
        return datetime.fromisoformat(f"{match[1]}-{match[2]}-{match[3] or '01'}T{match[4] or '00:00'}")
    except ValueError:
        raise Unreadable("is not a moment of the calendar and the clock") from None


def instant(local: datetime, zone: ZoneInfo, fold: Fold | None) -> datetime:
    """The moment of a local time. At a clock change a time may exist twice or not at all: then `fold` says which, or it is refused."""
    both = {local.replace(tzinfo=zone, fold=which).astimezone(UTC) for which in (0, 1)}
    if len(both) == 1:
        return both.pop()
    if fold is None:
        twice = all(moment.astimezone(zone).replace(tzinfo=None) == local for moment in both)
        fault = "exists twice" if twice else "does not exist"
        raise Unreadable(
            f"{fault} in {zone.key}, where the clocks changed; add --fold earlier or --fold later, or give the offset"
        )
    return min(both) if fold == "earlier" else max(both)


def texts(text: str) -> list[str]:
    """The ids of `ada,bo` or of a JSON array of texts."""
    if text.startswith("["):
        return list(_json(text, list[str], 'a JSON array of texts, such as ["ada", "bo"]'))
    return [part.strip() for part in text.split(",")]


def helpers(text: str) -> list[dict[str, str]]:
    """The helpers of `bo:timberer:5.75,cy::5.75`, of `none`, or of a JSON array of objects with worker, role and hours."""
    if text.lower() == "none":
        return []
    if text.startswith("["):
        listed = _json(text, list[dict[str, str]], 'a JSON array such as [{"worker": "bo", "hours": "5.75"}]')
        return [{**one, **({"hours": hours(one["hours"])} if "hours" in one else {})} for one in listed]
    return [_helper(part.strip()) for part in text.split(",")]


def _helper(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split(":", 2)]
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise Unreadable(
            "names helpers as worker:role:hours, such as bo:timberer:5.75, or bo::5.75 without a role, or none"
        )
    return {"worker": parts[0], **({"role": parts[1]} if parts[1] else {}), "hours": hours(parts[2])}


def conditions(given: str | Mapping[str, str]) -> dict[str, object]:
    """The conditions of a rule, from a JSON object or from keys given one by one."""
    named = _json(given, dict[str, Any], "a JSON object") if isinstance(given, str) else given
    known = msgspec.structs.fields(Conditions)
    found: dict[str, object] = {}
    for key, text in named.items():
        if key not in {field.name for field in known}:
            names = [field.name for field in known]
            raise Unreadable(f"has no key {key}{meant(key, names)}; it has {', '.join(names)}")
        found[key] = _CONDITIONS.get(key, str)(str(text).strip())
    return found


_CONDITIONS: dict[str, Callable[[str], object]] = {
    "at_least": ratio, "shifts_at_least": whole, "verified_only": flag, "record": flag,
}  # fmt: skip


_JSON = json.JSONDecoder(parse_float=str, parse_int=str)
"""Numbers stay the texts that they were written as, so that none is rounded on the way."""


def _json(text: str, shape: Any, wanted: str) -> Any:
    """JSON of a shape."""
    try:
        return msgspec.convert(_JSON.decode(text), shape)
    except (ValueError, msgspec.ValidationError, RecursionError):
        raise Unreadable(f"is not {wanted}") from None


_READERS: dict[str, Callable[[str], object]] = {
    "hours": hours, "labour_hours": hours, "headcount": decimal, "ratio": ratio, "whole": whole, "flag": flag, "day": day,
    "texts": texts, "helpers": helpers,
}  # fmt: skip
