"""A worker that is killed between any two statements leaves a ledger that the next one completes.

These are real processes and a real SIGKILL: nothing is rolled back by anybody but PostgreSQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from services.syncs import request_sync
from tests.oracle.mortal import Mortals, Order, mortals
from tests.oracle.shops import moment_in, shop
from tests.oracle.stage import Crew, Pace
from tests.oracle.world import DAY_MS, World, world

pytestmark = pytest.mark.slow
# Of the places where a process can die, one in so many is tried each time.
SYNC_STEP, EVENTS_STEP = 3, 2


@pytest.fixture
async def crew(database_url: URL) -> AsyncIterator[Crew]:
    with capture_logs():
        crew = Crew(database_url)
        yield crew
        await crew.dismiss()


@pytest.fixture
async def killing() -> AsyncIterator[Mortals]:
    async with mortals() as forking:
        yield forking


def order(present: World, database_url: URL) -> Order:
    return Order(
        database_url.render_as_string(hide_password=False),
        present.stage.url,
        present.integration_id,
        present.pace.ms,
    )


async def test_sync_that_is_killed_at_any_statement_is_completed_by_the_next_attempt(
    crew: Crew, database_url: URL, killing: Mortals
) -> None:
    killed, statements = 0, None
    for dies_at in range(1, 2_000, SYNC_STEP):
        await crew.clear()
        async with new_world(crew) as present:
            job = order(present, database_url)
            job.sync_id, job.dies_at = await requested(present), dies_at
            end = await killing.run(job)
            await present.work(present.sync, None)
            assert await present.differences() == [], f"killed before statement {dies_at}"
            assert await present.active_sync() is None
        killed, statements = killed + end.killed, end.statements
        if not end.killed:
            break
    assert statements is not None
    assert statements > 100
    assert killed == -(-statements // SYNC_STEP)


async def test_events_whose_job_is_killed_at_any_statement_are_applied_by_the_next(
    crew: Crew, database_url: URL, killing: Mortals
) -> None:
    killed, statements = 0, None
    for dies_at in range(1, 1_000, EVENTS_STEP):
        await crew.clear()
        async with new_world(crew) as present:
            await present.work(present.sync, None)
            since, present.pace.ms = present.pace.ms, present.pace.ms + DAY_MS
            events = present.happened(since)
            await present.work(partial(present.receive, events=events, thin=False), None)
            job = order(present, database_url)
            job.dies_at = dies_at
            end = await killing.run(job)
            await present.work(present.apply, None)
            assert await waiting(present) == 0
            await present.work(present.sync, None)
            assert await present.differences() == [], f"killed before statement {dies_at}"
        killed, statements = killed + end.killed, end.statements
        if not end.killed:
            break
    assert statements is not None
    assert statements > 15
    assert killed == -(-statements // EVENTS_STEP)


def new_world(crew: Crew) -> AbstractAsyncContextManager[World]:
    """A business with subscriptions that has just connected: every table has rows."""
    ledger = shop("saas", 100)
    return world(crew, ledger, Pace(moment_in(ledger, 90)))


async def requested(present: World) -> UUID:
    async with present.database.unit_of_work() as session:
        return (await request_sync(session, present.shop.access, present.pace())).sync_id


async def waiting(present: World) -> int:
    return int(await present.value("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"))
