"""Spans: periods as pages name them, and which of them hold shifts."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from .live import Row

QUARTERS = ("First", "Second", "Third", "Fourth")
BEFORE = {"day": "the day before", "week": "the week before", "month": "the month before", "quarter": "the quarter before",
          "year": "the year before", "all": "before"}  # fmt: skip
NAMED = {"day": "Day", "week": "Week", "month": "Month", "quarter": "Quarter", "year": "Year", "all": "All time"}


@dataclass(frozen=True)
class Span:
    """One period: its first day, the day after its last, and those next to it that hold shifts."""

    period: str
    start: date | None
    until: date | None
    earlier: date | None
    """The first day of the nearest earlier period with shifts."""
    later: date | None
    """The first day of the nearest later one."""
    newest: bool
    """Whether no later period holds a shift."""

    @property
    def said(self) -> str:
        """The period in words."""
        return said(self.period, self.start)

    @property
    def days(self) -> list[date] | None:
        """Every day of it; None for all time."""
        if self.start is None or self.until is None:
            return None
        return [self.start + timedelta(days=n) for n in range((self.until - self.start).days)]


def said(period: str, start: date | None) -> str:
    """A period in words."""
    if start is None or period == "all":
        return "All time"
    if period == "day":
        return f"{start.day} {start:%B %Y}"
    if period == "week":
        return f"Week from {start.day} {start:%B %Y}"
    if period == "month":
        return f"{start:%B %Y}"
    return f"{QUARTERS[(start.month - 1) // 3]} quarter of {start.year}" if period == "quarter" else str(start.year)


def chosen(periods: list[Row], period: str, asked: date | None) -> Span | None:
    """The period that holds a day, or the newest that holds shifts; None where none does. `periods` are standings of all together."""
    held = [row["from"] for row in periods if row["shifts"]]
    if period == "all" or not (held or asked):
        return Span(period, None, None, None, None, True) if held else None
    start, until = bounds(period, asked or held[-1])
    earlier, later = (
        max((day for day in held if day < start), default=None),
        min((day for day in held if day > start), default=None),
    )
    return Span(period, start, until, earlier, later, later is None)


def bounds(period: str, day: date) -> tuple[date, date]:
    """The first day of the period that holds a day, and the day after its last; weeks start on Monday."""
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    after = first.year * 12 + first.month - 1 + months
    return first, date(after // 12, after % 12 + 1, 1)


def change(value: Decimal | None, period: str) -> tuple[str, str] | None:
    """An arrow, and the change against the period before in words."""
    if value is None:
        return None
    if value == 0:
        return "=", f"as {BEFORE[period]}"
    amount = f"{abs(value):f}".rstrip("0").rstrip(".")
    return ("▲", f"{amount} up on {BEFORE[period]}") if value > 0 else ("▼", f"{amount} down on {BEFORE[period]}")
