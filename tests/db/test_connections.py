"""A client that is gone without a word holds its locks for seconds, not for hours."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.connections import SERVER_SETTINGS
from db.session import Database
from db.startup import PROJECT
from tests.databases import connected

# Over a Unix socket, where the tests are, a server has no use for the others.
KEPT = ("client_connection_check_interval", "idle_in_transaction_session_timeout")
STATED = {
    "client_connection_check_interval": "5s",
    "idle_in_transaction_session_timeout": "5min",
}
FIRST, SECOND = 7_001, 7_002
HOLDS_ONE_AND_WAITS_FOR_THE_OTHER = """
import asyncio, sys
from db.connections import connect

async def main():
    connection = await connect(sys.argv[1])
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", int(sys.argv[2]))
        print("holds", flush=True)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", int(sys.argv[3]))

asyncio.run(main())
"""


async def test_connections_of_the_pool_and_outside_of_it_watch_their_client(
    database: Database,
) -> None:
    connection = await database.connect()
    try:
        outside = {name: await connection.fetchval(f"SHOW {name}") for name in KEPT}
    finally:
        connection.terminate()
    async with database.unit_of_work() as session:
        pooled = {name: await session.scalar(text(f"SHOW {name}")) for name in KEPT}
    assert outside == pooled == STATED
    assert set(STATED) < set(SERVER_SETTINGS)


async def test_settings_outlive_a_transaction_that_is_rolled_back(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.rollback()
        shown = await connection.scalar(text(f"SHOW {KEPT[0]}"))
    assert shown == STATED[KEPT[0]]


@pytest.mark.slow
async def test_locks_of_a_client_that_is_killed_while_it_waits_are_given_up(
    database_url: URL,
) -> None:
    dsn = database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with connected(database_url) as holder, connected(database_url) as waiting:
        await holder.execute("SELECT pg_advisory_lock($1)", SECOND)
        arguments = (HOLDS_ONE_AND_WAITS_FOR_THE_OTHER, dsn, str(FIRST), str(SECOND))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", *arguments, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"holds\n"
        await _until_it_waits(holder)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        # Without the check it would take until the holder lets go, which it does not.
        await waiting.execute("SELECT pg_advisory_lock($1)", FIRST, timeout=60)


async def _until_it_waits(connection: asyncpg.Connection) -> None:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = $1"
    async with asyncio.timeout(60):
        while not await connection.fetchval(waits, SECOND):  # noqa: ASYNC110 - in PostgreSQL
            await asyncio.sleep(0.05)
