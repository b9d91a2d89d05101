"""What each refresh changed, ready to be told.

Revision: 20261130_0930
Revises: 20261130_0920
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_0930"
down_revision = "20261130_0920"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "insight_changes",
        sa.Column("id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("business_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name="fk_insight_changes_business_id_businesses",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_insight_changes"),
    )
    op.create_index("ix_insight_changes_business_id_id", "insight_changes", ["business_id", "id"])


def downgrade() -> None:
    op.drop_table("insight_changes")
