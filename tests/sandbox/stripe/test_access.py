from __future__ import annotations

import aiohttp
import pytest

from domain.errors import InvalidInputError
from sandbox.stripe.facts import Shop
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import create_app
from tests.sandbox.stripe.conftest import KEY, Client, at, open_client

ACCOUNT = Shop().account_id


async def test_request_without_a_key_is_refused(client: Client) -> None:
    answer = await client.get("/v1/charges", key=None)
    assert answer.status == 401
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["message"].startswith("You did not provide an API key.")


async def test_unknown_key_is_refused_and_not_repeated(client: Client) -> None:
    secret = "rk_test_secretsecretsecretWXYZ"
    answer = await client.get("/v1/charges", key=secret)
    assert answer.status == 401
    assert answer.error["message"].startswith("Invalid API Key provided: rk_test_***")
    assert "secret" not in answer.error["message"]


async def test_key_may_come_as_basic_user_name(client: Client) -> None:
    auth = {"Authorization": aiohttp.encode_basic_auth(KEY, "")}
    url = f"{client.stripe.url}/v1/charges"
    async with client.session.get(url, headers=auth) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/v1/charges", "rak_charge_read"),
        ("/v1/charges/ch_01", "rak_charge_read"),
        ("/v1/refunds", "rak_charge_read"),
        ("/v1/disputes", "rak_dispute_read"),
        ("/v1/customers", "rak_customer_read"),
        ("/v1/balance_transactions", "rak_balance_transaction_source_read"),
        ("/v1/payment_intents", "rak_payment_intent_read"),
        ("/v1/radar/early_fraud_warnings", "rak_charge_read"),
        ("/v1/payouts", "rak_payout_read"),
        ("/v1/products", "rak_product_read"),
        ("/v1/prices", "rak_plan_read"),
        ("/v1/subscriptions", "rak_subscription_read"),
        ("/v1/subscription_items", "rak_subscription_read"),
        ("/v1/invoices", "rak_invoice_read"),
        ("/v1/invoices/in_1/lines", "rak_invoice_read"),
        ("/v1/events", "rak_event_read"),
        ("/v1/webhook_endpoints", "rak_webhook_read"),
        ("/v1/account", "rak_accounts_kyc_basic_read"),
    ],
)
async def test_restricted_key_is_told_the_permission_it_lacks(
    ledger: Ledger, path: str, permission: str
) -> None:
    async with open_client(ledger, keys={KEY: []}) as client:
        answer = await client.get(path)
    assert answer.status == 403
    assert f"Having the '{permission}' permission" in answer.error["message"]
    assert ACCOUNT in answer.error["message"]
    assert KEY not in answer.error["message"]


async def test_restricted_key_may_do_what_it_was_granted(ledger: Ledger) -> None:
    async with open_client(ledger, keys={KEY: ["rak_charge_read"]}) as client:
        assert (await client.get("/v1/refunds")).status == 200
        assert (await client.get("/v1/disputes")).status == 403


async def test_own_account_is_answered_with_its_time_zone(client: Client) -> None:
    own = await client.get("/v1/account")
    by_id = await client.get(f"/v1/accounts/{ACCOUNT}")
    assert own.json == by_id.json
    assert own.json["id"] == ACCOUNT
    assert own.json["settings"]["dashboard"]["timezone"] == "America/New_York"
    assert own.json["default_currency"] == "usd"


async def test_account_of_somebody_else_is_refused(client: Client) -> None:
    answer = await client.get("/v1/accounts/acct_other")
    assert answer.status == 403
    assert answer.error["code"] == "account_invalid"


async def test_stripe_account_header_of_somebody_else_is_refused(client: Client) -> None:
    answer = await client.get("/v1/charges", Stripe_Account="acct_other")
    assert answer.status == 403
    assert answer.error["code"] == "account_invalid"
    assert "acct_other" in answer.error["message"]


async def test_stripe_account_header_of_the_own_account_is_repeated(client: Client) -> None:
    answer = await client.get("/v1/charges", Stripe_Account=ACCOUNT)
    assert answer.status == 200
    assert answer.headers["Stripe-Account"] == ACCOUNT


async def test_unknown_path_is_answered_in_stripes_words(client: Client) -> None:
    answer = await client.get("/v1/chargess")
    assert answer.status == 404
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["message"].startswith("Unrecognized request URL (GET: /v1/chargess).")


async def test_writing_is_no_part_of_the_api(client: Client) -> None:
    url = f"{client.stripe.url}/v1/charges"
    async with client.session.post(url, headers={"Authorization": f"Bearer {KEY}"}) as response:
        body = await response.json()
    assert response.status == 404
    assert body["error"]["message"].startswith("Unrecognized request URL (POST: /v1/charges).")


async def test_every_answer_has_its_own_request_id(client: Client) -> None:
    first, second = await client.get("/v1/charges"), await client.get("/v1/nowhere")
    assert first.headers["Request-Id"].startswith("req_")
    assert second.headers["Request-Id"].startswith("req_")
    assert first.headers["Request-Id"] != second.headers["Request-Id"]


async def test_api_version_is_repeated(client: Client) -> None:
    answer = await client.get("/v1/charges", Stripe_Version="2024-06-20")
    assert answer.headers["Stripe-Version"] == "2024-06-20"
    assert (await client.get("/v1/charges")).headers["Stripe-Version"] == "2026-10-28.endive"


async def test_date_header_tells_the_servers_clock(ledger: Ledger) -> None:
    async with open_client(ledger, clock=at("2026-03-02T00:00:00Z")) as client:
        answer = await client.get("/v1/charges")
    assert answer.headers["Date"] == "Mon, 02 Mar 2026 00:00:00 GMT"


@pytest.mark.parametrize("key", ["pk_test_public", "sk_live_real", "secret", ""])
def test_key_that_stripe_would_not_give_this_shop_is_refused(ledger: Ledger, key: str) -> None:
    with pytest.raises(InvalidInputError, match="no key of this shop"):
        create_app(ledger, keys=[key])


async def test_live_shop_takes_live_keys_and_marks_its_objects(ledger: Ledger) -> None:
    shop = Ledger.from_facts(charges=ledger.charges.facts, shop=Shop(livemode=True))
    async with open_client(shop, keys=["rk_live_0123456789abcdef"]) as client:
        answer = await client.get("/v1/charges?limit=1", key="rk_live_0123456789abcdef")
    assert answer.json["data"][0]["livemode"] is True
