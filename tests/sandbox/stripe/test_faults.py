from __future__ import annotations

import asyncio
import functools
import time

import aiohttp
import orjson
import pytest
from aiohttp import web

from domain.errors import InvalidInputError
from sandbox.stripe.faults import Faults, LimitReason, Trouble, read_faults, read_script
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import KEY, Client, open_client
from tests.waiting import SECONDS


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


async def test_script_strikes_request_by_request_and_then_ends(ledger: Ledger) -> None:
    faults = Faults(script=read_script("ok 429 500*2 lock"), failed_every=7)
    async with open_client(ledger, faults=faults) as client:
        assert await statuses(client, 7) == [200, 429, 500, 500, 429, 200, 500]


async def test_faults_begin_to_count_anew_when_they_are_set(ledger: Ledger) -> None:
    async with open_client(ledger) as client:
        await statuses(client, 2)
        client.stripe.api.faults = Faults(script=(Trouble.FAILED,))
        assert await statuses(client, 2) == [500, 200]


async def test_faults_may_strike_one_path_only(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(failed_every=1, only="/v1/*/ch_01")) as client:
        assert await statuses(client, 1) == [200]
        assert await statuses(client, 1, "/v1/charges/ch_02") == [200]
        assert await statuses(client, 2, "/v1/charges/ch_01") == [500, 500]


async def test_lock_timeout_has_its_own_code_and_may_be_retried(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(locked_every=1)) as client:
        answer = await client.get("/v1/charges")
    assert answer.status == 429
    assert answer.error["code"] == "lock_timeout"
    assert answer.headers["Stripe-Should-Retry"] == "true"
    assert "Stripe-Rate-Limited-Reason" not in answer.headers


@pytest.mark.parametrize("reason", list(LimitReason))
async def test_429_names_the_reason_that_was_chosen(ledger: Ledger, reason: LimitReason) -> None:
    async with open_client(ledger, faults=Faults(rate_limited_every=1, reason=reason)) as client:
        answer = await client.get("/v1/charges")
    assert answer.headers["Stripe-Rate-Limited-Reason"] == reason
    assert answer.headers["Stripe-Should-Retry"] == "false"


async def _until_asked(client: Client) -> None:
    async with asyncio.timeout(SECONDS):
        while not client.stripe.api.traffic["/v1/charges"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_timeout_accepts_the_request_and_never_answers(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(script=(Trouble.TIMED_OUT,))) as client:
        asked = asyncio.create_task(client.get("/v1/charges"))
        await _until_asked(client)
        done, _ = await asyncio.wait([asked], timeout=0.2)
        asked.cancel()
        assert not done
        assert client.stripe.api.traffic["/v1/charges"] == 1
        assert client.stripe.api.statuses[200] == 0
        assert await statuses(client, 1) == [200]


async def test_stopping_lets_go_of_unanswered_requests(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Requests that it does not let go of would hold it up for 20 seconds.
    patient = functools.partial(web.AppRunner, access_log=None, shutdown_timeout=20)
    monkeypatch.setattr(web, "AppRunner", lambda app, **_: patient(app))
    async with aiohttp.ClientSession() as session:
        async with open_client(ledger, faults=Faults(timed_out_every=1)) as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            url = f"{client.stripe.url}/v1/charges"
            waiting = asyncio.create_task(session.get(url, headers=headers).__aenter__())
            await _until_asked(client)
            started = time.monotonic()
        assert time.monotonic() - started < 15
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_slow_page_trickles_and_is_whole(ledger: Ledger) -> None:
    async with open_client(ledger, faults=Faults(slow_every=2, slow_ms=100)) as client:
        whole = await client.get("/v1/charges")
        started = time.monotonic()
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{client.stripe.url}/v1/charges"
        async with client.session.get(url, headers=headers) as response:
            chunks = [chunk async for chunk, _ in response.content.iter_chunks()]
    assert time.monotonic() - started >= 0.1
    assert len(chunks) > 5
    assert orjson.loads(b"".join(chunks)) == whole.json


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


def test_every_trouble_has_a_switch() -> None:
    assert [Faults().with_switches([f"{t}:1"]).of_request(1) for t in Trouble] == list(Trouble)


def test_faults_survive_their_way_through_json() -> None:
    faults = Faults(
        slow_every=3,
        script=(None, Trouble.LOCKED, Trouble.TIMED_OUT),
        only="/v1/charges*",
        reason=LimitReason.RESOURCE_SPECIFIC,
        requests_per_second=25,
    )
    assert read_faults(orjson.loads(orjson.dumps(faults.to_json()))) == faults


@pytest.mark.parametrize(
    "wrong",
    [
        {"teapot_every": 1},
        {"failed_every": -1},
        {"failed_every": True},
        {"failed_every": "3"},
        {"script": ["teapot"]},
        {"script": 3},
        {"only": 3},
        {"reason": "because"},
    ],
)
def test_wrong_fault_in_json_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="is no"):
        read_faults(wrong)


@pytest.mark.parametrize("switch", ["404:3", "500", "500:0", "delay:x", ""])
def test_unknown_switch_is_refused(switch: str) -> None:
    with pytest.raises(InvalidInputError, match="is no fault"):
        Faults().with_switches([switch])
