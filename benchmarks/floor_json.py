"""The floor of a server that understands what it passes on, and does nothing else.

Beside `benchmarks.floor`, it parses each event of the model, keeps the history in a dict and
sends an event of its own for each token. Nothing is stored.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.floor import TOOL

HEADERS = {"Authorization": "Bearer sk-test", "Content-Type": "application/json"}
RESULT = '{"result":"42"}'
History = list[dict[str, Any]]


def frame(number: int, event: dict[str, Any]) -> bytes:
    """Return an event as it is sent."""
    return b"id: %d\ndata: %s\n\n" % (number, orjson.dumps(event))


async def frames_of(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Number the events."""
    number = 0
    async for event in events:
        number += 1
        yield frame(number, event)


class Asked:
    """One answer of the model, read from its stream."""

    def __init__(self) -> None:
        """Begin with nothing said and nothing called."""
        self.text = ""
        self.calls: list[dict[str, Any]] = []

    def take(self, line: bytes) -> str:
        """Take in a line; return the text that it brings."""
        if not line.startswith(b"data: {"):
            return ""
        for choice in orjson.loads(line[6:])["choices"]:
            delta = choice["delta"]
            for call in delta.get("tool_calls") or ():
                if call.get("id"):
                    self.calls.append({**call, "index": len(self.calls)})
                else:
                    function = self.calls[call["index"]]["function"]
                    function["arguments"] += call["function"]["arguments"]
            text: str = delta.get("content") or ""
            self.text += text
            return text
        return ""


class Model:
    """The scripted model."""

    def __init__(self, url: str) -> None:
        """Ask at this address, over connections that are kept."""
        self._url = f"{url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def say(self, history: History, asked: Asked) -> AsyncIterator[str]:
        """Yield the answer's text, token by token."""
        self._session = self._session or aiohttp.ClientSession()
        body = {"model": "scripted", "stream": True, "messages": history, "tools": [TOOL]}
        data = orjson.dumps(body)
        async with self._session.post(self._url, data=data, headers=HEADERS) as answer:
            async for line in answer.content:
                if text := asked.take(line):
                    yield text


def create_app(model_url: str) -> Starlette:
    """Return the server."""
    model = Model(model_url)
    histories: dict[str, History] = {}

    async def events_of(history: History) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "RUN_STARTED"}
        while True:
            asked, message_id = Asked(), str(uuid4())
            async for text in model.say(history, asked):
                yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": message_id, "delta": text}
            if not asked.calls:
                history.append({"role": "assistant", "content": asked.text})
                break
            history.append({"role": "assistant", "content": None, "tool_calls": asked.calls})
            for call in asked.calls:
                history.append({"role": "tool", "tool_call_id": call["id"], "content": RESULT})
                yield {"type": "TOOL_CALL_RESULT", "toolCallId": call["id"], "content": RESULT}
        yield {"type": "RUN_FINISHED"}

    async def turn(request: Request) -> StreamingResponse:
        asked = orjson.loads(await request.body())
        history = histories.setdefault(asked["threadId"], [])
        history += [{"role": "user", "content": one["content"]} for one in asked["messages"]]
        return StreamingResponse(frames_of(events_of(history)), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/runs", turn, methods=["POST"])])


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(create_app(options.model_url), port=options.port, log_level="error")


if __name__ == "__main__":
    main()
