"""Runs, their event log and their tool calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import String, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert as pg_insert
from uuid_utils.compat import uuid7

from db.models import Conversation, Run, RunEvent, ToolCallRecord
from db.run_tail import LoggedEvent
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError
from domain.runs import FINISHED_STATES, RunState, RunSupersededError


class Attempt(NamedTuple):
    """One execution of a run; its writes count while its number is the run's."""

    run_id: UUID
    number: int


_PATIENCE = text("SET LOCAL lock_timeout = '5s'")
_FINISHED = tuple(state.value for state in FINISHED_STATES)
# Excludes others who would change the run, but not the run's own tools and events meanwhile.
_BESIDE_WRITERS = {"key_share": True}


async def find_run(session: Session, access: Access, client_run_id: str) -> Run | None:
    """Return the caller's run by the id that its client chose."""
    query = select(Run).where(
        Run.business_id == access.business_id,
        Run.user_id == access.user_id,
        Run.client_run_id == client_run_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def get_run(session: Session, access: Access, client_run_id: str) -> Run:
    """Return the caller's run or raise NotFoundError."""
    run = await find_run(session, access, client_run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    return run


async def get_by_id(session: Session, run_id: UUID) -> Run:
    """Return a run that exists, for the service's own work."""
    return await session.get_one(Run, run_id)


def new_run_id() -> UUID:
    """Return an id for a run that is about to be created; ids tell the order."""
    return uuid7()


async def find_business_id(session: Session, user_id: UUID, client_run_id: str) -> UUID | None:
    """Return which business the user's run is about; of several by that id, the latest."""
    query = (
        select(Run.business_id)
        .where(Run.user_id == user_id, Run.client_run_id == client_run_id)
        .order_by(Run.created_at.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_run_to_execute(session: Session, run_id: UUID) -> Run | None:
    """Return the run for the job that executes it, locked.

    The lock waits for what an earlier attempt is writing; from then on, its writes wait for this
    one, and then find another attempt's number.
    """
    return await session.get(Run, run_id, with_for_update=True)


async def list_chain(session: Session, run: Run) -> Sequence[Run]:
    """List the runs that answer the same question before this one, the first one first."""
    first = run.answers_run_id
    if first is None:
        return ()
    query = (
        select(Run)
        .where((Run.id == first) | (Run.answers_run_id == first), Run.id < run.id)
        .order_by(Run.id)
    )
    return (await session.execute(query)).scalars().all()


async def find_run_to_end(session: Session, run: Run) -> Run:
    """Return the run as it stands now, with its conversation and itself locked."""
    await _lock_conversation(session, run.conversation_id)
    return await session.get_one(Run, run.id, with_for_update=_BESIDE_WRITERS)


async def list_unfinished(session: Session, conversation_id: UUID) -> Sequence[Run]:
    """List the conversation's runs that have not ended, the oldest first."""
    query = (
        select(Run)
        .where(Run.conversation_id == conversation_id, Run.state.not_in(_FINISHED))
        .order_by(Run.created_at)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalars().all()


async def state_of(session: Session, run_id: UUID) -> str:
    """Return the state of a run that exists."""
    return (await session.execute(select(Run.state).where(Run.id == run_id))).scalar_one()


async def insert_run(session: Session, access: Access, run_id: UUID, **values: Any) -> UUID | None:
    """Insert a queued run; return None if the client's run id is taken in this business."""
    statement = (
        pg_insert(Run)
        .values(
            id=run_id,
            business_id=access.business_id,
            user_id=access.user_id,
            state=RunState.QUEUED.value,
            created_at=func.clock_timestamp(),
            **values,
        )
        .on_conflict_do_nothing(index_elements=[Run.business_id, Run.client_run_id])
        .returning(Run.id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_conversation_of(session: Session, run: Run) -> Run:
    """Make starting and ending runs of the conversation one after the other.

    Returns the run as it stands once the lock is held, locked as well.
    """
    await _lock_conversation(session, run.conversation_id)
    await session.refresh(run, with_for_update=_BESIDE_WRITERS)
    return run


async def _lock_conversation(session: Session, conversation_id: UUID) -> None:
    query = (
        select(Conversation.id)
        .where(Conversation.id == conversation_id)
        .with_for_update(key_share=True)
    )
    await session.execute(query)


async def append_events(session: Session, run_id: UUID, events: Sequence[LoggedEvent]) -> None:
    """Append to the run's log; a sequence number that is taken raises IntegrityError."""
    rows = [{"run_id": run_id, **event._asdict()} for event in events]
    await session.execute(insert(RunEvent), rows)


async def last_seq(session: Session, run_id: UUID) -> int:
    """Return the run's last sequence number, 0 if its log is empty."""
    query = select(func.coalesce(func.max(RunEvent.seq), 0)).where(RunEvent.run_id == run_id)
    return (await session.execute(query)).scalar_one()


async def list_events(
    session: Session, run_id: UUID, *, after: int, limit: int
) -> list[LoggedEvent]:
    """List the run's events behind a sequence number."""
    query = (
        select(RunEvent.seq, RunEvent.type, RunEvent.data)
        .where(RunEvent.run_id == run_id, RunEvent.seq > after)
        .order_by(RunEvent.seq)
        .limit(limit)
    )
    return [LoggedEvent(*row) for row in await session.execute(query)]


async def claim_tool_call(
    session: Session, attempt: Attempt, call_id: str, name: str, arguments: dict[str, Any]
) -> ToolCallRecord:
    """Return the row of the tool call, locked; it is new unless its `result` is set.

    A second execution of the same call waits here for the first one's transaction. Raises
    RunSupersededError if the attempt is no longer the run's; until this transaction ends, no
    other attempt can take the run over.
    """
    current = (
        select(
            literal(uuid7(), PG_UUID(as_uuid=True)),
            Run.id,
            literal(call_id, String),
            literal(name, String),
            literal(arguments, JSONB),
            literal("running", String),
        )
        .where(Run.id == attempt.run_id, Run.attempt == attempt.number)
        .with_for_update(read=True, key_share=True)
    )
    inserted = pg_insert(ToolCallRecord).from_select(
        ["id", "run_id", "call_id", "name", "arguments", "status"], current
    )
    # To change nothing is to lock the row that is there, and to return it.
    claimed = inserted.on_conflict_do_update(
        index_elements=[ToolCallRecord.run_id, ToolCallRecord.call_id],
        set_={"call_id": inserted.excluded.call_id},
    ).returning(ToolCallRecord)
    record = (await session.execute(claimed)).scalar_one_or_none()
    if record is None:
        raise RunSupersededError
    return record


async def finish_tool_call(
    session: Session, record: ToolCallRecord, *, status: str, result: str
) -> None:
    """Store what the model sees of the tool call."""
    record.status = status
    record.result = result
    record.finished_at = func.clock_timestamp()
    await session.flush()


async def list_tool_calls(session: Session, run_id: UUID) -> Sequence[ToolCallRecord]:
    """List the run's tool calls in their order."""
    query = (
        select(ToolCallRecord).where(ToolCallRecord.run_id == run_id).order_by(ToolCallRecord.id)
    )
    return (await session.execute(query)).scalars().all()


async def list_results(session: Session, run_id: UUID) -> dict[str, str]:
    """Return what has come of the run's tool calls so far, by call."""
    records = await list_tool_calls(session, run_id)
    return {record.call_id: record.result for record in records if record.result is not None}


async def list_settled_results(session: Session, run_id: UUID) -> dict[str, str]:
    """Return what `list_results` does once no transaction of a call is under way any more.

    Waits for five seconds at most; then it raises an error of `db.session.REFUSED`.
    """
    await session.execute(_PATIENCE)
    await session.execute(select(Run.id).where(Run.id == run_id).with_for_update())
    return await list_results(session, run_id)


async def touch(session: Session, run: Run, *columns: str) -> None:
    """Set time columns of the run to the present."""
    for column in columns:
        setattr(run, column, func.clock_timestamp())
    await session.flush()
