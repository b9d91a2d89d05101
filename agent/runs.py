"""The single entry to runs: ask for one, execute it as a job, cancel it.

A run's life is in the database. Asking, ending and cancelling lock the conversation first and
the run second, so they happen one after the other; the run's job executes it once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from langchain_core.language_models import BaseChatModel

from agent.context import AgentContext, Clock
from agent.event_log import Opening, RunLog, to_its_end, topic_of
from agent.events import Event, EventMapper, encode, run_started, state_snapshot
from agent.graph.builder import build_graph
from agent.graph.nodes import MAX_ROUNDS
from agent.model import name_of
from agent.parts import Part, TextPart
from agent.planner.model import PlannerChatModel
from agent.prompts import prompt_version
from agent.tools.catalogue import tools_for
from config.logs import get_logger, redact
from db.models import Conversation, Run
from db.notifications import Notifications, announce
from db.repositories import conversations, jobs, runs
from db.repositories.integrations import find_integration
from db.repositories.jobs import Entrypoint
from db.run_tail import LoggedEvent
from db.session import Database, Session
from domain.access import Access, Permission
from domain.errors import (
    InvalidInputError,
    RunActiveError,
    RunIdReusedError,
    VaultraError,
)
from domain.limits import FREE, UNLIMITED, RunLimits, SpendingLimits
from domain.rates import NO_RATES, StatedRates
from domain.runs import FINISHED_STATES, RunState
from services import businesses
from services.run_limits import count_run
from services.snapshots import is_stale

WhenBusy = Literal["enqueue", "reject", "interrupt"]
TITLE_LENGTH = 80
INTERRUPTED = "The service stopped while this answer was being written. Ask again."
CANCELLED_TOOL_RESULT = "Error: cancelled before it finished."
# Without state, so one serves all.
STAND_IN = PlannerChatModel()
_logger = get_logger(__name__)


@dataclass(frozen=True)
class AgentRuntime:
    """What runs need of their process."""

    database: Database
    notifications: Notifications
    model: BaseChatModel
    clock: Clock
    rates: StatedRates = NO_RATES
    spending: SpendingLimits = FREE
    run_limits: RunLimits = UNLIMITED


@dataclass(frozen=True)
class UserMessage:
    """A message as the client sends it; ids other than ours are kept where they are free."""

    id: UUID
    content: str


@dataclass(frozen=True)
class RunRequest:
    """One request to run: the client's ids, the user's messages, and a hash of the body."""

    conversation_id: UUID
    client_run_id: str
    messages: tuple[UserMessage, ...]
    input_hash: str
    when_busy: WhenBusy = "enqueue"


async def submit(runtime: AgentRuntime, access: Access, request: RunRequest) -> bool:
    """Create the run and the job that executes it, or attach to the run of the same id.

    Returns whether the run is new. Raises InvalidInputError, NotFoundError, RateLimitedError,
    RunActiveError or RunIdReusedError; then nothing has changed.
    """
    return await open_run(runtime, access, request) is not None


async def open_run(runtime: AgentRuntime, access: Access, request: RunRequest) -> Opening | None:
    """Do what `submit` does; return what a new run is followed by, None if it is not new."""
    access.require(Permission.CONVERSE)
    run_id = runs.new_run_id()
    # Before the commit, for a worker may begin right after it.
    news = runtime.notifications.news_of(topic_of(run_id))
    async with runtime.database.unit_of_work() as session:
        conversation = await _open_conversation(session, access, request)
        known = await runs.find_run(session, access, request.client_run_id)
        if known is None:
            await count_run(session, access, runtime.run_limits, runtime.clock())
            event = await _create_run(session, access, request, run_id)
            await conversations.touch_conversation(session, conversation)
            return Opening(run_id, event, news)
        if known.input_hash != request.input_hash:
            raise RunIdReusedError
    return None


async def _open_conversation(session: Session, access: Access, request: RunRequest) -> Conversation:
    wanted = request.conversation_id
    title = " ".join(request.messages[-1].content.split())[:TITLE_LENGTH]
    conversation = await conversations.find_conversation(session, access, wanted, lock=True)
    if conversation is None:
        await conversations.create_conversation(session, access, wanted, title)
        # Whoever created it, the lock is needed; somebody else's is not found.
        conversation = await conversations.get_conversation(session, access, wanted, lock=True)
    # One that was created empty is named after its first question.
    conversation.title = conversation.title or title
    return conversation


async def _create_run(
    session: Session, access: Access, request: RunRequest, run_id: UUID
) -> LoggedEvent:
    messages = await _new_messages(session, request)
    busy = await _make_way(session, request)
    inserted = await runs.insert_run(
        session,
        access,
        run_id,
        conversation_id=request.conversation_id,
        client_run_id=request.client_run_id,
        input_hash=request.input_hash,
        job_id=None if busy else await _queue_job(session, run_id),
    )
    if inserted is None:
        raise RunIdReusedError
    for message in messages:
        await _store_user_message(session, request.conversation_id, run_id, message)
    opening = run_started(request.conversation_id, request.client_run_id)
    event = LoggedEvent(1, opening.type.value, encode(opening))
    await runs.append_events(session, run_id, [event])
    return event


async def _new_messages(session: Session, request: RunRequest) -> list[UserMessage]:
    ids = [message.id for message in request.messages]
    known = await conversations.list_known_ids(session, request.conversation_id, ids)
    new = [message for message in request.messages if message.id not in known]
    if not new:
        raise InvalidInputError("There is no new user message in this request.")
    if any(redact(message.content) != message.content for message in new):
        raise InvalidInputError(
            "The message holds something that looks like a secret key, so it was not stored.",
            hint="Take the key out, and revoke it if it was a real one.",
        )
    return new


async def _make_way(session: Session, request: RunRequest) -> bool:
    """Tell whether the new run has to wait; with `interrupt`, ask the others to stop."""
    unfinished = await runs.list_unfinished(session, request.conversation_id)
    if unfinished and request.when_busy == "reject":
        active = unfinished[0].client_run_id
        raise RunActiveError(f"This conversation is still answering run {active}.")
    if request.when_busy == "interrupt":
        for run in unfinished:
            await _request_cancel(session, run)
    return any(run.state != RunState.CANCELLED for run in unfinished)


async def _store_user_message(
    session: Session, conversation_id: UUID, run_id: UUID, message: UserMessage
) -> None:
    stored = await conversations.insert_message(
        session,
        message_id=message.id,
        conversation_id=conversation_id,
        role="user",
        content=message.content,
        run_id=run_id,
    )
    if not stored:
        raise InvalidInputError("A message id of this request is taken. Use a new one.")


async def _enqueue(session: Session, run: Run) -> None:
    run.job_id = await _queue_job(session, run.id)
    await session.flush()


async def _queue_job(session: Session, run_id: UUID) -> int:
    return await jobs.enqueue(session, Entrypoint.RUN, {"run_id": str(run_id)})


async def cancel(runtime: AgentRuntime, access: Access, client_run_id: str) -> RunState:
    """Ask the run to stop and return its state; a run that has ended stays as it is."""
    async with runtime.database.unit_of_work() as session:
        run = await runs.get_run(session, access, client_run_id)
        run = await runs.lock_conversation_of(session, run)
        await _request_cancel(session, run)
        state = RunState(run.state)
        run_id = run.id
    runtime.notifications.wake(topic_of(run_id))
    return state


async def _request_cancel(session: Session, run: Run) -> None:
    if RunState(run.state) in FINISHED_STATES:
        return
    await runs.touch(session, run, "cancel_requested_at")
    if run.state == RunState.QUEUED:
        terminal = EventMapper(run.conversation_id, run.client_run_id).cancelled()
        seq = await runs.last_seq(session, run.id) + 1
        event = LoggedEvent(seq, terminal.type.value, encode(terminal))
        await runs.append_events(session, run.id, [event])
        await announce(session, topic_of(run.id))
        await _end(session, run, RunState.CANCELLED)
    elif run.job_id is not None:
        await jobs.interrupt(session, run.job_id)


async def _end(
    session: Session, run: Run, state: RunState, *, error_code: str | None = None
) -> None:
    """Set the final state and let the conversation's next run begin, in one transaction."""
    run.state = state.value
    run.error_code = error_code
    await runs.touch(session, run, "finished_at")
    unfinished = await runs.list_unfinished(session, run.conversation_id)
    if unfinished and unfinished[0].state == RunState.QUEUED and unfinished[0].job_id is None:
        await _enqueue(session, unfinished[0])


async def execute(runtime: AgentRuntime, run_id: UUID) -> None:
    """Execute a run as its job: once, to exactly one terminal event.

    Cancelled without anybody having asked for it (the process is stopping), it leaves the run
    as it is, for the worker that picks the job up next.
    """
    execution: Execution | None = None

    async def begin() -> None:
        nonlocal execution
        execution = await _begin(runtime, run_id)

    try:
        await to_its_end(begin())
        if execution is not None:
            async with execution.log.closing():
                await execution.answer()
    except asyncio.CancelledError:
        if execution is not None:
            await execution.end_if_cancelled()
        raise


async def _begin(runtime: AgentRuntime, run_id: UUID) -> Execution | None:
    """Take the run over and log that it has begun; return None for one that is over or gone."""
    async with runtime.database.unit_of_work() as session:
        run = await runs.find_run_to_execute(session, run_id)
        if run is None or RunState(run.state) in FINISHED_STATES:
            return None
        access = await businesses.access_for(session, run.user_id, run.business_id)
        mapper = EventMapper(run.conversation_id, run.client_run_id)
        last_seq = await _restore(session, run, mapper)
        log = RunLog(runtime.database, runtime.notifications, run.id, last_seq=last_seq)
        await _mark_begun(session, runtime, run)
        execution = Execution(runtime, run, access, mapper, log)
        begun: list[LoggedEvent] = []
        if not execution.is_hopeless:
            opening = await _opening_state(session, run, access, runtime.clock())
            begun = [LoggedEvent(last_seq + 1, opening.type.value, encode(opening))]
            await log.write_in(session, begun)
    log.committed(begun)
    return execution


async def _mark_begun(session: Session, runtime: AgentRuntime, run: Run) -> None:
    run.attempt += 1
    if run.state == RunState.QUEUED:
        run.state = RunState.RUNNING.value
        run.model = name_of(runtime.model)
        run.prompt_version = prompt_version()
        await runs.touch(session, run, "started_at")
    await session.flush()


async def _restore(session: Session, run: Run, mapper: EventMapper) -> int:
    """Take in what earlier attempts have logged; return its last number."""
    if run.attempt == 0:
        # Created with its first event; everything else is written by an attempt.
        return 1
    events = await runs.list_events(session, run.id, after=0, limit=1_000_000)
    mapper.restore(event.data for event in events)
    return len(events)


async def _opening_state(session: Session, run: Run, access: Access, now: datetime) -> Event:
    conversation = await conversations.get_conversation(session, access, run.conversation_id)
    account = await find_integration(session, access)
    synced_at = None if account is None else account.last_synced_at
    as_of = synced_at.isoformat() if synced_at else None
    return state_snapshot(title=conversation.title, as_of=as_of, stale=is_stale(synced_at, now))


class Execution:
    """One attempt at a run."""

    def __init__(
        self,
        runtime: AgentRuntime,
        run: Run,
        access: Access,
        mapper: EventMapper,
        log: RunLog,
    ) -> None:
        """Take over the run as the database has it."""
        self._runtime = runtime
        self._run = run
        self._access = access
        self._mapper = mapper
        self.log = log

    @property
    def is_hopeless(self) -> bool:
        """Whether all that is left is to end the run."""
        return self._run.cancel_requested_at is not None or self._mapper.has_output

    async def answer(self) -> None:
        """Run the graph to its end, whatever that is, and log the terminal event."""
        if self._run.cancel_requested_at is not None:
            await self._finish(RunState.CANCELLED)
            return
        if self._mapper.has_output:
            # An attempt died in the middle: what it said stands, and nothing is said twice.
            await self._fail("run_interrupted", INTERRUPTED)
            return
        try:
            await self._stream()
        except VaultraError as error:
            hint = f" {error.hint}" if error.hint else ""
            await self._fail(error.code, f"{error.message}{hint}")
        except Exception:
            _logger.exception("run.failed", run_id=str(self._run.id))
            await self._fail("internal", "Something went wrong on our side. Ask again.")
        else:
            await self._finish(RunState.COMPLETED)

    async def _stream(self) -> None:
        async with contextlib.aclosing(self._parts()) as parts:
            async for part in parts:
                if isinstance(part, TextPart):
                    # The message begins with its first words: one write, and cancelled in the
                    # middle of it, no word is lost.
                    await self.log.append([*self._mapper.events_for(part)])
                    continue
                for event in self._mapper.events_for(part):
                    await self._log(event)

    async def _parts(self) -> AsyncGenerator[Part]:
        context = AgentContext(
            run_id=self._run.id,
            access=self._access,
            database=self._runtime.database,
            model=self._runtime.model,
            stand_in=STAND_IN,
            tools=tools_for(self._access),
            clock=self._runtime.clock,
            rates=self._runtime.rates,
            spending=self._runtime.spending,
        )
        stream = build_graph().astream(
            {"messages": [], "rounds": 0, "fell_back": False},
            {"recursion_limit": 2 * MAX_ROUNDS + 5},
            context=context,
            stream_mode="custom",
        )
        async with contextlib.aclosing(cast("AsyncGenerator[Part]", stream)) as parts:
            async for part in parts:
                yield part

    async def _log(self, event: Event) -> None:
        if event.type.value == "TEXT_MESSAGE_END":
            await self.log.append([event], self._store_message)
            self._mapper.message_stored()
        else:
            await self.log.append([event])

    async def _store_message(self, session: Session) -> None:
        assert self._mapper.message_id is not None
        await conversations.insert_message(
            session,
            message_id=self._mapper.message_id,
            conversation_id=self._run.conversation_id,
            role="assistant",
            content=self._mapper.text,
            run_id=self._run.id,
        )

    async def _fail(self, code: str, message: str) -> None:
        await self._finish(RunState.FAILED, code=code, message=message)

    async def _finish(self, state: RunState, *, code: str = "", message: str = "") -> None:
        """Close what is open, store what was said and end the run, in one transaction."""
        closing = [*self._mapper.close_calls(CANCELLED_TOOL_RESULT), *self._mapper.close_message()]
        endings: dict[RunState, Callable[[], Event]] = {
            RunState.COMPLETED: self._mapper.finished,
            RunState.CANCELLED: self._mapper.cancelled,
            RunState.FAILED: lambda: self._mapper.failed(code, message),
        }

        async def work(session: Session) -> None:
            run = await runs.find_run_to_end(session, self._run)
            # A message that was stopped before its first word has nothing to keep.
            if self._mapper.text:
                await self._store_message(session)
            run.usage = {"models": self._mapper.usage_json()}
            await _end(session, run, state, error_code=code or None)

        await self.log.append([*closing, endings[state]()], work)

    async def end_if_cancelled(self) -> None:
        """End the run as cancelled if that was asked for."""
        async with self._runtime.database.unit_of_work() as session:
            run = await runs.get_run(session, self._access, self._run.client_run_id)
            asked = run.cancel_requested_at is not None
            over = RunState(run.state) in FINISHED_STATES
        if asked and not over:
            await self._finish(RunState.CANCELLED)


async def state_of(runtime: AgentRuntime, access: Access, client_run_id: str) -> Run:
    """Return the caller's run or raise NotFoundError."""
    async with runtime.database.unit_of_work() as session:
        return await runs.get_run(session, access, client_run_id)
