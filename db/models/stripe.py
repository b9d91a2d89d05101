"""The connection to Stripe, the ways to it, and the log of its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
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


class IntegrationAccount(Model):
    """A business's account at a provider; the token is encrypted and bound to its row."""

    __tablename__ = "integration_accounts"
    __table_args__ = (
        UniqueConstraint("business_id", "provider"),
        Index(None, "provider", "external_id"),
    )

    id: Mapped[RandomId]
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    provider: Mapped[Str50]
    external_id: Mapped[Str255]
    access_token_encrypted: Mapped[str | None] = mapped_column(Text)
    account_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    status: Mapped[Str20 | None] = mapped_column(server_default=text("'active'"))
    last_synced_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class StripeEvent(Model):
    """One event received from Stripe, stored once."""

    __tablename__ = "stripe_events"
    __table_args__ = (
        UniqueConstraint("stripe_event_id"),
        Index(None, "integration_id", "created_at"),
        Index(None, "processed_at", postgresql_where=text("processed_at IS NULL")),
    )

    id: Mapped[RandomId]
    integration_id: Mapped[UUID | None] = mapped_column(ForeignKey("integration_accounts.id"))
    stripe_event_id: Mapped[Str255]
    event_type: Mapped[Str100]
    payload: Mapped[dict[str, Any] | None]
    processed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class StripeEventFailure(Model):
    """An event whose object could not be fetched; set aside once that has no prospect."""

    __tablename__ = "stripe_event_failures"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("stripe_events.id"), primary_key=True)
    attempts: Mapped[int] = mapped_column(Integer)
    error_code: Mapped[Str100]
    error_message: Mapped[str] = mapped_column(String(500))
    set_aside_at: Mapped[datetime | None]
    updated_at: Mapped[UpdatedAt]


class OAuthState(Model):
    """A question to Stripe that waits for its answer: who asked, and in which browser.

    Both hashes are SHA-256 in hexadecimal; what they are of is never stored.
    """

    __tablename__ = "oauth_states"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    browser_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
