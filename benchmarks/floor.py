"""The floor: a server that passes the scripted model's bytes through, and does nothing else.

A turn makes the same two model calls; neither is parsed, nothing is stored.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

QUESTION: dict[str, Any] = {"role": "user", "content": "What is 2 * 21?"}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "calculate", "arguments": '{"expression":"2 * 21"}'},
        }
    ],
}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "call_1", "content": '{"result":"42"}'}
TOOL = {
    "type": "function",
    "function": {
        "name": "calculate",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}},
    },
}
CALLS: tuple[list[dict[str, Any]], ...] = ([QUESTION], [QUESTION, CALL, RESULT])


def create_app(model_url: str) -> Starlette:
    """Return the server."""
    sessions: list[aiohttp.ClientSession] = []

    async def bytes_of_turn() -> AsyncIterator[bytes]:
        if not sessions:
            sessions.append(aiohttp.ClientSession())
        for messages in CALLS:
            body = {"model": "scripted", "stream": True, "messages": messages, "tools": [TOOL]}
            headers = {"Authorization": "Bearer sk-test"}
            url = f"{model_url}/chat/completions"
            async with sessions[0].post(url, json=body, headers=headers) as answer:
                async for chunk in answer.content.iter_any():
                    yield chunk

    async def turn(_request: Request) -> StreamingResponse:
        return StreamingResponse(bytes_of_turn(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/runs", turn, methods=["POST"])])


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(create_app(options.model_url), port=options.port, log_level="error")


if __name__ == "__main__":
    main()
