"""What happened in a shop's billing: products, prices, subscriptions, discounts and invoices.

Times and amounts are those of `sandbox.stripe.facts`: whole UTC seconds with the fact's `ms`, and
integer minor units.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sandbox.stripe.facts import reached

Interval = Literal["day", "week", "month", "year"]
# After these a subscription never changes again (docs.stripe.com/api/subscriptions/object).
ENDED = frozenset({"canceled", "incomplete_expired"})


class ProductFact(NamedTuple):
    """Something sold; `archived_at` makes it inactive and `deleted_at` takes it off the lists."""

    id: str
    created: int
    name: str
    default_price: str | None = None
    ms: int = 0
    archived_at: int | None = None
    deleted_at: int | None = None


class Tier(NamedTuple):
    """A step of a tiered price, up to a quantity (None: without end)."""

    up_to: int | None
    unit_amount: int | None = None
    flat_amount: int | None = None


class PriceFact(NamedTuple):
    """What a product costs; without an `interval` it is paid once.

    `unit_amount_decimal` is a decimal text for prices below a minor unit, in which case
    `unit_amount` is None. With `tiers` there is neither.
    """

    id: str
    product: str
    created: int
    unit_amount: int | None
    currency: str = "usd"
    interval: Interval | None = "month"
    interval_count: int = 1
    usage_type: Literal["licensed", "metered"] = "licensed"
    unit_amount_decimal: str | None = None
    tiers_mode: Literal["graduated", "volume"] | None = None
    tiers: tuple[Tier, ...] = ()
    nickname: str | None = None
    lookup_key: str | None = None
    ms: int = 0
    archived_at: int | None = None

    def cost_of(self, quantity: int) -> int:
        """Return what the quantity costs in minor units; metered use counts as the quantity.

        Graduated tiers charge each unit by its own step, volume tiers all by the last one reached
        (docs.stripe.com/products-prices/pricing-models). Raise ValueError for a price with a
        fraction of a minor unit.
        """
        if not self.tiers:
            if self.unit_amount is None:
                raise ValueError(f"{self.id} has no price in whole minor units.")
            return self.unit_amount * quantity
        if self.tiers_mode == "volume":
            tier = next(t for t in self.tiers if t.up_to is None or quantity <= t.up_to)
            return (tier.flat_amount or 0) + (tier.unit_amount or 0) * quantity
        total, below = 0, 0
        for tier in self.tiers:
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            if top > below or (quantity == 0 and below == 0):
                total += (tier.flat_amount or 0) + (tier.unit_amount or 0) * (top - below)
            below = max(below, top)
        return total


class CouponFact(NamedTuple):
    """What is taken off: `percent_off` (decimal text) or `amount_off` minor units."""

    id: str
    created: int
    percent_off: str | None = None
    amount_off: int | None = None
    currency: str | None = None
    duration: Literal["once", "repeating", "forever"] = "forever"
    duration_in_months: int | None = None
    ms: int = 0


class Discount(NamedTuple):
    """A coupon in use by a subscription, or by one item of it, from `start` to `end`."""

    id: str
    coupon: str
    start: int
    end: int | None = None
    subscription_item: str | None = None


class Item(NamedTuple):
    """A price in a subscription, paid for the period [period_start, period_end)."""

    id: str
    created: int
    price: str
    quantity: int | None
    period_start: int
    period_end: int
    discounts: tuple[Discount, ...] = ()


class SubscriptionState(NamedTuple):
    """A subscription from the moment (`since` seconds and `ms`) until the next state."""

    since: int
    status: str
    items: tuple[Item, ...]
    ms: int = 0
    discounts: tuple[Discount, ...] = ()
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    pause_behavior: Literal["keep_as_draft", "mark_uncollectible", "void"] | None = None
    latest_invoice: str | None = None

    @property
    def moment(self) -> int:
        """The millisecond from which it holds."""
        return self.since * 1_000 + self.ms


class SubscriptionFact(NamedTuple):
    """A subscription with every state it ever has, the first one from its creation."""

    id: str
    created: int
    customer: str
    states: tuple[SubscriptionState, ...]
    currency: str = "usd"
    trial_start: int | None = None
    trial_end: int | None = None
    collection_method: Literal["charge_automatically", "send_invoice"] = "charge_automatically"
    ms: int = 0

    def state(self, as_of: int) -> SubscriptionState:
        """Return the state at the moment; the first one for a moment before it."""
        held = [state for state in self.states if state.moment <= as_of]
        return held[-1] if held else self.states[0]


class DiscountAmount(NamedTuple):
    """What a discount took off a line, in minor units."""

    discount: Discount
    amount: int


class InvoiceLine(NamedTuple):
    """A line of an invoice: `amount` is signed and before discounts; a credit is negative."""

    id: str
    amount: int
    period_start: int
    period_end: int
    price: str | None = None
    quantity: int | None = 1
    subscription_item: str | None = None
    proration: bool = False
    discount_amounts: tuple[DiscountAmount, ...] = ()
    tax: int = 0


class InvoiceFact(NamedTuple):
    """An invoice, a draft until it is finalized, then open until paid, voided or given up.

    `attempts` are the seconds at which payment was tried, the last one with success if it is
    paid. `payment_intent` names the intent whose charges paid for it.
    """

    id: str
    created: int
    customer: str
    lines: tuple[InvoiceLine, ...]
    period_start: int
    period_end: int
    subscription: str | None = None
    currency: str = "usd"
    billing_reason: str = "subscription_cycle"
    collection_method: Literal["charge_automatically", "send_invoice"] = "charge_automatically"
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    marked_uncollectible_at: int | None = None
    attempts: tuple[int, ...] = ()
    payment_intent: str | None = None
    ms: int = 0

    def status(self, as_of: int) -> str:
        """Return Stripe's invoice status at the moment."""
        steps = (
            (self.paid_at, "paid"),
            (self.voided_at, "void"),
            (self.marked_uncollectible_at, "uncollectible"),
            (self.finalized_at, "open"),
        )
        return next((name for at, name in steps if reached(at, self.ms, as_of)), "draft")

    @property
    def subtotal(self) -> int:
        """The sum of the lines before discounts and taxes."""
        return sum(line.amount for line in self.lines)

    @property
    def discounted(self) -> int:
        """What the discounts took off."""
        return sum(part.amount for line in self.lines for part in line.discount_amounts)

    @property
    def tax(self) -> int:
        """The tax on top."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """What is to be paid; below zero it is a credit to the customer."""
        return self.subtotal - self.discounted + self.tax
