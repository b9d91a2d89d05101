"""How long a server's event loop is held up while it syncs and streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil

from benchmarks.sync_world import Connected, connected, sandbox
from benchmarks.turn_servers import (
    free_port,
    headers_of,
    process,
    scratch_folder,
    settings_of_service,
    until_up,
)

STREAMS = 50
SCRIPT = Path(__file__).with_name("slow.yaml")
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _Server:
    url: str
    process: psutil.Process
    seen: Path

    async def lags(self) -> list[float]:
        """Return what the probe has seen since it was told to begin, in seconds."""
        self.process.send_signal(signal.SIGUSR2)
        await asyncio.sleep(1.0)
        found: list[float] = json.loads(self.seen.read_text())
        return found


async def measure_lag(charges: int) -> dict[str, float]:
    """Return milliseconds of lag: streaming alone, and streaming during a first sync."""
    async with AsyncExitStack() as stack:
        stripe_api = await stack.enter_async_context(sandbox(charges))
        world = await stack.enter_async_context(connected(stripe_api))
        server = await stack.enter_async_context(_serving(world, stripe_api.url))
        client = await stack.enter_async_context(_client(world, server))
        await stack.enter_async_context(_streaming(client))
        server.process.send_signal(signal.SIGUSR1)
        await asyncio.sleep(5)
        quiet = await server.lags()
        server.process.send_signal(signal.SIGUSR1)
        seconds = await _sync(client, world)
        busy = await server.lags()
    return {
        "seconds of the sync": seconds,
        "p50 without a sync, ms": _percentile(quiet, 50),
        "p99 without a sync, ms": _percentile(quiet, 99),
        "p50 during the sync, ms": _percentile(busy, 50),
        "p99 during the sync, ms": _percentile(busy, 99),
    }


def _percentile(lags: list[float], percent: int) -> float:
    return 1_000 * statistics.quantiles(lags, n=100)[percent - 1]


@asynccontextmanager
async def _serving(world: Connected, stripe_url: str) -> AsyncIterator[_Server]:
    model, ours = free_port(), free_port()
    with scratch_folder() as folder, contextlib.ExitStack() as stack:
        run = stack.enter_context
        run(process("sandbox.model", "--script", str(SCRIPT), "--port", str(model)))
        settings = {
            **settings_of_service(world.url, f"http://127.0.0.1:{model}/v1", world.secret),
            "STRIPE_API_BASE": stripe_url,
            "VAULTRA_STRIPE_REQUESTS_PER_SECOND": "1000",
        }
        seen = folder / "lags.json"
        child = run(process("benchmarks.lag_probe", str(seen), str(ours), env=settings))
        for port, path in ((model, "/v1/models"), (ours, "/healthz")):
            await until_up(f"http://127.0.0.1:{port}{path}")
        yield _Server(f"http://127.0.0.1:{ours}", child, seen)


@asynccontextmanager
async def _client(world: Connected, server: _Server) -> AsyncIterator[aiohttp.ClientSession]:
    headers = headers_of(world.access.user_id, world.secret)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        server.url, headers=headers, connector=connector, timeout=timeout
    ) as client:
        yield client


@asynccontextmanager
async def _streaming(client: aiohttp.ClientSession) -> AsyncIterator[None]:
    """Have so many answers streamed for the length of the block, each followed by another."""
    flowing, told = asyncio.Event(), 0

    async def listen() -> None:
        nonlocal told
        while True:
            message = {"id": str(uuid4()), "role": "user", "content": "Tell me a long story."}
            body = {"threadId": str(uuid4()), "runId": str(uuid4()), "messages": [message]}
            async with client.post("/v1/runs", json=body) as answer:
                assert answer.status == 200, await answer.text()
                async for _ in answer.content.iter_any():
                    told += 1
                    if told > 2 * STREAMS:
                        flowing.set()

    tasks = [asyncio.create_task(listen(), name="stream") for _ in range(STREAMS)]
    try:
        await flowing.wait()
        yield
        failed = [task for task in tasks if task.done()]
        assert not failed, failed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sync(client: aiohttp.ClientSession, world: Connected) -> float:
    place = f"/v1/businesses/{world.access.business_id}"
    begin = asyncio.get_running_loop().time()
    async with client.post(f"{place}/integrations/stripe/syncs") as answer:
        sync_id = (await answer.json())["id"]
    while True:
        async with client.get(f"{place}/syncs/{sync_id}") as answer:
            sync = await answer.json()
        if sync["state"] == "completed":
            return asyncio.get_running_loop().time() - begin
        assert sync["state"] in ("queued", "running"), sync
        await asyncio.sleep(POLL_SECONDS)
