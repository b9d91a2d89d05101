"""Approvals of tool calls, and which tools a business lets the agent use without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from db.models import AgentSettings, Approval, Run
from db.session import Session
from domain.access import Access
from domain.approvals import ApprovalState
from domain.runs import RunState


def new_approval_id() -> UUID:
    """Return an id for an approval that is about to be asked for."""
    return uuid7()


async def insert_approvals(session: Session, approvals: Iterable[Approval]) -> None:
    """Store approvals that a run asks for."""
    session.add_all(approvals)
    await session.flush()


async def list_approvals(
    session: Session, run_ids: Iterable[UUID], *, state: ApprovalState | None = None
) -> Sequence[Approval]:
    """List what the runs have asked for, the first one first."""
    query = select(Approval).where(Approval.run_id.in_(list(run_ids))).order_by(Approval.id)
    if state is not None:
        query = query.where(Approval.state == state.value)
    return (await session.execute(query)).scalars().all()


async def list_open(
    session: Session, access: Access, conversation_id: UUID
) -> list[tuple[str, Approval]]:
    """List what a conversation of the business waits for, each with the client's id of its run."""
    query = (
        select(Run.client_run_id, Approval)
        .join(Run, Run.id == Approval.run_id)
        .where(
            Run.conversation_id == conversation_id,
            Run.state == RunState.AWAITING_APPROVAL.value,
            Approval.business_id == access.business_id,
            Approval.state == ApprovalState.PENDING.value,
        )
        .order_by(Approval.id)
    )
    return [(run_id, approval) for run_id, approval in await session.execute(query)]


async def find_approvals(
    session: Session, conversation_id: UUID, ids: Iterable[UUID]
) -> Sequence[Approval]:
    """Return those of the conversation's approvals that have these ids."""
    query = (
        select(Approval)
        .join(Run, Run.id == Approval.run_id)
        .where(Run.conversation_id == conversation_id, Approval.id.in_(list(ids)))
    )
    return (await session.execute(query)).scalars().all()


async def decide(session: Session, approval: Approval, state: ApprovalState, *, by: UUID) -> None:
    """Store a person's decision."""
    approval.state = state.value
    approval.decided_by = by
    approval.decided_at = func.clock_timestamp()
    await session.flush()


async def close_pending(session: Session, run_id: UUID, state: ApprovalState) -> None:
    """Give everything of the run that waits for a decision this state instead."""
    await session.execute(
        update(Approval)
        .where(Approval.run_id == run_id, Approval.state == ApprovalState.PENDING.value)
        .values(state=state.value, decided_at=func.clock_timestamp())
    )


async def list_overdue_runs(session: Session, now: datetime, *, limit: int) -> Sequence[UUID]:
    """List runs of which an approval has expired without a decision."""
    query = (
        select(Approval.run_id)
        .where(Approval.state == ApprovalState.PENDING.value, Approval.expires_at <= now)
        .distinct()
        .limit(limit)
    )
    return (await session.execute(query)).scalars().all()


async def list_without_approval(session: Session, business_id: UUID) -> frozenset[str]:
    """Return the tools that the business lets the agent use without asking."""
    query = select(AgentSettings.without_approval).where(AgentSettings.business_id == business_id)
    return frozenset((await session.execute(query)).scalar_one_or_none() or ())


async def put_without_approval(session: Session, business_id: UUID, tools: Iterable[str]) -> None:
    """Store which tools the business lets the agent use without asking."""
    values = {"without_approval": sorted(tools), "updated_at": func.clock_timestamp()}
    await session.execute(
        insert(AgentSettings)
        .values(business_id=business_id, **values)
        .on_conflict_do_update(index_elements=[AgentSettings.business_id], set_=values)
    )
