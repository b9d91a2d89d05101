"""Webhooks as a receiver meets them; Stripe's own library checks the signatures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import stripe

from domain.errors import InvalidInputError
from sandbox.stripe.clock import SandboxClock, milliseconds
from sandbox.stripe.delivery import (
    SKEW_S,
    Deliveries,
    Manner,
    Mischief,
    read_manner,
    read_switches,
)
from sandbox.stripe.facts import instant
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.occurrences import Occurrence
from sandbox.stripe.webhooks import WebhookEndpoint
from tests.sandbox.stripe.conftest import Client, at, open_client
from tests.sandbox.stripe.platform import FIRST, PLATFORM, SECOND, START, connect, open_platform
from tests.sandbox.stripe.receiver import Receiver, open_receiver
from tests.waiting import SECONDS

WHSEC = "whsec_test"


class Stage:
    """A sandbox with an endpoint of the first account, and its receiver."""

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client, self.receiver = client, receiver
        self.deliveries = client.stripe.deliveries
        self.api = client.stripe.api

    def add(self, account_id: str = FIRST, **options: Any) -> WebhookEndpoint:
        given = {"secret": WHSEC, "created": START, **options}
        return self.api.endpoints.add(account_id, self.receiver.url, **given)

    async def send(self, count: int = 1, manner: Manner | None = None) -> list[str]:
        """Send evt_0, evt_1 … and return the ids in order of arrival."""
        before = len(self.receiver.bodies)
        await self.deliveries.send_events(map(event, range(count)), manner=manner)
        return self.receiver.ids[before:]


@asynccontextmanager
async def open_stage(**options: Any) -> AsyncIterator[Stage]:
    async with open_platform(**options) as client, open_receiver() as receiver:
        yield Stage(client, receiver)


def event(number: int, account_id: str = FIRST, kind: str = "charge.succeeded") -> Occurrence:
    body = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": START + number,
        "data": {"object": {"id": "ch_first", "object": "charge", "amount": 1_000}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return Occurrence(account_id, (START + number) * 1_000, body, "/v1/charges/ch_first")


def always(*mischief: Mischief) -> Manner:
    return Manner(every=dict.fromkeys(mischief, 1))


async def test_events_arrive_in_order_signed_and_unchanged() -> None:
    async with open_stage() as stage:
        stage.add()
        assert await stage.send(3) == ["evt_0", "evt_1", "evt_2"]
    receiver = stage.receiver
    assert receiver.events[0] == event(0).body
    assert receiver.verified(WHSEC) == [True, True, True]
    built = stripe.Webhook.construct_event(receiver.bodies[0], receiver.signatures[0], WHSEC)
    assert built.data.object.id == "ch_first"
    assert abs(receiver.timestamps[0] - time.time()) < 60


async def test_events_of_a_span_are_those_that_the_api_lists(ledger: Ledger) -> None:
    noon = instant("2026-03-01T12:00:00Z")
    since, until = noon + 60, noon + 7_200
    async with (
        open_client(ledger, clock=at("2026-03-02T13:00:00Z")) as client,
        open_receiver() as receiver,
    ):
        shop = ledger.shop.account_id
        client.stripe.api.endpoints.add(shop, receiver.url, created=0, secret=WHSEC)
        # (since, until] in milliseconds: the seconds from `since` to `until`, both included.
        await client.stripe.deliveries.send(since=since * 1_000 - 1, until=until * 1_000)
        path = f"/v1/events?limit=100&created[gte]={since}&created[lte]={until}"
        listed = await client.get(path)
    assert len(receiver.ids) > 20
    assert receiver.ids == listed.ids[::-1]
    assert receiver.events == listed.json["data"][::-1]
    assert "charge.refunded" in {told["type"] for told in receiver.events}


async def test_event_that_was_dropped_is_listed_as_not_delivered(ledger: Ledger) -> None:
    async with (
        open_client(ledger, clock=at("2026-03-02T13:00:00Z")) as client,
        open_receiver() as receiver,
    ):
        shop = ledger.shop.account_id
        client.stripe.api.endpoints.add(shop, receiver.url, created=0)
        span = {"since": 0, "until": instant("2026-03-02T13:00:00Z") * 1_000}
        await client.stripe.deliveries.send(**span, manner=Manner(script=[[Mischief.DROP]]))
        missed = await client.get("/v1/events?delivery_success=false")
        (told,) = missed.ids
        assert told not in receiver.ids
        await client.stripe.deliveries.send(**span)
        assert told in receiver.ids
        assert (await client.get("/v1/events?delivery_success=false")).ids == []


async def test_related_object_of_a_thin_event_can_be_read(ledger: Ledger) -> None:
    async with (
        open_client(ledger, clock=at("2026-03-02T13:00:00Z")) as client,
        open_receiver() as receiver,
    ):
        shop = ledger.shop.account_id
        client.stripe.api.endpoints.add(shop, receiver.url, created=0)
        until = instant("2026-03-02T13:00:00Z") * 1_000
        await client.stripe.deliveries.send(since=0, until=until, manner=always(Mischief.THIN))
        related = {
            told["related_object"]["url"]: told["related_object"] for told in receiver.events
        }
        for url, changed in related.items():
            answer = await client.get(url)
            assert (answer.json["id"], answer.json["object"]) == (changed["id"], changed["type"])
    assert len({changed["type"] for changed in related.values()}) >= 4


async def test_endpoint_gets_only_the_types_it_asked_for() -> None:
    async with open_stage() as stage:
        stage.add(enabled_events=("charge.refunded",))
        events = [event(0), event(1, kind="charge.refunded")]
        await stage.deliveries.send_events(events)
    assert stage.receiver.ids == ["evt_1"]


async def test_disabled_endpoint_gets_nothing() -> None:
    async with open_stage() as stage:
        stage.add(enabled=False)
        assert await stage.send() == []


async def test_endpoint_of_another_account_gets_nothing() -> None:
    async with open_stage() as stage:
        stage.add(SECOND)
        assert await stage.send() == []


async def test_dropped_event_never_arrives() -> None:
    async with open_stage() as stage:
        stage.add()
        assert await stage.send(3, Manner(script=[(), [Mischief.DROP]])) == ["evt_0", "evt_2"]
        assert await stage.deliveries.flush() == []


async def test_duplicated_event_arrives_twice_with_one_id() -> None:
    async with open_stage() as stage:
        stage.add()
        manner = Manner(script=[[Mischief.DUPLICATE]])
        assert await stage.send(2, manner) == ["evt_0", "evt_0", "evt_1"]
    assert stage.receiver.bodies[0] == stage.receiver.bodies[1]


async def test_delayed_event_arrives_behind_the_next_ones() -> None:
    async with open_stage() as stage:
        stage.add()
        assert await stage.send(2, Manner(script=[[Mischief.DELAY]])) == ["evt_1"]
        await stage.deliveries.send_events([event(7)])
        await stage.deliveries.flush()
    assert stage.receiver.ids == ["evt_1", "evt_7", "evt_0"]


async def test_shuffled_events_all_arrive_in_an_order_that_the_seed_repeats() -> None:
    async with open_stage() as stage:
        stage.add()
        first = await stage.send(10, Manner(shuffle=3))
        second = await stage.send(10, Manner(shuffle=3))
        straight = await stage.send(10)
    assert first == second != straight
    assert sorted(first) == straight


async def test_badly_signed_event_does_not_verify() -> None:
    async with open_stage() as stage:
        stage.add()
        await stage.send(2, Manner(script=[[Mischief.BAD_SIGNATURE]]))
    assert stage.receiver.verified(WHSEC) == [False, True]


@pytest.mark.parametrize(("mischief", "sign"), [(Mischief.OLD, -1), (Mischief.FUTURE, 1)])
async def test_skewed_timestamp_is_signed_rightly(mischief: Mischief, sign: int) -> None:
    async with open_stage() as stage:
        stage.add()
        await stage.send(1, always(mischief))
    skew = stage.receiver.timestamps[0] - time.time()
    assert abs(skew - sign * SKEW_S) < 60
    assert stage.receiver.verified(WHSEC) == [True]


async def test_while_a_secret_is_rolled_both_verify() -> None:
    async with open_stage() as stage:
        endpoint = stage.add()
        new = stage.api.endpoints.roll_secret(endpoint.id)
        await stage.send()
        assert stage.receiver.signatures[0].count("v1=") == 2
        assert stage.receiver.verified(WHSEC) == stage.receiver.verified(new) == [True]
        stage.api.endpoints.expire_old_secrets(endpoint.id)
        await stage.send()
    assert stage.receiver.verified(WHSEC) == [True, False]
    assert stage.receiver.verified(new) == [True, True]


async def test_thin_event_names_what_changed_without_its_state() -> None:
    async with open_stage() as stage:
        stage.add()
        await stage.send(1, always(Mischief.THIN))
    receiver = stage.receiver
    client = stripe.StripeClient("rk_test_x")
    thin = client.parse_event_notification(receiver.bodies[0], receiver.signatures[0], WHSEC)
    assert thin.type == "v1.charge.succeeded"
    assert thin.related_object.id == "ch_first"
    assert thin.related_object.url == "/v1/charges/ch_first"
    assert receiver.events[0]["snapshot_event"] == "evt_0"
    assert "data" not in receiver.events[0]


async def test_mischief_adds_up() -> None:
    async with open_stage() as stage:
        stage.add()
        await stage.send(1, always(Mischief.THIN, Mischief.DUPLICATE, Mischief.BAD_SIGNATURE))
    assert stage.receiver.verified(WHSEC) == [False, False]
    assert {body["object"] for body in stage.receiver.events} == {"v2.core.event"}


async def test_connect_endpoint_gets_events_of_connected_accounts_with_their_account() -> None:
    async with open_stage() as stage:
        await connect(stage.client, account=FIRST)
        stage.add(PLATFORM.account_id, connect=True)
        await stage.deliveries.send_events([event(0, FIRST), event(1, SECOND)])
    assert stage.receiver.ids == ["evt_0"]
    assert stage.receiver.events[0]["account"] == FIRST


async def test_own_endpoint_gets_events_without_an_account() -> None:
    async with open_stage() as stage:
        stage.add()
        await stage.send()
    assert "account" not in stage.receiver.events[0]


async def test_platform_is_told_of_an_account_that_left() -> None:
    clock = SandboxClock(speed=0)
    async with open_stage(clock=clock) as stage:
        await connect(stage.client, account=FIRST)
        stage.add(PLATFORM.account_id, connect=True)
        stage.add(FIRST)
        clock.advance(timedelta(seconds=1))
        since = milliseconds(clock()) - 1
        stage.api.connect.disconnect(FIRST)
        await stage.deliveries.send(since=since, until=since + 1)
    (told,) = stage.receiver.events
    assert told["type"] == "account.application.deauthorized"
    assert told["account"] == FIRST
    assert told["data"]["object"]["id"] == PLATFORM.client_id


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_refused_delivery_is_repeated_until_it_is_accepted(status: int) -> None:
    async with open_stage() as stage:
        stage.add()
        stage.receiver.statuses = [status, status]
        (done,) = await stage.deliveries.send_events([event(0)])
    assert (done.attempts, done.status, done.accepted) == (3, 200, True)
    assert stage.receiver.ids == ["evt_0"] * 3
    assert stage.receiver.verified(WHSEC) == [True] * 3


async def test_delivery_is_given_up_after_its_last_attempt() -> None:
    async with open_stage() as stage:
        stage.add()
        stage.receiver.statuses = [500] * 10
        (done,) = await stage.deliveries.send_events([event(0)])
    assert (done.attempts, done.status, done.accepted) == (4, 500, False)


async def test_receiver_that_is_down_is_no_error() -> None:
    async with open_stage() as stage:
        stage.api.endpoints.add(FIRST, "http://127.0.0.1:9/hook", created=START)
        (done,) = await stage.deliveries.send_events([event(0)])
    assert (done.attempts, done.status) == (4, None)


async def test_retry_is_signed_anew() -> None:
    times = iter([1_000.0, 2_000.0])
    async with open_stage() as stage:
        stage.add()
        stage.receiver.statuses = [500]
        deliveries = Deliveries(stage.api, now=lambda: next(times))
        await deliveries.send_events([event(0)])
        await deliveries.close()
    assert stage.receiver.timestamps == [1_000, 2_000]


async def test_following_sends_what_becomes_visible_once() -> None:
    async with open_stage() as stage:
        stage.add(PLATFORM.account_id, connect=True)
        following = asyncio.create_task(stage.deliveries.follow(interval_s=0.02))
        await asyncio.sleep(0.05)
        await connect(stage.client, account=FIRST)
        async with asyncio.timeout(SECONDS):
            while not stage.receiver.bodies:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        # It is looked for several times more.
        await asyncio.sleep(0.1)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
    assert [told["type"] for told in stage.receiver.events] == ["account.application.authorized"]


def test_manner_is_read_from_json() -> None:
    manner = read_manner({"script": [["drop"], []], "every": {"old": 3}, "shuffle": 1})
    assert manner.of_delivery(1) == {Mischief.DROP}
    assert manner.of_delivery(2) == frozenset()
    assert manner.of_delivery(3) == {Mischief.OLD}
    assert manner.shuffle == 1


@pytest.mark.parametrize(
    "wrong", [{"script": [["eat"]]}, {"every": {"drop": "x"}}, {"shuffle": "no"}, {"order": 1}]
)
def test_wrong_manner_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="no manner of delivery"):
        read_manner(wrong)


def test_manner_is_read_from_switches() -> None:
    manner = read_switches(["duplicate:2", "bad-signature:3"])
    assert manner.of_delivery(6) == {Mischief.DUPLICATE, Mischief.BAD_SIGNATURE}
    with pytest.raises(InvalidInputError, match="Write one of drop:N"):
        read_switches(["eat:1"])
