"""What a person notices of a run, from the question to the last event."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui
from sqlalchemy import text

from agent import runs
from agent.event_log import follow
from db.session import Database
from domain.errors import InvalidInputError, RunActiveError, RunIdReusedError
from sandbox.model.script import Garbage, Gate, NoFinish, Script, Status, Text, ToolCalls, Turn
from tests.agent.conftest import OpenDesk
from tests.waiting import until_logged


def _text(events) -> str:
    return "".join(event.delta for event in events if event.type == "TEXT_MESSAGE_CONTENT")


def _types(events) -> list[str]:
    return [event.type.value for event in events]


def _check_protocol(events) -> None:
    assert_valid_agui([event.model_dump(by_alias=True, mode="json") for event in events])


async def _stored(database: Database) -> list[tuple[str, str, str]]:
    async with database.unit_of_work() as session:
        rows = await session.execute(
            text("SELECT id::text, role, content FROM agent_messages ORDER BY created_at")
        )
        return [tuple(row) for row in rows]


async def test_answer_is_streamed_and_stored_alike(open_desk: OpenDesk, database) -> None:
    async with open_desk(Script([Turn([Text("Revenue was 12.50 USD.")])])) as desk:
        events = await desk.ask("How much?")
    _check_protocol(events)
    assert _types(events)[0] == "RUN_STARTED"
    assert _types(events)[-1] == "RUN_FINISHED"
    message_id = next(e.message_id for e in events if e.type == "TEXT_MESSAGE_START")
    [question, answer] = await _stored(database)
    assert question[1:] == ("user", "How much?")
    assert answer == (message_id, "assistant", _text(events))


async def test_tool_result_is_what_the_model_saw(open_desk: OpenDesk) -> None:
    script = Script(
        [
            Turn([ToolCalls([("calculate", {"expression": "2 * 21"})])]),
            Turn([Text("It is {result}.")], after_tool="calculate"),
        ]
    )
    async with open_desk(script) as desk:
        events = await desk.ask("What is 2 * 21?")
        seen = desk.model.requests[-1]["messages"][-1]
    _check_protocol(events)
    result = next(e for e in events if e.type == "TOOL_CALL_RESULT")
    assert seen["content"] == result.content
    assert _text(events) == "It is 42."


async def test_two_parallel_tool_calls_both_get_results(open_desk: OpenDesk, database) -> None:
    calls = [("calculate", {"expression": "1 + 1"}), ("calculate", {"expression": "2 + 2"})]
    script = Script([Turn([ToolCalls(calls)]), Turn([Text("Done.")], after_tool="*")])
    async with open_desk(script) as desk:
        events = await desk.ask("Add twice")
    _check_protocol(events)
    started = {e.tool_call_id for e in events if e.type == "TOOL_CALL_START"}
    answered = {e.tool_call_id for e in events if e.type == "TOOL_CALL_RESULT"}
    assert len(started) == 2
    assert started == answered
    async with database.unit_of_work() as session:
        states = await session.execute(text("SELECT status FROM agent_tool_calls"))
        assert list(states.scalars()) == ["succeeded", "succeeded"]


async def test_text_before_and_after_a_tool_are_two_stored_messages(
    open_desk: OpenDesk, database
) -> None:
    script = Script(
        [
            Turn([Text("Let me see. "), ToolCalls([("calculate", {"expression": "1+1"})])]),
            Turn([Text("Two.")], after_tool="*"),
        ]
    )
    async with open_desk(script) as desk:
        events = await desk.ask("1+1?")
    _check_protocol(events)
    assert [row[2] for row in await _stored(database)] == ["1+1?", "Let me see. ", "Two."]


async def test_wrong_arguments_are_explained_to_the_model(open_desk: OpenDesk) -> None:
    script = Script(
        [
            Turn([ToolCalls([("query_snapshots", {"metrics": ["profit"], "start_month": "x"})])]),
            Turn([Text("Sorry.")], after_tool="*"),
        ]
    )
    async with open_desk(script) as desk:
        events = await desk.ask("Profit?")
    _check_protocol(events)
    result = next(e.content for e in events if e.type == "TOOL_CALL_RESULT")
    assert result.startswith("Error:")
    assert "metrics" in result
    assert _text(events) == "Sorry."


async def test_text_arrives_while_the_model_is_still_speaking(open_desk: OpenDesk) -> None:
    gate = Gate()
    async with open_desk(Script([Turn([Text("First. "), gate, Text("Second.")])])) as desk:
        run_id = await desk.submit("Speak slowly")
        log = runs_log(desk, run_id)
        async for event in log:
            if event.type == "TEXT_MESSAGE_CONTENT":
                break
        # The model is held at the gate: what was read so far cannot hold what comes after it.
        assert "Second" not in event.data
        gate.open()
        rest = [event async for event in log]
    assert rest[-1].type == "RUN_FINISHED"
    assert any("Second" in event.data for event in rest)


def runs_log(desk, run_id):
    return follow(desk.runtime.database, desk.runtime.notifications, desk.shop.access, run_id)


async def test_cancel_keeps_the_text_so_far(open_desk: OpenDesk, database) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of "), gate, Text("it.")]), Turn([Text("New.")])])
    async with open_desk(script) as desk:
        run_id = await desk.submit("Tell me")
        await until_logged(database, run_id, "Half of ")
        await runs.cancel(desk.runtime, desk.shop.access, run_id)
        events = await desk.events(run_id)
        await asyncio.wait_for(gate.abandoned.wait(), 60)
        following = await desk.ask("And now?")
    _check_protocol(events)
    assert events[-1].outcome.type == "cancelled"
    assert [row[2] for row in await _stored(database)][:2] == ["Tell me", "Half of "]
    assert _text(following) == "New."


async def test_second_message_waits_for_the_first_answer(open_desk: OpenDesk) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("One.")], user="first"), Turn([Text("Two.")], user="second")])
    async with open_desk(script) as desk:
        first = await desk.submit("first")
        await gate.reached.wait()
        second = await desk.submit("second")
        gate.open()
        answers = [_text(await desk.events(run_id)) for run_id in (first, second)]
        history = [
            m["content"] for m in desk.model.requests[-1]["messages"] if m["role"] != "system"
        ]
    assert answers == ["One.", "Two."]
    assert history == ["first", "One.", "second"]


async def test_busy_conversation_can_be_refused(open_desk: OpenDesk) -> None:
    gate = Gate()
    async with open_desk(Script([Turn([gate, Text("One.")])])) as desk:
        first = await desk.submit("first")
        with pytest.raises(RunActiveError, match=first):
            await desk.submit("second", when_busy="reject")
        gate.open()
        assert _text(await desk.events(first)) == "One."


async def test_same_run_id_attaches_and_another_body_is_refused(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(Script([Turn([Text("Once.")])])) as desk:
        await desk.submit("Hello", run_id="run-1")
        await desk.submit("Hello", run_id="run-1")
        with pytest.raises(RunIdReusedError):
            await desk.submit("Something else", run_id="run-1")
        assert _text(await desk.events("run-1")) == "Once."
    assert [row[2] for row in await _stored(database)] == ["Hello", "Once."]


async def test_twenty_posts_of_one_run_at_once_start_it_once(open_desk: OpenDesk, database) -> None:
    async with open_desk(Script([Turn([Text("Once.")])])) as desk:
        await asyncio.gather(*(desk.submit("Hello", run_id="run-1") for _ in range(20)))
        await desk.events("run-1")
    assert [row[1] for row in await _stored(database)] == ["user", "assistant"]


async def test_reading_from_the_middle_repeats_nothing(open_desk: OpenDesk) -> None:
    async with open_desk(Script([Turn([Text("A longer answer, in several pieces.")])])) as desk:
        run_id = await desk.submit("Go on")
        whole = await desk.events(run_id)
        for cut in range(len(whole)):
            assert await desk.events(run_id, after=cut) == whole[cut:]


async def test_sequence_numbers_have_no_gap(open_desk: OpenDesk) -> None:
    async with open_desk(Script([Turn([Text("Some words to count.")])])) as desk:
        run_id = await desk.submit("Count")
        numbers = [event.seq async for event in runs_log(desk, run_id)]
    assert numbers[0] == 1
    assert all(later - earlier == 1 for earlier, later in pairwise(numbers))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([Status(401)], "refused the key"),
        ([Status(404)], "no such model"),
        ([Status(400)], "answered 400"),
        ([Text("Half"), Garbage()], "cannot be read"),
        ([Text("Half"), NoFinish()], "cut off"),
    ],
)
async def test_model_failure_ends_in_one_clear_error(open_desk: OpenDesk, steps, said) -> None:
    async with open_desk(Script([Turn(steps)])) as desk:
        events = await desk.ask("Anything?")
    _check_protocol(events)
    assert _types(events).count("RUN_ERROR") == 1
    assert events[-1].code == "model_error"
    assert said in events[-1].message


async def test_cut_tool_call_is_not_executed(open_desk: OpenDesk, database) -> None:
    create = ("create_recommendation", {"title": "Reduce refunds", "description": "Because."})
    async with open_desk(Script([Turn([ToolCalls([create]), NoFinish()])])) as desk:
        events = await desk.ask("Note it")
    _check_protocol(events)
    assert events[-1].type == "RUN_ERROR"
    async with database.unit_of_work() as session:
        assert (await session.execute(text("SELECT count(*) FROM recommendations"))).scalar() == 0


async def test_usage_is_told_and_stored(open_desk: OpenDesk, database) -> None:
    async with open_desk(Script([Turn([Text("Counted.")])])) as desk:
        events = await desk.ask("Count")
    [usage] = events[-1].usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    async with database.unit_of_work() as session:
        stored = (await session.execute(text("SELECT usage FROM agent_runs"))).scalar_one()
    assert stored["models"][0]["totalTokens"] == usage.total_tokens


async def test_key_in_a_message_is_refused_and_not_stored(open_desk: OpenDesk, database) -> None:
    async with open_desk(Script([Turn([Text("?")])])) as desk:
        with pytest.raises(InvalidInputError, match="secret key"):
            await desk.submit("Here: rk_live_abcdefghijklmnop")
        assert desk.model.requests == []
    assert await _stored(database) == []
