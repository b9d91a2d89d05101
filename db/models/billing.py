"""The Stripe ledger of billing: products, prices, subscriptions and invoices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, Numeric, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import Model, Str20, Str50, Str255
from db.models.ledger import LedgerRow

# Stripe: at most 12 digits before the point (unit_amount) and 12 behind it (unit_amount_decimal).
_UNIT_AMOUNT = Numeric(24, 12)


class LedgerProduct(LedgerRow, Model):
    """Something that is sold; its name is not kept."""

    __tablename__ = "ledger_products"

    active: Mapped[bool]
    default_price_id: Mapped[Str255 | None]


class LedgerPrice(LedgerRow, Model):
    """What a product costs; `tiers` hold the steps of a tiered one, amounts in minor units."""

    __tablename__ = "ledger_prices"

    product_id: Mapped[Str255 | None]
    active: Mapped[bool]
    currency: Mapped[str] = mapped_column(String(3))
    unit_amount: Mapped[int | None] = mapped_column(BigInteger)
    unit_amount_decimal: Mapped[Decimal | None] = mapped_column(_UNIT_AMOUNT)
    type: Mapped[Str20]
    billing_scheme: Mapped[Str20]
    interval: Mapped[Str20 | None]
    interval_count: Mapped[int | None] = mapped_column(Integer)
    usage_type: Mapped[Str20 | None]
    tiers_mode: Mapped[Str20 | None]
    tiers: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))


class LedgerSubscription(LedgerRow, Model):
    """A subscription; its items hold the prices and periods."""

    __tablename__ = "ledger_subscriptions"

    customer_id: Mapped[Str255 | None]
    status: Mapped[Str50]
    currency: Mapped[str] = mapped_column(String(3))
    started_at: Mapped[datetime]
    trial_start: Mapped[datetime | None]
    trial_end: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    cancel_at_period_end: Mapped[bool]
    ended_at: Mapped[datetime | None]
    pause_behavior: Mapped[Str50 | None]
    collection_method: Mapped[Str50 | None]
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class LedgerSubscriptionItem(LedgerRow, Model):
    """One price of a subscription."""

    __tablename__ = "ledger_subscription_items"
    __table_args__ = (Index(None, "business_id", "subscription_id"),)

    subscription_id: Mapped[Str255]
    price_id: Mapped[Str255 | None]
    quantity: Mapped[int | None] = mapped_column(BigInteger)
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class LedgerInvoice(LedgerRow, Model):
    """An invoice."""

    __tablename__ = "ledger_invoices"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    customer_id: Mapped[Str255 | None]
    subscription_id: Mapped[Str255 | None]
    status: Mapped[Str20 | None]
    currency: Mapped[str] = mapped_column(String(3))
    amount_due: Mapped[int] = mapped_column(BigInteger)
    amount_paid: Mapped[int] = mapped_column(BigInteger)
    amount_remaining: Mapped[int] = mapped_column(BigInteger)
    subtotal: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    total_excluding_tax: Mapped[int | None] = mapped_column(BigInteger)
    billing_reason: Mapped[Str50 | None]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    finalized_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    marked_uncollectible_at: Mapped[datetime | None]
    attempt_count: Mapped[int] = mapped_column(Integer)
    collection_method: Mapped[Str50 | None]


class LedgerInvoiceLine(LedgerRow, Model):
    """A line of an invoice; `created_at` is its invoice's, for it has none of its own."""

    __tablename__ = "ledger_invoice_lines"
    __table_args__ = (Index(None, "business_id", "invoice_id"),)

    invoice_id: Mapped[Str255]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    quantity: Mapped[int | None] = mapped_column(BigInteger)
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    price_id: Mapped[Str255 | None]
    product_id: Mapped[Str255 | None]
    subscription_id: Mapped[Str255 | None]
    subscription_item_id: Mapped[Str255 | None]
    proration: Mapped[bool]
    discount_amount: Mapped[int] = mapped_column(BigInteger)
