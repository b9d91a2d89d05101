"""What language models were asked and cost, and how often runs were asked for.

Revision: 20261130_1010
Revises: 20261130_1000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_1010"
down_revision = "20261130_1000"
branch_labels = None
depends_on = None

UUID = postgresql.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)

# Counts one more run, or nothing: tells which of the counts does not allow it. A day's count is
# looked at second, so the minute's is taken back if that one refuses.
_COUNT_RUN = """
CREATE FUNCTION count_run(
    asking_user uuid, asked_business uuid, asked_at timestamptz, a_minute int, a_day int
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    minute_since timestamptz := asked_at - interval '1 minute';
    midnight timestamptz := date_trunc('day', asked_at, 'UTC');
BEGIN
    IF a_minute IS NOT NULL THEN
        INSERT INTO run_counts AS mine (subject_id, kind, starts_at, used)
        VALUES (asking_user, 'user_minute', asked_at, 1)
        ON CONFLICT (subject_id, kind) DO UPDATE
        SET used = CASE WHEN mine.starts_at > minute_since THEN mine.used + 1 ELSE 1 END,
            starts_at = CASE WHEN mine.starts_at > minute_since THEN mine.starts_at
                ELSE excluded.starts_at END
        WHERE mine.starts_at <= minute_since OR mine.used < a_minute;
        IF NOT FOUND THEN
            RETURN 'user_minute';
        END IF;
    END IF;
    IF a_day IS NOT NULL THEN
        INSERT INTO run_counts AS ours (subject_id, kind, starts_at, used)
        VALUES (asked_business, 'business_day', midnight, 1)
        ON CONFLICT (subject_id, kind) DO UPDATE
        SET used = CASE WHEN ours.starts_at >= midnight THEN ours.used + 1 ELSE 1 END,
            starts_at = greatest(ours.starts_at, midnight)
        WHERE ours.starts_at < midnight OR ours.used < a_day;
        IF NOT FOUND THEN
            UPDATE run_counts SET used = used - 1
            WHERE subject_id = asking_user AND kind = 'user_minute' AND a_minute IS NOT NULL;
            RETURN 'business_day';
        END IF;
    END IF;
    RETURN NULL;
END $$
"""


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
    op.execute(_COUNT_RUN)


def downgrade() -> None:
    op.execute("DROP FUNCTION count_run")
    op.drop_table("run_counts")
    op.drop_table("business_spend")
    op.drop_table("model_calls")
