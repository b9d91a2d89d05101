"""A process announces what it writes only while another one could hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from db import notifications
from db.notifications import Notifications
from db.session import Database


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _answers_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "_ANSWER_SECONDS", 0.3)


async def test_process_that_is_alone_announces_nothing_until_another_one_listens(
    database: Database,
) -> None:
    async with Notifications(database).listening() as first:
        assert first.writer.origin == first.origin
        await until(lambda: first.writer.origin is None)
        async with Notifications(database).listening() as second:
            await until(lambda: first.writer.origin == first.origin)
            await until(lambda: bool(second._others))
            await asyncio.sleep(0.6)
            assert second.writer.origin == second.origin


async def test_process_whose_connection_was_lost_announces_until_it_knows_better(
    database: Database,
) -> None:
    async with Notifications(database).listening() as alone:
        await until(lambda: alone.writer.origin is None)
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'"
        )
        await until(lambda: alone.writer.origin is not None)
        await until(lambda: alone.writer.origin is None)
