"""What a worker does by the clock for runs, each as a job."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.planner.model import PlannerChatModel
from agent.runs import AgentRuntime, RunRequest, UserMessage, submit
from config.settings import DatabaseSettings, SecuritySettings, Settings, StripeSettings
from db.notifications import Notifications
from db.repositories.jobs import Entrypoint
from db.session import Database
from tests.factories import Shop
from worker.app import Worker
from worker.stripe_jobs import queue_once
from worker.wiring import Wiring, utc_now, wire

KEY_RING = ("a test secret that is long enough to be one",)
CONVERSATION = UUID(int=1)


def _wiring(database: Database, notifications: Notifications, **more: object) -> Wiring:
    runtime = AgentRuntime(database, notifications, PlannerChatModel(), utc_now)
    return Wiring(database, runtime, StripeSettings(), KEY_RING, **more)  # type: ignore[arg-type]


async def _ask(wiring: Wiring, shop: Shop) -> None:
    message = UserMessage(UUID(int=2), "What is 6 * 7?")
    await submit(wiring.agent, shop.access, RunRequest(CONVERSATION, "run-1", (message,), "hash"))


async def _until(database: Database, query: str) -> None:
    async with asyncio.timeout(120):
        while True:
            async with database.unit_of_work() as session:
                if (await session.execute(text(query))).scalar():
                    return
            await asyncio.sleep(0.02)


async def test_old_logs_are_pruned_by_a_job(database: Database, shop: Shop) -> None:
    async with Notifications(database).listening() as notifications:
        wiring = _wiring(database, notifications, events_kept=timedelta(days=3))
        async with Worker(database, wiring, schedules=False).running():
            await _ask(wiring, shop)
            await _until(database, "SELECT state = 'completed' FROM agent_runs")
            for age in (2, 4):
                async with database.unit_of_work() as session:
                    await session.execute(
                        text("UPDATE agent_runs SET finished_at = now() - :age * interval '1 day'"),
                        {"age": age},
                    )
                await queue_once(wiring, Entrypoint.PRUNE)
                await _until(database, "SELECT count(*) = 0 FROM pgqueuer")
                async with database.unit_of_work() as session:
                    left = await session.scalar(text("SELECT count(*) FROM agent_run_events"))
                assert (left == 0) is (age > 3)


async def test_lost_run_is_answered_by_a_job(database: Database, shop: Shop) -> None:
    async with Notifications(database).listening() as notifications:
        wiring = _wiring(database, notifications)
        await _ask(wiring, shop)
        async with database.unit_of_work() as session:
            await session.execute(text("DELETE FROM pgqueuer"))
        async with Worker(database, wiring, schedules=False).running():
            await queue_once(wiring, Entrypoint.RECOVER)
            await _until(database, "SELECT state = 'completed' FROM agent_runs")


async def test_both_are_due_by_the_clock(database: Database) -> None:
    async with Notifications(database).listening() as notifications:
        wiring = _wiring(database, notifications)
        async with Worker(database, wiring).running():
            await _until(
                database,
                "SELECT count(*) = 2 FROM pgqueuer_schedules WHERE"
                " (entrypoint = 'prune' AND next_run - now() <= interval '24 hours')"
                " OR (entrypoint = 'recover_lost_runs' AND next_run - now() <= interval '5 min')",
            )


@pytest.mark.parametrize("days", [1, 90])
async def test_setting_says_how_long_logs_are_kept(database: Database, days: int) -> None:
    settings = Settings(
        database=DatabaseSettings(VAULTRA_EVENTS_KEPT_DAYS=days),
        security=SecuritySettings(VAULTRA_SECRET_KEYS=KEY_RING[0]),
    )
    assert wire(settings, database, Notifications(database)).events_kept == timedelta(days=days)
