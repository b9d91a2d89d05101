"""A run that is cancelled at any event, from any process, leaves a conversation that goes on.

The processes are real, the scripted model is on a socket and as strict as a provider: it refuses a
request in which a tool call and its result do not belong together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui
from sqlalchemy import text
from sqlalchemy.engine import URL

from agent.context import CANCELLED
from sandbox.model.script import Script, Stall, Text, ToolCalls, Turn
from sandbox.model.server import ScriptedModel, serve
from tests.api.frames import types_of
from tests.slow.reattaching import Reader
from tests.slow.services import Services, Visit, services

pytestmark = pytest.mark.slow
# Longer than text is merged for, so that each piece is an event.
APART = 0.06
LONG = "Because they eat up more of the margin than anything else that can be helped."
NOTE = {"title": "Reduce refunds", "description": LONG, "category": "risk"}
CALCULATE = ("calculate", {"expression": "6 * 7"})
QUESTION, NEXT = "Go on", "And now?"
WRITING = "a call that writes"
SCRIPTS = {
    "text and one tool": [
        Turn([Text("Let me see. ", chunk=5, delay=APART), ToolCalls([CALCULATE])]),
        Turn([Text("It is {result}.", chunk=3, delay=APART)], after_tool="calculate"),
    ],
    "text and two tools at once": [
        Turn(
            [
                Text("Both of them. ", chunk=7, delay=APART),
                ToolCalls([CALCULATE, ("calculate", {"expression": "1 + 1"})]),
            ]
        ),
        Turn([Text("It is {result}.", chunk=4, delay=APART)], after_tool="calculate"),
    ],
    WRITING: [
        # Cancelled at its beginning, it is cancelled in the middle of its arguments.
        Turn([ToolCalls([("create_recommendation", NOTE)], chunk=4, delay=APART)]),
        Turn([Text("Noted.", chunk=3, delay=APART)], after_tool="create_recommendation"),
    ],
}


@pytest.fixture(scope="module")
def running(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Two processes, each with a worker: whichever has the run, the other can cancel it."""
    folder: Path = tmp_path_factory.mktemp("cancelled")
    with services(server_url, template, folder, processes=2) as made:
        yield made


def script(*turns: Turn) -> Script:
    """Return a script that also answers what is asked behind a cancelled run."""
    asked = [replace(turn, user=QUESTION, repeat=True) for turn in turns]
    return Script([Turn([Text("I am here.")], user=NEXT, repeat=True), *asked])


@pytest.mark.parametrize("name", SCRIPTS)
async def test_run_that_is_cancelled_at_any_event_ends_once_and_the_conversation_goes_on(
    running: Services, name: str
) -> None:
    async with (
        serve(script(*SCRIPTS[name]), port=running.model_port) as model,
        running.visited() as visit,
    ):
        whole = await visit.ask(QUESTION)
        assert whole.went_well
        places = [(k, k % 2) for k in range(1, len(whole.frames) + 1)]
        for some in (places[start : start + 8] for start in range(0, len(places), 8)):
            await asyncio.gather(
                *(
                    check_cancelled(visit, whole, *place, reads_only=name != WRITING)
                    for place in some
                )
            )
        assert model.refused == []
        await until_nothing_is_answered(model)


async def check_cancelled(
    visit: Visit, whole: Reader, k: int, process: int, *, reads_only: bool
) -> None:
    reader = visit.reader(QUESTION)
    reading = asyncio.create_task(reader.read())
    await reader.until_number(k)
    await visit.cancel(reader, process)
    await reading
    check_end(reader, whole, f"cancelled at event {k} by process {process}")
    said = [t for t in reader.texts if t]
    assert [*(await visit.messages(reader)).values()] == said
    recorded = await visit.calls(reader)
    assert set(recorded) <= {"succeeded"}
    # What was read in the moment of the end may be recorded all the same: it has changed nothing.
    most = len(ids(reader, "TOOL_CALL_START")) if reads_only else carried_out(reader)
    assert carried_out(reader) <= len(recorded) <= most
    following = await visit.ask(NEXT, str(reader.body["threadId"]))
    assert following.went_well
    assert following.texts == ["I am here."]


def check_end(reader: Reader, whole: Reader, place: str) -> None:
    """Fail unless the run is over once, its calls are closed, and nothing was made up."""
    reader.check_whole()
    assert_valid_agui(reader.events)
    assert reader.breaks == 0, place
    if reader.went_well:
        # It was over already: nothing of it is missing.
        assert reader.texts == whole.texts, place
    else:
        assert reader.last["outcome"] == {"type": "cancelled"}, place
        parts = zip(reader.texts, whole.texts, strict=False)
        assert all(full.startswith(part) for part, full in parts), place
    for kind in ("TOOL_CALL_END", "TOOL_CALL_RESULT"):
        assert ids(reader, kind) == ids(reader, "TOOL_CALL_START"), place


def ids(reader: Reader, kind: str) -> list[str]:
    return sorted(event["toolCallId"] for event in reader.events if event["type"] == kind)


def carried_out(reader: Reader) -> int:
    results = [e["content"] for e in reader.events if e["type"] == "TOOL_CALL_RESULT"]
    assert all(not told.startswith("Error:") or told == CANCELLED for told in results)
    return sum(told != CANCELLED for told in results)


async def until_nothing_is_answered(model: ScriptedModel) -> None:
    """Wait until nobody listens to an answer of the model any more."""
    async with asyncio.timeout(60):
        while model.answering:  # noqa: ASYNC110 - of the model
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("process", [0, 1])
async def test_model_is_not_listened_to_once_the_run_is_cancelled(
    running: Services, process: int
) -> None:
    lines = script(Turn([Text("One moment"), Stall(600), Text(", please.")]))
    async with (
        serve(lines, port=running.model_port) as model,
        running.visited() as visit,
    ):
        reader = visit.reader(QUESTION)
        reading = asyncio.create_task(reader.read())
        await reader.until("TEXT_MESSAGE_CONTENT")
        assert model.answering == 1
        await visit.cancel(reader, process)
        await reading
        await until_nothing_is_answered(model)
    assert reader.last["outcome"] == {"type": "cancelled"}
    assert reader.texts == ["One moment"]


@pytest.mark.parametrize("process", [0, 1])
async def test_tool_that_waits_is_stopped_and_has_done_nothing(
    running: Services, process: int
) -> None:
    async with running.visited() as visit:
        noted = await visit.note(f"Answer disputes in time, {process}")
        accept = ("update_recommendation", {"recommendation_id": noted, "status": "accepted"})
        lines = script(Turn([ToolCalls([CALCULATE, accept])]))
        async with serve(lines, port=running.model_port) as model:
            async with visit.database.unit_of_work() as holder:
                await holder.execute(
                    text("SELECT 1 FROM recommendations WHERE id = :id FOR UPDATE"), {"id": noted}
                )
                reader = visit.reader(QUESTION)
                reading = asyncio.create_task(reader.read())
                await reader.until("TOOL_CALL_RESULT")
                await visit.cancel(reader, process)
                # The end does not wait for the row, which is still held.
                await reading
            following = await visit.ask(NEXT, str(reader.body["threadId"]))
            assert model.refused == []
        changes = "SELECT count(*) FROM recommendation_changes WHERE recommendation_id = :id"
        assert await visit.value(f"{changes} AND actor = 'agent'", id=noted) == 0
        assert await visit.calls(reader) == ["succeeded"]
    reader.check_whole()
    assert reader.last["outcome"] == {"type": "cancelled"}
    results = [e["content"] for e in reader.events if e["type"] == "TOOL_CALL_RESULT"]
    assert [told == CANCELLED for told in results] == [False, True]
    assert types_of(following.events)[-1] == "RUN_FINISHED"
