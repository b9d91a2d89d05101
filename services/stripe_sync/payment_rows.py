"""From Stripe's payment objects to the rows that the ledger keeps of them."""

from __future__ import annotations

from datetime import UTC, datetime

from db.repositories.ledger_rows import (
    BalanceTransactionRow,
    ChargeRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    PaymentIntentRow,
    PayoutRow,
    RefundRow,
)
from integrations.stripe.payments import (
    BalanceTransaction,
    Card,
    Charge,
    Customer,
    Dispute,
    DisputedCard,
    EarlyFraudWarning,
    Outcome,
    PaymentError,
    PaymentIntent,
    PaymentMethodDetails,
    Payout,
    Refund,
)

_NO_METHOD = PaymentMethodDetails()
_NO_CARD = Card()
_NO_OUTCOME = Outcome()
_NO_ERROR = PaymentError()


def instant(seconds: int) -> datetime:
    """Return a time of Stripe's, given in UTC seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def instant_or_none(seconds: int | None) -> datetime | None:
    """Return a time of Stripe's if there is one."""
    return None if seconds is None else instant(seconds)


def charge_row(charge: Charge, version: int) -> ChargeRow:
    """Return what is kept of a charge."""
    method = charge.payment_method_details or _NO_METHOD
    card = method.card or _NO_CARD
    outcome = charge.outcome or _NO_OUTCOME
    return ChargeRow(
        stripe_id=charge.id,
        created_at=instant(charge.created),
        source_version=version,
        amount=charge.amount,
        amount_captured=charge.amount_captured,
        amount_refunded=charge.amount_refunded,
        currency=charge.currency,
        status=charge.status,
        disputed=charge.disputed,
        customer_id=charge.customer,
        balance_transaction_id=charge.balance_transaction,
        failure_code=charge.failure_code,
        payment_method_type=method.type,
        card_brand=card.brand,
        payment_intent_id=charge.payment_intent,
        outcome_type=outcome.type,
        outcome_reason=outcome.reason,
        risk_level=outcome.risk_level,
        card_funding=card.funding,
        card_country=card.country,
        card_network=card.network,
    )


def refund_row(refund: Refund, version: int) -> RefundRow:
    """Return what is kept of a refund."""
    return RefundRow(
        stripe_id=refund.id,
        created_at=instant(refund.created),
        source_version=version,
        amount=refund.amount,
        currency=refund.currency,
        status=refund.status,
        reason=refund.reason,
        charge_id=refund.charge,
        balance_transaction_id=refund.balance_transaction,
        payment_intent_id=refund.payment_intent,
        failure_reason=refund.failure_reason,
    )


def dispute_row(dispute: Dispute, version: int) -> DisputeRow:
    """Return what is kept of a dispute; what Stripe does not tell of it is None."""
    evidence = dispute.evidence_details
    payment = dispute.payment_method_details
    card = (payment.card if payment else None) or DisputedCard()
    return DisputeRow(
        stripe_id=dispute.id,
        created_at=instant(dispute.created),
        source_version=version,
        amount=dispute.amount,
        currency=dispute.currency,
        status=dispute.status,
        reason=dispute.reason,
        charge_id=dispute.charge,
        evidence_due_by=instant_or_none(evidence.due_by if evidence else None),
        payment_intent_id=dispute.payment_intent,
        case_type=card.case_type,
        network_reason_code=card.network_reason_code,
        has_evidence=evidence.has_evidence if evidence else None,
        submission_count=evidence.submission_count if evidence else None,
    )


def balance_transaction_row(line: BalanceTransaction, version: int) -> BalanceTransactionRow:
    """Return what is kept of a line of the money ledger."""
    return BalanceTransactionRow(
        stripe_id=line.id,
        created_at=instant(line.created),
        source_version=version,
        amount=line.amount,
        fee=line.fee,
        net=line.net,
        currency=line.currency,
        type=line.type,
        reporting_category=line.reporting_category,
        exchange_rate=line.exchange_rate,
        source_id=line.source,
        available_on=instant(line.available_on),
        status=line.status,
    )


def customer_row(customer: Customer, version: int) -> CustomerRow:
    """Return what is kept of a customer."""
    return CustomerRow(
        stripe_id=customer.id,
        created_at=instant(customer.created),
        source_version=version,
        currency=customer.currency,
    )


def payment_intent_row(intent: PaymentIntent, version: int) -> PaymentIntentRow:
    """Return what is kept of a payment."""
    error = intent.last_payment_error or _NO_ERROR
    return PaymentIntentRow(
        stripe_id=intent.id,
        created_at=instant(intent.created),
        source_version=version,
        amount=intent.amount,
        amount_received=intent.amount_received,
        currency=intent.currency,
        status=intent.status,
        customer_id=intent.customer,
        latest_charge_id=intent.latest_charge,
        cancellation_reason=intent.cancellation_reason,
        error_code=error.code,
        decline_code=error.decline_code,
    )


def early_fraud_warning_row(warning: EarlyFraudWarning, version: int) -> EarlyFraudWarningRow:
    """Return what is kept of a warning."""
    return EarlyFraudWarningRow(
        stripe_id=warning.id,
        created_at=instant(warning.created),
        source_version=version,
        charge_id=warning.charge,
        payment_intent_id=warning.payment_intent,
        fraud_type=warning.fraud_type,
        actionable=warning.actionable,
    )


def payout_row(payout: Payout, version: int) -> PayoutRow:
    """Return what is kept of a payout."""
    return PayoutRow(
        stripe_id=payout.id,
        created_at=instant(payout.created),
        source_version=version,
        amount=payout.amount,
        currency=payout.currency,
        status=payout.status,
        arrival_at=instant(payout.arrival_date),
        automatic=payout.automatic,
        method=payout.method,
        failure_code=payout.failure_code,
        balance_transaction_id=payout.balance_transaction,
    )
