"""The syncs that fill the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, Str20, Str100

ACTIVE_SYNC = "state IN ('queued', 'running')"


class SyncRun(Model):
    """One sync of one account: its cursors are persisted with every page."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        Index(
            "uq_sync_runs_integration_id_active",
            "integration_id",
            unique=True,
            postgresql_where=text(ACTIVE_SYNC),
        ),
        Index(None, "business_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integration_accounts.id"))
    state: Mapped[Str20]
    purpose: Mapped[Str20] = mapped_column(server_default=text("'sync'"))
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    cursors: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    findings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    error_code: Mapped[Str100 | None]
    error_message: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
