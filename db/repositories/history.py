"""What a model may be told of a conversation: the latest turns' rows, and what sums up the rest."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    DateTime,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg as AsyncpgDialect
from sqlalchemy.sql.compiler import SQLCompiler

from db.models import ConversationSummary, Message, Run, ToolCallRecord
from db.session import Database, Session
from domain.access import Access


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


class Past(NamedTuple):
    """The run that was asked, what sums up the turns before it, and the business it is about.

    `covered_until` and what follows is of the summary, None where there is none; `synced_at` and
    `account` (its metadata) of the Stripe account; `month` of the last stored month's metrics.
    """

    question_id: UUID
    conversation_id: UUID
    asked_at: datetime
    covered_until: datetime | None
    covers_message_id: UUID | None
    summary: dict[str, Any] | None
    business: str
    account: dict[str, Any] | None
    synced_at: datetime | None
    month: dict[str, Any] | None


# The columns of `Past`, and what they are read from beside the run that was asked.
PAST = """
    {question}.id, {question}.conversation_id, {question}.created_at,
    summary.covered_until, summary.covers_message_id, summary.content,
    business.name, account.metadata, account.last_synced_at, month.told"""
PAST_JOINS = """
JOIN businesses AS business ON business.id = {question}.business_id
LEFT JOIN conversation_summaries AS summary
    ON summary.conversation_id = {question}.conversation_id
LEFT JOIN integration_accounts AS account
    ON account.business_id = {question}.business_id AND account.provider = 'stripe'
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('currency', metrics_json -> 'currency',
        'time_zone', metrics_json -> 'time_zone') AS told
    FROM financial_metric_snapshots AS snapshot
    WHERE snapshot.business_id = {question}.business_id
    ORDER BY period_end DESC LIMIT 1
) AS month ON true
"""
_PAST = """
SELECT {past}
FROM agent_runs AS run
JOIN agent_runs AS question ON question.id = COALESCE(run.answers_run_id, run.id)
{joins}
WHERE run.id = $1 AND run.business_id = $2
""".format(past=PAST.format(question="question"), joins=PAST_JOINS.format(question="question"))


async def find_past(database: Database, access: Access, run_id: UUID) -> Past | None:
    """Return what is behind the run, without a lock: what is read of the run does not change.

    The question is the run itself, or the first one of those that answer it.
    """
    rows = await database.fetch(_PAST, run_id, access.business_id)
    return Past(*rows[0]) if rows else None


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


async def list_rows(database: Database, past: Past, *, turns: int) -> list[HistoryRow]:
    """List what the run's model may know, in no order: the rows of the latest runs up to its own.

    At most `turns` runs that were asked, and as many messages without a run, are read, all asked
    behind what the summary covers. What was asked later than the run is left out: it waits for
    this answer.
    """
    statement, values = rows_statement(past, turns=turns)
    return [HistoryRow(*row) for row in await database.fetch(statement, *values)]


def rows_statement(past: Past, *, turns: int) -> tuple[str, list[object]]:
    """Return the statement of `list_rows` and its values."""
    compiled = _compiled_rows()
    given = {
        **compiled.params,
        "conversation": past.conversation_id,
        "asked_at": past.asked_at,
        "after": past.covered_until,
        "turns": turns,
    }
    return str(compiled), [given[name] for name in compiled.positiontup or ()]


@cache
def _compiled_rows() -> SQLCompiler:
    # Built once: to build it takes longer than to execute it.
    compiled = _rows_query().compile(dialect=AsyncpgDialect())  # type: ignore[no-untyped-call]
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _rows_query() -> CompoundSelect[Any]:
    conversation = bindparam("conversation", type_=PG_UUID(as_uuid=True))
    asked_at = bindparam("asked_at", type_=DateTime(timezone=True))
    after = func.coalesce(bindparam("after", type_=DateTime(timezone=True)), _BEFORE_ALL)
    turns = bindparam("turns", type_=Integer)
    asked = (
        select(Run.id.label("turn_id"), Run.created_at.label("asked_at"))
        .where(
            Run.conversation_id == conversation,
            Run.created_at <= asked_at,
            Run.created_at > after,
            Run.answers_run_id.is_(None),
        )
        .order_by(Run.created_at.desc())
        .limit(turns)
    )
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
            Message.conversation_id == conversation,
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
            Message.conversation_id == conversation,
            Message.run_id.is_(None),
            Message.created_at > func.coalesce(oldest, after),
            Message.created_at <= asked_at,
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
