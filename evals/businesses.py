"""The business of a case: people of each role, and the ledger that a real sync has read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from uuid import UUID, uuid4

from agent.runtime import AgentRuntime
from db.columns import KeyRing
from db.models import Membership
from db.repositories import users
from db.repositories.syncs import SyncState
from db.session import Database
from domain.access import Access, Role
from domain.errors import ExternalServiceError
from evals.given import Ledger, Setting
from evals.stand_ins import StripeAddress
from integrations.stripe.client import StripeClient
from services import businesses, integrations, syncs
from services.inspection import inspect_account
from services.syncs import SyncView

Members = Mapping[Role, Access]
CD_SHOP_NAME = "CD shop"
_STRIPE_SECONDS = 30.0
_SYNC_SECONDS = 120.0
_POLL_SECONDS = 0.03


async def make_business(
    database: Database, setting: Setting, stripe: StripeAddress, ring: KeyRing
) -> Members:
    """Store the business with an owner, an admin and a viewer, and connect its Stripe account."""
    members = await _store_people(database, setting)
    owner = members[Role.OWNER]
    async with StripeClient(
        stripe.key, api_base=stripe.url, timeout_seconds=_STRIPE_SECONDS
    ) as gateway:
        inspected = await inspect_account(gateway)
    async with database.unit_of_work() as session:
        await integrations.connect_stripe(
            session,
            owner,
            stripe.key,
            ring=ring,
            account=inspected.account,
            missing=inspected.missing,
            now=setting.synced_at,
        )
    return members


async def _store_people(database: Database, setting: Setting) -> Members:
    ids: dict[Role, UUID] = {role: uuid4() for role in Role}
    named = setting.business.name if isinstance(setting.business, Ledger) else CD_SHOP_NAME
    async with database.unit_of_work() as session:
        for role, user_id in ids.items():
            email = f"{role.value}@evals.invalid"
            await users.ensure_user(session, user_id, email=email, name=role.value)
        business = await businesses.create_business(session, ids[Role.OWNER], named)
        for role in (Role.ADMIN, Role.VIEWER):
            session.add(Membership(user_id=ids[role], business_id=business.id, role=role.value))
    return {role: Access(user_id, business.id, role) for role, user_id in ids.items()}


async def sync_business(runtime: AgentRuntime, access: Access) -> None:
    """Ask for a sync, as an owner would, and wait for its end; raises ExternalServiceError."""
    async with runtime.database.unit_of_work() as session:
        await syncs.request_sync(session, access, runtime.clock())
    sync = await wait_for_syncs(runtime, access)
    if sync is None or sync.state != SyncState.COMPLETED:
        told = sync.error_message if sync else None
        raise ExternalServiceError(f"A case's business could not be synced: {told or 'not begun'}")


async def wait_for_syncs(runtime: AgentRuntime, access: Access) -> SyncView | None:
    """Wait until no sync is queued or running; return the latest one, None if there is none.

    Raises ExternalServiceError if that takes too long.
    """
    until = time.monotonic() + _SYNC_SECONDS
    while True:
        async with runtime.database.unit_of_work() as session:
            latest = next(iter((await syncs.list_syncs(session, access, limit=1)).items), None)
        if latest is None or latest.finished_at is not None:
            return latest
        if time.monotonic() > until:
            message = f"A sync has not ended within {_SYNC_SECONDS:.0f} s; it is {latest.state}."
            raise ExternalServiceError(message)
        await asyncio.sleep(_POLL_SECONDS)
