"""A day's budget under concurrency, and calls that nobody settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg import CheckViolationError
from sqlalchemy import text

from db.models import Conversation, Run, RunEvent
from db.repositories import model_calls
from db.repositories.model_calls import CallState, NewCall
from db.session import Database
from domain.errors import BudgetUsedUpError
from domain.limits import SpendingLimits
from domain.model_prices import ModelPrice, TokenCounts, parse_prices
from services import budgets
from services.budgets import set_aside, settle_left
from tests.factories import Shop, make_shop

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PRICES = parse_prices("m=1/0.1/2@2026-11-01")
[PRICE] = PRICES.prices
# What one call may cost: 500 tokens read and 1,000 said.
ONE = 500 * 1_000_000 + 1000 * 2_000_000
USED = TokenCounts(10, 1)
COST = PRICE.cost(USED)


def limits(budget: int) -> SpendingLimits:
    return SpendingLimits(PRICES, budget, 1000)


@pytest.fixture
async def wide(database: Database) -> AsyncIterator[Database]:
    """As many connections as there are calls at once."""
    wide = Database(database.url, pool_size=50)
    yield wide
    await wide.dispose()


async def add_run(database: Database, shop: Shop, state: str = "running") -> UUID:
    """Store a run of its own conversation."""
    run_id, conversation_id = model_calls.new_call_id(), uuid4()
    owner = {"business_id": shop.business_id, "user_id": shop.access.user_id}
    async with database.unit_of_work() as session:
        session.add(Conversation(id=conversation_id, **owner))
        await session.flush()
        session.add(
            Run(
                id=run_id,
                conversation_id=conversation_id,
                client_run_id=str(run_id),
                input_hash="",
                state=state,
                **owner,
            )
        )
    return run_id


async def hold(
    database: Database, shop: Shop, run_id: UUID, budget: int, now: datetime = NOW
) -> NewCall:
    """Set aside for one call; raises BudgetUsedUpError."""
    bounds = limits(budget)
    call, price = budgets.new_call(shop.access, run_id, "m", bounds, now)
    assert isinstance(price, ModelPrice)
    await set_aside(database, shop.access, call, price, bounds, input_tokens=500, now=now)
    return call


async def settle(
    database: Database, call: NewCall, used: TokenCounts = USED, *, known: bool = True
) -> None:
    await model_calls.settle(
        database,
        call.id,
        used,
        CallState.SETTLED if known else CallState.ESTIMATED,
        cost=PRICE.cost(used),
        price_version=PRICE.version,
        known=known,
    )


async def spend(database: Database, shop: Shop) -> tuple[int, int]:
    async with database.unit_of_work() as session:
        return tuple(await model_calls.spend_of(session, shop.access, NOW.date()))


async def state_of(database: Database, call: NewCall) -> dict[str, Any]:
    async with database.unit_of_work() as session:
        query = text("SELECT * FROM model_calls WHERE id = :id")
        return dict((await session.execute(query, {"id": call.id})).one()._mapping)


async def test_of_fifty_calls_at_once_the_budget_grants_as_many_as_it_covers(
    database: Database, wide: Database, shop: Shop
) -> None:
    run_id = await add_run(database, shop)
    tried = await asyncio.gather(
        *(hold(wide, shop, run_id, 10 * ONE) for _ in range(50)), return_exceptions=True
    )
    refused = [one for one in tried if isinstance(one, BudgetUsedUpError)]
    granted = [one for one in tried if isinstance(one, NewCall)]
    assert (len(granted), len(refused)) == (10, 40)
    assert await spend(database, shop) == (0, 10 * ONE)
    await asyncio.gather(*(settle(wide, call) for call in granted))
    assert await spend(database, shop) == (10 * COST, 0)


async def test_holding_and_settling_at_once_never_pass_the_budget(
    database: Database, wide: Database, shop: Shop
) -> None:
    run_id = await add_run(database, shop)
    highest = 0

    async def call_and_settle() -> bool:
        nonlocal highest
        try:
            call = await hold(wide, shop, run_id, 4 * ONE)
        except BudgetUsedUpError:
            return False
        highest = max(highest, sum(await spend(wide, shop)))
        # The most that was set aside for it.
        await settle(wide, call, TokenCounts(500, 1000))
        return True

    granted = sum(await asyncio.gather(*(call_and_settle() for _ in range(50))))
    assert granted == 4
    assert highest <= 4 * ONE
    assert await spend(database, shop) == (4 * ONE, 0)


async def test_budgets_of_two_businesses_and_two_days_are_apart(
    database: Database, shop: Shop
) -> None:
    other = await make_shop(database, "Another")
    for one in (shop, other):
        run_id = await add_run(database, one)
        await hold(database, one, run_id, ONE)
        with pytest.raises(BudgetUsedUpError):
            await hold(database, one, run_id, ONE)
        await hold(database, one, run_id, ONE, NOW.replace(month=12, day=1))
    assert await spend(database, shop) == (0, ONE)


async def test_call_that_costs_more_than_the_whole_budget_is_refused(
    database: Database, shop: Shop
) -> None:
    run_id = await add_run(database, shop)
    with pytest.raises(BudgetUsedUpError, match="is not enough for another answer"):
        await hold(database, shop, run_id, ONE - 1)
    assert await spend(database, shop) == (0, 0)


async def test_settling_twice_changes_nothing(database: Database, shop: Shop) -> None:
    call = await hold(database, shop, await add_run(database, shop), ONE)
    await settle(database, call)
    await settle(database, call, TokenCounts(9999, 9999))
    await settle(database, call, TokenCounts(9999, 9999), known=False)
    assert await spend(database, shop) == (COST, 0)
    assert (await state_of(database, call))["cost_picos"] == COST


async def test_counter_cannot_fall_below_zero(database: Database, shop: Shop) -> None:
    call = await hold(database, shop, await add_run(database, shop), ONE)
    statement = text("UPDATE business_spend SET reserved_picos = 0")
    async with database.unit_of_work() as session:
        await session.execute(statement)
    with pytest.raises(CheckViolationError):
        await settle(database, call)


async def _say(database: Database, run_id: UUID, seq: int, delta: str) -> None:
    data = '{"type":"TEXT_MESSAGE_CONTENT","messageId":"1","delta":"' + delta + '"}'
    async with database.unit_of_work() as session:
        session.add(RunEvent(run_id=run_id, seq=seq, type="TEXT_MESSAGE_CONTENT", data=data))


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
async def test_call_that_was_left_by_its_process_is_charged_with_what_the_run_has_said(
    database: Database, shop: Shop, state: str
) -> None:
    run_id = await add_run(database, shop)
    await _say(database, run_id, 1, "Said before the call.")
    first = await hold(database, shop, run_id, 9 * ONE)
    await _say(database, run_id, 2, "Äpfel und Birnen")
    last = await hold(database, shop, run_id, 9 * ONE)
    await _say(database, run_id, 3, "more")
    assert await settle_left(database, limits(ONE)) == 0
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE agent_runs SET state = :state"), {"state": state})
    assert await settle_left(database, limits(ONE)) == 2
    found = [await state_of(database, call) for call in (first, last)]
    assert [(row["state"], row["input_tokens"], row["output_tokens"]) for row in found] == [
        ("estimated", 500, 5),
        ("estimated", 500, 1),
    ]
    assert await spend(database, shop) == (1000 * 1_000_000 + 6 * 2_000_000, 0)
    assert await settle_left(database, limits(ONE)) == 0


async def test_call_that_takes_too_long_is_settled_and_corrected_when_it_ends(
    database: Database, shop: Shop
) -> None:
    call = await hold(database, shop, await add_run(database, shop), ONE)
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE model_calls SET created_at = now() - make_interval(secs => :age)"),
            {"age": budgets.LOST_AFTER_SECONDS + 1},
        )
    assert await settle_left(database, limits(ONE)) == 1
    assert await spend(database, shop) == (500 * 1_000_000, 0)
    await settle(database, call)
    assert await spend(database, shop) == (COST, 0)
    assert (await state_of(database, call))["state"] == "settled"


async def test_call_that_was_left_costs_what_was_set_aside_if_its_price_is_gone(
    database: Database, shop: Shop
) -> None:
    run_id = await add_run(database, shop)
    await hold(database, shop, run_id, ONE)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE agent_runs SET state = 'failed'"))
    assert await settle_left(database, replace(limits(ONE), prices=parse_prices(""))) == 1
    assert await spend(database, shop) == (ONE, 0)
