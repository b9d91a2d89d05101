"""Runs, logs and calls in a state that no code of ours leaves them in; over all businesses.

What is asked often goes by the index of unfinished runs. The rest reads whole tables, for a person
who waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import Message, Run, RunEvent, ToolCallRecord
from db.models.conversation import ACTIVE_RUN, KEPT_EVENTS, UNFINISHED_RUN
from db.run_tail import LoggedEvent
from db.session import Session

IS_UNFINISHED = text(UNFINISHED_RUN)
# Nobody executes it, and nobody will: the engine forgets a job in the moment in which it is done,
# after the run's own end. It also forgets a job that an attempt has lost to another one, which
# goes on: so a run whose log still grows is not lost.
_LOST = """
    r.state IN ('queued', 'running')
    AND NOT (r.state = 'queued' AND r.job_id IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM pgqueuer j WHERE j.id = r.job_id AND j.status IN ('queued', 'picked')
    )
    AND (r.state = 'queued' OR coalesce((
        SELECT created_at FROM agent_run_events WHERE run_id = r.id ORDER BY seq DESC LIMIT 1
    ), r.started_at, r.created_at) < now() - CAST(:quiet AS interval))
"""
# It waits in the queue of its conversation, for nobody.
_STUCK = """
    r.state = 'queued' AND r.job_id IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM agent_runs o WHERE o.conversation_id = r.conversation_id AND o.id <> r.id
        AND o.state IN ('queued', 'running', 'awaiting_approval')
        AND (o.state <> 'queued' OR o.created_at < r.created_at)
    )
"""
_RUNS = "SELECT r.id, r.conversation_id FROM agent_runs r WHERE "
_ORDERED = " ORDER BY r.created_at, r.id"
_ALL_LOST = text(f"{_RUNS} {_LOST} {_ORDERED}")
_ALL_STUCK = text(f"{_RUNS} {_STUCK} {_ORDERED}")
_ONE_LOST = text(f"{_RUNS} r.id = :run_id AND {_LOST}")
_ONE_STUCK = text(f"{_RUNS} r.id = :run_id AND {_STUCK}")
_TWO_ACTIVE = text(
    f"SELECT id, conversation_id FROM agent_runs WHERE {ACTIVE_RUN} AND conversation_id IN"  # noqa: S608
    f" (SELECT conversation_id FROM agent_runs WHERE {ACTIVE_RUN} GROUP BY 1 HAVING count(*) > 1)"
    " ORDER BY conversation_id, created_at"
)
_LOGS = text(
    f"""
    WITH logs AS (
        SELECT run_id, count(*) AS events, min(seq) AS first_seq, max(seq) AS last_seq,
            min(seq) FILTER (WHERE type IN ('RUN_FINISHED', 'RUN_ERROR')) AS end_seq
        FROM agent_run_events GROUP BY run_id
    )
    SELECT r.id, r.conversation_id, r.state, coalesce(events, 0), coalesce(first_seq, 0),
        coalesce(last_seq, 0), coalesce(end_seq, 0)
    FROM agent_runs r LEFT JOIN logs ON logs.run_id = r.id
    WHERE {KEPT_EVENTS} AND r.state <> 'awaiting_approval' AND (
        end_seq < last_seq
        OR (end_seq IS NOT NULL) = (r.state IN ('queued', 'running'))
        OR r.state IN ('queued', 'running') AND events IS DISTINCT FROM last_seq::bigint
        OR events IS NULL
    )
    ORDER BY r.created_at, r.id
    """  # noqa: S608
)
_RUNNING_CALLS = text(
    """
    SELECT c.run_id, r.conversation_id, c.call_id
    FROM agent_tool_calls c JOIN agent_runs r ON r.id = c.run_id
    WHERE c.status = 'running' AND r.state IN ('completed', 'failed', 'cancelled')
    ORDER BY c.id
    """
)
# The events that begin a message hold nothing but ids; texts may hold what PostgreSQL's JSON
# does not take.
_MISSING_MESSAGES = text(
    """
    SELECT e.run_id, r.conversation_id, e.message_id
    FROM (
        SELECT run_id, seq, data::json ->> 'messageId' AS message_id
        FROM agent_run_events WHERE type = 'TEXT_MESSAGE_START'
    ) e JOIN agent_runs r ON r.id = e.run_id
    WHERE r.state IN ('completed', 'failed', 'cancelled')
        AND NOT EXISTS (SELECT 1 FROM agent_messages m WHERE m.id = e.message_id::uuid)
        AND EXISTS (
            SELECT 1 FROM agent_run_events c
            WHERE c.run_id = e.run_id AND c.type = 'TEXT_MESSAGE_CONTENT'
                AND position(e.message_id IN c.data) > 0
        )
    ORDER BY e.run_id, e.seq
    """
)
_LAST_STEP = text("SELECT status FROM pgqueuer_log WHERE job_id = :job_id ORDER BY id DESC LIMIT 1")


class Place(NamedTuple):
    """Where something is wrong: a run, and what of it (a call's id, a message's), if not all."""

    run_id: UUID
    conversation_id: UUID
    part: str = ""


class LogSummary(NamedTuple):
    """A run's log in numbers; 0 for what there is none of."""

    run_id: UUID
    conversation_id: UUID
    state: str
    events: int
    first_seq: int
    last_seq: int
    end_seq: int


async def list_lost(session: Session, *, quiet: timedelta) -> Sequence[Place]:
    """List runs without the job that would end them, silent for so long if they had begun."""
    return [Place(*row) for row in await session.execute(_ALL_LOST, {"quiet": quiet})]


async def is_lost(session: Session, run_id: UUID, *, quiet: timedelta) -> bool:
    """Tell whether `list_lost` would list the run now."""
    rows = await session.execute(_ONE_LOST, {"run_id": run_id, "quiet": quiet})
    return rows.first() is not None


async def list_stuck(session: Session) -> Sequence[Place]:
    """List runs that wait for an earlier one of their conversation, of which there is none."""
    return [Place(*row) for row in await session.execute(_ALL_STUCK)]


async def is_stuck(session: Session, run_id: UUID) -> bool:
    """Tell whether `list_stuck` would list the run now."""
    return (await session.execute(_ONE_STUCK, {"run_id": run_id})).first() is not None


async def list_two_active(session: Session) -> Sequence[Place]:
    """List the active runs of conversations that have several."""
    return [Place(*row) for row in await session.execute(_TWO_ACTIVE)]


async def list_odd_logs(session: Session) -> Sequence[LogSummary]:
    """List kept logs that do not fit their run: without its end, behind it, or with a gap.

    A run that waits for an approval has said its end.
    """
    return [LogSummary(*row) for row in await session.execute(_LOGS)]


async def list_running_calls(session: Session) -> Sequence[Place]:
    """List the tool calls that are running, of runs that have ended."""
    return [Place(*row) for row in await session.execute(_RUNNING_CALLS)]


async def list_missing_messages(session: Session) -> Sequence[Place]:
    """List the messages that the logs of ended runs hold and the conversations do not."""
    return [Place(*row) for row in await session.execute(_MISSING_MESSAGES)]


async def last_step_of(session: Session, job_id: int | None) -> str | None:
    """Return what the engine noted last of a job; None if it has forgotten."""
    return (await session.execute(_LAST_STEP, {"job_id": job_id})).scalar_one_or_none()


async def find_run(session: Session, run_id: UUID) -> Run | None:
    """Return the run of any business."""
    return await session.get(Run, run_id)


async def list_log(session: Session, run_id: UUID) -> Sequence[LoggedEvent]:
    """List all events of the run, whatever their numbers."""
    query = (
        select(RunEvent.seq, RunEvent.type, RunEvent.data)
        .where(RunEvent.run_id == run_id)
        .order_by(RunEvent.seq)
    )
    return [LoggedEvent(*row) for row in await session.execute(query)]


async def written_at(session: Session, run_id: UUID, seq: int) -> datetime:
    """Return when an event that is there was written."""
    query = select(RunEvent.created_at).where(RunEvent.run_id == run_id, RunEvent.seq == seq)
    return (await session.execute(query)).scalar_one()


async def insert_event(session: Session, run_id: UUID, event: LoggedEvent) -> None:
    """Insert an event under the number that it has to have."""
    await session.execute(insert(RunEvent).values(run_id=run_id, **event._asdict()))


async def delete_events_behind(session: Session, run_id: UUID, seq: int) -> None:
    """Delete what nobody was sent: followers leave with the first terminal event."""
    await session.execute(delete(RunEvent).where(RunEvent.run_id == run_id, RunEvent.seq > seq))


async def mark_pruned(session: Session, run_id: UUID) -> None:
    """Note that the run's log is not kept any more."""
    pruned = update(Run).where(Run.id == run_id).values(events_pruned_at=func.clock_timestamp())
    await session.execute(pruned)


async def end_call(
    session: Session, run_id: UUID, call_id: str, *, status: str, result: str
) -> bool:
    """End a call that is running; return whether it was."""
    ended = (
        update(ToolCallRecord)
        .where(
            ToolCallRecord.run_id == run_id,
            ToolCallRecord.call_id == call_id,
            ToolCallRecord.status == "running",
        )
        .values(status=status, result=result, finished_at=func.clock_timestamp())
        .returning(ToolCallRecord.id)
    )
    return (await session.execute(ended)).first() is not None


async def insert_answer(
    session: Session,
    run: Run,
    message_id: UUID,
    content: str,
    *,
    written: datetime,
    partial: str | None,
) -> bool:
    """Store a message of the assistant as of a time; return False if the id is taken.

    `partial` is why it has no end: cancelled, failed or interrupted.
    """
    stored = (
        pg_insert(Message)
        .values(
            id=message_id,
            conversation_id=run.conversation_id,
            role="assistant",
            content=content,
            run_id=run.id,
            message_metadata=None if partial is None else {"partial": partial},
            created_at=written,
        )
        .on_conflict_do_nothing(index_elements=[Message.id])
        .returning(Message.id)
    )
    return (await session.execute(stored)).first() is not None
