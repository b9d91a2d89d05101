"""Businesses: who may enter them, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import Business, IntegrationAccount
from db.repositories import businesses as stored
from db.repositories.facts import find_first_charge_at
from db.repositories.history import Past
from db.repositories.integrations import find_integration
from db.session import Session
from domain.access import Access, Role
from domain.errors import NotFoundError
from domain.readiness import complete_months
from services import snapshots
from services.texts import clean_text

NOT_CONNECTED = "not_connected"
NAME_LIMIT = 255
INDUSTRY_LIMIT = 100
UNKNOWN_TIME_ZONE = "UTC"


class BusinessView(BaseModel):
    """A business and the caller's role in it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    legal_entity: str | None
    industry: str | None
    founded_at: date | None
    role: Role
    created_at: datetime


class BusinessProfile(BaseModel):
    """What is known about a business.

    `months_of_history` counts complete months from that of the first payment, as the score does.
    `time_zone` is UTC until Stripe is connected.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    legal_entity: str | None
    industry: str | None
    founded_at: date | None
    currency: str | None
    time_zone: str
    first_charge_at: datetime | None
    months_of_history: int
    stripe_account_status: str


async def access_for(session: Session, user_id: UUID, business_id: UUID) -> Access:
    """Return the user's access; raise NotFoundError unless they are a member."""
    role = await stored.find_role(session, user_id, business_id)
    if role is None:
        raise NotFoundError("There is no such business.")
    return Access(user_id, business_id, Role(role))


async def list_for_user(session: Session, user_id: UUID) -> list[BusinessView]:
    """List the businesses that the user is a member of, the oldest first."""
    found = await stored.list_businesses_of_user(session, user_id)
    return [_view(business, Role(role)) for business, role in found]


async def create_business(
    session: Session,
    user_id: UUID,
    name: str,
    *,
    legal_entity: str | None = None,
    industry: str | None = None,
    founded_at: date | None = None,
) -> BusinessView:
    """Create a business that the user owns; raise InvalidInputError for texts out of bounds."""
    business = Business(
        name=clean_text(name, "name", NAME_LIMIT),
        legal_entity=legal_entity and clean_text(legal_entity, "legal entity", NAME_LIMIT),
        industry=industry and clean_text(industry, "industry", INDUSTRY_LIMIT),
        founded_at=founded_at,
    )
    return _view(await stored.insert_business(session, business, user_id), Role.OWNER)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every answer has to know; `synced_at` is None if Stripe was never read completely."""

    name: str
    currency: str | None
    time_zone: str
    synced_at: datetime | None


def surroundings(past: Past) -> Surroundings:
    """Return the business's surroundings from what was read of it."""
    month, account = past.month or {}, past.account or {}
    return Surroundings(
        name=past.business,
        currency=month.get("currency") or account.get("default_currency"),
        time_zone=str(month.get("time_zone") or account.get("time_zone") or UNKNOWN_TIME_ZONE),
        synced_at=past.synced_at,
    )


async def profile(session: Session, access: Access) -> BusinessProfile:
    """Return what is known about the business or raise NotFoundError."""
    business = await stored.get_business(session, access)
    account = await find_integration(session, access)
    months = await snapshots.list_months(session, access)
    latest = months[-1].stored if months else None
    complete = (
        complete_months([month.metrics for month in months], latest.through) if latest else ()
    )
    first_charge_at = await find_first_charge_at(session, access)
    return BusinessProfile(
        name=business.name,
        legal_entity=business.legal_entity,
        industry=business.industry,
        founded_at=business.founded_at,
        currency=latest.currency if latest else _metadata(account).get("default_currency"),
        time_zone=latest.time_zone if latest else time_zone_of(account),
        first_charge_at=first_charge_at and first_charge_at.astimezone(UTC),
        months_of_history=len(complete),
        stripe_account_status=NOT_CONNECTED if account is None else account.status or NOT_CONNECTED,
    )


def time_zone_of(account: IntegrationAccount | None) -> str:
    """Return the time zone of the account's Stripe dashboard, UTC if it is not known."""
    return str(_metadata(account).get("time_zone") or UNKNOWN_TIME_ZONE)


def _metadata(account: IntegrationAccount | None) -> dict[str, Any]:
    return {} if account is None else account.account_metadata or {}


def _view(business: Business, role: Role) -> BusinessView:
    return BusinessView(
        id=business.id,
        name=business.name,
        legal_entity=business.legal_entity,
        industry=business.industry,
        founded_at=business.founded_at,
        role=role,
        created_at=business.created_at,
    )
