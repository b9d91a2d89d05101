"""What language models were asked and cost, and how often runs were asked for.

Revision: 20261130_1010
Revises: 20261130_0940
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_1010"
down_revision = "20261130_0940"
branch_labels = None
depends_on = None

UUID = postgresql.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_calls",
        sa.Column("id", UUID, nullable=False),
        sa.Column("business_id", UUID, nullable=False),
        sa.Column("conversation_id", UUID, nullable=False),
        sa.Column("run_id", UUID, nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("price_version", sa.String(255)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_input_tokens", sa.Integer(), nullable=False),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("reserved_picos", sa.BigInteger()),
        sa.Column("cost_picos", sa.BigInteger()),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", TIME),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name="fk_model_calls_business_id_businesses"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["agent_conversations.id"],
            name="fk_model_calls_conversation_id_agent_conversations",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["agent_runs.id"], name="fk_model_calls_run_id_agent_runs"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_calls"),
    )
    op.create_index("ix_model_calls_business_id_on_day", "model_calls", ["business_id", "on_day"])
    op.create_index("ix_model_calls_conversation_id", "model_calls", ["conversation_id"])
    op.create_index("ix_model_calls_run_id", "model_calls", ["run_id"])
    op.create_index(
        "ix_model_calls_reserved",
        "model_calls",
        ["created_at"],
        postgresql_where=sa.text("state = 'reserved'"),
    )
    op.create_table(
        "business_spend",
        sa.Column("business_id", UUID, nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("spent_picos", sa.BigInteger(), nullable=False),
        sa.Column("reserved_picos", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "spent_picos >= 0 AND reserved_picos >= 0", name="ck_business_spend_not_negative"
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name="fk_business_spend_business_id_businesses"
        ),
        sa.PrimaryKeyConstraint("business_id", "on_day", name="pk_business_spend"),
    )
    op.create_table(
        "run_counts",
        sa.Column("subject_id", UUID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "kind", name="pk_run_counts"),
    )


def downgrade() -> None:
    op.drop_table("run_counts")
    op.drop_table("business_spend")
    op.drop_table("model_calls")
