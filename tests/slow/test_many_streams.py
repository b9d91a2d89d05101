"""Three hundred open streams on five connections, clients that come and go, and one that is slow.

The server is a process of its own. Run with `-s`, it prints what a stream takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from db.session import Database
from sandbox.model.script import Script, Text, Turn
from sandbox.model.server import serve as serve_model
from tests.api.frames import parse_all, text_of
from tests.api.service import bearer, client_of, run_body
from tests.api.unread import read_on, unread
from tests.factories import make_shop
from tests.serving import Server, serving

pytestmark = pytest.mark.slow
STREAMS = 300
POOL = 5
# Of each client.
VISITS = 3
BYTES_PER_STREAM = 120 * 1024
# More than the kernel takes for a client that does not read.
LONG = "All work and no play makes a long answer. " * 200_000
SCRIPT = Script(
    [
        Turn([Text(LONG, chunk=50_000)], user="long", repeat=True),
        # Minutes, unless it is cancelled.
        Turn([Text("word " * 1000, chunk=5, delay=1.0)], repeat=True),
    ]
)


@dataclass(frozen=True)
class Scene:
    """A server, its owner's client, and the headers to ask by other means."""

    server: Server
    client: httpx.AsyncClient
    headers: dict[str, str]

    async def until(self, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        async with asyncio.timeout(600):
            while not holds(told := await self.server.metrics()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            return told


@pytest.fixture
async def scene(database_url: URL, database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    """A server on a pool of five."""
    headers = bearer((await make_shop(database)).access.user_id)
    async with (
        serve_model(SCRIPT) as model,
        serving(tmp_path, database_url, model_url=model.url, VAULTRA_POOL_SIZE=str(POOL)) as server,
        client_of(server.url, headers) as client,
    ):
        client.timeout = httpx.Timeout(300)
        yield Scene(server, client, headers)


async def _leave_and_come_back(
    scene: Scene, run_id: str, seen: bytes, chance: random.Random
) -> None:
    """Come back behind the last event that was seen, and leave again, at random moments."""
    for _ in range(VISITS):
        seen = seen[: seen.rfind(b"\n\n") + 2]
        header = {"Last-Event-ID": str(len(parse_all(seen)))}
        path = f"/v1/runs/{run_id}/events"
        await asyncio.sleep(chance.uniform(0, 3))
        async with scene.client.stream("GET", path, headers=header) as response:
            if response.status_code == 503:
                # Everybody comes at once, to a machine that is busy: they come again.
                continue
            assert response.status_code == 200, await response.aread()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(0, 3)):
                    async for piece in response.aiter_raw():
                        seen += piece
    numbers = [frame.number for frame in parse_all(seen[: seen.rfind(b"\n\n") + 2])]
    assert numbers == list(range(1, len(numbers) + 1))


async def _watch(scene: Scene, stop: asyncio.Event) -> list[float]:
    """Ask other routes all the while; return how many connections were in use each time."""
    used = []
    while not stop.is_set():
        for path in ("/v1/me", "/v1/businesses", "/healthz"):
            status = (await scene.client.get(path)).status_code
            # As for them, the pool may be too busy for a while; without it, all must be well.
            assert status == 200 or (status == 503 and path != "/healthz")
        used.append((await scene.server.metrics())["vaultra_pool_checked_out"])
        await asyncio.sleep(0.5)
    return used


async def _cancel(scene: Scene, bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        assert (await scene.client.post(f"/v1/runs/{body['runId']}/cancel")).status_code == 202
    # A database that is busy has no figures of runs to tell.
    told = await scene.until(lambda told: told.get('vaultra_runs{state="running"}') == 0)
    assert told['vaultra_runs{state="queued"}'] == 0


async def _warm_up(scene: Scene) -> None:
    """What is imported and opened with the first run is not a stream's."""
    body = run_body()
    async with scene.client.stream("POST", "/v1/runs", json=body) as response:
        await anext(response.aiter_raw())
    await _cancel(scene, [body])


async def test_streams_hold_no_connection_and_little_memory(scene: Scene) -> None:
    await _warm_up(scene)
    bodies = [run_body() for _ in range(STREAMS)]
    before, stop = scene.server.rss, asyncio.Event()
    watching = asyncio.create_task(_watch(scene, stop))
    async with contextlib.AsyncExitStack() as stack:
        for body in bodies:
            stream = scene.client.stream("POST", "/v1/runs", json=body)
            assert (await stack.enter_async_context(stream)).status_code == 200
        await scene.until(lambda told: told["vaultra_open_streams"] == STREAMS)
        per_stream = (scene.server.rss - before) / STREAMS
    # All of them have left at once; now they come and go.
    chance = random.Random(11)
    visits = (
        _leave_and_come_back(scene, body["runId"], b"", random.Random(chance.random()))
        for body in bodies
    )
    await asyncio.gather(*visits)
    stop.set()
    used = await watching
    sys.stdout.write(f"{per_stream / 1024:.0f} KB a stream, {max(used):.0f} connections at most\n")
    assert per_stream < BYTES_PER_STREAM
    assert max(used) <= POOL
    await _cancel(scene, bodies)
    await scene.until(
        lambda told: told["vaultra_open_streams"] == 0 and told["vaultra_pool_checked_out"] == 0
    )


async def test_client_that_does_not_read_is_cut_off_after_half_a_minute(scene: Scene) -> None:
    body, beside = run_body("A long answer"), run_body()
    with unread(scene.server.url, scene.headers, body) as slow:
        async with scene.client.stream("POST", "/v1/runs", json=beside) as other:
            pieces = other.aiter_raw()
            await anext(pieces)
            # The run ends while its client still reads nothing.
            path = f"/v1/runs/{body['runId']}"
            async with asyncio.timeout(600):
                # Nobody tells that a run has ended but its stream.
                while (  # noqa: ASYNC110
                    await scene.client.get(path)
                ).json().get("state") != "completed":
                    await asyncio.sleep(0.2)
            whole = await scene.client.get(f"{path}/events")
            await scene.until(lambda told: told["vaultra_slow_readers_dropped_total"] == 1)
            assert await anext(pieces)
        received = await asyncio.to_thread(read_on, slow)
    assert text_of([frame.event for frame in parse_all(whole.content)]) == LONG
    assert b"RUN_FINISHED" not in received
    await scene.until(lambda told: told["vaultra_open_streams"] == 0)
    await _cancel(scene, [beside])
