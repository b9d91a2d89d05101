"""What language models cost a business."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import BusinessAccess, DbSession, State
from services import model_usage
from services.model_usage import UsageReport

router = APIRouter(prefix="/v1/businesses/{business_id}", tags=["usage"])


@router.get("/usage", response_model_exclude_none=True)
async def get_usage(
    state: State,
    session: DbSession,
    access: BusinessAccess,
    first: Annotated[date | None, Query(alias="from", description="A UTC day.")] = None,
    last: Annotated[date | None, Query(alias="to", description="A UTC day.")] = None,
) -> UsageReport:
    """Read tokens and cost by UTC day and model, and what is left of today's budget."""
    return await model_usage.report(
        session, access, state.agent.spending, state.agent.clock(), first=first, last=last
    )
