"""The nodes: small functions from state to state, telling their parts as they go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.messages.tool import ToolCallChunk
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent import model as models
from agent.context import AgentContext
from agent.graph.history import load_messages
from agent.graph.state import RunGraphState
from agent.parts import (
    Part,
    TextPart,
    ToolCallArgsPart,
    ToolCallEndPart,
    ToolCallStartPart,
    ToolResultPart,
    UsagePart,
)
from domain.errors import ModelError

# Enough for list, update, look again; a model that wants more is going in circles.
MAX_ROUNDS = 8


async def load_context(
    state: RunGraphState,  # noqa: ARG001 - the graph passes it by this name
    runtime: Runtime[AgentContext],
) -> dict[str, Any]:
    """Put the prompt, the history and the context before the model."""
    return {"messages": await load_messages(runtime.context), "rounds": 0}


async def call_model(state: RunGraphState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """Ask the model; its last round is offered no tools, so it must answer in text."""
    context = runtime.context
    offered = context.tools if state["rounds"] < MAX_ROUNDS else ()
    bound = context.model.bind_tools(list(offered)) if offered else context.model
    reader = StreamReader(models.name_of(context.model))
    answer: AIMessageChunk | None = None
    async for chunk in models.stream(bound, state["messages"]):
        answer = chunk if answer is None else answer + chunk
        for part in reader.parts_of(chunk):
            runtime.stream_writer(part)
    if answer is None or answer.invalid_tool_calls:
        raise ModelError("The model asked for a tool in a way that cannot be read. Ask again.")
    for part in reader.rest():
        runtime.stream_writer(part)
    whole = AIMessage(answer.content, tool_calls=answer.tool_calls, id=answer.id)
    return {"messages": [whole], "rounds": state["rounds"] + 1}


class StreamReader:
    """Reads a model's chunks into parts; tool calls are told apart by their index."""

    def __init__(self, model_name: str) -> None:
        """Begin a new answer."""
        self._model_name = model_name
        self._calls: dict[int | str | None, str] = {}

    def parts_of(self, chunk: AIMessageChunk) -> Iterator[Part]:
        """Yield what a chunk brings."""
        if text := str(chunk.text):
            yield TextPart(text)
        for call in chunk.tool_call_chunks:
            yield from self._call_parts(call)
        if usage := chunk.usage_metadata:
            yield UsagePart(self._model_name, usage["input_tokens"], usage["output_tokens"])

    def _call_parts(self, call: ToolCallChunk) -> Iterator[Part]:
        index = call.get("index")
        call_id = call.get("id")
        if call_id and call_id not in self._calls.values():
            self._calls[index] = call_id
            yield ToolCallStartPart(call_id, call.get("name") or "")
        if args := call.get("args"):
            yield ToolCallArgsPart(self._calls[index], args)

    def rest(self) -> Iterator[Part]:
        """Yield the ends of the tool calls, once the answer is whole."""
        for call_id in self._calls.values():
            yield ToolCallEndPart(call_id)


def after_model(state: RunGraphState) -> Literal["tools", "__end__"]:
    """Go on with the tools if the model asked for any."""
    last = state["messages"][-1]
    return "tools" if isinstance(last, AIMessage) and last.tool_calls else "__end__"


async def tell_result(
    request: ToolCallRequest,
    execute: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
) -> ToolMessage | Command[Any]:
    """Run one tool call and tell its result as soon as it is there."""
    message = await execute(request)
    if isinstance(message, ToolMessage):
        result = ToolResultPart(str(message.tool_call_id), str(message.text))
        request.runtime.stream_writer(result)
    return message
