"""From the graph to its run: what is told while nobody looked is taken together.

LangGraph's own stream of custom parts takes two tasks and several wake-ups for each part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable

from agent.parts import Part


class Telling:
    """The parts that a graph tells, in their order."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: list[Part] = []
        self._woken = asyncio.Event()

    def tell(self, part: Part) -> None:
        """Take in a part; it waits for whoever reads, without a bound."""
        self._told.append(part)
        self._woken.set()

    async def during(self, work: Awaitable[object]) -> AsyncGenerator[list[Part]]:
        """Yield what the work tells until it ends, then raise what it raised.

        Left before that, it cancels the work and waits for its end.
        """
        working = asyncio.ensure_future(work)
        working.add_done_callback(lambda _: self._woken.set())
        try:
            while not working.done() or self._told:
                await self._woken.wait()
                self._woken.clear()
                told, self._told = self._told, []
                if told:
                    yield told
            await working
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
