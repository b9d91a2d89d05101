"""What a subscription is worth in a month, after the discounts that last. Exact, not rounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.recurring.plans import Cadence

# Only this one reduces MRR (support.stripe.com/questions/billing-analytics).
LASTING = "forever"
NOTHING = Fraction(0)


def exact_sum(parts: Iterable[Fraction]) -> Fraction:
    """Return the sum; numerators of one denominator are added as the integers that they are."""
    by_denominator: dict[int, int] = {}
    for part in parts:
        below = part.denominator
        by_denominator[below] = by_denominator.get(below, 0) + part.numerator
    return sum((Fraction(above, below) for below, above in by_denominator.items()), NOTHING)


@dataclass(frozen=True, slots=True)
class Discount:
    """A coupon in use from `start` to `end` (UTC seconds; None: without end).

    It takes off a share in percent, or minor units of a currency once an invoice. `duration` is
    None if the coupon's terms were never read.
    """

    duration: str | None
    start: int
    end: int | None = None
    percent_off: Decimal | None = None
    amount_off: int | None = None
    currency: str | None = None

    def lasts(self, at: int, currency: str) -> bool:
        """Tell whether it lasts for good, is in use just before the second and fits the currency.

        Amounts in another currency take nothing off.
        """
        in_use = self.start < at and (self.end is None or at <= self.end)
        fits = self.amount_off is None or self.currency in (None, currency)
        return self.duration == LASTING and in_use and fits


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """One price of a subscription: what a period costs, before discounts, and its own discounts."""

    price: Fraction
    cadence: Cadence
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, slots=True)
class MonthlyValue:
    """What something is worth in a month, and the part of it that is on monthly plans."""

    total: Fraction = NOTHING
    monthly_plans: Fraction = NOTHING

    def __add__(self, other: MonthlyValue) -> MonthlyValue:
        """Return both together."""
        return MonthlyValue(self.total + other.total, self.monthly_plans + other.monthly_plans)


def monthly_value(
    items: Sequence[ItemTerms], discounts: Sequence[Discount], *, currency: str, at: int
) -> MonthlyValue:
    """Return what the items are worth in a month just before the second.

    An item's own discounts come first, then the subscription's, each in its order and on what the
    ones before have left; nothing goes below zero. An amount comes off once an invoice. Of a
    subscription with several intervals, invoices come as often as its shortest one; what comes off
    all of them is spread in proportion.
    """
    left = [_after_own(item, currency, at) for item in items]
    for discount in discounts:
        if discount.lasts(at, currency):
            left = _less(left, discount, _invoices_a_month(items, left))
    monthly = (part for item, part in zip(items, left, strict=True) if item.cadence.is_monthly)
    return MonthlyValue(exact_sum(left), exact_sum(monthly))


def _after_own(item: ItemTerms, currency: str, at: int) -> Fraction:
    left = [item.price * item.cadence.times]
    for discount in item.discounts:
        if discount.lasts(at, currency):
            left = _less(left, discount, item.cadence.times)
    return left[0]


def _invoices_a_month(items: Iterable[ItemTerms], left: Iterable[Fraction]) -> Fraction:
    costing = [item.cadence.times for item, part in zip(items, left, strict=True) if part > 0]
    return max(costing, default=NOTHING)


def _less(parts: list[Fraction], discount: Discount, invoices: Fraction) -> list[Fraction]:
    if discount.percent_off is not None:
        kept = max(NOTHING, 1 - Fraction(discount.percent_off) / 100)
    else:
        total = exact_sum(parts)
        if total <= 0:
            return parts
        kept = max(NOTHING, 1 - (discount.amount_off or 0) * invoices / total)
    return [part * kept for part in parts]
