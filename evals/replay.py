"""Replay: a case's conversation with the real graph, job engine, event log and database."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from langchain_core.language_models import BaseChatModel

from agent import runs
from agent.event_log import follow
from agent.model import name_of
from agent.planner.model import PlannerChatModel
from agent.prompts import prompt_version
from agent.runs import Answer, RunRequest, UserMessage
from agent.runtime import AgentRuntime
from config.settings import ModelSettings, StripeSettings
from db.columns import KeyRing
from db.models import ToolCallRecord
from db.notifications import Notifications
from db.repositories.runs import list_tool_calls
from db.scratch import ScratchServer, read_digests, read_rows
from db.session import Database
from db.startup import migrate
from domain.access import Access
from domain.errors import VaultraError
from evals.businesses import Members, make_business, sync_business, wait_for_syncs
from evals.cases import Case, Turn
from evals.given import ModelChoice, Setting
from evals.models import opened_model
from evals.stand_ins import StandIns, StripeAddress
from evals.transcript import CaseTranscript, RowDigests, TableContent, TurnTranscript, read_json
from evals.turns import read_turn
from integrations.stripe.limits import RateLimits
from worker.app import Worker
from worker.wiring import Wiring

# Longer than a slow provider needs for eight rounds of tools.
TURN_SECONDS = 180.0


@dataclass(frozen=True)
class Template:
    """A synced business in a database to clone, and what its tables hold."""

    database: Database
    members: Members
    digests: Mapping[str, RowDigests]


class Bench:
    """Replays cases, each in a database of its own; a business is synced once and cloned."""

    def __init__(
        self,
        server: ScratchServer,
        stand_ins: StandIns,
        model: ModelChoice = "planner",
        settings: ModelSettings | None = None,
    ) -> None:
        """Take what the cases run on; `model` answers where a case does not say which one."""
        self._server = server
        self._stand_ins = stand_ins
        self._model = model
        self._settings = settings or ModelSettings()
        self._ring = (secrets.token_urlsafe(32),)
        self._templates: dict[str, Template] = {}
        self._migrated: Database | None = None
        self._preparing = asyncio.Lock()

    async def replay(self, case: Case, setting: Setting) -> CaseTranscript:
        """Replay the case's turns; the database that they were in is gone afterwards.

        Raises ConfigurationError for a model without a key, DatabaseError, and
        ExternalServiceError if the business could not be synced.
        """
        template = await self._template(setting)
        started = time.monotonic()
        database = await self._server.create(template.database)
        try:
            turns, model = await self._converse(case, setting, database, template)
            return CaseTranscript(
                turns=turns,
                tables=_compared(template.digests, await read_digests(database)),
                rows={table: await read_rows(database, table) for table in case.rows},
                model=model,
                prompt_version=prompt_version(),
                seconds=time.monotonic() - started,
            )
        finally:
            await self._server.drop(database)

    async def _converse(
        self, case: Case, setting: Setting, database: Database, template: Template
    ) -> tuple[list[TurnTranscript], str]:
        access = template.members[setting.role]
        conversation_id = uuid4()
        choice = setting.model or self._model
        async with (
            self._stand_ins.stripe(setting, at=setting.now) as stripe,
            opened_model(choice, self._settings, self._stand_ins) as model,
            self._process(database, model, stripe, setting.now) as runtime,
        ):
            turns = []
            for turn in case.turns:
                turns.append(await _ask(runtime, access, conversation_id, turn))
                await wait_for_syncs(runtime, access)
        return turns, name_of(model)

    @contextlib.asynccontextmanager
    async def _process(
        self, database: Database, model: BaseChatModel, stripe: StripeAddress, now: datetime
    ) -> AsyncIterator[AgentRuntime]:
        """Run a whole Vaultra but for HTTP; its clock stands still."""
        async with Notifications(database).listening() as notifications:
            runtime = AgentRuntime(database, notifications, model, lambda: now)
            wiring = Wiring(
                database,
                runtime,
                StripeSettings(api_base=stripe.url),
                self._ring,
                RateLimits(stripe.requests_per_second),
            )
            # What is due by the real clock would change rows that the case says nothing of.
            async with Worker(database, wiring, schedules=False).running():
                yield runtime

    async def _template(self, setting: Setting) -> Template:
        business = setting.business
        written = business if isinstance(business, str) else business.model_dump_json()
        key = f"{setting.synced_at.isoformat()} {written}"
        async with self._preparing:
            if key not in self._templates:
                self._templates[key] = await self._make_template(setting)
        return self._templates[key]

    async def _make_template(self, setting: Setting) -> Template:
        database = await self._server.create(await self._migrated_database())
        at = setting.synced_at
        async with self._stand_ins.stripe(setting, at=at) as stripe:
            members = await make_business(database, setting, stripe, KeyRing(self._ring))
            async with self._process(database, PlannerChatModel(), stripe, at) as runtime:
                await sync_business(runtime, next(iter(members.values())))
        digests = await read_digests(database)
        # Nobody may be connected to a database that is copied.
        await database.dispose()
        return Template(database, members, digests)

    async def _migrated_database(self) -> Database:
        if self._migrated is None:
            database = await self._server.create()
            url = database.url.render_as_string(hide_password=False)
            await asyncio.to_thread(migrate, url)
            await database.dispose()
            self._migrated = database
        return self._migrated


async def _ask(
    runtime: AgentRuntime, access: Access, conversation_id: UUID, turn: Turn
) -> TurnTranscript:
    """Ask, and answer what is asked back, until the answer is over."""
    started = time.monotonic()
    events: list[dict[str, Any]] = []
    stored: list[ToolCallRecord] = []
    request = _question(conversation_id, turn.user)
    while True:
        try:
            await runs.submit(runtime, access, request)
        except VaultraError as error:
            return TurnTranscript(turn.user, "", error.code, error=error.message)
        events += await _events(runtime, access, request.client_run_id)
        run = await runs.state_of(runtime, access, request.client_run_id)
        async with runtime.database.unit_of_work() as session:
            stored += await list_tool_calls(session, run.id)
        asked = _interrupts(events)
        if not asked:
            return read_turn(turn.user, events, stored, seconds=time.monotonic() - started)
        request = _answer(conversation_id, asked, approved=turn.approve)


def _question(conversation_id: UUID, question: str) -> RunRequest:
    return RunRequest(
        conversation_id=conversation_id,
        client_run_id=str(uuid4()),
        messages=(UserMessage(uuid4(), question),),
        input_hash=hashlib.sha256(question.encode()).hexdigest(),
    )


def _interrupts(events: Sequence[Mapping[str, Any]]) -> list[UUID]:
    outcome = events[-1].get("outcome", {}) if events else {}
    return [UUID(one["id"]) for one in outcome.get("interrupts", ())]


def _answer(conversation_id: UUID, asked: Sequence[UUID], *, approved: bool) -> RunRequest:
    return RunRequest(
        conversation_id=conversation_id,
        client_run_id=str(uuid4()),
        messages=(),
        input_hash=hashlib.sha256(repr((asked, approved)).encode()).hexdigest(),
        resume=tuple(Answer(one, approved) for one in asked),
    )


async def _events(runtime: AgentRuntime, access: Access, run_id: str) -> list[dict[str, Any]]:
    """Return the run's events; those that have come if it does not end in time."""
    events: list[dict[str, Any]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TURN_SECONDS):
            async for event in follow(runtime.database, runtime.notifications, access, run_id):
                # One by one: what has come before a timeout is kept.
                events.append(read_json(event.data))  # noqa: PERF401
    return events


def _compared(
    before: Mapping[str, RowDigests], after: Mapping[str, RowDigests]
) -> dict[str, TableContent]:
    return {table: TableContent(before[table], after[table]) for table in before}
