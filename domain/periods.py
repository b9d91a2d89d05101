"""Months as the business lives them: in its own time zone, half-open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.errors import PeriodError

_MONTH = re.compile(r"^(\d{4})-(\d{2})$")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month; ordered, and hashable."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read `YYYY-MM`; raise PeriodError on anything else."""
        match = _MONTH.match(text.strip())
        if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) < 1:
            raise PeriodError(f"{text!r} is not a month. Write it as YYYY-MM, such as 2026-03.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month that holds the day."""
        return cls(day.year, day.month)

    def plus(self, months: int) -> Month:
        """Return the month so many months later (earlier, if negative)."""
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    def months_until(self, other: Month) -> int:
        """Return how many months later `other` is."""
        return (other.year - self.year) * 12 + other.month - self.month

    @property
    def first_day(self) -> date:
        """The first day, inclusive."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """The last day, inclusive."""
        return self.plus(1).first_day - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def month_range(first: Month, last: Month) -> Iterator[Month]:
    """Yield the months from first to last, both included."""
    for offset in range(first.months_until(last) + 1):
        yield first.plus(offset)


def month_bounds(month: Month, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants [start, end) of the month in the zone."""
    return day_begins(month.first_day, zone), day_begins(month.plus(1).first_day, zone)


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the day begins in the zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day on which the instant falls in the zone."""
    return instant.astimezone(zone).date()


def last_complete_month(today: date) -> Month:
    """Return the latest month that is over on the given local day."""
    return Month.of(today).plus(-1)
