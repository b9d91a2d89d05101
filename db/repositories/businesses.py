"""Businesses, their members, and the one lock that orders what is derived for a business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from db.models import Business, Membership
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError


class MemberBusiness(NamedTuple):
    """A business and the role that a user has in it."""

    business: Business
    role: str


async def get_business(session: Session, access: Access) -> Business:
    """Return the caller's business or raise NotFoundError."""
    found = await session.get(Business, access.business_id)
    if found is None:
        raise NotFoundError("There is no such business.")
    return found


async def lock_business(session: Session, access: Access) -> None:
    """Make other transactions that derive something for the business wait for this one.

    Snapshots, score and recommendations are read before they are written, so two refreshes
    at once would store both. Raise NotFoundError if the business is gone.
    """
    # key_share: rows that only refer to the business (messages, runs) need not wait.
    query = (
        select(Business.id).where(Business.id == access.business_id).with_for_update(key_share=True)
    )
    if (await session.execute(query)).scalar_one_or_none() is None:
        raise NotFoundError("There is no such business.")


async def list_businesses_of_user(session: Session, user_id: UUID) -> Sequence[MemberBusiness]:
    """List the businesses that the user is a member of, the oldest first."""
    query = (
        select(Business, Membership.role)
        .join(Membership, Membership.business_id == Business.id)
        .where(Membership.user_id == user_id)
        .order_by(Business.created_at, Business.id)
    )
    return [MemberBusiness(*row) for row in (await session.execute(query)).all()]


async def find_role(session: Session, user_id: UUID, business_id: UUID) -> str | None:
    """Return the user's role in the business, or None if they are no member."""
    query = select(Membership.role).where(
        Membership.user_id == user_id, Membership.business_id == business_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def insert_business(session: Session, business: Business, owner_id: UUID) -> Business:
    """Store the business with the user as its owner; return it with its id and times."""
    session.add(business)
    await session.flush()
    session.add(Membership(user_id=owner_id, business_id=business.id, role="owner"))
    await session.flush()
    await session.refresh(business)
    return business
