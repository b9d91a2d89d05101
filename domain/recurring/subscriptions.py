"""What subscriptions are worth now: the value of those that are active or past due.

`unpaid`, `paused`, `incomplete` and ended ones are worth nothing, and neither is a trial. Status
alone decides, as it does at Stripe: a cancellation at the period's end counts until it takes
effect, and a pause of collection leaves the status as it is, so it counts; how much that is, is
told apart (`paused`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from domain.recurring.plans import Plan
from domain.recurring.values import Discount, ItemTerms, MonthlyValue, monthly_value

# docs.stripe.com/billing/subscriptions/analytics/glossary
COUNTING = frozenset({"active", "past_due"})


@dataclass(frozen=True, slots=True)
class Item:
    """One price of a subscription; a metered one has no quantity."""

    id: str
    price_id: str | None
    quantity: int | None
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it is now; `ended_at` in UTC seconds, `paused`: nothing is collected."""

    id: str
    customer: str
    status: str
    currency: str
    items: tuple[Item, ...]
    discounts: tuple[Discount, ...] = ()
    ended_at: int | None = None
    paused: bool = False

    @property
    def every_discount(self) -> Iterable[Discount]:
        """Its discounts and those of its items."""
        yield from self.discounts
        for item in self.items:
            yield from item.discounts


def present_value(
    subscription: Subscription, plans: Mapping[str, Plan], *, at: int
) -> MonthlyValue | None:
    """Return its monthly value just before the second; None if a price does not tell."""
    if subscription.status not in COUNTING:
        return MonthlyValue()
    items: list[ItemTerms] = []
    for item in subscription.items:
        plan = plans.get(item.price_id or "")
        if plan is not None and (plan.metered or plan.cadence is None):
            continue
        cost = _cost(item, plan, subscription.currency)
        if plan is None or plan.cadence is None or cost is None:
            return None
        items.append(ItemTerms(cost, plan.cadence, item.discounts))
    return monthly_value(items, subscription.discounts, currency=subscription.currency, at=at)


def _cost(item: Item, plan: Plan | None, currency: str) -> Fraction | None:
    if plan is None or item.quantity is None or plan.currency != currency:
        return None
    return plan.cost(item.quantity)
