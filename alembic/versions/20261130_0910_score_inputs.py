"""A score's inputs and its exact value, kept with it.

Revision: 20261130_0910
Revises: 20261130_0900
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_0910"
down_revision = "20261130_0900"
branch_labels = None
depends_on = None

TABLE = "readiness_score_details"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("inputs", postgresql.JSONB()))
    op.add_column(TABLE, sa.Column("exact_score", sa.Double()))


def downgrade() -> None:
    op.drop_column(TABLE, "exact_score")
    op.drop_column(TABLE, "inputs")
