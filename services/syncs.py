"""Asking for a sync, and telling how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from db.models import IntegrationAccount, SyncRun
from db.repositories import integrations as accounts
from db.repositories import ledger, syncs
from db.repositories.jobs import Entrypoint, enqueue
from db.session import Session
from domain.access import Access, Permission
from domain.errors import NoDataError, StripeKeyError
from services.insight_changes import Cause
from services.snapshots import is_stale
from services.stripe_sync.progress import applied, from_cursors, percent, saved_at, total

# Longer than one page may take with every attempt timing out; then its worker must be gone.
STALLED_AFTER = timedelta(minutes=15)
# The events of one payment arrive within seconds.
INSIGHT_AFTER = timedelta(seconds=5)
NEVER = "never"
_TENTH_OF_AN_HOUR = timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class SyncRequested:
    """The sync that was asked for; `state` is queued or running."""

    sync_id: UUID
    state: str
    already_running: bool


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How fresh the ledger is.

    `state` is that of the latest sync, or "never"; `percent` is None unless one is queued,
    running or completed. `total` is how many items that sync seems to have to read, None if that
    is unknown. `age_hours` counts from the start of the last complete sync, to a tenth. `stale` is
    true once that is a week ago, or was never. `counts` are the ledger's rows by list, and
    `missing_permissions` what the key needs for the lists that could not be read.
    """

    connected: bool
    state: str
    percent: int | None
    total: int | None
    missing_permissions: list[str]
    last_synced_at: datetime | None
    age_hours: Decimal | None
    stale: bool
    counts: dict[str, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class SyncView:
    """One sync; `counts` are the items it has read so far, by list, of `total` in all of them.

    `purpose` is sync or reconcile. `total` is an estimate while the sync runs and None before that.
    `missing_permissions` are those that the key lacked for some lists; `findings` hold what else
    was found: `events` applied, and of a reconciliation `payouts_checked`, the ids of
    `payouts_differing` and `lines_added`.
    """

    id: UUID
    state: str
    purpose: str
    attempt: int
    percent: int | None
    counts: dict[str, int]
    total: int | None
    missing_permissions: list[str]
    findings: dict[str, Any]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SyncPage:
    """Syncs, the newest first; `next` is what to pass as `after`, None at the end."""

    items: list[SyncView]
    next: UUID | None


async def request_sync(
    session: Session,
    access: Access,
    now: datetime,
    *,
    purpose: syncs.SyncPurpose = syncs.SyncPurpose.SYNC,
) -> SyncRequested:
    """Queue a sync of the business's account, or attach to the one that is active.

    Raise NotPermittedError for a viewer, NoDataError if no account is connected, and
    StripeKeyError if its key was refused.
    """
    access.require(Permission.SYNC)
    account = await _usable_account(session, access)
    while True:
        queued = await syncs.insert_sync(session, access, account.id, now=now, purpose=purpose)
        if queued is not None:
            await _enqueue(session, queued)
            return SyncRequested(queued.id, queued.state, already_running=False)
        active = await syncs.find_active_sync(session, access, account.id)
        if active is not None:
            await _rescue(session, active, now)
            return SyncRequested(active.id, active.state, already_running=True)
        # The one in the way ended between the two statements.


async def _rescue(session: Session, sync: SyncRun, now: datetime) -> None:
    """Enqueue a sync again whose job was lost with its worker.

    Should that be alive after all, the new attempt takes the lease from the old one; and a sync
    that has ended is not run again.
    """
    if now - (saved_at(sync.cursors) or sync.created_at) > STALLED_AFTER:
        await _enqueue(session, sync)


async def request_events(session: Session, integration_id: UUID) -> None:
    """Queue the job that applies an account's events, unless one waits or is at it."""
    name = str(integration_id)
    key = f"{Entrypoint.EVENTS}:{name}"
    await enqueue(session, Entrypoint.EVENTS, {"integration_id": name}, dedupe_key=key)


async def request_insight(
    session: Session, business_id: UUID, *, cause: Cause = Cause.EVENTS
) -> None:
    """Queue the job that derives everything from the ledger anew, in a few seconds.

    What comes up until then, such as the other events of a payment, is covered by the same job.
    """
    name = str(business_id)
    await enqueue(
        session,
        Entrypoint.INSIGHT,
        {"business_id": name, "cause": cause.value},
        dedupe_key=f"{Entrypoint.INSIGHT}:{name}",
        execute_after=INSIGHT_AFTER,
    )


async def sync_status(session: Session, access: Access, now: datetime) -> SyncStatus:
    """Tell how fresh the business's ledger is and how a sync is going."""
    account = await accounts.find_integration(session, access)
    latest = next(iter(await syncs.list_syncs(session, access, limit=1)), None)
    synced_at = None if account is None else account.last_synced_at
    age = None if synced_at is None else now - synced_at
    return SyncStatus(
        connected=account is not None and account.status != accounts.IntegrationStatus.REVOKED,
        state=NEVER if latest is None else latest.state,
        percent=None if latest is None else _percent(latest),
        total=None if latest is None else total(from_cursors(latest.cursors)),
        missing_permissions=_missing_permissions(account),
        last_synced_at=synced_at,
        age_hours=None if age is None else (Decimal(age // _TENTH_OF_AN_HOUR) / 10),
        stale=is_stale(synced_at, now),
        counts=await ledger.count_rows(session, access),
        error=None if latest is None else latest.error_message,
    )


async def get_sync(session: Session, access: Access, sync_id: UUID) -> SyncView:
    """Return one of the business's syncs or raise NotFoundError."""
    return _view(await syncs.get_sync(session, access, sync_id))


async def list_syncs(
    session: Session, access: Access, *, limit: int = 20, after: UUID | None = None
) -> SyncPage:
    """List the business's syncs behind `after`; raise NotFoundError if it is none of them."""
    behind = None if after is None else await syncs.get_sync(session, access, after)
    found = await syncs.list_syncs(session, access, limit=limit + 1, after=behind)
    shown = [_view(sync) for sync in found[:limit]]
    return SyncPage(shown, shown[-1].id if len(found) > limit else None)


async def _usable_account(session: Session, access: Access) -> IntegrationAccount:
    account = await accounts.find_integration(session, access)
    if account is None:
        raise NoDataError(
            "No Stripe account is connected.",
            hint="Connect one with a restricted key, then ask for a sync.",
        )
    if account.status == accounts.IntegrationStatus.REVOKED:
        raise StripeKeyError
    return account


async def _enqueue(session: Session, sync: SyncRun) -> None:
    await enqueue(session, Entrypoint.SYNC, {"sync_id": str(sync.id)})


def _percent(sync: SyncRun) -> int | None:
    if sync.state == syncs.SyncState.COMPLETED:
        return 100
    if sync.state == syncs.SyncState.FAILED:
        return None
    if sync.started_at is None:
        return 0
    return percent(from_cursors(sync.cursors), applied(sync.cursors))


def _missing_permissions(account: IntegrationAccount | None) -> list[str]:
    return list(((account and account.account_metadata) or {}).get("missing", ()))


def _view(sync: SyncRun) -> SyncView:
    lists = from_cursors(sync.cursors)
    findings = dict(sync.findings)
    return SyncView(
        id=sync.id,
        state=sync.state,
        purpose=sync.purpose,
        attempt=sync.attempt,
        percent=_percent(sync),
        counts={name: part.rows for name, part in lists.items()},
        total=total(lists),
        missing_permissions=findings.pop("missing", []),
        findings=findings,
        error_code=sync.error_code,
        error_message=sync.error_message,
        created_at=sync.created_at,
        started_at=sync.started_at,
        finished_at=sync.finished_at,
    )
