"""Rows of products, prices, subscriptions and invoices, from facts alone."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.stripe.billing_facts import (
    Discount,
    InvoiceFact,
    InvoiceLine,
    Item,
    PriceFact,
    SubscriptionFact,
    SubscriptionState,
)
from tests.oracle.view import Row, Rows, View, instant, instant_or_none


def billing(view: View) -> Rows:
    """The rows of everything that has to do with subscriptions."""
    ledger = view.ledger
    invoices = list(view.made(ledger.invoices.facts))
    held = {fact: _state(view, fact) for fact in view.made(ledger.subscriptions.facts)}
    return {
        "products": {
            fact.id: {
                "created_at": instant(fact.created),
                "active": not view.past(fact.archived_at, fact.ms),
                "default_price_id": fact.default_price,
            }
            for fact in view.made(ledger.products.facts)
            if not view.past(fact.deleted_at, fact.ms)
        },
        "prices": {fact.id: _price(view, fact) for fact in view.made(ledger.prices.facts)},
        "subscriptions": {
            fact.id: _subscription(view, fact, state) for fact, state in held.items()
        },
        "subscription_items": {
            item.id: _item(view, fact, item) for fact, state in held.items() for item in state.items
        },
        "invoices": {fact.id: _invoice(view, fact) for fact in invoices},
        "invoice_lines": {
            line.id: _invoice_line(view, fact, line) for fact in invoices for line in fact.lines
        },
    }


def _price(view: View, fact: PriceFact) -> Row:
    tiered, interval = bool(fact.tiers), fact.interval
    amount = None if tiered else fact.unit_amount
    exact = None if amount is None else Decimal(amount)
    if fact.unit_amount_decimal is not None and not tiered:
        exact = Decimal(fact.unit_amount_decimal)
    return {
        "created_at": instant(fact.created),
        "product_id": fact.product,
        "active": not view.past(fact.archived_at, fact.ms),
        "currency": fact.currency,
        "unit_amount": amount,
        "unit_amount_decimal": exact,
        "type": "one_time" if interval is None else "recurring",
        "billing_scheme": "tiered" if tiered else "per_unit",
        "interval": interval,
        "interval_count": None if interval is None else fact.interval_count,
        "usage_type": None if interval is None else fact.usage_type,
        "tiers_mode": fact.tiers_mode,
        "tiers": [
            {
                "up_to": tier.up_to,
                "flat_amount": tier.flat_amount,
                "flat_amount_decimal": _text(tier.flat_amount),
                "unit_amount": tier.unit_amount,
                "unit_amount_decimal": _text(tier.unit_amount),
            }
            for tier in fact.tiers
        ]
        or None,
    }


def _state(view: View, fact: SubscriptionFact) -> SubscriptionState:
    """The last of the subscription's states that has begun."""
    begun = [state for state in fact.states if view.past(state.since, state.ms)]
    return max(begun, key=lambda state: (state.since, state.ms))


def _subscription(view: View, fact: SubscriptionFact, state: SubscriptionState) -> Row:
    return {
        "created_at": instant(fact.created),
        "customer_id": fact.customer,
        "status": state.status,
        "currency": fact.currency,
        "started_at": instant(fact.created),
        "trial_start": instant_or_none(fact.trial_start),
        "trial_end": instant_or_none(fact.trial_end),
        "cancel_at": instant_or_none(state.cancel_at),
        "canceled_at": instant_or_none(state.canceled_at),
        "cancel_at_period_end": state.cancel_at_period_end,
        "ended_at": instant_or_none(state.ended_at),
        "pause_behavior": state.pause_behavior,
        "collection_method": fact.collection_method,
        "discounts": _discounts(view, state.discounts),
    }


def _item(view: View, fact: SubscriptionFact, item: Item) -> Row:
    return {
        "created_at": instant(item.created),
        "subscription_id": fact.id,
        "price_id": item.price,
        "quantity": item.quantity,
        "period_start": instant(item.period_start),
        "period_end": instant(item.period_end),
        "discounts": _discounts(view, item.discounts),
    }


def _discounts(view: View, discounts: Iterable[Discount]) -> list[dict[str, Any]]:
    return [_discount(view, discount) for discount in discounts]


def _discount(view: View, discount: Discount) -> dict[str, Any]:
    [coupon] = [fact for fact in view.ledger.coupons.facts if fact.id == discount.coupon]
    return {
        "percent_off": coupon.percent_off,
        "amount_off": coupon.amount_off,
        "currency": coupon.currency,
        "duration": coupon.duration,
        "duration_in_months": coupon.duration_in_months,
        "start": discount.start,
        "end": discount.end,
        "subscription_item": discount.subscription_item,
    }


def _invoice(view: View, fact: InvoiceFact) -> Row:
    before = sum(line.amount for line in fact.lines)
    off = sum(part.amount for line in fact.lines for part in line.discount_amounts)
    tax = sum(line.tax for line in fact.lines)
    due = max(0, before - off + tax)
    status = _invoice_status(view, fact)
    reached = {
        name: instant_or_none(second if view.past(second, fact.ms) else None)
        for name, second in (
            ("finalized_at", fact.finalized_at),
            ("paid_at", fact.paid_at),
            ("voided_at", fact.voided_at),
            ("marked_uncollectible_at", fact.marked_uncollectible_at),
        )
    }
    return {
        "created_at": instant(fact.created),
        "customer_id": fact.customer,
        "subscription_id": fact.subscription,
        "status": status,
        "currency": fact.currency,
        "amount_due": due,
        "amount_paid": due if status == "paid" else 0,
        "amount_remaining": 0 if status == "paid" else due,
        "subtotal": before,
        "total": before - off + tax,
        "total_excluding_tax": before - off,
        "billing_reason": fact.billing_reason,
        "period_start": instant(fact.period_start),
        "period_end": instant(fact.period_end),
        **reached,
        "attempt_count": sum(view.past(second, fact.ms) for second in fact.attempts),
        "collection_method": fact.collection_method,
    }


def _invoice_status(view: View, fact: InvoiceFact) -> str:
    if view.past(fact.paid_at, fact.ms):
        return "paid"
    if view.past(fact.voided_at, fact.ms):
        return "void"
    if view.past(fact.marked_uncollectible_at, fact.ms):
        return "uncollectible"
    return "open" if view.past(fact.finalized_at, fact.ms) else "draft"


def _invoice_line(view: View, fact: InvoiceFact, line: InvoiceLine) -> Row:
    product = None if line.price is None else view.ledger.prices.get(line.price).product
    return {
        "created_at": instant(fact.created),
        "invoice_id": fact.id,
        "amount": line.amount,
        "currency": fact.currency,
        "quantity": line.quantity,
        "period_start": instant(line.period_start),
        "period_end": instant(line.period_end),
        "price_id": line.price,
        "product_id": product,
        "subscription_id": fact.subscription,
        "subscription_item_id": line.subscription_item,
        "proration": line.proration,
        "discount_amount": sum(part.amount for part in line.discount_amounts),
    }


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
