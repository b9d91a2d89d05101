"""What a person answers to a run that waits: checked, stored, and bound to what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from agent.approval_rules import APPROVAL_RULES
from agent.run_life import end_waiting
from agent.tools.catalogue import TOOLS
from db.models import Approval, Run
from db.repositories import approvals, runs
from db.session import Database, Session
from domain.access import Access, Permission
from domain.approvals import ApprovalState
from domain.errors import (
    ApprovalDecidedError,
    ApprovalExpiredError,
    InvalidInputError,
    NotFoundError,
)
from domain.runs import RunState

# More than expire between two looks at them; the next look takes what is left.
_AT_ONCE = 200


@dataclass(frozen=True)
class Answer:
    """A person's answer to one approval; `edited_arguments` take the place of what was asked."""

    approval_id: UUID
    approved: bool
    edited_arguments: dict[str, Any] | None = None


async def decide(
    session: Session,
    access: Access,
    conversation_id: UUID,
    answers: Sequence[Answer],
    *,
    now: datetime,
) -> Run | None:
    """Store the answers and end the wait; return the run that waited, None if none is answered.

    Whoever calls holds the conversation. A run whose approvals have expired is ended on the way.
    Raises InvalidInputError unless the answers cover exactly what is open, ApprovalDecidedError,
    ApprovalExpiredError, NotFoundError or NotPermittedError.
    """
    waiting = await _find_waiting(session, conversation_id)
    asked = (
        await approvals.list_approvals(session, [waiting.id], state=ApprovalState.PENDING)
        if waiting
        else ()
    )
    is_overdue = any(one.expires_at <= now for one in asked)
    if not answers:
        if waiting is not None and is_overdue:
            await end_waiting(session, waiting, ApprovalState.EXPIRED)
        return None
    if waiting is None or not {one.id for one in asked} & {one.approval_id for one in answers}:
        await _refuse(session, conversation_id, answers)
    if is_overdue:
        raise ApprovalExpiredError
    assert waiting is not None
    await _store(session, access, asked, _by_approval(asked, answers))
    waiting.state = RunState.COMPLETED.value
    await runs.touch(session, waiting, "finished_at")
    return waiting


async def expire_overdue(database: Database, now: datetime) -> int:
    """End the runs whose approvals nobody has given in time; return how many.

    Each is a transaction of its own, and looked at again under its conversation's lock.
    """
    async with database.unit_of_work() as session:
        overdue = await approvals.list_overdue_runs(session, now, limit=_AT_ONCE)
    for run_id in overdue:
        async with database.unit_of_work() as session:
            run = await runs.lock_conversation_of(session, await runs.get_by_id(session, run_id))
            if run.state == RunState.AWAITING_APPROVAL:
                await end_waiting(session, run, ApprovalState.EXPIRED)
    return len(overdue)


async def _find_waiting(session: Session, conversation_id: UUID) -> Run | None:
    unfinished = await runs.list_unfinished(session, conversation_id)
    waiting = (run for run in unfinished if run.state == RunState.AWAITING_APPROVAL)
    return next(waiting, None)


async def _refuse(session: Session, conversation_id: UUID, answers: Sequence[Answer]) -> None:
    ids = [one.approval_id for one in answers]
    found = await approvals.find_approvals(session, conversation_id, ids)
    if not found:
        raise NotFoundError("There is no such approval.")
    if any(one.state == ApprovalState.EXPIRED.value for one in found):
        raise ApprovalExpiredError
    raise ApprovalDecidedError


def _by_approval(asked: Iterable[Approval], answers: Sequence[Answer]) -> dict[UUID, Answer]:
    given = {one.approval_id: one for one in answers}
    open_ids = {one.id for one in asked}
    if len(given) != len(answers) or set(given) != open_ids:
        missing = ", ".join(sorted(str(one) for one in open_ids - set(given)))
        raise InvalidInputError(
            "resume must answer every open approval, and each of them once."
            + (f" Missing: {missing}." if missing else "")
        )
    return given


async def _store(
    session: Session, access: Access, asked: Sequence[Approval], answers: dict[UUID, Answer]
) -> None:
    for approval in asked:
        answer = answers[approval.id]
        state = ApprovalState.APPROVED if answer.approved else ApprovalState.DENIED
        if answer.approved:
            access.require(Permission(approval.permission))
        if answer.approved and answer.edited_arguments is not None:
            edited = _fitting(approval.tool, answer.edited_arguments)
            rule = APPROVAL_RULES[approval.tool]
            approval.edited_arguments = edited
            approval.basis = await rule.basis(session, access, edited)
        await approvals.decide(session, approval, state, by=access.user_id)


def _fitting(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    schema = TOOLS[tool].tool_call_schema
    assert isinstance(schema, type)
    assert issubclass(schema, BaseModel)
    try:
        schema.model_validate(arguments)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise InvalidInputError(f"editedArgs do not fit {tool}: {names}.") from None
    return arguments
