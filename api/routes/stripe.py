"""The connection to Stripe and its syncs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from api.deps import BusinessAccess, DbSession, State, UserId
from api.schemas.pages import Limit, Page
from db.columns import KeyRing
from domain.access import Access, Permission
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import StripeAccount
from services import businesses, integrations, syncs
from services.integrations import StripeIntegration
from services.syncs import SyncPage, SyncView

router = APIRouter(prefix="/v1/businesses/{business_id}", tags=["stripe"])


class NewStripeConnection(BaseModel):
    """A restricted key; it is stored encrypted and never shown again."""

    key: Annotated[SecretStr, Field(min_length=8, max_length=255)]


class SyncStarted(BaseModel):
    """The sync that was asked for, or the one that was running already."""

    id: UUID
    state: str
    already_running: bool


@router.get("/integrations", response_model_exclude_none=True)
async def list_integrations(session: DbSession, access: BusinessAccess) -> Page[StripeIntegration]:
    """List the connected accounts."""
    found = await integrations.find_integration(session, access)
    return Page(items=[] if found is None else [found])


@router.post("/integrations/stripe", status_code=201, response_model_exclude_none=True)
async def connect_stripe(
    state: State, user_id: UserId, business_id: UUID, body: NewStripeConnection
) -> StripeIntegration:
    """Connect a Stripe account by a restricted key, after trying what the key may read."""
    key = integrations.require_restricted_key(body.key.get_secret_value())
    async with state.database.unit_of_work() as session:
        access = await businesses.access_for(session, user_id, business_id)
        access.require(Permission.SYNC)
    account = await _inspect(state, key)
    async with state.database.unit_of_work() as session:
        return await _store(session, access, key, account, state)


async def _inspect(state: State, key: str) -> StripeAccount:
    settings = state.settings.stripe
    client = StripeClient(key, api_base=settings.api_base, timeout_seconds=settings.timeout_seconds)
    # No session is held while Stripe is asked.
    async with client as gateway:
        return await integrations.inspect_account(gateway)


async def _store(
    session: DbSession,
    access: Access,
    key: str,
    account: StripeAccount,
    state: State,
) -> StripeIntegration:
    return await integrations.connect_stripe(
        session,
        access,
        key,
        ring=KeyRing(state.wiring.key_ring),
        account=account,
        now=state.agent.clock(),
    )


@router.post("/integrations/stripe/syncs", status_code=202)
async def start_sync(state: State, session: DbSession, access: BusinessAccess) -> SyncStarted:
    """Start a sync, or attach to the one that is running."""
    started = await syncs.request_sync(session, access, state.agent.clock())
    return SyncStarted(
        id=started.sync_id, state=started.state, already_running=started.already_running
    )


@router.get("/syncs", response_model_exclude_none=True)
async def list_syncs(
    session: DbSession, access: BusinessAccess, limit: Limit = 20, after: UUID | None = None
) -> SyncPage:
    """List the syncs, the latest first."""
    return await syncs.list_syncs(session, access, limit=limit, after=after)


@router.get("/syncs/{sync_id}", response_model_exclude_none=True)
async def get_sync(session: DbSession, access: BusinessAccess, sync_id: UUID) -> SyncView:
    """Read how far a sync has got."""
    return await syncs.get_sync(session, access, sync_id)
