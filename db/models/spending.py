"""What language models were asked and cost, and how often runs were asked for."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import CreatedAt, Model, Str20, Str100, Str255

RESERVED = "state = 'reserved'"


class ModelCall(Model):
    """One call of a language model: what it was allowed to cost, and what it cost.

    Amounts are picodollars; `on_day` is the UTC day that pays.
    """

    __tablename__ = "model_calls"
    __table_args__ = (
        Index(None, "business_id", "on_day"),
        Index(None, "conversation_id"),
        Index(None, "run_id"),
        Index("ix_model_calls_reserved", "created_at", postgresql_where=text(RESERVED)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("agent_conversations.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_runs.id"))
    on_day: Mapped[date]
    model: Mapped[Str100]
    price_version: Mapped[Str255 | None]
    state: Mapped[Str20]
    input_tokens: Mapped[int] = mapped_column(Integer)
    cached_input_tokens: Mapped[int] = mapped_column(Integer)
    cache_write_tokens: Mapped[int] = mapped_column(Integer)
    output_tokens: Mapped[int] = mapped_column(Integer)
    reserved_picos: Mapped[int | None] = mapped_column(BigInteger)
    cost_picos: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None]


class BusinessSpend(Model):
    """What the calls of a business have cost on a UTC day, and what is set aside, in picodollars.

    Always the sums over its `model_calls`, changed in the same statement.
    """

    __tablename__ = "business_spend"
    __table_args__ = (
        CheckConstraint("spent_picos >= 0 AND reserved_picos >= 0", name="not_negative"),
    )

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    spent_picos: Mapped[int] = mapped_column(BigInteger)
    reserved_picos: Mapped[int] = mapped_column(BigInteger)


class RunCount(Model):
    """How many runs somebody has asked for since a moment; one row each, used again and again."""

    __tablename__ = "run_counts"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[Str20] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime]
    used: Mapped[int] = mapped_column(Integer)
