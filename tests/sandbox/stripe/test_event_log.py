"""Events: what they tell, how long they are kept, and how they are found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.stripe.facts import (
    ChargeFact,
    CustomerFact,
    DisputeFact,
    RefundFact,
    Shop,
    instant,
    moment_of,
)
from sandbox.stripe.ledger import Ledger, More
from tests.sandbox.stripe.conftest import Client, at, open_client

DAY = 86_400
SOLD = instant("2026-03-01T12:00:00Z")
SALE = ChargeFact("ch_1", SOLD, 5_000, customer="cus_7", payment_intent="pi_1", ms=250)


def make() -> Ledger:
    """A charge refunded twice within a second, disputed, and won."""
    return Ledger.from_facts(
        charges=[SALE],
        refunds=[
            RefundFact("re_1", "ch_1", SOLD + 60, 1_000, ms=100),
            RefundFact("re_2", "ch_1", SOLD + 60, 500, ms=700),
        ],
        disputes=[
            DisputeFact(
                "du_1", "ch_1", SOLD + DAY, 3_500, answered_at=SOLD + 2 * DAY,
                closed_at=SOLD + 3 * DAY, outcome="won", ms=5,
            )
        ],
        shop=Shop(upgraded_at=SOLD + DAY, former_api_version="2025-03-31.basil"),
        more=More(customers=(CustomerFact("cus_7", SOLD - 5, deleted_at=SOLD + 4 * DAY),)),
    )  # fmt: skip


@pytest.fixture
async def shop() -> AsyncIterator[Client]:
    async with open_client(make(), clock=at("2026-03-10T00:00:00Z")) as opened:
        yield opened


async def test_events_tell_the_whole_story_newest_first(shop: Client) -> None:
    rows = (await shop.get("/v1/events?limit=100")).json["data"]
    assert [row["type"] for row in reversed(rows)] == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.created",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
        "customer.deleted",
    ]
    assert len({row["id"] for row in rows}) == len(rows)


async def test_payload_is_the_object_as_it_was_at_that_moment(shop: Client) -> None:
    rows = (await shop.get("/v1/events?type=charge.refunded")).json["data"]
    assert [row["data"]["object"]["amount_refunded"] for row in rows] == [1_500, 1_000]
    assert {row["created"] for row in rows} == {SOLD + 60}
    assert [row["data"]["object"]["disputed"] for row in rows] == [False, False]


async def test_payload_keeps_the_version_of_its_day(shop: Client) -> None:
    rows = (await shop.get("/v1/events?limit=100")).json["data"]
    versions = {row["type"]: row["api_version"] for row in rows}
    assert versions["charge.succeeded"] == "2025-03-31.basil"
    assert versions["charge.dispute.created"] == "2026-10-28.endive"


async def test_event_of_a_deletion_shows_what_was_deleted(shop: Client) -> None:
    (row,) = (await shop.get("/v1/events?type=customer.deleted")).json["data"]
    assert row["data"]["object"]["email"] == "customer-7@example.com"
    assert (await shop.get("/v1/customers/cus_7")).json["deleted"] is True


async def test_event_is_the_same_alone_and_listed_at_any_time() -> None:
    ledger, seen = make(), []
    for text in ("2026-03-01T12:01:01Z", "2026-03-25T00:00:00Z"):
        async with open_client(ledger, clock=at(text)) as client:
            rows = (await client.get("/v1/events?type=charge.refunded")).json["data"]
            alone = (await client.get(f"/v1/events/{rows[0]['id']}")).json
            seen.append((rows, alone))
            assert alone == rows[0]
    assert seen[0] == seen[1]


async def test_event_exists_from_its_millisecond_on() -> None:
    moment = datetime.fromtimestamp(SOLD + 60, UTC)
    found = []
    for ms in (99, 100, 699, 700):
        now = moment + timedelta(milliseconds=ms)
        async with open_client(make(), clock=lambda now=now: now) as client:
            found.append(len((await client.get("/v1/events?type=refund.created")).ids))
    assert found == [0, 1, 1, 2]


async def test_events_are_kept_for_30_days() -> None:
    found = []
    for lag in (30 * DAY, 30 * DAY + 1):
        now = datetime.fromtimestamp(SOLD + lag, UTC)
        async with open_client(make(), clock=lambda now=now: now) as client:
            rows = (await client.get("/v1/events?limit=100")).json["data"]
            found.append(rows[-1])
            answer = await client.get(f"/v1/events/{found[0]['id']}")
    assert found[0]["type"] == "payment_intent.created"
    assert found[1]["created"] == SOLD + 60
    assert answer.status == 404


async def test_several_types_are_found_at_once(shop: Client) -> None:
    path = "/v1/events?types[]=charge.succeeded&types[]=charge.dispute.closed"
    rows = (await shop.get(path)).json["data"]
    assert [row["type"] for row in rows] == ["charge.dispute.closed", "charge.succeeded"]


async def test_events_are_paged_and_bounded_by_their_second(shop: Client) -> None:
    whole = (await shop.get(f"/v1/events?limit=100&created[gte]={SOLD + 60}")).ids
    parts, cursor = [], ""
    for _ in range(5):
        page = await shop.get(f"/v1/events?limit=3&created[gte]={SOLD + 60}{cursor}")
        parts += page.ids
        if not page.json["has_more"]:
            break
        cursor = f"&starting_after={parts[-1]}"
    assert parts == whole
    assert len(whole) == 10


async def test_newer_events_are_reached_by_ending_before(shop: Client) -> None:
    whole = (await shop.get("/v1/events?limit=100")).ids
    page = await shop.get(f"/v1/events?limit=2&ending_before={whole[5]}")
    assert (page.ids, page.json["has_more"]) == (whole[3:5], True)


async def test_cursor_that_is_no_event_is_refused(shop: Client) -> None:
    answer = await shop.get("/v1/events?starting_after=evt_nowhere")
    assert (answer.status, answer.error["code"]) == (400, "resource_missing")


def test_log_gives_the_events_of_any_span() -> None:
    log = make().events
    whole = log.between(0, SOLD * 2_000)
    edge = (SOLD + 60) * 1_000 + 700
    parts = [*log.between(0, edge), *log.between(edge, SOLD * 2_000)]
    assert list(whole) == parts
    assert [moment_of(event) for event in whole] == sorted(moment_of(event) for event in whole)
    assert log.find(whole[3].id, as_of=SOLD * 1_000 + 250) == whole[3]
    assert log.find(whole[3].id, as_of=SOLD * 1_000 + 249) is None
