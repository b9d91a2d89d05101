"""Recurring revenue of a sandbox shop, from the states that its subscriptions went through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from domain.periods import Month, month_bounds, month_range
from sandbox.stripe.billing_facts import CouponFact, Discount, Item, SubscriptionFact
from sandbox.stripe.ledger import Ledger

# How many months one unit of an interval is: Stripe's weeks are 52 a year.
MONTHS = {
    "day": Decimal(12) / 365,
    "week": Decimal(12) / 52,
    "month": Decimal(1),
    "year": Decimal(12),
}
COUNTED = frozenset({"active", "past_due"})
YEAR = 12


@dataclass(frozen=True)
class Recurring:
    """MRR at the end of each month, and what a year-old cohort still pays at the end of the last.

    `gross_retention` is None where nobody paid a year ago.
    """

    mrr_minor: dict[Month, int]
    gross_retention: Decimal | None
    cohort_customers: int


def recurring(ledger: Ledger, zone: ZoneInfo, last: Month) -> Recurring:
    """Return the recurring revenue of every month to the last one; 0 without subscriptions."""
    opened = Month.of(month_bounds(last.plus(-35), zone)[0].date())
    by_month = {month: _by_customer(ledger, zone, month) for month in month_range(opened, last)}
    before, now = by_month[last.plus(-YEAR)], by_month[last]
    whole = sum(before.values())
    kept = sum((min(paid, now.get(name, Decimal(0))) for name, paid in before.items()), Decimal(0))
    return Recurring(
        {
            month: int(sum(paid.values(), Decimal(0)).quantize(Decimal(1), ROUND_HALF_EVEN))
            for month, paid in by_month.items()
        },
        kept / whole if whole else None,
        len(before),
    )


def _by_customer(ledger: Ledger, zone: ZoneInfo, month: Month) -> dict[str, Decimal]:
    """What each customer pays a month, at the month's last instant, in minor units."""
    at = int(month_bounds(month, zone)[1].timestamp()) * 1_000 - 1
    paid = defaultdict[str, Decimal](Decimal)
    for fact in ledger.subscriptions.facts:
        if fact.created * 1_000 + fact.ms <= at:
            paid[fact.customer] += _monthly(ledger, fact, at)
    return {name: amount for name, amount in paid.items() if amount > 0}


def _monthly(ledger: Ledger, fact: SubscriptionFact, at: int) -> Decimal:
    state = fact.state(at)
    if state.status not in COUNTED or fact.currency != ledger.shop.currency:
        return Decimal(0)
    amount = sum((_item(ledger, item) for item in state.items), Decimal(0))
    return max(_discounted(ledger, amount, state.discounts), Decimal(0))


def _item(ledger: Ledger, item: Item) -> Decimal:
    price = ledger.prices.get(item.price)
    if price.interval is None or price.usage_type == "metered":
        return Decimal(0)
    quantity = 1 if item.quantity is None else item.quantity
    if price.unit_amount_decimal is not None:
        cost = Decimal(price.unit_amount_decimal) * quantity
    else:
        cost = Decimal(price.cost_of(quantity))
    monthly = cost / (MONTHS[price.interval] * price.interval_count)
    return _discounted(ledger, monthly, item.discounts)


def _discounted(ledger: Ledger, amount: Decimal, discounts: Iterable[Discount]) -> Decimal:
    """Only what is taken off for ever lowers MRR (Stripe's billing glossary)."""
    for discount in discounts:
        coupon: CouponFact = ledger.coupons.get(discount.coupon)
        if coupon.duration == "forever":
            amount -= amount * Decimal(coupon.percent_off or 0) / 100 + (coupon.amount_off or 0)
    return amount
