"""The database goes away under the running application, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlalchemy.engine import URL

from sandbox.model.script import Gate, Script, Text, Turn
from tests.api.catalogue import PROTECTED, call
from tests.api.frames import Frame, frames_of, parse_all, text_of, types_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body
from tests.databases import execute
from tests.factories import make_shop

NEEDS_NONE = "/v1/agent/capabilities"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def _without_database(service: Service, server: URL, template: str) -> AsyncIterator[None]:
    name = service.database.url.database
    await execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')
    try:
        yield
    finally:
        await service.database.dispose()
        await execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


async def test_every_route_says_that_the_database_is_gone_and_recovers(
    service: Service, server_url: URL, template: str
) -> None:
    await service.ask()
    async with _without_database(service, server_url, template):
        for operation in PROTECTED:
            if operation.template == NEEDS_NONE:
                continue
            response = await call(service.client, operation)
            problem = assert_problem(response, 503, "database_unavailable")
            assert "DATABASE_URL" in problem["hint"]
            assert str(service.database.url.database) not in response.text
        ready = await service.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert "does not answer" in ready.json()["database"]
        assert (await service.client.get("/healthz")).status_code == 200
        assert (await service.client.get(NEEDS_NONE)).status_code == 200
        unknown = await service.client.get("/v1/me", headers={"Authorization": "Bearer x"})
        assert_problem(unknown, 401, "not_authenticated")
    await _until_ready(service.client)
    shop = await make_shop(service.database)
    headers = service.headers_of(shop.access.user_id)
    events = await service.post_run(run_body(), headers=headers)
    assert types_of(events)[-1] == "RUN_FINISHED"


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)


async def test_connections_that_were_cut_are_made_anew(service: Service) -> None:
    await service.ask()
    await service.execute(TERMINATE)
    first = await service.client.get("/v1/me")
    assert first.status_code in {200, 503}
    await _until_ready(service.client)
    assert (await service.client.get("/v1/me")).status_code == 200
    assert types_of(await service.ask("What is 2 * 2?"))[-1] == "RUN_FINISHED"


async def _read_until_cut(service: Service, body: dict[str, Any]) -> list[Frame]:
    """Read a stream whose service loses its connections at the first words, and leave it.

    Whether the stream itself would break depends on what it reads next, and from where.
    """
    seen: list[Frame] = []
    async with service.streaming(body) as response:
        async for frame in frames_of(response):
            seen.append(frame)
            if frame.event.get("type") == "TEXT_MESSAGE_CONTENT":
                await service.execute(TERMINATE)
                return seen
    raise AssertionError("the stream has an end before its first words")


async def test_stream_whose_connection_was_cut_can_be_taken_up_again(
    open_service: OpenService,
) -> None:
    gate = Gate()
    async with open_service(Script([Turn([Text("First."), gate, Text(" Second.")])])) as service:
        body = service.body()
        seen = await _read_until_cut(service, body)
        await _until_ready(service.client)
        gate.open()
        rest = parse_all(
            await service.replay(body["runId"], headers={"Last-Event-ID": str(seen[-1].number)})
        )
    frames = [*seen, *rest]
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert types_of([frame.event for frame in frames])[-1] in {"RUN_FINISHED", "RUN_ERROR"}
    assert text_of([frame.event for frame in frames]).startswith("First.")
