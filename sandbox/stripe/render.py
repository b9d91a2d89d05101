"""Stripe's objects of money as JSON, as the facts stood at an instant (UTC seconds).

Field names follow API version 2026-10-28.endive.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe import people
from sandbox.stripe.facts import BalanceFact, ChargeFact, DisputeFact, RefundFact
from sandbox.stripe.ledger import Ledger, transaction_id

Json = dict[str, Any]

_DECLINE_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
}
# The networks' codes behind Stripe's reasons: docs.stripe.com/disputes/categories.
_NETWORK_REASONS = {
    "fraudulent": {"visa": "10.4", "mastercard": "4837", "amex": "F29"},
    "product_not_received": {"visa": "13.1", "mastercard": "4853", "amex": "C08"},
    "product_unacceptable": {"visa": "13.3", "mastercard": "4853", "amex": "C31"},
    "duplicate": {"visa": "12.6.1", "mastercard": "4834", "amex": "P08"},
}
_CHECKS = {
    "address_line1_check": "pass",
    "address_postal_code_check": "pass",
    "cvc_check": "pass",
}
_UNAVAILABLE = {"status": "unavailable"}
_CARD_CONSTANTS: Json = {
    "authorization_code": "231407",
    "checks": _CHECKS,
    "extended_authorization": {"status": "disabled"},
    "incremental_authorization": _UNAVAILABLE,
    "installments": None,
    "mandate": None,
    "multicapture": _UNAVAILABLE,
    "network_token": {"used": False},
    "regulated_status": "unregulated",
    "three_d_secure": None,
    "transaction_link_id": None,
    "wallet": None,
}
_EVIDENCE_FIELDS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def charge(ledger: Ledger, fact: ChargeFact, as_of: int) -> Json:
    """Return the charge; refunds and disputes created by `as_of` are in it."""
    payer = fact.customer or fact.id
    refunded = sum(part.amount for part in ledger.refunds_of(fact.id) if part.created <= as_of)
    disputed = any(part.created <= as_of for part in ledger.disputes_of(fact.id))
    return {
        "id": fact.id,
        "object": "charge",
        "amount": fact.amount,
        "amount_captured": fact.captured,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "authorization_code": None,
        "balance_transaction": transaction_id(fact.id) if fact.captured else None,
        "billing_details": _billing_details(payer),
        "calculated_statement_descriptor": ledger.shop.name.upper(),
        "captured": fact.captured > 0,
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer,
        "description": f"Order of {people.name_of(payer)}",
        "disputed": disputed,
        **_outcome(fact),
        "failure_balance_transaction": None,
        "fraud_details": {},
        "livemode": ledger.shop.livemode,
        "metadata": {"order": str(people.number_of(fact.id)), "buyer": people.email_of(payer)},
        "on_behalf_of": None,
        "paid": fact.succeeded,
        "payment_intent": fact.payment_intent,
        "payment_method": _payment_method(payer),
        "payment_method_details": _payment_method_details(fact, payer),
        "presentment_details": None,
        "radar_options": {},
        "receipt_email": people.email_of(payer),
        "receipt_number": None,
        "receipt_url": f"https://receipts.example.com/{fact.id}",
        "refunded": 0 < fact.captured == refunded,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "transfer_data": None,
        "transfer_group": None,
    }


def refund(ledger: Ledger, fact: RefundFact, as_of: int) -> Json:
    """Return the refund; it never changes after its creation."""
    del as_of
    sale = ledger.charges.get(fact.charge)
    return {
        "id": fact.id,
        "object": "refund",
        "amount": fact.amount,
        "balance_transaction": transaction_id(fact.id),
        "charge": fact.charge,
        "created": fact.created,
        "currency": sale.currency,
        "customer": sale.customer,
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference": str(people.number_of(fact.id)),
                "reference_status": "available",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": sale.payment_intent,
        "payment_method": _payment_method(sale.customer or sale.id),
        "reason": fact.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def dispute(ledger: Ledger, fact: DisputeFact, as_of: int) -> Json:
    """Return the dispute in its state at `as_of`, with its balance transactions so far."""
    sale = ledger.charges.get(fact.charge)
    payer = sale.customer or sale.id
    brand = people.brand_of(payer)
    lines = ledger.balance_transactions.matching("source", fact.id)
    return {
        "id": fact.id,
        "object": "dispute",
        "amount": fact.amount,
        "balance_transactions": [
            balance_transaction(ledger, line, as_of) for line in lines if line.created <= as_of
        ],
        "charge": fact.charge,
        "created": fact.created,
        "currency": sale.currency,
        "enhanced_eligibility_types": [],
        "evidence": _evidence(payer),
        "evidence_details": _evidence_details(fact, as_of),
        "is_charge_refundable": False,
        "livemode": ledger.shop.livemode,
        "metadata": {},
        "payment_intent": sale.payment_intent,
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "chargeback",
                "network": brand,
                "network_reason_code": _NETWORK_REASONS.get(fact.reason, {}).get(brand),
            },
            "type": "card",
        },
        "reason": fact.reason,
        "status": fact.status(as_of),
    }


def balance_transaction(ledger: Ledger, fact: BalanceFact, as_of: int) -> Json:
    """Return the ledger line; it is pending until its money is available."""
    details = {
        "amount": fact.fee,
        "application": None,
        "currency": fact.currency,
        "description": "Dispute fee" if fact.type == "adjustment" else "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": fact.id,
        "object": "balance_transaction",
        "amount": fact.amount,
        "available_on": fact.available_on,
        "balance_type": "payments",
        "created": fact.created,
        "currency": fact.currency,
        "description": _line_description(ledger, fact),
        "exchange_rate": None,
        "fee": fact.fee,
        "fee_details": [details] if fact.fee else [],
        "net": fact.amount - fact.fee,
        "reporting_category": fact.reporting_category,
        "source": fact.source,
        "status": "available" if fact.available_on <= as_of else "pending",
        "type": fact.type,
    }


def _billing_details(payer: str) -> Json:
    return {
        "address": people.address_of(payer),
        "email": people.email_of(payer),
        "name": people.name_of(payer),
        "phone": people.phone_of(payer),
        "tax_id": None,
    }


def _outcome(fact: ChargeFact) -> Json:
    """Return the fields that tell whether the attempt worked and, if not, why."""
    code = fact.decline_code
    failed = code is not None
    message = _DECLINE_MESSAGES.get(code or "", "Your card was declined.") if failed else None
    failure = "expired_card" if code == "expired_card" else "card_declined"
    return {
        "status": "failed" if failed else "succeeded",
        "failure_code": failure if failed else None,
        "failure_message": message,
        "outcome": {
            "advice_code": "try_again_later" if failed else None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "reason": code,
            "risk_level": "normal",
            "seller_message": message or "Payment complete.",
            "type": "issuer_declined" if failed else "authorized",
        },
    }


def _payment_method(payer: str) -> str:
    return f"pm_1Sandbox{people.number_of(payer):016d}"


def _payment_method_details(fact: ChargeFact, payer: str) -> Json:
    return {
        "card": {
            **people.card_of(payer),
            **_CARD_CONSTANTS,
            "amount_authorized": fact.amount if fact.succeeded else None,
            "network_transaction_id": f"{people.number_of(fact.id):015d}",
            "overcapture": {
                "maximum_amount_capturable": fact.amount,
                "status": "unavailable",
            },
        },
        "type": "card",
    }


def _evidence(payer: str) -> Json:
    return {
        **dict.fromkeys(_EVIDENCE_FIELDS),
        "customer_email_address": people.email_of(payer),
        "customer_name": people.name_of(payer),
        "customer_purchase_ip": people.ip_of(payer),
        "enhanced_evidence": {},
    }


def _evidence_details(fact: DisputeFact, as_of: int) -> Json:
    answered = fact.answered_at is not None and fact.answered_at <= as_of
    return {
        "due_by": fact.deadline,
        "enhanced_eligibility": {},
        "has_evidence": answered,
        "past_due": fact.deadline < as_of,
        "submission_count": int(answered),
    }


def _line_description(ledger: Ledger, fact: BalanceFact) -> str:
    if fact.type == "adjustment":
        sale = ledger.disputes.get(fact.source).charge
        turn = "withdrawal" if fact.reporting_category == "dispute" else "reversal"
        return f"Chargeback {turn} for {sale}"
    if fact.type == "refund":
        return f"REFUND FOR CHARGE ({fact.source})"
    return f"Payment for {fact.source}"
