"""Real PostgreSQL for every test: one migrated template, cloned for each test that needs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from fasteners import InterProcessLock
from sqlalchemy.engine import URL

from db.embedded import start_embedded_server
from db.session import Database, parse_url
from db.startup import migrate
from tests.factories import Shop, make_shop

STATE = Path(__file__).resolve().parent.parent / ".vaultra" / "tests"
TEMPLATE = "vaultra_template"
# Test data is thrown away; a crash of the server may lose it.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def server_url() -> URL:
    """The server to test on: TEST_DATABASE_URL, or an embedded one for all the workers."""
    configured = os.environ.get("TEST_DATABASE_URL")
    STATE.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(STATE / "start.lock"):
        return parse_url(configured or start_embedded_server(STATE / "postgres"))


async def _execute(url: URL, *statements: str) -> None:
    connection = await asyncpg.connect(_dsn(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(server_url: URL) -> str:
    """The name of a database that holds the migrated schema, made once a session."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    marker = STATE / "template.txt"
    with InterProcessLock(STATE / "template.lock"):
        if not marker.exists() or marker.read_text() != run:
            asyncio.run(_make_template(server_url))
            marker.write_text(run)
    return TEMPLATE


async def _make_template(url: URL) -> None:
    settings = [f"ALTER SYSTEM SET {name} = '{value}'" for name, value in FAST.items()]
    stale = await _stale_databases(url)
    drops = [f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in [*stale, TEMPLATE]]
    await _execute(
        url, *settings, "SELECT pg_reload_conf()", *drops, f'CREATE DATABASE "{TEMPLATE}"'
    )
    template_url = url.set(database=TEMPLATE).render_as_string(hide_password=False)
    await asyncio.to_thread(migrate, template_url)


async def _stale_databases(url: URL) -> list[str]:
    connection = await asyncpg.connect(_dsn(url))
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'")
    finally:
        await connection.close()
    return [row["datname"] for row in rows]


@asynccontextmanager
async def cloned_database(server_url: URL, template: str) -> AsyncIterator[URL]:
    """A migrated database of one's own, dropped at the end."""
    name = f"test_{uuid4().hex}"
    await _execute(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server_url.set(database=name)
    finally:
        await _execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database_url(server_url: URL, template: str) -> AsyncIterator[URL]:
    """The URL of a migrated database that belongs to this test."""
    async with cloned_database(server_url, template) as url:
        yield url


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    """A migrated database that belongs to this test."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A user who owns a business, both stored."""
    return await make_shop(database)
