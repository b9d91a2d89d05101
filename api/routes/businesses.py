"""The caller, and the businesses they may see."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from api.deps import BusinessAccess, DbSession, KnownUser, UserId
from api.schemas.pages import Page
from services import businesses
from services.businesses import BusinessProfile, BusinessView
from services.users import UserView

router = APIRouter(prefix="/v1", tags=["businesses"])


class NewBusiness(BaseModel):
    """A business to create; the caller becomes its owner."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    legal_entity: Annotated[str, StringConstraints(max_length=255)] | None = None
    industry: Annotated[str, StringConstraints(max_length=100)] | None = None
    founded_at: date | None = None


@router.get("/me", response_model_exclude_none=True)
async def get_me(user: KnownUser) -> UserView:
    """Read who the caller is."""
    return user


@router.get("/businesses", response_model_exclude_none=True)
async def list_businesses(session: DbSession, user_id: UserId) -> Page[BusinessView]:
    """List the businesses that the caller is a member of."""
    return Page(items=list(await businesses.list_for_user(session, user_id)))


@router.post("/businesses", status_code=201, response_model_exclude_none=True)
async def create_business(session: DbSession, user: KnownUser, body: NewBusiness) -> BusinessView:
    """Create a business."""
    return await businesses.create_business(session, user.id, **body.model_dump())


@router.get("/businesses/{business_id}", response_model_exclude_none=True)
async def get_business(
    session: DbSession,
    access: BusinessAccess,
    business_id: UUID,  # noqa: ARG001 - documented; the access was made from it
) -> BusinessProfile:
    """Read what is known about a business."""
    return await businesses.profile(session, access)
