"""What a model is told of the turns of a conversation that no longer fit before it.

Revision: 20261130_0940
Revises: 20261130_0930
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_0940"
down_revision = "20261130_0930"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_summaries",
        sa.Column("conversation_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("covers_message_id", postgresql.UUID(as_uuid=True)),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["agent_conversations.id"],
            name="fk_conversation_summaries_conversation_id_agent_conversations",
        ),
        sa.ForeignKeyConstraint(
            ["covers_message_id"],
            ["agent_messages.id"],
            name="fk_conversation_summaries_covers_message_id_agent_messages",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_conversation_summaries"),
    )


def downgrade() -> None:
    op.drop_table("conversation_summaries")
