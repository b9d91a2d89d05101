"""Playing a planned answer on a connection: as a stream, or all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.model.plan import Action, Chunk
from sandbox.model.refusal import scripted_refusal
from sandbox.model.script import Disconnect, Garbage, Gate, NoFinish, NotJson, Stall, Status, Usage
from sandbox.model.wire import COMMENT, DONE, Envelope, data_line

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
}


@dataclass(slots=True)
class Answer:
    """One answer on its way; the response begins with the first byte that the script sends."""

    request: web.Request
    envelope: Envelope
    usage: Usage
    _stream: web.StreamResponse | None = None
    _due: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def stream(self, actions: Iterable[Action]) -> web.StreamResponse:
        """Play the actions one by one."""
        for action in actions:
            await self._pause(action)
            if isinstance(action, Chunk):
                await self._send(self.envelope.frame(action))
            elif isinstance(action, Garbage):
                await self._send(data_line(action.data))
            elif not isinstance(action, Stall | Gate):
                return await self._end_early(action)
        if self.envelope.include_usage:
            await self._send(self.envelope.usage_frame(self.usage))
        return await self._send(DONE)

    async def at_once(self, actions: list[Action]) -> web.StreamResponse:
        """Play the pauses, then answer in one piece; a fault spoils the whole."""
        for action in actions:
            await self._pause(action, silently=True)
        last = actions[-1]
        if isinstance(last, Status | NotJson | Disconnect):
            return await self._end_early(last)
        if garbage := next((act for act in actions if isinstance(act, Garbage)), None):
            return web.Response(text=garbage.data, content_type="application/json")
        return web.json_response(self.envelope.completion(actions, self.usage))

    async def _pause(self, action: Action, *, silently: bool = False) -> None:
        """Keep to the script's times: a pause that ends late does not delay all that follow."""
        loop = asyncio.get_running_loop()
        if isinstance(action, Stall):
            self._due += action.seconds
            while action.comment_every and not silently and loop.time() < self._due:
                await self._send(COMMENT)
                await asyncio.sleep(action.comment_every)
            await asyncio.sleep(max(0.0, self._due - loop.time()))
        elif isinstance(action, Gate):
            await action.wait()
            self._due = loop.time()

    async def _send(self, data: bytes) -> web.StreamResponse:
        if self._stream is None:
            self._stream = web.StreamResponse(headers=_STREAM_HEADERS)
            await self._stream.prepare(self.request)
        await self._stream.write(data)
        return self._stream

    async def _end_early(
        self, action: Status | NotJson | Disconnect | NoFinish
    ) -> web.StreamResponse:
        if isinstance(action, NotJson):
            return web.Response(text=action.html, content_type="text/html")
        if isinstance(action, Status):
            return _error(action)
        if isinstance(action, Disconnect) and self.request.transport:
            # close() still delivers what was written; abort() would drop it.
            self.request.transport.close()
        return self._stream or web.Response()


def _error(step: Status) -> web.Response:
    refused = scripted_refusal(step)
    headers = {} if step.retry_after is None else {"Retry-After": f"{step.retry_after:g}"}
    return web.json_response(refused.body(), status=refused.status, headers=headers)
