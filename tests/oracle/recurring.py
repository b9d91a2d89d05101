"""Recurring revenue worked out from a shop's facts alone: its states, not its invoices' periods.

A change that no invoice has billed by the horizon cannot be seen in the past; until then the terms
before it hold. That is the only thing for which invoices are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from domain.periods import Month
from sandbox.stripe.billing_facts import (
    Discount,
    Item,
    PriceFact,
    SubscriptionFact,
    SubscriptionState,
)
from sandbox.stripe.ledger import Ledger

# Months per interval, as 365 days or 52 weeks make twelve.
_PER_MONTH = {
    "year": Fraction(1, 12),
    "month": Fraction(1),
    "week": Fraction(13, 3),
    "day": Fraction(365, 12),
}
MOVES = (
    "new_minor",
    "expansion_minor",
    "contraction_minor",
    "churned_minor",
    "reactivated_minor",
)
_PAYING = ("active", "past_due")
_FOREVER = 10**12
_THIRTY_DAYS = 30 * 24 * 3_600


@dataclass(frozen=True)
class Worth:
    """What each customer is worth at a moment, and what is on monthly plans; minor units."""

    customers: dict[str, Fraction]
    subscriptions: int
    monthly: Fraction


class RecurringOracle:
    """Looks at a ledger that was read at the horizon (UTC seconds)."""

    def __init__(self, ledger: Ledger, zone: ZoneInfo, horizon: int, currency: str = "usd") -> None:
        self.horizon, self.zone = horizon, zone
        self.prices = {fact.id: fact for fact in ledger.prices.facts}
        self.coupons = {fact.id: fact for fact in ledger.coupons.facts}
        self.subscriptions = [
            fact
            for fact in ledger.subscriptions.facts
            if fact.created <= horizon and fact.currency == currency
        ]
        self.billed = {
            (line.subscription_item, line.price, line.quantity, line.period_start)
            for invoice in ledger.invoices.facts
            if invoice.created <= horizon
            for line in invoice.lines
            if not (line.proration and line.amount <= 0)
        }
        self.present = _month_of(horizon, zone)
        self.known: dict[Month, Worth] = {}
        self.paid = {fact.id: list(self._times(fact)) for fact in self.subscriptions}

    def expected(self, month: Month) -> dict[str, Any]:
        """The figures of a month, by the names of their fields."""
        now, before = self.worth(month), self.worth(month.plus(-1))
        cohort = self.worth(month.plus(-12)).customers
        mrr = sum(now.customers.values(), Fraction(0))
        then = sum(cohort.values(), Fraction(0))
        stays = sum((min(v, now.customers.get(k, Fraction(0))) for k, v in cohort.items()), start=0)
        pays = sum((now.customers.get(k, Fraction(0)) for k in cohort), start=0)
        within = self.paid_within(self.moment(month) - _THIRTY_DAYS, self.moment(month))
        gone = [customer for customer in within if customer not in now.customers]
        return {
            "mrr_minor": round(mrr),
            "active_subscriptions": now.subscriptions,
            "paying_customers": len(now.customers),
            **self.moved(month, before.customers, now.customers),
            "churn_rate": _ratio(len(gone), len(within)),
            "gross_retention": _ratio(stays, then),
            "net_retention": _ratio(pays, then),
            "cohort_customers": len(cohort),
            "monthly_plan_share": _ratio(now.monthly, mrr),
            "method": "subscriptions" if month == self.present else "invoice_lines",
        }

    def moment(self, month: Month) -> int:
        """The second before which the month is looked at."""
        if month == self.present:
            return self.horizon + 1
        following = month.plus(1)
        start = datetime(following.year, following.month, 1, tzinfo=self.zone)
        return int(start.astimezone(UTC).timestamp())

    def worth(self, month: Month) -> Worth:
        if month not in self.known:
            self.known[month] = self._worth(month)
        return self.known[month]

    def _worth(self, month: Month) -> Worth:
        at = self.moment(month)
        customers: defaultdict[str, Fraction] = defaultdict(Fraction)
        count, monthly = 0, Fraction(0)
        for fact in self.subscriptions:
            state = _state_before(fact, at)
            if state is None or state.status not in _PAYING:
                continue
            items = state.items
            if month != self.present:
                items = tuple(self._as_billed(fact, item, at) for item in items)
            parts = self._parts(state, items, at)
            value = sum(parts.values(), Fraction(0))
            if value > 0:
                customers[fact.customer] += value
                count += 1
                monthly += sum((v for p, v in parts.items() if self._is_monthly(p)), Fraction(0))
        return Worth(dict(customers), count, monthly)

    def moved(
        self, month: Month, before: dict[str, Fraction], now: dict[str, Fraction]
    ) -> dict[str, int]:
        at = self.moment(month.plus(-1))
        moved = dict.fromkeys(MOVES, Fraction(0))
        for customer in {*before, *now}:
            was, is_ = before.get(customer), now.get(customer)
            if was is None and is_ is not None:
                old = any(start < at for start, _ in self._paid(customer))
                moved["reactivated_minor" if old else "new_minor"] += is_
            elif was is not None and is_ is None:
                moved["churned_minor"] -= was
            elif was is not None and is_ is not None:
                moved["expansion_minor" if is_ > was else "contraction_minor"] += is_ - was
        told, so_far = {}, sum(before.values(), Fraction(0))
        for name, change in moved.items():
            told[name] = round(so_far + change) - round(so_far)
            so_far += change
        return told

    def paid_within(self, since: int, until: int) -> set[str]:
        return {
            fact.customer
            for fact in self.subscriptions
            for start, end in self.paid[fact.id]
            if start < until and end > since
        }

    def _paid(self, customer: str) -> Iterator[tuple[int, int]]:
        for fact in self.subscriptions:
            if fact.customer == customer:
                yield from self.paid[fact.id]

    def _times(self, fact: SubscriptionFact) -> Iterator[tuple[int, int]]:
        """The times [start, end) in which the subscription was worth something."""
        states = [state for state in fact.states if state.since <= self.horizon]
        ends = [state.since for state in states[1:]] + [_FOREVER]
        for state, end in zip(states, ends, strict=True):
            worth = sum(self._parts(state, state.items, state.since + 1).values())
            if state.status in _PAYING and worth > 0:
                yield state.since, end

    def _as_billed(self, fact: SubscriptionFact, item: Item, at: int) -> Item:
        """The item with the last terms before the moment that an invoice tells."""
        runs: list[tuple[int, Item]] = []
        for state in fact.states:
            for held in state.items:
                if held.id != item.id or state.since >= at:
                    continue
                terms = (held.price, held.quantity, held.period_start)
                if not runs or terms != _terms(runs[-1][1]):
                    runs.append((state.since, held))
        for since, held in reversed(runs):
            if (item.id, held.price, held.quantity, since) in self.billed:
                return held
        return item

    def _parts(
        self, state: SubscriptionState, items: tuple[Item, ...], at: int
    ) -> dict[str, Fraction]:
        """What each price of the subscription is worth in a month."""
        parts: dict[str, Fraction] = {}
        for item in items:
            price = self.prices[item.price]
            if price.usage_type == "metered" or price.interval is None:
                continue
            assert item.quantity is not None
            a_month = _PER_MONTH[price.interval] / price.interval_count
            value = self._less(_cost(price, item.quantity) * a_month, item.discounts, at, a_month)
            parts[item.price] = parts.get(item.price, Fraction(0)) + value
        total = sum(parts.values(), Fraction(0))
        often = max((self._a_month(price) for price in parts), default=Fraction(1))
        left = self._less(total, state.discounts, at, often)
        return {price: part * left / total if total else part for price, part in parts.items()}

    def _less(
        self, amount: Fraction, discounts: tuple[Discount, ...], at: int, often: Fraction
    ) -> Fraction:
        for discount in discounts:
            coupon = self.coupons[discount.coupon]
            if coupon.duration != "forever" or discount.start >= at:
                continue
            if coupon.percent_off is not None:
                amount -= amount * Fraction(coupon.percent_off) / 100
            else:
                amount = max(Fraction(0), amount - Fraction(coupon.amount_off or 0) * often)
        return amount

    def _a_month(self, price_id: str) -> Fraction:
        price = self.prices[price_id]
        return _PER_MONTH[price.interval or "month"] / price.interval_count

    def _is_monthly(self, price_id: str) -> bool:
        price = self.prices[price_id]
        return (price.interval, price.interval_count) == ("month", 1)


def _terms(item: Item) -> tuple[str, int | None, int]:
    return item.price, item.quantity, item.period_start


def _state_before(fact: SubscriptionFact, at: int) -> SubscriptionState | None:
    begun = [state for state in fact.states if state.since < at]
    return begun[-1] if begun else None


def _cost(price: PriceFact, quantity: int) -> Fraction:
    """What a period costs, unit by unit where tiers say so."""
    if not price.tiers:
        if price.unit_amount_decimal is not None:
            return Fraction(price.unit_amount_decimal) * quantity
        return Fraction(price.unit_amount or 0) * quantity
    ends = [_FOREVER if tier.up_to is None else tier.up_to for tier in price.tiers]
    of_unit = [
        next(n for n, end in enumerate(ends) if unit <= end) for unit in range(1, quantity + 1)
    ]
    if price.tiers_mode == "volume":
        of_unit = of_unit[-1:] * quantity
    units = sum(price.tiers[n].unit_amount or 0 for n in of_unit)
    return Fraction(units + sum(price.tiers[n].flat_amount or 0 for n in set(of_unit)))


def _month_of(second: int, zone: ZoneInfo) -> Month:
    return Month.of(datetime.fromtimestamp(second, zone))


def _ratio(part: Fraction | int, whole: Fraction | int) -> Decimal | None:
    if whole == 0:
        return None
    return Decimal(round(Fraction(part) / Fraction(whole) * 10_000)) / 10_000
