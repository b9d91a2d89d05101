"""The sync job: Stripe into the ledger, then snapshots, score and recommendations."""

from __future__ import annotations

from uuid import UUID

from db.columns import KeyRing
from db.session import Session
from domain.access import service_access
from services import insight
from services.integrations import stripe_opener
from services.stripe_sync.run import SyncContext, run_sync
from worker.wiring import Wiring


async def sync(wiring: Wiring, sync_id: UUID) -> None:
    """Run the sync; what follows from the new data is stored with its completion."""

    async def conclude(session: Session, context: SyncContext) -> None:
        access = service_access(context.business_id)
        await insight.refresh(session, access, now=wiring.agent.clock())

    await run_sync(
        wiring.database,
        sync_id,
        open_gateway=stripe_opener(
            KeyRing(wiring.key_ring),
            api_base=wiring.stripe.api_base,
            timeout_seconds=wiring.stripe.timeout_seconds,
        ),
        clock=wiring.agent.clock,
        after=conclude,
    )
