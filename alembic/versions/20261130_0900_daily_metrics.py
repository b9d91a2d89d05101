"""Marks of what changed in the ledger, roll-ups by day and month, and snapshots as they were.

Nothing is filled in: a business without a row in `metric_rollups` is rebuilt whole.

Revision: 20261130_0900
Revises: 20261130_0800
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_0900"
down_revision = "20261130_0800"
branch_labels = None
depends_on = None

DAILY = (
    "gross_minor",
    "charge_count",
    "attempt_count",
    "failed_count",
    "refund_minor",
    "refund_count",
    "dispute_count",
    "dispute_minor",
    "disputed_count",
    "line_count",
    "fee_minor",
    "net_minor",
    "paid_payouts",
    "failed_payouts",
    "warning_count",
    "new_customers",
)


def _business(*, key: bool) -> sa.Column[object]:
    return sa.Column(
        "business_id", sa.Uuid(), sa.ForeignKey("businesses.id"), nullable=False, primary_key=key
    )


def _number(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _time(name: str, *, key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, primary_key=key)


def upgrade() -> None:
    op.create_table(
        "ledger_changes",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        _business(key=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
    )
    op.create_index("ix_ledger_changes_business_id", "ledger_changes", ["business_id"])
    op.create_table(
        "metric_rollups",
        _business(key=True),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        _time("first_built_at"),
    )
    op.create_table(
        "daily_metrics",
        _business(key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        *(_number(name) for name in DAILY),
    )
    op.create_table(
        "monthly_customers",
        _business(key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("month", sa.Date(), primary_key=True),
        _number("active_customers"),
        _number("largest_minor"),
        _number("unattributed_minor"),
        sa.Column("squares_minor", sa.Numeric(38, 0), nullable=False),
    )
    _create_revisions()


def _create_revisions() -> None:
    op.create_table(
        "snapshot_revisions",
        _business(key=True),
        sa.Column("period_start", sa.Date(), primary_key=True),
        _time("known_until", key=True),
        _time("known_from"),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("revenue_total", sa.Numeric(15, 2)),
        sa.Column("revenue_volatility", sa.Numeric(10, 4)),
        sa.Column("chargeback_count", sa.Integer()),
        sa.Column("chargeback_ratio", sa.Numeric(5, 4)),
        sa.Column("refund_count", sa.Integer()),
        sa.Column("refund_ratio", sa.Numeric(5, 4)),
        sa.Column("mrr", sa.Numeric(15, 2)),
        sa.Column("metrics_json", postgresql.JSONB()),
    )


def downgrade() -> None:
    for table in (
        "snapshot_revisions",
        "monthly_customers",
        "daily_metrics",
        "metric_rollups",
        "ledger_changes",
    ):
        op.drop_table(table)
