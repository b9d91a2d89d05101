"""Where a follower's events come from: memory in the run's process, the database elsewhere."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from agent import runs as agent_runs
from agent.event_log import follow, follow_opened
from agent.runs import RunRequest, UserMessage
from db.notifications import LISTENING_SECONDS, Notifications
from db.repositories import runs
from sandbox.model.script import Gate, Script, Text, ToolCalls, Turn
from tests.agent.conftest import Desk, OpenDesk

ADD = ToolCalls([("calculate", {"expression": "1 + 1"})])


def _request(desk: Desk) -> RunRequest:
    return RunRequest(
        conversation_id=desk.conversation_id,
        client_run_id=str(uuid4()),
        messages=(UserMessage(uuid4(), "Add."),),
        input_hash="",
    )


async def test_who_asked_reads_nothing_back(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script([Turn([ADD]), Turn([Text("Two, as it seems.")], after_tool="*")])
    async with open_desk(script) as desk:
        request, runtime = _request(desk), desk.runtime
        # Until it is known who else there is, everybody looks for themselves.
        while runtime.notifications.patience < LISTENING_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        opening = await agent_runs.open_run(runtime, desk.shop.access, request)
        assert opening is not None

        async def never(*_: object, **__: object) -> None:
            raise AssertionError("read from the database")

        monkeypatch.setattr(runs, "list_events", never)
        pages = follow_opened(runtime.database, runtime.notifications, opening)
        followed = [event async for page in pages for event in page]
        monkeypatch.undo()
        log = follow(
            runtime.database, runtime.notifications, desk.shop.access, request.client_run_id
        )
        assert followed == [event async for event in log]
    assert followed[-1].type == "RUN_FINISHED"


async def test_follower_in_another_process_sees_the_same(open_desk: OpenDesk) -> None:
    gate = Gate()
    async with (
        open_desk(Script([Turn([Text("First. "), gate, Text("Second.")])])) as desk,
        Notifications(desk.runtime.database).listening() as elsewhere,
    ):
        run_id = await desk.submit("Speak")
        await gate.reached.wait()
        log = follow(desk.runtime.database, elsewhere, desk.shop.access, run_id)
        followed = []
        async for event in log:
            followed.append(event)
            if event.type == "TEXT_MESSAGE_CONTENT":
                gate.open()
        here = follow(desk.runtime.database, desk.runtime.notifications, desk.shop.access, run_id)
        assert followed == [event async for event in here]
    assert [event.seq for event in followed] == list(range(1, len(followed) + 1))
