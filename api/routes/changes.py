"""What has changed about a business."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from api.deps import BusinessAccess, DbSession
from api.schemas.pages import Limit
from services import insight_changes
from services.insight_changes import ChangePage

router = APIRouter(prefix="/v1/businesses/{business_id}", tags=["insight"])


@router.get("/changes", response_model_exclude_none=True)
async def list_changes(
    session: DbSession, access: BusinessAccess, limit: Limit = 20, after: UUID | None = None
) -> ChangePage:
    """List what syncs, events and nights changed: months, score and recommendations."""
    return await insight_changes.list_changes(session, access, limit=limit, after=after)
