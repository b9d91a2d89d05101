"""From the graph to its run: what is told while nobody looked is taken together.

LangGraph's own stream of custom parts takes two tasks and several wake-ups for each part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from agent.parts import Part


class Telling:
    """The parts that a graph tells, in their order."""

    def __init__(self, at_once: Callable[[Part], bool] = lambda _part: False) -> None:
        """Begin with nothing told.

        A part that nothing is before is offered to `at_once`, which tells whether it has dealt with
        it: most parts are further pieces of text, and for those nobody need be woken.
        """
        self._at_once = at_once
        self._told: list[Part] = []
        self._woken = asyncio.Event()
        self._is_settled = asyncio.Event()
        self._is_settled.set()

    def tell(self, part: Part) -> None:
        """Take in a part; what is not dealt with at once waits for whoever reads, unbounded."""
        if self._is_settled.is_set() and self._at_once(part):
            return
        self._told.append(part)
        self._is_settled.clear()
        self._woken.set()

    async def settled(self) -> None:
        """Wait until whoever reads has dealt with all that was told."""
        await self._is_settled.wait()

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
                if not self._told:
                    self._is_settled.set()
            await working
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
