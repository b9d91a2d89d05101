"""Who uses the service and for which business."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, RandomId, Str20, Str100, Str255, UpdatedAt


class User(Model):
    """A person who signs in."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[RandomId]
    email: Mapped[Str255]
    hashed_password: Mapped[Str255 | None]
    name: Mapped[Str255 | None]
    avatar_url: Mapped[str | None] = mapped_column(String(512))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Business(Model):
    """A business whose readiness is assessed."""

    __tablename__ = "businesses"

    id: Mapped[RandomId]
    name: Mapped[Str255]
    legal_entity: Mapped[Str255 | None]
    industry: Mapped[Str100 | None]
    revenue_estimate: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    founded_at: Mapped[date | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Membership(Model):
    """A user's role in a business."""

    __tablename__ = "user_business_memberships"
    __table_args__ = (Index(None, "business_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    role: Mapped[Str20] = mapped_column(server_default=text("'owner'"))
    created_at: Mapped[CreatedAt]
