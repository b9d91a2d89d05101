"""What makes a readiness score accountable.

Revision: 20261122_1930
Revises: 20261122_1920
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1930"
down_revision = "20261122_1920"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readiness_score_details",
        sa.Column("score_id", sa.UUID(), nullable=False),
        sa.Column("model_version", sa.String(length=50), nullable=False),
        sa.Column("confidence", sa.Numeric(precision=5, scale=4), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=False),
        sa.Column("data_as_of", sa.DateTime(timezone=True)),
        sa.Column("explanation", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["score_id"],
            ["readiness_scores.id"],
        ),
        sa.PrimaryKeyConstraint("score_id"),
    )


def downgrade() -> None:
    op.drop_table("readiness_score_details")
