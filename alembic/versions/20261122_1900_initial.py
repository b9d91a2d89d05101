"""The ten tables of the data model, in the order of the specification.

Revision: 20261122_1900
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1900"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "users",
    "businesses",
    "user_business_memberships",
    "integration_accounts",
    "stripe_events",
    "financial_metric_snapshots",
    "readiness_scores",
    "recommendations",
    "agent_conversations",
    "agent_messages",
)


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()"))


def _time(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
    )


def _reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), sa.ForeignKey(target), nullable=nullable)


def upgrade() -> None:
    _create_identity()
    _create_stripe()
    _create_insight()
    _create_conversations()


def _create_identity() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("hashed_password", sa.String(255)),
        sa.Column("name", sa.String(255)),
        sa.Column("avatar_url", sa.String(512)),
        _time("created_at"),
        _time("updated_at"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "businesses",
        _id(),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("legal_entity", sa.String(255)),
        sa.Column("industry", sa.String(100)),
        sa.Column("revenue_estimate", sa.Numeric(15, 2)),
        sa.Column("founded_at", sa.Date()),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_table(
        "user_business_memberships",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("business_id", sa.Uuid(), sa.ForeignKey("businesses.id"), primary_key=True),
        sa.Column("role", sa.String(20), nullable=False, server_default=sa.text("'owner'")),
        _time("created_at"),
    )
    op.create_index(None, "user_business_memberships", ["business_id"])


def _create_stripe() -> None:
    op.create_table(
        "integration_accounts",
        _id(),
        _reference("business_id", "businesses.id"),
        sa.Column("provider", sa.String(50), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=False),
        sa.Column("access_token_encrypted", sa.Text()),
        sa.Column("metadata", postgresql.JSONB()),
        sa.Column("status", sa.String(20), server_default=sa.text("'active'")),
        sa.Column("last_synced_at", sa.DateTime(timezone=True)),
        _time("created_at"),
        _time("updated_at"),
        sa.UniqueConstraint("business_id", "provider"),
    )
    op.create_index(None, "integration_accounts", ["provider", "external_id"])
    op.create_table(
        "stripe_events",
        _id(),
        _reference("integration_id", "integration_accounts.id", nullable=True),
        sa.Column("stripe_event_id", sa.String(255), nullable=False),
        sa.Column("event_type", sa.String(100), nullable=False),
        sa.Column("payload", postgresql.JSONB()),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        _time("created_at"),
        sa.UniqueConstraint("stripe_event_id"),
    )
    op.create_index(None, "stripe_events", ["integration_id", "created_at"])
    op.create_index(
        None,
        "stripe_events",
        ["processed_at"],
        postgresql_where=sa.text("processed_at IS NULL"),
    )


def _create_insight() -> None:
    op.create_table(
        "financial_metric_snapshots",
        _id(),
        _reference("business_id", "businesses.id"),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("revenue_total", sa.Numeric(15, 2)),
        sa.Column("revenue_volatility", sa.Numeric(10, 4)),
        sa.Column("chargeback_count", sa.Integer(), server_default=sa.text("0")),
        sa.Column("chargeback_ratio", sa.Numeric(5, 4)),
        sa.Column("refund_count", sa.Integer(), server_default=sa.text("0")),
        sa.Column("refund_ratio", sa.Numeric(5, 4)),
        sa.Column("mrr", sa.Numeric(15, 2)),
        sa.Column("metrics_json", postgresql.JSONB()),
        _time("created_at"),
        sa.UniqueConstraint("business_id", "period_start", "period_end"),
    )
    op.create_index(
        "ix_financial_metric_snapshots_business_id_period_end",
        "financial_metric_snapshots",
        ["business_id", sa.text("period_end DESC")],
    )
    op.create_table(
        "readiness_scores",
        _id(),
        _reference("business_id", "businesses.id"),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(30), nullable=False),
        sa.Column("components", postgresql.JSONB()),
        _time("created_at"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    )
    op.create_index(
        "ix_readiness_scores_business_id_created_at",
        "readiness_scores",
        ["business_id", sa.text("created_at DESC")],
    )
    op.create_table(
        "recommendations",
        _id(),
        _reference("business_id", "businesses.id"),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("priority", sa.String(20), server_default=sa.text("'medium'")),
        sa.Column("category", sa.String(50)),
        sa.Column("status", sa.String(20), server_default=sa.text("'pending'")),
        sa.Column("metric_refs", postgresql.JSONB()),
        sa.Column("estimated_impact", sa.String(100)),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_index(None, "recommendations", ["business_id", "status"])
    op.create_index(
        "ix_recommendations_business_id_created_at",
        "recommendations",
        ["business_id", sa.text("created_at DESC")],
    )


def _create_conversations() -> None:
    op.create_table(
        "agent_conversations",
        _id(),
        _reference("business_id", "businesses.id"),
        _reference("user_id", "users.id"),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_index(
        "ix_agent_conversations_business_id_updated_at",
        "agent_conversations",
        ["business_id", sa.text("updated_at DESC")],
    )
    op.create_index(None, "agent_conversations", ["user_id"])
    op.create_table(
        "agent_messages",
        _id(),
        _reference("conversation_id", "agent_conversations.id"),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        _time("created_at"),
    )
    op.create_index(None, "agent_messages", ["conversation_id", "created_at"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
