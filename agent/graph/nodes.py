"""The nodes: small functions from state to state, telling their parts as they go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.runtime import Runtime

from agent import model as models
from agent.answer import Answer, AskedCall, arguments_of, ends_of
from agent.context import ERROR, UNREADABLE_CALLS, AgentContext
from agent.graph.history import load_messages
from agent.graph.state import RunGraphState
from agent.parts import Part, TextPart, ToolCallArgsPart
from agent.spending import accounted, notice_of
from config.logs import get_logger
from db.models import Approval
from domain.errors import ModelError, ModelUnavailableError

# Enough for list, update, look again; a model that wants more is going in circles.
MAX_ROUNDS = 8
# A model may be wrong, try another way, and be wrong again; from then on it only costs.
MAX_WASTED_CALLS = 3
UNAVAILABLE = (
    "_The language model cannot be reached at present, so the built-in planner answers._\n\n"
)
_logger = get_logger(__name__)


async def load_context(state: RunGraphState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Put the prompt, the history and the context before the model, then how far the run is."""
    return {"messages": [*await load_messages(runtime.context), *state["resumed"]]}


# Routes are coroutines: LangGraph takes plain functions to another thread.


async def after_context(state: RunGraphState) -> Literal["model", "tools"]:
    """Go on with the tool calls that are left, if there are any."""
    return "tools" if _asks_for_tools(state) else "model"


async def call_model(state: RunGraphState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Ask the model; its last round is offered no tools, so it must answer in text.

    While the provider cannot answer, or the budget is used up, the planner does, from the first
    such call to the end of the run, and says so.
    """
    context, messages = runtime.context, state["messages"]
    is_last = state["rounds"] >= MAX_ROUNDS or wasted_calls(of_run(messages)) >= MAX_WASTED_CALLS
    offered = () if is_last else context.tools
    model = context.stand_in if state["fell_back"] else context.model
    answer, fell_back = Answer(), state["fell_back"]
    try:
        async with accounted(context, model, messages, offered, answer):
            await _tell(models.stream(model, messages, offered, answer, context.tick), context)
    except ModelUnavailableError as error:
        if answer.text or answer.calls or model is context.stand_in:
            raise
        _logger.warning("model.fallback", run_id=str(context.run_id), code=error.code)
        fell_back, answer = True, Answer()
        context.tell(TextPart(notice_of(error) or UNAVAILABLE))
        await _tell(models.stream(context.stand_in, messages, offered, answer), context)
    if is_last and not answer.text:
        raise ModelError("The model did not come to an answer. Ask again, for less at a time.")
    calls = () if is_last else answer.calls
    for part in ends_of(calls):
        context.tell(part)
    if answer.text and calls:
        # Messages and calls are put in order by their times: what was said is stored before the
        # calls that it led to have ended.
        await context.settled()
    return {
        "messages": [_message(answer, calls)],
        "rounds": state["rounds"] + 1,
        "fell_back": fell_back,
    }


async def _tell(parts: AsyncIterator[Part], context: AgentContext) -> None:
    async for part in parts:
        if not isinstance(part, ToolCallArgsPart):
            context.tell(part)


def _message(answer: Answer, calls: Sequence[AskedCall]) -> AIMessage:
    """Return the answer for the history; arguments that are no JSON are noted beside it."""
    read = {call.call_id: arguments_of(call) for call in calls}
    return AIMessage(
        answer.text,
        tool_calls=[
            {"id": call.call_id, "name": call.name, "args": read[call.call_id] or {}}
            for call in calls
        ],
        additional_kwargs={UNREADABLE_CALLS: [key for key, args in read.items() if args is None]},
    )


def of_run(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """Return the run's own messages: its question and what followed. Asking again is no waste."""
    asked = [n for n, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return messages[asked[-1] :] if asked else messages


def wasted_calls(messages: Sequence[BaseMessage]) -> int:
    """Return how many of the latest tool calls, without a break, brought nothing new.

    That is one that failed, or one that repeats an earlier call of the run to the letter.
    """
    asked = {
        str(call["id"]): (call["name"], orjson.dumps(call["args"], option=orjson.OPT_SORT_KEYS))
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    }
    seen: set[tuple[str, bytes]] = set()
    wasted = 0
    for message in messages:
        if isinstance(message, ToolMessage):
            call = asked[message.tool_call_id]
            is_new = call not in seen and not str(message.text).startswith(ERROR)
            wasted = 0 if is_new else wasted + 1
            seen.add(call)
    return wasted


async def after_model(state: RunGraphState) -> Literal["tools", "__end__"]:
    """Go on with the tools if the model asked for any."""
    return "tools" if _asks_for_tools(state) else "__end__"


def _asks_for_tools(state: RunGraphState) -> bool:
    last = state["messages"][-1]
    return isinstance(last, AIMessage) and bool(last.tool_calls)


async def after_tools(state: RunGraphState) -> Literal["model", "__end__"]:
    """Stop where a call of the round waits for a person."""
    for message in reversed(state["messages"]):
        if not isinstance(message, ToolMessage):
            break
        if isinstance(message.artifact, Approval):
            return "__end__"
    return "model"
