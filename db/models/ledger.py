"""The Stripe ledger of payments: typed, allow-listed columns, no personal data.

Amounts are in minor units. `source_version` is drawn from `ledger_versions` before the request
that fetched the row is sent: a state with a lower one never replaces one with a higher one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Numeric, Sequence, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, Str20, Str50, Str100, Str255

# Above every epoch second that a row may hold from the time when versions were seconds. It must
# hand out numbers one by one (CACHE 1): sessions that draw ahead would break the order.
LEDGER_VERSIONS = Sequence("ledger_versions", start=2**32, metadata=Model.metadata)
# Only an automatic payout has lines of its own (docs.stripe.com/payouts/reconciliation).
UNRECONCILED = "reconciled_at IS NULL AND automatic AND status = 'paid'"


class LedgerRow:
    """What every ledger table starts with."""

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    stripe_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    # No foreign key: checking it for each row took a quarter of the server's time to write it,
    # and connections are revoked, never deleted.
    integration_id: Mapped[UUID]
    created_at: Mapped[datetime]
    source_version: Mapped[int] = mapped_column(BigInteger)


class LedgerCharge(LedgerRow, Model):
    """A charge."""

    __tablename__ = "ledger_charges"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    amount_captured: Mapped[int] = mapped_column(BigInteger)
    amount_refunded: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str20]
    disputed: Mapped[bool]
    customer_id: Mapped[Str255 | None]
    balance_transaction_id: Mapped[Str255 | None]
    failure_code: Mapped[Str100 | None]
    payment_method_type: Mapped[Str50 | None]
    card_brand: Mapped[Str20 | None]
    payment_intent_id: Mapped[Str255 | None]
    outcome_type: Mapped[Str50 | None]
    outcome_reason: Mapped[Str100 | None]
    risk_level: Mapped[Str20 | None]
    card_funding: Mapped[Str20 | None]
    card_country: Mapped[str | None] = mapped_column(String(2))
    card_network: Mapped[Str50 | None]


class LedgerRefund(LedgerRow, Model):
    """A refund."""

    __tablename__ = "ledger_refunds"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str20 | None]
    reason: Mapped[Str50 | None]
    charge_id: Mapped[Str255 | None]
    balance_transaction_id: Mapped[Str255 | None]
    payment_intent_id: Mapped[Str255 | None]
    failure_reason: Mapped[Str100 | None]


class LedgerDispute(LedgerRow, Model):
    """A dispute (chargeback)."""

    __tablename__ = "ledger_disputes"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str50]
    reason: Mapped[Str50 | None]
    charge_id: Mapped[Str255 | None]
    evidence_due_by: Mapped[datetime | None]
    payment_intent_id: Mapped[Str255 | None]
    case_type: Mapped[Str50 | None]
    network_reason_code: Mapped[Str50 | None]
    has_evidence: Mapped[bool | None]
    submission_count: Mapped[int | None] = mapped_column(Integer)


class LedgerBalanceTransaction(LedgerRow, Model):
    """A movement of the Stripe balance, in its settlement currency."""

    __tablename__ = "ledger_balance_transactions"
    __table_args__ = (
        Index(None, "business_id", "created_at"),
        Index(None, "business_id", "payout_id", postgresql_where=text("payout_id IS NOT NULL")),
        Index(None, "business_id", "available_on", postgresql_where=text("status = 'pending'")),
    )

    amount: Mapped[int] = mapped_column(BigInteger)
    fee: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    type: Mapped[Str50]
    reporting_category: Mapped[Str50]
    exchange_rate: Mapped[Any | None] = mapped_column(Numeric(20, 10))
    source_id: Mapped[Str255 | None]
    available_on: Mapped[datetime]
    status: Mapped[Str20 | None]
    # Ours, from reconciliation: Stripe's object does not name its payout.
    payout_id: Mapped[Str255 | None]


class LedgerCustomer(LedgerRow, Model):
    """A customer: its identifier and age, nothing about the person."""

    __tablename__ = "ledger_customers"

    currency: Mapped[str | None] = mapped_column(String(3))
    deleted: Mapped[bool] = mapped_column(server_default=text("false"))


class LedgerPaymentIntent(LedgerRow, Model):
    """A payment: what one or more charges try to collect."""

    __tablename__ = "ledger_payment_intents"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    amount_received: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str50]
    customer_id: Mapped[Str255 | None]
    latest_charge_id: Mapped[Str255 | None]
    cancellation_reason: Mapped[Str50 | None]
    error_code: Mapped[Str100 | None]
    decline_code: Mapped[Str100 | None]


class LedgerEarlyFraudWarning(LedgerRow, Model):
    """An issuer's warning that a charge may be fraud."""

    __tablename__ = "ledger_early_fraud_warnings"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    charge_id: Mapped[Str255 | None]
    payment_intent_id: Mapped[Str255 | None]
    fraud_type: Mapped[Str50]
    actionable: Mapped[bool]


class LedgerPayout(LedgerRow, Model):
    """A transfer from the Stripe balance to the bank."""

    __tablename__ = "ledger_payouts"
    __table_args__ = (
        Index(None, "business_id", "created_at"),
        Index(
            "ix_ledger_payouts_business_id_arrival_at_unreconciled",
            "business_id",
            "arrival_at",
            postgresql_where=text(UNRECONCILED),
        ),
    )

    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str20]
    arrival_at: Mapped[datetime]
    automatic: Mapped[bool]
    method: Mapped[Str20 | None]
    failure_code: Mapped[Str100 | None]
    balance_transaction_id: Mapped[Str255 | None]
    # Ours: when its lines were found to add up to it.
    reconciled_at: Mapped[datetime | None]


class LedgerTombstone(Model):
    """An object that Stripe no longer has, and the version of the fetch that told so.

    Without it, a page that was fetched before the deletion and written after it would bring the
    object back.
    """

    __tablename__ = "ledger_tombstones"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    stripe_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    source_version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
