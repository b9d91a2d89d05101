"""A day's budget for language models: set aside before a call, settled after it.

The day is UTC's, by which providers bill. All counting is in PostgreSQL, so any number of
processes share a budget.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from config.logs import get_logger
from db.repositories import model_calls
from db.repositories.model_calls import CallState, LeftCall, NewCall
from db.session import Database
from domain.access import Access
from domain.errors import BudgetUsedUpError
from domain.limits import SpendingLimits, day_of, refusal
from domain.model_prices import ModelPrice, TokenCounts

# OpenAI's rule of thumb for English; bytes, so that other scripts count more:
# https://help.openai.com/en/articles/4936856
BYTES_A_TOKEN = 4
# Longer than any answer takes. One that takes longer still is corrected when it ends.
LOST_AFTER_SECONDS = 15 * 60.0
SETTLED_AT_ONCE = 100
_logger = get_logger(__name__)


def tokens_of(size: int) -> int:
    """Return about how many tokens so many bytes of text are."""
    return -(-size // BYTES_A_TOKEN)


async def set_aside(
    database: Database,
    access: Access,
    call: NewCall,
    price: ModelPrice,
    limits: SpendingLimits,
    *,
    input_tokens: int,
    now: datetime,
) -> None:
    """Set aside the most that the call may cost; raise BudgetUsedUpError if that is too much."""
    budget = limits.daily_budget
    assert budget is not None
    used = TokenCounts(input_tokens, 0)
    # All of it written to the cache, which with some models costs more, and the longest answer.
    cost = price.cost(TokenCounts(input_tokens, limits.max_output_tokens, written=input_tokens))
    if await model_calls.reserve(database, call, used, cost=cost, budget=budget):
        return
    async with database.unit_of_work() as session:
        spend = await model_calls.spend_of(session, access, call.on_day)
    _logger.warning("budget.refused", business_id=str(access.business_id), spent=spend.spent)
    raise BudgetUsedUpError(refusal(budget, spent=spend.spent, cost=cost, now=now))


async def settle_left(database: Database, limits: SpendingLimits) -> int:
    """Settle what was set aside for calls whose process is gone; return how many they were.

    A call is charged with the input that was estimated and with what the run has said since.
    """
    left = await model_calls.list_left(
        database, older_than_seconds=LOST_AFTER_SECONDS, limit=SETTLED_AT_ONCE
    )
    for call in left:
        await _settle(database, limits, call)
    if left:
        _logger.warning("budget.settled_left", calls=len(left))
    return len(left)


async def _settle(database: Database, limits: SpendingLimits, call: LeftCall) -> None:
    used = TokenCounts(call.input_tokens, tokens_of(call.said_bytes))
    price = limits.prices.find(call.model, call.on_day)
    # A price that this process does not know was known to the one that set the amount aside.
    cost = call.reserved if price is None else price.cost(used)
    await model_calls.settle(
        database,
        call.id,
        used,
        CallState.ESTIMATED,
        cost=cost,
        price_version=call.price_version if price is None else price.version,
        known=False,
    )


def new_call(
    access: Access, run_id: UUID, model: str, limits: SpendingLimits, now: datetime
) -> tuple[NewCall, ModelPrice | None]:
    """Return a call that is about to be made, and its price if it is known."""
    day = day_of(now)
    price = limits.prices.find(model, day)
    version = None if price is None else price.version
    made = NewCall(
        id=model_calls.new_call_id(),
        business_id=access.business_id,
        run_id=run_id,
        on_day=day,
        model=model,
        price_version=version,
    )
    return made, price
