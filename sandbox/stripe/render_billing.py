"""Stripe's objects of billing as JSON, as the facts stood at a moment (milliseconds)."""

from __future__ import annotations

from sandbox.stripe import people
from sandbox.stripe.billing_facts import (
    CouponFact,
    Item,
    PriceFact,
    ProductFact,
    SubscriptionFact,
)
from sandbox.stripe.facts import reached
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json
from sandbox.stripe.render_invoices import invoice, invoice_lines

__all__ = [
    "coupon",
    "discount",
    "invoice",
    "invoice_lines",
    "price",
    "product",
    "subscription",
    "subscription_items",
    "tiers",
]

# A list inside an object holds the first ten; the rest has its own path.
INSIDE = 10
# What Stripe has on a subscription and this shop never uses.
_UNUSED: Json = {
    "application": None,
    "application_fee_percent": None,
    "billing_cycle_anchor_config": None,
    "billing_thresholds": None,
    "customer_account": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "test_clock": None,
    "transfer_data": None,
}


def product(ledger: Ledger, fact: ProductFact, as_of: int) -> Json:
    """Return the product; of a deleted one Stripe tells only that."""
    if reached(fact.deleted_at, fact.ms, as_of):
        return {"id": fact.id, "object": "product", "deleted": True}
    archived = reached(fact.archived_at, fact.ms, as_of)
    return {
        "id": fact.id,
        "object": "product",
        "active": not archived,
        "created": fact.created,
        "default_price": fact.default_price,
        "description": "SBX-PRODUCT as the shop describes it",
        "images": [],
        "livemode": ledger.shop.livemode,
        "marketing_features": [],
        "metadata": {"owner": "owner@example.com"},
        "name": fact.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": fact.archived_at if archived else fact.created,
        "url": None,
    }


def price(ledger: Ledger, fact: PriceFact, as_of: int) -> Json:
    """Return the price; its tiers are left out unless they are expanded."""
    decimal = fact.unit_amount_decimal
    if decimal is None and fact.unit_amount is not None:
        decimal = str(fact.unit_amount)
    return {
        "id": fact.id,
        "object": "price",
        "active": not reached(fact.archived_at, fact.ms, as_of),
        "billing_scheme": "tiered" if fact.tiers else "per_unit",
        "created": fact.created,
        "currency": fact.currency,
        "custom_unit_amount": None,
        "livemode": ledger.shop.livemode,
        "lookup_key": fact.lookup_key,
        "metadata": {"owner": "owner@example.com"},
        "nickname": fact.nickname,
        "product": fact.product,
        "recurring": _recurring(fact),
        "tax_behavior": "unspecified",
        "tiers_mode": fact.tiers_mode,
        "transform_quantity": None,
        "type": "recurring" if fact.interval else "one_time",
        "unit_amount": None if fact.tiers else fact.unit_amount,
        "unit_amount_decimal": None if fact.tiers else decimal,
    }


def tiers(fact: PriceFact) -> list[Json] | None:
    """Return the steps of a tiered price, which Stripe shows on request."""
    if not fact.tiers:
        return None
    return [
        {
            "flat_amount": tier.flat_amount,
            "flat_amount_decimal": _text(tier.flat_amount),
            "unit_amount": tier.unit_amount,
            "unit_amount_decimal": _text(tier.unit_amount),
            "up_to": tier.up_to,
        }
        for tier in fact.tiers
    ]


def coupon(ledger: Ledger, fact: CouponFact, as_of: int) -> Json:
    """Return the coupon; it never changes after its creation."""
    del as_of
    return {
        "id": fact.id,
        "object": "coupon",
        "amount_off": fact.amount_off,
        "created": fact.created,
        "currency": fact.currency,
        "duration": fact.duration,
        "duration_in_months": fact.duration_in_months,
        "livemode": ledger.shop.livemode,
        "max_redemptions": None,
        "metadata": {"owner": "owner@example.com"},
        "name": "SBX-COUPON as the shop calls it",
        "percent_off": None if fact.percent_off is None else float(fact.percent_off),
        "redeem_by": None,
        "times_redeemed": 1,
        "valid": True,
    }


def discount(ledger: Ledger, discount_id: str) -> Json:
    """Return a discount of a subscription or of one of its items; its coupon is an id."""
    fact, subscription_id = ledger.discounts[discount_id]
    on_item = fact.subscription_item is not None
    return {
        "id": fact.id,
        "object": "discount",
        "checkout_session": None,
        "customer": ledger.subscriptions.get(subscription_id).customer,
        "customer_account": None,
        "end": fact.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": fact.coupon, "type": "coupon"},
        "start": fact.start,
        "subscription": None if on_item else subscription_id,
        "subscription_item": fact.subscription_item,
    }


def subscription(ledger: Ledger, fact: SubscriptionFact, as_of: int) -> Json:
    """Return the subscription in its state at `as_of`, with its first ten items."""
    state = fact.state(as_of)
    items = subscription_items(ledger, fact.id, as_of)
    paused = state.pause_behavior
    return {
        "id": fact.id,
        "object": "subscription",
        **_UNUSED,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": fact.trial_end or fact.created,
        "billing_mode": {"type": "flexible", "flexible": {}},
        "cancel_at": state.cancel_at,
        "cancel_at_period_end": state.cancel_at_period_end,
        "canceled_at": state.canceled_at,
        "cancellation_details": {
            "comment": f"{people.name_of(fact.customer)} left" if state.canceled_at else None,
            "feedback": None,
            "reason": "cancellation_requested" if state.canceled_at else None,
        },
        "collection_method": fact.collection_method,
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer,
        "days_until_due": None if fact.collection_method == "charge_automatically" else 30,
        "description": f"Plan of {people.name_of(fact.customer)}",
        "discounts": [part.id for part in state.discounts],
        "ended_at": state.ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": items[:INSIDE],
            "has_more": len(items) > INSIDE,
            "url": f"/v1/subscription_items?subscription={fact.id}",
        },
        "latest_invoice": state.latest_invoice,
        "livemode": ledger.shop.livemode,
        "metadata": {"buyer": people.email_of(fact.customer)},
        "pause_collection": None if paused is None else {"behavior": paused, "resumes_at": None},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": fact.created,
        "status": state.status,
        "trial_end": fact.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": fact.trial_start,
    }


def subscription_items(ledger: Ledger, subscription_id: str, as_of: int) -> list[Json]:
    """Return all items of the subscription at the moment, in its order."""
    fact = ledger.subscriptions.get(subscription_id)
    return [_item(ledger, fact, item, as_of) for item in fact.state(as_of).items]


def _item(ledger: Ledger, fact: SubscriptionFact, item: Item, as_of: int) -> Json:
    paid_for = price(ledger, ledger.prices.get(item.price), as_of)
    return {
        "id": item.id,
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": item.created,
        "current_period_end": item.period_end,
        "current_period_start": item.period_start,
        "discounts": [part.id for part in item.discounts],
        "metadata": {"buyer": people.email_of(fact.customer)},
        "plan": _plan(paid_for),
        "price": paid_for,
        "quantity": item.quantity,
        "subscription": fact.id,
        "tax_rates": [],
    }


def _plan(paid_for: Json) -> Json:
    """Return the price in the form that came before prices."""
    recurring = paid_for["recurring"] or {}
    return {
        "id": paid_for["id"],
        "object": "plan",
        "active": paid_for["active"],
        "amount": paid_for["unit_amount"],
        "amount_decimal": paid_for["unit_amount_decimal"],
        "billing_scheme": paid_for["billing_scheme"],
        "created": paid_for["created"],
        "currency": paid_for["currency"],
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "livemode": paid_for["livemode"],
        "metadata": paid_for["metadata"],
        "meter": None,
        "nickname": paid_for["nickname"],
        "product": paid_for["product"],
        "tiers_mode": paid_for["tiers_mode"],
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring.get("usage_type"),
    }


def _recurring(fact: PriceFact) -> Json | None:
    if fact.interval is None:
        return None
    return {
        "interval": fact.interval,
        "interval_count": fact.interval_count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": fact.usage_type,
    }


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
