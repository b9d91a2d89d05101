"""What a person notices when the attempt that was answering is gone: the answer goes on."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui
from sqlalchemy import text

from agent import runs
from agent.event_log import RunLog
from agent.events import EventMapper
from agent.execution import MAX_ATTEMPTS, execute
from agent.parts import Part, TextPart, ToolCallArgsPart, ToolCallEndPart, ToolCallStartPart
from agent.taking_over import BROKEN_OFF
from db.repositories import runs as stored_runs
from db.repositories.runs import Attempt
from db.session import Database
from domain.runs import RunSupersededError
from sandbox.model.script import Gate, Script, Text, ToolCalls, Turn
from tests.agent.conftest import Desk, OpenDesk
from tests.waiting import until_logged

CALCULATE = ("calculate", {"expression": "2 * 21"})


async def _die_at(desk: Desk, run_id: str, gate: Gate, *, told: str = "") -> None:
    """Execute the run until the model waits at the gate, and leave it as a dead process does.

    What was told before the gate is in the log by then.
    """
    run = await runs.state_of(desk.runtime, desk.shop.access, run_id)
    attempt = asyncio.create_task(execute(desk.runtime, run.id))
    await asyncio.wait_for(gate.reached.wait(), 60)
    await until_logged(desk.runtime.database, run_id, told)
    attempt.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attempt


def _types(events) -> list[str]:
    return [event.type.value for event in events]


def _check(events, **options) -> None:
    told = [event.model_dump(by_alias=True, mode="json") for event in events]
    assert_valid_agui(told, **options)
    ends = [e for e in _types(events) if e in {"RUN_FINISHED", "RUN_ERROR"}]
    assert ends == ["RUN_FINISHED"]
    assert events[-1].outcome.type == "success"


async def _messages(database: Database) -> list[tuple[str, str | None]]:
    async with database.unit_of_work() as session:
        rows = await session.execute(
            text(
                "SELECT content, metadata->>'partial' FROM agent_messages"
                " WHERE role = 'assistant' ORDER BY created_at"
            )
        )
        return [tuple(row) for row in rows]


def _said(events) -> list[str]:
    texts: dict[str, str] = {}
    for event in events:
        if event.type == "TEXT_MESSAGE_CONTENT":
            texts[event.message_id] = texts.get(event.message_id, "") + event.delta
    return list(texts.values())


async def test_attempt_that_died_before_its_first_word_is_repeated(
    open_desk: OpenDesk, database
) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("Lost.")]), Turn([Text("Found.")])])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        await _die_at(desk, run_id, gate)
        await desk.execute(run_id)
        events = await desk.events(run_id)
    _check(events)
    assert _said(events) == ["Found."]
    assert await _messages(database) == [("Found.", None)]


async def test_half_a_message_is_closed_visibly_and_the_answer_begins_again(
    open_desk: OpenDesk, database
) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of "), gate, Text("it.")]), Turn([Text("All of it.")])])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        await _die_at(desk, run_id, gate, told="Half of ")
        await desk.execute(run_id)
        events = await desk.events(run_id)
        seen = [m["role"] for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
    _check(events)
    assert _said(events) == [f"Half of {BROKEN_OFF}", "All of it."]
    assert await _messages(database) == [
        (f"Half of {BROKEN_OFF}", "interrupted"),
        ("All of it.", None),
    ]
    # The model does not take half a message for its own.
    assert seen == ["user"]


async def test_next_question_does_not_see_the_half_message(open_desk: OpenDesk) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of "), gate]), Turn([Text("All.")]), Turn([Text("Next.")])])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        await _die_at(desk, run_id, gate, told="Half of ")
        await desk.execute(run_id)
        second = await desk.submit("And now?")
        await desk.execute(second)
        seen = [m["content"] for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
    assert seen == ["Hello", "All.", "And now?"]


async def test_rounds_that_were_over_are_not_repeated(open_desk: OpenDesk, database) -> None:
    gate = Gate()
    script = Script(
        [
            Turn([Text("Let me see. "), ToolCalls([CALCULATE])]),
            Turn([Text("It is "), gate], after_tool="*"),
            Turn([Text("It is {result}.")], after_tool="*"),
        ]
    )
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("2 * 21?")
        await _die_at(desk, run_id, gate, told="It is ")
        await desk.execute(run_id)
        events = await desk.events(run_id)
        seen = [m["role"] for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
    _check(events)
    assert _said(events) == ["Let me see. ", f"It is {BROKEN_OFF}", "It is 42."]
    assert _types(events).count("TOOL_CALL_START") == 1
    assert seen == ["user", "assistant", "tool"]
    async with database.unit_of_work() as session:
        calls = await session.execute(text("SELECT count(*) FROM agent_tool_calls"))
        assert calls.scalar_one() == 1


async def test_call_that_was_cut_in_its_arguments_is_closed_and_not_carried_out(
    open_desk: OpenDesk, database
) -> None:
    gate = Gate()
    script = Script([Turn([ToolCalls([CALCULATE]), gate]), Turn([Text("Well.")])])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("1 + 1?")
        await _die_at(desk, run_id, gate, told="calculate")
        await desk.execute(run_id)
        events = await desk.events(run_id)
    _check(events)
    [result] = [e.content for e in events if e.type == "TOOL_CALL_RESULT"]
    assert result.startswith("Error: broken off")
    async with database.unit_of_work() as session:
        calls = await session.execute(text("SELECT count(*) FROM agent_tool_calls"))
        assert calls.scalar_one() == 0


async def _leave(desk: Desk, run_id: str, *parts: Part) -> Attempt:
    """Leave the run as an attempt does that dies after it has logged these parts."""
    access = desk.shop.access
    async with desk.runtime.database.unit_of_work() as session:
        run = await stored_runs.get_run(session, access, run_id)
        run.state, run.attempt = "running", 1
    attempt = Attempt(run.id, 1)
    log = RunLog(desk.runtime.database, desk.runtime.notifications, attempt, last_seq=1)
    mapper = EventMapper(run.conversation_id, run_id)
    async with log.closing():
        await log.append([event for part in parts for event in mapper.events_for(part)])
        await log.flush()
    return attempt


async def _carry_out(desk: Desk, attempt: Attempt, call_id: str, result: str) -> None:
    """Leave a call as one whose transaction was committed."""
    async with desk.runtime.database.unit_of_work() as session:
        record = await stored_runs.claim_tool_call(session, attempt, call_id, *CALCULATE)
        await stored_runs.finish_tool_call(session, record, status="succeeded", result=result)


ASKED = (
    ToolCallStartPart("call-1", "calculate"),
    ToolCallArgsPart("call-1", '{"expression":"2 * 21"}'),
    ToolCallEndPart("call-1"),
)


@pytest.mark.parametrize("told", [(), ASKED[:1], ASKED[:2], ASKED])
async def test_effect_whose_result_was_not_told_is_told_and_not_done_again(
    open_desk: OpenDesk, told
) -> None:
    script = Script([Turn([Text("So it is {result}.")], after_tool="*")])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("2 * 21?")
        attempt = await _leave(desk, run_id, *told)
        await _carry_out(desk, attempt, "call-1", '{"result":"of the first attempt"}')
        await desk.execute(run_id)
        events = await desk.events(run_id)
    _check(events)
    assert _said(events) == ["So it is of the first attempt."]
    assert _types(events).count("TOOL_CALL_START") == 1
    [args] = [e.delta for e in events if e.type == "TOOL_CALL_ARGS"]
    assert args == '{"expression":"2 * 21"}'


async def test_call_that_was_asked_for_but_not_carried_out_is_carried_out(
    open_desk: OpenDesk,
) -> None:
    script = Script([Turn([Text("So it is {result}.")], after_tool="*")])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("2 * 21?")
        await _leave(desk, run_id, TextPart("Let me see."), *ASKED)
        await desk.execute(run_id)
        events = await desk.events(run_id)
    _check(events)
    assert _said(events) == ["Let me see.", "So it is 42."]
    assert len(desk.model.requests) == 1


async def test_one_of_two_parallel_calls_is_left(open_desk: OpenDesk) -> None:
    other = (
        ToolCallStartPart("call-2", "calculate"),
        ToolCallArgsPart("call-2", '{"expression":"1 + 1"}'),
        ToolCallEndPart("call-2"),
    )
    script = Script([Turn([Text("Both.")], after_tool="*")])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Both?")
        attempt = await _leave(desk, run_id, ASKED[0], other[0], *ASKED[1:], *other[1:])
        await _carry_out(desk, attempt, "call-1", '{"result":"42"}')
        await desk.execute(run_id)
        events = await desk.events(run_id)
        seen = desk.model.requests[-1]["messages"]
    _check(events)
    assert [e.tool_call_id for e in events if e.type == "TOOL_CALL_RESULT"] == ["call-1", "call-2"]
    assert [m["tool_call_id"] for m in seen if m["role"] == "tool"] == ["call-1", "call-2"]


async def test_attempt_that_was_taken_over_writes_and_does_nothing_more(
    open_desk: OpenDesk, database
) -> None:
    gate = Gate()
    script = Script(
        [
            Turn([Text("Old "), gate, Text("words."), ToolCalls([CALCULATE])]),
            Turn([Text("New words.")]),
        ]
    )
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        run = await runs.state_of(desk.runtime, desk.shop.access, run_id)
        stale = asyncio.create_task(execute(desk.runtime, run.id))
        await asyncio.wait_for(gate.reached.wait(), 60)
        await until_logged(database, run_id, "Old ")
        await desk.execute(run_id)
        before = await desk.events(run_id)
        gate.open()
        with pytest.raises(RunSupersededError):
            await asyncio.wait_for(stale, 60)
        after = await desk.events(run_id)
    _check(after)
    assert after == before
    assert _said(after) == [f"Old {BROKEN_OFF}", "New words."]
    assert [content for content, _ in await _messages(database)] == _said(after)


async def test_worker_leaves_the_job_of_a_run_to_the_one_that_took_it_over(
    open_desk: OpenDesk, database, capfd: pytest.CaptureFixture[str]
) -> None:
    gate = Gate()
    async with open_desk(Script([Turn([Text("Old "), gate, Text("words.")])])) as desk:
        await desk.submit("Hello")
        await asyncio.wait_for(gate.reached.wait(), 60)
        async with database.unit_of_work() as session:
            await session.execute(text("UPDATE agent_runs SET attempt = attempt + 1"))
            await session.execute(text("UPDATE pgqueuer SET updated = now()"))
        gate.open()
        async with asyncio.timeout(60):
            while "run.superseded" not in capfd.readouterr().out:  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.05)
    async with database.unit_of_work() as session:
        states = (await session.execute(text("SELECT status FROM pgqueuer"))).scalars().all()
    assert states == ["picked"]


async def test_stale_attempt_cannot_claim_a_tool_call(open_desk: OpenDesk) -> None:
    script = Script([Turn([Text("Done.")], repeat=True)])
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        attempt = await _leave(desk, run_id)
        await desk.execute(run_id)
        with pytest.raises(RunSupersededError):
            await _carry_out(desk, attempt, "call-9", "{}")


async def test_run_that_kills_every_attempt_ends(open_desk: OpenDesk, database) -> None:
    async with open_desk(Script([Turn([Text("Never.")])]), with_worker=False) as desk:
        run_id = await desk.submit("Hello")
        async with database.unit_of_work() as session:
            await session.execute(
                text("UPDATE agent_runs SET attempt = :most, state = 'running'"),
                {"most": MAX_ATTEMPTS},
            )
        await desk.execute(run_id)
        events = await desk.events(run_id)
    assert events[-1].type == "RUN_ERROR"
    assert events[-1].code == "run_interrupted"


async def test_approval_waits_through_a_dead_attempt(open_desk: OpenDesk, database) -> None:
    create = (
        "create_recommendation",
        {"title": "Reduce refunds", "description": "They grow.", "category": "risk"},
    )
    gate = Gate()
    script = Script(
        [
            Turn([ToolCalls([create])]),
            Turn([Text("It is "), gate], after_tool="*"),
            Turn([Text("It is noted.")], after_tool="*"),
        ]
    )
    async with open_desk(script, with_worker=False) as desk:
        run_id = await desk.submit("Note it")
        await desk.execute(run_id)
        [interrupt] = (await desk.events(run_id))[-1].outcome.interrupts
        resumed = await desk.resume(runs.Answer(UUID(interrupt.id), approved=True))
        await _die_at(desk, resumed, gate, told="It is ")
        await desk.execute(resumed)
        events = await desk.events(resumed)
    # The result belongs to a call of the run before, which the validator does not look at.
    _check(events, severity_overrides={"AGUI207": "off"})
    assert _said(events) == [f"It is {BROKEN_OFF}", "It is noted."]
    async with database.unit_of_work() as session:
        made = await session.execute(text("SELECT count(*) FROM recommendations"))
        assert made.scalar_one() == 1
