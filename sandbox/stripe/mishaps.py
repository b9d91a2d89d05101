"""Answers that arrive badly: cut short, piece by piece, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import hdrs, web

from sandbox.stripe.faults import Faults, Trouble

_PIECES = 20


async def send_json(
    request: web.Request,
    body: bytes,
    *,
    trouble: Trouble | None,
    faults: Faults,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Answer with the JSON, truncated or slowly if that is the trouble."""
    if trouble is Trouble.TRUNCATED:
        response = await _begin(request, body, headers)
        await response.write(body[: len(body) // 2])
        return response
    if trouble is Trouble.SLOW:
        response = await _begin(request, body, headers)
        await _trickle(response, body, faults.slow_ms / 1_000)
        return response
    return web.Response(body=body, content_type="application/json", headers=headers)


async def never_answer(request: web.Request, stopping: asyncio.Event) -> web.StreamResponse:
    """Keep the connection open without a byte until the client gives up or the sandbox stops."""
    while not stopping.is_set() and request.transport is not None:
        try:
            await asyncio.wait_for(stopping.wait(), 0.05)
        except TimeoutError:
            continue
    if request.transport is not None:
        request.transport.abort()
    # Nobody reads it. The number that nginx gives to a connection closed without an answer keeps
    # it out of the count of successes.
    return web.Response(status=499)


async def _begin(
    request: web.Request, body: bytes, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the head with the whole body's length; the connection will not be used again."""
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json", **headers})
    response.content_length = len(body)
    response.force_close()
    await response.prepare(request)
    return response


async def _trickle(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    size = -(-len(body) // _PIECES)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / _PIECES)
        await response.write(body[start : start + size])
