"""Real PostgreSQL for every test: a migrated, empty database for each one that needs it."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from fasteners import InterProcessLock
from hypothesis import settings
from sqlalchemy.engine import URL
from xdist.scheduler import LoadFileScheduling

from db.embedded import start_embedded_server
from db.session import Database, parse_url
from db.startup import migrate
from tests.databases import Spares, connected, execute
from tests.factories import Shop, make_shop

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# Each HTTP client reads the certificates of the world, 50 ms of CPU, which most tests would do
# several times; none speaks TLS. With the variable set, all libraries go through that function.
os.environ.setdefault("SSL_CERT_FILE", certifi.where())
ssl.create_default_context = functools.cache(ssl.create_default_context)
STATE = Path(__file__).resolve().parent.parent / ".vaultra" / "tests"
# Test data is thrown away; a crash of the server may lose it.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Those who count databases or leave some behind must not see each other's.
COUNT_DATABASES = (
    "tests/db/test_scratch.py",
    "tests/evals/test_command.py",
    "tests/evals/test_replay.py",
)


# Begun first, as the others' workers would wait for whoever began one of them last.
TAKES_LONG = (
    "tests/oracle/",
    "tests/slow/",
    "tests/evals/test_datasets.py",
    "tests/sandbox/stripe/test_cdnow.py",
    "tests/services/test_readiness.py",
    "tests/services/stripe_sync/test_events.py",
    "tests/cli/",
    "tests/api/test_runs.py",
)


class OneWorkerForEachFile(LoadFileScheduling):
    """What the tests of a file share, such as a running demo, is made once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return COUNT_DATABASES[0] if file in COUNT_DATABASES else file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, behind the shuffling."""
    items.sort(key=lambda item: not item.nodeid.startswith(TAKES_LONG))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerForEachFile:
    """Say which tests are run by the same worker."""
    return OneWorkerForEachFile(config, log)


@pytest.fixture(scope="session")
def server_url() -> URL:
    """The server to test on: TEST_DATABASE_URL, or an embedded one for all the workers."""
    configured = os.environ.get("TEST_DATABASE_URL")
    STATE.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(STATE / "start.lock"):
        return parse_url(configured or start_embedded_server(STATE / "postgres"))


@pytest.fixture(scope="session")
def template(server_url: URL) -> str:
    """The name of a database that holds the migrated schema, made once a session."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # Several sessions may test on one server at once.
    name = f"test_template_{hashlib.sha256(run.encode()).hexdigest()[:12]}"
    with InterProcessLock(STATE / "template.lock"):
        asyncio.run(_ensure_template(server_url, name))
    return name


async def _ensure_template(url: URL, name: str) -> None:
    async with connected(url) as connection:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        # What a session that was killed has left behind; a running one is younger.
        stale = await connection.fetch(
            """
            SELECT datname FROM pg_database WHERE datname LIKE 'test_%'
            AND (pg_stat_file('base/' || oid || '/PG_VERSION')).modification
                < now() - interval '1 hour'
            """
        )
    await execute(
        url,
        *(f"ALTER SYSTEM SET {setting} = '{value}'" for setting, value in FAST.items()),
        "SELECT pg_reload_conf()",
        *(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)' for row in stale),
        f'CREATE DATABASE "{name}"',
    )
    template_url = url.set(database=name).render_as_string(hide_password=False)
    await asyncio.to_thread(migrate, template_url)


@pytest.fixture(scope="session")
def spares(server_url: URL, template: str) -> Iterator[Spares]:
    """Databases that this worker's tests hand on."""
    spares = Spares(server_url, template)
    yield spares
    asyncio.run(spares.drop_all())


@pytest.fixture
async def database_url(spares: Spares) -> AsyncIterator[URL]:
    """The URL of a migrated, empty database that belongs to this test."""
    async with spares.lent() as url:
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
