"""Runs, their event log and tool calls; what messages and conversations need for them.

Revision: 20261122_1910
Revises: 20261122_1900
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1910"
down_revision = "20261122_1900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_runs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("client_run_id", sa.String(length=128), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("model", sa.String(length=100)),
        sa.Column("prompt_version", sa.String(length=64)),
        sa.Column("usage", postgresql.JSONB()),
        sa.Column("error_code", sa.String(length=100)),
        sa.Column("job_id", sa.BigInteger()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["agent_conversations.id"],
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("business_id", "client_run_id"),
    )
    op.create_index(
        "ix_agent_runs_conversation_id_created_at",
        "agent_runs",
        ["conversation_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_agent_runs_conversation_id_active",
        "agent_runs",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('running', 'awaiting_approval')"),
    )
    op.create_table(
        "agent_run_events",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["run_id"], ["agent_runs.id"]),
        sa.PrimaryKeyConstraint("run_id", "seq"),
    )
    op.create_table(
        "agent_tool_calls",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("call_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["run_id"], ["agent_runs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "call_id"),
    )
    op.add_column("agent_conversations", sa.Column("title", sa.String(length=255)))
    op.add_column("agent_conversations", sa.Column("archived_at", sa.DateTime(timezone=True)))
    op.add_column("agent_messages", sa.Column("run_id", sa.UUID()))
    op.add_column(
        "agent_messages",
        sa.Column("metadata", postgresql.JSONB()),
    )
    op.create_index("ix_agent_messages_run_id", "agent_messages", ["run_id"])
    op.create_foreign_key(
        "fk_agent_messages_run_id_agent_runs",
        "agent_messages",
        "agent_runs",
        ["run_id"],
        ["id"],
        use_alter=True,
    )


def downgrade() -> None:
    op.drop_constraint("fk_agent_messages_run_id_agent_runs", "agent_messages", type_="foreignkey")
    op.drop_index("ix_agent_messages_run_id", table_name="agent_messages")
    op.drop_column("agent_messages", "metadata")
    op.drop_column("agent_messages", "run_id")
    op.drop_column("agent_conversations", "archived_at")
    op.drop_column("agent_conversations", "title")
    op.drop_table("agent_tool_calls")
    op.drop_table("agent_run_events")
    op.drop_index(
        "uq_agent_runs_conversation_id_active",
        table_name="agent_runs",
        postgresql_where=sa.text("state IN ('running', 'awaiting_approval')"),
    )
    op.drop_index("ix_agent_runs_conversation_id_created_at", table_name="agent_runs")
    op.drop_table("agent_runs")
