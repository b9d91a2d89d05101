"""Between syncs: applying events that webhooks brought, and asking for those that they did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from config.logs import get_logger
from db.models import IntegrationAccount
from db.repositories import integrations as accounts
from db.repositories import payouts, stripe_events, syncs
from db.repositories.integrations import IntegrationStatus
from db.repositories.ledger import LedgerOwner
from db.session import Database, Session
from domain.access import Access, service_access
from domain.errors import DatabaseError, StripeError, StripeKeyError
from integrations.stripe.gateway import Page
from integrations.stripe.resources import EVENTS, Event
from services.integrations import OpenGateway, StoredKey
from services.stripe_sync.applying import Source, apply_pending
from services.stripe_sync.events import store_events
from services.stripe_sync.lanes import in_lanes
from services.stripe_sync.lines import read_due_lines
from services.stripe_sync.plan import LONGEST_GAP, OVERLAP_SECONDS, AccountCursor
from services.syncs import request_events, request_insight, request_sync

_log = get_logger(__name__)
# Stripe allows an account 10,000 reads a month at least (docs.stripe.com/rate-limits). Polling
# takes a quarter of them: 2,500 in 30 days is one each 17.3 minutes.
READS_A_MONTH = 10_000
POLL_EVERY = timedelta(days=30) / (READS_A_MONTH // 4)
POLLS_AT_ONCE = 8


async def apply_events(
    database: Database,
    integration_id: UUID,
    *,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
) -> int:
    """Apply the account's events that wait, and read the lines of the balance that came with them.

    Return how many events are done with; metrics are refreshed by a job. Raise StripeError if
    Stripe cannot be asked; a refused key revokes the account and is not raised.
    """
    async with database.unit_of_work() as session:
        account = await accounts.get_integration_of_sync(session, integration_id)
        waiting = await stripe_events.unprocessed(session, integration_id, 1)
    due = waiting or AccountCursor.of(account.account_metadata).lines_due
    if not due or account.status == IntegrationStatus.REVOKED:
        return 0
    key = StoredKey.of(account)
    owner = LedgerOwner(account.business_id, account.id)

    async def record(session: Session, *_: int) -> None:
        await request_insight(session, account.business_id)

    try:
        async with open_gateway(key) as gateway:
            source = Source(database, gateway, owner, clock)
            applied = await apply_pending(source, record=record)
            await read_due_lines(source, record)
    except StripeKeyError:
        await _revoke(database, account)
        return 0
    return applied


async def poll_accounts(
    database: Database, *, open_gateway: OpenGateway, clock: Callable[[], datetime]
) -> None:
    """Ask every account for its events that was not asked for a while.

    One request tells that nothing has happened; whatever has is left to a sync. An account's
    trouble is logged and stops no other; DatabaseError is raised.
    """
    async with database.unit_of_work() as session:
        due = await accounts.due_for_poll(session, clock() - POLL_EVERY)

    async def poll(account: IntegrationAccount) -> None:
        await _poll_safely(database, account, open_gateway, clock)

    await in_lanes(POLLS_AT_ONCE, poll, due)


async def _poll_safely(
    database: Database,
    account: IntegrationAccount,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
) -> None:
    try:
        await poll_account(database, account, open_gateway=open_gateway, clock=clock)
    except DatabaseError:
        raise
    except StripeKeyError:
        await _revoke(database, account)
    except StripeError as error:
        _log.warning("poll failed", integration_id=str(account.id), error_code=error.code)


async def poll_account(
    database: Database,
    account: IntegrationAccount,
    *,
    open_gateway: OpenGateway,
    clock: Callable[[], datetime],
) -> None:
    """Ask one account for its events; raise what the gateway raises.

    Nothing is asked before the first sync, during one, and without the permission for events:
    then only a sync can tell what has changed.
    """
    cursor, now = AccountCursor.of(account.account_metadata), clock()
    access = service_access(account.business_id)
    async with database.unit_of_work() as session:
        # Noted first: an account in trouble is not asked more often than any other.
        await accounts.patch_metadata(session, account.id, {"polled_at": int(now.timestamp())})
        busy = await syncs.find_active_sync(session, access, account.id)
        if busy or cursor.events_since is None or EVENTS.permission in cursor.unread:
            return
        if now.timestamp() - cursor.events_since > LONGEST_GAP.total_seconds():
            await request_sync(session, access, now)
            return
    async with open_gateway(StoredKey.of(account)) as gate:
        page = await gate.list_page(EVENTS, created_gte=cursor.events_since - OVERLAP_SECONDS)
    async with database.unit_of_work() as session:
        await _take(session, _Polled(account, access, page, now))


@dataclass(frozen=True, slots=True)
class _Polled:
    """The newest events of an account, asked for at `at`."""

    account: IntegrationAccount
    access: Access
    page: Page[Event]
    at: datetime


async def _take(session: Session, polled: _Polled) -> None:
    account, page = polled.account, polled.page
    new = await store_events(session, account.id, account.external_id, page.items)
    owner = LedgerOwner(account.business_id, account.id)
    due = await payouts.find_oldest_line_due(session, owner, at=polled.at)
    if new or page.has_more or due:
        # A sync reads what is behind this page, what these events change, and what has no events.
        await request_sync(session, polled.access, polled.at)
        return
    await accounts.patch_metadata(session, account.id, {"events_since": page.server_time})
    waiting = await stripe_events.unprocessed(session, account.id, 1)
    if waiting or AccountCursor.of(account.account_metadata).lines_due:
        await request_events(session, account.id)
    else:
        await accounts.record_success(session, account.id, polled.at)


async def request_reconciliations(session: Session, now: datetime) -> int:
    """Ask for the nightly sync of every account that has been read; return how many there are.

    One that is being synced already is left to the next night.
    """
    read = [
        account
        for account in await accounts.due_for_poll(session, now + timedelta(days=1))
        if AccountCursor.of(account.account_metadata).events_since is not None
    ]
    for account in read:
        access = service_access(account.business_id)
        await request_sync(session, access, now, purpose=syncs.SyncPurpose.RECONCILE)
    return len(read)


async def _revoke(database: Database, account: IntegrationAccount) -> None:
    _log.warning("stripe refused the key", integration_id=str(account.id))
    async with database.unit_of_work() as session:
        await accounts.revoke(session, account.id, account.access_token_encrypted)
