"""What a worker's death or a long absence leaves undone is made good, to the last line."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from tests.integrations.stripe.ledgers import NOW
from tests.oracle.shops import steady_shop
from tests.oracle.stage import Crew, Pace
from tests.oracle.world import DAY_MS, world

HOUR_MS = 3_600_000


@pytest.fixture
async def crew(database_url: URL) -> AsyncIterator[Crew]:
    with capture_logs():
        crew = Crew(database_url)
        yield crew
        await crew.dismiss()


@pytest.mark.parametrize(("limit", "step"), [(1, 13), (100, 7)])
async def test_job_of_webhooks_that_died_anywhere_is_made_good_by_the_next(
    crew: Crew, limit: int, step: int
) -> None:
    """Polls, which find nothing new, leave the account marked as fresh; so it has to be."""
    wrong: dict[int, list[str]] = {}
    for dies_at in range(1, 200, step):
        await crew.clear()
        async with world(crew, steady_shop(), Pace(NOW * 1_000), limit=limit) as present:
            await present.work(present.sync, None)
            present.pace.ms += 11 * HOUR_MS
            events = present.happened(NOW * 1_000)
            await present.work(partial(present.receive, events=events, thin=False), None)
            died = await present.work(present.apply, dies_at)
            await present.work(present.apply, None)
            present.limit = 100
            await present.work(present.poll, None)
            if await present.active_sync():
                await present.work(present.sync, None)
            found = await present.differences()
            if found:
                wrong[dies_at] = [f"{name} of {table}" for table, name, _ in found]
        if not died:
            break
    assert wrong == {}
    assert 10 < dies_at < 190


@pytest.mark.parametrize("requests", [5, 10, 20, 40])
async def test_line_of_a_sale_during_a_sync_is_there_once_polls_find_nothing_new(
    crew: Crew, requests: int
) -> None:
    """An hour passes in the middle of the first sync: there is a sale in it."""
    pace = Pace(NOW * 1_000, deque([0] * requests + [HOUR_MS]))
    async with world(crew, steady_shop(), pace, limit=1) as present:
        await present.work(present.sync, None)
        present.limit = 100
        await present.work(present.poll, None)
        if await present.active_sync():
            await present.work(present.sync, None)
        assert await present.differences() == []


async def test_what_was_deleted_during_a_long_absence_is_gone(crew: Crew) -> None:
    """Stripe keeps events for thirty days, and lists nothing that was deleted."""
    async with world(crew, steady_shop(), Pace(NOW * 1_000)) as present:
        await present.work(present.sync, None)
        present.pace.ms += 40 * DAY_MS
        await present.work(present.sync, None)
        assert await present.differences() == []


@pytest.mark.parametrize(("limit", "deaths"), [(1, (20, 60, 90, 120)), (100, (12, 30, 50))])
async def test_first_sync_that_goes_on_after_a_long_absence_is_exact(
    crew: Crew, limit: int, deaths: tuple[int, ...]
) -> None:
    for dies_at in deaths:
        await crew.clear()
        async with world(crew, steady_shop(), Pace(NOW * 1_000), limit=limit) as present:
            assert await present.work(present.sync, dies_at)
            present.pace.ms += 40 * DAY_MS
            present.limit = 100
            await present.work(present.sync, None)
            # What it had read before is behind; the next sync reads on from there.
            await present.work(present.sync, None)
            assert await present.differences() == [], f"dead at {dies_at}"


async def test_later_sync_that_goes_on_after_a_long_absence_is_exact(crew: Crew) -> None:
    async with world(crew, steady_shop(), Pace(NOW * 1_000), limit=1) as present:
        await present.work(present.sync, None)
        present.pace.ms += 5 * DAY_MS
        assert await present.work(present.sync, 60)
        present.pace.ms += 40 * DAY_MS
        present.limit = 100
        await present.work(present.sync, None)
        await present.work(present.sync, None)
        assert await present.differences() == []
