"""Events on the wire: `id` and one line of JSON each, LF only, a comment at least every 15 s."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent

from db.repositories.runs import LoggedEvent

KEEP_ALIVE_SECONDS = 15
# The reference client reads nothing from frames that end in CRLF, sse-starlette's default.
SEPARATOR = "\n"
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def stream(events: AsyncIterator[LoggedEvent]) -> EventSourceResponse:
    """Answer with the events as they come; a client that leaves stops nothing."""
    return EventSourceResponse(
        _frames(events),
        headers=HEADERS,
        ping=KEEP_ALIVE_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep=SEPARATOR),
        sep=SEPARATOR,
    )


async def _frames(events: AsyncIterator[LoggedEvent]) -> AsyncGenerator[ServerSentEvent]:
    async for event in events:
        yield ServerSentEvent(event.data, id=str(event.seq), sep=SEPARATOR)
