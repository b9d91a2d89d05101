"""Open streams hold no connection to the database, and one that is left behind neither."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from sandbox.model.script import Gate, Script, Text, Turn
from tests.api.frames import parse_all, types_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body
from tests.waiting import SECONDS

STREAMS = 40


async def _open_streams(service: Service, stack: AsyncExitStack) -> list[httpx.Response]:
    streams = [service.streaming(run_body(f"Question {number}")) for number in range(STREAMS)]
    return await asyncio.gather(*(stack.enter_async_context(stream) for stream in streams))


async def _settled(service: Service, waiting: int = 0) -> int:
    """Return how many connections are in use, once what is under way has had time to end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while service.checked_out or service.waiting != waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert service.waiting == waiting
    return service.checked_out


async def test_forty_waiting_streams_hold_no_connection(open_service: OpenService) -> None:
    gate = Gate()
    script = Script([Turn([Text("Well, "), gate, Text("yes.")], repeat=True)])
    async with open_service(script, pool_size=5) as service, AsyncExitStack() as stack:
        responses = await _open_streams(service, stack)
        await gate.reached.wait()
        # Other routes answer while all of them wait.
        for path in ("/v1/me", "/readyz", f"{service.business}/conversations"):
            assert (await service.client.get(path)).status_code == 200
        assert await _settled(service, STREAMS) == 0
        # Not for a moment only: the followers look again every now and then.
        for _ in range(10):
            await asyncio.sleep(0.05)
            assert await _settled(service, STREAMS) == 0
        gate.open()
        contents = await asyncio.gather(*(response.aread() for response in responses))
        assert await _settled(service) == 0
    ends = [types_of([frame.event for frame in parse_all(content)])[-1] for content in contents]
    assert ends == ["RUN_FINISHED"] * STREAMS


async def test_pool_that_stays_exhausted_is_told_as_busy(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_service(pool_size=1) as service:
        database = service.app.state.vaultra.database
        monkeypatch.setattr(database.engine.pool, "_timeout", 0.1)
        async with database.unit_of_work() as session:
            await session.connection()
            response = await service.client.get("/v1/me")
        problem = assert_problem(response, 503, "database_unavailable")
        assert "in use" in problem["detail"]
        assert (await service.client.get("/v1/me")).status_code == 200


async def test_clients_that_leave_at_any_moment_leave_no_connection_behind(
    open_service: OpenService,
) -> None:
    chance = random.Random(7)
    script = Script([Turn([Text("word " * 40, chunk=5, delay=0.005)], repeat=True)])

    async def read_and_leave(service: Service, body: dict[str, object]) -> None:
        async with service.streaming(body) as response:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(0, 0.4)):
                    async for _ in response.aiter_raw():
                        pass

    async with open_service(script, pool_size=5) as service:
        bodies = [run_body(f"Question {number}") for number in range(STREAMS // 2)]
        await asyncio.gather(*(read_and_leave(service, body) for body in bodies))
        whole = [parse_all(await service.replay(str(body["runId"]))) for body in bodies]
        assert await _settled(service) == 0
        assert (await service.client.get("/v1/me")).status_code == 200
    assert {frames[-1].event["type"] for frames in whole} == {"RUN_FINISHED"}


async def test_requests_that_are_given_up_leave_no_connection_behind(service: Service) -> None:
    chance = random.Random(7)
    paths = [service.business, f"{service.business}/conversations", "/v1/me", "/v1/businesses"]

    async def give_up(path: str) -> None:
        with contextlib.suppress(httpx.TimeoutException):
            await service.client.get(path, timeout=chance.uniform(0.0005, 0.05))

    await asyncio.gather(*(give_up(chance.choice(paths)) for _ in range(40)))
    assert await _settled(service) == 0
    assert (await service.client.get("/v1/me")).status_code == 200


async def test_upload_that_is_broken_off_does_no_harm(service: Service) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"threadId": "'
        raise ConnectionAbortedError

    for _ in range(5):
        with contextlib.suppress(ConnectionAbortedError):
            await service.client.post("/v1/runs", content=broken())
    assert await _settled(service) == 0
    assert await service.query("SELECT count(*) FROM agent_runs") == 0
    assert (await service.client.get("/v1/me")).status_code == 200
