"""Prices that no list shows: those made for one subscription, and archived ones.

Stripe's list is of "active prices, excluding inline prices" (docs.stripe.com/api/prices/list), but
subscriptions and invoices name the others too, and recurring revenue cannot do without them.
"""

from __future__ import annotations

from db.repositories.prices import list_missing_prices
from domain.errors import StripePermissionError
from integrations.stripe.resources import PRICES, Price
from services.stripe_sync.attempt import Attempt, write
from services.stripe_sync.feeds import BY_KIND
from services.stripe_sync.lanes import in_lanes

REQUESTS_AT_ONCE = 8
# More than a shop has; what is left is read by the next sync.
MOST_PRICES = 1_000


async def read_missing_prices(attempt: Attempt) -> None:
    """Fetch and store the prices that the ledger names and lacks; nothing if they are denied."""
    if PRICES.permission in attempt.missing:
        return
    async with attempt.database.unit_of_work() as session:
        named = await list_missing_prices(session, attempt.owner, limit=MOST_PRICES)
        version = await attempt.draw_version(session)
    attempt.advance(version)
    try:
        found = await _fetch(attempt, named)
    except StripePermissionError:
        attempt.missing.add(PRICES.permission)
        return
    async with attempt.database.unit_of_work() as session:
        await write(session, attempt.owner, BY_KIND["price"].rows(found, version))
        await attempt.save(session)


async def _fetch(attempt: Attempt, named: list[str]) -> list[Price]:
    found: list[Price] = []

    async def fetch(price_id: str) -> None:
        price = await attempt.gateway.retrieve(PRICES, price_id)
        if price is not None:
            found.append(price)

    await in_lanes(REQUESTS_AT_ONCE, fetch, named)
    return found
