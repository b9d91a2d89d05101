"""The server's protocol, which cuts off a client that does not read what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Long enough for a phone in a tunnel, short enough that memory is not held for the dead.
SLOW_READER_SECONDS = 30.0


def protocol_dropping(dropped: Callable[[], None]) -> type[HttpToolsProtocol]:
    """Return uvicorn's HTTP protocol, with a bound on how long a client may not read.

    The bound begins when more than 64 KiB wait in the process, behind what the kernel takes, and
    ends when they are down to 16 KiB. `dropped` is called for each client that is cut off. A
    response's own time limit would end the response, and leave a connection that is closed only
    once the client has read the rest.
    """

    class Protocol(HttpToolsProtocol):
        """One connection."""

        _limit: asyncio.TimerHandle | None = None

        def pause_writing(self) -> None:
            """Begin to count the time."""
            super().pause_writing()
            self._limit = self.loop.call_later(SLOW_READER_SECONDS, self._drop)

        def resume_writing(self) -> None:
            """Stop counting: the client reads."""
            super().resume_writing()
            self._forget_limit()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the connection."""
            super().connection_lost(exc)
            self._forget_limit()

        def _forget_limit(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

        def _drop(self) -> None:
            dropped()
            # Unlike close, it does not wait for what has not been read.
            self.transport.abort()

    return Protocol
