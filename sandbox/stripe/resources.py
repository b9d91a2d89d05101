"""The listable kinds of object: where each lives, what it may be filtered and expanded by.

The server's way in: `read_query(resource, pairs)`, then `list_page(ledger, resource, query,
as_of=ms)`; `retrieve(ledger, resource, object_id, expand, as_of=ms)`. Invoice lines live under
their invoice: `list_invoice_lines(ledger, invoice_id, query, as_of=ms)` at INVOICE_LINES.path.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from sandbox.stripe.expansion import expanded
from sandbox.stripe.kinds import (
    ACCOUNT_PERMISSION,
    BALANCE_TRANSACTION,
    CHARGE,
    COUPON,
    CUSTOMER,
    DISPUTE,
    EARLY_FRAUD_WARNING,
    EVENT,
    INVOICE,
    INVOICE_LINES,
    PAYMENT_INTENT,
    PAYOUT,
    PRICE,
    PRODUCT,
    REFUND,
    RESOURCES,
    SUBSCRIPTION,
    SUBSCRIPTION_ITEM,
    Resource,
)
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.params import Bound, Query, read_list
from sandbox.stripe.render import Json
from sandbox.stripe.render_billing import subscription_items
from sandbox.stripe.table import Table, cut_page
from sandbox.stripe.wire import ApiError, missing_object

__all__ = [
    "ACCOUNT_PERMISSION",
    "BALANCE_TRANSACTION",
    "CHARGE",
    "COUPON",
    "CUSTOMER",
    "DISPUTE",
    "EARLY_FRAUD_WARNING",
    "EVENT",
    "INVOICE",
    "INVOICE_LINES",
    "PAYMENT_INTENT",
    "PAYOUT",
    "PRICE",
    "PRODUCT",
    "REFUND",
    "RESOURCES",
    "SUBSCRIPTION",
    "SUBSCRIPTION_ITEM",
    "Resource",
    "list_invoice_lines",
    "list_page",
    "read_query",
    "retrieve",
]

_BY_NAME = {resource.name: resource for resource in RESOURCES}


def read_query(resource: Resource, pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the query of a list request for the kind; raise ApiError as Stripe would refuse it."""
    return read_list(
        pairs,
        filters=resource.filters,
        expandable=resource.expandable,
        arrays=resource.arrays,
        ranges=resource.ranges,
        choices=resource.choices,
    )


def list_page(
    ledger: Ledger,
    resource: Resource,
    query: Query,
    *,
    as_of: int,
    delivered: Callable[[str], bool] = lambda _: True,
) -> Json:
    """Return Stripe's list object; raise ApiError for a cursor or reference that is unknown.

    `delivered` tells of an event's id whether all its webhooks arrived.
    """
    if resource is SUBSCRIPTION_ITEM:
        return _subscription_items(ledger, query, as_of)
    table = resource.table(ledger, as_of)
    _check_references(ledger, resource, query, as_of)
    first, last = _window(table, query.created, as_of, since=resource.kept_ms)
    find = partial(_cursor, table, resource.name, as_of=as_of)
    indexed = {name: v for name, v in query.filters.items() if name in resource.indexed}
    page, has_more = cut_page(
        table.select(indexed, first=first, last=last),
        limit=query.limit,
        after=find("starting_after", query.starting_after),
        before=find("ending_before", query.ending_before),
        admits=_admission(ledger, resource, query, as_of, delivered),
    )
    rows = [
        _object(ledger, resource, table.facts[position], query.expand, as_of) for position in page
    ]
    return {"object": "list", "url": resource.path, "has_more": has_more, "data": rows}


def retrieve(
    ledger: Ledger, resource: Resource, object_id: str, expand: Collection[str], *, as_of: int
) -> Json:
    """Return one object; raise ApiError if there was none at that moment.

    A deleted one is `{"id", "object", "deleted": true}`.
    """
    if resource is SUBSCRIPTION_ITEM:
        return _subscription_item(ledger, object_id, expand, as_of)
    fact = resource.table(ledger, as_of).find(object_id, as_of=as_of)
    if fact is None or (resource.kept_ms and _too_old(fact, as_of - resource.kept_ms)):
        raise missing_object(resource.name, object_id)
    return _object(ledger, resource, fact, expand, as_of)


def list_invoice_lines(ledger: Ledger, invoice_id: str, query: Query, *, as_of: int) -> Json:
    """Return a page of the invoice's lines, in the invoice's order; raise ApiError if unknown."""
    body = retrieve(ledger, INVOICE, invoice_id, (), as_of=as_of)
    rows = INVOICE_LINES.children(ledger, invoice_id, as_of)
    return _nested_page(ledger, rows, "line_item", body["lines"]["url"], query, as_of)


def _subscription_items(ledger: Ledger, query: Query, as_of: int) -> Json:
    parent = query.filters.get("subscription")
    if parent is None:
        message = "Missing required param: subscription."
        raise ApiError(400, message, code="parameter_missing", param="subscription")
    _check_references(ledger, SUBSCRIPTION_ITEM, query, as_of)
    rows = subscription_items(ledger, parent, as_of)
    return _nested_page(ledger, rows, "subscription_item", SUBSCRIPTION_ITEM.path, query, as_of)


def _subscription_item(ledger: Ledger, object_id: str, expand: Collection[str], as_of: int) -> Json:
    visible = ledger.subscriptions.between(0, as_of + 1)
    for position in visible:
        parent = ledger.subscriptions.facts[position].id
        for row in subscription_items(ledger, parent, as_of):
            if row["id"] == object_id:
                return expanded(ledger, row, expand, as_of)
    raise missing_object(SUBSCRIPTION_ITEM.name, object_id)


def _nested_page(
    ledger: Ledger, rows: list[Json], kind: str, url: str, query: Query, as_of: int
) -> Json:
    """Cut a page out of an object's children, which Stripe lists in their own order."""
    ids = [row["id"] for row in rows]
    for param in ("starting_after", "ending_before"):
        cursor = getattr(query, param)
        if cursor is not None and cursor not in ids:
            raise missing_object(kind, cursor, param=param)
    first = ids.index(query.starting_after) + 1 if query.starting_after else 0
    last, more = first + query.limit, first + query.limit < len(ids)
    if query.ending_before:
        last = ids.index(query.ending_before)
        first, more = max(0, last - query.limit), last > query.limit
    page = [expanded(ledger, row, query.expand, as_of) for row in rows[first:last]]
    return {"object": "list", "url": url, "has_more": more, "data": page}


def _object(
    ledger: Ledger, resource: Resource, fact: Any, expand: Collection[str], as_of: int
) -> Json:
    body = resource.render(ledger, fact, as_of)
    return expanded(ledger, body, expand, as_of) if expand else body


def _check_references(ledger: Ledger, resource: Resource, query: Query, as_of: int) -> None:
    for name in resource.references:
        value = query.filters.get(name)
        if value is None:
            continue
        if _BY_NAME[name].table(ledger, as_of).find(value, as_of=as_of) is None:
            raise missing_object(name, value, param=name)
        if name == "payout" and not ledger.payouts.get(value).automatic:
            raise ApiError(
                400,
                "Balance transaction history can only be filtered on automatic payouts, "
                "not manual.",
                param=name,
            )


def _admission(
    ledger: Ledger,
    resource: Resource,
    query: Query,
    as_of: int,
    delivered: Callable[[str], bool],
) -> Callable[[int], bool] | None:
    """Return what a position must pass besides the indexed filters, or None if nothing."""
    wanted = {**resource.defaults, **query.filters}
    tests = [(resource.tests[name], v) for name, v in wanted.items() if name in resource.tests]
    arrived = query.filters.get("delivery_success")
    if not (tests or arrived or query.ranges or query.several):
        return None
    facts = resource.table(ledger, as_of).facts

    def admits(position: int) -> bool:
        fact = facts[position]
        times = ((resource.ranges[name], bounds) for name, bounds in query.ranges.items())
        lists = ((resource.arrays[name], values) for name, values in query.several.items())
        return (
            all(passes(ledger, fact, as_of, value) for passes, value in tests)
            and all(bound.holds(time(fact)) for time, bounds in times for bound in bounds)
            and all(field(fact) in values for field, values in lists)
            and (arrived is None or delivered(fact.id) == (arrived == "true"))
        )

    return admits


def _window(
    table: Table[Any], bounds: Collection[Bound], as_of: int, *, since: int | None
) -> tuple[int, int]:
    """Return the positions [first, last) of what existed at `as_of` within the bounds.

    What is older than `since` milliseconds is left out (None: nothing is).
    """
    first, last = 0, bisect_right(table.moments, as_of)
    if since is not None:
        first = table.between(as_of - since, as_of).start
    for comparison, second in bounds:
        after = second + (comparison in ("gt", "lte", "eq"))
        edge = table.between(after * 1_000, after * 1_000).start
        if comparison in ("gte", "gt"):
            first = max(first, edge)
        else:
            last = min(last, edge)
        if comparison == "eq":
            first = max(first, table.between(second * 1_000, second * 1_000).start)
    return first, last


def _cursor(
    table: Table[Any], kind: str, param: str, object_id: str | None, *, as_of: int
) -> int | None:
    if object_id is None:
        return None
    position = table.position(object_id, as_of=as_of)
    if position is None:
        raise missing_object(kind, object_id, param=param)
    return position


def _too_old(fact: Any, since: int) -> bool:
    too_old: bool = fact.created * 1_000 + fact.ms < since
    return too_old
