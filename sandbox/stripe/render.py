"""Stripe's objects of money as JSON, as the facts stood at a moment (milliseconds).

Field names follow API version 2026-10-28.endive.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe import people
from sandbox.stripe.changes import settled_moment
from sandbox.stripe.facts import (
    BalanceFact,
    ChargeFact,
    DisputeFact,
    EarlyFraudWarningFact,
    PayoutFact,
    RefundFact,
    moment_of,
    reached,
)
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.lines import transaction_id

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
    """Return the charge; captures, refunds and disputes that came by `as_of` are in it."""
    payer = fact.customer or fact.id
    captured = fact.captured_by(as_of)
    refunded = ledger.refunded(fact.id, as_of)
    reported = reached(fact.reported_at, fact.ms, as_of)
    return {
        "id": fact.id,
        "object": "charge",
        "amount": fact.amount,
        "amount_captured": captured,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "authorization_code": None,
        "balance_transaction": transaction_id(fact.id) if captured else None,
        "billing_details": people.billing_details_of(payer),
        "calculated_statement_descriptor": ledger.shop.name.upper(),
        "captured": captured > 0,
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer,
        "description": f"Order of {people.name_of(payer)}",
        "disputed": ledger.disputed(fact.id, as_of),
        **_outcome(fact),
        "failure_balance_transaction": None,
        "fraud_details": {"user_report": "fraudulent"} if reported else {},
        "livemode": ledger.shop.livemode,
        "metadata": _metadata(fact.id, payer),
        "on_behalf_of": None,
        "paid": fact.succeeded,
        "payment_intent": fact.payment_intent,
        "payment_method": payment_method_of(payer),
        "payment_method_details": _payment_method_details(fact, payer),
        "presentment_details": None,
        "radar_options": {},
        "receipt_email": people.email_of(payer),
        "receipt_number": f"SBX-RCPT-{people.number_of(fact.id)}",
        "receipt_url": f"https://receipts.example.com/{fact.id}",
        "refunded": 0 < captured == refunded,
        "review": None,
        "shipping": people.shipping_of(payer),
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "transfer_data": None,
        "transfer_group": None,
    }


def refund(ledger: Ledger, fact: RefundFact, as_of: int) -> Json:
    """Return the refund, which may be pending, have succeeded or have failed by `as_of`."""
    sale = ledger.charges.get(fact.charge)
    status = fact.status(as_of)
    body: Json = {
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
        "metadata": _metadata(fact.id, sale.customer or sale.id),
        "payment_intent": sale.payment_intent,
        "payment_method": payment_method_of(sale.customer or sale.id),
        "reason": fact.reason,
        "receipt_number": f"SBX-RCPT-{people.number_of(fact.id)}",
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    # Stripe leaves these two out of refunds that did not fail.
    if status == "failed":
        body["failure_balance_transaction"] = transaction_id(fact.id, "refund_failure")
        body["failure_reason"] = fact.failure_reason
    return body


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
            balance_transaction(ledger, line, as_of) for line in lines if moment_of(line) <= as_of
        ],
        "charge": fact.charge,
        "created": fact.created,
        "currency": sale.currency,
        "enhanced_eligibility_types": [],
        "evidence": _evidence(payer),
        "evidence_details": _evidence_details(fact, as_of),
        "is_charge_refundable": fact.is_inquiry(as_of),
        "livemode": ledger.shop.livemode,
        "metadata": _metadata(fact.id, payer),
        "payment_intent": sale.payment_intent,
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "inquiry" if fact.is_inquiry(as_of) else "chargeback",
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
        "exchange_rate": None if fact.exchange_rate is None else float(fact.exchange_rate),
        "fee": fact.fee,
        "fee_details": [details] if fact.fee else [],
        "net": fact.net,
        "reporting_category": fact.reporting_category,
        "source": fact.source,
        "status": "available" if fact.available_on * 1_000 <= as_of else "pending",
        "type": fact.type,
    }


def early_fraud_warning(ledger: Ledger, fact: EarlyFraudWarningFact, as_of: int) -> Json:
    """Return the warning; it is actionable until its charge is disputed or wholly refunded."""
    settled = settled_moment(ledger, fact)
    return {
        "id": fact.id,
        "object": "radar.early_fraud_warning",
        "actionable": settled is None or as_of < settled,
        "charge": fact.charge,
        "created": fact.created,
        "fraud_type": fact.fraud_type,
        "livemode": ledger.shop.livemode,
        "payment_intent": ledger.charges.get(fact.charge).payment_intent,
    }


def payout(ledger: Ledger, fact: PayoutFact, as_of: int) -> Json:
    """Return the payout in its state at `as_of`."""
    status = fact.status(as_of)
    failed = status == "failed"
    done = "completed" if status == "paid" else "in_progress"
    return {
        "id": fact.id,
        "object": "payout",
        "amount": fact.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": fact.arrives_at,
        "automatic": fact.automatic,
        "balance_transaction": transaction_id(fact.id, "payout"),
        "created": fact.created,
        "currency": fact.currency,
        "description": "SBX-PAYOUT to the owner of the shop",
        "destination": f"ba_1Sandbox{fact.currency}",
        "failure_balance_transaction": (
            transaction_id(fact.id, "payout_reversal") if failed else None
        ),
        "failure_code": fact.failure_code if failed else None,
        "failure_message": "The bank account has been closed." if failed else None,
        "livemode": ledger.shop.livemode,
        "metadata": {"owner": "owner@example.com"},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": done if fact.automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": status,
        "trace_id": {"status": "supported", "value": f"SBX-TRACE-{fact.created}"},
        "type": "bank_account",
    }


def bank_account(ledger: Ledger, account_id: str) -> Json:
    """Return the account that payouts of one currency go to."""
    return {
        "id": account_id,
        "object": "bank_account",
        "account": ledger.shop.account_id,
        "account_holder_name": "Sandbox Customer the owner",
        "account_holder_type": "company",
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": "SBX-BANK",
        "country": ledger.shop.country,
        "currency": account_id[-3:],
        "default_for_currency": True,
        "fingerprint": "SandboxCardBank01",
        "last4": people.LAST4,
        "metadata": {},
        "routing_number": "SBX-ROUTING",
        "status": "verified",
    }


def _metadata(object_id: str, payer: str) -> Json:
    return {
        "order": f"SBX-ORDER-{people.number_of(object_id)}",
        "buyer": people.email_of(payer),
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
            "network_status": _network_status(fact),
            "reason": "highest_risk_level" if fact.blocked else code,
            "risk_level": "highest" if fact.blocked else "normal",
            "seller_message": message or "Payment complete.",
            "type": _outcome_type(fact),
        },
    }


def _outcome_type(fact: ChargeFact) -> str:
    if fact.succeeded:
        return "authorized"
    return "blocked" if fact.blocked else "issuer_declined"


def _network_status(fact: ChargeFact) -> str:
    if fact.succeeded:
        return "approved_by_network"
    return "not_sent_to_network" if fact.blocked else "declined_by_network"


def payment_method_of(payer: str) -> str:
    """Return the id of the card that the payer uses."""
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
    about = f"{people.name_of(payer)}, {people.email_of(payer)}"
    return {
        **dict.fromkeys(_EVIDENCE_FIELDS, about),
        "customer_email_address": people.email_of(payer),
        "customer_name": people.name_of(payer),
        "customer_purchase_ip": people.ip_of(payer),
        "enhanced_evidence": {},
    }


def _evidence_details(fact: DisputeFact, as_of: int) -> Json:
    answered = reached(fact.answered_at, fact.ms, as_of)
    return {
        "due_by": fact.deadline,
        "enhanced_eligibility": {},
        "has_evidence": answered,
        "past_due": fact.deadline * 1_000 < as_of,
        "submission_count": int(answered),
    }


def _line_description(ledger: Ledger, fact: BalanceFact) -> str:
    if fact.type in ("payout", "payout_failure"):
        return "SBX-PAYOUT to the owner of the shop"
    sale = _sale_of(ledger, fact)
    order = f"Order of {people.name_of(sale.customer or sale.id)}"
    if fact.type == "adjustment":
        turn = "withdrawal" if fact.reporting_category == "dispute" else "reversal"
        return f"Chargeback {turn} for {sale.id} ({order})"
    if fact.type == "refund":
        return f"REFUND FOR CHARGE ({order})"
    return f"REFUND FAILURE ({order})" if fact.type == "refund_failure" else order


def _sale_of(ledger: Ledger, line: BalanceFact) -> ChargeFact:
    """Return the charge that the line goes back to."""
    source = line.source
    if line.type == "adjustment":
        source = ledger.disputes.get(source).charge
    elif line.reporting_category in ("refund", "refund_failure"):
        source = ledger.refunds.get(source).charge
    return ledger.charges.get(source)
