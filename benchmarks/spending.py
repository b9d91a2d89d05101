"""What accounting for one call of a language model costs the process: CPU, on an idle database.

`python -m benchmarks.spending` prints microseconds of CPU a statement, and those of `SELECT 1` by
itself and in a unit of work beside them: ratios, because machines differ and are never quiet.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from db.embedded import start_embedded_server
from db.models import Conversation, Run
from db.repositories import model_calls
from db.repositories.model_calls import CallState, NewCall
from db.session import Database
from db.startup import migrate
from domain.limits import SpendingLimits
from domain.model_prices import TokenCounts, parse_prices
from services import budgets
from services.demo import DEMO_ACCESS, ensure_demo
from worker.wiring import utc_now

COUNT = 500
ROUNDS = 5
LIMITS = SpendingLimits(parse_prices("m=1/0.1/2@2026-11-01"), daily_budget=10**18)
USED = TokenCounts(1000, 100)
Step = Callable[[], Awaitable[object]]


async def _cost(step: Step) -> float:
    begin = time.process_time()
    for _ in range(COUNT):
        await step()
    return 1e6 * (time.process_time() - begin) / COUNT


async def _make_run(database: Database) -> Run:
    owner = {"business_id": DEMO_ACCESS.business_id, "user_id": DEMO_ACCESS.user_id}
    conversation = Conversation(id=uuid4(), **owner)
    run = Run(
        id=uuid4(),
        conversation_id=conversation.id,
        client_run_id="run",
        input_hash="",
        state="running",
        **owner,
    )
    async with database.unit_of_work() as session:
        await ensure_demo(session, founded_on=utc_now().date())
        session.add(conversation)
        await session.flush()
        session.add(run)
    return run


def _steps(database: Database, run: Run) -> dict[str, Step]:
    held: list[NewCall] = []
    now = utc_now()

    async def alone() -> None:
        await database.fetch("SELECT 1")

    async def unit() -> None:
        async with database.unit_of_work() as session:
            await session.execute(text("SELECT 1"))

    async def set_aside() -> None:
        call, price = budgets.new_call(DEMO_ACCESS, run.id, "m", LIMITS, now)
        assert price is not None
        await budgets.set_aside(
            database, DEMO_ACCESS, call, price, LIMITS, input_tokens=1000, now=now
        )
        held.append(call)

    async def settle() -> None:
        await model_calls.settle(
            database,
            held.pop().id,
            USED,
            CallState.SETTLED,
            cost=1,
            price_version="m",
            known=True,
        )

    async def record() -> None:
        call, _ = budgets.new_call(DEMO_ACCESS, run.id, "m", LIMITS, now)
        await model_calls.record(database, call, USED, CallState.SETTLED, cost=1)

    return {
        "SELECT 1": alone,
        "SELECT 1 in a unit of work": unit,
        "set aside (with a budget)": set_aside,
        "settle (with a budget)": settle,
        "record (without)": record,
    }


async def main() -> None:
    """Measure and print medians."""
    with tempfile.TemporaryDirectory() as folder:
        url = await asyncio.to_thread(start_embedded_server, Path(folder) / "postgres")
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        steps = _steps(database, await _make_run(database))
        found: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(ROUNDS):
            for name, step in steps.items():
                found[name].append(await _cost(step))
        for name, costs in found.items():
            print(f"{name:28} {statistics.median(costs):6.0f} µs")
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(main())
