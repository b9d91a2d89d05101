"""The language model: an OpenAI-compatible server's, or the built-in planner without a key."""

from __future__ import annotations

from collections.abc import AsyncIterator

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable

from agent.planner.model import PlannerChatModel
from config.settings import ModelSettings
from domain.errors import ModelError


def build_model(settings: ModelSettings) -> BaseChatModel:
    """Return the configured model; without a key, the built-in planner."""
    if settings.api_key is None:
        return PlannerChatModel()
    # The provider's library takes a second to import, which the planner need not wait for.
    from agent.provider import build_provider_model  # noqa: PLC0415

    return build_provider_model(settings)


def name_of(model: BaseChatModel) -> str:
    """Return the name that is stored with each answer."""
    return str(getattr(model, "model_name", None) or model._llm_type)  # noqa: SLF001


async def stream(
    model: Runnable[list[BaseMessage], BaseMessage], messages: list[BaseMessage]
) -> AsyncIterator[AIMessageChunk]:
    """Stream the model's answer; raises ModelError.

    A stream that ends without saying why it ended is a cut one: neither its text nor its tool
    calls may be taken for whole.
    """
    finished = False
    async for chunk in model.astream(messages):
        assert isinstance(chunk, AIMessageChunk)
        finished = finished or bool(chunk.response_metadata.get("finish_reason"))
        yield chunk
    if not finished:
        raise ModelError("The model's answer was cut off. Ask again.")
