"""A job exists exactly if the transaction that asked for it was committed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from sqlalchemy import text

from db.repositories.jobs import Entrypoint, allow_another, enqueue
from db.session import Database


async def _queued(database: Database) -> int:
    async with database.unit_of_work() as session:
        return (await session.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one()


async def test_job_is_visible_after_commit(database: Database) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {"run_id": "1"})
        assert await _queued(database) == 0
    assert await _queued(database) == 1


async def test_job_is_gone_after_rollback(database: Database) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {"run_id": "1"})
        await session.rollback()
    assert await _queued(database) == 0


async def test_job_with_the_same_key_is_not_queued_twice(database: Database) -> None:
    async with database.unit_of_work() as session:
        first = await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a")
        again = await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a")
        other = await enqueue(session, Entrypoint.RUN, {}, dedupe_key="b")
    assert first is not None
    assert (again, other is not None) == (None, True)
    assert await _queued(database) == 2


async def _rows(database: Database) -> list[dict[str, Any]]:
    """What is stored of every job, without what tells one from another."""
    query = text("""
        SELECT (to_jsonb(job) || to_jsonb(logged)) - 'id' - 'job_id' AS row
        FROM pgqueuer AS job JOIN pgqueuer_log AS logged ON logged.job_id = job.id ORDER BY job.id
    """)
    async with database.unit_of_work() as session:
        found = (await session.execute(query)).scalars().all()
    times = {"created", "updated", "execute_after", "heartbeat"}
    return [{name: row[name] for name in row.keys() - times} for row in found]


@pytest.mark.parametrize("key", ["a", None])
async def test_job_is_stored_as_the_engine_itself_stores_one(
    database: Database, key: str | None
) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {"run_id": "1"}, dedupe_key=key)
    [ours] = await _rows(database)
    async with database.unit_of_work() as session:
        await session.execute(text("TRUNCATE pgqueuer, pgqueuer_log"))
    connection = await database.connect()
    await Queries(AsyncpgDriver(connection)).enqueue(
        Entrypoint.RUN.value, b'{"run_id":"1"}', dedupe_key=key, on_conflict="skip"
    )
    await connection.close()
    [theirs] = await _rows(database)
    assert ours == theirs


async def test_jobs_without_a_key_are_all_queued(database: Database) -> None:
    async with database.unit_of_work() as session:
        for _ in range(2):
            await enqueue(session, Entrypoint.RUN, {})
    assert await _queued(database) == 2


async def test_running_job_keeps_its_key_until_it_lets_go(database: Database) -> None:
    async with database.unit_of_work() as session:
        running = await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a")
        assert running is not None
        await session.execute(text("UPDATE pgqueuer SET status = 'picked'"))
    async with database.unit_of_work() as session:
        assert await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a") is None
        await allow_another(session, running)
        assert await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a") is not None


async def test_letting_go_waits_for_whoever_was_told_that_no_job_is_needed(
    database: Database,
) -> None:
    async with database.unit_of_work() as session:
        running = await enqueue(session, Entrypoint.RUN, {}, dedupe_key="a")
        assert running is not None
        await session.execute(text("UPDATE pgqueuer SET status = 'picked'"))

    async def let_go() -> None:
        async with database.unit_of_work() as session:
            await allow_another(session, running)

    async with database.unit_of_work() as told:
        assert await enqueue(told, Entrypoint.RUN, {}, dedupe_key="a") is None
        letting_go = asyncio.create_task(let_go())
        done, _ = await asyncio.wait({letting_go}, timeout=0.2)
        assert not done
    await letting_go


async def test_job_is_put_off(database: Database) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {}, execute_after=timedelta(minutes=5))
        wait = text("SELECT execute_after - created FROM pgqueuer")
        assert (await session.execute(wait)).scalar_one() >= timedelta(minutes=5)
