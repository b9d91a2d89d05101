"""Conversations, their messages, and the runs that answer them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import (
    CreatedAt,
    Model,
    RandomId,
    Str20,
    Str50,
    Str100,
    Str255,
    UpdatedAt,
)

ACTIVE_RUN = "state IN ('running', 'awaiting_approval')"
# As text: PostgreSQL uses a partial index where it sees the index's own condition.
UNFINISHED_RUN = "state IN ('queued', 'running', 'awaiting_approval')"
KEPT_EVENTS = "events_pruned_at IS NULL"


class Conversation(Model):
    """A conversation of one user about one business."""

    __tablename__ = "agent_conversations"
    __table_args__ = (
        Index(
            "ix_agent_conversations_business_id_updated_at",
            "business_id",
            text("updated_at DESC"),
        ),
        Index(None, "user_id"),
    )

    id: Mapped[RandomId]
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    # Beyond the specification.
    title: Mapped[Str255 | None]
    archived_at: Mapped[datetime | None]


class Message(Model):
    """One message of a conversation, by its user or its assistant."""

    __tablename__ = "agent_messages"
    __table_args__ = (
        Index(None, "conversation_id", "created_at"),
        Index(None, "run_id"),
    )

    id: Mapped[RandomId]
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("agent_conversations.id"))
    role: Mapped[Str20]
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    # Beyond the specification.
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent_runs.id", use_alter=True))
    message_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata")


class ConversationSummary(Model):
    """What a model is told of the turns that no longer fit before it; one a conversation."""

    __tablename__ = "conversation_summaries"

    conversation_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_conversations.id"), primary_key=True
    )
    covers_message_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent_messages.id"))
    covered_until: Mapped[datetime]
    content: Mapped[dict[str, Any]]
    updated_at: Mapped[UpdatedAt]


class Run(Model):
    """One execution of the graph for one user message."""

    __tablename__ = "agent_runs"
    __table_args__ = (
        UniqueConstraint("business_id", "client_run_id"),
        Index(
            "uq_agent_runs_conversation_id_active",
            "conversation_id",
            unique=True,
            postgresql_where=text(ACTIVE_RUN),
        ),
        Index(None, "conversation_id", "created_at"),
        Index(None, "answers_run_id", postgresql_where=text("answers_run_id IS NOT NULL")),
        Index(
            "ix_agent_runs_created_at_unfinished",
            "created_at",
            postgresql_where=text(UNFINISHED_RUN),
        ),
        Index("ix_agent_runs_finished_at_kept", "finished_at", postgresql_where=text(KEPT_EVENTS)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("agent_conversations.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    client_run_id: Mapped[str] = mapped_column(String(128))
    input_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[Str20]
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    model: Mapped[Str100 | None]
    prompt_version: Mapped[str | None] = mapped_column(String(64))
    usage: Mapped[dict[str, Any] | None]
    error_code: Mapped[Str100 | None]
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
    # Whose question this run goes on answering, after an approval; None if it has its own.
    answers_run_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent_runs.id"))
    started_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    events_pruned_at: Mapped[datetime | None]


class RunEvent(Model):
    """One event of a run, exactly as it is sent; the sequence starts at 1 without gaps."""

    __tablename__ = "agent_run_events"

    # Without a foreign key: whoever writes has read and locked the run's row.
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    type: Mapped[Str50]
    data: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]


class ToolCallRecord(Model):
    """One tool call of a run: its arguments and what the model saw of its result."""

    __tablename__ = "agent_tool_calls"
    __table_args__ = (UniqueConstraint("run_id", "call_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_runs.id"))
    call_id: Mapped[str] = mapped_column(String(128))
    name: Mapped[Str100]
    arguments: Mapped[dict[str, Any]]
    status: Mapped[Str20]
    result: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
