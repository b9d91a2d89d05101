"""What should never be with runs is found, told and mended, and the conversation goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui

from agent import run_health, runs
from agent.run_health import Disorder
from db.session import Database
from sandbox.model.script import Gate, Script, Text, Turn
from tests.agent.conftest import OpenDesk
from tests.agent.disorder import AGE, CUT, SCRIPT, UNFINISH, Ward

RUN_OF = "(SELECT id FROM agent_runs WHERE client_run_id = :run)"
APPEND = (
    "INSERT INTO agent_run_events (run_id, seq, type, data)"
    " SELECT r.id, (SELECT max(seq) + 1 FROM agent_run_events WHERE run_id = r.id), :type, :data"
    " FROM agent_runs r WHERE client_run_id = :run"
)


@pytest.fixture
async def ward(open_desk: OpenDesk, database: Database) -> AsyncIterator[Ward]:
    async with open_desk(SCRIPT) as desk:
        yield Ward(desk, database)


async def _check_stream(ward: Ward, run_id: str) -> list[str]:
    """The run's events are valid and end once; returns their types."""
    events = await ward.desk.events(run_id)
    assert_valid_agui([event.model_dump(by_alias=True, mode="json") for event in events])
    types = [event.type.value for event in events]
    assert [t for t in types if t in {"RUN_FINISHED", "RUN_ERROR"}] == types[-1:]
    return types


async def test_nothing_is_wrong_with_runs_that_were_answered(ward: Ward) -> None:
    await ward.answered()
    await ward.answered()
    assert await ward.found() == []


async def test_run_that_is_being_answered_is_in_order(
    open_desk: OpenDesk, database: Database
) -> None:
    gate = Gate()
    async with open_desk(Script([Turn([Text("First. "), gate])])) as desk:
        ward = Ward(desk, database)
        run_id = await desk.submit("Slowly?")
        waiting = await desk.submit("And this?")
        await gate.reached.wait()
        await ward.execute(AGE, run=run_id)
        await ward.execute(AGE, run=waiting)
        assert await ward.found() == []
        # Nobody waits for it, also not the worker.
        await runs.cancel(desk.runtime, desk.shop.access, waiting)
        await runs.cancel(desk.runtime, desk.shop.access, run_id)


async def test_run_that_waits_for_an_approval_is_in_order(ward: Ward) -> None:
    run_id = await ward.answered()
    await ward.execute(UNFINISH, state="awaiting_approval", run=run_id)
    await ward.execute("UPDATE agent_runs SET job_id = NULL")
    assert await ward.found() == []
    assert await run_health.recover_lost_runs(ward.database) == 0


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_lost_run_is_answered_after_all(ward: Ward, state: str) -> None:
    run_id = await ward.unfinished(state)
    assert await ward.found() == [(Disorder.LOST, await ward.id_of(run_id))]
    [outcome] = await ward.repair()
    assert "queued again" in outcome.told
    types = await _check_stream(ward, run_id)
    assert types[-1] == "RUN_FINISHED"
    assert await ward.state(run_id) == "completed"
    await ward.check_usable()


async def test_lost_run_that_had_spoken_goes_on(ward: Ward) -> None:
    run_id = await ward.unfinished(keep=4)
    await ward.repair()
    assert (await _check_stream(ward, run_id))[-1] == "RUN_FINISHED"
    assert await ward.state(run_id) == "completed"
    await ward.check_usable()


async def test_running_run_that_spoke_a_moment_ago_is_not_lost(ward: Ward) -> None:
    run_id = await ward.unfinished(keep=4)
    await ward.execute(
        f"UPDATE agent_run_events SET created_at = now() WHERE run_id = {RUN_OF}", run=run_id
    )
    assert await ward.found() == []


async def test_lost_run_whose_job_failed_is_ended(ward: Ward) -> None:
    run_id = await ward.unfinished(keep=4)
    await ward.execute(
        "UPDATE pgqueuer_log SET status = 'exception' WHERE id = (SELECT max(id) FROM pgqueuer_log"
        " WHERE job_id = (SELECT job_id FROM agent_runs WHERE client_run_id = :run))",
        run=run_id,
    )
    [outcome] = await ward.repair()
    assert "a bug in its job" in outcome.told
    said = f"SELECT metadata ->> 'partial' FROM agent_messages WHERE run_id = {RUN_OF}"
    assert await ward.query(f"{said} AND role = 'assistant'", run=run_id) == "failed"
    # What an attempt writes that is still alive is refused.
    assert await ward.query("SELECT attempt FROM agent_runs") == 2
    assert (await _check_stream(ward, run_id))[-1] == "RUN_ERROR"
    assert await ward.state(run_id) == "failed"
    await ward.check_usable()


async def test_lost_runs_come_back_by_themselves(ward: Ward) -> None:
    first = await ward.unfinished("queued")
    assert await run_health.recover_lost_runs(ward.database) == 1
    assert (await _check_stream(ward, first))[-1] == "RUN_FINISHED"
    assert await run_health.recover_lost_runs(ward.database) == 0


async def test_lost_run_behind_another_one_waits_for_it(ward: Ward) -> None:
    first = await ward.unfinished("queued")
    second = await ward.unfinished_behind(first)
    outcomes = await ward.repair()
    assert sorted(outcome.told for outcome in outcomes) == [
        "It waits for the run before it again.",
        "Its job was queued again.",
    ]
    assert (await _check_stream(ward, first))[-1] == "RUN_FINISHED"
    assert (await _check_stream(ward, second))[-1] == "RUN_FINISHED"
    await ward.check_usable()


async def test_run_that_waits_for_nobody_begins(ward: Ward) -> None:
    run_id = await ward.unfinished("queued")
    await ward.execute("UPDATE agent_runs SET job_id = NULL")
    assert await ward.found() == [(Disorder.STUCK, await ward.id_of(run_id))]
    await ward.repair()
    assert (await _check_stream(ward, run_id))[-1] == "RUN_FINISHED"
    await ward.check_usable()


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
async def test_terminal_event_that_is_missing_is_appended(ward: Ward, state: str) -> None:
    run_id = await ward.answered()
    length = len(await ward.log(run_id))
    await ward.execute("UPDATE agent_runs SET state = :state", state=state)
    # In the middle of the second text.
    await ward.execute(CUT, seq=length - 2, run=run_id)
    assert await ward.found() == [(Disorder.NO_END, await ward.id_of(run_id))]
    await ward.repair()
    types = await _check_stream(ward, run_id)
    assert types[-1] == ("RUN_ERROR" if state == "failed" else "RUN_FINISHED")
    await ward.check_usable()


async def test_log_that_is_gone_is_noted_as_pruned(ward: Ward) -> None:
    run_id = await ward.answered()
    await ward.execute(CUT, seq=0, run=run_id)
    assert await ward.found() == [(Disorder.NO_END, await ward.id_of(run_id))]
    await ward.repair()
    assert await ward.query("SELECT events_pruned_at IS NOT NULL FROM agent_runs")
    await ward.check_usable()


async def test_second_terminal_event_is_deleted(ward: Ward) -> None:
    run_id = await ward.answered()
    log = await ward.log(run_id)
    await ward.execute(APPEND, type="RUN_ERROR", data='{"type":"RUN_ERROR"}', run=run_id)
    assert await ward.found() == [(Disorder.BEHIND_THE_END, await ward.id_of(run_id))]
    await ward.repair()
    assert await ward.log(run_id) == log
    await ward.check_usable()


async def test_run_whose_log_has_ended_is_ended_and_the_next_one_begins(ward: Ward) -> None:
    run_id = await ward.answered()
    await ward.execute(UNFINISH, state="running", run=run_id)
    waiting = await ward.desk.submit("And this?")
    assert await ward.found() == [(Disorder.NOT_ENDED, await ward.id_of(run_id))]
    [outcome] = await ward.repair()
    assert "completed" in outcome.told
    assert await ward.state(run_id) == "completed"
    assert await ward.query(
        "SELECT bool_and(finished_at IS NOT NULL) FROM agent_runs WHERE state = 'completed'"
    )
    assert (await _check_stream(ward, waiting))[-1] == "RUN_FINISHED"
    await ward.check_usable()


@pytest.mark.parametrize(
    ("data", "state", "code"),
    [
        ('{"type":"RUN_ERROR","code":"model_error","message":"No."}', "failed", "model_error"),
        ('{"type":"RUN_FINISHED","outcome":{"type":"cancelled"}}', "cancelled", None),
    ],
)
async def test_run_is_ended_with_the_outcome_of_its_log(
    ward: Ward, data: str, state: str, code: str | None
) -> None:
    run_id = await ward.unfinished(keep=2)
    await ward.execute(APPEND, type=data.split('"')[3], data=data, run=run_id)
    await ward.repair()
    assert await ward.state(run_id) == state
    assert await ward.query("SELECT error_code FROM agent_runs") == code
    await ward.check_usable()


async def test_recovering_a_run_that_has_ended_does_not_answer_it_again(ward: Ward) -> None:
    run_id = await ward.answered()
    log = await ward.log(run_id)
    await ward.execute(UNFINISH, state="running", run=run_id)
    await ward.execute(AGE, run=run_id)
    assert await run_health.recover_lost_runs(ward.database) == 1
    assert await ward.state(run_id) == "completed"
    assert await ward.log(run_id) == log


async def test_opening_that_is_missing_is_written_again(ward: Ward) -> None:
    run_id = await ward.unfinished("running", keep=3)
    opening = f"SELECT data FROM agent_run_events WHERE seq = 1 AND run_id = {RUN_OF}"
    before = await ward.query(opening, run=run_id)
    await ward.execute(
        f"DELETE FROM agent_run_events WHERE seq = 1 AND run_id = {RUN_OF}", run=run_id
    )
    assert (Disorder.GAP, await ward.id_of(run_id)) in await ward.found()
    await ward.repair()
    assert await ward.query(opening, run=run_id) == before
    await _check_stream(ward, run_id)
    await ward.check_usable()


async def test_lost_run_with_a_gap_is_ended(ward: Ward) -> None:
    run_id = await ward.unfinished("running", keep=5)
    await ward.execute(
        f"DELETE FROM agent_run_events WHERE seq = 3 AND run_id = {RUN_OF}", run=run_id
    )
    assert (Disorder.GAP, await ward.id_of(run_id)) in await ward.found()
    await ward.repair()
    assert await ward.state(run_id) == "failed"
    assert (await ward.log(run_id))[-1] == (6, "RUN_ERROR")
    await ward.check_usable()


async def test_gap_of_a_run_that_has_a_job_is_left_to_it(
    open_desk: OpenDesk, database: Database
) -> None:
    gate = Gate()
    async with open_desk(Script([Turn([Text("First. "), gate])])) as desk:
        ward = Ward(desk, database)
        run_id = await desk.submit("Slowly?")
        while len(await ward.log(run_id)) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await ward.execute(
            f"DELETE FROM agent_run_events WHERE seq = 2 AND run_id = {RUN_OF}", run=run_id
        )
        [finding] = await run_health.examine(database)
        outcome = await run_health.repair(database, finding)
        assert (outcome.repaired, finding.disorder) == (False, Disorder.GAP)
        gate.open()


async def test_call_that_is_left_running_gets_the_result_of_the_log(ward: Ward) -> None:
    run_id = await ward.answered()
    result = await ward.query("SELECT result FROM agent_tool_calls")
    await ward.execute(
        "UPDATE agent_tool_calls SET status = 'running', result = NULL, finished_at = NULL"
    )
    assert await ward.found() == [(Disorder.RUNNING_CALL, await ward.id_of(run_id))]
    await ward.repair()
    assert await ward.query("SELECT result FROM agent_tool_calls") == result
    assert await ward.query("SELECT status FROM agent_tool_calls") == "succeeded"
    await ward.check_usable()


async def test_call_without_a_result_in_the_log_is_told_as_cancelled(ward: Ward) -> None:
    await ward.answered()
    await ward.execute(
        "UPDATE agent_tool_calls SET status = 'running', result = NULL, finished_at = NULL,"
        " call_id = 'another'"
    )
    await ward.repair()
    assert "cancelled" in await ward.query("SELECT result FROM agent_tool_calls")
    assert await ward.query("SELECT status FROM agent_tool_calls") == "failed"
    await ward.check_usable()


async def test_message_that_is_missing_is_stored_as_it_was_said(ward: Ward) -> None:
    run_id = await ward.answered()
    contents = "SELECT array_agg(content ORDER BY created_at, id) FROM agent_messages"
    before = await ward.query(contents)
    await ward.execute("DELETE FROM agent_messages WHERE role = 'assistant'")
    place = (Disorder.MISSING_MESSAGE, await ward.id_of(run_id))
    assert await ward.found() == [place, place]
    await ward.repair()
    assert await ward.query(contents) == before
    await ward.check_usable()


async def test_two_active_runs_are_told_and_left_to_a_person(ward: Ward) -> None:
    runs = [await ward.answered(), await ward.answered()]
    await ward.execute("DROP INDEX uq_agent_runs_conversation_id_active")
    await ward.execute("UPDATE agent_runs SET state = 'awaiting_approval', finished_at = NULL")
    found = await run_health.examine(ward.database)
    assert [one.disorder for one in found] == [Disorder.TWO_ACTIVE] * 2
    assert {one.place.run_id for one in found} == {await ward.id_of(run) for run in runs}
    assert not (await run_health.repair(ward.database, found[0])).repaired
    assert "uq_agent_runs_conversation_id_active" in found[0].what_to_do
