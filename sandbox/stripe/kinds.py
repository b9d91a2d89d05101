"""Stripe's kinds of object that can be listed: path, permission, filters, what can be expanded.

Parameters are those of stripe-python's `params/_*_list_params.py`, permissions those of
docs.stripe.com/stripe-apps/reference/permissions with `rak_` before them; prices go by their old
name, plans, and refunds and early fraud warnings by their charge.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe import profiles, render, render_billing, render_events, render_intents
from sandbox.stripe.billing_facts import ENDED, InvoiceFact, PriceFact, ProductFact
from sandbox.stripe.events import KEPT_MS
from sandbox.stripe.facts import CustomerFact, reached
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json
from sandbox.stripe.table import Table

ACCOUNT_PERMISSION = "rak_accounts_kyc_basic_read"
_BOOLEANS = frozenset({"true", "false"})

Test = Callable[[Ledger, Any, int, str], bool]


@dataclass(frozen=True)
class Resource:
    """One kind of object: `name` is its `object` value, `permission` what a key needs to read.

    `indexed` are filters by a field that never changes, `tests` by what holds at a moment;
    `defaults` are tests that hold unless the query says otherwise. `references` are filters whose
    value must be an existing object, by its kind. `arrays` and `ranges` take the field out of a
    fact. What is older than `kept_ms` is gone. `deep` can be expanded in a retrieval only.
    """

    name: str
    permission: str
    table: Callable[[Ledger, int], Table[Any]]
    render: Callable[[Ledger, Any, int], Json]
    expandable: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()
    indexed: frozenset[str] = frozenset()
    tests: Mapping[str, Test] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    ranges: Mapping[str, Callable[[Any], int | None]] = field(default_factory=dict)
    choices: Mapping[str, Collection[str]] = field(default_factory=dict)
    kept_ms: int | None = None
    place: str = ""
    deep: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The list's path."""
        return f"/v1/{self.place or self.name + 's'}"

    @property
    def expandable_alone(self) -> frozenset[str]:
        """What can be expanded in a retrieval: more than in a list."""
        return self.expandable | self.deep

    @property
    def filters(self) -> frozenset[str]:
        """The equalities that a list may be asked for."""
        return self.indexed | self.choices.keys() | (self.tests.keys() - {"deleted"})


@dataclass(frozen=True)
class Children:
    """Objects that are listed under another one; `children` gives all of them, in order."""

    name: str
    path: str
    children: Callable[[Ledger, str, int], list[Json]]
    expandable: frozenset[str] = frozenset()


def _not_deleted(_: Ledger, fact: CustomerFact | ProductFact, as_of: int, value: str) -> bool:
    return reached(fact.deleted_at, fact.ms, as_of) == (value == "true")


def _active(_: Ledger, fact: ProductFact | PriceFact, as_of: int, value: str) -> bool:
    return reached(fact.archived_at, fact.ms, as_of) != (value == "true")


def _status(_: Ledger, fact: InvoiceFact, as_of: int, value: str) -> bool:
    return fact.status(as_of) == value


def _subscription_status(_: Ledger, fact: Any, as_of: int, value: str) -> bool:
    status = fact.state(as_of).status
    if value == "all":
        return True
    if value == "ended":
        return status in ENDED
    return bool(status != "canceled" if value == "not_canceled" else status == value)


def _subscription_price(_: Ledger, fact: Any, as_of: int, value: str) -> bool:
    return any(item.price == value for item in fact.state(as_of).items)


CHARGE = Resource(
    "charge",
    "rak_charge_read",
    lambda ledger, _: ledger.charges,
    render.charge,
    frozenset({"balance_transaction", "customer", "payment_intent"}),
    ("customer",),
    indexed=frozenset({"customer", "payment_intent", "transfer_group"}),
)
REFUND = Resource(
    "refund",
    "rak_charge_read",
    lambda ledger, _: ledger.refunds,
    render.refund,
    frozenset({"balance_transaction", "charge", "failure_balance_transaction", "payment_intent"}),
    ("charge",),
    indexed=frozenset({"charge", "payment_intent"}),
)
DISPUTE = Resource(
    "dispute",
    "rak_dispute_read",
    lambda ledger, _: ledger.disputes,
    render.dispute,
    frozenset({"charge", "payment_intent"}),
    ("charge",),
    indexed=frozenset({"charge", "payment_intent"}),
)
BALANCE_TRANSACTION = Resource(
    "balance_transaction",
    "rak_balance_transaction_source_read",
    lambda ledger, _: ledger.balance_transactions,
    render.balance_transaction,
    frozenset({"source"}),
    ("payout",),
    indexed=frozenset({"type", "currency", "source", "payout"}),
)
CUSTOMER = Resource(
    "customer",
    "rak_customer_read",
    lambda ledger, _: ledger.customers,
    profiles.customer,
    indexed=frozenset({"email", "test_clock"}),
    tests={"deleted": _not_deleted},
    defaults={"deleted": "false"},
)
PAYMENT_INTENT = Resource(
    "payment_intent",
    "rak_payment_intent_read",
    lambda ledger, _: ledger.payment_intents,
    render_intents.payment_intent,
    frozenset({"customer", "latest_charge", "latest_charge.balance_transaction"}),
    ("customer",),
    indexed=frozenset({"customer"}),
)
EARLY_FRAUD_WARNING = Resource(
    "radar.early_fraud_warning",
    "rak_charge_read",
    lambda ledger, _: ledger.early_fraud_warnings,
    render.early_fraud_warning,
    frozenset({"charge", "payment_intent"}),
    ("charge",),
    indexed=frozenset({"charge", "payment_intent"}),
    place="radar/early_fraud_warnings",
)
PAYOUT = Resource(
    "payout",
    "rak_payout_read",
    lambda ledger, _: ledger.payouts,
    render.payout,
    frozenset({"balance_transaction", "destination", "failure_balance_transaction"}),
    indexed=frozenset({"destination"}),
    tests={"status": _status},
    choices={"status": ("pending", "paid", "failed", "canceled", "in_transit")},
    ranges={"arrival_date": lambda payout: payout.arrives_at},
)
PRODUCT = Resource(
    "product",
    "rak_product_read",
    lambda ledger, _: ledger.products,
    render_billing.product,
    frozenset({"default_price"}),
    tests={"active": _active, "deleted": _not_deleted},
    defaults={"deleted": "false"},
    arrays={"ids": lambda product: product.id},
    choices={"active": _BOOLEANS},
)
PRICE = Resource(
    "price",
    "rak_plan_read",
    lambda ledger, _: ledger.prices,
    render_billing.price,
    frozenset({"product", "tiers"}),
    ("product",),
    indexed=frozenset(
        {"product", "currency", "type", "recurring[interval]", "recurring[usage_type]"}
    ),
    tests={"active": _active},
    arrays={"lookup_keys": lambda price: price.lookup_key},
    choices={"active": _BOOLEANS},
)
COUPON = Resource(
    "coupon",
    "rak_coupon_read",
    lambda ledger, _: ledger.coupons,
    render_billing.coupon,
)
SUBSCRIPTION = Resource(
    "subscription",
    "rak_subscription_read",
    lambda ledger, _: ledger.subscriptions,
    render_billing.subscription,
    frozenset(
        {
            "customer",
            "discounts",
            "discounts.source.coupon",
            "items.data.discounts",
            "latest_invoice",
        }
    ),
    ("customer", "price"),
    indexed=frozenset({"customer", "collection_method"}),
    tests={"status": _subscription_status, "price": _subscription_price},
    defaults={"status": "not_canceled"},
    # In a list these would be five levels deep, and Stripe stops at four.
    deep=frozenset({"items.data.price.product", "items.data.price.tiers"}),
    choices={
        "status": (
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        )
    },
)
SUBSCRIPTION_ITEM = Resource(
    "subscription_item",
    "rak_subscription_read",
    lambda ledger, _: ledger.subscriptions,
    render_billing.subscription,
    frozenset({"discounts", "discounts.source.coupon", "price.product", "price.tiers"}),
    ("subscription",),
    indexed=frozenset({"subscription"}),
)
INVOICE = Resource(
    "invoice",
    "rak_invoice_read",
    lambda ledger, _: ledger.invoices,
    render_billing.invoice,
    frozenset({"customer", "discounts", "discounts.source.coupon", "lines.data.discounts"}),
    ("customer", "subscription"),
    indexed=frozenset({"customer", "subscription", "collection_method"}),
    tests={"status": _status},
    choices={"status": ("draft", "open", "paid", "uncollectible", "void")},
)
EVENT = Resource(
    "event",
    "rak_event_read",
    lambda ledger, as_of: ledger.events.window(as_of),
    render_events.event,
    indexed=frozenset({"type"}),
    arrays={"types": lambda event: event.type},
    choices={"delivery_success": _BOOLEANS},
    kept_ms=KEPT_MS,
)
RESOURCES = (
    CHARGE,
    REFUND,
    DISPUTE,
    BALANCE_TRANSACTION,
    CUSTOMER,
    PAYMENT_INTENT,
    EARLY_FRAUD_WARNING,
    PAYOUT,
    PRODUCT,
    PRICE,
    COUPON,
    SUBSCRIPTION,
    SUBSCRIPTION_ITEM,
    INVOICE,
    EVENT,
)
INVOICE_LINES = Children(
    "line_item",
    "/v1/invoices/{id}/lines",
    render_billing.invoice_lines,
    frozenset({"discounts", "discounts.source.coupon"}),
)
