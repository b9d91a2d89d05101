"""What the engine is told in fewer statements is what its own statements would have told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest_asyncio
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

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


async def _rows(database: Database) -> list[tuple[int, str]]:
    query = "SELECT id, status::text FROM pgqueuer ORDER BY id"
    return [tuple(row) for row in await database.fetch(query)]


async def _logged(database: Database) -> list[tuple[int, str]]:
    """What the log says of jobs since the last one was taken."""
    query = """
        SELECT job_id, status::text FROM pgqueuer_log
        WHERE id > (SELECT max(id) FROM pgqueuer_log WHERE status = 'picked') ORDER BY id
    """
    return [tuple(row) for row in await database.fetch(query)]


async def _take_over(database: Database, job: Job) -> None:
    """Let the worker be silent for so long that another one takes its job."""
    silent = "UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' WHERE id = $1"
    await database.fetch(silent, job.id)
    async with database.connected() as connection:
        assert [taken.id for taken in await _take(JobQueries.over(connection))] == [job.id]


async def test_jobs_that_have_ended_are_deleted_and_logged(
    database: Database, queries: JobQueries
) -> None:
    for _ in range(3):
        await _queue(database)
    done, broken, held = await _take(queries)
    traceback = TracebackRecord.from_exception(ValueError("wrong"), job_id=broken.id)
    await queries.log_jobs(
        [(done, "successful", None), (broken, "exception", traceback), (held, "failed", None)]
    )
    assert await _rows(database) == [(held.id, "failed")]
    assert sorted(await _logged(database)) == [
        (done.id, "successful"),
        (broken.id, "exception"),
        (held.id, "failed"),
    ]


async def test_job_that_was_taken_over_is_left_to_who_took_it(
    database: Database, queries: JobQueries
) -> None:
    await _queue(database)
    await _queue(database)
    lost, ended = await _take(queries)
    await _take_over(database, lost)
    await queries.log_jobs([(lost, "successful", None), (ended, "successful", None)])
    assert await _rows(database) == [(lost.id, "picked")]
    await queries.retry_job(lost, timedelta(), None)
    assert await _rows(database) == [(lost.id, "picked")]
    assert await _logged(database) == [(ended.id, "successful")]


async def test_job_of_this_worker_is_queued_again(database: Database, queries: JobQueries) -> None:
    await _queue(database)
    [job] = await _take(queries, 1)
    await queries.retry_job(job, timedelta(), None)
    [again] = await _take(queries)
    assert (again.id, again.attempts) == (job.id, 1)
