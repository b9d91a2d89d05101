"""Runs brought into disorder, past the code that keeps them in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from agent import run_health, runs
from agent.run_health import Disorder
from agent.run_repair import Outcome
from db.session import Database
from sandbox.model.script import Script, Text, ToolCalls, Turn
from tests.agent.conftest import Desk

ADD = ("calculate", {"expression": "1 + 1"})
# Every question is answered by text, a call and text.
SCRIPT = Script(
    [
        Turn([Text("Let me see. "), ToolCalls([ADD])], user="?", repeat=True),
        Turn([Text("It is 2.")], after_tool="*", repeat=True),
    ]
)
UNFINISH = (
    "UPDATE agent_runs SET state = :state, finished_at = NULL, error_code = NULL"
    " WHERE client_run_id = :run"
)
CUT = (
    "DELETE FROM agent_run_events WHERE seq > :seq"
    " AND run_id = (SELECT id FROM agent_runs WHERE client_run_id = :run)"
)
# Long silent: what belongs to the run was written an hour ago.
AGE = (
    "UPDATE agent_run_events SET created_at = created_at - interval '1 hour'"
    " WHERE run_id = (SELECT id FROM agent_runs WHERE client_run_id = :run)"
)


@dataclass
class Ward:
    """A desk and its database, and what the doctor says of it."""

    desk: Desk
    database: Database

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.database.unit_of_work() as session:
            await session.execute(text(statement), values)

    async def query(self, statement: str, **values: Any) -> Any:
        async with self.database.unit_of_work() as session:
            return (await session.execute(text(statement), values)).scalar()

    async def answered(self) -> str:
        """Ask, wait for the answer and for the job's end; return the run's id."""
        run_id = await self.desk.submit("How much?")
        await self.desk.events(run_id)
        while await self.query("SELECT count(*) FROM pgqueuer"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return run_id

    async def unfinished(self, state: str = "running", *, keep: int = 1) -> str:
        """Return a run of that state without a job, whose log has so many events."""
        run_id = await self.answered()
        await self.execute(UNFINISH, state=state, run=run_id)
        await self.execute(CUT, seq=keep, run=run_id)
        await self.execute(AGE, run=run_id)
        await self.execute(
            "DELETE FROM agent_messages WHERE role = 'assistant' AND run_id = (SELECT id"
            " FROM agent_runs WHERE client_run_id = :run)",
            run=run_id,
        )
        return run_id

    async def unfinished_behind(self, first: str) -> str:
        """Return another queued run without a job, whose turn comes behind the first one's."""
        await self.execute("UPDATE agent_runs SET state = 'completed' WHERE state = 'queued'")
        second = await self.unfinished("queued")
        await self.execute(UNFINISH, state="queued", run=first)
        return second

    async def id_of(self, run_id: str) -> UUID:
        found: UUID = await self.query(
            "SELECT id FROM agent_runs WHERE client_run_id = :run", run=run_id
        )
        return found

    async def found(self) -> list[tuple[Disorder, UUID]]:
        return [(one.disorder, one.place.run_id) for one in await run_health.examine(self.database)]

    async def repair(self) -> list[Outcome]:
        """Repair what is found; it is found no more, and repairing it again changes nothing."""
        found = await run_health.examine(self.database)
        outcomes = [await run_health.repair(self.database, one) for one in found]
        assert await run_health.examine(self.database) == []
        again = [await run_health.repair(self.database, one) for one in found]
        assert not any(outcome.repaired for outcome in again)
        return outcomes

    async def state(self, run_id: str) -> str:
        return (await runs.state_of(self.desk.runtime, self.desk.shop.access, run_id)).state

    async def log(self, run_id: str) -> list[tuple[int, str]]:
        async with self.database.unit_of_work() as session:
            rows = await session.execute(
                text(
                    "SELECT seq, e.type FROM agent_run_events e JOIN agent_runs r"
                    " ON r.id = e.run_id WHERE client_run_id = :run ORDER BY seq"
                ),
                {"run": run_id},
            )
            return [tuple(row) for row in rows]

    async def check_usable(self) -> None:
        """The conversation's next question is answered, and nothing is wrong."""
        assert await self.found() == []
        events = await self.desk.ask("And now?")
        assert events[-1].type == "RUN_FINISHED"
        assert "It is 2." in "".join(e.delta for e in events if e.type == "TEXT_MESSAGE_CONTENT")
        assert await self.found() == []

    def other_conversation(self) -> None:
        self.desk.conversation_id = uuid4()
