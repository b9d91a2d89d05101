"""Waits for what a service does by itself: for as long as it takes, as machines differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from db.session import Database

SECONDS = 60
_TOLD = """
    SELECT coalesce(string_agg(coalesce(data ->> 'delta', data ->> 'toolCallName'), ''
                               ORDER BY seq), '')
    FROM (SELECT seq, run_id, data::jsonb FROM agent_run_events) e JOIN agent_runs r
    ON r.id = e.run_id WHERE r.client_run_id = $1
"""


async def until_logged(database: Database, run_id: str, told: str) -> None:
    """Wait until a run's log holds this piece of its answer, or the name of a tool."""
    async with asyncio.timeout(SECONDS):
        while told not in await database.call(_TOLD, run_id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_cancelled(work: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """Wait until a task of this process that does this work is told to stop."""
    name = work.__qualname__
    async with asyncio.timeout(SECONDS):
        while not any(  # noqa: ASYNC110
            task.cancelling()
            for task in asyncio.all_tasks()
            if getattr(task.get_coro(), "__qualname__", "") == name
        ):
            await asyncio.sleep(0.01)
