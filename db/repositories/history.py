"""What a model may be told of a conversation: the latest turns' rows, and what sums up the rest."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    DateTime,
    Select,
    String,
    Text,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from db.models import ConversationSummary, Message, Run, ToolCallRecord
from db.session import Session


class RowKind(StrEnum):
    """Which table a row is from."""

    MESSAGE = "message"
    CALL = "call"


class HistoryRow(NamedTuple):
    """A message or a tool call of a conversation.

    `turn_id` is the run that was asked, also for what a run that went on after an approval has
    added; None for a message that no run asked or answered. `asked_at` is when that run was asked
    for, or when such a message was written. Of a call, `name` is the tool and `text` its
    result; of a message, its role and its content.
    """

    kind: str
    turn_id: UUID | None
    asked_at: datetime
    id: UUID
    name: str
    text: str | None
    call_id: str | None
    arguments: Any
    status: str | None
    created_at: datetime
    finished_at: datetime | None


async def find_run(session: Session, run_id: UUID) -> Run | None:
    """Return the run, without a lock: what is read of it here does not change."""
    return await session.get(Run, run_id)


async def find_summary(session: Session, conversation_id: UUID) -> ConversationSummary | None:
    """Return what sums up the conversation's older turns."""
    return await session.get(ConversationSummary, conversation_id)


async def put_summary(
    session: Session,
    conversation_id: UUID,
    *,
    covers_message_id: UUID | None,
    covered_until: datetime,
    content: dict[str, Any],
) -> None:
    """Store what sums up the conversation's older turns, in the place of what did before."""
    values = {
        "covers_message_id": covers_message_id,
        "covered_until": covered_until,
        "content": content,
        "updated_at": func.clock_timestamp(),
    }
    await session.execute(
        insert(ConversationSummary)
        .values(conversation_id=conversation_id, **values)
        .on_conflict_do_update(index_elements=[ConversationSummary.conversation_id], set_=values)
    )


async def find_question(session: Session, run: Run) -> Run:
    """Return the run whose question this one answers: itself, or the first one of its chain."""
    if run.answers_run_id is None:
        return run
    return await session.get_one(Run, run.answers_run_id)


async def list_rows(
    session: Session, run: Run, *, after: datetime | None, turns: int
) -> list[HistoryRow]:
    """List what the run's model may know, in no order: the rows of the latest runs up to its own.

    `run` is the one that was asked (`find_question`). At most `turns` such runs, and as many
    messages without a run, are read, all asked behind `after`. What was asked later than the run
    is left out: it waits for this answer.
    """
    found = await session.execute(rows_query(run, after=after, turns=turns))
    return [HistoryRow(*row) for row in found]


def rows_query(run: Run, *, after: datetime | None, turns: int) -> CompoundSelect[Any]:
    """Return the statement of `list_rows`."""
    asked = (
        select(Run.id.label("turn_id"), Run.created_at.label("asked_at"))
        .where(
            Run.conversation_id == run.conversation_id,
            Run.created_at <= run.created_at,
            Run.answers_run_id.is_(None),
        )
        .order_by(Run.created_at.desc())
        .limit(turns)
    )
    if after is not None:
        asked = asked.where(Run.created_at > after)
    turns_cte = asked.cte("turns")
    # Each run that was asked, and those that went on with its answer after an approval.
    went_on = (
        select(Run.id).where(Run.answers_run_id == turns_cte.c.turn_id).offset(0).lateral("went_on")
    )
    latest = union_all(
        select(turns_cte.c.turn_id.label("id"), turns_cte.c.turn_id, turns_cte.c.asked_at),
        select(went_on.c.id, turns_cte.c.turn_id, turns_cte.c.asked_at).select_from(
            turns_cte.join(went_on, true())
        ),
    ).cte("latest")
    messages = (
        _message_columns(latest.c.turn_id, latest.c.asked_at)
        .where(
            Message.run_id == latest.c.id,
            Message.conversation_id == run.conversation_id,
            # What an attempt that died had begun to say was said anew.
            Message.message_metadata["partial"].astext.is_distinct_from("interrupted"),
        )
        .offset(0)
        .lateral()
    )
    calls = (
        _call_columns(latest.c.turn_id, latest.c.asked_at)
        .where(ToolCallRecord.run_id == latest.c.id)
        .offset(0)
        .lateral()
    )
    # OFFSET 0 keeps each search a loop over the runs: a join is planned by the size of the tables.
    of_runs = [
        select(*found.c).select_from(latest.join(found, true())) for found in (messages, calls)
    ]
    # Without this bound, the search for messages without a run would pass all that have one.
    oldest = select(func.min(turns_cte.c.asked_at)).having(func.count() == turns).scalar_subquery()
    alone = (
        _message_columns(Message.run_id, Message.created_at)
        .where(
            Message.conversation_id == run.conversation_id,
            Message.run_id.is_(None),
            Message.created_at > func.coalesce(oldest, after or _BEFORE_ALL),
            Message.created_at <= run.created_at,
        )
        .order_by(Message.created_at.desc())
        .limit(turns)
    )
    return union_all(*of_runs, select(alone.subquery()))


_BEFORE_ALL = cast(literal("-infinity"), DateTime(timezone=True))


def _message_columns(turn_id: Any, asked_at: Any) -> Select[Any]:
    return select(
        literal(RowKind.MESSAGE.value).label("kind"),
        turn_id.label("turn"),
        asked_at.label("asked_at"),
        Message.id.label("row_id"),
        cast(Message.role, Text).label("name"),
        Message.content.label("text"),
        cast(null(), String).label("call_id"),
        cast(null(), JSONB).label("arguments"),
        cast(null(), String).label("status"),
        Message.created_at.label("created_at"),
        cast(null(), DateTime(timezone=True)).label("finished_at"),
    )


def _call_columns(turn_id: Any, asked_at: Any) -> Select[Any]:
    return select(
        literal(RowKind.CALL.value).label("kind"),
        turn_id.label("turn"),
        asked_at.label("asked_at"),
        ToolCallRecord.id.label("row_id"),
        cast(ToolCallRecord.name, Text).label("name"),
        ToolCallRecord.result.label("text"),
        ToolCallRecord.call_id,
        ToolCallRecord.arguments,
        ToolCallRecord.status,
        ToolCallRecord.created_at,
        ToolCallRecord.finished_at,
    )
