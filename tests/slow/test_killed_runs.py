"""A run whose worker is killed anywhere, or whose database restarts, ends once and right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from agent.taking_over import BROKEN_OFF
from db.embedded import start_embedded_server
from db.repositories.approvals import put_without_approval
from db.session import parse_url
from db.startup import PROJECT, migrate
from sandbox.model.script import Gate, Script, Text, ToolCalls, Turn
from tests.api.frames import parse_all
from tests.api.service import KEY_RING, Service, running
from tests.databases import connected

pytestmark = pytest.mark.slow
# A worker that starts, or takes over from one that was not heard of for ten seconds.
PATIENCE = 90
NOTE = {"title": "Reduce refunds", "description": "They grow.", "category": "risk"}
NOTES = ToolCalls([("create_recommendation", NOTE)])
TERMINAL = ("RUN_FINISHED", "RUN_ERROR")


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What the service logs; it would take seconds to draw a traceback with its variables."""
    with capture_logs() as entries:
        yield entries


class Workers:
    """`vaultra worker` processes of one service."""

    def __init__(self, service: Service, folder: Path) -> None:
        """Take the service whose jobs they work off."""
        self._service = service
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start one more."""
        model = self._service.model
        assert model is not None
        url = self._service.database.url.set(drivername="postgresql")
        environment = {
            **os.environ,
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model.url,
            "VAULTRA_MODEL": "scripted",
            "VAULTRA_SECRET_KEYS": ",".join(KEY_RING),
            "VAULTRA_STATE_FOLDER": str(self._folder),
        }
        command = [sys.executable, "-m", "cli", "worker"]
        with (self._folder / "worker.txt").open("a") as said:
            process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=said, stderr=said
            )
        self._processes.append(process)

    def kill(self) -> None:
        """Kill all of them, as a machine does that loses its power."""
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        self._processes.clear()

    def replace(self) -> None:
        """Kill all of them and start another one."""
        self.kill()
        self.start()


@asynccontextmanager
async def _served(url: URL, script: Script, folder: Path) -> AsyncIterator[tuple[Service, Workers]]:
    async with running(url, script, with_worker=False) as service:
        workers = Workers(service, folder)
        workers.start()
        try:
            yield service, workers
        finally:
            workers.kill()


async def _until(what: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await what():  # noqa: ASYNC110 - another process, over SQL
            await asyncio.sleep(0.05)


async def _ask(service: Service) -> str:
    run_id = str(uuid4())
    await service.begin("Note it", runId=run_id)
    return run_id


async def _whole(service: Service, run_id: str) -> list[dict[str, Any]]:
    """Return the run's events once it is over, and see that they are one right run."""
    async with asyncio.timeout(PATIENCE):
        content = await service.replay(run_id, timeout=PATIENCE)
    events = [frame.event for frame in parse_all(content)]
    assert [e["type"] for e in events if e["type"] in TERMINAL] == ["RUN_FINISHED"]
    assert events[-1]["type"] == "RUN_FINISHED"
    assert events[-1]["outcome"]["type"] == "success"
    return events


def _said(events: list[dict[str, Any]]) -> list[str]:
    texts: dict[str, str] = {}
    for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            texts[event["messageId"]] = texts.get(event["messageId"], "") + event["delta"]
    return list(texts.values())


async def _check_usable(service: Service, notes: int) -> None:
    assert await service.query("SELECT count(*) FROM recommendations") == notes
    events = await service.post_run(service.body("And now?"), timeout=PATIENCE)
    assert events[-1]["outcome"]["type"] == "success"
    assert await service.query("SELECT count(*) FROM agent_runs WHERE state <> 'completed'") == 0


async def test_killed_before_the_first_token(database_url: URL, tmp_path: Path) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("Lost.")]), Turn([Text("Found.")], repeat=True)])
    async with _served(database_url, script, tmp_path) as (service, workers):
        run_id = await _ask(service)
        await asyncio.wait_for(gate.reached.wait(), PATIENCE)
        workers.replace()
        events = await _whole(service, run_id)
        assert_valid_agui(events)
        assert _said(events) == ["Found."]
        await _check_usable(service, notes=0)


async def test_killed_in_the_text(database_url: URL, tmp_path: Path) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half "), gate]), Turn([Text("Whole.")], repeat=True)])
    async with _served(database_url, script, tmp_path) as (service, workers):
        run_id = await _ask(service)
        await asyncio.wait_for(gate.reached.wait(), PATIENCE)
        await _until(lambda: service.query("SELECT count(*) > 3 FROM agent_run_events"))
        workers.replace()
        events = await _whole(service, run_id)
        assert_valid_agui(events)
        assert _said(events) == [f"Half {BROKEN_OFF}", "Whole."]
        await _check_usable(service, notes=0)


NOTING = Script(
    [
        Turn([NOTES], user="note"),
        Turn([Text("Noted.")], user="note", after_tool="*", repeat=True),
        Turn([Text("Go on.")], repeat=True),
    ]
)
WAITING = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE :query
"""
END_WAITING = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE :query
"""


@asynccontextmanager
async def _held(service: Service, statement: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Hold a lock from another connection; yields what lets go of it."""
    async with connected(service.database.url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement)
        let_go = False

        async def release() -> None:
            nonlocal let_go
            let_go = True
            await transaction.rollback()

        try:
            yield release
        finally:
            if not let_go:
                await transaction.rollback()


async def _without_asking(service: Service) -> None:
    async with service.database.unit_of_work() as session:
        await put_without_approval(session, service.shop.business_id, ["create_recommendation"])


def _business(service: Service) -> str:
    return f"SELECT 1 FROM businesses WHERE id = '{service.shop.business_id}' FOR NO KEY UPDATE"


async def _tool_waits(service: Service) -> None:
    await _until(lambda: service.query(WAITING, query="%businesses%"))


async def test_killed_inside_a_tool(database_url: URL, tmp_path: Path) -> None:
    async with _served(database_url, NOTING, tmp_path) as (service, workers):
        await _without_asking(service)
        async with _held(service, _business(service)) as release:
            run_id = await _ask(service)
            await _tool_waits(service)
            workers.kill()
            await release()
        workers.start()
        events = await _whole(service, run_id)
        assert_valid_agui(events)
        assert _said(events) == ["Noted."]
        await _check_usable(service, notes=1)


async def test_killed_after_the_effect_and_before_its_result_is_told(
    database_url: URL, tmp_path: Path
) -> None:
    async with _served(database_url, NOTING, tmp_path) as (service, workers):
        await _without_asking(service)
        async with _held(service, _business(service)) as release_business:
            run_id = await _ask(service)
            await _tool_waits(service)
            async with _held(service, "LOCK TABLE agent_run_events IN SHARE MODE") as release_log:
                await release_business()
                await _until(lambda: service.query("SELECT count(*) = 1 FROM recommendations"))
                await _until(lambda: service.query(WAITING, query="%agent_run_events%"))
                workers.kill()
                # The server would still carry out what it was sent: it dies with its client.
                await service.query(END_WAITING, query="%agent_run_events%")
                await release_log()
        told = "SELECT count(*) FROM agent_run_events WHERE type = 'TOOL_CALL_RESULT'"
        assert await service.query(told) == 0
        workers.start()
        events = await _whole(service, run_id)
        assert_valid_agui(events)
        assert _said(events) == ["Noted."]
        await _check_usable(service, notes=1)


async def test_killed_while_an_approval_waits(database_url: URL, tmp_path: Path) -> None:
    async with _served(database_url, NOTING, tmp_path) as (service, workers):
        asked = await service.post_run(service.body("Note it"), timeout=PATIENCE)
        [interrupt] = asked[-1]["outcome"]["interrupts"]
        workers.replace()
        resume = {"interruptId": interrupt["id"], "status": "resolved"}
        body = service.body(messages=[], resume=[{**resume, "payload": {"approved": True}}])
        answered = str(body["runId"])
        async with service.streaming(body):
            pass
        events = await _whole(service, answered)
        assert _said(events) == ["Noted."]
        [result] = [e for e in events if e["type"] == "TOOL_CALL_RESULT"]
        assert result["toolCallId"] == interrupt["toolCallId"]
        await _check_usable(service, notes=1)


async def test_database_restarts_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    url = await asyncio.to_thread(start_embedded_server, folder)
    await asyncio.to_thread(migrate, url)
    gate = Gate()
    script = Script([Turn([Text("Half "), gate]), Turn([Text("Whole.")], repeat=True)])
    async with _served(parse_url(url), script, tmp_path) as (service, _):
        run_id = await _ask(service)
        await asyncio.wait_for(gate.reached.wait(), PATIENCE)
        await _until(lambda: service.query("SELECT count(*) > 3 FROM agent_run_events"))
        await _crash(parse_url(url))
        gate.open()

        async def is_over() -> bool:
            with contextlib.suppress(Exception):
                return (await service.run(run_id))["state"] == "completed"
            return False

        await _until(is_over)
        # The test's own connections are gone too.
        await service.database.dispose()
        events = await _whole(service, run_id)
        assert_valid_agui(events)
        assert _said(events)[-1] == "Whole."
        await _check_usable(service, notes=0)


async def _crash(url: URL) -> None:
    """Kill a server process: PostgreSQL ends all of its own and recovers from its log."""
    async with connected(url) as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.fetchval("SELECT 1")
