"""The rest of Stripe's lists, failures of events, and questions to Stripe's OAuth.

Revision: 20261122_2231
Revises: 20261122_2230
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_2231"
down_revision = "20261122_2230"
branch_labels = None
depends_on = None

TABLES = (
    "ledger_payment_intents",
    "ledger_early_fraud_warnings",
    "ledger_payouts",
    "ledger_products",
    "ledger_prices",
    "ledger_subscriptions",
    "ledger_subscription_items",
    "ledger_invoices",
    "ledger_invoice_lines",
    "ledger_tombstones",
    "stripe_event_failures",
    "oauth_states",
)
BY_CREATION = (
    "ledger_payment_intents",
    "ledger_early_fraud_warnings",
    "ledger_payouts",
    "ledger_invoices",
)


def _text(name: str, length: int = 255, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _flag(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
    )


def _reference(name: str, target: str, *, key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), sa.ForeignKey(target), nullable=False, primary_key=key)


def _create_ledger_table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        _reference("business_id", "businesses.id", key=True),
        sa.Column("stripe_id", sa.String(255), primary_key=True),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        _time("created_at", nullable=False),
        _number("source_version"),
        *columns,
    )


def upgrade() -> None:
    _create_payments()
    _create_catalogue()
    _create_subscriptions()
    _create_invoices()
    _create_events_and_connecting()
    for table in BY_CREATION:
        op.create_index(f"ix_{table}_business_id_created_at", table, ["business_id", "created_at"])


def _create_payments() -> None:
    _create_ledger_table(
        "ledger_payment_intents",
        _number("amount"),
        _number("amount_received"),
        _text("currency", 3, nullable=False),
        _text("status", 50, nullable=False),
        _text("customer_id"),
        _text("latest_charge_id"),
        _text("cancellation_reason", 50),
        _text("error_code", 100),
        _text("decline_code", 100),
    )
    _create_ledger_table(
        "ledger_early_fraud_warnings",
        _text("charge_id"),
        _text("payment_intent_id"),
        _text("fraud_type", 50, nullable=False),
        _flag("actionable"),
    )
    _create_ledger_table(
        "ledger_payouts",
        _number("amount"),
        _text("currency", 3, nullable=False),
        _text("status", 20, nullable=False),
        _time("arrival_at", nullable=False),
        _flag("automatic"),
        _text("method", 20),
        _text("failure_code", 100),
        _text("balance_transaction_id"),
        _time("reconciled_at"),
    )
    op.create_index(
        "ix_ledger_payouts_business_id_arrival_at_unreconciled",
        "ledger_payouts",
        ["business_id", "arrival_at"],
        postgresql_where=sa.text("reconciled_at IS NULL AND automatic AND status = 'paid'"),
    )


def _create_catalogue() -> None:
    _create_ledger_table(
        "ledger_products",
        _flag("active"),
        _text("default_price_id"),
    )
    _create_ledger_table(
        "ledger_prices",
        _text("product_id"),
        _flag("active"),
        _text("currency", 3, nullable=False),
        _number("unit_amount", nullable=True),
        sa.Column("unit_amount_decimal", sa.Numeric(24, 12)),
        _text("type", 20, nullable=False),
        _text("billing_scheme", 20, nullable=False),
        _text("interval", 20),
        sa.Column("interval_count", sa.Integer()),
        _text("usage_type", 20),
        _text("tiers_mode", 20),
        sa.Column("tiers", postgresql.JSONB()),
    )


def _create_subscriptions() -> None:
    _create_ledger_table(
        "ledger_subscriptions",
        _text("customer_id"),
        _text("status", 50, nullable=False),
        _text("currency", 3, nullable=False),
        _time("started_at", nullable=False),
        _time("trial_start"),
        _time("trial_end"),
        _time("cancel_at"),
        _time("canceled_at"),
        _flag("cancel_at_period_end"),
        _time("ended_at"),
        _text("pause_behavior", 50),
        _text("collection_method", 50),
        sa.Column("discounts", postgresql.JSONB(), nullable=False),
    )
    _create_ledger_table(
        "ledger_subscription_items",
        _text("subscription_id", nullable=False),
        _text("price_id"),
        _number("quantity", nullable=True),
        _time("period_start"),
        _time("period_end"),
        sa.Column("discounts", postgresql.JSONB(), nullable=False),
    )
    op.create_index(
        "ix_ledger_subscription_items_business_id_subscription_id",
        "ledger_subscription_items",
        ["business_id", "subscription_id"],
    )


def _create_invoices() -> None:
    _create_ledger_table(
        "ledger_invoices",
        _text("customer_id"),
        _text("subscription_id"),
        _text("status", 20),
        _text("currency", 3, nullable=False),
        _number("amount_due"),
        _number("amount_paid"),
        _number("amount_remaining"),
        _number("subtotal"),
        _number("total"),
        _number("total_excluding_tax", nullable=True),
        _text("billing_reason", 50),
        _time("period_start", nullable=False),
        _time("period_end", nullable=False),
        _time("finalized_at"),
        _time("paid_at"),
        _time("voided_at"),
        _time("marked_uncollectible_at"),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        _text("collection_method", 50),
    )
    _create_ledger_table(
        "ledger_invoice_lines",
        _text("invoice_id", nullable=False),
        _number("amount"),
        _text("currency", 3, nullable=False),
        _number("quantity", nullable=True),
        _time("period_start", nullable=False),
        _time("period_end", nullable=False),
        _text("price_id"),
        _text("product_id"),
        _text("subscription_id"),
        _text("subscription_item_id"),
        _flag("proration"),
        _number("discount_amount"),
    )
    op.create_index(
        "ix_ledger_invoice_lines_business_id_invoice_id",
        "ledger_invoice_lines",
        ["business_id", "invoice_id"],
    )


def _create_events_and_connecting() -> None:
    op.create_table(
        "ledger_tombstones",
        _reference("business_id", "businesses.id", key=True),
        sa.Column("stripe_id", sa.String(255), primary_key=True),
        _number("source_version"),
        _now("created_at"),
    )
    op.create_table(
        "stripe_event_failures",
        _reference("event_id", "stripe_events.id", key=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("error_code", 100, nullable=False),
        _text("error_message", 500, nullable=False),
        _time("set_aside_at"),
        _now("updated_at"),
    )
    op.create_table(
        "oauth_states",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        _reference("user_id", "users.id"),
        _reference("business_id", "businesses.id"),
        _text("browser_hash", 64, nullable=False),
        _time("expires_at", nullable=False),
        _now("created_at"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
