from __future__ import annotations

import pytest

from domain.errors import InvalidInputError
from sandbox.stripe.accounts import Account, Accounts, Platform
from sandbox.stripe.facts import Shop
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import create_app
from tests.sandbox.stripe.platform import (
    FIRST,
    FIRST_KEY,
    SECOND,
    SECOND_KEY,
    SECRET,
    business,
    connect,
    open_platform,
    post,
)


async def test_each_key_opens_its_own_account() -> None:
    async with open_platform() as client:
        first = await client.get("/v1/charges", key=FIRST_KEY)
        second = await client.get("/v1/charges", key=SECOND_KEY)
    assert (first.ids, second.ids) == (["ch_first"], ["ch_second"])


async def test_object_of_another_account_does_not_exist() -> None:
    async with open_platform() as client:
        answer = await client.get("/v1/charges/ch_second", key=FIRST_KEY)
        cursor = await client.get("/v1/charges?starting_after=ch_second", key=FIRST_KEY)
    assert (answer.status, answer.error["code"]) == (404, "resource_missing")
    assert (cursor.status, cursor.error["code"]) == (400, "resource_missing")


@pytest.mark.parametrize("header", ["Stripe_Account", "Stripe_Context"])
async def test_key_of_one_account_cannot_read_another(header: str) -> None:
    async with open_platform() as client:
        answer = await client.get("/v1/charges", key=FIRST_KEY, **{header: SECOND})
    assert (answer.status, answer.error["code"]) == (403, "account_invalid")


async def test_platform_cannot_read_an_account_that_is_not_connected() -> None:
    async with open_platform() as client:
        await connect(client, account=FIRST)
        answer = await client.get("/v1/charges", key=SECRET, Stripe_Account=SECOND)
        profile = await client.get(f"/v1/accounts/{SECOND}", key=SECRET)
    assert (answer.status, answer.error["code"]) == (403, "account_invalid")
    assert (profile.status, profile.error["code"]) == (403, "account_invalid")
    assert SECRET not in answer.error["message"]


@pytest.mark.parametrize("header", ["Stripe_Account", "Stripe_Context"])
async def test_platform_reads_a_connected_account_by_header(header: str) -> None:
    async with open_platform() as client:
        await connect(client, account=FIRST)
        charges = await client.get("/v1/charges", key=SECRET, **{header: FIRST})
        profile = await client.get(f"/v1/accounts/{FIRST}", key=SECRET)
    assert charges.ids == ["ch_first"]
    assert profile.json["id"] == FIRST


async def test_platform_itself_has_no_business() -> None:
    async with open_platform() as client:
        await connect(client, account=FIRST)
        own = await client.get("/v1/charges", key=SECRET)
    assert own.ids == []


async def test_connected_account_does_not_open_the_platform_to_others() -> None:
    async with open_platform() as client:
        await connect(client, account=FIRST)
        answer = await client.get("/v1/charges", key=SECOND_KEY, Stripe_Account=FIRST)
    assert answer.status == 403


async def test_access_token_reads_its_account_alone() -> None:
    async with open_platform() as client:
        token = (await connect(client, account=SECOND))["access_token"]
        assert (await client.get("/v1/charges", key=token)).ids == ["ch_second"]
        assert (await client.get("/v1/charges", key=token, Stripe_Account=FIRST)).status == 403


async def test_access_that_is_read_only_cannot_write() -> None:
    form = {"url": "https://app.example.com/hook", "enabled_events[]": "*"}
    async with open_platform() as client:
        token = (await connect(client, account=FIRST))["access_token"]
        by_token = await post(client, "/v1/webhook_endpoints", form, key=token)
        by_header = await post(client, "/v1/webhook_endpoints", form, Stripe_Account=FIRST)
        listed = await client.get("/v1/webhook_endpoints", key=token)
    assert by_token.status == by_header.status == 403
    assert FIRST in by_token.error["message"]
    assert (listed.status, listed.ids) == (200, [])


async def test_access_that_is_read_write_can_write() -> None:
    form = {"url": "https://app.example.com/hook", "enabled_events[]": "*"}
    async with open_platform() as client:
        token = (await connect(client, account=FIRST, scope="read_write"))["access_token"]
        created = await post(client, "/v1/webhook_endpoints", form, key=token)
        listed = await client.get("/v1/webhook_endpoints", key=FIRST_KEY)
    assert listed.ids == [created.json["id"]]


async def test_permission_to_write_includes_reading() -> None:
    accounts = [Account(business(FIRST), {FIRST_KEY: ["rak_webhook_write"]})]
    async with open_platform() as client:
        client.stripe.api.accounts = Accounts(accounts, None)
        assert (await client.get("/v1/webhook_endpoints", key=FIRST_KEY)).status == 200
        assert (await client.get("/v1/charges", key=FIRST_KEY)).status == 403


async def test_revoked_key_is_unknown() -> None:
    async with open_platform() as client:
        client.stripe.api.accounts.revoke_key(FIRST_KEY)
        assert (await client.get("/v1/charges", key=FIRST_KEY)).status == 401
        assert (await client.get("/v1/charges", key=SECOND_KEY)).status == 200


async def test_without_a_platform_there_is_no_oauth() -> None:
    async with open_platform(platform=None) as client:
        answer = await client.get("/oauth/authorize", key=None)
    assert answer.status == 404


def test_key_cannot_open_two_accounts() -> None:
    accounts = [Account(business(FIRST), [FIRST_KEY]), Account(business(SECOND), [FIRST_KEY])]
    with pytest.raises(InvalidInputError, match="opens two accounts"):
        create_app(accounts)


def test_accounts_need_ids_of_their_own() -> None:
    with pytest.raises(InvalidInputError, match=f"Two accounts are called {FIRST}"):
        create_app([business(FIRST), business(FIRST)])


def test_several_accounts_bring_their_own_keys() -> None:
    with pytest.raises(InvalidInputError, match="bring their own keys"):
        create_app([business(FIRST)], keys=[FIRST_KEY])


def test_sandbox_needs_an_account() -> None:
    with pytest.raises(InvalidInputError, match="at least one account"):
        create_app([])


def test_platform_of_test_mode_cannot_be_joined_by_a_live_account() -> None:
    live = Ledger.from_facts(shop=Shop(account_id="acct_live", livemode=True))
    accounts = Accounts([Account(business(FIRST)), Account(live)], Platform())
    assert [ledger.shop.account_id for ledger in accounts.connectable] == [FIRST]


def test_secrets_are_not_in_the_text_of_objects() -> None:
    accounts = Accounts([Account(business(FIRST), [FIRST_KEY])], Platform())
    grant = accounts.connect(FIRST, "read_only")
    assert "sk_test" not in repr(Platform())
    assert grant.access_token not in repr(grant)
    assert grant.refresh_token not in repr(grant)
