"""The allow-list of Stripe's billing objects; see integrations.stripe.payments for the rules."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from integrations.stripe.payments import Identified, StripeObject


class Product(StripeObject, frozen=True, gc=False, kw_only=True):
    """Something that is sold."""

    active: bool
    default_price: str | None = None


class Recurring(msgspec.Struct, frozen=True, gc=False):
    """How often a price is charged: every `interval_count` intervals (day, week, month, year)."""

    interval: str
    interval_count: int = 1
    usage_type: str | None = None


class Tier(msgspec.Struct, frozen=True, gc=False):
    """A price's step, for quantities up to `up_to` (None: without end).

    The decimal amounts are minor units too, with their fractions; the integers are None where
    there is a fraction.
    """

    up_to: int | None = None
    flat_amount: int | None = None
    flat_amount_decimal: Decimal | None = None
    unit_amount: int | None = None
    unit_amount_decimal: Decimal | None = None


class Price(StripeObject, frozen=True, gc=False, kw_only=True):
    """What a product costs. `tiers` is None inside subscriptions, where it is not expanded."""

    product: str
    active: bool
    currency: str
    type: str
    billing_scheme: str
    unit_amount: int | None = None
    unit_amount_decimal: Decimal | None = None
    recurring: Recurring | None = None
    tiers_mode: str | None = None
    tiers: list[Tier] | None = None


class Coupon(msgspec.Struct, frozen=True, gc=False):
    """What a discount takes off: a share in percent, or minor units of a currency."""

    duration: str
    percent_off: Decimal | None = None
    amount_off: int | None = None
    currency: str | None = None
    duration_in_months: int | None = None


class DiscountSource(msgspec.Struct, frozen=True, gc=False):
    """Where a discount comes from; a coupon that was not expanded is its id."""

    coupon: Coupon | str | None = None


class Discount(msgspec.Struct, frozen=True, gc=False):
    """A coupon in use from `start` to `end` (None: as long as the coupon says)."""

    start: int
    source: DiscountSource
    end: int | None = None
    subscription_item: str | None = None

    @property
    def coupon(self) -> Coupon | None:
        """The coupon's terms; the client delivers every discount with them."""
        return self.source.coupon if isinstance(self.source.coupon, Coupon) else None


class SubscriptionItem(StripeObject, frozen=True, gc=False, kw_only=True):
    """One price of a subscription, with the period that is being billed."""

    price: Price
    current_period_start: int
    current_period_end: int
    quantity: int | None = None
    listed_discounts: list[Discount | str] = msgspec.field(name="discounts", default_factory=list)

    @property
    def discounts(self) -> tuple[Discount, ...]:
        """The item's own discounts."""
        return _expanded(self.listed_discounts)


class SubscriptionItems(msgspec.Struct, frozen=True, gc=False):
    """A subscription's items; the client delivers all of them."""

    data: list[SubscriptionItem]
    has_more: bool = False


class PauseCollection(msgspec.Struct, frozen=True, gc=False):
    """What happens to the invoices of a subscription while collection is paused."""

    behavior: str


class Subscription(StripeObject, frozen=True, gc=False, kw_only=True):
    """A subscription in any status, ended ones too."""

    customer: str
    status: str
    currency: str
    start_date: int
    collection_method: str
    items: SubscriptionItems
    cancel_at_period_end: bool = False
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    pause_collection: PauseCollection | None = None
    listed_discounts: list[Discount | str] = msgspec.field(name="discounts", default_factory=list)

    @property
    def discounts(self) -> tuple[Discount, ...]:
        """The discounts of the whole subscription."""
        return _expanded(self.listed_discounts)


class Period(msgspec.Struct, frozen=True, gc=False):
    """What a line is for."""

    start: int
    end: int


class PriceDetails(msgspec.Struct, frozen=True, gc=False):
    """The price that a line was calculated by."""

    price: str
    product: str | None = None


class Pricing(msgspec.Struct, frozen=True, gc=False):
    """How a line's amount came about."""

    price_details: PriceDetails | None = None


class LineOrigin(msgspec.Struct, frozen=True, gc=False):
    """The subscription or invoice item that a line comes from."""

    proration: bool = False
    subscription: str | None = None
    subscription_item: str | None = None


class LineParent(msgspec.Struct, frozen=True, gc=False):
    """A line's origin: one of the two."""

    invoice_item_details: LineOrigin | None = None
    subscription_item_details: LineOrigin | None = None


class DiscountAmount(msgspec.Struct, frozen=True, gc=False):
    """What one discount took off a line."""

    amount: int


_NOWHERE = LineOrigin()


class InvoiceLine(Identified, frozen=True, gc=False, kw_only=True):
    """A line of an invoice; Stripe gives it no time of creation."""

    amount: int
    currency: str
    period: Period
    quantity: int | None = None
    pricing: Pricing | None = None
    parent: LineParent | None = None
    discount_amounts: list[DiscountAmount] | None = None

    @property
    def origin(self) -> LineOrigin:
        """Whether the line is a proration, and the subscription and its item, if any."""
        parent = self.parent or LineParent()
        return parent.subscription_item_details or parent.invoice_item_details or _NOWHERE

    @property
    def price_details(self) -> PriceDetails | None:
        """The line's price and product; None for a line with an amount of its own."""
        return self.pricing.price_details if self.pricing else None

    @property
    def discount_amount(self) -> int:
        """What all discounts together took off."""
        return sum(discount.amount for discount in self.discount_amounts or ())


class InvoiceLines(msgspec.Struct, frozen=True, gc=False):
    """An invoice's lines; the client delivers all of them."""

    data: list[InvoiceLine]
    has_more: bool = False


class SubscriptionDetails(msgspec.Struct, frozen=True, gc=False):
    """The subscription that an invoice bills."""

    subscription: str | None = None


class InvoiceParent(msgspec.Struct, frozen=True, gc=False):
    """What an invoice was made for."""

    subscription_details: SubscriptionDetails | None = None


class StatusTransitions(msgspec.Struct, frozen=True, gc=False):
    """When an invoice got where it is."""

    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    marked_uncollectible_at: int | None = None


class Invoice(StripeObject, frozen=True, gc=False, kw_only=True):
    """An invoice with all its lines."""

    currency: str
    amount_due: int
    amount_paid: int
    amount_remaining: int
    subtotal: int
    total: int
    period_start: int
    period_end: int
    attempt_count: int
    lines: InvoiceLines
    status_transitions: StatusTransitions
    status: str | None = None
    customer: str | None = None
    total_excluding_tax: int | None = None
    billing_reason: str | None = None
    collection_method: str | None = None
    parent: InvoiceParent | None = None

    @property
    def subscription(self) -> str | None:
        """The subscription that is billed; None for an invoice made by hand."""
        details = self.parent.subscription_details if self.parent else None
        return details.subscription if details else None


def _expanded(listed: list[Discount | str]) -> tuple[Discount, ...]:
    return tuple(discount for discount in listed if isinstance(discount, Discount))
