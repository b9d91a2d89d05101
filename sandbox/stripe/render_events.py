"""Stripe's events as JSON: the object as it was when the event was made, in that day's version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe import profiles, render, render_billing, render_intents
from sandbox.stripe.events import EventFact
from sandbox.stripe.facts import moment_of
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json
from sandbox.stripe.table import Table

_Render = Callable[[Ledger, Any, int], Json]

# By the object's kind: the ledger's table of it and how it is shown.
_SHOWN: Mapping[str, tuple[Callable[[Ledger], Table[Any]], _Render]] = {
    "charge": (lambda ledger: ledger.charges, render.charge),
    "coupon": (lambda ledger: ledger.coupons, render_billing.coupon),
    "customer": (lambda ledger: ledger.customers, profiles.customer),
    "dispute": (lambda ledger: ledger.disputes, render.dispute),
    "invoice": (lambda ledger: ledger.invoices, render_billing.invoice),
    "payment_intent": (lambda ledger: ledger.payment_intents, render_intents.payment_intent),
    "payout": (lambda ledger: ledger.payouts, render.payout),
    "price": (lambda ledger: ledger.prices, render_billing.price),
    "product": (lambda ledger: ledger.products, render_billing.product),
    "radar.early_fraud_warning": (
        lambda ledger: ledger.early_fraud_warnings,
        render.early_fraud_warning,
    ),
    "refund": (lambda ledger: ledger.refunds, render.refund),
    "subscription": (lambda ledger: ledger.subscriptions, render_billing.subscription),
}


def event(ledger: Ledger, fact: EventFact, as_of: int) -> Json:
    """Return the event; it is the same at every `as_of`."""
    del as_of
    table, shown = _SHOWN[fact.kind]
    made = moment_of(fact)
    # A deletion shows what was there until then.
    body = shown(ledger, table(ledger).get(fact.object_id), made - fact.deleted)
    return {
        "id": fact.id,
        "object": "event",
        "api_version": ledger.shop.api_version_at(fact.created),
        "created": fact.created,
        "data": {"object": body},
        "livemode": ledger.shop.livemode,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": fact.type,
    }
