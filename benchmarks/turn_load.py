"""Asking a server so many questions at once, and what that took."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any
from uuid import uuid4

import aiohttp
import psutil

QUESTION = "What is 2 * 21?"


@dataclass(frozen=True)
class Subject:
    """One server to measure; `postgres` is the server that it keeps its data in."""

    name: str
    url: str
    process: psutil.Process
    headers: dict[str, str]
    postgres: psutil.Process | None = None


@dataclass(frozen=True)
class Figures:
    """What a load took: CPU seconds a turn, and medians of the seconds of a turn.

    `overhead` is the time to the last byte without what the script waits, `growth` the bytes of
    memory that the process has beyond those before the load, for each conversation at once.
    """

    cpu: float
    postgres_cpu: float
    turn: float
    overhead: float
    first_byte: float
    growth: float
    rate: float


def median_of(figures: Iterable[Figures]) -> Figures:
    """Return the median of each figure."""
    found = list(figures)
    names = [field.name for field in fields(Figures)]
    return Figures(*(statistics.median(getattr(one, name) for one in found) for name in names))


def cpu_of(process: psutil.Process | None) -> float:
    """Return the CPU seconds of a process, and of those it has started."""
    return 0.0 if process is None else sum(_cpu_seconds(process))


def _cpu_seconds(process: psutil.Process) -> Iterator[float]:
    for one in (process, *process.children()):
        with suppress(psutil.NoSuchProcess):
            # The children that have ended are counted in the last two.
            yield sum(one.cpu_times()[:4])


async def one_turn(client: aiohttp.ClientSession, subject: Subject) -> tuple[float, float]:
    """Ask once; return the seconds to the first byte and to the last."""
    message = {"id": str(uuid4()), "role": "user", "content": QUESTION}
    body: dict[str, Any] = {
        "threadId": str(uuid4()),
        "runId": str(uuid4()),
        "messages": [message],
    }
    begin = time.perf_counter()
    first = 0.0
    received = bytearray()
    async with client.post(subject.url, json=body, headers=subject.headers) as answer:
        async for chunk in answer.content.iter_any():
            first = first or time.perf_counter() - begin
            received += chunk
    # The answer's last piece.
    if answer.status != 200 or b" six" not in received:
        raise RuntimeError(f"{subject.name} answered {answer.status}: {received[-500:]!r}")
    return first, time.perf_counter() - begin


async def measure(
    subject: Subject, *, conversations: int, turns: int, scripted: float, every: float = 0.0
) -> Figures:
    """Have so many conversations at once, each of so many turns.

    `scripted` are the seconds that the script waits in a turn; with `every`, a conversation asks
    anew so many seconds after its last question, and not as soon as it is answered.
    """
    before, stored = cpu_of(subject.process), cpu_of(subject.postgres)
    memory = subject.process.memory_info().rss
    peak = memory
    begin = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def converse(index: int) -> list[tuple[float, float]]:
            nonlocal peak
            times = []
            for number in range(turns):
                due = begin + every * (number + index / conversations)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                times.append(await one_turn(client, subject))
                peak = max(peak, subject.process.memory_info().rss)
            return times

        rounds = await asyncio.gather(*(converse(index) for index in range(conversations)))
    lasted = time.perf_counter() - begin
    count = conversations * turns
    times = [pair for one in rounds for pair in one]
    whole = statistics.median(last for _, last in times)
    return Figures(
        cpu=(cpu_of(subject.process) - before) / count,
        postgres_cpu=(cpu_of(subject.postgres) - stored) / count,
        turn=whole,
        overhead=whole - scripted,
        first_byte=statistics.median(first for first, _ in times),
        growth=(peak - memory) / conversations,
        rate=count / lasted,
    )
