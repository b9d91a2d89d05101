"""Every change of a recommendation and who made it.

Revision: 20261130_0920
Revises: 20261130_0910
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_0920"
down_revision = "20261130_0910"
branch_labels = None
depends_on = None

_REFUSE = """
CREATE FUNCTION recommendation_changes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'recommendation_changes is append-only';
END
$$
"""
_GUARD = """
CREATE TRIGGER recommendation_changes_append_only
BEFORE UPDATE OR DELETE ON recommendation_changes
FOR EACH ROW EXECUTE FUNCTION recommendation_changes_refuse()
"""


def upgrade() -> None:
    op.create_table(
        "recommendation_changes",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("business_id", sa.UUID(), nullable=False),
        sa.Column("recommendation_id", sa.UUID(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("clock_timestamp()"),
        ),
        sa.Column("actor", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.UUID()),
        sa.Column("rule", sa.String(length=50)),
        sa.Column("model_version", sa.String(length=50)),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"]),
        sa.ForeignKeyConstraint(["recommendation_id"], ["recommendations.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_recommendation_changes_recommendation_id_changed_at_id",
        "recommendation_changes",
        ["recommendation_id", "changed_at", "id"],
    )
    op.execute(_REFUSE)
    op.execute(_GUARD)


def downgrade() -> None:
    op.drop_table("recommendation_changes")
    op.execute("DROP FUNCTION recommendation_changes_refuse()")
