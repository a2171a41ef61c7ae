"""How facts are said on pages: moments on a site's clock, marks of the record book, changes of a quota.

Words only: every figure comes from a derivation, and is rounded here only where the exact one stands beside it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from ..render import heading, text
from .live import Known

Row = Mapping[str, Any]
SCOPES = {"all": "everybody", "industry": "the industry", "site": "the site", "worker": "the worker's own shifts"}
WIDEST = (*SCOPES,)
"""The widest scope first."""
MARKED = (
    "shift", "job", "measure", "holder", "length", "value", "set_on", "status", "scope", "within", "beaten_on", "beaten_by",
    "days_stood",
)  # fmt: skip
"""What `marks` tells of records."""
STANDING = tuple(name for name in MARKED if name not in ("beaten_on", "beaten_by", "days_stood"))
"""And of those that nobody has beaten."""
HONOURED = ("honour", "status", "measure", "value", "from", "until", "on", "shift", "rule", "award", "entries")
"""What pages tell of honours."""
HOLDERS = {"single": "single-handed", "crew": "with others"}


PLACES = {"worker": "/workers/", "crew": "/crews/", "shift": "/shifts/", "job": "/quotas/", "entry": "/ledger/"}


def address_of(kind: str, id: str) -> str:
    """The page of a worker, crew, shift, job or entry."""
    return PLACES[kind] + quote(id)


def counted(quantity: Decimal | str | None, unit: str) -> str:
    """A quantity with its unit: 1 pair, 1860 pairs, 102 t."""
    said = text(quantity) or "–"
    return f"{said} {unit if said == '1' else plural(unit)}".rstrip()


_WORDS = re.compile(r"[a-z]{3,}(?: [a-z]{3,})*")
_SYMBOLS = frozenset({"bar", "gal", "min", "mol", "rad"})


def plural(unit: str) -> str:
    """A unit as several of it are called: pairs, boxes, short tons. A symbol (t, km/h) and what may be no English word stay as they are."""
    last = unit.rpartition(" ")[2]
    if not _WORDS.fullmatch(unit) or last in _SYMBOLS or last[-1] == "s" or not re.search("[aeiouy]", last):
        return unit
    if unit.endswith("foot"):
        return unit[:-4] + "feet"
    if re.search("[^aeiou]y$", unit):
        return unit[:-1] + "ies"
    return unit + ("es" if re.search("(x|z|ch|sh)$", unit) else "s")


def started(moment: datetime, zone: str, precision: str | None) -> str:
    """When a shift started, on the clock of its site, as exactly as it is known."""
    local = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(ZoneInfo(zone))
    if precision == "year":
        return f"some time in {local.year}"
    if precision == "month":
        return f"{local:%B} {local.year}, the day is not known"
    return f"{local.day} {local:%B} {local.year}, {local:%H:%M}"


def precisions(known: Known, shifts: Iterable[tuple[str | None, date | None]]) -> dict[str, str]:
    """Shift -> month or year, for those of which no more is known, among shifts and the days on which they started.

    Such a start is entered as the first moment of its month or year, so only shifts of a first day are looked up.
    """
    asked = sorted({shift for shift, day in shifts if shift is not None and day is not None and day.day == 1})
    rows = known.rows("shift", {"id": asked}, columns=("id", "precision")) if asked else []
    return {row["id"]: row["precision"] for row in rows if row["precision"] is not None}


def change(factor: Decimal | None) -> str:
    """By how much a quota was changed, in per cent to one place: 1.994285 is +99.4 %. Empty where there is nothing to compare."""
    if factor is None:
        return ""
    per_cent = ((factor - 1) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{'−' if per_cent < 0 else '+'}{abs(per_cent):f} %"


@dataclass(frozen=True)
class Fate:
    """What became of a mark among some, and among those within them where nothing else is said."""

    among: str
    """Among whom."""
    within: str | None
    """The industry, or what the site is called."""
    beaten_on: Any
    """When it was beaten; absent while it stands."""
    beaten_by: str | None
    """The shift that beat it."""
    days_stood: int | None
    """How many days it stood."""


@dataclass(frozen=True)
class Mark:
    """A mark of the record book: what was measured, and everywhere it counts."""

    job: str | None
    """The job; absent across all jobs."""
    job_name: str | None
    """What the job is called."""
    measure: str
    """What is compared."""
    how: str
    """Single-handed or with others, and whether in a longer period than a shift."""
    value: Decimal
    """The mark."""
    shift: str
    """The shift that set it."""
    set_on: Any
    """The day it was set."""
    status: str
    """Whether the shift is reported, verified, disputed or adjusted."""
    fates: tuple[Fate, ...]
    """What became of it, the widest scope first; a narrower one only where something else became of it."""


def marks(known: Known, records: Iterable[Row]) -> list[Mark]:
    """Rows of records, those of one shift and one measure together."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in records:
        key = tuple(row[name] for name in ("shift", "job", "measure", "holder", "length"))
        found.setdefault(key, []).append(row)
    called = cache(known.name_of)  # a job and a site of many marks are looked up once
    return [_mark(rows, called) for rows in found.values()]


def _mark(rows: list[Row], called: Callable[[str, str], str]) -> Mark:
    first = rows[0]
    how = HOLDERS[first["holder"]] + (", over more than a day" if first["length"] == "period" else "")
    fates: dict[str | None, Fate] = {}
    for row in sorted(rows, key=lambda row: WIDEST.index(row["scope"])):
        within = row["within"] if row["scope"] == "industry" else None
        within = called("site", row["within"]) if row["scope"] == "site" else within
        beaten_on, beaten_by, days_stood = (row.get(name) for name in ("beaten_on", "beaten_by", "days_stood"))
        fates.setdefault(beaten_by, Fate(SCOPES[row["scope"]], within, beaten_on, beaten_by, days_stood))
    return Mark(
        first["job"], called("job", first["job"]) if first["job"] else None, heading(first["measure"]), how, first["value"],
        first["shift"], first["set_on"], first["status"], tuple(fates.values()),
    )  # fmt: skip
