"""Memory of a process over a whole sync."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import pairwise

import psutil

from benchmarks.sync_world import connected, sandbox

SAMPLE_SECONDS = 0.5
MIB = 1024 * 1024


async def measure_memory(charges: int) -> dict[str, float]:
    """Return MiB of this process: at the start, in the middle half at most, and at the end."""
    samples: list[float] = []

    async def sample() -> None:
        me = psutil.Process()
        while True:
            samples.append(me.memory_info().rss / MIB)
            await asyncio.sleep(SAMPLE_SECONDS)

    async with sandbox(charges) as stripe_api, connected(stripe_api) as world:
        sampling = asyncio.create_task(sample(), name="memory")
        begin = time.perf_counter()
        try:
            counts = await world.sync(stripe_api)
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
    seconds = time.perf_counter() - begin
    quarter = max(1, len(samples) // 4)
    second, last = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return {
        "rows": sum(counts.values()),
        "rows/s": sum(counts.values()) / seconds,
        "MiB at the start": samples[0],
        "MiB at most": max(samples),
        "MiB, mean of the second quarter": sum(second) / len(second),
        "MiB, mean of the last quarter": sum(last) / len(last),
        "MiB, largest step": max((b - a for a, b in pairwise(samples)), default=0.0),
    }
