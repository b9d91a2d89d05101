"""Products, prices, subscriptions and invoices on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

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
from sandbox.stripe.facts import CustomerFact, instant
from sandbox.stripe.ledger import Billing, Ledger, More
from tests.sandbox.stripe.conftest import Client, at, open_client

DAY = 86_400
START = instant("2026-03-01T00:00:00Z")
NOW = "2026-03-20T00:00:00Z"
OFF = Discount("di_1", "half", START)
ON_ITEM = Discount("di_2", "half", START, subscription_item="si_00")
TIERED = PriceFact(
    "price_team",
    "prod_1",
    START,
    None,
    tiers_mode="graduated",
    tiers=(Tier(5, 1_000, 300), Tier(None, 800)),
)


def item(number: int, price: str = "price_flat", **changes: object) -> Item:
    made = Item(f"si_{number:02d}", START, price, 2, START, START + 31 * DAY)
    return made._replace(**changes)


def line(number: int, amount: int = 1_000, **changes: object) -> InvoiceLine:
    made = InvoiceLine(
        f"il_{number:02d}", amount, START, START + 31 * DAY, "price_flat", 2, "si_00"
    )
    return made._replace(**changes)


def billing() -> Billing:
    trial = SubscriptionState(START, "trialing", (item(0, discounts=(ON_ITEM,)),), discounts=(OFF,))
    active = trial._replace(since=START + 5 * DAY, status="active")
    return Billing(
        products=(
            ProductFact("prod_1", START, "Tea", default_price="price_flat"),
            ProductFact(
                "prod_2", START + 1, "Rum", archived_at=START + DAY, deleted_at=START + 9 * DAY
            ),
        ),
        prices=(
            PriceFact("price_flat", "prod_1", START, 500, nickname="Flat"),
            PriceFact(
                "price_year", "prod_1", START + 1, 5_000, interval="year", archived_at=START + DAY
            ),
            PriceFact("price_once", "prod_1", START + 2, 900, interval=None),
            TIERED._replace(created=START + 3),
        ),
        coupons=(CouponFact("half", START, percent_off="50"),),
        subscriptions=(
            SubscriptionFact(
                "sub_1",
                START,
                "cus_1",
                (trial, active),
                trial_start=START,
                trial_end=START + 5 * DAY,
            ),
            SubscriptionFact(
                "sub_2",
                START + 1,
                "cus_1",
                (
                    SubscriptionState(START + 1, "active", tuple(item(n) for n in range(12))),
                    SubscriptionState(
                        START + DAY,
                        "canceled",
                        (item(0),),
                        canceled_at=START + DAY,
                        ended_at=START + DAY,
                    ),
                ),
            ),
            SubscriptionFact(
                "sub_3",
                START + 2,
                "cus_1",
                (SubscriptionState(START + 2, "active", tuple(item(n + 20) for n in range(13))),),
            ),
        ),
        invoices=(
            InvoiceFact(
                "in_1",
                START,
                "cus_1",
                (
                    line(0, 1_000, discount_amounts=(DiscountAmount(OFF, 500),)),
                    line(1, -300, proration=True, tax=20),
                ),
                START,
                START + 31 * DAY,
                "sub_1",
                finalized_at=START + 3_600,
                paid_at=START + 2 * DAY,
                attempts=(START + 3_600, START + 2 * DAY),
            ),
            InvoiceFact(
                "in_2",
                START + 1,
                "cus_1",
                tuple(line(n + 10) for n in range(23)),
                START,
                START,
                finalized_at=START + 5,
                voided_at=START + 9,
            ),
            InvoiceFact("in_3", START + 2, "cus_1", (line(50),), START, START),
        ),
    )


@pytest.fixture
async def shop() -> AsyncIterator[Client]:
    more = More(customers=(CustomerFact("cus_1", START),))
    async with open_client(
        Ledger.from_facts(billing=billing(), more=more), clock=at(NOW)
    ) as opened:
        yield opened


async def test_canceled_subscriptions_are_hidden_unless_asked_for(shop: Client) -> None:
    paths = ("", "?status=all", "?status=canceled", "?status=ended", "?status=active")
    found = [(await shop.get(f"/v1/subscriptions{path}")).ids for path in paths]
    everything = ["sub_3", "sub_2", "sub_1"]
    assert found == [["sub_3", "sub_1"], everything, ["sub_2"], ["sub_2"], ["sub_3", "sub_1"]]


async def test_cursor_may_be_a_subscription_that_the_list_hides(shop: Client) -> None:
    answer = await shop.get("/v1/subscriptions?starting_after=sub_2")
    assert (answer.ids, answer.json["has_more"]) == (["sub_1"], False)


async def test_status_that_is_none_is_refused(shop: Client) -> None:
    answer = await shop.get("/v1/subscriptions?status=sleeping")
    assert (answer.status, answer.error["param"]) == (400, "status")


async def test_subscription_changes_with_its_states() -> None:
    more = More(customers=(CustomerFact("cus_1", START),))
    ledger = Ledger.from_facts(billing=billing(), more=more)
    seen = []
    for text in ("2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z"):
        async with open_client(ledger, clock=at(text)) as client:
            seen.append((await client.get("/v1/subscriptions/sub_1")).json["status"])
    assert seen == ["trialing", "active"]


async def test_periods_live_on_the_items(shop: Client) -> None:
    body = (await shop.get("/v1/subscriptions/sub_1")).json
    assert "current_period_end" not in body
    (only,) = body["items"]["data"]
    assert (only["current_period_start"], only["current_period_end"]) == (START, START + 31 * DAY)
    assert (only["price"]["id"], only["quantity"]) == ("price_flat", 2)


async def test_subscription_holds_ten_items_and_the_rest_has_its_own_list(shop: Client) -> None:
    inside = (await shop.get("/v1/subscriptions/sub_3")).json["items"]
    first = [row["id"] for row in inside["data"]]
    assert (len(first), inside["has_more"]) == (10, True)
    rest = await shop.get(f"{inside['url']}&starting_after={first[-1]}")
    assert (len(rest.ids), rest.json["has_more"]) == (3, False)
    assert [*first, *rest.ids] == [f"si_{n + 20:02d}" for n in range(13)]


async def test_subscription_items_belong_to_a_subscription(shop: Client) -> None:
    answer = await shop.get("/v1/subscription_items")
    assert (answer.status, answer.error["code"]) == (400, "parameter_missing")
    unknown = await shop.get("/v1/subscription_items?subscription=sub_9")
    assert unknown.error["message"] == "No such subscription: 'sub_9'"


async def test_discounts_are_ids_until_they_are_expanded(shop: Client) -> None:
    path = "/v1/subscriptions/sub_1"
    assert (await shop.get(path)).json["discounts"] == ["di_1"]
    (discount,) = (await shop.get(f"{path}?expand[]=discounts")).json["discounts"]
    assert discount["source"] == {"coupon": "half", "type": "coupon"}
    (full,) = (await shop.get(f"{path}?expand[]=discounts.source.coupon")).json["discounts"]
    assert full["source"]["coupon"]["percent_off"] == 50.0


async def test_coupon_in_a_list_is_expanded_at_the_fourth_level(shop: Client) -> None:
    path = "/v1/subscriptions?expand[]=data.discounts.source.coupon"
    rows = (await shop.get(path)).json["data"]
    assert rows[-1]["discounts"][0]["source"]["coupon"]["id"] == "half"
    deep = await shop.get("/v1/subscriptions?expand[]=data.items.data.discounts.source.coupon")
    assert (deep.status, deep.error["code"]) == (400, "property_expansion_max_depth")


async def test_discounts_of_items_are_expanded_in_the_list_of_items(shop: Client) -> None:
    path = "/v1/subscription_items?subscription=sub_1&expand[]=data.discounts.source.coupon"
    (row,) = (await shop.get(path)).json["data"]
    assert row["discounts"][0]["subscription_item"] == "si_00"
    assert row["discounts"][0]["source"]["coupon"]["duration"] == "forever"


async def test_tiers_are_shown_on_request(shop: Client) -> None:
    plain = (await shop.get("/v1/prices/price_team")).json
    assert "tiers" not in plain
    assert (plain["billing_scheme"], plain["unit_amount"]) == ("tiered", None)
    rows = (await shop.get("/v1/prices?expand[]=data.tiers")).json["data"]
    assert [tier["up_to"] for tier in rows[0]["tiers"]] == [5, None]
    assert rows[0]["tiers"][0]["flat_amount"] == 300


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("active=false", ["price_year"]),
        ("type=one_time", ["price_once"]),
        ("recurring[interval]=year", ["price_year"]),
        ("product=prod_1&active=true", ["price_team", "price_once", "price_flat"]),
    ],
)
async def test_prices_are_filtered(shop: Client, query: str, found: list[str]) -> None:
    assert (await shop.get(f"/v1/prices?{query}")).ids == found


async def test_deleted_product_is_a_stub_and_on_no_list(shop: Client) -> None:
    assert (await shop.get("/v1/products")).ids == ["prod_1"]
    stub = {"id": "prod_2", "object": "product", "deleted": True}
    assert (await shop.get("/v1/products/prod_2")).json == stub


async def test_products_are_found_by_their_ids(shop: Client) -> None:
    assert (await shop.get("/v1/products?ids[]=prod_1&ids[]=prod_9")).ids == ["prod_1"]


async def test_invoice_adds_up(shop: Client) -> None:
    body = (await shop.get("/v1/invoices/in_1")).json
    # 10.00 less half of it, a credit of 3.00, and 0.20 of tax.
    assert (body["subtotal"], body["total"], body["total_excluding_tax"]) == (700, 220, 200)
    assert (body["amount_due"], body["amount_paid"], body["amount_remaining"]) == (220, 220, 0)
    assert body["total_discount_amounts"] == [{"amount": 500, "discount": "di_1"}]
    assert (body["status"], body["attempt_count"]) == ("paid", 2)
    assert body["status_transitions"]["finalized_at"] == START + 3_600


async def test_invoice_line_names_price_item_and_proration(shop: Client) -> None:
    charged, credited = (await shop.get("/v1/invoices/in_1")).json["lines"]["data"]
    assert charged["pricing"]["price_details"] == {"price": "price_flat", "product": "prod_1"}
    parent = credited["parent"]["subscription_item_details"]
    assert (parent["subscription_item"], parent["proration"]) == ("si_00", True)
    assert charged["discount_amounts"] == [{"amount": 500, "discount": "di_1"}]


async def test_invoice_holds_ten_lines_and_the_rest_has_its_own_list(shop: Client) -> None:
    inside = (await shop.get("/v1/invoices/in_2")).json["lines"]
    ids = [row["id"] for row in inside["data"]]
    assert (len(ids), inside["has_more"]) == (10, True)
    while True:
        page = await shop.get(f"{inside['url']}?limit=5&starting_after={ids[-1]}")
        ids += page.ids
        if not page.json["has_more"]:
            break
    assert ids == [f"il_{n + 10:02d}" for n in range(23)]


async def test_lines_are_paged_backwards_too(shop: Client) -> None:
    page = await shop.get("/v1/invoices/in_2/lines?limit=3&ending_before=il_14")
    assert (page.ids, page.json["has_more"]) == (["il_11", "il_12", "il_13"], True)


async def test_lines_of_an_unknown_invoice_are_not_found(shop: Client) -> None:
    assert (await shop.get("/v1/invoices/in_9/lines")).status == 404


async def test_invoices_are_filtered_by_state_and_subscription(shop: Client) -> None:
    assert (await shop.get("/v1/invoices?status=void")).ids == ["in_2"]
    assert (await shop.get("/v1/invoices?status=draft")).ids == ["in_3"]
    assert (await shop.get("/v1/invoices?subscription=sub_1")).ids == ["in_1"]


@pytest.mark.parametrize(
    ("mode", "quantity", "cost"),
    [
        # Worked out by hand from docs.stripe.com/products-prices/pricing-models: five units at
        # 10.00 with 3.00 on top, further ones at 8.00.
        ("graduated", 4, 4 * 1_000 + 300),
        ("graduated", 7, 5 * 1_000 + 300 + 2 * 800),
        ("volume", 4, 4 * 1_000 + 300),
        ("volume", 7, 7 * 800),
    ],
)
def test_tiered_price_of_a_quantity(mode: str, quantity: int, cost: int) -> None:
    assert TIERED._replace(tiers_mode=mode).cost_of(quantity) == cost
