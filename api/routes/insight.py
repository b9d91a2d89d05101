"""Snapshots, the readiness score and recommendations."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints

from api.deps import BusinessAccess, DbSession, State
from api.schemas.pages import After, Limit, Moment, Page, decode_position, page_of
from api.schemas.simulations import SimulatedChanges
from domain.metrics import MetricName
from domain.periods import Month
from domain.readiness import Tier
from services import (
    funder_floors,
    readiness,
    recommendation_history,
    recommendations,
    simulations,
    snapshots,
)
from services.figures import SnapshotQueryResult
from services.funder_floors import FloorsResult
from services.readiness_results import ReadinessExplanation, RecomputedReadiness, ScorePoint
from services.recommendation_history import ChangeView
from services.recommendations import RecommendationView
from services.simulation_results import DifferenceResult, PathsResult, SimulationResult

router = APIRouter(prefix="/v1/businesses/{business_id}", tags=["insight"])
Status = Literal["pending", "accepted", "dismissed"]
Priority = Literal["low", "medium", "high"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=255)]
_FROM = "A time at which the earlier score stood; without it, the last one from other data."
_TO = "A time at which the later score stood; without it, now."
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]


class NewRecommendation(BaseModel):
    """A recommendation to create."""

    title: Title
    description: Description
    category: Literal["cash_flow", "risk", "revenue", "operations", "data"]
    priority: Priority = "medium"


class ChangedFields(BaseModel):
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
    return await readiness.recompute(
        session, access, now=state.agent.clock(), rates=state.agent.rates
    )


@router.post("/readiness/simulations")
async def simulate_readiness(
    state: State, session: DbSession, access: BusinessAccess, body: SimulatedChanges
) -> SimulationResult:
    """Compute the score with some inputs changed; nothing is stored."""
    return await simulations.simulate(
        session, access, changes=body.to_changes(), now=state.agent.clock()
    )


@router.get("/readiness/paths")
async def list_readiness_paths(
    state: State, session: DbSession, access: BusinessAccess, target: Tier
) -> PathsResult:
    """Find the cheapest changes that reach a tier."""
    return await simulations.find_paths(session, access, target=target, now=state.agent.clock())


@router.get("/readiness/difference")
async def explain_readiness_difference(
    session: DbSession,
    access: BusinessAccess,
    earlier: Annotated[Moment | None, Query(alias="from", description=_FROM)] = None,
    later: Annotated[Moment | None, Query(alias="to", description=_TO)] = None,
) -> DifferenceResult:
    """Explain why the score that stood at one time differs from the one at another."""
    return await simulations.explain_difference(session, access, earlier=earlier, later=later)


@router.get("/readiness/floors")
async def list_funder_floors(
    state: State, session: DbSession, access: BusinessAccess
) -> FloorsResult:
    """Compare what funders publish with the business's complete months."""
    return await funder_floors.check(session, access, rates=state.agent.rates)


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
    body: ChangedFields,
) -> RecommendationView:
    """Accept, dismiss or reopen a recommendation, or change what it says."""
    changed = await recommendations.update(
        session, access, recommendation_id, **body.model_dump(exclude_unset=True)
    )
    return changed.recommendation


@router.get("/recommendations/{recommendation_id}/changes", response_model_exclude_none=True)
async def list_recommendation_changes(
    session: DbSession,
    access: BusinessAccess,
    recommendation_id: UUID,
    limit: Limit = 50,
    after: After = None,
) -> Page[ChangeView]:
    """List what was changed about a recommendation, by whom and why, the latest first."""
    found = await recommendation_history.list_changes(
        session, access, recommendation_id, limit=limit + 1, after=decode_position(after)
    )
    return page_of(found, limit, lambda item: (item.changed_at, item.id))
