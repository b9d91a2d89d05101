"""The client against the sandbox: every list, single objects, OAuth, webhooks, and full speed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from domain.errors import StripeKeyError
from domain.periods import Month
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import Page
from integrations.stripe.oauth import Grant, StripeConnect
from integrations.stripe.resources import (
    CHARGES,
    EARLY_FRAUD_WARNINGS,
    INVOICES,
    PRICES,
    RESOURCES,
    SUBSCRIPTIONS,
    Resource,
    StripeObject,
)
from integrations.stripe.webhooks import verify
from sandbox.stripe.accounts import Account, Platform
from sandbox.stripe.archetypes import load
from sandbox.stripe.clock import milliseconds
from sandbox.stripe.delivery import signature_header
from sandbox.stripe.facts import Shop
from sandbox.stripe.faults import Faults
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import SandboxStripe, serve
from tests.integrations.stripe.answering import client
from tests.integrations.stripe.ledgers import KEY, NOW, small_shop

THEN = datetime(2026, 11, 10, tzinfo=UTC)
WINDOWS = 8
SWINDLED = "rk_test_swindled"
PLATFORM = Platform(secret_key="sk_test_platform_of_this_test")
BACK = "http://127.0.0.1:9/back"


@cache
def software() -> Ledger:
    """A business with subscriptions, made once."""
    return load("saas", last_month=Month(2026, 10), charges=300)


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxStripe]:
    """Two businesses, of which between them every list has something."""
    swindled = load("dropshipper", last_month=Month(2026, 10), charges=200)
    accounts = [Account(software(), [KEY]), Account(swindled, [SWINDLED])]
    async with serve(accounts, clock=lambda: THEN) as stripe_api:
        yield stripe_api


def key_for(resource: Resource[Any]) -> str:
    return SWINDLED if resource is EARLY_FRAUD_WARNINGS else KEY


async def everything(
    gateway: StripeClient, resource: Resource[Any], *, gte: int | None = None, lt: int | None = None
) -> list[Any]:
    found: list[StripeObject] = []
    page: Page[Any] | None = None
    while page is None or page.has_more:
        after = found[-1].id if found else None
        page = await gateway.list_page(
            resource, starting_after=after, created_gte=gte, created_lt=lt
        )
        found.extend(page.items)
    return found


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
async def test_every_list_is_read_to_its_end(
    sandbox: SandboxStripe, resource: Resource[Any]
) -> None:
    async with client(sandbox.url, key_for(resource)) as gateway:
        found = await everything(gateway, resource)
    assert found
    assert len({one.id for one in found}) == len(found)
    assert [one.created for one in found] == sorted((o.created for o in found), reverse=True)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
async def test_a_single_object_is_what_the_list_shows(
    sandbox: SandboxStripe, resource: Resource[Any]
) -> None:
    async with client(sandbox.url, key_for(resource)) as gateway:
        page = await gateway.list_page(resource, limit=20)
        chosen = page.items[::5]
        singles = [await gateway.retrieve(resource, one.id) for one in chosen]
    assert chosen
    assert singles == list(chosen)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
async def test_an_unknown_object_is_gone(sandbox: SandboxStripe, resource: Resource[Any]) -> None:
    async with client(sandbox.url) as gateway:
        assert await gateway.retrieve(resource, "unknown_1") is None


async def test_a_window_holds_what_was_created_in_it(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        whole = [one.created for one in await everything(gateway, CHARGES)]
        first, last = whole[-20], whole[10]
        part = await everything(gateway, CHARGES, gte=first, lt=last)
    assert [one.created for one in part] == [at for at in whole if first <= at < last]


async def test_the_lines_of_every_invoice_add_up_to_its_subtotal(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        invoices = await everything(gateway, INVOICES)
    differing = [
        one.id for one in invoices if sum(line.amount for line in one.lines.data) != one.subtotal
    ]
    assert differing == []
    assert max(len(one.lines.data) for one in invoices) > 10
    assert any(line.discount_amount for one in invoices for line in one.lines.data)


async def test_every_subscription_has_the_items_and_discounts_it_has(
    sandbox: SandboxStripe,
) -> None:
    as_of = milliseconds(THEN)
    async with client(sandbox.url) as gateway:
        found = await everything(gateway, SUBSCRIPTIONS)
    states = {fact.id: fact.state(as_of) for fact in software().subscriptions.facts}
    shown = {one.id: ({i.price.id for i in one.items.data}, len(one.discounts)) for one in found}
    assert max(len(one.items.data) for one in found) > 10
    assert shown == {
        name: ({item.price for item in states[name].items}, len(states[name].discounts))
        for name in shown
    }
    assert len(shown) == sum(
        fact.created * 1_000 <= as_of for fact in software().subscriptions.facts
    )
    assert all(discount.coupon for one in found for discount in one.discounts)


async def test_prices_by_tiers_come_with_their_tiers(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        prices = await everything(gateway, PRICES)
    tiered = [price for price in prices if price.billing_scheme == "tiered"]
    assert tiered
    assert all(price.tiers and price.tiers[-1].up_to is None for price in tiered)


async def granted(sandbox: SandboxStripe) -> tuple[StripeConnect, Grant]:
    """Return our platform and what the owner of its one account gave it."""
    connect = StripeConnect(PLATFORM.client_id, PLATFORM.secret_key, sandbox.url, sandbox.url)
    page = connect.authorize_url(state="once", redirect_uri=BACK)
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(f"{page}&approve=1", allow_redirects=False) as answer,
    ):
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == ["once"]
    return connect, await connect.exchange(back["code"][0])


@pytest.fixture
async def connectable() -> AsyncIterator[SandboxStripe]:
    async with serve([Account(small_shop())], platform=PLATFORM) as stripe_api:
        yield stripe_api


async def test_an_owner_lets_us_in_and_out_again(connectable: SandboxStripe) -> None:
    connect, grant = await granted(connectable)
    async with client(connectable.url, grant.access_token) as gateway:
        account = await gateway.account()
        assert (account.id, account.livemode) == (grant.account_id, grant.livemode)
        assert (await gateway.list_page(CHARGES, limit=1)).items
        await connect.deauthorize(grant.account_id)
        with pytest.raises(StripeKeyError):
            await gateway.list_page(CHARGES)
    await connect.deauthorize(grant.account_id)


async def test_our_own_key_speaks_for_the_account_as_long_as_it_is_connected(
    connectable: SandboxStripe,
) -> None:
    connect, grant = await granted(connectable)
    key, account_id = PLATFORM.secret_key, grant.account_id
    async with client(connectable.url, key, stripe_account=account_id) as gateway:
        assert (await gateway.account()).id == account_id
        assert (await gateway.list_page(CHARGES, limit=1)).items
        await connect.deauthorize(account_id)
        for ask in (gateway.account(), gateway.list_page(CHARGES)):
            with pytest.raises(StripeKeyError, match="Connect it again"):
                await ask


async def test_accounts_of_one_platform_are_kept_apart() -> None:
    other = Ledger.from_facts(shop=Shop(account_id="acct_other", name="Other"))
    ledgers = [Account(small_shop(), [KEY]), Account(other, ["rk_test_other"])]
    async with serve(ledgers, platform=PLATFORM) as stripe_api:
        async with client(stripe_api.url, "rk_test_other") as gateway:
            assert not (await gateway.list_page(CHARGES)).items
        async with client(stripe_api.url, KEY, stripe_account="acct_other") as gateway:
            with pytest.raises(StripeKeyError):
                await gateway.list_page(CHARGES)


async def test_what_the_sandbox_signs_is_believed() -> None:
    body = b'{"object":"event","id":"evt_1","type":"charge.succeeded","created":1,"livemode":false,'
    body += b'"data":{"object":{"object":"charge","id":"ch_1"}}}'
    header = signature_header(body, secrets=["whsec_old", "whsec_new"], timestamp=NOW)
    assert verify(body, header, secrets=["whsec_new"], now=NOW).data.object.id == "ch_1"


# How fast they are is measured by `python -m benchmarks.sync --only limited`.
@pytest.mark.slow
async def test_eight_windows_at_stripes_limit_meet_no_refusal() -> None:
    shop = small_shop(WINDOWS * 1_000)
    facts = shop.charges.facts
    starts = [fact.created for fact in facts[:: len(facts) // WINDOWS]]
    windows = zip(starts, [*starts[1:], NOW + 1], strict=True)
    faults = Faults(latency_ms=200, requests_per_second=25, account_requests_per_second=25)
    now = datetime.fromtimestamp(NOW, UTC)
    async with (
        serve(shop, keys=[KEY], faults=faults, clock=lambda: now) as stripe_api,
        client(stripe_api.url) as gateway,
    ):
        parts = await asyncio.gather(
            *(everything(gateway, CHARGES, gte=first, lt=end) for first, end in windows)
        )
        assert stripe_api.api.statuses == {200: WINDOWS * 10}
    assert len({one.id for part in parts for one in part}) == len(facts)
