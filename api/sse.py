"""Events on the wire: `id` and one line of JSON each, LF only, a comment at least every 15 s."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.metrics import ServiceMetrics
from db.run_tail import LoggedEvent

KEEP_ALIVE_SECONDS = 15
# The reference client reads nothing from frames that end in CRLF, sse-starlette's default.
SEPARATOR = "\n"
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def stream(
    pages: AsyncIterator[Sequence[LoggedEvent]], metrics: ServiceMetrics
) -> EventSourceResponse:
    """Answer with the events as they come; a client that leaves stops nothing."""
    return EventSourceResponse(
        _chunks(pages, metrics),
        headers=HEADERS,
        ping=KEEP_ALIVE_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep=SEPARATOR),
        sep=SEPARATOR,
    )


async def _chunks(
    pages: AsyncIterator[Sequence[LoggedEvent]], metrics: ServiceMetrics
) -> AsyncGenerator[bytes]:
    """Yield the frames of each page together: every chunk is a system call, and one for the peer.

    The events are JSON on one line, so nothing of them has to be split or escaped.
    """
    with metrics.open_streams.track_inprogress():
        async for page in pages:
            yield "".join(f"id: {event.seq}\ndata: {event.data}\n\n" for event in page).encode()
