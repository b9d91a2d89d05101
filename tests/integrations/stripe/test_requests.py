"""What the client asks for: pages, single objects, whose account, and again when it is worth it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import stripe
from aiohttp import web

from domain.errors import (
    ConfigurationError,
    StripeError,
    StripeKeyError,
    StripePermissionError,
)
from integrations.stripe.client import StripeClient
from integrations.stripe.failures import MissingObjectError
from integrations.stripe.resources import (
    BALANCE_TRANSACTIONS,
    CHARGES,
    CUSTOMERS,
    EARLY_FRAUD_WARNINGS,
    PRICES,
    PRODUCTS,
    SUBSCRIPTIONS,
)
from tests.integrations.stripe.answering import QUICK, Script, answering, client, listed
from tests.integrations.stripe.documented import document

Ask = Callable[[StripeClient], Awaitable[Any]]
CUSTOMER = {"id": "cus_1", "object": "customer", "created": 5, "currency": "eur"}
ACCOUNT = {"id": "acct_1", "object": "account", "default_currency": "usd"}
ASKS: list[tuple[str, Ask]] = [
    ("account", lambda gateway: gateway.account()),
    ("list", lambda gateway: gateway.list_page(CUSTOMERS)),
    ("one", lambda gateway: gateway.retrieve(CUSTOMERS, "cus_1")),
]
EVERY_WAY = pytest.mark.parametrize("ask", [ask for _, ask in ASKS], ids=[name for name, _ in ASKS])


class Refusals:
    """Refuses the first requests, then answers them all."""

    def __init__(self, count: int, status: int, *, headers: Any = None, code: str = "busy") -> None:
        self.left, self.status, self.headers, self.code = count, status, headers, code
        self.asked = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.left:
            self.left -= 1
            body = {"error": {"code": self.code, "message": "hidden-message"}}
            return web.json_response(body, status=self.status, headers=self.headers)
        whole = {"/v1/customers/cus_1": CUSTOMER, "/v1/account": ACCOUNT}
        return web.json_response(whole.get(request.path, listed()))


async def test_a_window_and_a_filter_are_asked_for() -> None:
    asked = (
        "balance_transactions?payout=po_1&limit=7&starting_after=txn_9"
        "&created%5Bgte%5D=100&created%5Blt%5D=200"
    )
    script = Script({asked: listed()})
    async with answering(script) as url, client(url) as gateway:
        await gateway.list_page(
            BALANCE_TRANSACTIONS,
            starting_after="txn_9",
            created_gte=100,
            created_lt=200,
            limit=7,
            filters={"payout": "po_1"},
        )
    assert script.asked == [asked]


async def test_a_filter_takes_the_place_of_the_usual_one() -> None:
    script = Script({})
    async with answering(script) as url, client(url) as gateway:
        with pytest.raises(MissingObjectError):
            await gateway.list_page(SUBSCRIPTIONS, filters={"status": "active"})
    assert script.asked[0].startswith("subscriptions?status=active&")


async def test_what_a_list_expands_is_expanded_in_a_single_object_too() -> None:
    price = document(stripe.Price, expand=["tiers"])
    script = Script(
        {
            "prices?limit=100&expand%5B%5D=data.tiers": listed(price),
            "prices/price_1?expand%5B%5D=tiers": price,
        }
    )
    async with answering(script) as url, client(url) as gateway:
        page = await gateway.list_page(PRICES)
        one = await gateway.retrieve(PRICES, "price_1")
    assert one == page.items[0]
    assert one.tiers


async def test_warnings_are_read_where_stripe_keeps_them() -> None:
    warning = document(stripe.radar.EarlyFraudWarning)
    script = Script({"radar/early_fraud_warnings/issfr_1": warning})
    async with answering(script) as url, client(url) as gateway:
        found = await gateway.retrieve(EARLY_FRAUD_WARNINGS, "issfr_1")
    assert found is not None
    assert found.actionable


async def test_an_object_is_read_by_its_id() -> None:
    async with answering(Script({"customers/cus_1": CUSTOMER})) as url, client(url) as gateway:
        found = await gateway.retrieve(CUSTOMERS, "cus_1")
    assert found is not None
    assert (found.id, found.created, found.currency) == ("cus_1", 5, "eur")


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"customers/cus_1": {"id": "cus_1", "object": "customer", "deleted": True}},
        {"customers/cus_1": CUSTOMER | {"deleted": True}},
    ],
    ids=["unknown", "deleted", "deleted in full"],
)
async def test_an_object_that_is_gone_is_none(answers: dict[str, Any]) -> None:
    script = Script(answers)
    async with answering(script) as url, client(url) as gateway:
        assert await gateway.retrieve(CUSTOMERS, "cus_1") is None
    assert script.asked == ["customers/cus_1"]


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_an_id_that_a_path_would_swallow_is_none(name: str) -> None:
    script = Script({})
    async with answering(script) as url, client(url) as gateway:
        assert await gateway.retrieve(PRODUCTS, name) is None
    assert script.asked == []


async def test_a_path_that_stripe_does_not_have_is_an_error() -> None:
    async with (
        answering(Refusals(1, 404, code="url_unknown")) as url,
        client(url) as gateway,
    ):
        with pytest.raises(StripeError, match="404, url_unknown"):
            await gateway.retrieve(CUSTOMERS, "cus_1")


async def test_a_cursor_that_was_deleted_can_be_told() -> None:
    async with (
        answering(Refusals(1, 400, code="resource_missing")) as url,
        client(url) as gateway,
    ):
        with pytest.raises(MissingObjectError) as caught:
            await gateway.list_page(CUSTOMERS, starting_after="cus_gone")
    assert caught.value.status == 400
    assert "cus_gone" not in str(caught.value)


async def test_a_missing_parameter_does_not_make_an_object_gone() -> None:
    async with (
        answering(Refusals(1, 400, code="resource_missing")) as url,
        client(url) as gateway,
    ):
        with pytest.raises(MissingObjectError):
            await gateway.retrieve(CUSTOMERS, "cus_1")


@EVERY_WAY
async def test_a_platform_names_the_account_it_speaks_for(ask: Ask) -> None:
    script = Script({"customers?limit=100": listed(), "customers/cus_1": CUSTOMER})
    script.answers = {**script.answers, "account": ACCOUNT}
    async with answering(script) as url, client(url, stripe_account="acct_7") as gateway:
        await ask(gateway)
    assert [headers["Stripe-Account"] for headers in script.headers] == ["acct_7"]


@EVERY_WAY
async def test_without_a_platform_no_account_is_named(ask: Ask) -> None:
    script = Script({"customers?limit=100": listed(), "customers/cus_1": CUSTOMER})
    script.answers = {**script.answers, "account": ACCOUNT}
    async with answering(script) as url, client(url) as gateway:
        await ask(gateway)
    assert ["Stripe-Account" in headers for headers in script.headers] == [False]


@EVERY_WAY
async def test_no_request_follows_a_redirect(ask: Ask) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="302"):
            await ask(gateway)
    assert "/elsewhere" not in asked
    assert len(asked) == 1


@EVERY_WAY
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Stripe-Rate-Limited-Reason": "endpoint-rate", "Stripe-Should-Retry": "false"}),
        (429, {"Stripe-Should-Retry": "true"}),
        (409, {}),
        (500, {"Stripe-Should-Retry": "false"}),
        (503, {}),
        (424, {"Stripe-Should-Retry": "true"}),
    ],
)
async def test_passing_trouble_is_waited_for(
    ask: Ask, status: int, headers: dict[str, str]
) -> None:
    refusals = Refusals(2, status, headers=headers, code="lock_timeout")
    async with answering(refusals) as url, client(url) as gateway:
        await ask(gateway)
    assert refusals.asked == 3


@EVERY_WAY
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, {}),
        (402, {"Stripe-Should-Retry": "false"}),
        (409, {"Stripe-Should-Retry": "false"}),
    ],
)
async def test_a_refusal_for_good_is_believed(
    ask: Ask, status: int, headers: dict[str, str]
) -> None:
    refusals = Refusals(2, status, headers=headers)
    async with answering(refusals) as url, client(url) as gateway:
        with pytest.raises(StripeError, match=f"{status}, busy") as caught:
            await ask(gateway)
    assert refusals.asked == 1
    assert "hidden-message" not in f"{caught.value!r}{caught.value.hint}"


@EVERY_WAY
@pytest.mark.parametrize(("status", "kind"), [(401, StripeKeyError), (403, StripePermissionError)])
async def test_a_key_that_may_not_is_not_tried_again(
    ask: Ask, status: int, kind: type[StripeError]
) -> None:
    refusals = Refusals(2, status, headers={"Stripe-Should-Retry": "true"})
    async with answering(refusals) as url, client(url) as gateway:
        with pytest.raises(kind):
            await ask(gateway)
    assert refusals.asked == 1


async def test_of_several_permissions_ours_is_named() -> None:
    message = "Having one of 'rak_credit_note_read', 'rak_charge_read' would allow this request."

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": message}}, status=403)

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripePermissionError) as caught:
            await gateway.list_page(CHARGES)
    assert caught.value.hint is not None
    assert "rak_charge_read" in caught.value.hint


@EVERY_WAY
@pytest.mark.parametrize("body", [b"[]", b'{"error": 5}', b'"text"', b"5"])
async def test_json_of_another_form_is_told(ask: Ask, body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="documented form"):
            await ask(gateway)


@EVERY_WAY
async def test_an_error_of_another_form_is_told(ask: Ask) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"error": 5}, status=400)

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError):
            await ask(gateway)


@pytest.mark.parametrize("ask", [ASKS[0][1], ASKS[2][1]], ids=["account", "one"])
async def test_a_body_of_broken_text_is_fetched_again(ask: Ask) -> None:
    refused: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        refused.append(request.path)
        return web.Response(body=b'{"id":"\xff","created":5}', content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="connection to Stripe failed"):
            await ask(gateway)
    assert len(refused) == QUICK.attempts


@EVERY_WAY
@pytest.mark.parametrize("body", [b"", b"{", b'{"id":"acct_1","default_currency":"usd","object'])
async def test_a_broken_body_is_fetched_again(ask: Ask, body: bytes) -> None:
    asked = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(body=body, content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="connection to Stripe failed"):
            await ask(gateway)
    assert asked == QUICK.attempts


async def test_sixteen_requests_at_once_get_each_its_own_answer() -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.json_response(CUSTOMER | {"id": request.path.rpartition("/")[2]})

    names = [f"cus_{number}" for number in range(16)]
    async with answering(answer) as url, client(url) as gateway:
        found = await asyncio.gather(*(gateway.retrieve(CUSTOMERS, name) for name in names))
    assert [one.id if one else None for one in found] == names


@pytest.mark.parametrize("key", ["rk_live_1", "sk_live_1"])
def test_a_live_key_travels_encrypted_only(key: str) -> None:
    with pytest.raises(ConfigurationError, match="https") as caught:
        client("http://127.0.0.1:1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(("key", "livemode"), [("sk_test_1", False), ("rk_test_live_1", False)])
async def test_the_key_tells_the_mode(key: str, livemode: bool) -> None:
    async with answering(Script({"account": ACCOUNT})) as url, client(url, key) as gateway:
        assert (await gateway.account()).livemode is livemode
