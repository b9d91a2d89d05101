"""What stands around each tool call: what is known already, is refused, or is asked first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from agent.approvals import DENIED, propose
from agent.context import ERROR, UNREADABLE_CALLS, AgentContext, explain_error
from agent.parts import ApprovalPart, ToolResultPart
from agent.progress import result_message
from domain.errors import VaultraError

Execute = Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
# Never shown to a model: the run that asked ends, and the one after it knows the result.
WAITS = "waits for a person's approval"


async def run_call(request: ToolCallRequest, execute: Execute) -> ToolMessage | Command[Any]:
    """Come to the result of one tool call and tell it as soon as it is there."""
    call = request.tool_call
    known = request.state["answered"].get(call["id"])
    if known is not None:
        return _message(call, known)
    message = await _come_to_result(request, execute)
    if isinstance(message, ToolMessage) and message.artifact is None:
        result = ToolResultPart(str(message.tool_call_id), str(message.text))
        _context(request).tell(result)
    return message


async def _come_to_result(request: ToolCallRequest, execute: Execute) -> ToolMessage | Command[Any]:
    call, context = request.tool_call, _context(request)
    refusal = _refusal(request)
    if refusal is not None:
        return _message(call, refusal)
    if context.gate.is_denied(call):
        return await _recorded(context, call, "denied", f"{ERROR} {DENIED}")
    if context.gate.asks_for(call) and _fits(request):
        return await _ask(request)
    return await execute(request.override(tool_call=context.gate.as_approved(call)))


async def _ask(request: ToolCallRequest) -> ToolMessage:
    call, context = request.tool_call, _context(request)
    try:
        async with context.database.unit_of_work() as session:
            approval = await propose(
                session, context.access, context.run_id, call, now=context.clock()
            )
    except VaultraError as error:
        return await _recorded(context, call, "failed", explain_error(error))
    context.tell(ApprovalPart(approval))
    return ToolMessage(WAITS, name=call["name"], tool_call_id=str(call["id"]), artifact=approval)


async def _recorded(context: AgentContext, call: ToolCall, status: str, result: str) -> ToolMessage:
    await context.record(call, status, result)
    return _message(call, result)


def _message(call: ToolCall, content: str) -> ToolMessage:
    return result_message(str(call["id"]), call["name"], content)


def _fits(request: ToolCallRequest) -> bool:
    """Tell whether the arguments are the tool's; carried out, others are explained."""
    assert request.tool is not None
    schema = cast("type[BaseModel]", request.tool.tool_call_schema)
    try:
        schema.model_validate(request.tool_call["args"])
    except ValidationError:
        return False
    context = _context(request)
    return any(tool.name == request.tool.name for tool in context.tools)


def _context(request: ToolCallRequest) -> AgentContext:
    return cast("AgentContext", request.runtime.context)


def _refusal(request: ToolCallRequest) -> str | None:
    """Return what the model is told of a call that cannot be run, None if it can."""
    call = request.tool_call
    offered = [tool.name for tool in _context(request).tools]
    asked_by = next(m for m in reversed(request.state["messages"]) if isinstance(m, AIMessage))
    if request.tool is None:
        return f"{ERROR} there is no tool {call['name']!r}. There are: {', '.join(offered)}."
    if call["id"] in asked_by.additional_kwargs.get(UNREADABLE_CALLS, ()):
        return f"{ERROR} the arguments of {call['name']} are not a JSON object. Nothing was done."
    return None
