"""The listable kinds of object: where each lives, what it may be filtered and expanded by."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.stripe import profiles, render
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.params import Bound, Query
from sandbox.stripe.render import Json
from sandbox.stripe.table import Table, cut_page
from sandbox.stripe.wire import missing_object

ACCOUNT_PERMISSION = "rak_accounts_kyc_basic_read"


@dataclass(frozen=True)
class Resource:
    """One kind of object: `name` is its `object` value, `permission` what a key needs to read.

    `references` are filters whose value must be an existing object, by its kind.
    """

    name: str
    permission: str
    table: Callable[[Ledger], Table[Any]]
    render: Callable[[Ledger, Any, int], Json]
    expandable: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The list's path."""
        return f"/v1/{self.name}s"


CHARGE = Resource(
    "charge",
    "rak_charge_read",
    lambda ledger: ledger.charges,
    render.charge,
    frozenset({"balance_transaction", "customer"}),
    ("customer",),
)
REFUND = Resource(
    "refund",
    "rak_charge_read",
    lambda ledger: ledger.refunds,
    render.refund,
    frozenset({"balance_transaction", "charge"}),
    ("charge",),
)
DISPUTE = Resource(
    "dispute",
    "rak_dispute_read",
    lambda ledger: ledger.disputes,
    render.dispute,
    frozenset({"charge"}),
    ("charge",),
)
BALANCE_TRANSACTION = Resource(
    "balance_transaction",
    "rak_balance_transaction_source_read",
    lambda ledger: ledger.balance_transactions,
    render.balance_transaction,
    frozenset({"source"}),
)
CUSTOMER = Resource(
    "customer", "rak_customer_read", lambda ledger: ledger.customers, profiles.customer
)
RESOURCES = (CHARGE, REFUND, DISPUTE, BALANCE_TRANSACTION, CUSTOMER)
_BY_NAME = {resource.name: resource for resource in RESOURCES}


def list_page(ledger: Ledger, resource: Resource, query: Query, *, as_of: int) -> Json:
    """Return Stripe's list object; raise ApiError for a cursor or reference that is unknown."""
    table = resource.table(ledger)
    for name in resource.references:
        value = query.filters.get(name)
        if value is not None and _BY_NAME[name].table(ledger).find(value, as_of=as_of) is None:
            raise missing_object(name, value, param=name)
    first, last = _window(table, query.created, as_of)
    find = partial(_cursor, table, resource.name, as_of=as_of)
    page, has_more = cut_page(
        table.select(query.filters, first=first, last=last),
        limit=query.limit,
        after=find("starting_after", query.starting_after),
        before=find("ending_before", query.ending_before),
    )
    rows = [
        _object(ledger, resource, table.facts[position], query.expand, as_of) for position in page
    ]
    return {"object": "list", "url": resource.path, "has_more": has_more, "data": rows}


def retrieve(
    ledger: Ledger, resource: Resource, object_id: str, expand: Collection[str], *, as_of: int
) -> Json:
    """Return one object; raise ApiError if there was none at that instant."""
    fact = resource.table(ledger).find(object_id, as_of=as_of)
    if fact is None:
        raise missing_object(resource.name, object_id)
    return _object(ledger, resource, fact, expand, as_of)


def _object(
    ledger: Ledger, resource: Resource, fact: Any, expand: Collection[str], as_of: int
) -> Json:
    body = resource.render(ledger, fact, as_of)
    for name in expand:
        if body[name] is not None:
            body[name] = _any_object(ledger, body[name], as_of)
    return body


def _any_object(ledger: Ledger, object_id: str, as_of: int) -> Json:
    for resource in RESOURCES:
        fact = resource.table(ledger).find(object_id, as_of=as_of)
        if fact is not None:
            return resource.render(ledger, fact, as_of)
    raise missing_object("object", object_id)


def _window(table: Table[Any], bounds: Collection[Bound], as_of: int) -> tuple[int, int]:
    """Return the positions [first, last) of what existed at `as_of` within the bounds."""
    first, last = 0, bisect_right(table.created, as_of)
    for comparison, second in bounds:
        if comparison in ("gte", "eq"):
            first = max(first, bisect_left(table.created, second))
        if comparison == "gt":
            first = max(first, bisect_right(table.created, second))
        if comparison in ("lte", "eq"):
            last = min(last, bisect_right(table.created, second))
        if comparison == "lt":
            last = min(last, bisect_left(table.created, second))
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
