"""Runs against a real database, a real worker and a model over a real socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from ag_ui.core import Event
from pydantic import SecretStr, TypeAdapter

from agent import runs
from agent.context import Clock
from agent.event_log import follow
from agent.execution import execute
from agent.provider import ProviderChatModel, build_provider_model
from agent.runs import Answer, RunRequest, UserMessage
from agent.runtime import AgentRuntime
from config.settings import ModelSettings, StripeSettings
from db.notifications import Notifications
from db.session import Database
from sandbox.model.script import Script
from sandbox.model.server import ScriptedModel, serve
from tests.factories import Shop
from worker.app import Worker
from worker.wiring import Wiring, utc_now

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
KEY_RING = ("a test secret that is long enough to be one",)


@dataclass
class Desk:
    """One process's agent with a worker, and the shop that asks."""

    runtime: AgentRuntime
    shop: Shop
    model: ScriptedModel
    conversation_id: UUID = field(default_factory=uuid4)

    async def submit(self, question: str, *, run_id: str | None = None, **more: object) -> str:
        """Ask; return the run's id."""
        run_id = run_id or str(uuid4())
        request = RunRequest(
            conversation_id=self.conversation_id,
            client_run_id=run_id,
            messages=(UserMessage(uuid4(), question),),
            input_hash="hash of " + question,
            **more,  # type: ignore[arg-type]
        )
        await runs.submit(self.runtime, self.shop.access, request)
        return run_id

    async def resume(self, *answers: Answer, run_id: str | None = None) -> str:
        """Answer what the conversation's waiting run has asked; return the run's id."""
        run_id = run_id or str(uuid4())
        request = RunRequest(
            conversation_id=self.conversation_id,
            client_run_id=run_id,
            messages=(),
            input_hash=sha256(repr(answers).encode()).hexdigest(),
            resume=answers,
        )
        await runs.submit(self.runtime, self.shop.access, request)
        return run_id

    async def approve(self, question: str) -> list[Event]:
        """Ask, say yes to whatever the run asks back, and follow that to the end."""
        asked = await self.ask(question)
        answers = [Answer(UUID(one.id), approved=True) for one in asked[-1].outcome.interrupts]
        return await self.events(await self.resume(*answers))

    async def execute(self, run_id: str) -> None:
        """Do what a worker does with the run's job, for a desk without one."""
        run = await runs.state_of(self.runtime, self.shop.access, run_id)
        await execute(self.runtime, run.id)

    async def events(self, run_id: str, *, after: int = 0) -> list[Event]:
        """Follow the run to its end."""
        log = follow(
            self.runtime.database,
            self.runtime.notifications,
            self.shop.access,
            run_id,
            after=after,
        )
        return [EVENTS.validate_json(event.data) async for event in log]

    async def ask(self, question: str) -> list[Event]:
        """Ask and follow to the end."""
        return await self.events(await self.submit(question))


OpenDesk = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def open_desk(database: Database, shop: Shop) -> OpenDesk:
    """Opens a desk whose model follows a script; more is told to the runtime."""

    @asynccontextmanager
    async def opened(
        script: Script,
        *,
        max_retries: int = 0,
        model: ProviderChatModel | None = None,
        clock: Clock = utc_now,
        with_worker: bool = True,
        **more: Any,
    ) -> AsyncIterator[Desk]:
        async with (
            serve(script) as scripted,
            Notifications(database).listening() as notifications,
        ):
            settings = ModelSettings(
                api_key=SecretStr("sk-test"), base_url=scripted.url, name="scripted"
            )
            chat = model or build_provider_model(settings, max_retries=max_retries)
            runtime = AgentRuntime(database, notifications, chat, clock, **more)
            wiring = Wiring(database, runtime, StripeSettings(), KEY_RING)
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(contextlib.aclosing(chat))
                if with_worker:
                    worker = Worker(database, wiring, schedules=False)
                    await stack.enter_async_context(worker.running())
                yield Desk(runtime, shop, scripted)

    return opened
