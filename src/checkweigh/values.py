"""The values that fields hold: their shapes, their bounds, and the one string that each is written as.

Decimals, times and dates rest in entries as the canonical strings that stand in the log:

    decimal   "102", "5.75": no exponent, no plus sign, no leading or trailing zeros
              quantity at most 9 digits before and 9 after the point; hours 6 and 6; labour hours 12 and 6; headcount 6 and 3
    time      "1935-08-31T02:45:00Z": UTC, a fraction without trailing zeros
    date      "1935-08-31"; when something was published also "1935" or "1935-08"
    text      NFC, no control character but line feed and tab; ids have no blank at either end
"""

import re
import zoneinfo
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Literal

from msgspec import Meta

LONGEST = 65_535  # bytes of one entry: what a C2SP entry bundle can hold


def _decimal(before: int, after: int, column: str) -> Meta:
    pattern = rf"^(0|[1-9][0-9]{{0,{before - 1}}})(\.[0-9]{{0,{after - 1}}}[1-9])?\Z"
    return Meta(pattern=pattern, extra={"column": column, "digits": (before, after)})


_CLEAN = r"[^\x00-\x1f\x7f]"
Id = Annotated[
    str,
    Meta(
        pattern=rf"^[^\s\x00-\x1f\x7f]({_CLEAN}*[^\s\x00-\x1f\x7f])?\Z",
        max_length=200,
        extra={"column": "text", "says": "id"},
    ),
]
Text = Annotated[
    str, Meta(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+\Z", max_length=20_000, extra={"column": "text", "says": "text"})
]
Quantity = Annotated[str, _decimal(9, 9, "quantity")]
Hours = Annotated[str, _decimal(6, 6, "hours")]
LabourHours = Annotated[str, _decimal(12, 6, "labour_hours")]
Headcount = Annotated[str, _decimal(6, 3, "headcount")]
Ratio = Annotated[str, _decimal(12, 6, "ratio")]
Whole = Annotated[int, Meta(ge=0, lt=2**53, extra={"column": "whole"})]
_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
Time = Annotated[
    str,
    Meta(
        pattern=rf"^{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{0,5}}[1-9])?Z\Z", extra={"column": "time"}
    ),
]
Day = Annotated[str, Meta(pattern=rf"^{_DATE}\Z", extra={"column": "day"})]
Published = Annotated[
    str, Meta(pattern=rf"^([0-9]{{4}}|[0-9]{{4}}-(0[1-9]|1[0-2])|{_DATE})\Z", extra={"column": "text"})
]
By = Annotated[str, Meta(pattern=rf"^(login|account|token):{_CLEAN}+\Z", max_length=200, extra={"column": "text"})]
Salt = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{16}\Z", extra={"column": "salt"})]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", extra={"column": "text"})]
Texts = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1000, extra={"column": "texts"})]
Flag = Annotated[bool, Meta(extra={"column": "flag"})]
Better = Annotated[Literal["higher", "lower"], Meta(extra={"column": "text"})]
Per = Annotated[Literal["worker", "crew"], Meta(extra={"column": "text"})]
Basis = Annotated[Literal["time study", "history", "decree", "agreement"], Meta(extra={"column": "text"})]
Precision = Annotated[Literal["month", "year"], Meta(extra={"column": "text"})]
Ruling = Annotated[Literal["verified", "disputed", "adjusted", "annulled", "withdrawn"], Meta(extra={"column": "text"})]
Measure = Literal["quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment"]
PeriodName = Literal["shift", "day", "week", "month", "quarter", "year", "all"]
ScopeName = Literal["all", "industry", "site", "worker"]
HolderName = Literal["single", "crew"]
LengthName = Literal["shift", "period"]


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
    written = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", plain)
    return Decimal(plain) if written else None


def time_text(when: datetime) -> str:
    """The canonical string of a moment, in UTC, without trailing zeros. Raises ValueError for a naive datetime."""
    if when.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    text = when.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def date_text(day: date) -> str:
    """The canonical string of a date."""
    return day.isoformat()


def moment(time: str) -> datetime:
    """The aware datetime of a canonical time."""
    return datetime.fromisoformat(time)


@cache
def timezones() -> frozenset[str]:
    """The names of the IANA time zone database that Checkweigh carries."""
    return frozenset(zoneinfo.available_timezones())
