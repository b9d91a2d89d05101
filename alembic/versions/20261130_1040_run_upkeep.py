"""Which runs' event logs are still kept, and indexes for what looks after runs.

Revision: 20261130_1040
Revises: 20261130_1030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261130_1040"
down_revision = "20261130_1030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_runs", sa.Column("events_pruned_at", sa.DateTime(timezone=True)))
    # Both hold a part of the runs that does not grow with the years.
    op.create_index(
        "ix_agent_runs_created_at_unfinished",
        "agent_runs",
        ["created_at"],
        postgresql_where=sa.text("state IN ('queued', 'running', 'awaiting_approval')"),
    )
    op.create_index(
        "ix_agent_runs_finished_at_kept",
        "agent_runs",
        ["finished_at"],
        postgresql_where=sa.text("events_pruned_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_agent_runs_finished_at_kept", "agent_runs")
    op.drop_index("ix_agent_runs_created_at_unfinished", "agent_runs")
    op.drop_column("agent_runs", "events_pruned_at")
