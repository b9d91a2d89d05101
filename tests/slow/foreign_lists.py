"""What the sandbox's lists must tell, from the ledger's facts alone."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.events import KEPT_MS
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.resources import EVENT, RESOURCES, SUBSCRIPTION, SUBSCRIPTION_ITEM, Resource
from tests.slow.foreign_shop import NOW_S, is_listed

# Fields that a fact and Stripe's object of it share by name and value.
SHARED = (
    "id",
    "created",
    "amount",
    "currency",
    "customer",
    "charge",
    "payment_intent",
    "source",
    "product",
    "unit_amount",
    "subtotal",
    "total",
    "type",
)
# Items are listed under their subscription and have no range of creation times.
LISTED = [resource for resource in RESOURCES if resource is not SUBSCRIPTION_ITEM]


def shown(resource: Resource, ledger: Ledger) -> list[dict[str, Any]]:
    """Return what a list must tell of each fact, oldest first."""
    facts = [fact for fact in _facts(resource, ledger) if is_listed(fact)]
    assert facts, f"The shop has no {resource.name}."
    return [
        {name: getattr(fact, name) for name in _shared_by(resource) if hasattr(fact, name)}
        for fact in facts
    ]


def fields(resource: Resource, ledger: Ledger) -> list[str]:
    """Return the fields that a list shares with its facts."""
    return list(shown(resource, ledger)[0])


def parameters(resource: Resource) -> dict[str, Any]:
    """Return what makes the list show all that it has."""
    return {"status": "all"} if resource is SUBSCRIPTION else {}


def resource_named(name: str) -> Resource:
    """Return the listable kind of object."""
    return next(resource for resource in RESOURCES if resource.name == name)


def _facts(resource: Resource, ledger: Ledger) -> list[Any]:
    now = NOW_S * 1_000
    if resource is EVENT:
        return list(ledger.events.between(now - KEPT_MS, now + 1))
    return [fact for fact in resource.table(ledger, now).facts if fact.created <= NOW_S]


def _shared_by(resource: Resource) -> tuple[str, ...]:
    # An invoice names the intent that paid for it in another list since 2025-03-31.basil.
    hidden = {"payment_intent"} if resource.name == "invoice" else set()
    return tuple(name for name in SHARED if name not in hidden)
