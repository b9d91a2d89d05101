"""Conformance of every list by a client that we did not write: stripe-python, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cache, reduce
from typing import Any

import pytest
import stripe

from domain.periods import Month
from sandbox.stripe import archetypes
from sandbox.stripe.clock import milliseconds
from sandbox.stripe.events import KEPT_MS
from sandbox.stripe.facts import moment_of
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.params import MAX_EXPAND_LEVELS
from sandbox.stripe.resources import EVENT, RESOURCES, SUBSCRIPTION, SUBSCRIPTION_ITEM, Resource
from tests.sandbox.stripe.conftest import KEY, Client, at, open_client

NOW = "2026-10-20T12:00:00Z"
# Every kind that has a list of its own; items are listed by their subscription.
LISTS = [resource for resource in RESOURCES if resource is not SUBSCRIPTION_ITEM]


@cache
def business(archetype: str) -> Ledger:
    return archetypes.load(archetype, last_month=Month(2026, 10), seed=1, charges=150)


def business_of(resource: Resource) -> Ledger:
    """A business that has objects of the kind."""
    saas = business("saas")
    now = milliseconds(at(NOW)())
    return saas if len(resource.table(saas, now)) else business("dropshipper")


@pytest.fixture
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    resource = getattr(request.node, "callspec", None) and request.node.callspec.params["resource"]
    ledger = business_of(resource) if resource else business("saas")
    async with open_client(ledger, clock=at(NOW)) as client:
        yield client


@pytest.fixture
async def sdk(shop: Client) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient(allow_sync_methods=True)
    yield stripe.StripeClient(KEY, base_addresses={"api": shop.stripe.url}, http_client=http)
    http.close()
    await http.close_async()


def service(sdk: stripe.StripeClient, resource: Resource) -> Any:
    """The SDK's service of the kind: /v1/radar/early_fraud_warnings is v1.radar.early_…"""
    return reduce(getattr, resource.path.removeprefix("/v1/").split("/"), sdk.v1)


def expected(resource: Resource) -> list[str]:
    """The ids that the facts say are there, newest first."""
    now = milliseconds(at(NOW)())
    since = now - KEPT_MS if resource is EVENT else 0
    facts = resource.table(business_of(resource), now).facts
    visible = [fact for fact in facts if since <= moment_of(fact) <= now]
    gone = {
        fact.id
        for fact in visible
        if (deleted := getattr(fact, "deleted_at", None)) and deleted * 1_000 + fact.ms <= now
    }
    return [fact.id for fact in reversed(visible) if fact.id not in gone]


def asked(resource: Resource, **params: Any) -> dict[str, Any]:
    """Parameters of a list in about five pages; canceled subscriptions as well."""
    every = {"status": "all"} if resource is SUBSCRIPTION else {}
    return {"limit": min(100, len(expected(resource)) // 4 + 1), **every, **params}


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.name)
async def test_sdk_pages_a_list_from_the_newest_to_the_oldest(
    sdk: stripe.StripeClient, resource: Resource
) -> None:
    wanted, lists = expected(resource), service(sdk, resource)

    def read() -> list[str]:
        return [one.id for one in lists.list(asked(resource)).auto_paging_iter()]

    page = await lists.list_async(asked(resource))
    assert [one.id async for one in page.auto_paging_iter()] == wanted
    assert await asyncio.to_thread(read) == wanted
    assert wanted


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.name)
async def test_sdk_pages_a_list_onwards_from_a_cursor_in_both_directions(
    sdk: stripe.StripeClient, resource: Resource
) -> None:
    wanted, lists = expected(resource), service(sdk, resource)
    place = len(wanted) // 3
    older = asked(resource, starting_after=wanted[place])
    newer = asked(resource, ending_before=wanted[place])

    def read(params: dict[str, Any]) -> list[str]:
        return [one.id for one in lists.list(params).auto_paging_iter()]

    for params, ids in ((older, wanted[place + 1 :]), (newer, wanted[:place][::-1])):
        page = await lists.list_async(params)
        assert [one.id async for one in page.auto_paging_iter()] == ids
        assert await asyncio.to_thread(read, params) == ids


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.name)
async def test_sdk_retrieves_what_it_listed(sdk: stripe.StripeClient, resource: Resource) -> None:
    lists = service(sdk, resource)
    listed = (await lists.list_async({"limit": 1})).data[0]
    alone = await lists.retrieve_async(listed.id)
    assert alone.to_dict() == listed.to_dict()


@pytest.mark.parametrize(
    ("resource", "path"),
    [(resource, path) for resource in LISTS for path in sorted(resource.expandable)],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
async def test_sdk_expands_every_field_that_can_be(
    sdk: stripe.StripeClient, resource: Resource, path: str
) -> None:
    lists, steps = service(sdk, resource), path.split(".")
    plain = (await lists.list_async(asked(resource, limit=20))).data
    if len(steps) < MAX_EXPAND_LEVELS:
        page = await lists.list_async(asked(resource, limit=20, expand=[f"data.{path}"]))
        full = page.data
    else:
        # Stripe's limit counts `data`: so deep a field is expanded in a retrieval only.
        expand = {"expand": [path]}
        full = [await lists.retrieve_async(one.id, expand) for one in plain]
    assert [one.id for one in full] == [one.id for one in plain]
    found = [
        pair for one, other in zip(full, plain, strict=True) for pair in pairs(one, other, steps)
    ]
    for expanded, reference in found:
        if isinstance(reference, str):
            assert expanded.id == reference
            assert expanded.object


def pairs(full: Any, plain: Any, path: list[str]) -> list[tuple[Any, Any]]:
    """What stands at the path of an expanded object and of the same one unexpanded."""
    if full is None:
        return []
    if isinstance(full, list):
        others = plain if isinstance(plain, list) else [None] * len(full)
        return [
            found
            for one, other in zip(full, others, strict=True)
            for found in pairs(one, other, path)
        ]
    if not path:
        return [(full, plain)]
    other = None if isinstance(plain, str | None) else getattr(plain, path[0], None)
    return pairs(getattr(full, path[0], None), other, path[1:])


async def test_sdk_lists_items_and_lines_under_their_owners(sdk: stripe.StripeClient) -> None:
    subscription = (await sdk.v1.subscriptions.list_async({"status": "all"})).data[0]
    items = await sdk.v1.subscription_items.list_async({"subscription": subscription.id})
    invoice = (await sdk.v1.invoices.list_async({"limit": 1})).data[0]
    lines = await sdk.v1.invoices.line_items.list_async(invoice.id)
    assert [item.id for item in items.data] == [item.id for item in subscription.items.data]
    assert [line.id for line in lines.data] == [line.id for line in invoice.lines.data]
    assert items.data
    assert lines.data


async def test_sdk_builds_an_event_with_the_object_it_is_about(sdk: stripe.StripeClient) -> None:
    events = await sdk.v1.events.list_async({"types": ["charge.succeeded"], "limit": 3})
    charges = [event.data.object for event in events.data]
    assert all(isinstance(charge, stripe.Charge) for charge in charges)
    assert [event.type for event in events.data] == ["charge.succeeded"] * 3


async def test_sdk_reads_events_in_the_order_they_happened(sdk: stripe.StripeClient) -> None:
    """What docs.stripe.com/webhooks/process-undelivered-events does: page up from an old one."""
    oldest = expected(EVENT)[-1]
    page = await sdk.v1.events.list_async({"ending_before": oldest, "limit": 50})
    created = [event.created async for event in page.auto_paging_iter()]
    assert created == sorted(created)
    assert len(created) == len(expected(EVENT)) - 1
