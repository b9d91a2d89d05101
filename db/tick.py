"""A moment that all runs of a process share: what they read and write then is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Long enough to merge a burst of tokens into one row, short enough to read as typing.
MERGE_SECONDS = 0.04


class Tick:
    """Comes up to MERGE_SECONDS after the first one who waits for it, and only then."""

    def __init__(self) -> None:
        """Wait for the first one."""
        self._waiting: list[asyncio.Future[None]] = []
        self._due: list[Callable[[], None]] = []
        self._is_wound = False

    def next(self) -> asyncio.Future[None]:
        """Return what ends with the next tick; who waits for that comes before what is called."""
        coming = asyncio.get_running_loop().create_future()
        self._waiting.append(coming)
        self._wind()
        return coming

    def call(self, callback: Callable[[], None]) -> None:
        """Call back with the next tick; if this one's callbacks are still to come, among them."""
        self._due.append(callback)
        self._wind()

    def _wind(self) -> None:
        if not self._is_wound:
            self._is_wound = True
            asyncio.get_running_loop().call_later(MERGE_SECONDS, self._wake)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for coming in waiting:
            if not coming.done():
                coming.set_result(None)
        # Behind those who were just woken: what they have read is written at once.
        asyncio.get_running_loop().call_soon(self._ring)

    def _ring(self) -> None:
        self._is_wound = False
        due, self._due = self._due, []
        for callback in due:
            callback()
        if self._waiting or self._due:
            self._wind()
