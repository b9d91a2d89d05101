"""An answer on the wire: what a client of any language relies on, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui

from api import sse
from sandbox.model.script import Gate, NoFinish, Script, Status, Text, ToolCalls, Turn
from tests.api.frames import Frame, frames_of, parse_all, text_of, types_of
from tests.api.service import OpenService, Service

TEXT = Script([Turn([Text("A first piece, a second one, and the end.", delay=0.02)])])
ADD = ("calculate", {"expression": "1 + 1"})
WRONG = ("query_snapshots", {"metrics": ["nothing"]})
TOOL = Script([Turn([Text("Let me see. "), ToolCalls([ADD])]), Turn([Text("2.")], after_tool="*")])
PARALLEL = Script([Turn([ToolCalls([ADD, ADD, WRONG])]), Turn([Text("Done.")], after_tool="*")])
ERROR = Script([Turn([Status(500)])])
CUT = Script([Turn([Text("Half of "), NoFinish()])])
CUT_CALL = Script([Turn([Text("Let me see. "), ToolCalls([ADD]), NoFinish()])])
KINDS = {
    "text": TEXT,
    "tool": TOOL,
    "parallel tools": PARALLEL,
    "error": ERROR,
    "cut text": CUT,
    "cut call": CUT_CALL,
}


async def _stream(service: Service, body: dict[str, Any]) -> bytes:
    response = await service.client.post("/v1/runs", json=body)
    assert response.status_code == 200, response.text
    return response.content


def _nulls(value: Any) -> Iterator[Any]:
    if value is None:
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list | None):
            yield from _nulls(inner)


async def test_stream_says_how_it_is_to_be_treated(service: Service) -> None:
    async with service.streaming(service.body()) as response:
        headers = response.headers
        await response.aread()
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"]
    assert "content-length" not in headers


@pytest.mark.parametrize("kind", KINDS)
async def test_frames_are_what_the_contract_says(open_service: OpenService, kind: str) -> None:
    async with open_service(KINDS[kind]) as service:
        content = await _stream(service, service.body())
    frames = parse_all(content)
    events = [frame.event for frame in frames]
    assert b"\r" not in content
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert list(_nulls(events)) == []
    assert_valid_agui(events, max_warnings=0)
    kinds = types_of(events)
    assert kinds[:2] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert [kind for kind in kinds if kind in {"RUN_FINISHED", "RUN_ERROR"}] == kinds[-1:]


@pytest.mark.parametrize("after_the_words", ["", "Half of "])
async def test_cancelled_stream_is_valid_too(
    open_service: OpenService, after_the_words: str
) -> None:
    gate = Gate()
    words = [Text(after_the_words)] if after_the_words else []
    async with open_service(Script([Turn([*words, gate, Text("it.")])])) as service:
        run_id = await service.begin()
        await gate.reached.wait()
        await service.cancel(run_id)
        events = [frame.event for frame in parse_all(await service.replay(run_id))]
    assert_valid_agui(events, max_warnings=0)
    assert list(_nulls(events)) == []
    assert events[-1]["outcome"] == {"type": "cancelled"}
    assert text_of(events) == after_the_words


async def test_call_that_is_cancelled_is_closed(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(Script([Turn([ToolCalls([ADD]), gate])])) as service:
        run_id = await service.begin()
        await gate.reached.wait()
        await service.cancel(run_id)
        events = [frame.event for frame in parse_all(await service.replay(run_id))]
    assert_valid_agui(events, max_warnings=0)
    assert types_of(events)[-3:] == ["TOOL_CALL_END", "TOOL_CALL_RESULT", "RUN_FINISHED"]


async def test_run_begins_with_the_protocols_version(service: Service) -> None:
    body = service.body()
    [opening, *_] = await service.post_run(body)
    assert opening == {
        "type": "RUN_STARTED",
        "threadId": body["threadId"],
        "runId": body["runId"],
        "protocolVersion": "1.0",
    }


async def test_first_byte_comes_before_the_model_speaks(open_service: OpenService) -> None:
    gate = Gate()
    async with (
        open_service(Script([Turn([gate, Text("At last.")])])) as service,
        service.streaming(service.body()) as response,
        contextlib.aclosing(frames_of(response)) as frames,
    ):
        # The model is held: what arrives now cannot have waited for it.
        first = await asyncio.wait_for(anext(frames), 60)
        assert first.event["type"] == "RUN_STARTED"
        gate.open()
        rest = [frame.event async for frame in frames]
    assert text_of(rest) == "At last."


async def test_words_arrive_while_the_model_is_still_speaking(open_service: OpenService) -> None:
    gate = Gate()
    async with (
        open_service(Script([Turn([Text("First."), gate, Text(" Second.")])])) as service,
        service.streaming(service.body()) as response,
        contextlib.aclosing(frames_of(response)) as frames,
    ):
        async for frame in frames:
            if frame.event.get("type") == "TEXT_MESSAGE_CONTENT":
                break
        assert frame.event["delta"] == "First."
        gate.open()
        assert text_of([frame.event async for frame in frames]) == " Second."


async def test_silence_is_filled_with_comments(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sse.KEEP_ALIVE_SECONDS <= 15
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    gate = Gate()
    async with (
        open_service(Script([Turn([gate, Text("At last.")])])) as service,
        service.streaming(service.body()) as response,
    ):
        seen: list[Frame] = []
        async for frame in frames_of(response):
            seen.append(frame)
            if sum(frame.is_comment for frame in seen) == 3:
                gate.open()
    comments = [frame.raw for frame in seen if frame.is_comment]
    assert len(comments) >= 3
    assert all(comment.startswith(b": ") for comment in comments)
    events = [frame for frame in seen if not frame.is_comment]
    assert [frame.number for frame in events] == list(range(1, len(events) + 1))


def _behind(content: bytes, number: int) -> bytes:
    return b"".join(frame.raw + b"\n\n" for frame in parse_all(content)[number:])


async def test_reading_again_brings_the_same_bytes(open_service: OpenService) -> None:
    async with open_service(TOOL) as service:
        body = service.body()
        whole = await _stream(service, body)
        for cut in range(len(parse_all(whole)) + 1):
            rest = _behind(whole, cut)
            assert await service.replay(body["runId"], params={"after": cut}) == rest
            header = {"Last-Event-ID": str(cut)}
            assert await service.replay(body["runId"], headers=header) == rest


async def test_later_of_two_positions_counts(service: Service) -> None:
    # A browser reconnects to the address it first used, and says in the header how far it came.
    body = service.body()
    whole = await _stream(service, body)
    again = await service.replay(body["runId"], params={"after": 2}, headers={"Last-Event-ID": "5"})
    assert again == _behind(whole, 5)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "position", ["x", "-1", "1.5", "1e3", "\xb2", "9" * 10, "9" * 20, "9" * 5_000]
)
async def test_position_that_is_no_event_is_refused(shared: Service, position: str) -> None:
    run_id = (await shared.ask())[0]["runId"]
    path = f"/v1/runs/{run_id}/events"
    header = httpx.Headers({"Last-Event-ID": position}, encoding="latin-1")
    for response in (
        await shared.client.get(path, headers=header),
        await shared.client.get(path, params={"after": position}),
    ):
        assert response.status_code == 422, response.text
        assert response.json()["code"] == "invalid_input"


async def test_position_behind_the_end_of_a_waiting_run_is_refused(
    open_service: OpenService,
) -> None:
    async with open_service(with_worker=False) as service:
        run_id = await service.begin()
        response = await service.client.get(f"/v1/runs/{run_id}/events", params={"after": 2})
    assert response.status_code == 422


async def test_client_that_leaves_stops_nothing(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(Script([Turn([Text("First."), gate, Text(" Second.")])])) as service:
        body = service.body()
        early = b""
        async with service.streaming(body) as response:
            async for piece in response.aiter_raw():
                early += piece
                if b"First." in early:
                    break
        gate.open()
        whole = await service.replay(body["runId"])
        assert await service.replay(body["runId"]) == whole
        assert gate.abandoned.is_set() is False
    assert whole.startswith(early)
    assert text_of([frame.event for frame in parse_all(whole)]) == "First. Second."


async def test_two_clients_follow_one_run_alike(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(Script([Turn([Text("First."), gate, Text(" Second.")])])) as service:
        body = service.body()
        readers = [asyncio.create_task(_stream(service, body)) for _ in range(5)]
        await gate.reached.wait()
        readers.append(asyncio.create_task(service.replay(body["runId"])))
        gate.open()
        streams = await asyncio.gather(*readers)
        assert service.model is not None
        assert len(service.model.requests) == 1
    assert len(set(streams)) == 1
