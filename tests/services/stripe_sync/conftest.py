"""A small shop on a sandbox Stripe, and a business connected to it."""

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from sandbox.stripe.server import SandboxStripe, serve
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, small_shop
from tests.services.stripe_sync.connected import START, connect


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxStripe]:
    async with serve(small_shop(), keys=[KEY], clock=lambda: START) as stripe_api:
        yield stripe_api


@pytest.fixture
async def connected(database: Database, shop: Shop) -> Shop:
    await connect(database, shop.access)
    return shop
