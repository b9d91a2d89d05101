"""What the engine is told in fewer statements is what its own statements would have told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest_asyncio
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy import text

from db.job_engine import JobQueries
from db.repositories.jobs import Entrypoint, enqueue
from db.session import Database

RUN = QueueEntrypoint(Entrypoint.RUN.value)


@pytest_asyncio.fixture
async def queries(database: Database) -> AsyncIterator[JobQueries]:
    async with database.connected() as connection:
        yield JobQueries.over(connection)


async def _queue(database: Database, wait: timedelta | None = None) -> None:
    async with database.unit_of_work() as session:
        await enqueue(session, Entrypoint.RUN, {}, execute_after=wait)


async def _take(queries: JobQueries, batch_size: int = 10) -> list[Job]:
    return await queries.dequeue(
        batch_size,
        {RUN: EntrypointExecutionParameter(0)},
        QueueManagerId(uuid4()),
        None,
        timedelta(seconds=30),
    )


async def test_after_the_last_jobs_there_are_none_without_asking(
    database: Database, queries: JobQueries
) -> None:
    await _queue(database)
    assert len(await _take(queries)) == 1
    await _queue(database)
    assert await _take(queries) == []
    assert await queries.eligible_queued_work([RUN]) == 1
    assert len(await _take(queries)) == 1


async def test_full_batch_is_followed_by_the_next(database: Database, queries: JobQueries) -> None:
    for _ in range(3):
        await _queue(database)
    assert [len(await _take(queries, 2)) for _ in range(2)] == [2, 1]


async def test_job_that_has_to_wait_is_told_with_its_time(
    database: Database, queries: JobQueries
) -> None:
    await _queue(database, timedelta(minutes=5))
    assert await queries.eligible_queued_work([RUN]) == 0
    eta = await queries.next_deferred_eta([RUN])
    assert eta is not None
    assert timedelta(minutes=4) < eta <= timedelta(minutes=5)
    assert await queries.queued_work([RUN]) == 1


async def test_due_job_is_told_before_one_that_has_to_wait(
    database: Database, queries: JobQueries
) -> None:
    await _queue(database, timedelta(minutes=5))
    await _queue(database)
    await asyncio.sleep(0.01)
    assert await queries.eligible_queued_work([RUN]) == 1


async def test_empty_queue_is_told(database: Database, queries: JobQueries) -> None:
    del database
    assert await queries.eligible_queued_work([RUN]) == 0
    assert await queries.next_deferred_eta([RUN]) is None
    assert await queries.queued_work([RUN]) == 0


async def test_disowned_job_keeps_its_row(database: Database, queries: JobQueries) -> None:
    await _queue(database)
    await _queue(database)
    kept, ended = await _take(queries)
    queries.disown(kept.id)
    await queries.log_jobs([(kept, "successful", None), (ended, "successful", None)])
    async with database.unit_of_work() as session:
        left = (await session.execute(text("SELECT id FROM pgqueuer"))).scalars().all()
    assert left == [kept.id]
