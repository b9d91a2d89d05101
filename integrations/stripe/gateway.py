"""What the product needs of Stripe, as a Protocol, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from integrations.stripe.resources import Resource, StripeObject

PAGE_LIMIT = 100
NO_FILTERS: Mapping[str, str] = MappingProxyType({})
T = TypeVar("T", bound=StripeObject)


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """The account that a key belongs to; what Stripe does not tell is None.

    `requirements_due` is how many requirements it lists as currently due, nothing of what they are.
    `livemode` is the key's: one account id serves both modes, with separate data.
    """

    id: str
    country: str | None
    default_currency: str
    time_zone: str
    business_name: str | None
    created: datetime | None
    livemode: bool
    charges_enabled: bool
    payouts_enabled: bool
    requirements_due: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first.

    `server_time` is a second of Stripe's clock (UTC epoch) that had come before the request was
    sent: every item's state is at least as new as that.
    """

    items: Sequence[T]
    has_more: bool
    server_time: int


class StripeGateway(Protocol):
    """Read access to one Stripe account.

    Every method raises StripeKeyError if the key is refused, StripePermissionError if it lacks a
    permission, and StripeError for anything else that Stripe does not answer as it should.
    """

    async def account(self) -> StripeAccount:
        """Return the account that the key belongs to."""

    async def list_page(
        self,
        resource: Resource[T],
        *,
        starting_after: str | None = None,
        created_gte: int | None = None,
        created_lt: int | None = None,
        limit: int = PAGE_LIMIT,
        filters: Mapping[str, str] = NO_FILTERS,
    ) -> Page[T]:
        """Return the page behind an id, of items created in [`created_gte`, `created_lt`).

        The bounds are UTC seconds. `filters` are further parameters that Stripe documents for the
        list. Invoices come with all their lines, subscriptions with all their items.
        """

    async def retrieve(self, resource: Resource[T], object_id: str) -> T | None:
        """Return one object as a list would show it; None if it does not exist any more."""
