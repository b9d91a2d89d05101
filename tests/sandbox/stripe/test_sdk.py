"""Conformance by a client that we did not write: stripe-python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import stripe

from sandbox.stripe.faults import Faults, Trouble
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import KEY, Client, open_client
from tests.sandbox.stripe.platform import BACK, FIRST, PLATFORM, SECRET, authorize, open_platform

NEWEST_FIRST = [f"ch_{n:02d}" for n in reversed(range(25))]


def sdk_for(client: Client, *, retries: int = 0, key: str = KEY) -> stripe.StripeClient:
    return stripe.StripeClient(
        key, base_addresses={"api": client.stripe.url}, max_network_retries=retries
    )


@pytest.fixture
async def async_sdk(client: Client) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient()
    yield stripe.StripeClient(KEY, base_addresses={"api": client.stripe.url}, http_client=http)
    await http.close_async()


async def test_sdk_pages_from_the_newest_to_the_oldest(client: Client) -> None:
    def read() -> list[str]:
        page = sdk_for(client).v1.charges.list({"limit": 4})
        return [charge.id for charge in page.auto_paging_iter()]

    assert await asyncio.to_thread(read) == NEWEST_FIRST
    assert client.stripe.api.traffic["/v1/charges"] == 7


async def test_sdk_pages_from_a_cursor_to_the_newest(client: Client) -> None:
    def read() -> list[str]:
        page = sdk_for(client).v1.charges.list({"limit": 4, "ending_before": "ch_09"})
        return [charge.id for charge in page.auto_paging_iter()]

    assert await asyncio.to_thread(read) == [f"ch_{n:02d}" for n in range(10, 25)]


async def test_async_sdk_pages_in_both_directions(async_sdk: stripe.StripeClient) -> None:
    older = await async_sdk.v1.charges.list_async({"limit": 10, "starting_after": "ch_20"})
    newer = await async_sdk.v1.charges.list_async({"limit": 10, "ending_before": "ch_03"})
    assert [charge.id async for charge in older.auto_paging_iter()] == NEWEST_FIRST[5:]
    assert [charge.id async for charge in newer.auto_paging_iter()] == NEWEST_FIRST[-5::-1]


async def test_async_sdk_filters_and_expands(async_sdk: stripe.StripeClient) -> None:
    page = await async_sdk.v1.charges.list_async(
        {
            "customer": "cus_1",
            "created": {"gte": 1, "lt": 2_000_000_000},
            "expand": ["data.balance_transaction"],
            "limit": 1,
        }
    )
    transaction = page.data[0].balance_transaction
    assert isinstance(transaction, stripe.BalanceTransaction)
    assert transaction.source == "ch_23"


async def test_async_sdk_reads_every_kind(async_sdk: stripe.StripeClient) -> None:
    refunds = await async_sdk.v1.refunds.list_async({"charge": "ch_03"})
    dispute = await async_sdk.v1.disputes.retrieve_async("du_1")
    lines = await async_sdk.v1.balance_transactions.list_async({"type": "refund"})
    customer = await async_sdk.v1.customers.retrieve_async("cus_1")
    account = await async_sdk.v1.accounts.retrieve_current_async()
    assert [refund.amount for refund in refunds.data] == [603, 400]
    assert dispute.status == "needs_response"
    assert [line.net for line in lines.data] == [-1, -603, -400]
    assert customer.email == "customer-1@example.com"
    assert account.settings is not None
    assert account.settings.dashboard.timezone == "America/New_York"


async def test_sdk_raises_its_own_errors(client: Client) -> None:
    def provoke(expected: type[stripe.StripeError], key: str, **params: object) -> str | None:
        with pytest.raises(expected) as caught:
            sdk_for(client, key=key).v1.charges.list(params)
        return caught.value.code

    assert await asyncio.to_thread(provoke, stripe.AuthenticationError, "rk_test_wrong") is None
    code = await asyncio.to_thread(
        lambda: provoke(stripe.InvalidRequestError, KEY, starting_after="ch_no")
    )
    assert code == "resource_missing"


async def test_sdk_raises_permission_and_rate_limit_errors(ledger: Ledger) -> None:
    def provoke(client: Client, expected: type[stripe.StripeError]) -> str:
        with pytest.raises(expected) as caught:
            sdk_for(client, retries=2).v1.charges.list()
        return str(caught.value)

    async with open_client(ledger, keys={KEY: []}) as client:
        message = await asyncio.to_thread(provoke, client, stripe.PermissionError)
    assert "rak_charge_read" in message
    async with open_client(ledger, faults=Faults(rate_limited_every=1)) as client:
        await asyncio.to_thread(provoke, client, stripe.RateLimitError)
        assert client.stripe.api.statuses == {429: 1}


async def test_sdk_retries_a_failure_inside_stripe(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(failed_every=2)) as client:
        sdk = sdk_for(client, retries=2)
        for _ in range(2):
            page = await asyncio.to_thread(sdk.v1.charges.list, {"limit": 1})
            assert [charge.id for charge in page.data] == ["ch_24"]
        assert client.stripe.api.statuses == {200: 2, 500: 1}


@pytest.mark.parametrize(
    ("trouble", "expected", "code"),
    [
        (Trouble.RATE_LIMITED, stripe.RateLimitError, "rate_limit"),
        (Trouble.LOCKED, stripe.RateLimitError, "lock_timeout"),
        (Trouble.FAILED, stripe.APIError, None),
    ],
)
async def test_sdk_has_a_class_for_every_refusal(
    ledger: Ledger, trouble: Trouble, expected: type[stripe.StripeError], code: str | None
) -> None:
    async with open_client(ledger, faults=Faults(script=(trouble,))) as client:
        sdk = sdk_for(client)
        with pytest.raises(expected) as caught:
            await asyncio.to_thread(sdk.v1.charges.list)
    assert caught.value.error is not None
    assert caught.value.error.code == code


async def test_sdk_retries_a_lock_timeout_but_no_rate_limit(ledger: Ledger) -> None:
    faults = Faults(script=(Trouble.LOCKED, None, Trouble.RATE_LIMITED))
    async with open_client(ledger, faults=faults) as client:
        sdk = sdk_for(client, retries=2)
        await asyncio.to_thread(sdk.v1.charges.list)
        with pytest.raises(stripe.RateLimitError):
            await asyncio.to_thread(sdk.v1.charges.list)
        assert client.stripe.api.statuses == {429: 2, 200: 1}


async def test_sdk_makes_one_endpoint_though_it_is_told_twice(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(script=(Trouble.TRUNCATED,))) as client:
        hooks = sdk_for(client).v1.webhook_endpoints
        params = {"url": "https://app.example.com/hook", "enabled_events": ["*"]}
        options = {"idempotency_key": "once"}
        with pytest.raises(stripe.APIConnectionError):
            await asyncio.to_thread(hooks.create, params, options)
        made = await asyncio.to_thread(hooks.create, params, options)
        listed = await asyncio.to_thread(hooks.list)
        gone = await asyncio.to_thread(hooks.delete, made.id)
    assert [endpoint.id for endpoint in listed.data] == [made.id]
    assert made.secret is not None
    assert gone.deleted is True


async def test_sdk_connects_an_account_reads_it_and_leaves_it() -> None:
    async with open_platform() as client:
        url, sdk = client.stripe.url, platform_sdk(client)
        link = sdk.oauth.authorize_url({"state": "s1", "redirect_uri": BACK})
        assert link.startswith(f"{url}/oauth/authorize?")
        back = await authorize(client, state="s1")
        form = {"grant_type": "authorization_code", "code": back["code"]}
        token = await asyncio.to_thread(sdk.oauth.token, form)
        assert (token.stripe_user_id, token.scope) == (FIRST, "read_only")
        options = {"stripe_account": FIRST}
        charges = await asyncio.to_thread(sdk.v1.charges.list, {}, options)
        assert [charge.id for charge in charges.data] == ["ch_first"]
        await asyncio.to_thread(sdk.oauth.deauthorize, {"stripe_user_id": FIRST})
        with pytest.raises(stripe.PermissionError):
            await asyncio.to_thread(sdk.v1.charges.list, {}, options)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": "authorization_code", "code": "ac_no"}, "InvalidGrantError"),
        ({"grant_type": "authorization_code"}, "InvalidRequestError"),
        ({"grant_type": "password"}, "UnsupportedGrantTypeError"),
    ],
)
async def test_sdk_has_a_class_for_every_oauth_refusal(form: dict[str, str], expected: str) -> None:
    async with open_platform() as client:
        with pytest.raises(getattr(stripe.oauth_error, expected)):
            await asyncio.to_thread(platform_sdk(client).oauth.token, form)


async def test_sdk_cannot_exchange_a_code_with_a_wrong_key() -> None:
    async with open_platform() as client:
        form = {"grant_type": "authorization_code", "code": "ac_no"}
        with pytest.raises(stripe.oauth_error.InvalidClientError):
            await asyncio.to_thread(platform_sdk(client, "sk_test_wrong").oauth.token, form)


def platform_sdk(client: Client, key: str = SECRET) -> stripe.StripeClient:
    addresses = {"api": client.stripe.url, "connect": client.stripe.url}
    return stripe.StripeClient(key, client_id=PLATFORM.client_id, base_addresses=addresses)
