"""As known when: from what a person writes, a size or a date, to a size of the ledger."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from . import fields
from .errors import BeyondTheEnd, Refused
from .values import moment, timezones

if TYPE_CHECKING:
    from .ledger import Ledger


_BEGIN, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Known:
    """A state of the ledger, and how to say which."""

    size: int
    said: str


def known_at(
    opened: "Ledger", written: str | None, zone: str = "UTC", option: str = "--at", *, before: bool = False
) -> Known:
    """The state that an option asks for: a size, or the end of a date, month or moment; the latest where it asks for none.

    With `before`, the state before a date begins. Raises Refused for a size beyond the ledger and for what is neither a size nor a date.
    """
    if written is None:
        return Known(opened.size, f"as known at size {opened.size}, the latest")
    if re.fullmatch(r"[0-9]+", written):
        if int(written) > opened.size:
            year = f"; for the year {written} write its last day, {written}-12-31" if len(written) == 4 else ""
            raise BeyondTheEnd(f"{option} {written} is beyond the ledger, which has {opened.size} entries{year}")
        return Known(int(written), f"as known at size {written}")
    first, last = _span(written, zone, option)
    if before and first <= _BEGIN:
        return Known(0, f"as known before {written}, at size 0")
    size = opened.size_at(first - timedelta(microseconds=1) if before else last)
    return Known(size, f"as known on {written}" + (f" in {zone}" if zone != "UTC" else "") + f", at size {size}")


def _span(written: str, zone: str, option: str) -> tuple[datetime, datetime]:
    """The first and the last moment of a date or a month in a zone; of a moment with a time of day, itself."""
    if zone not in timezones():
        raise Refused(f"--zone {zone!r} is not a name of the IANA time zone database, such as Europe/Moscow")
    try:
        first = moment(fields.time(written, ZoneInfo(zone), "month", "earlier"))
    except (fields.Unreadable, OverflowError):
        hint = "write a number of entries, or a date such as 1936-12-31"
        raise Refused(f"{option} {written!r} is neither a size nor a date; {hint}") from None
    if len(written) > 10:
        return first, first
    day = date.fromisoformat(written if len(written) == 10 else f"{written}-01")
    try:
        after = day + timedelta(days=1) if len(written) == 10 else (day + timedelta(days=31)).replace(day=1)
        ends = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:  # the last day of the calendar
        return first, _END
    return first, ends - timedelta(microseconds=1)
