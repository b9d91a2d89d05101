"""What a plan costs in a month: intervals, tiers and quantities, exact to the fraction.

Amounts are minor units as fractions; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from domain.periods import Month

# How often an interval fits into a twelfth of a year. Stripe publishes no factor for weeks and
# days; a year of 52 weeks and 365 days is what we state. Peers take 4 or 4.33 weeks a month.
TIMES_A_MONTH: Mapping[str, Fraction] = MappingProxyType(
    {
        "day": Fraction(365, 12),
        "week": Fraction(52, 12),
        "month": Fraction(1),
        "year": Fraction(1, 12),
    }
)
DAY_S = 86_400
_WEEK_S = 7 * DAY_S
# No interval of Stripe's is longer than three years (docs.stripe.com/api/prices/create).
_LONGEST_MONTHS = 36
# The shortest month has 28 days of the 30.4 that the mean one has.
_WHOLE_PERIOD = Fraction(9, 10)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often something is billed: `times` a month; `is_monthly` only for once every month.

    A period of fewer than `whole_s` seconds is clearly cut short.
    """

    times: Fraction
    is_monthly: bool
    whole_s: int


def _cadence(times: Fraction, *, is_monthly: bool = False) -> Cadence:
    return Cadence(times, is_monthly, int(_WHOLE_PERIOD * TIMES_A_MONTH["day"] * DAY_S / times))


def cadence_of(interval: str, count: int) -> Cadence | None:
    """Return the cadence of every `count` intervals (day, week, month, year); None for others."""
    times = TIMES_A_MONTH.get(interval)
    if times is None or count < 1:
        return None
    return _cadence(times / count, is_monthly=interval == "month" and count == 1)


def cadence_of_period(start: int, end: int) -> Cadence:
    """Return the cadence that a period of UTC seconds suggests.

    Whole months in UTC (years among them) are months, whole weeks are weeks, and anything else
    counts by its days.
    """
    months = _whole_months(start, end)
    if months is not None:
        return _cadence(Fraction(1, months), is_monthly=months == 1)
    if (end - start) % _WEEK_S == 0:
        return _cadence(TIMES_A_MONTH["week"] / ((end - start) // _WEEK_S))
    return _cadence(TIMES_A_MONTH["day"] * DAY_S / (end - start))


def _whole_months(start: int, end: int) -> int | None:
    first, last = (datetime.fromtimestamp(second, UTC) for second in (start, end))
    months = Month.of(first).months_until(Month.of(last))
    if not 1 <= months <= _LONGEST_MONTHS:
        return None
    # A month that lacks the anchor's day is billed on its last one, and the next month comes back
    # to the anchor (docs.stripe.com/billing/subscriptions/billing-cycle).
    same_day = last.day == min(first.day, Month.of(last).last_day.day)
    back_at_anchor = first.day == Month.of(first).last_day.day and last.day > first.day
    whole = first.time() == last.time() and (same_day or back_at_anchor)
    return months if whole else None


@dataclass(frozen=True, slots=True)
class Tier:
    """A step of a tiered price, for quantities up to `up_to` (None: without end)."""

    up_to: int | None
    unit: Fraction
    flat: Fraction


@dataclass(frozen=True, slots=True)
class Plan:
    """A price. Without a `cadence` it is paid once; `metered` ones are billed by use.

    `unit` is what one costs, None for a tiered price; `tiers` are in ascending order.
    """

    currency: str
    cadence: Cadence | None
    unit: Fraction | None
    metered: bool = False
    tiers_mode: Literal["graduated", "volume"] | None = None
    tiers: tuple[Tier, ...] = ()

    def cost(self, quantity: int) -> Fraction | None:
        """Return what the quantity costs in a period; None if the price does not tell.

        Graduated tiers charge each unit by its own step, volume tiers all by the one that the
        quantity falls into (docs.stripe.com/products-prices/pricing-models).
        """
        if self.unit is not None:
            return self.unit * quantity
        if not self.tiers:
            return None
        return self._graduated(quantity) if self.tiers_mode == "graduated" else self._of(quantity)

    def _of(self, quantity: int) -> Fraction | None:
        for tier in self.tiers:
            if tier.up_to is None or quantity <= tier.up_to:
                return tier.flat + tier.unit * quantity
        return None

    def _graduated(self, quantity: int) -> Fraction | None:
        total, below = Fraction(0), 0
        for tier in self.tiers:
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            total += tier.flat + tier.unit * (top - below)
            below = top
            if below == quantity:
                return total
        return None
