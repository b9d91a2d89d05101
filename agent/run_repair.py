"""Mending single runs: each function is one transaction's work, and changes nothing twice.

As everywhere, the conversation is locked first and the run second. What was found is looked at
again under the locks: in the meantime it may have mended itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from agent.context import CANCELLED, ERROR
from agent.event_log import topic_of
from agent.events import TERMINAL_TYPES, Event, EventMapper, encode, run_started
from agent.run_life import end_run, queue_job
from agent.taking_over import BROKEN_OFF, INTERRUPTED, read_chain
from db.models import Run
from db.notifications import announce
from db.repositories import approvals, run_health, runs
from db.repositories.run_health import Place
from db.run_tail import LoggedEvent
from db.session import Session
from domain.approvals import ApprovalState
from domain.runs import FINISHED_STATES, RunState

# Longer than a model or a tool may be silent: a run that another attempt goes on with is not lost.
QUIET = timedelta(minutes=3)
LOST = "The service lost this answer while it was being written. Ask again."


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether something was changed, and a sentence that tells what, or why not."""

    repaired: bool
    told: str


MENDED = Outcome(False, "It is in order by now.")


async def bring_back(session: Session, place: Place) -> Outcome:
    """Queue a lost run again; end one that its log ends, that has a gap, or whose job failed."""
    run = await _locked(session, place)
    if run is None or not await run_health.is_lost(session, run.id, quiet=QUIET):
        return MENDED
    log = await run_health.list_log(session, run.id)
    if _end_of(log) is not None:
        return await _end_as_logged(session, run, log)
    if _has_gap(log):
        return await _end_broken(session, run, log, "a gap in its log")
    if await run_health.last_step_of(session, run.job_id) == "exception":
        return await _end_broken(session, run, log, "a bug in its job")
    unfinished = await runs.list_unfinished(session, run.conversation_id)
    if unfinished[0].id != run.id:
        # It begins when the one before it ends.
        run.job_id = None
        return Outcome(True, "It waits for the run before it again.")
    run.job_id = await queue_job(session, run.id)
    return Outcome(True, "Its job was queued again.")


async def queue_stuck(session: Session, place: Place) -> Outcome:
    """Let a run begin that waits for nobody."""
    run = await _locked(session, place)
    if run is None or not await run_health.is_stuck(session, run.id):
        return MENDED
    run.job_id = await queue_job(session, run.id)
    return Outcome(True, "Its job was queued.")


async def end_as_logged(session: Session, place: Place) -> Outcome:
    """End a run whose log has ended, with the same outcome."""
    run = await _locked(session, place)
    if run is None or not _is_open(run):
        return MENDED
    log = await run_health.list_log(session, run.id)
    return MENDED if _end_of(log) is None else await _end_as_logged(session, run, log)


async def cut_behind_the_end(session: Session, place: Place) -> Outcome:
    """Delete the events behind the first terminal one, which no client was ever sent."""
    run = await _locked(session, place)
    log = [] if run is None else await run_health.list_log(session, run.id)
    end = _end_of(log)
    if run is None or end is None or end.seq == log[-1].seq:
        return MENDED
    await run_health.delete_events_behind(session, run.id, end.seq)
    return Outcome(True, f"The events behind number {end.seq} were deleted.")


async def mend_gap(session: Session, place: Place) -> Outcome:
    """Write the first event of an unfinished run if it is missing; end one that is also lost."""
    run = await _locked(session, place)
    log = [] if run is None else await run_health.list_log(session, run.id)
    if run is None or not _is_open(run) or not _has_gap(log):
        return MENDED
    if not log or log[0].seq != 1:
        opening = run_started(run.conversation_id, run.client_run_id)
        first = LoggedEvent(1, opening.type.value, encode(opening))
        await run_health.insert_event(session, run.id, first)
        if not _has_gap([first, *log]):
            await announce(session, topic_of(run.id))
            return Outcome(True, "The event that opens the run was written.")
    if not await run_health.is_lost(session, run.id, quiet=QUIET):
        return Outcome(False, "It has a job, which ends it. Look again in some minutes.")
    return await _end_broken(session, run, log, "a gap in its log")


async def append_end(session: Session, place: Place) -> Outcome:
    """Append the terminal event of a run that has ended; note that a log is gone."""
    run = await _locked(session, place)
    if run is None or RunState(run.state) not in FINISHED_STATES:
        return MENDED
    log = await run_health.list_log(session, run.id)
    if _end_of(log) is not None or run.events_pruned_at is not None:
        return MENDED
    if not log:
        await run_health.mark_pruned(session, run.id)
        return Outcome(True, "It was noted that its log is gone.")
    await _close(session, run, log)
    return Outcome(True, "Its terminal event was appended.")


async def end_call(session: Session, place: Place) -> Outcome:
    """End a call of a run that has ended, with what the log says of it."""
    run = await _locked(session, place)
    if run is None or RunState(run.state) not in FINISHED_STATES:
        return MENDED
    result = _result_of(await run_health.list_log(session, run.id), place.part)
    status = "failed" if result.startswith(ERROR) else "succeeded"
    ended = await run_health.end_call(session, run.id, place.part, status=status, result=result)
    return Outcome(True, f"The call was ended as {status}.") if ended else MENDED


async def store_message(session: Session, place: Place) -> Outcome:
    """Store a message of a run that has ended again, as its log has it."""
    run = await _locked(session, place)
    if run is None or RunState(run.state) not in FINISHED_STATES:
        return MENDED
    log = await run_health.list_log(session, run.id)
    pieces = [
        (event.seq, data["delta"])
        for event in log
        if event.type == "TEXT_MESSAGE_CONTENT"
        and (data := json.loads(event.data))["messageId"] == place.part
    ]
    if not pieces:
        return MENDED
    content = "".join(delta for _, delta in pieces)
    written = await run_health.written_at(session, run.id, pieces[-1][0])
    is_last = log[-2:-1] and place.part in log[-2].data
    partial = run.state if is_last and run.state != RunState.COMPLETED else None
    if content.endswith(BROKEN_OFF):
        partial = INTERRUPTED
    stored = await run_health.insert_answer(
        session, run, UUID(place.part), content, written=written, partial=partial
    )
    return Outcome(True, "The message was stored again.") if stored else MENDED


async def _locked(session: Session, place: Place) -> Run | None:
    run = await run_health.find_run(session, place.run_id)
    if run is None:
        return None
    await runs.lock_conversation_of(session, run)
    # An attempt that writes now is waited for.
    return await runs.find_run_to_execute(session, run.id)


def _is_open(run: Run) -> bool:
    return run.state in {RunState.QUEUED, RunState.RUNNING}


def _end_of(log: Sequence[LoggedEvent]) -> LoggedEvent | None:
    return next((event for event in log if event.type in TERMINAL_TYPES), None)


def _has_gap(log: Sequence[LoggedEvent]) -> bool:
    return not log or log[-1].seq != len(log)


def _result_of(log: Sequence[LoggedEvent], call_id: str) -> str:
    for event in log:
        if event.type == "TOOL_CALL_RESULT":
            data = json.loads(event.data)
            if data["toolCallId"] == call_id:
                return str(data["content"])
    return CANCELLED


async def _end_as_logged(session: Session, run: Run, log: Sequence[LoggedEvent]) -> Outcome:
    end = _end_of(log)
    assert end is not None
    data = json.loads(end.data)
    outcome = data.get("outcome", {}).get("type")
    if outcome == "interrupt" and await approvals.list_approvals(
        session, [run.id], state=ApprovalState.PENDING
    ):
        run.state = RunState.AWAITING_APPROVAL.value
        return Outcome(True, "It waits for an approval, as its log says.")
    await run_health.delete_events_behind(session, run.id, end.seq)
    states = {"success": RunState.COMPLETED, "cancelled": RunState.CANCELLED}
    state = RunState.FAILED if end.type == "RUN_ERROR" else states.get(outcome, RunState.COMPLETED)
    written = await run_health.written_at(session, run.id, end.seq)
    await _finish(session, run, state, error_code=data.get("code"), finished_at=written)
    return Outcome(True, f"It was ended as {state.value}, as its log says.")


async def _end_broken(
    session: Session, run: Run, log: Sequence[LoggedEvent], cause: str
) -> Outcome:
    asked = run.cancel_requested_at is not None
    state = RunState.CANCELLED if asked else RunState.FAILED
    await _finish(session, run, state, error_code=None if asked else "run_interrupted")
    await _close(session, run, log)
    return Outcome(True, f"It was ended as {state.value}, for {cause}.")


async def _finish(
    session: Session,
    run: Run,
    state: RunState,
    *,
    error_code: str | None,
    finished_at: datetime | None = None,
) -> None:
    # Whatever an attempt that is still alive writes from now on is refused.
    run.attempt += 1
    await end_run(session, run, state, error_code=error_code)
    if finished_at is not None:
        run.finished_at = finished_at
        await session.flush()


async def _close(session: Session, run: Run, log: Sequence[LoggedEvent]) -> None:
    """Append what the log of a run that has ended still owes, and store what was said."""
    mapper = EventMapper(run.conversation_id, run.client_run_id)
    closing: list[Event] = []
    if not _has_gap(log):
        mapper = (await read_chain(session, run)).mapper
        known = await runs.list_results(session, run.id)
        closing = [*mapper.close_calls(CANCELLED, known), *mapper.close_message()]
        if mapper.message_id is not None and mapper.text:
            await run_health.insert_answer(
                session,
                run,
                mapper.message_id,
                mapper.text,
                written=await run_health.written_at(session, run.id, log[-1].seq),
                partial=None if run.state == RunState.COMPLETED else run.state,
            )
    closing.append(_terminal_event(run, mapper))
    first = log[-1].seq + 1 if log else 1
    events = [
        LoggedEvent(seq, event.type.value, encode(event))
        for seq, event in enumerate(closing, first)
    ]
    await runs.append_events(session, run.id, events)
    await announce(session, topic_of(run.id))


def _terminal_event(run: Run, mapper: EventMapper) -> Event:
    match RunState(run.state):
        case RunState.COMPLETED:
            return mapper.finished()
        case RunState.CANCELLED:
            return mapper.cancelled()
        case _:
            return mapper.failed(run.error_code or "internal", LOST)
