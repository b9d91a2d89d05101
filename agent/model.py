"""The language model: any OpenAI-compatible server, or the built-in planner without a key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import httpx2
import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI

from agent.planner.model import PlannerChatModel
from config.logs import get_logger
from config.settings import ModelSettings
from domain.errors import ModelError

_logger = get_logger(__name__)


def build_model(settings: ModelSettings) -> BaseChatModel:
    """Return the configured model; without a key, the built-in planner."""
    if settings.api_key is None:
        return PlannerChatModel()
    return ChatOpenAI(
        model=settings.name,
        api_key=settings.api_key,
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        stream_usage=True,
        max_retries=1,
    )


def name_of(model: BaseChatModel) -> str:
    """Return the name that is stored with each answer."""
    return str(getattr(model, "model_name", None) or model._llm_type)  # noqa: SLF001


async def stream(
    model: Runnable[list[BaseMessage], BaseMessage], messages: list[BaseMessage]
) -> AsyncIterator[AIMessageChunk]:
    """Stream the model's answer; whatever the provider does wrong becomes a ModelError.

    A stream that ends without saying why it ended is a cut one: neither its text nor its tool
    calls may be taken for whole.
    """
    finished = False
    try:
        async for chunk in model.astream(messages):
            finished = finished or bool(chunk.response_metadata.get("finish_reason"))
            assert isinstance(chunk, AIMessageChunk)
            yield chunk
    except openai.APIStatusError as error:
        raise _refused(error) from error
    except (openai.APIError, httpx.HTTPError, httpx2.HTTPError) as error:
        _logger.warning("model.unreachable", error=type(error).__name__)
        raise ModelError("The model provider cannot be reached. Try again in a minute.") from error
    except (json.JSONDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The client library lets its parser's own errors out when the answer is not the protocol.
        _logger.warning("model.unreadable", error=type(error).__name__)
        raise ModelError("The model provider's answer cannot be read. Try again.") from error
    if not finished:
        raise ModelError("The model's answer was cut off. Ask again.")


def _refused(error: openai.APIStatusError) -> ModelError:
    _logger.warning("model.refused", status=error.status_code)
    if error.status_code in {401, 403}:
        return ModelError("The model provider refused the key. Check OPENAI_API_KEY.")
    if error.status_code == 404:
        return ModelError("The provider has no such model. Check VAULTRA_MODEL.")
    if error.status_code == 429:
        return ModelError("The model provider is over its limit. Try again in a minute.")
    return ModelError(f"The model provider answered {error.status_code}. Try again in a minute.")
