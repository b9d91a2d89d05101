"""A period of whole months, as it was asked for, and its name in words."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date

from domain.periods import Month


@dataclass(frozen=True, slots=True)
class Period:
    """Months from first to last, both included; may reach beyond today until it is clipped."""

    first: Month
    last: Month

    @classmethod
    def month(cls, month: Month) -> Period:
        """Return the period of one month."""
        return cls(month, month)

    @classmethod
    def block(cls, year: int, number: int, months: int) -> Period:
        """Return the number-th block of so many months of the year (quarter 3: number 3, of 3)."""
        first = Month(year, (number - 1) * months + 1)
        return cls(first, first.plus(months - 1))

    @property
    def length(self) -> int:
        """How many months it has."""
        return self.first.months_until(self.last) + 1

    @property
    def is_calendar_block(self) -> bool:
        """Tell whether it is one month, one calendar quarter or one calendar year."""
        return self.length in (1, 3, 12) and (self.first.month - 1) % self.length == 0

    def holds(self, month: Month) -> bool:
        """Tell whether the month lies in it."""
        return self.first <= month <= self.last

    def shifted(self, months: int) -> Period:
        """Return it so many months later (earlier, if negative)."""
        return Period(self.first.plus(months), self.last.plus(months))

    def touches(self, other: Period) -> bool:
        """Tell whether one begins where the other ends."""
        return self.last.plus(1) == other.first or other.last.plus(1) == self.first

    def clipped(self, current: Month) -> Period:
        """Return it without the months after the current one; its first must not be after it."""
        return replace(self, last=min(self.last, current))

    def __str__(self) -> str:
        return months_in_words(self.first, self.last)


def months_in_words(first: Month, last: Month) -> str:
    """Name the months from first to last: "October 2026", "Q3 2026", "2025", "May to July 2026"."""
    length = first.months_until(last) + 1
    if length == 1:
        return f"{calendar.month_name[first.month]} {first.year}"
    if length == 3 and first.month % 3 == 1:
        return f"Q{first.month // 3 + 1} {first.year}"
    if length == 12 and first.month == 1:
        return str(first.year)
    year = "" if first.year == last.year else f" {first.year}"
    return (
        f"{calendar.month_name[first.month]}{year} to {calendar.month_name[last.month]} {last.year}"
    )


def latest_block(number: int, months: int, current: Month) -> Period:
    """Return the latest such block of months (month 3, quarter 2…) that has begun."""
    period = Period.block(current.year, number, months)
    return period if period.first <= current else period.shifted(-12)


def trailing(count: int, today: date) -> Period:
    """Return the last so many complete months."""
    last = Month.of(today).plus(-1)
    return Period(last.plus(1 - count), last)
