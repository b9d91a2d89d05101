"""The sandbox as another process controls it."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.stripe import controls
from sandbox.stripe.clock import SandboxClock, milliseconds, read_instant
from tests.sandbox.stripe.conftest import Answer, Client
from tests.sandbox.stripe.platform import FIRST, FIRST_KEY, PLATFORM, SECOND, connect, open_platform
from tests.sandbox.stripe.receiver import open_receiver

NOON = "2026-03-01T12:00:00+00:00"


async def control(client: Client, what: str, body: Any) -> Answer:
    url = f"{client.stripe.url}/_sandbox/{what}"
    async with client.session.post(url, json=body) as response:
        return Answer(response.status, response.headers, await response.json())


async def test_faults_are_replaced_while_it_serves() -> None:
    async with open_platform() as client:
        answer = await control(client, "faults", {"script": ["ok", "429"]})
        got = [(await client.get("/v1/charges", key=FIRST_KEY)).status for _ in range(3)]
        shown = await client.get("/_sandbox/faults", key=None)
        await control(client, "faults", {})
        assert client.stripe.api.faults.script == ()
    assert answer.status == 200
    assert got == [200, 429, 200]
    assert shown.json == answer.json
    assert shown.json["script"] == ["ok", "429"]


async def test_wrong_faults_are_explained_and_change_nothing() -> None:
    async with open_platform() as client:
        before = client.stripe.api.faults
        answer = await control(client, "faults", {"teapot_every": 1})
        assert client.stripe.api.faults is before
    assert answer.status == 400
    assert "'teapot_every' is no fault" in answer.json["error"]


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"now": "2026-03-02T00:00:00Z"}, "2026-03-02T00:00:00+00:00"),
        ({"now": 1_772_366_400_000}, NOON),
        ({"advance_ms": 1_500}, "2026-03-01T12:00:01.500000+00:00"),
    ],
)
async def test_clock_is_set_while_it_serves(change: dict[str, Any], now: str) -> None:
    async with open_platform(clock=SandboxClock(read_instant(NOON), speed=0)) as client:
        answer = await control(client, "clock", change)
        shown = await client.get("/_sandbox/clock", key=None)
    assert answer.json == shown.json
    assert shown.json["now"] == now
    assert shown.json["now_ms"] == milliseconds(read_instant(now))
    assert shown.json["speed"] == 0


async def test_clock_that_was_real_is_stopped() -> None:
    async with open_platform() as client:
        before = await client.get("/_sandbox/clock", key=None)
        await control(client, "clock", {"speed": 0, "now": NOON})
        first = await client.get("/v1/charges", key=FIRST_KEY)
        await control(client, "clock", {"advance_ms": -86_400_000})
        earlier = await client.get("/v1/charges", key=FIRST_KEY)
    assert before.json["speed"] is None
    assert first.headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert earlier.headers["Date"] == "Sat, 28 Feb 2026 12:00:00 GMT"
    assert (first.ids, earlier.ids) == (["ch_first"], [])


@pytest.mark.parametrize(
    "wrong", [{"now": "noon"}, {"speed": -1}, {"speed": "fast"}, {"then": 1}, {"advance_ms": "1"}]
)
async def test_wrong_clock_is_explained(wrong: dict[str, Any]) -> None:
    async with open_platform() as client:
        before = client.stripe.api.clock
        assert (await control(client, "clock", wrong)).status == 400
        assert client.stripe.api.clock is before


async def test_traffic_is_told_and_can_be_cleared() -> None:
    async with open_platform() as client:
        await client.get("/v1/charges", key=FIRST_KEY)
        await client.get("/v1/nothing", key=FIRST_KEY)
        traffic = await client.get("/_sandbox/traffic", key=None)
        cleared = await control(client, "traffic", {})
    assert traffic.json == {"requests": {"/v1/charges": 1}, "statuses": {"200": 1, "404": 1}}
    assert cleared.json == {"requests": {}, "statuses": {}}


async def test_overview_names_the_accounts_but_no_secret() -> None:
    async with open_platform() as client:
        token = (await connect(client))["access_token"]
        url = f"{client.stripe.url}/_sandbox"
        async with client.session.get(url) as response:
            text = await response.text()
    assert FIRST in text
    assert SECOND in text
    assert not any(secret in text for secret in (FIRST_KEY, PLATFORM.secret_key, token))


async def test_webhooks_are_sent_on_demand() -> None:
    async with open_platform() as client, open_receiver() as receiver:
        api = client.stripe.api
        endpoint = api.endpoints.add(
            PLATFORM.account_id, receiver.url, connect=True, created=0, secret="whsec_x"
        )
        await connect(client)
        span = {"since": 0, "until": milliseconds(api.clock())}
        answer = await control(client, "deliveries", {**span, "script": [["duplicate"]]})
    delivered = [row for row in answer.json["deliveries"] if row["url"] == endpoint.url]
    types = [row["type"] for row in delivered]
    assert types.count("account.application.authorized") >= 1
    assert len(receiver.bodies) == len(delivered)
    assert {row["status"] for row in delivered} == {200}


async def test_deliveries_need_a_span_of_time() -> None:
    async with open_platform() as client:
        answer = await control(client, "deliveries", {"since": "yesterday"})
    assert (answer.status, "milliseconds" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize("body", [b"failed_every=1", b"[]", b"{", b'"x"'])
async def test_control_takes_json_objects_only(body: bytes) -> None:
    async with open_platform() as client:
        url = f"{client.stripe.url}/_sandbox/faults"
        headers = {"Content-Type": "application/json"}
        async with client.session.post(url, data=body, headers=headers) as response:
            assert response.status == 400


async def test_form_of_a_web_page_controls_nothing() -> None:
    async with open_platform() as client:
        url = f"{client.stripe.url}/_sandbox/faults"
        headers = {"Content-Type": "text/plain"}
        async with client.session.post(url, data=b"{}", headers=headers) as response:
            assert response.status == 400


async def test_control_from_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.web.Request.remote", "203.0.113.7")
    async with open_platform() as client:
        answer = await control(client, "faults", {"failed_every": 1})
        assert client.stripe.api.faults.failed_every == 0
    assert answer.status == 403
    assert "own computer" in answer.json["error"]


@pytest.mark.parametrize("remote", [None, "", "10.0.0.1", "example.com"])
def test_only_loopback_addresses_are_local(remote: str | None) -> None:
    assert not controls._is_local(remote)
    assert controls._is_local("127.0.0.1")
    assert controls._is_local("::1")
