"""Stripe's invoices and their lines as JSON, as they stood at a moment (milliseconds)."""

from __future__ import annotations

from sandbox.stripe import people
from sandbox.stripe.billing_facts import InvoiceFact, InvoiceLine
from sandbox.stripe.facts import reached
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json

# An invoice holds its first ten lines; the rest has its own path.
INSIDE = 10
# What Stripe has on an invoice and this shop never uses.
_UNUSED: Json = {
    "amount_overpaid": 0,
    "amount_shipping": 0,
    "application": None,
    "automatically_finalizes_at": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "due_date": None,
    "footer": None,
    "from_invoice": None,
    "last_finalization_error": None,
    "latest_revision": None,
    "next_payment_attempt": None,
    "on_behalf_of": None,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "test_clock": None,
    "total_pretax_credit_amounts": [],
}


def invoice(ledger: Ledger, fact: InvoiceFact, as_of: int) -> Json:
    """Return the invoice in its state at `as_of`, with its first ten lines."""
    status = fact.status(as_of)
    due = max(0, fact.total)
    paid = due if status == "paid" else 0
    attempts = sum(reached(second, fact.ms, as_of) for second in fact.attempts)
    lines = invoice_lines(ledger, fact.id, as_of)
    number = people.number_of(fact.id)
    return {
        "id": fact.id,
        "object": "invoice",
        **_UNUSED,
        **_seller_and_buyer(ledger, fact),
        "amount_due": due,
        "amount_paid": paid,
        "amount_remaining": due - paid,
        "attempt_count": attempts,
        "attempted": attempts > 0,
        "auto_advance": status in ("draft", "open"),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "status": None},
        "billing_reason": fact.billing_reason,
        "collection_method": fact.collection_method,
        "created": fact.created,
        "currency": fact.currency,
        "discounts": list(dict.fromkeys(part["discount"] for part in _taken_off(fact))),
        "effective_at": fact.finalized_at if status != "draft" else None,
        "ending_balance": None if status == "draft" else 0,
        "hosted_invoice_url": f"https://invoices.example.com/{fact.id}",
        "invoice_pdf": f"https://invoices.example.com/{fact.id}/pdf",
        "issuer": {"type": "self"},
        "lines": {
            "object": "list",
            "data": lines[:INSIDE],
            "has_more": len(lines) > INSIDE,
            "total_count": len(lines),
            "url": f"/v1/invoices/{fact.id}/lines",
        },
        "livemode": ledger.shop.livemode,
        "metadata": {"buyer": people.email_of(fact.customer)},
        "number": None if status == "draft" else f"SBX-INV-{number}",
        "parent": _parent(fact),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": fact.period_end,
        "period_start": fact.period_start,
        "receipt_number": f"SBX-RCPT-{number}" if status == "paid" else None,
        "status": status,
        "status_transitions": _transitions(fact, as_of),
        "subtotal": fact.subtotal,
        "subtotal_excluding_tax": fact.subtotal,
        "total": fact.total,
        "total_discount_amounts": _taken_off(fact),
        "total_excluding_tax": fact.total - fact.tax,
        "total_taxes": [_tax(fact.tax)] if fact.tax else [],
        "webhooks_delivered_at": fact.created,
    }


def invoice_lines(ledger: Ledger, invoice_id: str, as_of: int) -> list[Json]:
    """Return all lines of the invoice, in its order."""
    del as_of
    fact = ledger.invoices.get(invoice_id)
    return [_line(ledger, fact, line) for line in fact.lines]


def _line(ledger: Ledger, fact: InvoiceFact, line: InvoiceLine) -> Json:
    taken_off = [
        {"amount": part.amount, "discount": part.discount.id} for part in line.discount_amounts
    ]
    return {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": fact.currency,
        "description": f"For {people.name_of(fact.customer)}",
        "discount_amounts": taken_off,
        "discountable": True,
        "discounts": [part["discount"] for part in taken_off],
        "invoice": fact.id,
        "livemode": ledger.shop.livemode,
        "metadata": {"buyer": people.email_of(fact.customer)},
        "parent": _line_parent(fact, line),
        "period": {"end": line.period_end, "start": line.period_start},
        "pretax_credit_amounts": [],
        "pricing": _pricing(ledger, line),
        "quantity": line.quantity,
        "quantity_decimal": None if line.quantity is None else str(line.quantity),
        "subscription": fact.subscription,
        "subtotal": line.amount,
        "taxes": [_tax(line.tax)] if line.tax else [],
    }


def _line_parent(fact: InvoiceFact, line: InvoiceLine) -> Json:
    if line.subscription_item is None:
        details: Json = {
            "invoice_item": line.id.replace("il_", "ii_"),
            "proration": line.proration,
            "proration_details": None,
            "subscription": fact.subscription,
        }
        kind = "invoice_item_details"
    else:
        details = {
            "invoice_item": line.id.replace("il_", "ii_") if line.proration else None,
            "proration": line.proration,
            "proration_details": {"credited_items": None} if line.proration else None,
            "subscription": fact.subscription,
            "subscription_item": line.subscription_item,
        }
        kind = "subscription_item_details"
    both = {"invoice_item_details": None, "subscription_item_details": None}
    return {**both, kind: details, "type": kind}


def _pricing(ledger: Ledger, line: InvoiceLine) -> Json | None:
    if line.price is None:
        return None
    fact = ledger.prices.get(line.price)
    decimal = fact.unit_amount_decimal
    if decimal is None and fact.unit_amount is not None:
        decimal = str(fact.unit_amount)
    return {
        "price_details": {"price": fact.id, "product": fact.product},
        "type": "price_details",
        "unit_amount_decimal": decimal,
    }


def _seller_and_buyer(ledger: Ledger, fact: InvoiceFact) -> Json:
    return {
        "account_country": ledger.shop.country,
        "account_name": ledger.shop.name,
        "account_tax_ids": None,
        "custom_fields": None,
        "customer": fact.customer,
        "customer_account": None,
        "customer_address": people.address_of(fact.customer),
        "customer_email": people.email_of(fact.customer),
        "customer_name": people.name_of(fact.customer),
        "customer_phone": people.phone_of(fact.customer),
        "customer_shipping": people.shipping_of(fact.customer),
        "customer_tax_exempt": "none",
        "customer_tax_ids": [
            {"type": "us_ein", "value": f"SBX-TAX-{people.number_of(fact.customer)}"}
        ],
    }


def _parent(fact: InvoiceFact) -> Json | None:
    if fact.subscription is None:
        return None
    return {
        "quote_details": None,
        "subscription_details": {"metadata": {}, "subscription": fact.subscription},
        "type": "subscription_details",
    }


def _transitions(fact: InvoiceFact, as_of: int) -> Json:
    names = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
    moments = {name: getattr(fact, name) for name in names}
    return {name: at if reached(at, fact.ms, as_of) else None for name, at in moments.items()}


def _taken_off(fact: InvoiceFact) -> list[Json]:
    totals: dict[str, int] = {}
    for line in fact.lines:
        for part in line.discount_amounts:
            totals[part.discount.id] = totals.get(part.discount.id, 0) + part.amount
    return [{"amount": amount, "discount": name} for name, amount in totals.items()]


def _tax(amount: int) -> Json:
    return {
        "amount": amount,
        "tax_behavior": "exclusive",
        "tax_rate_details": None,
        "taxability_reason": "standard_rated",
        "taxable_amount": None,
        "type": "tax_rate_details",
    }
