"""Event logs that were pruned: a gap is told, never silent."""

from __future__ import annotations

from typing import Any

import pytest

from db import notifications
from db.repositories import runs
from db.run_tail import LoggedEvent
from sandbox.model.script import Gate, Script, Text, Turn
from tests.api.frames import parse_all
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body

shared_loop = pytest.mark.asyncio(loop_scope="module")
PRUNE = (
    "DELETE FROM agent_run_events WHERE seq BETWEEN :first AND :last"
    " AND run_id = (SELECT id FROM agent_runs WHERE client_run_id = :run_id)"
)


async def _pruned(service: Service, first: int, last: int) -> tuple[dict[str, Any], int]:
    """Run to the end, take events out of the log; return the body and how many there were."""
    body = run_body()
    length = len(await service.post_run(body))
    await service.execute(PRUNE, first=first, last=last, run_id=body["runId"])
    return body, length


@shared_loop
@pytest.mark.parametrize("position", [0, 1, 5])
async def test_log_that_is_gone_is_told(shared: Service, position: int) -> None:
    body, _ = await _pruned(shared, 1, 1000)
    path = f"/v1/runs/{body['runId']}/events"
    response = await shared.client.get(path, params={"after": position})
    problem = assert_problem(response, 410, "events_expired")
    assert "messages" in problem["detail"]


@shared_loop
async def test_log_that_is_gone_is_told_to_who_posts_again(shared: Service) -> None:
    body, _ = await _pruned(shared, 1, 1000)
    assert_problem(await shared.client.post("/v1/runs", json=body), 410, "events_expired")


@shared_loop
async def test_beginning_that_is_gone_is_told_and_the_rest_is_sent(shared: Service) -> None:
    body, length = await _pruned(shared, 1, 3)
    path = f"/v1/runs/{body['runId']}/events"
    for position in (0, 2):
        response = await shared.client.get(path, params={"after": position})
        assert_problem(response, 410, "events_expired")
    rest = parse_all(await shared.replay(body["runId"], params={"after": 3}))
    assert [frame.number for frame in rest] == list(range(4, length + 1))


@shared_loop
async def test_gap_in_the_middle_is_told(shared: Service) -> None:
    body, _ = await _pruned(shared, 4, 4)
    path = f"/v1/runs/{body['runId']}/events"
    assert_problem(await shared.client.get(path), 410, "events_expired")


async def test_run_that_ends_between_two_reads_is_told_to_its_end(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    listed = runs.list_events

    async with open_service(Script([Turn([gate, Text("Done.")])])) as service:

        async def list_then_let_it_end(*args: object, **more: object) -> list[LoggedEvent]:
            page = await listed(*args, **more)  # type: ignore[arg-type]
            if not page and not gate.opened.is_set():
                gate.open()
                while (await service.query("SELECT state FROM agent_runs")) != "completed":
                    pass
            return page

        run_id = await service.begin()
        await gate.reached.wait()
        # Nothing is told: the follower looks by itself.
        monkeypatch.setattr(notifications, "LISTENING_SECONDS", 0.2)
        monkeypatch.setattr(runs, "list_events", list_then_let_it_end)
        frames = parse_all(await service.replay(run_id))
    assert frames[-1].event["type"] == "RUN_FINISHED"
