"""A statement that is a transaction by itself."""

from __future__ import annotations

import contextlib

import asyncpg
import pytest
from sqlalchemy import text

from db.repositories.jobs import Entrypoint
from db.session import Database
from domain.errors import DatabaseError

QUEUE = "SELECT queue_job($1, $2, INTERVAL '0', $3)"


async def queue(database: Database, key: str | None) -> int | None:
    found: int | None = await database.call(QUEUE, str(Entrypoint.EVENTS), b"{}", key)
    return found


async def test_what_is_called_is_committed(database: Database) -> None:
    job = await queue(database, None)
    async with database.unit_of_work() as session:
        assert (await session.execute(text("SELECT id FROM pgqueuer"))).scalar_one() == job


async def test_call_that_is_refused_leaves_nothing(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await database.call("SELECT queue_job($1, '', INTERVAL '0', NULL)::int / 0", "no")
    async with database.unit_of_work() as session:
        assert (await session.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one() == 0


async def test_job_is_queued_once_while_it_waits_or_runs(database: Database) -> None:
    first = await queue(database, "one")
    assert first is not None
    for status in ("queued", "picked"):
        async with database.unit_of_work() as session:
            await session.execute(
                text("UPDATE pgqueuer SET status = CAST(:to AS pgqueuer_status)"), {"to": status}
            )
        assert await queue(database, "one") is None
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE pgqueuer SET dedupe_key = NULL"))
    assert await queue(database, "one") not in {None, first}


async def test_connection_that_was_cut_is_made_anew_and_told_once_at_most(
    database: Database,
) -> None:
    backend = await database.call("SELECT pg_backend_pid()")
    connection = await database.connect()
    await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", backend)
    await connection.close()
    # Whether the driver has heard of it by now is the network's affair.
    with contextlib.suppress(DatabaseError):
        await database.call("SELECT 1")
    assert await database.call("SELECT 1") == 1
