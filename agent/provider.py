"""A language model at any OpenAI-compatible server, whose failures are ours to explain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import openai
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI

from config.logs import get_logger
from config.settings import ModelSettings
from domain.errors import ModelError

_logger = get_logger(__name__)
# The client library lets its parser's own errors out when the answer is not the protocol.
_UNREADABLE = (json.JSONDecodeError, ValueError, KeyError, TypeError, AttributeError)


class ProviderChatModel(ChatOpenAI):
    """ChatOpenAI; whatever the provider does wrong while it streams is a ModelError."""

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
        except openai.APIStatusError as error:
            raise _refused(error) from error
        except (openai.APIError, httpx.HTTPError, httpx2.HTTPError) as error:
            _logger.warning("model.unreachable", error=type(error).__name__)
            raise ModelError("The model provider cannot be reached. Try again soon.") from error
        except _UNREADABLE as error:
            _logger.warning("model.unreadable", error=type(error).__name__)
            raise ModelError("The model provider's answer cannot be read. Try again.") from error


def build_provider_model(settings: ModelSettings, **more: Any) -> ProviderChatModel:
    """Return the model that the settings name; `more` goes to ChatOpenAI."""
    return ProviderChatModel(
        model=settings.name,
        api_key=settings.api_key,
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        stream_usage=True,
        **{"max_retries": 1, **more},
    )


def _refused(error: openai.APIStatusError) -> ModelError:
    _logger.warning("model.refused", status=error.status_code)
    if error.status_code in {401, 403}:
        return ModelError("The model provider refused the key. Check OPENAI_API_KEY.")
    if error.status_code == 404:
        return ModelError("The provider has no such model. Check VAULTRA_MODEL.")
    if error.status_code == 429:
        return ModelError("The model provider is over its limit. Try again in a minute.")
    return ModelError(f"The model provider answered {error.status_code}. Try again in a minute.")
