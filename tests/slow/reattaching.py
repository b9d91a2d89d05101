"""A client as they should be: it takes a stream up where it broke, wherever that is answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.api.frames import Frame, frames_of, types_of

TERMINAL = ("RUN_FINISHED", "RUN_ERROR")
# A comment comes at least every 15 s.
SILENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5
TIMEOUT = httpx.Timeout(30.0, read=SILENCE_SECONDS)
# Of a proxy that has nobody to pass a request on to.
PASSING = (502, 503, 504)


@dataclass(eq=False)
class Reader:
    """One run as its client sees it."""

    client: httpx.AsyncClient
    body: dict[str, Any]
    frames: list[Frame] = field(default_factory=list)
    comments: int = 0
    breaks: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def run_id(self) -> str:
        return str(self.body["runId"])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame.event for frame in self.frames]

    @property
    def texts(self) -> list[str]:
        """The messages, each as it was said in the end."""
        said: dict[str, str] = {}
        for event in self.events:
            if event["type"] == "TEXT_MESSAGE_CONTENT":
                said[event["messageId"]] = said.get(event["messageId"], "") + event["delta"]
        return [*said.values()]

    @property
    def went_well(self) -> bool:
        return self.last.get("outcome") == {"type": "success"}

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def is_over(self) -> bool:
        return bool(self.frames) and self.last["type"] in TERMINAL

    async def read(self) -> None:
        """Ask, and follow to the end through whatever happens."""
        while not self.is_over:
            try:
                await self._attach()
            except httpx.TransportError:
                self.breaks += 1
            if not self.is_over:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _attach(self) -> None:
        request = (
            self.client.stream("POST", "/v1/runs", json=self.body)
            if not self.frames
            else self.client.stream(
                "GET",
                f"/v1/runs/{self.run_id}/events",
                headers={"Last-Event-ID": str(self.frames[-1].number)},
            )
        )
        async with request as response:
            if response.status_code in PASSING:
                self.breaks += 1
                return
            assert response.status_code == 200, await response.aread()
            async for frame in frames_of(response):
                if frame.is_comment:
                    self.comments += 1
                else:
                    self.frames.append(frame)
                    self._tell()

    def _tell(self) -> None:
        arrived, self.arrived = self.arrived, asyncio.Event()
        arrived.set()

    async def until(self, kind: str, *, seconds: float = 60.0) -> None:
        """Wait for an event of the kind."""
        async with asyncio.timeout(seconds):
            while kind not in types_of(self.events):
                await self.arrived.wait()

    async def until_number(self, number: int, *, seconds: float = 60.0) -> None:
        """Wait for the event of that number, or the last one."""
        async with asyncio.timeout(seconds):
            while len(self.frames) < number and not self.is_over:
                await self.arrived.wait()

    def check_whole(self) -> None:
        """Fail unless the numbers have no gap and the one terminal event is the last."""
        numbers = [frame.number for frame in self.frames]
        assert numbers == list(range(1, len(numbers) + 1))
        kinds = types_of(self.events)
        assert [kind for kind in kinds if kind in TERMINAL] == kinds[-1:], kinds
