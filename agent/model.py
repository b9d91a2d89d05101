"""The language model: an OpenAI-compatible server's, or the built-in planner without a key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.tools import BaseTool

from agent.answer import Answer
from agent.parts import Part, TextPart, ToolCallArgsPart, ToolCallStartPart, UsagePart
from agent.planner.model import PlannerChatModel
from config.settings import ModelSettings
from db.tick import Tick


@runtime_checkable
class StreamsParts(Protocol):
    """A model that can tell its answer in parts by itself."""

    def reads_itself(self, tools: Sequence[BaseTool]) -> bool:
        """Tell whether it can with these tools."""

    def parts(
        self,
        messages: list[BaseMessage],
        tools: Sequence[BaseTool],
        answer: Answer,
        tick: Tick | None,
    ) -> AsyncIterator[Part]:
        """Yield the parts of the answer; note in `answer` why it ended.

        Text that follows text may wait for the next tick.
        """


def build_model(settings: ModelSettings) -> BaseChatModel:
    """Return the configured model; without a key, the built-in planner."""
    if settings.api_key is None:
        return PlannerChatModel()
    # The provider's library takes a second to import, which the planner need not wait for.
    from agent.provider import build_provider_model  # noqa: PLC0415

    return build_provider_model(settings)


async def close_model(model: BaseChatModel) -> None:
    """Close the model's connections, if it has any."""
    close = getattr(model, "aclose", None)
    if close is not None:
        await close()


def name_of(model: BaseChatModel) -> str:
    """Return the name that is stored with each answer."""
    return str(getattr(model, "model_name", None) or model._llm_type)  # noqa: SLF001


async def stream(
    model: BaseChatModel,
    messages: list[BaseMessage],
    tools: Sequence[BaseTool],
    answer: Answer,
    tick: Tick | None = None,
) -> AsyncIterator[Part]:
    """Yield the parts of the model's answer and add them up in `answer`; raise ModelError."""
    if isinstance(model, StreamsParts) and model.reads_itself(tools):
        parts = model.parts(messages, tools, answer, tick)
    else:
        parts = _adapted(model, messages, tools, answer)
    async for part in parts:
        answer.take(part)
        yield part
    answer.require_whole()


async def _adapted(
    model: BaseChatModel,
    messages: list[BaseMessage],
    tools: Sequence[BaseTool],
    answer: Answer,
) -> AsyncIterator[Part]:
    """Read any LangChain model's chunks; tool calls are told apart by their index."""
    bound = model.bind_tools(list(tools)) if tools else model
    open_calls: dict[int | str | None, str] = {}
    async for chunk in bound.astream(messages):
        assert isinstance(chunk, AIMessageChunk)
        answer.finish = chunk.response_metadata.get("finish_reason") or answer.finish
        for part in _parts_of(chunk, open_calls, name_of(model)):
            yield part


def _parts_of(
    chunk: AIMessageChunk, open_calls: dict[int | str | None, str], model_name: str
) -> list[Part]:
    parts: list[Part] = [TextPart(text)] if (text := str(chunk.text)) else []
    for call in chunk.tool_call_chunks:
        index, call_id = call.get("index"), call.get("id")
        if call_id and call_id not in open_calls.values():
            open_calls[index] = call_id
            parts.append(ToolCallStartPart(call_id, call.get("name") or ""))
        if args := call.get("args"):
            parts.append(ToolCallArgsPart(open_calls[index], args))
    if usage := chunk.usage_metadata:
        read = usage.get("input_token_details", {})
        parts.append(
            UsagePart(
                model_name,
                usage["input_tokens"],
                usage["output_tokens"],
                read.get("cache_read", 0),
                read.get("cache_creation", 0),
            )
        )
    return parts
