"""What waits for a person's word, and what a business lets the agent do without it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, Str20, Str50, Str100, UpdatedAt


class Approval(Model):
    """One tool call that a run has asked approval for."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("run_id", "call_id"),
        Index(None, "expires_at", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_runs.id"))
    call_id: Mapped[str] = mapped_column(String(128))
    tool: Mapped[Str100]
    arguments: Mapped[dict[str, Any]]
    arguments_hash: Mapped[str] = mapped_column(String(64))
    permission: Mapped[Str50]
    # What the call was proposed upon; another value when it is carried out stops it.
    basis: Mapped[dict[str, Any] | None]
    message: Mapped[str] = mapped_column(Text)
    state: Mapped[Str20]
    edited_arguments: Mapped[dict[str, Any] | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class AgentSettings(Model):
    """How a business wants its agent; without a row, as it comes."""

    __tablename__ = "agent_settings"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    without_approval: Mapped[list[str]] = mapped_column(
        ARRAY(String(100)), server_default=text("'{}'")
    )
    updated_at: Mapped[UpdatedAt]
