"""Invoices come with all their lines, subscriptions with all their items and discounts."""

from typing import Any
from urllib.parse import quote

import pytest
import stripe
from aiohttp import web

from domain.errors import StripeError
from integrations.stripe.resources import INVOICES, SUBSCRIPTIONS
from tests.integrations.stripe.answering import Script, answering, client, listed
from tests.integrations.stripe.documented import document

COUPONS = "expand%5B%5D=data.discounts.source.coupon"
SUBSCRIPTION_LIST = f"subscriptions?status=all&limit=100&{COUPONS}"


def lines(count: int, first: int = 0) -> list[dict[str, Any]]:
    whole = document(stripe.InvoiceLineItem)
    return [whole | {"id": f"il_{number}"} for number in range(first, first + count)]


def invoice(name: str, count: int, *, has_more: bool) -> dict[str, Any]:
    part = listed(*lines(count), has_more=has_more)
    return document(stripe.Invoice) | {"id": name, "lines": part}


def items(count: int, first: int = 0, discounts: Any = ()) -> list[dict[str, Any]]:
    whole = document(stripe.SubscriptionItem) | {"discounts": list(discounts)}
    return [whole | {"id": f"si_{number}"} for number in range(first, first + count)]


def subscription(name: str, *parts: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    whole = document(stripe.Subscription, expand=["discounts", "discounts.source.coupon"])
    return whole | {"id": name, "items": listed(*parts, has_more=has_more)}


def coupon(percent: float) -> dict[str, Any]:
    whole = document(stripe.Discount, expand=["source.coupon"])
    whole["source"]["coupon"]["percent_off"] = percent
    return whole


async def test_a_long_invoice_has_every_line_once() -> None:
    answers = {
        "invoices?limit=100": listed(invoice("in_1", 10, has_more=True)),
        "invoices/in_1/lines?limit=100": listed(*lines(100), has_more=True),
        "invoices/in_1/lines?limit=100&starting_after=il_99": listed(*lines(37, 100)),
    }
    async with answering(Script(answers)) as url, client(url) as gateway:
        [found] = (await gateway.list_page(INVOICES)).items
    assert [line.id for line in found.lines.data] == [f"il_{number}" for number in range(137)]
    assert not found.lines.has_more


async def test_a_short_invoice_needs_no_second_request() -> None:
    script = Script({"invoices?limit=100": listed(invoice("in_1", 10, has_more=False))})
    async with answering(script) as url, client(url) as gateway:
        [found] = (await gateway.list_page(INVOICES)).items
    assert (len(found.lines.data), script.asked) == (10, ["invoices?limit=100"])


async def test_completed_invoices_stay_in_their_places() -> None:
    page = [invoice(f"in_{number}", 10, has_more=number % 2 == 1) for number in range(6)]
    answers = {"invoices?limit=100": listed(*page, has_more=True)}
    answers |= {f"invoices/in_{n}/lines?limit=100": listed(*lines(10 + n)) for n in (1, 3, 5)}
    async with answering(Script(answers)) as url, client(url) as gateway:
        found = await gateway.list_page(INVOICES)
    assert [(one.id, len(one.lines.data)) for one in found.items] == [
        ("in_0", 10),
        ("in_1", 11),
        ("in_2", 10),
        ("in_3", 13),
        ("in_4", 10),
        ("in_5", 15),
    ]
    assert found.has_more


async def test_an_invoice_that_was_deleted_meanwhile_stays_as_it_was() -> None:
    script = Script({"invoices?limit=100": listed(invoice("in_1", 10, has_more=True))})
    async with answering(script) as url, client(url) as gateway:
        [found] = (await gateway.list_page(INVOICES)).items
    assert (found.id, len(found.lines.data), len(script.asked)) == ("in_1", 10, 2)


async def test_lines_that_cannot_be_read_fail_the_page() -> None:
    script = Script({"invoices?limit=100": listed(invoice("in_1", 10, has_more=True))})

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/lines"):
            return web.json_response({"error": {"code": "out_of_order"}}, status=400)
        return await script(request)

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match=r"an invoice's lines \(400, out_of_order\)"):
            await gateway.list_page(INVOICES)


async def test_a_list_that_never_ends_is_refused() -> None:
    answers = {
        "invoices?limit=100": listed(invoice("in_1", 10, has_more=True)),
        "invoices/in_1/lines?limit=100": listed(has_more=True),
    }
    async with answering(Script(answers)) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="documented form"):
            await gateway.list_page(INVOICES)


async def test_a_retrieved_invoice_is_whole_too() -> None:
    answers = {
        "invoices/in_1": invoice("in_1", 10, has_more=True),
        "invoices/in_1/lines?limit=100": listed(*lines(25)),
    }
    async with answering(Script(answers)) as url, client(url) as gateway:
        found = await gateway.retrieve(INVOICES, "in_1")
    assert found is not None
    assert len(found.lines.data) == 25


async def test_a_wide_subscription_has_every_item_once() -> None:
    rest = f"subscription_items?subscription=sub_1&{COUPONS}&limit=100"
    answers = {
        SUBSCRIPTION_LIST: listed(subscription("sub_1", *items(10), has_more=True)),
        rest: listed(*items(100), has_more=True),
        f"{rest}&starting_after=si_99": listed(*items(1, 100)),
    }
    async with answering(Script(answers)) as url, client(url) as gateway:
        [found] = (await gateway.list_page(SUBSCRIPTIONS)).items
    assert [item.id for item in found.items.data] == [f"si_{number}" for number in range(101)]


@pytest.mark.parametrize("seen", ["di_1", document(stripe.Discount)], ids=["id", "without coupon"])
async def test_discounts_of_items_come_with_their_coupons(seen: Any) -> None:
    listing = listed(*items(1, discounts=[coupon(30)]))
    answers = {
        SUBSCRIPTION_LIST: listed(subscription("sub_1", *items(1, discounts=[seen]))),
        f"subscription_items?subscription=sub_1&{COUPONS}&limit=100": listing,
    }
    async with answering(Script(answers)) as url, client(url) as gateway:
        [found] = (await gateway.list_page(SUBSCRIPTIONS)).items
    [discount] = found.items.data[0].discounts
    assert discount.coupon is not None
    assert discount.coupon.percent_off == 30


async def test_a_plain_subscription_needs_no_second_request() -> None:
    script = Script({SUBSCRIPTION_LIST: listed(subscription("sub_1", *items(2)))})
    async with answering(script) as url, client(url) as gateway:
        [found] = (await gateway.list_page(SUBSCRIPTIONS)).items
    assert (len(found.items.data), len(script.asked)) == (2, 1)


async def test_ids_of_any_form_stay_within_their_place() -> None:
    name = "in/../../odd id?"
    place = f"invoices/{quote(name, safe='')}"
    answers = {
        "invoices?limit=100": listed(invoice(name, 10, has_more=True)),
        f"{place}/lines?limit=100": listed(*lines(12)),
    }
    script = Script(answers)
    async with answering(script) as url, client(url) as gateway:
        await gateway.list_page(INVOICES)
        assert await gateway.retrieve(INVOICES, name) is None
    assert script.asked[1:] == [f"{place}/lines?limit=100", place]
