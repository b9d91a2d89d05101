"""Rows of charges and of what comes of them, from facts alone."""

from __future__ import annotations

from sandbox.stripe.facts import (
    ChargeFact,
    DisputeFact,
    EarlyFraudWarningFact,
    PaymentIntentFact,
    RefundFact,
)
from tests.oracle.view import Row, Rows, View, instant

EVIDENCE_WITHIN_S = 21 * 24 * 3_600


def payments(view: View) -> Rows:
    """The rows of every list of payments but those of the balance."""
    ledger = view.ledger
    return {
        "charges": {id_: _charge(view, fact) for id_, fact in view.charges.items()},
        "refunds": {f.id: _refund(view, f) for f in view.made(ledger.refunds.facts)},
        "disputes": {f.id: _dispute(view, f) for f in view.made(ledger.disputes.facts)},
        "early_fraud_warnings": {
            f.id: _warning(view, f) for f in view.made(ledger.early_fraud_warnings.facts)
        },
        "payment_intents": _intents(view),
        "customers": {
            f.id: {
                "created_at": instant(f.created),
                "currency": ledger.shop.currency,
                "deleted": view.past(f.deleted_at, f.ms),
            }
            for f in view.made(ledger.customers.facts)
        },
    }


def line_of(source: str, suffix: str = "") -> str:
    """The id of the line of the balance that an object causes."""
    return f"txn_{source.replace('_', '')}{suffix}"


def failure_of(decline_code: str | None) -> str | None:
    """Stripe's error code for a decline: only an expired card has one of its own."""
    if decline_code is None:
        return None
    return "expired_card" if decline_code == "expired_card" else "card_declined"


def _charge(view: View, fact: ChargeFact) -> Row:
    captured = view.captured(fact)
    worked = "authorized" if fact.decline_code is None else "issuer_declined"
    return {
        "created_at": instant(fact.created),
        "amount": fact.amount,
        "amount_captured": captured,
        "amount_refunded": view.refunded(fact.id),
        "currency": fact.currency,
        "status": "succeeded" if fact.decline_code is None else "failed",
        "disputed": any(True for _ in view.made(view.disputes.get(fact.id, ()))),
        "customer_id": fact.customer,
        "balance_transaction_id": line_of(fact.id) if captured else None,
        "failure_code": failure_of(fact.decline_code),
        "payment_method_type": "card",
        "payment_intent_id": fact.payment_intent,
        "outcome_type": "blocked" if fact.blocked else worked,
        "outcome_reason": "highest_risk_level" if fact.blocked else fact.decline_code,
        "risk_level": "highest" if fact.blocked else "normal",
    }


def _refund(view: View, fact: RefundFact) -> Row:
    charge = view.charges[fact.charge]
    failed = view.past(fact.failed_at, fact.ms)
    waits = fact.succeeded_at is not None and not view.past(fact.succeeded_at, fact.ms)
    return {
        "created_at": instant(fact.created),
        "amount": fact.amount,
        "currency": charge.currency,
        "status": "failed" if failed else "pending" if waits else "succeeded",
        "reason": fact.reason,
        "charge_id": fact.charge,
        "balance_transaction_id": line_of(fact.id),
        "payment_intent_id": charge.payment_intent,
        "failure_reason": fact.failure_reason if failed else None,
    }


def _dispute(view: View, fact: DisputeFact) -> Row:
    charge = view.charges[fact.charge]
    due = fact.created + EVIDENCE_WITHIN_S if fact.due_by is None else fact.due_by
    answered = view.past(fact.answered_at, fact.ms)
    asks = fact.inquiry and not view.past(fact.escalated_at, fact.ms)
    return {
        "created_at": instant(fact.created),
        "amount": fact.amount,
        "currency": charge.currency,
        "status": _dispute_status(view, fact, asks=asks, answered=answered),
        "reason": fact.reason,
        "charge_id": fact.charge,
        "evidence_due_by": instant(due),
        "payment_intent_id": charge.payment_intent,
        "case_type": "inquiry" if asks else "chargeback",
        "has_evidence": answered,
        "submission_count": 1 if answered else 0,
    }


def _dispute_status(view: View, fact: DisputeFact, *, asks: bool, answered: bool) -> str:
    if fact.outcome == "prevented" or view.past(fact.closed_at, fact.ms):
        return fact.outcome
    status = "under_review" if answered else "needs_response"
    return f"warning_{status}" if asks else status


def _warning(view: View, fact: EarlyFraudWarningFact) -> Row:
    charge = view.charges[fact.charge]
    return {
        "created_at": instant(fact.created),
        "charge_id": fact.charge,
        "payment_intent_id": charge.payment_intent,
        "fraud_type": fact.fraud_type,
        "actionable": not _is_settled(view, charge),
    }


def _is_settled(view: View, charge: ChargeFact) -> bool:
    """Whether the charge has been disputed, or was wholly refunded at any moment so far.

    A refund that fails later does not make a warning actionable again.
    """
    if any(True for _ in view.made(view.disputes.get(charge.id, ()))):
        return True
    whole = charge.amount if charge.amount_captured is None else charge.amount_captured
    return any(
        View(view.ledger, refund.created * 1_000 + refund.ms).refunded(charge.id) >= whole
        for refund in view.made(view.refunds.get(charge.id, ()))
    )


def _intents(view: View) -> dict[str, Row]:
    # Charges come oldest first, so that the last attempt stays.
    latest = {fact.payment_intent: fact for fact in view.charges.values()}
    return {
        fact.id: _intent(view, fact, latest.get(fact.id))
        for fact in view.made(view.ledger.payment_intents.facts)
    }


def _intent(view: View, fact: PaymentIntentFact, last: ChargeFact | None) -> Row:
    canceled = view.past(fact.canceled_at, fact.ms)
    captured = 0 if last is None or canceled else view.captured(last)
    declined = None if last is None else last.decline_code
    if canceled:
        status = "canceled"
    elif last is None or declined is not None:
        status = "requires_payment_method"
    else:
        status = "succeeded" if captured else "requires_capture"
    return {
        "created_at": instant(fact.created),
        "amount": fact.amount,
        "amount_received": captured,
        "currency": fact.currency,
        "status": status,
        "customer_id": fact.customer,
        "latest_charge_id": None if last is None else last.id,
        "cancellation_reason": fact.cancellation_reason if canceled else None,
        "error_code": failure_of(declined),
        "decline_code": declined,
    }
