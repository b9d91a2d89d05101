"""The job that syncs a Stripe account into the ledger, from its claim to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from config.logs import get_logger
from db.models import IntegrationAccount, SyncRun
from db.repositories import integrations as accounts
from db.repositories import ledger, stripe_events, syncs
from db.session import Database, Session
from domain.errors import (
    DatabaseError,
    StripeError,
    StripeKeyError,
    StripePermissionError,
    VaultraError,
)
from integrations.stripe.gateway import StripeGateway
from services.integrations import OpenGateway, StoredKey
from services.stripe_sync.applying import Source, apply_pending
from services.stripe_sync.attempt import Attempt, SyncSupersededError
from services.stripe_sync.copying import copy_lists
from services.stripe_sync.lines import read_due_lines
from services.stripe_sync.opening import Opening, Plan, open_sync, see_later_events
from services.stripe_sync.plan import AccountCursor, LinesRead, healed_permissions
from services.stripe_sync.prices import read_missing_prices
from services.stripe_sync.progress import APPLIED, SAVED_AT, Applied, applied
from services.stripe_sync.reconciling import reconcile_payouts
from services.stripe_sync.unseen import refetch_unseen

_log = get_logger(__name__)
# For the percentage; more events than this are as good as any number.
MOST_COUNTED = 2_000
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
    """The right to run a sync, and what is known when it begins or goes on."""

    context: SyncContext
    lease: syncs.Lease
    key: StoredKey
    account_id: str
    plan: Plan
    version: int
    cursors: Mapping[str, Any]
    findings: Mapping[str, Any]

    def attempt(
        self, database: Database, gateway: StripeGateway, clock: Callable[[], datetime]
    ) -> Attempt:
        return Attempt(
            database=database,
            gateway=gateway,
            owner=ledger.LedgerOwner(self.context.business_id, self.context.integration_id),
            account_id=self.account_id,
            lease=self.lease,
            clock=clock,
            version=self.version,
            cursors=self.cursors,
            lists={},
            findings=dict(self.findings),
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Up to when everything was read, in UTC seconds of Stripe's clock, and what could not be."""

    events_since: int
    lists_since: int
    lines_read: LinesRead
    missing: tuple[str, ...]


async def run_sync(
    database: Database,
    sync_id: UUID,
    *,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
    after: AfterSync | None = None,
) -> None:
    """Run the sync to its end, from wherever an earlier attempt left it; nothing if it has ended.

    The first sync of an account reads every list whole; a later one reads what was created since
    the last and fetches what events say has changed. `after` runs in the transaction that
    completes the sync: what it writes is there exactly if the sync counts.

    What Stripe refuses fails the sync and is not raised, but a list that the key may not read is
    recorded as missing and passed over, unless there is no ledger without it. Anything else fails
    the sync and is raised, except that a cancelled sync stays as it is, for another attempt.
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
    async with open_gateway(claim.key) as gateway:
        outcome = await _read(claim.attempt(database, gateway, clock), claim.plan)
    async with database.unit_of_work() as session:
        await _complete(session, claim, outcome, clock(), after)
    _log.info("sync is complete", sync_id=str(claim.context.sync_id), missing=outcome.missing)


async def _read(attempt: Attempt, plan: Plan) -> _Outcome:
    opening = await open_sync(attempt, plan)
    await copy_lists(attempt)
    await refetch_unseen(attempt, opening)
    seen = await see_later_events(attempt, opening)
    await _free_healed(attempt, plan.cursor)
    await _apply(attempt, opening)
    await read_missing_prices(attempt)
    if plan.reconciling:
        await reconcile_payouts(attempt)
    return _outcome(attempt, opening, seen)


def _outcome(attempt: Attempt, opening: Opening, seen: int) -> _Outcome:
    return _Outcome(seen, opening.at, opening.lines_read, tuple(sorted(attempt.missing)))


async def _free_healed(attempt: Attempt, cursor: AccountCursor) -> None:
    """Let events be tried again that were set aside for a permission that is there now."""
    if healed_permissions(cursor, attempt.missing):
        async with attempt.database.unit_of_work() as session:
            await stripe_events.free_set_aside(
                session, attempt.owner.integration_id, StripePermissionError.code
            )


async def _apply(attempt: Attempt, opening: Opening) -> None:
    before = applied(attempt.cursors)
    async with attempt.database.unit_of_work() as session:
        waiting = await stripe_events.count_unprocessed(
            session, attempt.owner.integration_id, most=MOST_COUNTED
        )
    of = max(before.of, before.done + waiting)

    async def record(session: Session, done: int) -> None:
        now = Applied(before.done + done, of)
        attempt.findings["events"] = now.done
        await attempt.save(session, **{APPLIED: asdict(now)})

    source = Source(attempt.database, attempt.gateway, attempt.owner, attempt.clock)
    await apply_pending(source, record=record)
    await read_due_lines(source, attempt.save, read_by_sync=opening.lines_read)


async def _claim(database: Database, sync_id: UUID, now: datetime) -> _Claim | None:
    async with database.unit_of_work() as session:
        sync = await syncs.find_sync_to_run(session, sync_id)
        if sync is None:
            return None
        account = await accounts.get_integration_of_sync(session, sync.integration_id)
        cursors = {**sync.cursors, SAVED_AT: now.isoformat()}
        lease = await syncs.start_attempt(session, sync, cursors=cursors, now=now)
        return _Claim(
            context=_context(sync, now),
            lease=lease,
            key=StoredKey.of(account),
            account_id=account.external_id,
            plan=_plan(account, sync, now),
            version=await ledger.next_version(session),
            cursors=cursors,
            findings=sync.findings,
        )


def _plan(account: IntegrationAccount, sync: SyncRun, now: datetime) -> Plan:
    return Plan(
        cursor=AccountCursor.of(account.account_metadata),
        started_at=sync.started_at or now,
        account_created=(account.account_metadata or {}).get("created"),
        reconciling=sync.purpose == syncs.SyncPurpose.RECONCILE,
    )


def _context(sync: SyncRun, now: datetime) -> SyncContext:
    return SyncContext(sync.id, sync.business_id, sync.integration_id, sync.started_at or now)


async def _complete(
    session: Session, claim: _Claim, outcome: _Outcome, now: datetime, after: AfterSync | None
) -> None:
    if not await syncs.finish(session, claim.lease, syncs.SyncState.COMPLETED, now=now):
        raise SyncSupersededError
    context = claim.context
    await accounts.record_success(session, context.integration_id, context.started_at)
    missing = list(outcome.missing)
    cursor = {
        "events_since": outcome.events_since,
        "lists_since": outcome.lists_since,
        "polled_at": int(now.timestamp()),
        "unread": missing,
        "missing": missing,
    }
    await accounts.patch_metadata(session, context.integration_id, cursor)
    lines = {"lines_since": outcome.lines_read.until, "lines_read": outcome.lines_read.version}
    await accounts.raise_metadata(session, context.integration_id, lines)
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
