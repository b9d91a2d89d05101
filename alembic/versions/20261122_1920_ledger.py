"""The Stripe ledger and the syncs that fill it.

Revision: 20261122_1920
Revises: 20261122_1910
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1920"
down_revision = "20261122_1910"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_balance_transactions",
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("reporting_category", sa.String(length=50), nullable=False),
        sa.Column("exchange_rate", sa.Numeric(precision=20, scale=10)),
        sa.Column("source_id", sa.String(length=255)),
        sa.Column("available_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
        ),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("business_id", "stripe_id"),
    )
    op.create_index(
        "ix_ledger_balance_transactions_business_id_created_at",
        "ledger_balance_transactions",
        ["business_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "ledger_charges",
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_captured", sa.BigInteger(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.String(length=255)),
        sa.Column("balance_transaction_id", sa.String(length=255)),
        sa.Column("failure_code", sa.String(length=100)),
        sa.Column("payment_method_type", sa.String(length=50)),
        sa.Column("card_brand", sa.String(length=20)),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("business_id", "stripe_id"),
    )
    op.create_index(
        "ix_ledger_charges_business_id_created_at",
        "ledger_charges",
        ["business_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "ledger_customers",
        sa.Column("currency", sa.String(length=3)),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("business_id", "stripe_id"),
    )
    op.create_table(
        "ledger_disputes",
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.String(length=50)),
        sa.Column("charge_id", sa.String(length=255)),
        sa.Column("evidence_due_by", sa.DateTime(timezone=True)),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("business_id", "stripe_id"),
    )
    op.create_index(
        "ix_ledger_disputes_business_id_created_at",
        "ledger_disputes",
        ["business_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "ledger_refunds",
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20)),
        sa.Column("reason", sa.String(length=50)),
        sa.Column("charge_id", sa.String(length=255)),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("business_id", "stripe_id"),
    )
    op.create_index(
        "ix_ledger_refunds_business_id_created_at",
        "ledger_refunds",
        ["business_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "sync_runs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("integration_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "cursors",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("error_code", sa.String(length=100)),
        sa.Column("error_message", sa.String(length=500)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration_accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_sync_runs_business_id_created_at",
        "sync_runs",
        ["business_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_sync_runs_integration_id_active",
        "sync_runs",
        ["integration_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_sync_runs_integration_id_active",
        table_name="sync_runs",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_index("ix_sync_runs_business_id_created_at", table_name="sync_runs")
    op.drop_table("sync_runs")
    op.drop_index("ix_ledger_refunds_business_id_created_at", table_name="ledger_refunds")
    op.drop_table("ledger_refunds")
    op.drop_index("ix_ledger_disputes_business_id_created_at", table_name="ledger_disputes")
    op.drop_table("ledger_disputes")
    op.drop_table("ledger_customers")
    op.drop_index("ix_ledger_charges_business_id_created_at", table_name="ledger_charges")
    op.drop_table("ledger_charges")
    op.drop_index(
        "ix_ledger_balance_transactions_business_id_created_at",
        table_name="ledger_balance_transactions",
    )
    op.drop_table("ledger_balance_transactions")
