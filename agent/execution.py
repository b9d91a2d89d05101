"""The execution of a run by its job: to exactly one terminal event, whatever happens to attempts.

Each execution is an attempt with a number. A later one goes on from what the log holds; from then
on, whatever an earlier one still writes or does is refused (decision 30).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from uuid import UUID

from langchain_core.runnables import RunnableConfig

from agent.approvals import Gate, gate_without, open_gate
from agent.context import CANCELLED, AgentContext
from agent.event_log import RunLog, number, to_its_end, topic_of
from agent.events import Event, EventMapper
from agent.graph.builder import build_graph
from agent.graph.nodes import MAX_ROUNDS
from agent.graph.state import RunGraphState
from agent.interrupts import interrupt_of
from agent.model import name_of
from agent.parts import Part, TextPart
from agent.planner.model import PlannerChatModel
from agent.progress import Progress
from agent.prompts import prompt_version
from agent.run_life import end_run
from agent.runtime import AgentRuntime
from agent.taking_over import (
    close_dead_attempt,
    opening_state,
    read_chain,
    read_opening_state,
)
from agent.telling import Telling
from agent.tools.catalogue import tools_for
from config.logs import get_logger
from db.models import Run
from db.notifications import announce
from db.repositories import approvals, conversations, runs
from db.repositories.history import Past
from db.repositories.runs import Attempt
from db.repositories.turns import Begun, Ending, begin_first_attempt
from db.session import REFUSED, Session
from domain.access import Access
from domain.errors import NotFoundError, VaultraError
from domain.runs import FINISHED_STATES, RunState, RunSupersededError
from services import businesses

# Workers that die of a run, one after the other, have to come to an end.
MAX_ATTEMPTS = 5
INTERRUPTED = "The service stopped several times while it wrote this answer. Ask again."
GONE = "You are no longer a member of this business, so the answer ends here."
# Without state, so one serves all.
STAND_IN = PlannerChatModel()
_logger = get_logger(__name__)


class _CancelledMeanwhileError(Exception):
    """Somebody has asked for the run to be cancelled while it was about to wait for a person."""


async def execute(runtime: AgentRuntime, run_id: UUID) -> None:
    """Execute a run as its job: once, to exactly one terminal event.

    Cancelled without anybody having asked for it (the process is stopping), it leaves the run
    as it is, for the worker that picks the job up next. Raises RunSupersededError once another
    attempt goes on with the run.
    """
    execution: Execution | None = None

    async def begin() -> None:
        nonlocal execution
        execution = await _begin(runtime, run_id)

    try:
        try:
            await to_its_end(begin())
        except NotFoundError:
            await to_its_end(_end_without_access(runtime, run_id))
        if execution is not None:
            async with execution.log.closing():
                await execution.answer()
    except asyncio.CancelledError:
        if execution is not None:
            await execution.end_if_cancelled()
        raise
    except RunSupersededError:
        _logger.warning("run.superseded", run_id=str(run_id))
        raise


async def _begin(runtime: AgentRuntime, run_id: UUID) -> Execution | None:
    """Take the run over and log that it goes on; return None for one that is over or gone."""
    first = await begin_first_attempt(
        runtime.database,
        run_id,
        model=name_of(runtime.model),
        prompt_version=prompt_version(),
    )
    if first is not None:
        return _open_first(runtime, first)
    async with runtime.database.unit_of_work() as session:
        run = await runs.find_run_to_execute(session, run_id)
        if run is None or RunState(run.state) not in _TO_EXECUTE:
            return None
        access = await businesses.access_for(session, run.user_id, run.business_id)
        chain = await read_chain(session, run)
        await _mark_begun(session, runtime, run)
        attempt = Attempt(run.id, run.attempt)
        log = RunLog(runtime.database, runtime.notifications, attempt, last_seq=chain.last_seq)
        gate = await open_gate(session, access, chain.earlier_ids)
        execution = Execution(runtime, run, access, chain.mapper, chain.progress, gate, log)
        events = await close_dead_attempt(session, run, chain)
        if not chain.progress.has_output and not execution.is_hopeless:
            events.append(await read_opening_state(session, run, access, runtime.clock()))
        begun = number(events, chain.last_seq)
        await log.write_in(session, begun)
    log.committed(begun)
    return execution


def _open_first(runtime: AgentRuntime, begun: Begun) -> Execution:
    """Log how things stand with whatever comes next.

    A process that dies before that leaves it to the next attempt.
    """
    run = begun.run
    attempt = Attempt(run.id, run.attempt)
    log = RunLog(runtime.database, runtime.notifications, attempt, last_seq=1)
    log.append_soon([opening_state(begun.title, begun.past.synced_at, runtime.clock())])
    mapper = EventMapper(run.conversation_id, run.client_run_id)
    gate = gate_without(begun.without_approval)
    execution = Execution(runtime, run, begun.access, mapper, Progress(), gate, log)
    execution.past = begun.past
    return execution


async def _end_without_access(runtime: AgentRuntime, run_id: UUID) -> None:
    """End a run whose user was taken out of the business since they asked."""
    async with runtime.database.unit_of_work() as session:
        run = await runs.lock_conversation_of(session, await runs.get_by_id(session, run_id))
        run = await runs.find_run_to_execute(session, run.id) or run
        if RunState(run.state) not in _TO_EXECUTE:
            return
        chain = await read_chain(session, run)
        # An attempt that still writes has to notice.
        run.attempt += 1
        if chain.mapper.message_id is not None and chain.mapper.text:
            await conversations.insert_answer(
                session,
                run,
                chain.mapper.message_id,
                chain.mapper.text,
                partial=RunState.FAILED.value,
            )
        known = await runs.list_results(session, run.id)
        events = [
            *chain.mapper.close_calls(CANCELLED, known),
            *chain.mapper.close_message(),
            chain.mapper.failed(NotFoundError.code, GONE),
        ]
        logged = number(events, chain.last_seq)
        await runs.append_events(session, run.id, logged)
        await announce(session, topic_of(run.id))
        await end_run(session, run, RunState.FAILED, error_code=NotFoundError.code)


_TO_EXECUTE = frozenset({RunState.QUEUED, RunState.RUNNING})


async def _mark_begun(session: Session, runtime: AgentRuntime, run: Run) -> None:
    run.attempt += 1
    if run.state == RunState.QUEUED:
        run.state = RunState.RUNNING.value
        run.model = name_of(runtime.model)
        run.prompt_version = prompt_version()
        await runs.touch(session, run, "started_at")
    await session.flush()


class Execution:
    """One attempt at a run."""

    def __init__(
        self,
        runtime: AgentRuntime,
        run: Run,
        access: Access,
        mapper: EventMapper,
        progress: Progress,
        gate: Gate,
        log: RunLog,
    ) -> None:
        """Take over the run as the database has it."""
        self._runtime = runtime
        self._run = run
        self._access = access
        self._mapper = mapper
        self._progress = progress
        self._gate = gate
        self._attempt = Attempt(run.id, run.attempt)
        self.log = log
        # What is behind the run, if that has been read.
        self.past: Past | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether all that is left is to end the run."""
        return self._run.cancel_requested_at is not None or self._run.attempt > MAX_ATTEMPTS

    async def answer(self) -> None:
        """Run the graph to its end, whatever that is, and log the terminal event."""
        if self._run.cancel_requested_at is not None:
            await self._finish(RunState.CANCELLED)
            return
        if self.is_hopeless:
            await self._fail("run_interrupted", INTERRUPTED)
            return
        try:
            await self._stream()
        except VaultraError as error:
            hint = f" {error.hint}" if error.hint else ""
            await self._fail(error.code, f"{error.message}{hint}")
        except RunSupersededError:
            raise
        except Exception:
            _logger.exception("run.failed", run_id=str(self._run.id))
            await self._fail("internal", "Something went wrong on our side. Ask again.")
        else:
            await self._conclude()

    async def _stream(self) -> None:
        telling = Telling(self._log_piece)
        async with contextlib.aclosing(telling.during(self._graph(telling))) as batches:
            async for batch in batches:
                await self._log(batch)

    async def _graph(self, telling: Telling) -> None:
        context = AgentContext(
            attempt=self._attempt,
            access=self._access,
            database=self._runtime.database,
            model=self._runtime.model,
            stand_in=STAND_IN,
            tools=tools_for(self._access),
            clock=self._runtime.clock,
            gate=self._gate,
            tell=telling.tell,
            settled=telling.settled,
            rates=self._runtime.rates,
            past=self.past,
            spending=self._runtime.spending,
            tool_seconds=self._runtime.tool_seconds,
            tick=self._runtime.notifications.tick,
        )
        begin: RunGraphState = {
            "messages": [],
            "resumed": [*self._progress.messages()],
            "answered": self._progress.answered(),
            "rounds": len(self._progress.rounds),
            "fell_back": False,
        }
        config: RunnableConfig = {"recursion_limit": 2 * MAX_ROUNDS + 5}
        await build_graph().ainvoke(begin, config, context=context)

    def _log_piece(self, part: Part) -> bool:
        """Take a further piece of the open message, which is written with the next tick."""
        if not isinstance(part, TextPart) or not self._mapper.is_speaking:
            return False
        self.log.append_soon(self._mapper.events_for(part))
        return True

    async def _log(self, parts: Sequence[Part]) -> None:
        """Log the parts in one write, but for a message that ends in the middle of the answer.

        The message begins with its first words: cancelled in the middle of the write, no word is
        lost.
        """
        events: list[Event] = []
        for event in (event for part in parts for event in self._mapper.events_for(part)):
            events.append(event)
            if event.type.value == "TEXT_MESSAGE_END":
                await self.log.append(events, self._store_message)
                self._mapper.message_stored()
                events = []
        if events:
            await self.log.append(events)

    async def _store_message(self, session: Session) -> None:
        assert self._mapper.message_id is not None
        await conversations.insert_answer(
            session, self._run, self._mapper.message_id, self._mapper.text
        )

    async def _conclude(self) -> None:
        if not self._mapper.approvals:
            await self._finish(RunState.COMPLETED)
            return
        try:
            await self._pause()
        except _CancelledMeanwhileError:
            await self._finish(RunState.CANCELLED)

    async def _pause(self) -> None:
        """Ask what has to be asked, and let the run wait, in one transaction."""
        asked = self._mapper.approvals
        terminal = self._mapper.interrupted([interrupt_of(one) for one in asked])

        async def work(session: Session) -> None:
            run = await self._hold(session)
            if run.cancel_requested_at is not None:
                raise _CancelledMeanwhileError
            await approvals.insert_approvals(session, asked)
            run.state = RunState.AWAITING_APPROVAL.value
            run.usage = {"models": self._mapper.usage_json()}

        await self.log.append([terminal], work)

    async def _fail(self, code: str, message: str) -> None:
        await self._finish(RunState.FAILED, code=code, message=message)

    async def _finish(self, state: RunState, *, code: str = "", message: str = "") -> None:
        """Close what is open, store what was said and end the run, in one transaction."""
        known = await self._untold_results() if self._mapper.owes_results else {}
        closing = [*self._mapper.close_calls(CANCELLED, known), *self._mapper.close_message()]
        endings: dict[RunState, Callable[[], Event]] = {
            RunState.COMPLETED: self._mapper.finished,
            RunState.CANCELLED: self._mapper.cancelled,
            RunState.FAILED: lambda: self._mapper.failed(code, message),
        }

        said = None
        # A message that was stopped before its first word has nothing to keep.
        if self._mapper.text and self._mapper.message_id is not None:
            said = self._mapper.message_id, self._mapper.text
        ending = Ending(
            attempt=self._attempt,
            state=state,
            usage={"models": self._mapper.usage_json()},
            error_code=code or None,
            said=said,
            partial=None if state == RunState.COMPLETED else state.value,
        )
        await self.log.append([*closing, endings[state]()], ending)

    async def _untold_results(self) -> dict[str, str]:
        """Return what came of calls that were carried out in the moment the run was stopped."""
        try:
            async with self._runtime.database.unit_of_work() as session:
                return await runs.list_settled_results(session, self._run.id)
        except REFUSED:
            _logger.warning("run.calls_unsettled", run_id=str(self._run.id))
            return {}

    async def _hold(self, session: Session) -> Run:
        run = await runs.find_run_to_end(session, self._run)
        if run.attempt != self._attempt.number:
            raise RunSupersededError
        return run

    async def end_if_cancelled(self) -> None:
        """End the run as cancelled if that was asked for."""
        async with self._runtime.database.unit_of_work() as session:
            run = await runs.get_run(session, self._access, self._run.client_run_id)
            asked = run.cancel_requested_at is not None
            over = RunState(run.state) in FINISHED_STATES
        if asked and not over:
            await self._finish(RunState.CANCELLED)
