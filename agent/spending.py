"""Accounting for a run's calls of a language model: before each, set aside; after it, settle.

The built-in planner costs nothing, and nothing is written for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.answer import Answer
from agent.context import AgentContext
from agent.event_log import to_its_end
from agent.model import name_of
from agent.planner.model import PlannerChatModel
from config.logs import get_logger
from db.repositories import model_calls
from db.repositories.model_calls import CallState, NewCall
from domain.errors import BudgetUsedUpError, DatabaseError, ModelError, ModelUnavailableError
from domain.model_prices import ModelPrice, TokenCounts
from services import budgets

_logger = get_logger(__name__)
# The tools are always the same: how long each is in a request is found out once.
_SIZES: dict[str, int] = {}


@asynccontextmanager
async def accounted(
    context: AgentContext,
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    offered: Sequence[BaseTool],
    answer: Answer,
) -> AsyncIterator[None]:
    """Account for the call that the block makes, however it ends.

    Raises BudgetUsedUpError before it if the day's budget does not allow the call.
    """
    if isinstance(model, PlannerChatModel):
        yield
        return
    now = context.clock()
    call, price = budgets.new_call(
        context.access, context.run_id, name_of(model), context.spending, now
    )
    held = price is not None and context.spending.daily_budget is not None
    asked = refused = False
    try:
        if price is not None and held:
            size = input_size(messages, offered)
            await to_its_end(
                budgets.set_aside(
                    context.database,
                    context.access,
                    call,
                    price,
                    context.spending,
                    input_tokens=budgets.tokens_of(size),
                    now=now,
                )
            )
        asked = True
        yield
    except BudgetUsedUpError:
        held = asked = False
        raise
    except ModelError:
        # Refused or not reached, it was not billed; broken off, it was.
        refused = not answer.begun
        raise
    finally:
        if asked or held:
            billed = asked and not refused
            used, state = _used(messages, offered, answer) if billed else _NOTHING
            await to_its_end(_settle(context, call, price, used, state, held=held))


_NOTHING = (TokenCounts(0, 0), CallState.SETTLED)


def _used(
    messages: Sequence[BaseMessage], offered: Sequence[BaseTool], answer: Answer
) -> tuple[TokenCounts, CallState]:
    """Return what the provider counted or, of an answer that was broken off, what we did."""
    counted = answer.usage
    if counted is None:
        said = len(answer.text.encode()) + sum(
            len(call.name) + len(call.arguments.encode()) for call in answer.calls
        )
        read = budgets.tokens_of(input_size(messages, offered))
        return TokenCounts(read, budgets.tokens_of(said)), CallState.ESTIMATED
    return (
        TokenCounts(
            input=counted.input_tokens,
            output=counted.output_tokens,
            cached=counted.cached_input_tokens,
            written=counted.cache_write_tokens,
        ),
        CallState.SETTLED,
    )


async def _settle(
    context: AgentContext,
    call: NewCall,
    price: ModelPrice | None,
    used: TokenCounts,
    state: CallState,
    *,
    held: bool,
) -> None:
    cost = None if price is None else price.cost(used)
    try:
        if held and cost is not None:
            await model_calls.settle(
                context.database,
                call.id,
                used,
                state,
                cost=cost,
                price_version=call.price_version,
                known=True,
            )
        else:
            await model_calls.record(context.database, call, used, state, cost=cost)
    except DatabaseError:
        # What was set aside stays so until it is settled as left behind.
        _logger.warning("model_call.not_settled", call_id=str(call.id))


def notice_of(error: ModelUnavailableError) -> str | None:
    """Return what a person is told of a call that was not made; None for any other failure."""
    return f"_{error.message}_\n\n" if isinstance(error, BudgetUsedUpError) else None


def input_size(messages: Sequence[BaseMessage], offered: Sequence[BaseTool]) -> int:
    """Return about how many bytes of text the model is sent."""
    size = sum(map(_size_of_tool, offered))
    for message in messages:
        size += len(str(message.text).encode())
        if isinstance(message, AIMessage) and message.tool_calls:
            size += len(orjson.dumps([call["args"] for call in message.tool_calls]))
    return size


def _size_of_tool(tool: BaseTool) -> int:
    if tool.name not in _SIZES:
        _SIZES[tool.name] = len(orjson.dumps(convert_to_openai_tool(tool)))
    return _SIZES[tool.name]
