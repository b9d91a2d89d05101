"""A small shop on a sandbox Stripe, and a business connected to it."""

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from sandbox.stripe.server import SandboxStripe, serve
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, small_shop
from tests.services.stripe_sync.connected import START, connect
from tests.services.stripe_sync.moving import Moving, busy_shop, moving


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxStripe]:
    async with serve(small_shop(), keys=[KEY], clock=lambda: START) as stripe_api:
        yield stripe_api


@pytest.fixture
async def connected(database: Database, shop: Shop) -> Shop:
    await connect(database, shop.access)
    return shop


@pytest.fixture
async def busy(database: Database, shop: Shop) -> AsyncIterator[Moving]:
    """A connected shop whose time passes, not synced yet."""
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, busy_shop()) as present:
        yield present
