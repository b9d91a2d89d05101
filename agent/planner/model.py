"""The built-in planner as a LangChain chat model: it streams and calls tools like any other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.planner.capabilities import PLANNER_NAME
from agent.planner.planning import Plan, next_plan
from agent.planner.transcript import Call

_FEW_WORDS = re.compile(r"(?:\S+\s*){1,3}")
_ARGUMENTS_PIECE = 24


class PlannerChatModel(BaseChatModel):
    """Answers by parsing, not by a language model; deterministic and without state.

    Everything is read from the messages: the last system message must hold the line
    `today: YYYY-MM-DD` and should hold `role: …`. Tokens are counted as words, that is as runs of
    characters between white space; a tool call counts its name and its arguments' words.

    Raises (from every way of calling it):
        ConfigurationError: the last system message does not tell today's date.
    """

    model_name: str = PLANNER_NAME
    offered_tools: frozenset[str] = frozenset()

    @property
    def _llm_type(self) -> str:
        return PLANNER_NAME

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "offered_tools": sorted(self.offered_tools)}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002 - the planner always chooses for itself
        **kwargs: Any,  # noqa: ARG002 - settings of other providers change nothing here
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return a copy that may call these tools, and no others."""
        offered = frozenset(_name_of(tool) for tool in tools)
        return self.model_copy(update={"offered_tools": offered})

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - no answer is ever cut short
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the caller reports
        **kwargs: Any,  # noqa: ARG002 - settings of other providers change nothing here
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(next_plan(messages, self.offered_tools), messages):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, **kwargs):
            yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)


def _name_of(tool: dict[str, Any] | type | Callable[..., Any] | BaseTool) -> str:
    if isinstance(tool, BaseTool):
        return tool.name
    name: str = convert_to_openai_tool(tool)["function"]["name"]
    return name


def _chunks(plan: Plan, messages: Sequence[BaseMessage]) -> Iterator[AIMessageChunk]:
    for index, call in enumerate(plan.calls):
        yield from _call_chunks(index, call, plan.marker)
    for piece in _FEW_WORDS.findall(plan.text):
        yield AIMessageChunk(content=piece)
    yield AIMessageChunk(
        content="",
        usage_metadata=_usage(plan, messages),
        response_metadata={
            "finish_reason": "tool_calls" if plan.calls else "stop",
            "model_name": PLANNER_NAME,
        },
        chunk_position="last",
    )


def _call_chunks(index: int, call: Call, marker: str) -> Iterator[AIMessageChunk]:
    """Split a call as providers do: its name and id first, then its arguments piece by piece."""
    # The same turn yields the same id, so that a repeated run repeats no effect.
    digest = hashlib.sha256(f"{marker}/{index}/{call.key}".encode()).hexdigest()
    opening = tool_call_chunk(name=call.name, args="", id=f"call_{digest[:24]}", index=index)
    yield AIMessageChunk(content="", tool_call_chunks=[opening])
    arguments = json.dumps(dict(call.args), ensure_ascii=False)
    for start in range(0, len(arguments), _ARGUMENTS_PIECE):
        piece = tool_call_chunk(args=arguments[start : start + _ARGUMENTS_PIECE], index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[piece])


def _usage(plan: Plan, messages: Sequence[BaseMessage]) -> UsageMetadata:
    read = sum(_words(str(message.text)) for message in messages)
    calls = (f"{call.name} {json.dumps(dict(call.args))}" for call in plan.calls)
    written = _words(plan.text) + sum(_words(call) for call in calls)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _words(text: str) -> int:
    return len(text.split())
