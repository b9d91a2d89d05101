"""A client that does not read is cut off, and nobody else notices."""

from __future__ import annotations

import asyncio

import pytest

from api import slow_readers
from sandbox.model.script import Gate, Script, Text, Turn
from tests.api.frames import parse_all, text_of
from tests.api.service import OpenService, Service, bearer
from tests.api.unread import read_on, unread

# More than the kernel takes for a client that does not read.
LONG = "All work and no play makes a long answer. " * 200_000
SCRIPT = Script([Turn([Text(LONG, chunk=50_000)], repeat=True)])


def _limit(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(slow_readers, "SLOW_READER_SECONDS", seconds)


def _dropped(service: Service) -> float:
    [family] = service.app.state.metrics.slow_readers.collect()
    return family.samples[0].value


async def test_client_that_does_not_read_is_cut_off_and_its_run_goes_on(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slow_readers.SLOW_READER_SECONDS == 30
    _limit(monkeypatch, 1.0)
    async with open_service(SCRIPT) as service:
        body = service.body()
        headers = bearer(service.shop.access.user_id)
        with unread(service.url, headers, body) as client:
            async with asyncio.timeout(60):
                # And nobody follows for it any more.
                while _dropped(service) == 0 or service.waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            received = await asyncio.to_thread(read_on, client)
        _limit(monkeypatch, 60.0)
        whole = await service.replay(body["runId"])
        assert _dropped(service) == 1
    assert text_of([frame.event for frame in parse_all(whole)]) == LONG
    assert b"RUN_STARTED" in received
    assert b"RUN_FINISHED" not in received


async def test_others_read_on_while_one_does_not(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        body = service.body()
        with unread(service.url, bearer(service.shop.access.user_id), body):
            while (  # noqa: ASYNC110
                await service.client.get(f"/v1/runs/{body['runId']}")
            ).status_code == 404:
                await asyncio.sleep(0.01)
            beside = await service.replay(body["runId"])
    assert text_of([frame.event for frame in parse_all(beside)]) == LONG


async def test_client_that_is_slow_but_reads_is_not_cut_off(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limit(monkeypatch, 4.0)
    async with open_service(SCRIPT) as service:
        received = b""
        async with service.streaming(service.body()) as response:
            async for piece in response.aiter_raw(1 << 20):
                received += piece
                await asyncio.sleep(0.7)
        assert _dropped(service) == 0
    assert b"RUN_FINISHED" in received


async def test_silent_stream_is_not_taken_for_a_slow_reader(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limit(monkeypatch, 1.0)
    gate = Gate()
    async with open_service(Script([Turn([gate, Text("At last.")])])) as service:
        with unread(service.url, bearer(service.shop.access.user_id), service.body()) as client:
            await gate.reached.wait()
            await asyncio.sleep(1.5)
            gate.open()
            # Kept alive for another question once it has ended, and then closed.
            received = await asyncio.to_thread(read_on, client)
        assert _dropped(service) == 0
    assert b"RUN_FINISHED" in received
