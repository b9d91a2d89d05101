from __future__ import annotations

import asyncio

import pytest

from sandbox.stripe.accounts import Account
from sandbox.stripe.facts import Shop
from sandbox.stripe.faults import Faults
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.limits import Limits, RateLimit
from tests.sandbox.stripe.conftest import KEY, Answer, Client, open_client


async def together(client: Client, *paths: str) -> list[Answer]:
    return list(await asyncio.gather(*(client.get(path) for path in paths)))


def stand_still(client: Client) -> None:
    """Let no time pass for the rates, however long the requests take."""
    client.stripe.api._limits = Limits(lambda: 0.0)


def reasons(answers: list[Answer]) -> list[str]:
    refused = [answer for answer in answers if answer.status == 429]
    return [answer.headers["Stripe-Rate-Limited-Reason"] for answer in refused]


async def test_endpoints_have_their_own_rates(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(requests_per_second=2)) as client:
        stand_still(client)
        charges = [await client.get("/v1/charges") for _ in range(3)]
        refunds = await client.get("/v1/refunds")
    assert [answer.status for answer in charges] == [200, 200, 429]
    assert reasons(charges) == ["endpoint-rate"]
    assert "Retry-After" not in charges[2].headers
    assert refunds.status == 200


async def test_account_has_one_rate_for_all_endpoints(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(account_requests_per_second=2)) as client:
        stand_still(client)
        paths = ("/v1/charges", "/v1/refunds", "/v1/customers")
        answers = [await client.get(path) for path in paths]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert reasons(answers) == ["global-rate"]


async def test_one_account_does_not_use_up_the_rate_of_another(ledger: Ledger) -> None:
    other = Ledger.from_facts(shop=Shop(account_id="acct_other"))
    accounts = [Account(ledger, [KEY]), Account(other, ["rk_test_other"])]
    faults = Faults(account_requests_per_second=1)
    async with open_client(accounts, keys=None, faults=faults) as client:
        stand_still(client)
        assert (await client.get("/v1/charges")).status == 200
        assert (await client.get("/v1/charges", key="rk_test_other")).status == 200
        assert (await client.get("/v1/charges")).status == 429


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(latency_ms=1_000, endpoint_concurrency=2), "endpoint-concurrency"),
        (Faults(latency_ms=1_000, account_concurrency=2), "global-concurrency"),
    ],
)
async def test_too_many_requests_at_once_are_refused(
    ledger: Ledger, faults: Faults, reason: str
) -> None:
    async with open_client(ledger, faults=faults) as client:
        answers = await together(client, *["/v1/charges"] * 4)
        afterwards = await client.get("/v1/charges")
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429]
    assert reasons(answers) == [reason, reason]
    assert afterwards.status == 200


async def test_concurrency_of_an_endpoint_leaves_others_alone(ledger: Ledger) -> None:
    faults = Faults(latency_ms=50, endpoint_concurrency=1)
    async with open_client(ledger, faults=faults) as client:
        answers = await together(client, "/v1/charges", "/v1/refunds")
    assert [answer.status for answer in answers] == [200, 200]


def test_rate_limit_fills_up_again_with_time() -> None:
    now = [0.0]
    limit = RateLimit(lambda: now[0])
    assert [limit.admits("charges", 2) for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [limit.admits("charges", 2) for _ in range(2)] == [True, False]
