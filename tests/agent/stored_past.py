"""Conversations as they lie in the tables, written past the code that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from langchain_core.messages import BaseMessage, convert_to_openai_messages
from uuid_utils.compat import uuid7

from agent.approvals import Gate
from agent.context import AgentContext
from agent.graph.history import load_messages
from agent.planner.model import PlannerChatModel
from db.models import Conversation, Message, Run, ToolCallRecord
from db.repositories.runs import Attempt
from db.session import Database
from tests.factories import Shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLANNER = PlannerChatModel()


@dataclass
class Past:
    """One conversation; its clock goes on by a second with everything that is written."""

    database: Database
    shop: Shop
    at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    conversation_id: UUID = field(default_factory=uuid4)

    def tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    async def begin(self) -> Past:
        await self.store(
            Conversation(
                id=self.conversation_id,
                business_id=self.shop.business_id,
                user_id=self.shop.access.user_id,
            )
        )
        return self

    async def store(self, *rows: Any) -> None:
        async with self.database.unit_of_work() as session:
            for row in rows:
                session.add(row)
                await session.flush()

    def run(self) -> Run:
        run_id = uuid7()
        return Run(
            id=run_id,
            business_id=self.shop.business_id,
            conversation_id=self.conversation_id,
            user_id=self.shop.access.user_id,
            client_run_id=str(run_id),
            input_hash="hash",
            state="completed",
            created_at=self.tick(),
        )

    def message(self, role: str, content: str, run: Run | None = None) -> Message:
        return Message(
            id=uuid4(),
            conversation_id=self.conversation_id,
            role=role,
            content=content,
            run_id=run.id if run else None,
            created_at=self.tick(),
        )

    def call(self, run: Run, name: str, result: str | None, **arguments: Any) -> ToolCallRecord:
        """A call that begins and ends before anything else is written."""
        return ToolCallRecord(
            id=uuid7(),
            run_id=run.id,
            call_id=f"call_{uuid4().hex}",
            name=name,
            arguments=arguments,
            status="succeeded" if result is not None else "running",
            result=result,
            created_at=self.tick(),
            finished_at=self.tick() if result is not None else None,
        )

    async def turn(self, question: str, *results: str, answer: str = "Here you are.") -> Run:
        """Store a question, one call of a tool for each result, and the answer."""
        run = self.run()
        asked = self.message("user", question, run)
        calls = [
            self.call(run, "query_snapshots", text, number=n) for n, text in enumerate(results)
        ]
        await self.store(run, asked, *calls, self.message("assistant", answer, run))
        return run

    async def ask(self, *questions: str) -> list[BaseMessage]:
        """Ask in a new run and return what its model is given."""
        run = self.run()
        await self.store(run, *(self.message("user", text, run) for text in questions))
        return await self.load(run)

    async def load(self, run: Run) -> list[BaseMessage]:
        return await load_messages(
            AgentContext(
                attempt=Attempt(run.id, run.attempt or 0),
                access=self.shop.access,
                database=self.database,
                model=PLANNER,
                stand_in=PLANNER,
                tools=(),
                clock=lambda: NOW,
                gate=Gate(),
                tell=lambda _: None,
            )
        )


def as_sent(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The messages as OpenAI's protocol has them."""
    sent = convert_to_openai_messages(list(messages))
    assert isinstance(sent, list)
    return sent


def conversation_in(messages: Sequence[BaseMessage]) -> list[tuple[str, str]]:
    """Who said what, in order, without the system; a call is shown by its tool's name."""
    told: list[tuple[str, str]] = []
    for message in as_sent(messages):
        if message["role"] == "system":
            continue
        names = [call["function"]["name"] for call in message.get("tool_calls", ())]
        told.append(
            (message["role"], str(message["content"] or "") + "".join(f"<{n}>" for n in names))
        )
    return told
