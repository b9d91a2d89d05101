"""From Stripe's billing objects to the rows that the ledger keeps of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from db.repositories.ledger_rows import (
    InvoiceLineRow,
    InvoiceRow,
    PriceRow,
    ProductRow,
    SubscriptionItemRow,
    SubscriptionRow,
)
from integrations.stripe.billing import (
    Discount,
    Invoice,
    InvoiceLine,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
    Tier,
)
from services.stripe_sync.payment_rows import instant, instant_or_none


def product_row(product: Product, version: int) -> ProductRow:
    """Return what is kept of a product."""
    return ProductRow(
        stripe_id=product.id,
        created_at=instant(product.created),
        source_version=version,
        active=product.active,
        default_price_id=product.default_price,
    )


def price_row(price: Price, version: int) -> PriceRow:
    """Return what is kept of a price."""
    recurring = price.recurring
    return PriceRow(
        stripe_id=price.id,
        created_at=instant(price.created),
        source_version=version,
        product_id=price.product,
        active=price.active,
        currency=price.currency,
        unit_amount=price.unit_amount,
        unit_amount_decimal=price.unit_amount_decimal,
        type=price.type,
        billing_scheme=price.billing_scheme,
        interval=recurring.interval if recurring else None,
        interval_count=recurring.interval_count if recurring else None,
        usage_type=recurring.usage_type if recurring else None,
        tiers_mode=price.tiers_mode,
        tiers=None if price.tiers is None else [_tier(tier) for tier in price.tiers],
    )


def subscription_row(subscription: Subscription, version: int) -> SubscriptionRow:
    """Return what is kept of a subscription beside its items."""
    pause = subscription.pause_collection
    return SubscriptionRow(
        stripe_id=subscription.id,
        created_at=instant(subscription.created),
        source_version=version,
        customer_id=subscription.customer,
        status=subscription.status,
        currency=subscription.currency,
        started_at=instant(subscription.start_date),
        trial_start=instant_or_none(subscription.trial_start),
        trial_end=instant_or_none(subscription.trial_end),
        cancel_at=instant_or_none(subscription.cancel_at),
        canceled_at=instant_or_none(subscription.canceled_at),
        cancel_at_period_end=subscription.cancel_at_period_end,
        ended_at=instant_or_none(subscription.ended_at),
        pause_behavior=pause.behavior if pause else None,
        collection_method=subscription.collection_method,
        discounts=_discounts(subscription.discounts),
    )


def subscription_item_rows(subscription: Subscription, version: int) -> list[SubscriptionItemRow]:
    """Return what is kept of a subscription's items."""
    return [_item_row(subscription, item, version) for item in subscription.items.data]


def _item_row(
    subscription: Subscription, item: SubscriptionItem, version: int
) -> SubscriptionItemRow:
    return SubscriptionItemRow(
        stripe_id=item.id,
        created_at=instant(item.created),
        source_version=version,
        subscription_id=subscription.id,
        price_id=item.price.id,
        quantity=item.quantity,
        period_start=instant(item.current_period_start),
        period_end=instant(item.current_period_end),
        discounts=_discounts(item.discounts),
    )


def invoice_row(invoice: Invoice, version: int) -> InvoiceRow:
    """Return what is kept of an invoice beside its lines."""
    reached = invoice.status_transitions
    return InvoiceRow(
        stripe_id=invoice.id,
        created_at=instant(invoice.created),
        source_version=version,
        customer_id=invoice.customer,
        subscription_id=invoice.subscription,
        status=invoice.status,
        currency=invoice.currency,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        amount_remaining=invoice.amount_remaining,
        subtotal=invoice.subtotal,
        total=invoice.total,
        total_excluding_tax=invoice.total_excluding_tax,
        billing_reason=invoice.billing_reason,
        period_start=instant(invoice.period_start),
        period_end=instant(invoice.period_end),
        finalized_at=instant_or_none(reached.finalized_at),
        paid_at=instant_or_none(reached.paid_at),
        voided_at=instant_or_none(reached.voided_at),
        marked_uncollectible_at=instant_or_none(reached.marked_uncollectible_at),
        attempt_count=invoice.attempt_count,
        collection_method=invoice.collection_method,
    )


def invoice_line_rows(invoice: Invoice, version: int) -> list[InvoiceLineRow]:
    """Return what is kept of an invoice's lines."""
    return [_line_row(invoice, line, version) for line in invoice.lines.data]


def _line_row(invoice: Invoice, line: InvoiceLine, version: int) -> InvoiceLineRow:
    origin = line.origin
    price = line.price_details
    return InvoiceLineRow(
        stripe_id=line.id,
        created_at=instant(invoice.created),
        source_version=version,
        invoice_id=invoice.id,
        amount=line.amount,
        currency=line.currency,
        quantity=line.quantity,
        period_start=instant(line.period.start),
        period_end=instant(line.period.end),
        price_id=price.price if price else None,
        product_id=price.product if price else None,
        subscription_id=origin.subscription,
        subscription_item_id=origin.subscription_item,
        proration=origin.proration,
        discount_amount=line.discount_amount,
    )


def _tier(tier: Tier) -> dict[str, Any]:
    return {
        "up_to": tier.up_to,
        "flat_amount": tier.flat_amount,
        "flat_amount_decimal": _text(tier.flat_amount_decimal),
        "unit_amount": tier.unit_amount,
        "unit_amount_decimal": _text(tier.unit_amount_decimal),
    }


def _discounts(discounts: Iterable[Discount]) -> list[dict[str, Any]]:
    """Return the terms of discounts; a coupon that could not be read leaves its terms None."""
    return [_discount(discount) for discount in discounts]


def _discount(discount: Discount) -> dict[str, Any]:
    coupon = discount.coupon
    return {
        "percent_off": _text(coupon.percent_off) if coupon else None,
        "amount_off": coupon.amount_off if coupon else None,
        "currency": coupon.currency if coupon else None,
        "duration": coupon.duration if coupon else None,
        "duration_in_months": coupon.duration_in_months if coupon else None,
        "start": discount.start,
        "end": discount.end,
        "subscription_item": discount.subscription_item,
    }


def _text(number: Decimal | None) -> str | None:
    """Return a decimal as text, for JSON's numbers are floats to most readers."""
    return None if number is None else format(number.normalize(), "f")
