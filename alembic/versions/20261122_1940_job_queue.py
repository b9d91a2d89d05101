"""The job engine's own tables, as the engine installs them.

Revision: 20261122_1940
Revises: 20261122_1930
"""

from __future__ import annotations

from alembic import context, op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy.util import await_only

revision = "20261122_1940"
down_revision = "20261122_1930"
branch_labels = None
depends_on = None


def _run_script(script: str) -> None:
    if context.is_offline_mode():
        op.execute(script)
        return
    # Several statements in one text: asyncpg takes them only outside prepared statements.
    connection = op.get_bind().connection.driver_connection
    await_only(connection.execute(script))


def upgrade() -> None:
    _run_script(QueryBuilderEnvironment().build_install_query())


def downgrade() -> None:
    _run_script(QueryBuilderEnvironment().build_uninstall_query())
