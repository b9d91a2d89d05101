"""Invoices with all their lines, subscriptions with all their items and discounts.

Stripe embeds only the first lines in an invoice and the first items in a subscription; the rest is
in lists of their own. `expand` reaches four levels deep (docs.stripe.com/api/expanding_objects):
the coupons of a subscription's items lie one level deeper, but not in the items' own list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from integrations.stripe.billing import (
    Discount,
    Invoice,
    InvoiceLine,
    InvoiceLines,
    Subscription,
    SubscriptionItem,
    SubscriptionItems,
)
from integrations.stripe.payments import Identified, StripeObject

T = TypeVar("T", bound=StripeObject)
S = TypeVar("S", bound=Identified)


@dataclass(frozen=True, slots=True)
class PartList(Generic[S]):
    """The list of one object's parts: where it is under `/v1/`, and its name for the pace."""

    item: type[S]
    path: str
    endpoint: str
    what: str
    parameters: tuple[tuple[str, str], ...] = ()


class ReadParts(Protocol):
    """Reads a list of parts to its end."""

    async def __call__(self, parts: PartList[S], /) -> list[S] | None:
        """Return every part; None if Stripe does not know the object any more."""


async def complete(objects: Sequence[T], read: ReadParts) -> Sequence[T]:
    """Return the objects with whatever is missing in them, fetched side by side.

    One that is gone by now stays as it is: its deletion is an event of its own.
    """
    partial = [one for one in objects if not _is_whole(one)]
    if not partial:
        return objects
    tasks = [asyncio.create_task(_completed(one, read)) for one in partial]
    try:
        whole = {one.id: one for one in await asyncio.gather(*tasks)}
    finally:
        for task in tasks:
            task.cancel()
    return [whole.get(one.id, one) for one in objects]


def _is_whole(one: StripeObject) -> bool:
    if isinstance(one, Invoice):
        return not one.lines.has_more
    if isinstance(one, Subscription):
        return not one.items.has_more and all(map(_is_expanded, one.items.data))
    return True


def _is_expanded(item: SubscriptionItem) -> bool:
    return all(
        isinstance(discount, Discount) and not isinstance(discount.source.coupon, str)
        for discount in item.listed_discounts
    )


async def _completed(one: T, read: ReadParts) -> T:
    if isinstance(one, Invoice):
        lines = await read(_lines_of(one))
        return one if lines is None else msgspec.structs.replace(one, lines=InvoiceLines(lines))
    items = await read(_items_of(one))
    return one if items is None else msgspec.structs.replace(one, items=SubscriptionItems(items))


def _lines_of(invoice: Invoice) -> PartList[InvoiceLine]:
    return PartList(
        InvoiceLine,
        f"invoices/{quote(invoice.id, safe='')}/lines",
        endpoint="invoices/:id/lines",
        what="an invoice's lines",
    )


def _items_of(subscription: StripeObject) -> PartList[SubscriptionItem]:
    return PartList(
        SubscriptionItem,
        "subscription_items",
        endpoint="subscription_items",
        what="a subscription's items",
        parameters=(
            ("subscription", subscription.id),
            ("expand[]", "data.discounts.source.coupon"),
        ),
    )
