"""Snapshots, the readiness score and recommendations."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints

from api.deps import BusinessAccess, DbSession, State
from api.schemas.pages import Limit, Moment, Page
from domain.metrics import MetricName
from domain.periods import Month
from services import readiness, recommendations, snapshots
from services.figures import SnapshotQueryResult
from services.readiness_results import ReadinessExplanation, RecomputedReadiness, ScorePoint
from services.recommendations import RecommendationView

router = APIRouter(prefix="/v1/businesses/{business_id}", tags=["insight"])
Status = Literal["pending", "accepted", "dismissed"]
Priority = Literal["low", "medium", "high"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=255)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]


class NewRecommendation(BaseModel):
    """A recommendation to create."""

    title: Title
    description: Description
    category: Literal["cash_flow", "risk", "revenue", "operations", "data"]
    priority: Priority = "medium"


class RecommendationChange(BaseModel):
    """What is to change about a recommendation; what is left out stays."""

    status: Status | None = None
    priority: Priority | None = None
    title: Title | None = None
    description: Description | None = None


@router.get("/snapshots")
async def list_snapshots(
    state: State,
    session: DbSession,
    access: BusinessAccess,
    first: Annotated[str, Query(alias="from", description="First month, YYYY-MM.")],
    last: Annotated[str, Query(alias="to", description="Last month, YYYY-MM.")],
    known_at: Annotated[
        Moment | None, Query(description="Figures as they were known at this moment.")
    ] = None,
) -> SnapshotQueryResult:
    """Read every metric of every month of a range, and of the range as a whole."""
    return await snapshots.query(
        session,
        access,
        metrics=list(MetricName),
        first=Month.parse(first),
        last=Month.parse(last),
        now=state.agent.clock(),
        known_at=known_at,
    )


@router.get("/readiness")
async def get_readiness(
    state: State, session: DbSession, access: BusinessAccess
) -> ReadinessExplanation:
    """Read the current score, explained."""
    return await readiness.explain_current(session, access, now=state.agent.clock())


@router.get("/readiness/history", response_model_exclude_none=True)
async def list_readiness(
    session: DbSession,
    access: BusinessAccess,
    limit: Limit = 100,
    after: Moment | None = None,
) -> Page[ScorePoint]:
    """List the scores, the latest first; `after` is the time of the last one of the page before."""
    found = await readiness.history(session, access, limit=limit + 1, before=after)
    following = found[limit - 1].computed_at.isoformat() if len(found) > limit else None
    return Page(items=found[:limit], next=following)


@router.post("/readiness")
async def recompute_readiness(
    state: State, session: DbSession, access: BusinessAccess
) -> RecomputedReadiness:
    """Compute the score again."""
    return await readiness.recompute(session, access, now=state.agent.clock())


@router.get("/recommendations", response_model_exclude_none=True)
async def list_recommendations(
    session: DbSession,
    access: BusinessAccess,
    status: Literal["pending", "accepted", "dismissed", "all"] = "pending",
) -> Page[RecommendationView]:
    """List the recommendations, the most important first."""
    found = await recommendations.list_recommendations(session, access, status=status)
    return Page(items=found.recommendations)


@router.post("/recommendations", status_code=201, response_model_exclude_none=True)
async def create_recommendation(
    session: DbSession, access: BusinessAccess, body: NewRecommendation
) -> RecommendationView:
    """Create a recommendation; a pending one of the same title is returned instead."""
    created = await recommendations.create(session, access, **body.model_dump())
    return created.recommendation


@router.patch("/recommendations/{recommendation_id}", response_model_exclude_none=True)
async def change_recommendation(
    session: DbSession,
    access: BusinessAccess,
    recommendation_id: UUID,
    body: RecommendationChange,
) -> RecommendationView:
    """Accept, dismiss or reopen a recommendation, or change what it says."""
    changed = await recommendations.update(
        session, access, recommendation_id, **body.model_dump(exclude_unset=True)
    )
    return changed.recommendation
