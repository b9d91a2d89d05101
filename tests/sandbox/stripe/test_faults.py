from __future__ import annotations

import time

import aiohttp
import pytest

from domain.errors import InvalidInputError
from sandbox.stripe.faults import Faults, RateLimit
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import Client, open_client


async def statuses(client: Client, count: int, path: str = "/v1/charges") -> list[int]:
    return [(await client.get(path)).status for _ in range(count)]


async def test_every_third_request_is_rate_limited(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(rate_limited_every=3)) as client:
        assert await statuses(client, 5) == [200, 200, 429, 200, 200]
        answer = await client.get("/v1/charges")
    assert answer.error["code"] == "rate_limit"
    assert answer.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert "Retry-After" not in answer.headers


async def test_every_second_request_fails_inside_stripe(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(failed_every=2)) as client:
        assert await statuses(client, 3) == [200, 500, 200]
        assert (await client.get("/v1/charges")).error["type"] == "api_error"


async def test_truncated_body_breaks_off_before_its_end(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(truncated_every=2)) as client:
        whole = await client.get("/v1/charges")
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get("/v1/charges")
        assert (await client.get("/v1/charges")).json == whole.json


async def test_struck_request_is_delayed(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(delayed_every=2, delay_ms=80)) as client:
        started = time.monotonic()
        await client.get("/v1/charges")
        prompt = time.monotonic() - started
        await client.get("/v1/charges")
        assert time.monotonic() - started - prompt >= 0.08


async def test_latency_delays_every_request(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(latency_ms=40)) as client:
        started = time.monotonic()
        await statuses(client, 3)
        assert time.monotonic() - started >= 0.12


async def test_endpoints_have_their_own_rate_limits(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(requests_per_second=2)) as client:
        assert await statuses(client, 3) == [200, 200, 429]
        assert await statuses(client, 1, "/v1/refunds") == [200]
        answer = await client.get("/v1/charges")
    assert answer.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"


def test_rate_limit_fills_up_again_with_time() -> None:
    now = [0.0]
    limit = RateLimit(lambda: now[0])
    assert [limit.admits("charges", 2) for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [limit.admits("charges", 2) for _ in range(2)] == [True, False]


async def test_refused_keys_are_not_struck(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(failed_every=1)) as client:
        assert (await client.get("/v1/charges", key="rk_test_wrong")).status == 401


async def test_faults_can_be_switched_off_while_serving(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(failed_every=1)) as client:
        assert await statuses(client, 1) == [500]
        client.stripe.api.faults = Faults()
        assert await statuses(client, 1) == [200]


async def test_traffic_is_counted_by_endpoint_and_status(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(rate_limited_every=2)) as client:
        await statuses(client, 2)
        await statuses(client, 1, "/v1/charges/ch_01")
        assert client.stripe.api.traffic == {"/v1/charges": 2, "/v1/charges/{id}": 1}
        assert client.stripe.api.statuses == {200: 2, 429: 1}


def test_switches_are_read_from_text() -> None:
    faults = Faults(latency_ms=5).with_switches(["429:50", "500:7", "truncate:9", "delay:3"])
    assert faults == Faults(
        latency_ms=5, rate_limited_every=50, failed_every=7, truncated_every=9, delayed_every=3
    )


@pytest.mark.parametrize("switch", ["404:3", "500", "500:0", "delay:x", ""])
def test_unknown_switch_is_refused(switch: str) -> None:
    with pytest.raises(InvalidInputError, match="is no fault"):
        Faults().with_switches([switch])
