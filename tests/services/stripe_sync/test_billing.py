"""Subscriptions and invoices reach the ledger with their parts, and change with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.session import Database
from integrations.stripe.failures import MissingObjectError
from integrations.stripe.gateway import Page
from integrations.stripe.resources import CUSTOMERS, INVOICES, PRODUCTS
from sandbox.stripe.billing_facts import (
    CouponFact,
    Discount,
    DiscountAmount,
    InvoiceFact,
    InvoiceLine,
    Item,
    PriceFact,
    ProductFact,
    SubscriptionFact,
    SubscriptionState,
    Tier,
)
from sandbox.stripe.facts import CustomerFact
from sandbox.stripe.ledger import Billing, Ledger, More
from tests.factories import Shop
from tests.integrations.stripe.ledgers import NOW
from tests.services.stripe_sync.connected import SmallPages, connect, ledger_of
from tests.services.stripe_sync.expected_rows import instant
from tests.services.stripe_sync.moving import DAY, HOUR, Moving, moving

BEGAN = NOW - 20 * DAY
RENEWS = BEGAN + 30 * DAY
HALF_OFF = Discount("di_1", "half", BEGAN, None)


def item(price: str, quantity: int, begins: int, ends: int) -> Item:
    return Item(f"si_{price}", BEGAN, f"price_{price}", quantity, begins, ends)


def subscribed_shop() -> Ledger:
    """One subscription with two prices, of which one is dropped at the renewal, and its bills."""
    first = SubscriptionState(
        BEGAN,
        "active",
        (item("Flat", 2, BEGAN, RENEWS), item("Tiers", 5, BEGAN, RENEWS)),
        discounts=(HALF_OFF,),
    )
    renewed = SubscriptionState(
        RENEWS, "active", (item("Flat", 2, RENEWS, RENEWS + 30 * DAY),), discounts=(HALF_OFF,)
    )
    lines = (
        InvoiceLine(
            "il_1",
            4_000,
            BEGAN,
            RENEWS,
            "price_Flat",
            2,
            "si_Flat",
            discount_amounts=(DiscountAmount(HALF_OFF, 2_000),),
        ),
        InvoiceLine("il_2", 5_000, BEGAN, RENEWS, "price_Tiers", 5, "si_Tiers"),
    )
    return Ledger.from_facts(
        more=More(
            customers=(
                CustomerFact("cus_Sub", BEGAN),
                *(CustomerFact(f"cus_{n}", BEGAN - n, deleted_at=NOW + HOUR) for n in range(4)),
            )
        ),
        billing=Billing(
            products=(
                ProductFact("prod_1", BEGAN - DAY, "Plan"),
                ProductFact("prod_2", BEGAN - DAY, "Old plan", deleted_at=NOW + HOUR),
            ),
            prices=(
                PriceFact("price_Flat", "prod_1", BEGAN - DAY, 2_000),
                PriceFact(
                    "price_Tiers",
                    "prod_1",
                    BEGAN - DAY,
                    None,
                    tiers_mode="graduated",
                    tiers=(Tier(10, 1_000), Tier(None, 800, 50)),
                ),
            ),
            coupons=(CouponFact("half", BEGAN - DAY, percent_off="50"),),
            subscriptions=(SubscriptionFact("sub_1", BEGAN, "cus_Sub", (first, renewed)),),
            invoices=(
                InvoiceFact(
                    "in_1",
                    BEGAN,
                    "cus_Sub",
                    lines,
                    BEGAN,
                    RENEWS,
                    subscription="sub_1",
                    finalized_at=BEGAN + HOUR,
                    paid_at=NOW + HOUR,
                    attempts=(NOW + HOUR,),
                ),
            ),
        ),
    )


@pytest.fixture
async def subscribed(database: Database, shop: Shop) -> AsyncIterator[Moving]:
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, subscribed_shop()) as present:
        yield present


async def row(shop: Moving, name: str, key: str) -> dict[str, Any]:
    return (await ledger_of(shop.database, shop.shop.access))[name][key]


async def test_subscription_comes_with_its_items_and_discounts(subscribed: Moving) -> None:
    await subscribed.sync()
    subscription = await row(subscribed, "subscriptions", "sub_1")
    assert (subscription["status"], subscription["customer_id"]) == ("active", "cus_Sub")
    assert subscription["started_at"] == instant(BEGAN)
    [discount] = subscription["discounts"]
    assert (discount["percent_off"], discount["duration"], discount["start"]) == (
        "50",
        "forever",
        BEGAN,
    )
    flat = await row(subscribed, "subscription_items", "si_Flat")
    assert (flat["subscription_id"], flat["price_id"], flat["quantity"]) == (
        "sub_1",
        "price_Flat",
        2,
    )
    assert (flat["period_start"], flat["period_end"]) == (instant(BEGAN), instant(RENEWS))


async def test_price_comes_with_its_tiers(subscribed: Moving) -> None:
    await subscribed.sync()
    price = await row(subscribed, "prices", "price_Tiers")
    assert (price["tiers_mode"], price["unit_amount"], price["interval"]) == (
        "graduated",
        None,
        "month",
    )
    steps = [(t["up_to"], t["unit_amount"], t["flat_amount"]) for t in price["tiers"]]
    assert steps == [(10, 1_000, None), (None, 800, 50)]


async def test_invoice_comes_with_its_lines(subscribed: Moving) -> None:
    await subscribed.sync()
    invoice = await row(subscribed, "invoices", "in_1")
    assert (invoice["status"], invoice["subscription_id"]) == ("open", "sub_1")
    assert (invoice["subtotal"], invoice["total"], invoice["amount_paid"]) == (9_000, 7_000, 0)
    line = await row(subscribed, "invoice_lines", "il_1")
    assert (line["invoice_id"], line["amount"], line["discount_amount"]) == ("in_1", 4_000, 2_000)
    assert (line["price_id"], line["product_id"]) == ("price_Flat", "prod_1")
    assert (line["subscription_id"], line["subscription_item_id"]) == ("sub_1", "si_Flat")


async def test_paid_invoice_and_renewed_subscription_arrive_by_their_events(
    subscribed: Moving,
) -> None:
    await subscribed.sync()
    subscribed.time.pass_by(days=11)
    await subscribed.receive(*await subscribed.events())
    await subscribed.apply()
    assert (await row(subscribed, "invoices", "in_1"))["status"] == "paid"
    items = (await ledger_of(subscribed.database, subscribed.shop.access))["subscription_items"]
    assert items.keys() == {"si_Flat"}
    assert await subscribed.differences() == []


async def test_deleted_draft_is_removed_with_its_lines(subscribed: Moving) -> None:
    class Deleted(SmallPages):
        async def retrieve(self, resource: Any, object_id: str) -> Any:
            return None if resource is INVOICES else await super().retrieve(resource, object_id)

    await subscribed.sync()
    left = "SELECT (SELECT count(*) FROM ledger_invoices) + count(*) FROM ledger_invoice_lines"
    assert await subscribed.value(left) > 1
    subscribed.time.pass_by(days=11)
    await subscribed.receive(*await subscribed.events())
    await subscribed.apply(Deleted)
    assert await subscribed.value(left) == 0


async def test_deleted_product_is_removed(subscribed: Moving) -> None:
    await subscribed.sync()
    products = "SELECT string_agg(stripe_id, ' ' ORDER BY stripe_id) FROM ledger_products"
    assert await subscribed.value(products) == "prod_1 prod_2"
    subscribed.time.pass_by(hours=2)
    await subscribed.receive(*await subscribed.events())
    await subscribed.apply()
    assert await subscribed.value(products) == "prod_1"


async def test_product_deleted_while_its_page_waits_does_not_come_back(
    subscribed: Moving,
) -> None:
    class Holding(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is PRODUCTS and not subscribed.seen:
                assert "prod_2" in {product.id for product in page.items}
                subscribed.time.pass_by(hours=2)
                await subscribed.receive(*await subscribed.events())
                await subscribed.apply()
            return page

    await subscribed.sync(Holding)
    assert await subscribed.value("SELECT count(*) FROM ledger_products") == 1


async def test_list_goes_on_though_the_item_read_last_has_been_deleted(
    subscribed: Moving,
) -> None:
    """Stripe may not know the cursor any more."""
    refused: list[str] = []

    class Forgetful(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            after = parameters.get("starting_after")
            if resource is CUSTOMERS and after is not None and not refused:
                refused.append(after)
                subscribed.time.pass_by(hours=2)
                raise MissingObjectError(f"No such customer: {after}", status=400)
            return await super().list_page(resource, **parameters)

    done = await subscribed.sync(lambda gateway: Forgetful(gateway, limit=1))
    assert (done.state, len(refused)) == ("completed", 1)
    assert await subscribed.differences() == []
