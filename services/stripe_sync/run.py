"""The job that syncs a Stripe account into the ledger, from its claim to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from config.logs import get_logger
from db.models import IntegrationAccount, SyncRun
from db.repositories import integrations as accounts
from db.repositories import ledger, syncs
from db.session import Database, Session
from domain.errors import DatabaseError, StripeError, StripeKeyError, VaultraError
from services.integrations import OpenGateway, StoredKey
from services.stripe_sync.copying import Copying, SyncSupersededError, copy_feeds
from services.stripe_sync.progress import FeedProgress, from_cursors, plan, to_cursors

_log = get_logger(__name__)
UNEXPECTED = VaultraError(
    "The sync failed for a reason that is ours. Try again; if it goes on, look at the log."
)


@dataclass(frozen=True, slots=True)
class SyncContext:
    """The sync that has just read everything; `started_at` is what its data is as of."""

    sync_id: UUID
    business_id: UUID
    integration_id: UUID
    started_at: datetime


AfterSync = Callable[[Session, SyncContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Claim:
    context: SyncContext
    lease: syncs.Lease
    key: StoredKey
    progress: dict[str, FeedProgress]


async def run_sync(
    database: Database,
    sync_id: UUID,
    *,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
    after: AfterSync | None = None,
) -> None:
    """Run the sync to its end, from wherever an earlier attempt left it; nothing if it has ended.

    The first sync of an account reads everything; a later one reads refunds and disputes again
    and, of the rest, what was created since a week before the last one. `after` runs in the
    transaction that completes the sync: what it writes is there exactly if the sync counts.

    What Stripe refuses fails the sync and is not raised. Anything else fails the sync and is
    raised, except that a cancelled sync stays as it is, for another attempt.
    """
    claim = await _claim(database, sync_id, clock())
    if claim is None:
        _log.info("sync has ended already", sync_id=str(sync_id))
        return
    _log.info("sync starts", sync_id=str(sync_id), attempt=claim.lease.attempt)
    try:
        await _execute(database, claim, open_gateway, clock, after)
    except SyncSupersededError:
        _log.warning("sync was taken over", sync_id=str(sync_id), attempt=claim.lease.attempt)
    except DatabaseError:
        # Nothing can be written now, and nothing is wrong with the sync: the job comes again.
        raise
    except StripeError as error:
        await _fail(database, claim, error, clock())
    except VaultraError as error:
        await _fail(database, claim, error, clock())
        raise
    except Exception:
        await _fail(database, claim, UNEXPECTED, clock())
        raise


async def _execute(
    database: Database,
    claim: _Claim,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
    after: AfterSync | None,
) -> None:
    owner = ledger.LedgerOwner(claim.context.business_id, claim.context.integration_id)
    async with open_gateway(claim.key) as gateway:
        copying = Copying(database, gateway, owner, claim.lease, clock)
        await copy_feeds(copying, claim.progress)
    async with database.unit_of_work() as session:
        await _complete(session, claim, clock(), after)
    _log.info("sync is complete", sync_id=str(claim.context.sync_id))


async def _claim(database: Database, sync_id: UUID, now: datetime) -> _Claim | None:
    async with database.unit_of_work() as session:
        sync = await syncs.find_sync_to_run(session, sync_id)
        if sync is None:
            return None
        account = await accounts.get_integration_of_sync(session, sync.integration_id)
        progress = _plan(account) | from_cursors(sync.cursors)
        cursors = to_cursors(progress, saved_at=now)
        lease = await syncs.start_attempt(session, sync, cursors=cursors, now=now)
        key = StoredKey(account.business_id, account.access_token_encrypted)
        return _Claim(_context(sync, now), lease, key, progress)


def _plan(account: IntegrationAccount) -> dict[str, FeedProgress]:
    created = (account.account_metadata or {}).get("created")
    return plan(
        last_synced_at=account.last_synced_at,
        account_created=None if created is None else datetime.fromtimestamp(created, UTC),
    )


def _context(sync: SyncRun, now: datetime) -> SyncContext:
    return SyncContext(sync.id, sync.business_id, sync.integration_id, sync.started_at or now)


async def _complete(
    session: Session, claim: _Claim, now: datetime, after: AfterSync | None
) -> None:
    if not await syncs.finish(session, claim.lease, syncs.SyncState.COMPLETED, now=now):
        raise SyncSupersededError
    context = claim.context
    await accounts.record_success(session, context.integration_id, context.started_at)
    if after is not None:
        await after(session, context)


async def _fail(database: Database, claim: _Claim, error: VaultraError, now: datetime) -> None:
    told = " ".join(filter(None, (error.message, error.hint)))
    async with database.unit_of_work() as session:
        failed = await syncs.finish(
            session,
            claim.lease,
            syncs.SyncState.FAILED,
            now=now,
            error_code=error.code,
            error_message=told,
        )
        if failed and isinstance(error, StripeKeyError):
            await accounts.revoke(session, claim.context.integration_id, claim.key.encrypted)
    _log.warning("sync failed", sync_id=str(claim.context.sync_id), error_code=error.code)
