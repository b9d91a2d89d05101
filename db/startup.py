"""From settings to a database that is reachable and fully migrated."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from config.settings import Settings
from db.embedded import start_embedded_server
from db.session import Database
from domain.errors import DatabaseError

PROJECT = Path(__file__).resolve().parent.parent


def database_url(settings: Settings) -> str:
    """Return the configured URL, or that of the embedded server, started if need be."""
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    return start_embedded_server(settings.server.state_folder.resolve() / "postgres")


def alembic_config(url: str) -> Config:
    """Return the project's configuration, aimed at a database.

    The URL travels as an attribute: `set_main_option` would break on a `%` in a password.
    """
    config = Config(toml_file=PROJECT / "pyproject.toml")
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """Bring the schema up to the newest revision. Blocking; safe from several processes."""
    command.upgrade(alembic_config(url), "head")


async def empty(url: str) -> None:
    """Drop everything that the database holds."""
    database = Database(url, pool_size=1)
    try:
        async with database.unit_of_work() as session:
            await session.execute(text("DROP SCHEMA public CASCADE"))
            await session.execute(text("CREATE SCHEMA public"))
    finally:
        await database.dispose()


async def require_migrated(database: Database) -> None:
    """Raise DatabaseError unless the schema is at the newest revision."""
    head = ScriptDirectory.from_config(alembic_config("")).get_current_head()
    async with database.unit_of_work() as session:
        connection = await session.connection()
        current = await connection.run_sync(_current_revision)
    if current != head:
        raise DatabaseError(
            f"The database is at revision {current or 'none'}, this version needs {head}.",
            hint="Run: vaultra migrate",
        )


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
