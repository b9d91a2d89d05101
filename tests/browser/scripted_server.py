"""A server whose answers a test writes while they are read: only the routes the page uses."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from api.routes.page import router as page_router

Next = Callable[[Request], Awaitable[Response]]
TOKEN = "a-token-that-works"
PAGE_SIZE = 2
PATIENCE_SECONDS = 60
TERMINAL = ("RUN_FINISHED", "RUN_ERROR")


class BrokenConnectionError(Exception):
    """Raised inside a stream, it makes the server hang up."""


@dataclass
class ScriptedRun:
    """One run: its events so far, and whoever waits for more of them."""

    run_id: str
    question: str
    stored: list[dict[str, Any]]
    # What the conversation waits for, and what the page has answered to it.
    open: list[dict[str, Any]] = field(default_factory=list)
    resume: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    cancel_asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: int = 0
    text: str = ""

    async def emit(self, kind: str, **fields: Any) -> None:
        """Append an event and send it to all who follow."""
        async with self.news:
            self.events.append({"type": kind, **fields})
            self.news.notify_all()

    async def say(self, *deltas: str, end: bool = True) -> None:
        """Stream a message; stored, like the real one, when it ends."""
        message_id = str(uuid4())
        await self.emit("TEXT_MESSAGE_START", messageId=message_id, role="assistant")
        for delta in deltas:
            await self.emit("TEXT_MESSAGE_CONTENT", messageId=message_id, delta=delta)
        if end:
            self.stored.append(message("assistant", "".join(deltas), message_id))
            await self.emit("TEXT_MESSAGE_END", messageId=message_id)

    async def go_on(self, delta: str, *, end: bool = False) -> None:
        """Stream more of the message that is open."""
        said = [event for event in self.events if event["type"].startswith("TEXT_MESSAGE")]
        message_id = said[-1]["messageId"]
        await self.emit("TEXT_MESSAGE_CONTENT", messageId=message_id, delta=delta)
        if end:
            await self.emit("TEXT_MESSAGE_END", messageId=message_id)

    async def call_tool(self, name: str, arguments: dict[str, Any], result: str | None) -> None:
        """Stream a tool call; without a result, it is left running."""
        call_id = str(uuid4())
        text = json.dumps(arguments)
        await self.emit("TOOL_CALL_START", toolCallId=call_id, toolCallName=name)
        await self.emit("TOOL_CALL_ARGS", toolCallId=call_id, delta=text[:5])
        await self.emit("TOOL_CALL_ARGS", toolCallId=call_id, delta=text[5:])
        await self.emit("TOOL_CALL_END", toolCallId=call_id)
        if result is not None:
            await self.emit("TOOL_CALL_RESULT", toolCallId=call_id, content=result)

    async def finish(self, outcome: str = "success") -> None:
        """End the run."""
        await self.emit("RUN_FINISHED", outcome={"type": outcome})

    async def propose(self, name: str, arguments: dict[str, Any], ask: str) -> dict[str, Any]:
        """Stream a tool call that a person has to allow; return the interrupt it ends with."""
        await self.call_tool(name, arguments, None)
        return interrupt(self.events[-1]["toolCallId"], name, arguments, ask)

    async def pause(self, *interrupts: dict[str, Any]) -> None:
        """End the run with what a person has to answer."""
        self.open.extend({"runId": self.run_id, **one} for one in interrupts)
        outcome = {"type": "interrupt", "interrupts": list(interrupts)}
        await self.emit("RUN_FINISHED", outcome=outcome)

    async def wait_for_cancel(self) -> None:
        """Wait until the page asks for the run to stop."""
        await asyncio.wait_for(self.cancel_asked.wait(), PATIENCE_SECONDS)

    async def hang_up(self) -> None:
        """Break every connection that follows the run."""
        async with self.news:
            self.hung_up += 1
            self.news.notify_all()

    async def frames(self, after: int) -> AsyncIterator[str]:
        """Yield the frames behind `after`, then those to come, until the last one."""
        hung_up = self.hung_up
        yield ": keep-alive\n\n"
        while True:
            async with self.news:
                while len(self.events) <= after and self.hung_up == hung_up:
                    await self.news.wait()
            if self.hung_up > hung_up:
                raise BrokenConnectionError
            event, after = self.events[after], after + 1
            yield f"id: {after}\ndata: {json.dumps(event)}\n\n"
            if event["type"] in TERMINAL:
                return


def interrupt(call_id: str, tool: str, arguments: dict[str, Any], ask: str) -> dict[str, Any]:
    """Return what a run asks a person, as the service tells it."""
    answer = {"approved": {"type": "boolean"}, "editedArgs": {"type": "object"}}
    return {
        "id": str(uuid4()),
        "reason": "tool_call",
        "message": ask,
        "toolCallId": call_id,
        "responseSchema": {"type": "object", "properties": answer, "required": ["approved"]},
        "expiresAt": "2026-11-21T09:00:00+00:00",
        "metadata": {"tool": tool, "arguments": arguments, "argumentsHash": "0" * 64},
    }


def message(
    role: str, content: str, message_id: str | None = None, **members: Any
) -> dict[str, Any]:
    """Return a stored message as the API lists it."""
    created_at = "2026-11-20T09:00:00Z"
    return {
        "id": message_id or str(uuid4()),
        "role": role,
        "content": content,
        "created_at": created_at,
        **members,
    }


class ScriptedServer:
    """The routes that the page uses, and what was asked of them."""

    def __init__(self, url: str) -> None:
        """Begin without conversations or runs, at this address."""
        self.url = url
        self.token = TOKEN
        self.messages: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.open: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.runs: dict[str, ScriptedRun] = {}
        self.started: asyncio.Queue[ScriptedRun] = asyncio.Queue()
        self.resumed_after: list[int] = []
        self.history_ready = asyncio.Event()
        self.history_ready.set()
        self.refuses_at_once = asyncio.Event()
        self.refuses_at_once.set()
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.reachable = True
        self.pruned = False
        self.replays_everything = False
        self.app = FastAPI()
        # The real page under its real Content-Security-Policy.
        self.app.include_router(page_router)
        self.app.middleware("http")(self._check_access)
        self.app.post("/v1/runs")(self._start)
        self.app.get("/v1/runs/{run_id}/events")(self._follow)
        self.app.post("/v1/runs/{run_id}/cancel")(self._cancel)
        self.app.get("/v1/conversations/{thread_id}/messages")(self._messages)
        self.app.get("/v1/conversations/{thread_id}/interrupts")(self._interrupts)

    def refuse_next(self, status: int, **members: Any) -> None:
        """Answer the next request to the API with a problem."""
        self.refusals.append((status, members))

    async def next_run(self) -> ScriptedRun:
        """Wait until the page starts a run."""
        return await asyncio.wait_for(self.started.get(), PATIENCE_SECONDS)

    async def _check_access(self, request: Request, call_next: Next) -> Response:
        if not request.url.path.startswith("/v1/"):
            return await call_next(request)
        if not self.reachable:
            raise BrokenConnectionError
        if self.refusals:
            status, members = self.refusals.pop(0)
            return problem(status, **members)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            await self.refuses_at_once.wait()
            return problem(401, detail="The access token is not valid, or has expired.")
        return await call_next(request)

    async def _start(self, request: Request) -> StreamingResponse:
        body = await request.json()
        run_id, thread_id = body["runId"], body["threadId"]
        if run_id not in self.runs:
            stored, waiting = self.messages[thread_id], self.open[thread_id]
            for asked in body["messages"][-1:]:
                stored.append(message("user", asked["content"], asked["id"]))
            run = ScriptedRun(run_id, stored[-1]["content"], stored, waiting)
            run.resume = body.get("resume", [])
            if run.resume:
                waiting.clear()
            self.runs[run_id] = run
            await run.emit("RUN_STARTED", threadId=thread_id, runId=run_id)
            await self.started.put(run)
        return event_stream(self.runs[run_id], 0)

    async def _follow(self, request: Request, run_id: str) -> Response:
        if run_id not in self.runs:
            return problem(404, detail="There is no such run.")
        if self.pruned:
            return problem(410, detail="The events of this run were pruned.")
        after = int(request.headers["last-event-id"])
        self.resumed_after.append(after)
        return event_stream(self.runs[run_id], 0 if self.replays_everything else after)

    async def _cancel(self, run_id: str) -> Response:
        run = self.runs[run_id]
        run.cancel_asked.set()
        state = "running"
        if run.events[-1].get("outcome", {}).get("type") == "interrupt":
            state = "cancelled" if run.open else "completed"
            run.open.clear()
        return JSONResponse({"id": run_id, "state": state}, 202)

    async def _interrupts(self, thread_id: str) -> Response:
        return JSONResponse({"items": self.open[thread_id]})

    async def _messages(self, thread_id: str, after: int = 0) -> Response:
        await self.history_ready.wait()
        if thread_id not in self.messages:
            return problem(404, detail="There is no such conversation.")
        items = self.messages[thread_id]
        page = {"items": items[after : after + PAGE_SIZE]}
        more = {"next": str(after + PAGE_SIZE)} if len(items) > after + PAGE_SIZE else {}
        return JSONResponse({**page, **more})


def problem(status: int, **members: Any) -> JSONResponse:
    """Return an error as the API tells it."""
    return JSONResponse(members, status, media_type="application/problem+json")


def event_stream(run: ScriptedRun, after: int) -> StreamingResponse:
    """Answer with the run's events."""
    return StreamingResponse(run.frames(after), media_type="text/event-stream")
