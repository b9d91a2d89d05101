"""The client under test conditions: the real one, with its own connections and no retries."""

from collections.abc import AsyncIterator, Callable

import pytest
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient

from sandbox.model import ScriptedModel

Connect = Callable[..., ChatOpenAI]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect LangChain's OpenAI client to a scripted model."""
    async with DefaultAsyncHttpxClient() as http:

        def client(model: ScriptedModel, **settings: object) -> ChatOpenAI:
            defaults = {"model": "gpt-5", "api_key": "sk-test", "stream_usage": True}
            return ChatOpenAI(
                base_url=model.url,
                http_async_client=http,
                **{**defaults, "max_retries": 0, **settings},
            )

        yield client
