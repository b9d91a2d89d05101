"""Clients that others wrote read the sandbox as the ledger's facts have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.stripe.faults import Faults
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.resources import CHARGE, RESOURCES, Resource
from sandbox.stripe.server import SandboxStripe, serve
from tests.slow.foreign_lists import LISTED, fields, parameters, resource_named, shown
from tests.slow.foreign_shop import KEY, NOW, make_shop
from tests.slow.node_programs import Step, ask, errors, values

pytestmark = pytest.mark.slow
NAMES = [resource.name for resource in LISTED]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return make_shop()


@pytest.fixture
async def stripe(ledger: Ledger) -> AsyncIterator[SandboxStripe]:
    async with serve(ledger, keys=[KEY], clock=lambda: NOW) as running:
        yield running


def lists(resource: Resource, ledger: Ledger, *params: dict[str, Any], **how: str) -> list[Step]:
    """Return one reading of the whole list for each set of parameters."""
    shared = {"do": "list", "path": resource.path, "fields": fields(resource, ledger), **how}
    return [{**shared, "params": {**parameters(resource), **chosen}} for chosen in params]


@pytest.mark.parametrize("name", NAMES)
async def test_stripe_node_pages_from_the_newest_to_the_oldest(
    name: str, stripe: SandboxStripe, ledger: Ledger
) -> None:
    resource = resource_named(name)
    newest_first = shown(resource, ledger)[::-1]
    steps = [
        *lists(resource, ledger, {"limit": 7}, by="each"),
        *lists(resource, ledger, {}, by="for"),
        *lists(resource, ledger, {"limit": 100}, by="array"),
    ]
    assert values(await ask(stripe.url, *steps)) == [newest_first] * 3


@pytest.mark.parametrize("name", NAMES)
async def test_stripe_node_pages_from_a_cursor_both_ways(
    name: str, stripe: SandboxStripe, ledger: Ledger
) -> None:
    resource = resource_named(name)
    facts = shown(resource, ledger)
    middle = len(facts) // 2
    cursor = facts[middle]["id"]
    steps = [
        *lists(resource, ledger, {"limit": 7, "starting_after": cursor}),
        *lists(resource, ledger, {"limit": 7, "ending_before": cursor}, by="each"),
        *lists(resource, ledger, {"limit": 7, "ending_before": facts[0]["id"]}, by="array"),
        *lists(resource, ledger, {"limit": 7, "ending_before": facts[-1]["id"]}, by="for"),
    ]
    older, newer, after_the_first, after_the_last = values(await ask(stripe.url, *steps))
    assert older == facts[:middle][::-1]
    assert newer == facts[middle + 1 :]
    assert after_the_first == facts[1:]
    assert after_the_last == []


@pytest.mark.parametrize("name", NAMES)
async def test_stripe_node_reads_a_range_of_creation_times(
    name: str, stripe: SandboxStripe, ledger: Ledger
) -> None:
    resource = resource_named(name)
    facts = shown(resource, ledger)[::-1]
    low, high = facts[2 * len(facts) // 3]["created"], facts[len(facts) // 3]["created"]
    inclusive, exclusive, exact, split = values(
        await ask(
            stripe.url,
            *lists(
                resource,
                ledger,
                {"limit": 9, "created": {"gte": low, "lte": high}},
                {"limit": 9, "created": {"gt": low, "lt": high}},
                {"limit": 9, "created": low},
                {"limit": 9, "created": {"lt": low}},
            ),
        )
    )
    assert inclusive == [fact for fact in facts if low <= fact["created"] <= high]
    assert exclusive == [fact for fact in facts if low < fact["created"] < high]
    assert exact == [fact for fact in facts if fact["created"] == low]
    assert split == [fact for fact in facts if fact["created"] < low]


@pytest.mark.parametrize("name", NAMES)
async def test_stripe_node_retrieves_what_a_list_names(
    name: str, stripe: SandboxStripe, ledger: Ledger
) -> None:
    resource = resource_named(name)
    facts = shown(resource, ledger)[::40]
    steps = [
        {
            "do": "retrieve",
            "path": resource.path,
            "id": fact["id"],
            "fields": fields(resource, ledger),
        }
        for fact in facts
    ]
    assert values(await ask(stripe.url, *steps)) == facts


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"limit": 101}, "parameter_invalid_integer", "limit"),
        ({"starting_after": "ch_unknown"}, "resource_missing", "starting_after"),
        ({"ending_before": "ch_unknown"}, "resource_missing", "ending_before"),
        ({"created": {"gte": "yesterday"}}, "parameter_invalid_integer", "created[gte]"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"starting_after": "ch_0001", "ending_before": "ch_0002"}, None, None),
        ({"expand": ["data.nothing"]}, None, None),
    ],
)
async def test_stripe_node_understands_an_invalid_request(
    params: dict[str, Any], code: str | None, param: str | None, stripe: SandboxStripe
) -> None:
    step = {"do": "list", "path": CHARGE.path, "params": params}
    (error,) = errors(await ask(stripe.url, step))
    assert (error["class"], error["statusCode"]) == ("StripeInvalidRequestError", 400)
    assert (error.get("code"), error.get("param")) == (code, param)


@pytest.mark.parametrize("name", NAMES)
async def test_stripe_node_understands_that_an_object_is_missing(
    name: str, stripe: SandboxStripe
) -> None:
    step = {"do": "retrieve", "path": resource_named(name).path, "id": "no_such_object"}
    (error,) = errors(await ask(stripe.url, step))
    assert (error["class"], error["statusCode"]) == ("StripeInvalidRequestError", 404)
    assert (error["code"], error["param"]) == ("resource_missing", "id")


async def test_stripe_node_understands_a_key_that_is_unknown(stripe: SandboxStripe) -> None:
    step = {"do": "list", "path": CHARGE.path}
    (error,) = errors(await ask(stripe.url, step, key="rk_test_unknown"))
    assert (error["class"], error["statusCode"]) == ("StripeAuthenticationError", 401)
    assert error["requestId"].startswith("req_")


async def test_stripe_node_understands_each_missing_permission(ledger: Ledger) -> None:
    async with serve(ledger, keys={KEY: []}, clock=lambda: NOW) as stripe:
        steps = [{"do": "list", "path": resource.path} for resource in RESOURCES]
        outcomes = errors(await ask(stripe.url, *steps))
    assert {error["class"] for error in outcomes} == {"StripePermissionError"}
    for resource, error in zip(RESOURCES, outcomes, strict=True):
        assert f"'{resource.permission}'" in error["message"]


async def test_stripe_node_understands_a_rate_limit(ledger: Ledger) -> None:
    faults = Faults(rate_limited_every=1)
    async with serve(ledger, keys=[KEY], faults=faults) as stripe:
        (error,) = errors(await ask(stripe.url, {"do": "list", "path": CHARGE.path}))
    assert (error["class"], error["statusCode"]) == ("StripeRateLimitError", 429)
    assert error["code"] == "rate_limit"
    assert error["headers"]["stripe-rate-limited-reason"] == "global-rate"
    assert error["headers"]["stripe-should-retry"] == "false"


async def test_stripe_node_survives_failures_inside_stripe(ledger: Ledger) -> None:
    faults = Faults(failed_every=3)
    async with serve(ledger, keys=[KEY], clock=lambda: NOW, faults=faults) as stripe:
        (step,) = lists(CHARGE, ledger, {"limit": 60})
        outcomes = await ask(stripe.url, step, retries=2)
        assert stripe.api.statuses[500] > 0
    assert values(outcomes) == [shown(CHARGE, ledger)[::-1]]
