"""Versions instead of times, and more of what Stripe tells of payments.

Revision: 20261122_2230
Revises: 20261122_1940
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_2230"
down_revision = "20261122_1940"
branch_labels = None
depends_on = None

FIRST_VERSION = 2**32
LEDGER = (
    "ledger_balance_transactions",
    "ledger_charges",
    "ledger_customers",
    "ledger_disputes",
    "ledger_refunds",
)


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length))


def _added() -> dict[str, tuple[sa.Column[object], ...]]:
    """Return the new columns by table; none of them rewrites a row."""
    return {
        "ledger_charges": (
            _text("payment_intent_id", 255),
            _text("outcome_type", 50),
            _text("outcome_reason", 100),
            _text("risk_level", 20),
            _text("card_funding", 20),
            _text("card_country", 2),
            _text("card_network", 50),
        ),
        "ledger_refunds": (
            _text("balance_transaction_id", 255),
            _text("payment_intent_id", 255),
            _text("failure_reason", 100),
        ),
        "ledger_disputes": (
            _text("payment_intent_id", 255),
            _text("case_type", 50),
            _text("network_reason_code", 50),
            sa.Column("has_evidence", sa.Boolean()),
            sa.Column("submission_count", sa.Integer()),
        ),
        "ledger_balance_transactions": (_text("status", 20), _text("payout_id", 255)),
        "ledger_customers": (
            sa.Column("deleted", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        ),
        "sync_runs": (
            sa.Column("purpose", sa.String(20), nullable=False, server_default=sa.text("'sync'")),
            sa.Column(
                "findings",
                postgresql.JSONB(),
                nullable=False,
                server_default=sa.text("'{}'::jsonb"),
            ),
        ),
    }


def _connection_key(table: str) -> str:
    """Return the constraint's name; one of them was cut to PostgreSQL's 63 characters."""
    name = f"fk_{table}_integration_id_integration_accounts"
    cut = {"ledger_balance_transactions": f"{name[:-11]}_9be4"}
    return cut.get(table, name)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("ledger_versions", start=FIRST_VERSION)))
    for table in LEDGER:
        # Workers of before this version cannot write while the new one starts, and need not:
        # a job of theirs that fails is run again.
        op.execute(
            "-- squawk-ignore renaming-column\n"
            f"ALTER TABLE {table} RENAME COLUMN source_time TO source_version"
        )
        op.execute(
            "-- squawk-ignore ban-drop-constraint\n"
            f"ALTER TABLE {table} DROP CONSTRAINT {_connection_key(table)}"
        )
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(
        "ix_ledger_balance_transactions_business_id_payout_id",
        "ledger_balance_transactions",
        ["business_id", "payout_id"],
        postgresql_where=sa.text("payout_id IS NOT NULL"),
    )
    op.create_index(
        "ix_ledger_balance_transactions_business_id_available_on",
        "ledger_balance_transactions",
        ["business_id", "available_on"],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_ledger_balance_transactions_business_id_available_on",
        table_name="ledger_balance_transactions",
    )
    op.drop_index(
        "ix_ledger_balance_transactions_business_id_payout_id",
        table_name="ledger_balance_transactions",
    )
    for table, columns in _added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    for table in LEDGER:
        # A version would be later than any time, and no fetch could replace its row.
        op.execute(
            f"UPDATE {table} SET source_version = extract(epoch FROM created_at)"  # noqa: S608
            f" WHERE source_version >= {FIRST_VERSION}"
        )
        op.alter_column(table, "source_version", new_column_name="source_time")
        op.create_foreign_key(
            _connection_key(table), table, "integration_accounts", ["integration_id"], ["id"]
        )
    op.execute(sa.schema.DropSequence(sa.Sequence("ledger_versions")))
