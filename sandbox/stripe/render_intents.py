"""Stripe's payment intents as JSON, as they follow from their charges at a moment (ms)."""

from __future__ import annotations

from sandbox.stripe import people, render
from sandbox.stripe.facts import ChargeFact, PaymentIntentFact, moment_of, reached
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json


def payment_intent(ledger: Ledger, fact: PaymentIntentFact, as_of: int) -> Json:
    """Return the payment intent; its status is that of its newest attempt by `as_of`."""
    attempts = [part for part in ledger.charges_of(fact.id) if moment_of(part) <= as_of]
    last = attempts[-1] if attempts else None
    payer = _payer(fact, last)
    status = _status(fact, last, as_of)
    canceled = status == "canceled"
    return {
        "id": fact.id,
        "object": "payment_intent",
        "amount": fact.amount,
        "amount_capturable": last.amount if last and status == "requires_capture" else 0,
        "amount_details": {"tip": {}},
        "amount_received": last.captured_by(as_of) if last and status == "succeeded" else 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": fact.canceled_at if canceled else None,
        "cancellation_reason": fact.cancellation_reason if canceled else None,
        "capture_method": fact.capture_method,
        "client_secret": f"{fact.id}_secret_{people.number_of(fact.id)}",
        "confirmation_method": "automatic",
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer,
        "customer_account": None,
        "description": f"Order of {people.name_of(payer)}",
        "excluded_payment_method_types": None,
        "last_payment_error": _last_error(ledger, last, as_of),
        "latest_charge": last.id if last else None,
        "livemode": ledger.shop.livemode,
        "metadata": {"buyer": people.email_of(payer)},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": render.payment_method_of(payer) if last and last.succeeded else None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": people.email_of(payer),
        "review": None,
        "setup_future_usage": None,
        "shipping": people.shipping_of(payer),
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }


def _payer(fact: PaymentIntentFact, last: ChargeFact | None) -> str:
    return fact.customer or (last.id if last else fact.id)


def _status(fact: PaymentIntentFact, last: ChargeFact | None, as_of: int) -> str:
    if reached(fact.canceled_at, fact.ms, as_of):
        return "canceled"
    if last is None or not last.succeeded:
        return "requires_payment_method"
    return "succeeded" if last.captured_by(as_of) else "requires_capture"


def _last_error(ledger: Ledger, last: ChargeFact | None, as_of: int) -> Json | None:
    if last is None or last.succeeded:
        return None
    failure = render.charge(ledger, last, as_of)
    code = failure["failure_code"]
    return {
        "charge": last.id,
        "code": code,
        "decline_code": last.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": failure["failure_message"],
        "payment_method": {
            "id": failure["payment_method"],
            "object": "payment_method",
            "billing_details": failure["billing_details"],
            "card": people.card_of(last.customer or last.id),
            "created": last.created,
            "customer": None,
            "livemode": ledger.shop.livemode,
            "metadata": {},
            "type": "card",
        },
        "type": "card_error",
    }
