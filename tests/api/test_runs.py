"""Runs as a client steers them: attach, wait, refuse, interrupt, cancel, look."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui

from agent import execution as executing
from agent.event_log import RunLog
from domain.access import Role
from sandbox.model.script import Gate, Script, Status, Text, ToolCalls, Turn
from tests.api.frames import parse_all, text_of, types_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body
from tests.waiting import SECONDS, until_cancelled


def _held(gate: Gate) -> Script:
    return Script(
        [
            Turn([Text("One"), gate, Text(" and a half.")], user="first"),
            Turn([Text("Two.")], user="second"),
            Turn([Text("Three.")], user="third"),
        ]
    )


async def _events(service: Service, run_id: str) -> list[dict[str, Any]]:
    return [frame.event for frame in parse_all(await service.replay(run_id))]


async def _until(service: Service, run_id: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while (run := await service.run(run_id))["state"] != state:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return run


async def test_posting_again_attaches_to_the_run(open_service: OpenService) -> None:
    async with open_service(Script([Turn([Text("Once.")])])) as service:
        body = service.body()
        first = await service.post_run(body)
        assert await service.post_run(body) == first
        assert service.model is not None
        assert len(service.model.requests) == 1
        assert [m["role"] for m in await service.messages()] == ["user", "assistant"]


@pytest.mark.parametrize("what", ["text", "message", "thread", "props"])
async def test_run_id_with_another_body_is_refused(service: Service, what: str) -> None:
    body = service.body()
    await service.post_run(body)
    [message] = body["messages"]
    changes: dict[str, dict[str, Any]] = {
        "text": {"messages": [{**message, "content": "What is 2 * 2?"}]},
        "message": {"messages": [{**message, "id": str(uuid4())}]},
        "thread": {"threadId": str(uuid4())},
        "props": {"forwardedProps": {"whenBusy": "reject"}},
    }
    before = await service.rows()
    response = await service.client.post("/v1/runs", json={**body, **changes[what]})
    assert_problem(response, 409, "run_id_reused")
    assert await service.rows() == before


async def test_run_id_of_a_colleague_is_refused_and_stays_theirs(service: Service) -> None:
    colleague = service.headers_of(await service.add_member(Role.ADMIN))
    run_id = (await service.ask())[0]["runId"]
    before = await service.rows()
    body = run_body(runId=run_id)
    response = await service.client.post("/v1/runs", json=body, headers=colleague)
    assert_problem(response, 409, "run_id_reused")
    assert await service.rows() == before
    for path in (f"/v1/runs/{run_id}", f"/v1/runs/{run_id}/events"):
        assert_problem(await service.client.get(path, headers=colleague), 404, "not_found")


async def test_busy_conversation_refuses_and_names_the_run(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(_held(gate)) as service:
        first = await service.begin("first")
        await gate.reached.wait()
        messages = await service.messages()
        second = service.body("second", forwardedProps={"whenBusy": "reject"})
        response = await service.client.post("/v1/runs", json=second)
        problem = assert_problem(response, 409, "run_active")
        assert first in problem["detail"]
        assert await service.query("SELECT count(*) FROM agent_runs") == 1
        assert await service.messages() == messages
        gate.open()
        assert text_of(await _events(service, first)) == "One and a half."
        assert text_of(await service.post_run(second)) == "Two."


async def test_messages_to_a_busy_conversation_are_answered_in_order(
    open_service: OpenService,
) -> None:
    gate = Gate()
    async with open_service(_held(gate)) as service:
        ids = [await service.begin(question) for question in ("first", "second", "third")]
        await gate.reached.wait()
        assert [(await service.run(run_id))["state"] for run_id in ids[1:]] == ["queued"] * 2
        gate.open()
        answers = [text_of(await _events(service, run_id)) for run_id in ids]
        times = [await _until(service, run_id, "completed") for run_id in ids]
    assert answers == ["One and a half.", "Two.", "Three."]
    for earlier, later in pairwise(times):
        assert earlier["finished_at"] <= later["started_at"]


async def test_fifty_messages_at_once_are_answered_one_after_the_other(
    open_service: OpenService,
) -> None:
    script = Script([Turn([Text("Answered.")], repeat=True)])
    async with open_service(script) as service:
        bodies = [service.body(f"Question {n}") for n in range(50)]
        answers = await asyncio.gather(*(service.post_run(body, timeout=60) for body in bodies))
        overlapping = await service.query(
            "SELECT count(*) FROM agent_runs AS one JOIN agent_runs AS other"
            " ON one.id < other.id AND one.finished_at > other.started_at"
            " AND other.finished_at > one.started_at"
        )
        stored = await service.query("SELECT count(*) FROM agent_messages")
    assert all(text_of(events) == "Answered." for events in answers)
    assert all(types_of(events)[-1] == "RUN_FINISHED" for events in answers)
    assert (overlapping, stored) == (0, 100)


async def test_interrupting_stops_the_answer_and_asks_anew(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(_held(gate)) as service:
        first = await service.begin("first")
        waiting = await service.begin("second")
        await gate.reached.wait()
        events = await service.ask("third", forwardedProps={"whenBusy": "interrupt"})
        assert text_of(events) == "Three."
        for run_id in (first, waiting):
            assert (await service.run(run_id))["state"] == "cancelled"
            assert (await _events(service, run_id))[-1]["outcome"] == {"type": "cancelled"}


async def test_waiting_run_is_cancelled_at_once(open_service: OpenService) -> None:
    async with open_service(with_worker=False) as service:
        run_id = await service.begin()
        assert (await service.run(run_id))["state"] == "queued"
        assert await service.cancel(run_id) == "cancelled"
        assert types_of(await _events(service, run_id)) == ["RUN_STARTED", "RUN_FINISHED"]


async def test_running_run_is_cancelled_and_keeps_its_words(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(_held(gate)) as service:
        run_id = await service.begin("first")
        await gate.reached.wait()
        assert await service.cancel(run_id) == "running"
        events = await _events(service, run_id)
        await asyncio.wait_for(gate.abandoned.wait(), SECONDS)
        assert events[-1]["outcome"] == {"type": "cancelled"}
        assert text_of(events) == "One"
        assert [m["content"] for m in await service.messages()] == ["first", "One"]
        assert await service.cancel(run_id) == "cancelled"
        # The history that is left is one that the next run can use.
        assert text_of(await service.ask("second")) == "Two."


async def test_finished_run_cannot_be_cancelled_any_more(service: Service) -> None:
    run_id = (await service.ask())[0]["runId"]
    before = await service.replay(run_id)
    assert await service.cancel(run_id) == "completed"
    assert await service.replay(run_id) == before
    assert (await service.run(run_id))["state"] == "completed"


async def test_run_tells_where_it_stands(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(_held(gate)) as service:
        run_id = await service.begin("first")
        await gate.reached.wait()
        running = await service.run(run_id)
        gate.open()
        await service.replay(run_id)
        completed = await service.run(run_id)
    assert running["id"] == run_id
    assert running["conversation_id"] == service.thread_id
    assert running["state"] == "running"
    assert running["model"] == "scripted"
    assert "finished_at" not in running
    assert completed["state"] == "completed"
    assert "error_code" not in completed
    assert completed["created_at"] <= completed["started_at"] <= completed["finished_at"]
    [usage] = completed["usage"]["models"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


async def test_failed_run_says_with_what(open_service: OpenService) -> None:
    async with open_service(Script([Turn([Status(401)])])) as service:
        events = await service.ask()
        run = await service.run(events[0]["runId"])
    assert events[-1]["code"] == run["error_code"] == "model_error"
    assert run["state"] == "failed"
    assert "sk-test" not in str(events)


async def test_first_questions_of_a_conversation_may_come_at_once(service: Service) -> None:
    bodies = [service.body(f"What is {number} * 2?") for number in range(1, 6)]
    answers = [text_of(events) for events in await asyncio.gather(*map(service.post_run, bodies))]
    assert [f"**{number * 2}**" in answer for number, answer in enumerate(answers, 1)] == [True] * 5
    assert await service.query("SELECT count(*) FROM agent_conversations") == 1


async def test_one_run_id_in_several_conversations_at_once_starts_one_run(service: Service) -> None:
    run_id = str(uuid4())
    bodies = [run_body(runId=run_id) for _ in range(5)]
    responses = await asyncio.gather(
        *(service.client.post("/v1/runs", json=body) for body in bodies)
    )
    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409, 409]
    rows = await service.rows()
    assert (rows["agent_runs"], rows["agent_conversations"], rows["agent_messages"]) == (1, 1, 2)


@pytest.mark.parametrize(
    "event",
    [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_END",
        "TOOL_CALL_START",
        "TOOL_CALL_RESULT",
    ],
)
async def test_run_that_is_cancelled_while_it_writes_ends_all_the_same(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    # The log has committed, and has not heard of it yet.
    written = asyncio.Event()
    write = RunLog._write

    async def write_and_hear_late(log: RunLog, batch: list[Any], work: Any) -> None:
        await write(log, batch, work)
        if event in [entry.type for entry in batch] and not written.is_set():
            written.set()
            # By then the worker has heard of it.
            await until_cancelled(executing.execute)

    monkeypatch.setattr(RunLog, "_write", write_and_hear_late)
    add = ToolCalls([("calculate", {"expression": "1 + 1"})])
    script = Script([Turn([Text("Let me see."), add]), Turn([Text("Two.")], after_tool="*")])
    async with open_service(script) as service:
        run_id = await service.begin("first")
        await asyncio.wait_for(written.wait(), SECONDS)
        await service.cancel(run_id)
        events = await _events(service, run_id)
        assert_valid_agui(events, max_warnings=0)
        assert events[-1]["outcome"] == {"type": "cancelled"}
        assert (await service.run(run_id))["state"] == "cancelled"
        said = [m["content"] for m in await service.messages() if m["role"] == "assistant"]
        assert "".join(said) == text_of(events)
        assert all(said)


async def test_run_that_is_cancelled_while_it_begins_ends_all_the_same(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    begin = executing._begin

    async def begin_and_hear_late(*arguments: Any) -> Any:
        execution = await begin(*arguments)
        begun.set()
        # By then the worker has heard of it.
        await until_cancelled(executing.execute)
        return execution

    monkeypatch.setattr(executing, "_begin", begin_and_hear_late)
    async with open_service(Script([Turn([Text("Never said.")])])) as service:
        run_id = await service.begin("first")
        await asyncio.wait_for(begun.wait(), SECONDS)
        await service.cancel(run_id)
        events = await _events(service, run_id)
        assert_valid_agui(events, max_warnings=0)
        assert types_of(events) == ["RUN_STARTED", "STATE_SNAPSHOT", "RUN_FINISHED"]
        assert (await service.run(run_id))["state"] == "cancelled"
