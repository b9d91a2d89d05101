"""What arrives on the wire of an event stream, byte for byte."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True)
class Frame:
    """One block of a stream: an event with its number, or a comment."""

    raw: bytes
    number: int | None = None
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def is_comment(self) -> bool:
        return self.number is None


def parse(block: bytes) -> Frame:
    """Read a block that has nothing but what the contract allows."""
    lines = block.split(b"\n")
    if all(line.startswith(b":") for line in lines):
        return Frame(block)
    [number, data] = lines
    assert number.startswith(b"id: ")
    assert data.startswith(b"data: ")
    return Frame(block, int(number[4:]), json.loads(data[6:]))


async def frames_of(response: httpx.Response) -> AsyncGenerator[Frame, None]:
    """Yield the frames as they arrive."""
    rest = b""
    async for piece in response.aiter_raw():
        rest += piece
        *blocks, rest = rest.split(b"\n\n")
        for block in blocks:
            yield parse(block)
    assert rest == b"", "the stream ends in the middle of a frame"


def parse_all(content: bytes) -> list[Frame]:
    """Read a whole stream, comments left out."""
    *blocks, rest = content.split(b"\n\n")
    assert rest == b"", "the stream ends in the middle of a frame"
    return [frame for frame in map(parse, blocks) if not frame.is_comment]


async def read_events(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a whole stream."""
    return [frame.event async for frame in frames_of(response) if not frame.is_comment]


def types_of(events: list[dict[str, Any]]) -> list[str]:
    """Return what kinds of events these are, in order."""
    return [event["type"] for event in events]


def text_of(events: list[dict[str, Any]]) -> str:
    """Return what the assistant says in them."""
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")
