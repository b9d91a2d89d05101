"""The lists that a sync reads, in their order, and how their items become rows of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from db.repositories.ledger_rows import (
    BalanceTransactionRow,
    ChargeRow,
    ChildRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    InvoiceRow,
    LedgerRow,
    PaymentIntentRow,
    PayoutRow,
    PriceRow,
    ProductRow,
    RefundRow,
    SubscriptionRow,
)
from integrations.stripe import resources as stripe
from integrations.stripe.resources import Resource, StripeObject
from services.stripe_sync import billing_rows, payment_rows

T = TypeVar("T", bound=StripeObject)


class Rows(NamedTuple):
    """What is kept of some objects of one kind, and of the parts they consist of."""

    rows: Sequence[LedgerRow]
    children: Sequence[ChildRow]


def merged(parts: Iterable[Rows]) -> Rows:
    """Return everything that the parts hold."""
    every = list(parts)
    return Rows(
        [row for part in every for row in part.rows],
        [child for part in every for child in part.children],
    )


def _no_children(_item: Any, _version: int) -> Sequence[ChildRow]:
    return ()


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """One list: `kind` is how events call its objects, `row_type` what is kept of them.

    `reread_days` is how far before a gap in the events an object may have been created and still
    have changed during the gap; None: at any time. `weight` is the list's share of the work of a
    first sync, in percent. Both row functions take an object and the version of its fetch.
    """

    resource: Resource[T]
    kind: str
    row_type: type[LedgerRow]
    row: Callable[[T, int], LedgerRow]
    weight: int
    reread_days: int | None = None
    children: Callable[[T, int], Sequence[ChildRow]] = _no_children

    @property
    def name(self) -> str:
        """The list's name in Stripe's API, in cursors and in counts."""
        return self.resource.name

    @property
    def required(self) -> bool:
        """Whether there is no ledger without this list."""
        return self.resource in stripe.REQUIRED

    def rows(self, items: Iterable[T], version: int) -> Rows:
        """Return what is kept of objects that were fetched at a version."""
        found = list(items)
        children = [child for item in found for child in self.children(item, version)]
        return Rows([self.row(item, version) for item in found], children)


# A charge can be refunded for 180 days and more, and disputed for 120 (docs.stripe.com/refunds,
# /disputes); so can what is read with it. A line of the balance changes for days.
_REFUNDABLE_DAYS = 180
_SETTLING_DAYS = 30

FEEDS: tuple[Feed[Any], ...] = (
    Feed(
        stripe.BALANCE_TRANSACTIONS,
        "balance_transaction",
        BalanceTransactionRow,
        payment_rows.balance_transaction_row,
        weight=24,
        reread_days=_SETTLING_DAYS,
    ),
    Feed(
        stripe.CHARGES,
        "charge",
        ChargeRow,
        payment_rows.charge_row,
        weight=24,
        reread_days=_REFUNDABLE_DAYS,
    ),
    Feed(
        stripe.PAYMENT_INTENTS,
        "payment_intent",
        PaymentIntentRow,
        payment_rows.payment_intent_row,
        weight=22,
        reread_days=_REFUNDABLE_DAYS,
    ),
    Feed(
        stripe.INVOICES,
        "invoice",
        InvoiceRow,
        billing_rows.invoice_row,
        weight=10,
        reread_days=_REFUNDABLE_DAYS,
        children=billing_rows.invoice_line_rows,
    ),
    Feed(
        stripe.CUSTOMERS,
        "customer",
        CustomerRow,
        payment_rows.customer_row,
        weight=8,
    ),
    Feed(
        stripe.REFUNDS,
        "refund",
        RefundRow,
        payment_rows.refund_row,
        weight=4,
        reread_days=_REFUNDABLE_DAYS,
    ),
    Feed(
        stripe.SUBSCRIPTIONS,
        "subscription",
        SubscriptionRow,
        billing_rows.subscription_row,
        weight=3,
        children=billing_rows.subscription_item_rows,
    ),
    Feed(stripe.DISPUTES, "dispute", DisputeRow, payment_rows.dispute_row, weight=1),
    Feed(
        stripe.EARLY_FRAUD_WARNINGS,
        "radar.early_fraud_warning",
        EarlyFraudWarningRow,
        payment_rows.early_fraud_warning_row,
        weight=1,
    ),
    Feed(stripe.PAYOUTS, "payout", PayoutRow, payment_rows.payout_row, weight=1),
    Feed(stripe.PRODUCTS, "product", ProductRow, billing_rows.product_row, weight=1),
    Feed(stripe.PRICES, "price", PriceRow, billing_rows.price_row, weight=1),
)
BY_KIND = {feed.kind: feed for feed in FEEDS}
CHARGE = BY_KIND["charge"]
BALANCE_TRANSACTION = BY_KIND["balance_transaction"]
CUSTOMER = BY_KIND["customer"]
