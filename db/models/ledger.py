"""The Stripe ledger: typed, allow-listed columns, no personal data; amounts in minor units.

`source_time` is Stripe's clock, in seconds, when the state was known to hold: an older state
never replaces a newer one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, Str20, Str50, Str100, Str255

ACTIVE_SYNC = "state IN ('queued', 'running')"


class LedgerRow:
    """What every ledger table starts with."""

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    stripe_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integration_accounts.id"))
    created_at: Mapped[datetime]
    source_time: Mapped[int] = mapped_column(BigInteger)


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


class LedgerRefund(LedgerRow, Model):
    """A refund."""

    __tablename__ = "ledger_refunds"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Str20 | None]
    reason: Mapped[Str50 | None]
    charge_id: Mapped[Str255 | None]


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


class LedgerBalanceTransaction(LedgerRow, Model):
    """A movement of the Stripe balance, in its settlement currency."""

    __tablename__ = "ledger_balance_transactions"
    __table_args__ = (Index(None, "business_id", "created_at"),)

    amount: Mapped[int] = mapped_column(BigInteger)
    fee: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    type: Mapped[Str50]
    reporting_category: Mapped[Str50]
    exchange_rate: Mapped[Any | None] = mapped_column(Numeric(20, 10))
    source_id: Mapped[Str255 | None]
    available_on: Mapped[datetime]


class LedgerCustomer(LedgerRow, Model):
    """A customer: its identifier and age, nothing about the person."""

    __tablename__ = "ledger_customers"

    currency: Mapped[str | None] = mapped_column(String(3))


class SyncRun(Model):
    """One sync of one account: its cursors are persisted with every page."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        Index(
            "uq_sync_runs_integration_id_active",
            "integration_id",
            unique=True,
            postgresql_where=text(ACTIVE_SYNC),
        ),
        Index(None, "business_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integration_accounts.id"))
    state: Mapped[Str20]
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    cursors: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    error_code: Mapped[Str100 | None]
    error_message: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
