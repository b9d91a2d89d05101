"""A running worker: webhooks, polls and nightly syncs reach the ledger without anybody's help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from agent.model import build_model
from agent.runtime import AgentRuntime
from config.settings import ModelSettings, StripeSettings
from db.notifications import Notifications
from db.repositories.jobs import Entrypoint, enqueue
from db.session import Database
from tests.factories import Shop
from tests.services.stripe_sync.connected import SECRET, connect
from tests.services.stripe_sync.moving import Moving, busy_shop, moving
from worker import stripe_jobs
from worker.app import Worker
from worker.wiring import Wiring

PATIENCE_SECONDS = 120.0
SCHEDULES = [
    "poll_stripe * * * * *",
    "prune 27 4 * * *",
    "reconcile_stripe 17 3 * * *",
    "recover_lost_runs */5 * * * *",
    "refresh_insight 47 3 * * *",
    "settle_spending * * * * *",
]


@pytest.fixture
async def busy(database: Database, shop: Shop) -> AsyncIterator[Moving]:
    """A connected shop that has been synced once."""
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, busy_shop()) as present:
        await present.sync()
        async with database.unit_of_work() as session:
            await session.execute(text("DELETE FROM pgqueuer"))
        yield present


@asynccontextmanager
async def wired(busy: Moving) -> AsyncIterator[Wiring]:
    """A worker's wiring to the sandbox, on the sandbox's clock."""
    async with Notifications(busy.database).listening() as notifications:
        model = build_model(ModelSettings())
        agent = AgentRuntime(busy.database, notifications, model, busy.time)
        yield Wiring(busy.database, agent, StripeSettings(api_base=busy.url), (SECRET,))


@asynccontextmanager
async def working(busy: Moving) -> AsyncIterator[None]:
    async with wired(busy) as wiring, Worker(busy.database, wiring).running():
        yield


async def becomes(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the condition is in the database
            await asyncio.sleep(0.05)


async def test_webhook_reaches_the_ledger_and_then_the_metrics(busy: Moving) -> None:
    scores = "SELECT count(*) FROM financial_metric_snapshots"
    assert await busy.value(scores) == 0
    busy.time.pass_by(days=3)
    await busy.receive(*await busy.events())

    async def followed() -> bool:
        return bool(await busy.value(scores)) and not await busy.value(
            "SELECT count(*) FROM pgqueuer"
        )

    async with working(busy):
        await becomes(followed)
    assert await busy.value("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL") == 0
    assert await busy.differences() == []


async def test_poll_leads_to_a_sync_that_brings_what_changed(busy: Moving) -> None:
    busy.time.pass_by(days=1)

    async def synced() -> bool:
        query = "SELECT count(*) FROM sync_runs WHERE state = 'completed'"
        return bool(await busy.value(query) == 2)

    async with working(busy):
        async with busy.database.unit_of_work() as session:
            await enqueue(session, Entrypoint.POLL, {})
        await becomes(synced)
    assert await busy.differences() == []


async def test_nightly_job_reconciles_every_account(busy: Moving) -> None:
    async def reconciled() -> bool:
        query = "SELECT count(*) FROM sync_runs WHERE state = 'completed' AND purpose = 'reconcile'"
        return bool(await busy.value(query) == 1)

    async with working(busy):
        async with busy.database.unit_of_work() as session:
            await enqueue(session, Entrypoint.RECONCILE, {})
        await becomes(reconciled)


async def test_polls_and_the_nightly_jobs_are_on_schedule(busy: Moving) -> None:
    query = """
        SELECT string_agg(entrypoint || ' ' || expression, ', ' ORDER BY entrypoint)
        FROM pgqueuer_schedules
    """

    async def registered() -> bool:
        return await busy.value(query) is not None

    async with working(busy):
        await becomes(registered)
    assert str(await busy.value(query)).split(", ") == SCHEDULES


async def test_scheduled_work_is_queued_once_until_it_is_done(busy: Moving) -> None:
    async with wired(busy) as wiring:
        for _ in range(3):
            await stripe_jobs.queue_once(wiring, Entrypoint.POLL)
    assert await busy.jobs("stripe_poll") == 1


async def test_account_is_polled_each_17_minutes_at_most(busy: Moving) -> None:
    async with wired(busy) as wiring:
        before = busy.stripe.api.traffic.copy()
        busy.time.pass_by(minutes=17)
        await stripe_jobs.poll(wiring)
        assert busy.stripe.api.traffic == before
        busy.time.pass_by(minutes=1)
        await stripe_jobs.poll(wiring)
        assert busy.stripe.api.traffic - before == {"/v1/events": 1}
        await stripe_jobs.poll(wiring)
        assert busy.stripe.api.traffic - before == {"/v1/events": 1}


async def test_trouble_with_an_account_does_not_fail_the_poll(busy: Moving) -> None:
    busy.stripe.api.accounts.revoke_key("rk_test_small_shop")
    busy.time.pass_by(minutes=18)
    async with wired(busy) as wiring:
        await stripe_jobs.poll(wiring)
    assert (await busy.account()).status == "revoked"
