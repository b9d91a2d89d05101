"""What the lists show no longer: Stripe lists nothing that was deleted, and events expire."""

from __future__ import annotations

from db.repositories import ledger
from db.repositories.ledger import CustomerRow, InvoiceRow, LedgerRow, ProductRow
from services.stripe_sync.applying import Named, Source, refetch
from services.stripe_sync.attempt import Attempt
from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.opening import Opening
from services.stripe_sync.plan import Mode

# What can be deleted (docs.stripe.com/api: customers, products, and invoices while drafts).
_DELETABLE: tuple[type[LedgerRow], ...] = (CustomerRow, ProductRow, InvoiceRow)
AT_ONCE = 100


async def refetch_unseen(attempt: Attempt, opening: Opening) -> None:
    """Fetch every object that may be deleted and that the lists of this sync did not show.

    Nothing is fetched where events tell what was deleted. Lists that could not be read are passed
    over. Raise what the gateway raises, and SyncSupersededError if the lease is lost.
    """
    if opening.mode is Mode.LATER:
        return
    source = Source(attempt.database, attempt.gateway, attempt.owner, attempt.clock)
    for feed in FEEDS:
        if feed.row_type not in _DELETABLE or attempt.lists[feed.name].denied:
            continue
        while True:
            async with attempt.database.unit_of_work() as session:
                unseen = await ledger.list_unseen(
                    session, attempt.owner, feed.row_type, since=opening.version, limit=AT_ONCE
                )
                version = await attempt.draw_version(session)
                await attempt.save(session)
            if not unseen:
                break
            await refetch(source, [Named(feed.kind, id_) for id_ in unseen], version)
