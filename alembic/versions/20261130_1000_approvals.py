"""Approvals, runs that go on answering another run's question, and what asks for approval.

The log's rows lose their foreign key: each write reads and locks the run's row to see whether the
attempt still counts, and that is the same check once a statement instead of once a row.

Revision: 20261130_1000
Revises: 20261130_0940
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_1000"
down_revision = "20261130_0940"
branch_labels = None
depends_on = None

UUID = postgresql.UUID(as_uuid=True)
JSONB = postgresql.JSONB()
TIME = sa.DateTime(timezone=True)
EVENTS_KEY = "fk_agent_run_events_run_id_agent_runs"


def upgrade() -> None:
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        f"ALTER TABLE agent_run_events DROP CONSTRAINT {EVENTS_KEY}"
    )
    op.add_column("agent_runs", sa.Column("answers_run_id", UUID))
    op.create_foreign_key(
        "fk_agent_runs_answers_run_id_agent_runs",
        "agent_runs",
        "agent_runs",
        ["answers_run_id"],
        ["id"],
    )
    op.create_index(
        "ix_agent_runs_answers_run_id",
        "agent_runs",
        ["answers_run_id"],
        postgresql_where=sa.text("answers_run_id IS NOT NULL"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", UUID, nullable=False),
        sa.Column("business_id", UUID, nullable=False),
        sa.Column("run_id", UUID, nullable=False),
        sa.Column("call_id", sa.String(128), nullable=False),
        sa.Column("tool", sa.String(100), nullable=False),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("arguments_hash", sa.String(64), nullable=False),
        sa.Column("permission", sa.String(50), nullable=False),
        sa.Column("basis", JSONB),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("edited_arguments", JSONB),
        sa.Column("decided_by", UUID),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("decided_at", TIME),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name="fk_approvals_business_id_businesses"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["agent_runs.id"], name="fk_approvals_run_id_agent_runs"
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_approvals_decided_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        sa.UniqueConstraint("run_id", "call_id", name="uq_approvals_run_id_call_id"),
    )
    op.create_index(
        "ix_approvals_expires_at",
        "approvals",
        ["expires_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "agent_settings",
        sa.Column("business_id", UUID, nullable=False),
        sa.Column(
            "without_approval",
            postgresql.ARRAY(sa.String(100)),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("updated_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name="fk_agent_settings_business_id_businesses"
        ),
        sa.PrimaryKeyConstraint("business_id", name="pk_agent_settings"),
    )


def downgrade() -> None:
    op.drop_table("agent_settings")
    op.drop_table("approvals")
    op.drop_index("ix_agent_runs_answers_run_id", "agent_runs")
    op.drop_column("agent_runs", "answers_run_id")
    op.create_foreign_key(EVENTS_KEY, "agent_run_events", "agent_runs", ["run_id"], ["id"])
