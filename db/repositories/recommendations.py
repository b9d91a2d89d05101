"""Recommendations: the pending ones first by priority, then the latest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, case, func, select, tuple_
from uuid_utils.compat import uuid7

from db.models import Recommendation, RecommendationChange
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError


class RecommendationStatus(StrEnum):
    """Where a recommendation stands (`recommendations.status`)."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


MOST_IMPORTANT_FIRST = (
    case((Recommendation.priority == "high", 1), (Recommendation.priority == "medium", 2), else_=3),
    Recommendation.created_at.desc(),
)


async def list_pending(session: Session, access: Access) -> Sequence[Recommendation]:
    """List the pending recommendations, the most important first."""
    return await list_recommendations(session, access, status=RecommendationStatus.PENDING)


async def list_recommendations(
    session: Session, access: Access, *, status: str | None = None
) -> Sequence[Recommendation]:
    """List the recommendations of a status, or all, the most important first."""
    query = _of_business(access).order_by(*MOST_IMPORTANT_FIRST)
    if status is not None:
        query = query.where(Recommendation.status == status)
    return (await session.execute(query)).scalars().all()


async def list_made_by_rules(session: Session, access: Access) -> Sequence[Recommendation]:
    """List the recommendations of every status that a rule made, the latest first."""
    query = (
        _of_business(access)
        .where(Recommendation.metric_refs.has_key("rule"))
        .order_by(Recommendation.created_at.desc(), Recommendation.id)
    )
    return (await session.execute(query)).scalars().all()


async def get_recommendation(
    session: Session, access: Access, recommendation_id: UUID
) -> Recommendation:
    """Return the recommendation or raise NotFoundError."""
    query = _of_business(access).where(Recommendation.id == recommendation_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("There is no such recommendation. List them to see their ids.")
    return found


async def insert_recommendation(session: Session, recommendation: Recommendation) -> Recommendation:
    """Store the recommendation; return it with its id and times."""
    # now() is the transaction's start: two of one transaction would tie in their order.
    recommendation.created_at = func.clock_timestamp()
    recommendation.updated_at = func.clock_timestamp()
    session.add(recommendation)
    return await save_recommendation(session, recommendation)


async def save_recommendation(session: Session, recommendation: Recommendation) -> Recommendation:
    """Write the changed fields, if any; return the row as it is stored."""
    await session.flush()
    await session.refresh(recommendation)
    return recommendation


async def insert_change(session: Session, change: RecommendationChange) -> None:
    """Add a change to the history, which is never altered."""
    change.id = uuid7()
    session.add(change)
    await session.flush()


async def list_changes(
    session: Session,
    access: Access,
    recommendation_id: UUID,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> Sequence[RecommendationChange]:
    """List a recommendation's changes, the latest first, from behind a position on."""
    order = tuple_(RecommendationChange.changed_at, RecommendationChange.id)
    query = (
        select(RecommendationChange)
        .where(
            RecommendationChange.business_id == access.business_id,
            RecommendationChange.recommendation_id == recommendation_id,
        )
        .order_by(RecommendationChange.changed_at.desc(), RecommendationChange.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(order < after)
    return (await session.execute(query)).scalars().all()


def _of_business(access: Access) -> Select[Recommendation]:
    return (
        select(Recommendation)
        .where(Recommendation.business_id == access.business_id)
        .execution_options(populate_existing=True)
    )
