"""The jobs that read Stripe, and what follows from what they read."""

from __future__ import annotations

from uuid import UUID

from db.columns import KeyRing
from db.repositories.jobs import Entrypoint, allow_another, enqueue
from db.session import Session
from domain.access import service_access
from services import catching_up, insight
from services.insight_changes import Cause
from services.integrations import OpenGateway, stripe_opener
from services.stripe_sync.run import SyncContext, run_sync
from worker.wiring import Wiring


async def sync(wiring: Wiring, sync_id: UUID) -> None:
    """Run the sync; what follows from the new data is stored with its completion."""

    async def conclude(session: Session, context: SyncContext) -> None:
        access = service_access(context.business_id)
        await insight.refresh(session, access, now=wiring.agent.clock(), rates=wiring.agent.rates)

    await run_sync(
        wiring.database,
        sync_id,
        open_gateway=_opener(wiring),
        clock=wiring.agent.clock,
        after=conclude,
    )


async def apply_events(wiring: Wiring, integration_id: UUID, job_id: int) -> None:
    """Apply the account's events; those that come meanwhile are this job's as well."""
    await _apply(wiring, integration_id)
    async with wiring.database.unit_of_work() as session:
        await allow_another(session, job_id)
    # What came before that queued no job of its own.
    await _apply(wiring, integration_id)


async def poll(wiring: Wiring) -> None:
    """Ask the accounts for events that were not asked for a while."""
    await catching_up.poll_accounts(
        wiring.database, open_gateway=_opener(wiring), clock=wiring.agent.clock
    )


async def reconcile(wiring: Wiring) -> None:
    """Ask for the nightly sync of every account."""
    async with wiring.database.unit_of_work() as session:
        await catching_up.request_reconciliations(session, wiring.agent.clock())


async def request_nightly_insight(wiring: Wiring) -> None:
    """Ask for a refresh of every business."""
    async with wiring.database.unit_of_work() as session:
        await insight.request_nightly(session)


async def refresh_insight(wiring: Wiring, business_id: UUID, job_id: int, cause: Cause) -> None:
    """Derive snapshots, score and recommendations of a business from its ledger anew."""
    async with wiring.database.unit_of_work() as session:
        await allow_another(session, job_id)
    async with wiring.database.unit_of_work() as session:
        await insight.refresh(
            session,
            service_access(business_id),
            now=wiring.agent.clock(),
            cause=cause,
            rates=wiring.agent.rates,
        )


async def queue_once(wiring: Wiring, entrypoint: Entrypoint) -> None:
    """Queue a job that a schedule is for, unless the last one of them has not ended yet.

    The work itself is a job, for jobs are drained and handed over when a worker stops.
    """
    async with wiring.database.unit_of_work() as session:
        await enqueue(session, entrypoint, {}, dedupe_key=entrypoint.value)


async def _apply(wiring: Wiring, integration_id: UUID) -> None:
    await catching_up.apply_events(
        wiring.database, integration_id, open_gateway=_opener(wiring), clock=wiring.agent.clock
    )


def _opener(wiring: Wiring) -> OpenGateway:
    return stripe_opener(
        KeyRing(wiring.key_ring),
        api_base=wiring.stripe.api_base,
        timeout_seconds=wiring.stripe.timeout_seconds,
        limits=wiring.limits,
    )
