"""stripe-node connects accounts to the sandbox's platform and reads its webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from sandbox.stripe.accounts import Account, Platform
from sandbox.stripe.clock import milliseconds
from sandbox.stripe.delivery import Manner, Mischief
from sandbox.stripe.facts import ChargeFact, Shop
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.resources import CHARGE
from sandbox.stripe.server import SandboxStripe, serve
from tests.slow.foreign_shop import KEY, NOW, OPENED, make_shop
from tests.slow.node_programs import Step, ask, errors, values

pytestmark = pytest.mark.slow
ENDPOINTS = "/v1/webhook_endpoints"
OTHER = "acct_1OtherShop0000001"
CHARGES: Step = {"do": "list", "path": CHARGE.path, "params": {"limit": 100}, "fields": ["id"]}
PLATFORM = Platform()


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return make_shop()


@pytest.fixture(scope="module")
def other_ledger() -> Ledger:
    shop = replace(Shop(), account_id=OTHER)
    return Ledger.from_facts(shop=shop, charges=[ChargeFact("ch_other", OPENED, 5_000)])


@pytest.fixture
async def stripe(ledger: Ledger, other_ledger: Ledger) -> AsyncIterator[SandboxStripe]:
    accounts = [Account(ledger, keys=[KEY]), Account(other_ledger)]
    async with serve(accounts, clock=lambda: NOW, platform=PLATFORM) as running:
        yield running


async def approve(stripe: SandboxStripe, account_id: str) -> str:
    """Answer the page as the account's owner; return the code that comes back."""
    query = {
        "client_id": PLATFORM.client_id,
        "response_type": "code",
        "scope": "read_only",
        "redirect_uri": "http://127.0.0.1:9/back",
        "approve": "1",
        "account": account_id,
    }
    url = f"{stripe.url}/oauth/authorize"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params=query, allow_redirects=False) as response,
    ):
        location = urlsplit(response.headers["Location"])
    return parse_qs(location.query)["code"][0]


async def connect(stripe: SandboxStripe) -> dict[str, Any]:
    """Connect the other account to the platform; return what stripe-node got for the code."""
    step = {"do": "token", "code": await approve(stripe, OTHER)}
    (grant,) = values(await ask(stripe.url, step, key=PLATFORM.secret_key))
    assert isinstance(grant, dict)
    return grant


async def test_stripe_node_exchanges_a_code_for_a_token_of_that_account(
    stripe: SandboxStripe,
) -> None:
    grant = await connect(stripe)
    assert (grant["stripe_user_id"], grant["scope"]) == (OTHER, "read_only")
    token = grant["access_token"]
    account, charges = values(
        await ask(stripe.url, {"do": "account", "fields": ["id"]}, CHARGES, key=token)
    )
    assert account == {"id": OTHER}
    assert charges == [{"id": "ch_other"}]


async def test_stripe_node_names_the_account_that_the_platform_reads(
    stripe: SandboxStripe, ledger: Ledger
) -> None:
    key = PLATFORM.secret_key
    (early,) = errors(await ask(stripe.url, CHARGES, key=key, account=OTHER))
    assert early["class"] == "StripePermissionError"
    await connect(stripe)
    assert values(await ask(stripe.url, CHARGES, key=key, account=OTHER)) == [[{"id": "ch_other"}]]
    (foreign,) = errors(await ask(stripe.url, CHARGES, key=key, account=ledger.shop.account_id))
    assert (foreign["class"], foreign["code"]) == ("StripePermissionError", "account_invalid")


async def test_stripe_node_understands_that_a_code_is_used(stripe: SandboxStripe) -> None:
    step = {"do": "token", "code": await approve(stripe, OTHER)}
    first, again = await ask(stripe.url, step, step, key=PLATFORM.secret_key)
    assert "value" in first
    assert again["error"]["class"] == "StripeInvalidGrantError"


async def test_stripe_node_lets_go_of_an_account(stripe: SandboxStripe) -> None:
    token = (await connect(stripe))["access_token"]
    step = {"do": "deauthorize", "application": PLATFORM.client_id, "account": OTHER}
    gone, again = await ask(stripe.url, step, step, key=PLATFORM.secret_key)
    assert gone["value"]["stripe_user_id"] == OTHER
    assert again["error"]["class"] == "StripeInvalidClientError"
    (error,) = errors(await ask(stripe.url, CHARGES, key=token))
    assert error["class"] == "StripeAuthenticationError"


async def test_stripe_node_manages_webhook_endpoints(stripe: SandboxStripe) -> None:
    made = [
        {
            "do": "create",
            "path": ENDPOINTS,
            "params": {
                "url": f"https://shop.example.com/{number}",
                "enabled_events": ["charge.succeeded", "charge.refunded"],
                "metadata": {"number": str(number)},
            },
        }
        for number in range(3)
    ]
    endpoints = values(await ask(stripe.url, *made))
    ids = [endpoint["id"] for endpoint in endpoints]
    assert all(endpoint["secret"].startswith("whsec_") for endpoint in endpoints)
    one = {"path": ENDPOINTS, "id": ids[0]}
    listed, changed, removed, left = values(
        await ask(
            stripe.url,
            {"do": "list", "path": ENDPOINTS, "params": {"limit": 2}},
            {"do": "update", **one, "params": {"disabled": True}},
            {"do": "remove", "path": ENDPOINTS, "id": ids[1]},
            {"do": "list", "path": ENDPOINTS, "fields": ["id", "status"]},
        )
    )
    assert [endpoint["id"] for endpoint in listed] == ids[::-1]
    assert listed[0]["metadata"] == {"number": "2"}
    assert listed[0]["enabled_events"] == ["charge.succeeded", "charge.refunded"]
    assert "secret" not in listed[0]
    assert (changed["id"], changed["status"]) == (ids[0], "disabled")
    assert removed["deleted"] is True
    assert left == [
        {"id": ids[2], "status": "enabled"},
        {"id": ids[0], "status": "disabled"},
    ]


class Receiver:
    """A webhook endpoint that keeps what it is sent, and its secret."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[dict[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        """Keep a delivery as a step that reads it needs it."""
        signature = request.headers["Stripe-Signature"]
        self.received.append({"body": (await request.read()).decode(), "signature": signature})
        return web.Response()

    def steps(self, do: str, secret: str) -> list[Step]:
        """Return the reading of each delivery, in the order of arrival."""
        return [{"do": do, "secret": secret, **delivery} for delivery in self.received]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()


async def delivered(
    stripe: SandboxStripe, receiver: Receiver, manner: Manner, types: list[str]
) -> tuple[str, list[str]]:
    """Have the month's events of the types sent; return the secret and the ids, oldest first."""
    params = {"url": receiver.url, "enabled_events": types}
    step = {"do": "create", "path": ENDPOINTS, "params": params}
    (endpoint,) = values(await ask(stripe.url, step))
    since, until = milliseconds(NOW - timedelta(days=30)) - 1, milliseconds(NOW)
    deliveries = await stripe.deliveries.send(since=since, until=until, manner=manner)
    assert deliveries
    return endpoint["secret"], [delivery.event.id for delivery in deliveries]


async def test_stripe_node_reads_the_webhooks_that_its_list_of_events_has(
    stripe: SandboxStripe,
) -> None:
    async with receiving() as receiver:
        secret, ids = await delivered(stripe, receiver, Manner(), ["*"])
    events = values(await ask(stripe.url, *receiver.steps("event", secret)))
    (listed,) = values(await ask(stripe.url, {"do": "list", "path": "/v1/events"}))
    assert [event["id"] for event in events] == ids == [event["id"] for event in listed][::-1]
    assert [event["data"] for event in events] == [event["data"] for event in listed][::-1]


@pytest.mark.parametrize("mischief", [Mischief.BAD_SIGNATURE, Mischief.OLD])
async def test_stripe_node_refuses_a_webhook_that_is_forged_or_old(
    mischief: Mischief, stripe: SandboxStripe
) -> None:
    async with receiving() as receiver:
        manner = Manner(every={mischief: 1})
        secret, _ = await delivered(stripe, receiver, manner, ["*"])
    refused = errors(await ask(stripe.url, *receiver.steps("event", secret)))
    assert {error["class"] for error in refused} == {"StripeSignatureVerificationError"}


async def test_stripe_node_takes_a_webhook_from_the_future(stripe: SandboxStripe) -> None:
    """Its tolerance has one side only, which is why the product bounds the other itself."""
    async with receiving() as receiver:
        manner = Manner(every={Mischief.FUTURE: 1})
        secret, ids = await delivered(stripe, receiver, manner, ["charge.refunded"])
    events = values(await ask(stripe.url, *receiver.steps("event", secret)))
    assert [event["id"] for event in events] == ids


async def test_stripe_node_fetches_what_a_thin_webhook_is_about(
    stripe: SandboxStripe, ledger: Ledger
) -> None:
    async with receiving() as receiver:
        manner = Manner(every={Mischief.THIN: 1})
        secret, _ = await delivered(stripe, receiver, manner, ["charge.refunded"])
    told = values(await ask(stripe.url, *receiver.steps("notification", secret)))
    refunded = {refund.charge for refund in ledger.refunds.facts}
    assert {notification["type"] for notification in told} == {"v1.charge.refunded"}
    assert {notification["related"]["id"] for notification in told} == refunded
    assert all(notification["related"]["amount_refunded"] for notification in told)
