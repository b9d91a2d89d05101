"""What Vaultra concludes: monthly metrics, scores, recommendations."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    func,
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


class MetricSnapshot(Model):
    """Metrics of one business over one period, both days inclusive."""

    __tablename__ = "financial_metric_snapshots"
    __table_args__ = (
        UniqueConstraint("business_id", "period_start", "period_end"),
        Index(
            "ix_financial_metric_snapshots_business_id_period_end",
            "business_id",
            text("period_end DESC"),
        ),
    )

    id: Mapped[RandomId]
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    period_start: Mapped[date]
    period_end: Mapped[date]
    revenue_total: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    revenue_volatility: Mapped[Decimal | None] = mapped_column(Numeric(10, 4))
    chargeback_count: Mapped[int | None] = mapped_column(Integer, server_default=text("0"))
    chargeback_ratio: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    refund_count: Mapped[int | None] = mapped_column(Integer, server_default=text("0"))
    refund_ratio: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    mrr: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    metrics_json: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]


class SnapshotRevision(Model):
    """What a snapshot said from `known_from` until `known_until`, when a rebuild replaced it."""

    __tablename__ = "snapshot_revisions"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    period_start: Mapped[date] = mapped_column(primary_key=True)
    known_until: Mapped[datetime] = mapped_column(primary_key=True)
    known_from: Mapped[datetime]
    # No foreign key: a month that the ledger lost has no snapshot any more.
    snapshot_id: Mapped[UUID]
    period_end: Mapped[date]
    revenue_total: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    revenue_volatility: Mapped[Decimal | None] = mapped_column(Numeric(10, 4))
    chargeback_count: Mapped[int | None] = mapped_column(Integer)
    chargeback_ratio: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    refund_count: Mapped[int | None] = mapped_column(Integer)
    refund_ratio: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    mrr: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    metrics_json: Mapped[dict[str, Any] | None]


class ReadinessScore(Model):
    """One computation of the readiness score; the latest row is the current one."""

    __tablename__ = "readiness_scores"
    __table_args__ = (
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        Index("ix_readiness_scores_business_id_created_at", "business_id", text("created_at DESC")),
    )

    id: Mapped[RandomId]
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    score: Mapped[int]
    tier: Mapped[str] = mapped_column(String(30))
    components: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]


class ReadinessScoreDetail(Model):
    """What makes a score accountable: its model, inputs and full explanation."""

    __tablename__ = "readiness_score_details"

    score_id: Mapped[UUID] = mapped_column(ForeignKey("readiness_scores.id"), primary_key=True)
    model_version: Mapped[Str50]
    confidence: Mapped[Decimal] = mapped_column(Numeric(5, 4))
    inputs_hash: Mapped[str] = mapped_column(String(64))
    data_as_of: Mapped[datetime | None]
    explanation: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any] | None]
    exact_score: Mapped[float | None] = mapped_column(Double)


class Recommendation(Model):
    """Something the business can do to become more fundable."""

    __tablename__ = "recommendations"
    __table_args__ = (
        Index(None, "business_id", "status"),
        Index("ix_recommendations_business_id_created_at", "business_id", text("created_at DESC")),
    )

    id: Mapped[RandomId]
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    title: Mapped[Str255]
    description: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[Str20 | None] = mapped_column(server_default=text("'medium'"))
    category: Mapped[Str50 | None]
    status: Mapped[Str20 | None] = mapped_column(server_default=text("'pending'"))
    metric_refs: Mapped[dict[str, Any] | None]
    estimated_impact: Mapped[Str100 | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class RecommendationChange(Model):
    """One change of a recommendation and who made it; a trigger refuses to alter or delete it."""

    __tablename__ = "recommendation_changes"
    __table_args__ = (Index(None, "recommendation_id", "changed_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    recommendation_id: Mapped[UUID] = mapped_column(ForeignKey("recommendations.id"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[Str20]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    rule: Mapped[Str50 | None]
    model_version: Mapped[Str50 | None]
    changes: Mapped[dict[str, Any]]
    why: Mapped[Str255]
