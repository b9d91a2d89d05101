"""Runs the migrations: URL from the settings, one migrator at a time, never waiting for long."""

from __future__ import annotations

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from config.settings import load_settings
from db.models import Model
from db.session import Database
from db.startup import database_url

# Any number will do, as long as no other program that locks in this database uses it.
MIGRATION_LOCK = 7_021_961_118
# A migration that cannot get its table lock gives up instead of stopping all traffic behind it.
LOCK_TIMEOUT = "10s"


def include_name(name: str | None, type_: str, _parents: Any) -> bool:
    """Leave the job engine's tables to the job engine."""
    return not (type_ == "table" and name is not None and name.startswith("pgqueuer"))


def run_on(connection: Connection) -> None:
    """Migrate on an open connection, behind an advisory lock that lasts for the transaction."""
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        include_name=include_name,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()


async def run_online(url: str) -> None:
    """Connect and migrate."""
    database = Database(url, pool_size=1)
    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(run_on)
    finally:
        await database.dispose()


def run_offline() -> None:
    """Print the SQL instead of running it, for the migration linter."""
    context.configure(dialect_name="postgresql", literal_binds=True, target_metadata=Model.metadata)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    asyncio.run(run_online(context.config.attributes.get("url") or database_url(load_settings())))
