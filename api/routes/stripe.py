"""The connection to Stripe and its syncs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from api.deps import BusinessAccess, DbSession, State, UserId
from api.schemas.pages import Limit, Page
from api.stripe_access import open_account, stripe_connect
from db.columns import KeyRing
from domain.access import Permission
from domain.errors import StripeError, VaultraError
from services import businesses, integrations, syncs
from services.inspection import inspect_account, require_restricted_key
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
    """Connect a Stripe account by a restricted key, after trying what the key may read.

    `missing_permissions` are those of lists that stay unread until the key has them.
    """
    key = require_restricted_key(body.key.get_secret_value())
    async with state.database.unit_of_work() as session:
        access = await businesses.access_for(session, user_id, business_id)
        access.require(Permission.SYNC)
    # No session is held while Stripe is asked; the role may have changed by then.
    async with open_account(state, key) as gateway:
        inspected = await inspect_account(gateway)
    async with state.database.unit_of_work() as session:
        return await integrations.connect_stripe(
            session,
            await businesses.access_for(session, user_id, business_id),
            key,
            ring=KeyRing(state.wiring.key_ring),
            account=inspected.account,
            missing=inspected.missing,
            now=state.agent.clock(),
        )


@router.delete("/integrations/stripe", status_code=204)
async def disconnect_stripe(state: State, user_id: UserId, business_id: UUID) -> None:
    """Delete the stored key or token and, if it was granted by OAuth, the grant at Stripe.

    What was read with it stays; a later connection goes on from there.
    """
    async with state.database.unit_of_work() as session:
        access = await businesses.access_for(session, user_id, business_id)
        parted = await integrations.disconnect_stripe(session, access)
    if parted.deauthorize:
        await _deauthorize(state, parted.account_id)


async def _deauthorize(state: State, account_id: str) -> None:
    try:
        await stripe_connect(state.settings).deauthorize(account_id)
    except VaultraError as error:
        raise StripeError(
            f"The token was deleted here, but Stripe still has the grant. {error.message}",
            hint="Send the request again, or remove Vaultra in Stripe's dashboard.",
        ) from error


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
