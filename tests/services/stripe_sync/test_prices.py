"""Prices that Stripe's list does not show are read as well, if anything names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from db.session import Database
from domain.periods import Month
from integrations.stripe.gateway import Page
from integrations.stripe.resources import PRICES
from sandbox.stripe.archetypes import load
from tests.factories import Shop
from tests.services.stripe_sync.connected import SmallPages, connect, ledger_of
from tests.services.stripe_sync.moving import moving


@dataclass
class ShortList(SmallPages):
    """A list of prices without any: all of them were made for single subscriptions."""

    async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
        page = await super().list_page(resource, **parameters)
        return Page([], False, page.server_time) if resource is PRICES else page


async def test_prices_that_only_subscriptions_name_are_read(database: Database, shop: Shop) -> None:
    ledger = load("saas", last_month=Month(2026, 9), charges=150)
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, ledger) as busy:
        await busy.sync(ShortList)
        stored = await ledger_of(database, shop.access)
        named = {item["price_id"] for item in stored["subscription_items"].values()}
        assert named
        assert named <= stored["prices"].keys()
        # They are read once, not by every sync.
        before = busy.stripe.api.traffic["/v1/prices/{id}"]
        busy.time.pass_by(hours=1)
        await busy.sync(ShortList)
        assert busy.stripe.api.traffic["/v1/prices/{id}"] == before > 0
