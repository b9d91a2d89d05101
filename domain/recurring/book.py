"""The whole history: spells of subscriptions come in one by one, months come out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from domain.periods import Month
from domain.recurring.lines import Spell
from domain.recurring.months import (
    CHURN_DAYS,
    YEAR_MONTHS,
    Reading,
    RecurringMonth,
    churn_rate,
    movements,
    retention,
    to_minor,
    to_ratio,
)
from domain.recurring.plans import DAY_S

WINDOW_S = CHURN_DAYS * DAY_S


@dataclass(frozen=True, slots=True)
class Moment:
    """When a month is looked at: just before `at` (UTC seconds), its end or the horizon."""

    month: Month
    at: int


@dataclass(slots=True)
class Book:
    """What is known so far at each moment, in their order; memory goes with customers and months.

    `active_within` are the customers who paid at any time in the 30 days before the moment.
    """

    moments: Sequence[Moment]
    readings: list[Reading] = field(init=False)
    active_within: list[set[str]] = field(init=False)
    first_paid: dict[str, int] = field(default_factory=dict)
    _seconds: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing at any moment."""
        self._seconds = [moment.at for moment in self.moments]
        self.readings = [Reading("invoice_lines") for _ in self.moments]
        self.active_within = [set() for _ in self.moments]

    def add(self, customer: str, spells: Iterable[Spell]) -> None:
        """Count in what a subscription of the customer was worth."""
        seconds = self._seconds
        for spell in spells:
            self.saw_paying(customer, spell.start)
            # Covered: just before the moment, so start < at <= end.
            after = bisect_right(seconds, spell.start)
            for index in range(after, bisect_right(seconds, spell.end)):
                self.readings[index].add(customer, spell.value)
            for index in range(after, bisect_left(seconds, spell.end + WINDOW_S)):
                self.active_within[index].add(customer)

    def saw_paying(self, customer: str, at: int) -> None:
        """Note that the customer paid from the second on."""
        self.first_paid[customer] = min(at, self.first_paid.get(customer, at))

    def take(self, reading: Reading) -> None:
        """Let the last moment, the horizon, be what subscriptions say, not their lines."""
        self.readings[-1] = reading
        for customer in reading.customers:
            self.saw_paying(customer, self.moments[-1].at)

    def month(self, index: int, currency: str) -> RecurringMonth:
        """Return the month of a moment; the moments must go back a year before it."""
        now, before = self.readings[index], self.readings[index - 1]
        moved = movements(before, now, self.first_paid, at=self.moments[index - 1].at)
        kept = retention(self.readings[index - YEAR_MONTHS], now)
        return replace(
            present_month(self.moments[index].month, currency, now),
            new_minor=moved.new,
            expansion_minor=moved.expansion,
            contraction_minor=moved.contraction,
            churned_minor=moved.churned,
            reactivated_minor=moved.reactivated,
            churn_rate=churn_rate(self.active_within[index], now),
            gross_retention=kept.gross,
            net_retention=kept.net,
            cohort_customers=kept.customers,
        )


def present_month(month: Month, currency: str, reading: Reading) -> RecurringMonth:
    """Return what a reading tells by itself, without any month before it."""
    total = reading.total
    return RecurringMonth(
        month=month,
        currency=currency,
        mrr_minor=to_minor(total),
        active_subscriptions=reading.subscriptions,
        paying_customers=len(reading.customers),
        monthly_plan_share=to_ratio(reading.monthly_plans / total) if total else None,
        paused_minor=None if reading.paused is None else to_minor(reading.paused),
        method=reading.method,
    )
