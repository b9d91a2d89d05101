"""Lines of the balance come into being with what has events, and have none themselves.

So they are read again behind every event that was applied. Versions tell whether they were: one is
drawn before the objects of events are fetched (`lines_wanted`) and one before the lines are asked
for (`lines_read`); only a reading that began later is sure to hold the lines of those events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from db.repositories import integrations as accounts
from db.repositories import ledger
from db.session import Session
from integrations.stripe.resources import BALANCE_TRANSACTIONS
from services.stripe_sync.applying import Source
from services.stripe_sync.attempt import pages, write
from services.stripe_sync.feeds import BALANCE_TRANSACTION
from services.stripe_sync.plan import OVERLAP_SECONDS, AccountCursor, LinesRead


async def read_due_lines(
    source: Source,
    record: Callable[[Session], Awaitable[None]],
    *,
    read_by_sync: LinesRead | None = None,
) -> None:
    """Read the lines of the balance that came with the events applied so far, if any are missing.

    `read_by_sync` is what a sync has read of them that is not complete; before the first sync is,
    nothing else is read. `record` runs in each transaction that writes. Raise what the gateway
    raises.
    """
    owner = source.owner
    async with source.database.unit_of_work() as session:
        account = await accounts.get_integration_of_sync(session, owner.integration_id)
        cursor = AccountCursor.of(account.account_metadata).with_lines(read_by_sync)
        if cursor.lines_since is None or not cursor.lines_due:
            return
        version = await ledger.next_version(session)
    since = cursor.lines_since - OVERLAP_SECONDS
    # Up to when everything is read: when the first page was asked for.
    read_until: int | None = None
    async for page in pages(source.gateway, BALANCE_TRANSACTIONS, created_gte=since):
        read_until = read_until or page.server_time
        async with source.database.unit_of_work() as session:
            await write(session, owner, BALANCE_TRANSACTION.rows(page.items, version))
            await record(session)
    assert read_until is not None
    reached = {"lines_since": read_until, "lines_read": version}
    async with source.database.unit_of_work() as session:
        await accounts.raise_metadata(session, owner.integration_id, reached)
