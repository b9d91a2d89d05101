"""How long a waiter may wait for news, and what it is told when the connection comes and goes."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from db.notifications import LISTENING_SECONDS, UNHEARD_SECONDS, Notifications, announce
from db.session import Database

KILL_LISTENER = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    # What it has done last: listen, or greet the other processes.
    " AND (query ILIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify($1%')"
)


async def _until_patience(notifications: Notifications, seconds: float) -> None:
    async with asyncio.timeout(30):
        while notifications.patience != seconds:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_waiter_looks_seldom_while_the_process_listens_and_often_while_it_does_not(
    database: Database,
) -> None:
    notifications = Notifications(database)
    assert notifications.patience == UNHEARD_SECONDS
    async with notifications.listening():
        await _until_patience(notifications, LISTENING_SECONDS)
        async with database.unit_of_work() as session:
            await session.execute(KILL_LISTENER)
        await _until_patience(notifications, UNHEARD_SECONDS)
        await _until_patience(notifications, LISTENING_SECONDS)
    assert notifications.patience == UNHEARD_SECONDS


async def test_waiter_is_woken_when_the_process_stops_listening_and_when_it_listens_again(
    database: Database,
) -> None:
    async with Notifications(database).listening() as notifications:
        await _until_patience(notifications, LISTENING_SECONDS)
        with notifications.subscribe("topic") as news:
            async with database.unit_of_work() as session:
                await session.execute(KILL_LISTENER)
            async with asyncio.timeout(30):
                await news.wait(30)
                assert news.take() == (True, True)
                # Nobody hears this: only the wake-up at the new connection tells of it.
                async with database.unit_of_work() as session:
                    await announce(session, "topic")
                await news.wait(30)
            assert news.take() == (True, True)
            await _until_patience(notifications, LISTENING_SECONDS)
