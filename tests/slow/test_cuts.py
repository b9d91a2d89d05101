"""A stream that is cut anywhere and taken up at another process is the stream of who stayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from db.session import Database
from sandbox.model.script import Script, Text, ToolCalls, Turn
from sandbox.model.server import serve as serve_model
from tests.api.frames import parse, parse_all
from tests.api.service import bearer, run_body
from tests.databases import cloned_database
from tests.factories import make_shop
from tests.serving import serving

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
# Slower than pieces are merged: nearly every piece is an event of its own.
PACE = 0.06
SCRIPT = Script(
    [
        Turn(
            [
                Text("Let me add that up for you. ", delay=PACE),
                ToolCalls([("calculate", {"expression": "2 * 21"})], delay=PACE),
            ],
            user="What is",
            repeat=True,
        ),
        Turn([Text("It is 42, and \u20ac 42 it stays.", delay=PACE)], after_tool="*", repeat=True),
    ]
)
# More than the whole stream has; a cut behind its end is none.
POSITIONS = range(26)
# So many at once that runs overlap, and so few that nobody waits for long.
AT_ONCE = 8
WORKERS = {"first": ("", "--no-worker"), "second": ("--no-worker", "")}
BEHIND = 0
# Within the next frame: in its number, in its data, and before its last line feed.
WITHIN = (3, 25, -1)


@dataclass(frozen=True)
class Pair:
    """Two servers on one database, and the address and headers to ask them with."""

    first: httpx.AsyncClient
    second: httpx.AsyncClient


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WORKERS)
async def pair(
    request: pytest.FixtureRequest,
    server_url: URL,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Pair]:
    """Two servers, of which the first works or the second does."""
    folder: Path = tmp_path_factory.mktemp("cuts")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(cloned_database(server_url, template))
        database = Database(url)
        stack.push_async_callback(database.dispose)
        headers = bearer((await make_shop(database)).access.user_id)
        model = await stack.enter_async_context(serve_model(SCRIPT))
        clients = []
        for name, options in zip("ab", WORKERS[request.param], strict=True):
            serve = serving(folder / name, url, *options.split(), model_url=model.url)
            server = await stack.enter_async_context(serve)
            client = httpx.AsyncClient(base_url=server.url, headers=headers, timeout=120)
            clients.append(await stack.enter_async_context(client))
        yield Pair(*clients)


async def _read(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> bytes:
    """Read a stream to its end; return its frames without comments."""
    response = await client.request(method, path, **more)
    assert response.status_code == 200, response.text
    return b"".join(frame.raw + b"\n\n" for frame in parse_all(response.content))


async def _read_and_cut(
    client: httpx.AsyncClient, body: dict[str, Any], position: int, place: int
) -> tuple[bytes, int]:
    """Post the run, and leave behind the event of that number or within the next frame.

    Returns the bytes that arrived before, comments left out, and the last event's number.
    """
    seen, rest = b"", b""
    number = 0
    async with client.stream("POST", "/v1/runs", json=body) as response:
        assert response.status_code == 200, await response.aread()
        async for byte in _bytes_of(response):
            if number == position and _is_cut(rest, place):
                break
            rest += byte
            if rest.endswith(b"\n\n"):
                frame = parse(rest[:-2])
                if not frame.is_comment:
                    seen, number = seen + rest, frame.number or 0
                rest = b""
    return seen, number


def _is_cut(rest: bytes, place: int) -> bool:
    if place < 0:
        return rest.startswith(b"id: ") and rest.endswith(b"\n") and rest.count(b"\n") == 2
    return len(rest) >= place


async def _bytes_of(response: httpx.Response) -> AsyncIterator[bytes]:
    async for piece in response.aiter_raw():
        for index in range(len(piece)):
            yield piece[index : index + 1]


async def _all_positions(check: Callable[[int], Awaitable[bool]]) -> list[bool]:
    """Cut at every position, some at once; return which cuts came before the end."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(position: int) -> bool:
        async with gate:
            return await check(position)

    return list(await asyncio.gather(*map(one, POSITIONS)))


async def _stay(pair: Pair, body: dict[str, Any]) -> bytes:
    """Follow the run from its first event to its last, at the second server."""
    path = f"/v1/runs/{body['runId']}/events"
    # Whoever posts the run does so at the same time.
    while (await pair.second.get(f"/v1/runs/{body['runId']}")).status_code == 404:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return await _read(pair.second, "GET", path)


@pytest.mark.parametrize("within", [False, True])
async def test_cut_stream_goes_on_at_another_process(pair: Pair, within: bool) -> None:
    async def check(position: int) -> bool:
        place = WITHIN[position % len(WITHIN)] if within else BEHIND
        body = run_body()
        staying = asyncio.create_task(_stay(pair, body))
        early, number = await _read_and_cut(pair.first, body, position, place)
        path = f"/v1/runs/{body['runId']}/events"
        late = await _read(pair.second, "GET", path, headers={"Last-Event-ID": str(number)})
        whole = await staying
        assert early + late == whole
        assert len(parse_all(early)) == number
        return late != b""

    cuts = await _all_positions(check)
    # Where pieces were merged there is less to cut, but it has been cut in all of its parts.
    assert sum(cuts) >= 12


async def test_run_that_is_posted_again_elsewhere_is_told_from_its_beginning(pair: Pair) -> None:
    async def check(position: int) -> bool:
        body = run_body()
        staying = asyncio.create_task(_stay(pair, body))
        early, number = await _read_and_cut(pair.first, body, position, BEHIND)
        again = await _read(pair.second, "POST", "/v1/runs", json=body)
        whole = await staying
        assert again == whole
        assert again.startswith(early)
        return number < len(parse_all(whole))

    assert sum(await _all_positions(check)) >= 12


async def test_client_that_is_cut_behind_every_event_sees_what_another_one_sees(
    pair: Pair,
) -> None:
    """One client that changes the process after each event, to the end."""
    body = run_body()
    staying = asyncio.create_task(_stay(pair, body))
    seen, number = await _read_and_cut(pair.first, body, 1, BEHIND)
    clients = [pair.second, pair.first]
    while b'"RUN_FINISHED"' not in seen:
        path = f"/v1/runs/{body['runId']}/events"
        header = {"Last-Event-ID": str(number)}
        async with clients[number % 2].stream("GET", path, headers=header) as response:
            assert response.status_code == 200
            rest = b""
            async for byte in _bytes_of(response):
                rest += byte
                if rest.endswith(b"\n\n") and not parse(rest[:-2]).is_comment:
                    break
                rest = b"" if rest.endswith(b"\n\n") else rest
        seen, number = seen + rest, number + 1
    assert seen == await staying
