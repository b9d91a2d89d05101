"""A language model at any OpenAI-compatible server, whose failures are ours to explain.

`ChatOpenAI` is what people configure, and it makes the request. The answer is read from the wire:
the library would build a pydantic object and call back for each token, which took most of a turn's
CPU (decision 27).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
import httpx2
import openai
import orjson
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr, SecretStr

from agent.answer import CUT_OFF, UNREADABLE, Answer, ChatCompletionReader
from agent.parts import Part, TextPart
from agent.refusals import refused
from config.logs import get_logger
from config.settings import ModelSettings
from db.tick import Tick
from domain.errors import ModelError, ModelUnavailableError

_logger = get_logger(__name__)
_DEFAULT_BASE = "https://api.openai.com/v1"
CONNECT_SECONDS = 10.0
# Someone waits for the answer, and the planner stands by: longer than this is not worth it.
LONGEST_WAIT_SECONDS = 2.0
_FIRST_WAIT_SECONDS = 0.4
# A gateway whose model takes its time says by comments that it is still there. For how many times
# the silence that is put up with that will do.
_SILENCES = 5
_UNREACHABLE = "The model provider cannot be reached. Try again soon."
# The client library lets its parser's own errors out when the answer is not the protocol.
_UNREADABLE = (json.JSONDecodeError, ValueError, KeyError, TypeError, AttributeError)
_BROKEN = (aiohttp.ClientError, TimeoutError, ConnectionError)


class ProviderChatModel(ChatOpenAI):
    """ChatOpenAI that reads its answers itself; whatever the provider does wrong is a ModelError.

    One that failed before its first part, for a reason that passes, is a ModelUnavailableError.
    """

    silence_seconds: float = 60.0
    _session: aiohttp.ClientSession | None = PrivateAttr(None)
    _offered: dict[tuple[str, ...], list[dict[str, Any]]] = PrivateAttr(default_factory=dict)
    _latest: tuple[Sequence[BaseTool], list[dict[str, Any]]] = PrivateAttr(((), []))

    def reads_itself(self, tools: Sequence[BaseTool]) -> bool:
        """Tell whether `parts` can be used: not for models that speak OpenAI's Responses API."""
        return not self._use_responses_api({"tools": self._schemas(tools)} if tools else {})

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        """Stream by the library's own client, for models that `parts` cannot read."""
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
        except openai.APIStatusError as error:
            raise refused(error.status_code, error.response.headers) from error
        except (openai.APIError, httpx.HTTPError, httpx2.HTTPError) as error:
            _logger.warning("model.unreachable", error=type(error).__name__)
            raise ModelUnavailableError(_UNREACHABLE) from error
        except _UNREADABLE as error:
            _logger.warning("model.unreadable", error=type(error).__name__)
            raise ModelError(UNREADABLE) from error

    async def parts(
        self,
        messages: list[BaseMessage],
        tools: Sequence[BaseTool],
        answer: Answer,
        tick: Tick | None = None,
    ) -> AsyncIterator[Part]:
        """Yield the parts of the answer; note in `answer` why it ended.

        Behind text, what comes is read at the next tick, or when the answer has ended.
        """
        asked = orjson.dumps(self._body(messages, tools))
        reader = ChatCompletionReader(self.model_name, taken=_call_ids(messages))
        async with self._asked(asked) as response:
            answer.begun = True
            body = _Body(response.content, tick)
            heard, chunks = time.monotonic(), 0
            try:
                async for received in response.content.iter_any():
                    part: Part | None = None
                    for part in reader.feed(received):
                        yield part
                    if reader.chunks > chunks:
                        heard, chunks = time.monotonic(), reader.chunks
                    elif time.monotonic() - heard > _SILENCES * self.silence_seconds:
                        raise TimeoutError
                    if isinstance(part, TextPart):
                        await body.pause()
            except _BROKEN as error:
                _logger.warning("model.broken_off", error=type(error).__name__)
                for part in reader.feed(body.left()):
                    yield part
                if not reader.has_told:
                    raise ModelUnavailableError(_UNREACHABLE) from error
                if reader.finish is None:
                    raise ModelError(CUT_OFF) from error
                # All that is missing is what it has cost.
        answer.finish = reader.finish

    def _body(self, messages: list[BaseMessage], tools: Sequence[BaseTool]) -> dict[str, Any]:
        asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        if tools:
            asked["tools"] = self._schemas(tools)
        body: dict[str, Any] = self._get_request_payload(messages, **asked)
        return body

    def _schemas(self, tools: Sequence[BaseTool]) -> list[dict[str, Any]]:
        if tools is not self._latest[0]:
            names = tuple(tool.name for tool in tools)
            if names not in self._offered:
                self._offered[names] = [convert_to_openai_tool(tool) for tool in tools]
            self._latest = tools, self._offered[names]
        return self._latest[1]

    @asynccontextmanager
    async def _asked(self, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the response to the request, once one is worth reading."""
        retries = self.max_retries or 0
        for attempt in range(retries + 1):
            try:
                response = await self._post(body)
            except ModelUnavailableError as error:
                wait = _wait_before(attempt, error.retry_after)
                if attempt == retries or wait > LONGEST_WAIT_SECONDS:
                    raise
                await asyncio.sleep(wait)
                continue
            async with response:
                yield response
            return

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        try:
            response = await self._opened().post(self._url, data=body, headers=self._headers())
        except _BROKEN as error:
            _logger.warning("model.unreachable", error=type(error).__name__)
            raise ModelUnavailableError(_UNREACHABLE) from error
        if response.status != 200:
            async with response:
                raise refused(response.status, response.headers)
        return response

    @property
    def _url(self) -> str:
        return f"{(self.openai_api_base or _DEFAULT_BASE).rstrip('/')}/chat/completions"

    def _headers(self) -> dict[str, str]:
        key = self.openai_api_key
        secret = key.get_secret_value() if isinstance(key, SecretStr) else ""
        given = {**(self.default_headers or {})}
        if self.openai_organization:
            given["OpenAI-Organization"] = self.openai_organization
        return {**given, "Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            # What may take long is the model's thinking: only silence is bounded.
            silence = self.silence_seconds
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=silence
            )
            # Looked up once: aiohttp would read the environment, and ~/.netrc beside the key, in
            # two threads for each request.
            proxy = _proxy_to(self._url)
            self._session = aiohttp.ClientSession(timeout=timeout, proxy=proxy)
        return self._session

    async def aclose(self) -> None:
        """Close the connections; another answer opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Body:
    """An answer's body, which is not read at each token.

    Text is written at the process's ticks, so what came between two of them can be read at once:
    each reading wakes a task, and everything behind it.
    """

    def __init__(self, content: aiohttp.StreamReader, tick: Tick | None) -> None:
        """Take note of the body's end; without a tick there are no pauses."""
        self._content = content
        self._tick = tick
        self._pause: asyncio.Future[None] | None = None
        content.on_eof(self._end)

    async def pause(self) -> None:
        """Wait for the next tick, or until the body has come to its end."""
        if self._tick is not None and not self._content.is_eof():
            self._pause = self._tick.next()
            await self._pause

    def left(self) -> bytes:
        """Return what had come before the connection broke: from then on, nobody can read it."""
        return b"".join(self._content._buffer)  # noqa: SLF001 - no other way to it

    def _end(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)


def build_provider_model(settings: ModelSettings, **more: Any) -> ProviderChatModel:
    """Return the model that the settings name, to be closed; `more` goes to ChatOpenAI."""
    return ProviderChatModel(
        model=settings.name,
        api_key=settings.api_key,
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        silence_seconds=settings.timeout_seconds,
        **{"max_retries": 1, "max_completion_tokens": settings.max_output_tokens, **more},
    )


def _proxy_to(url: str) -> str | None:
    """Return the proxy that the environment names for the address, None for the direct way."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _call_ids(messages: Sequence[BaseMessage]) -> set[str]:
    asked = (message for message in messages if isinstance(message, AIMessage))
    return {str(call["id"]) for message in asked for call in message.tool_calls}


def _wait_before(attempt: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return retry_after
    longest: float = _FIRST_WAIT_SECONDS * 2**attempt
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
