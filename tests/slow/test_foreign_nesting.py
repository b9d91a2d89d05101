"""stripe-node expands references and reads the lists inside objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.stripe.ledger import Ledger
from sandbox.stripe.resources import (
    INVOICE,
    PRICE,
    RESOURCES,
    SUBSCRIPTION,
    SUBSCRIPTION_ITEM,
    Resource,
)
from sandbox.stripe.server import SandboxStripe, serve
from tests.slow.foreign_lists import parameters, resource_named, shown
from tests.slow.foreign_shop import KEY, NOW, make_shop
from tests.slow.node_programs import Step, ask, errors, values

pytestmark = pytest.mark.slow
IN_LISTS = [
    (resource.name, field)
    for resource in RESOURCES
    for field in sorted(resource.expandable)
    if not field.endswith("tiers")
]
# Too deep for a list: Stripe expands four levels, of which `data` is one (docs.stripe.com/expand).
ALONE = [
    (resource.name, field)
    for resource in RESOURCES
    for field in sorted(resource.deep)
    if not field.endswith("tiers")
]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return make_shop()


@pytest.fixture
async def stripe(ledger: Ledger) -> AsyncIterator[SandboxStripe]:
    async with serve(ledger, keys=[KEY], clock=lambda: NOW) as running:
        yield running


def leaves(found: Any, path: str) -> list[Any]:
    """Return what stands at the path, in order, through every list on the way."""
    for name in path.split("."):
        found = [one.get(name) for one in _flat(found) if isinstance(one, dict)]
    return [leaf for leaf in _flat(found) if leaf is not None]


def _flat(values: Any) -> list[Any]:
    items = values if isinstance(values, list) else [values]
    return [inner for item in items for inner in (item if isinstance(item, list) else [item])]


def whole_list(resource: Resource, *expand: str) -> Step:
    """Return the reading of a list with everything in it."""
    of_one = {"subscription": "sub_000"} if resource is SUBSCRIPTION_ITEM else {}
    params = {"limit": 100, **parameters(resource), **of_one, "expand": list(expand)}
    return {"do": "list", "path": resource.path, "params": params}


def parents(resource: Resource, field: str) -> list[str]:
    """Return the reference on the way to the field, which must be expanded to see its id."""
    on_the_way = [other for other in resource.expandable if field.startswith(f"{other}.")]
    return sorted(on_the_way, key=len)[-1:]


@pytest.mark.parametrize(("name", "field"), IN_LISTS)
async def test_stripe_node_expands_a_reference_in_a_list(
    name: str, field: str, stripe: SandboxStripe
) -> None:
    resource = resource_named(name)
    plain, expanded = values(
        await ask(
            stripe.url,
            whole_list(resource, *(f"data.{parent}" for parent in parents(resource, field))),
            whole_list(resource, f"data.{field}"),
        )
    )
    named = leaves(plain, field)
    assert named
    assert [leaf["id"] for leaf in leaves(expanded, field)] == [
        leaf["id"] if isinstance(leaf, dict) else leaf for leaf in named
    ]
    assert {type(leaf) for leaf in leaves(expanded, field)} == {dict}


@pytest.mark.parametrize(("name", "field"), ALONE)
async def test_stripe_node_is_told_that_a_list_cannot_expand_that_deep(
    name: str, field: str, stripe: SandboxStripe
) -> None:
    step = whole_list(resource_named(name), f"data.{field}")
    (error,) = errors(await ask(stripe.url, step))
    assert error["class"] == "StripeInvalidRequestError"
    assert error["code"] == "property_expansion_max_depth"


@pytest.mark.parametrize(("name", "field"), ALONE)
async def test_stripe_node_expands_deeper_in_a_single_object(
    name: str, field: str, stripe: SandboxStripe, ledger: Ledger
) -> None:
    resource = resource_named(name)
    object_id = shown(resource, ledger)[0]["id"]
    step = {"do": "retrieve", "path": resource.path, "id": object_id}
    plain, expanded = values(await ask(stripe.url, step, {**step, "params": {"expand": [field]}}))
    assert leaves(plain, field)
    assert [leaf["id"] for leaf in leaves(expanded, field)] == leaves(plain, field)


async def test_stripe_node_sees_the_tiers_of_a_price_on_request(
    stripe: SandboxStripe, ledger: Ledger
) -> None:
    plain, expanded = values(
        await ask(stripe.url, whole_list(PRICE), whole_list(PRICE, "data.tiers"))
    )
    told = {
        price["id"]: [
            (tier["up_to"], tier["unit_amount"], tier["flat_amount"])
            for tier in price["tiers"] or []
        ]
        for price in expanded
    }
    assert {price["id"] for price in plain if "tiers" not in price} == set(told)
    assert told == {
        fact.id: [(tier.up_to, tier.unit_amount, tier.flat_amount) for tier in fact.tiers]
        for fact in ledger.prices.facts
    }


async def test_stripe_node_reads_the_items_that_a_subscription_does_not_bring_along(
    stripe: SandboxStripe, ledger: Ledger
) -> None:
    fact = ledger.subscriptions.get("sub_000")
    ids = [item.id for item in fact.states[0].items]
    listed = {"do": "list", "path": SUBSCRIPTION_ITEM.path, "fields": ["id"]}
    of_one = {"limit": 5, "subscription": fact.id}
    one, whole, later, earlier = values(
        await ask(
            stripe.url,
            {"do": "retrieve", "path": SUBSCRIPTION.path, "id": fact.id, "fields": ["items"]},
            {**listed, "params": of_one},
            {**listed, "params": {**of_one, "starting_after": ids[3]}},
            {**listed, "params": {**of_one, "ending_before": ids[8]}},
        )
    )
    assert ([item["id"] for item in one["items"]["data"]], one["items"]["has_more"]) == (
        ids[:10],
        True,
    )
    assert [item["id"] for item in whole] == ids
    assert [item["id"] for item in later] == ids[4:]
    assert [item["id"] for item in earlier] == ids[:8][::-1]


async def test_stripe_node_reads_the_lines_that_an_invoice_does_not_bring_along(
    stripe: SandboxStripe, ledger: Ledger
) -> None:
    fact = ledger.invoices.get("in_003_1")
    told = [{"id": line.id, "amount": line.amount} for line in fact.lines]
    listed = {"do": "lines", "id": fact.id, "fields": ["id", "amount"]}
    one, *read = values(
        await ask(
            stripe.url,
            {"do": "retrieve", "path": INVOICE.path, "id": fact.id, "fields": ["lines", "total"]},
            {**listed, "params": {"limit": 5}},
            {**listed, "params": {"limit": 5, "starting_after": told[3]["id"]}, "by": "for"},
            {**listed, "params": {"limit": 5, "ending_before": told[8]["id"]}, "by": "array"},
        )
    )
    assert (len(one["lines"]["data"]), one["lines"]["has_more"]) == (10, True)
    assert read == [told, told[4:], told[:8][::-1]]
    assert one["total"] == sum(line.amount for line in fact.lines) - 125
