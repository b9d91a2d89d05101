"""The rows of the ledger as they are written: what is kept of Stripe's objects, and nothing else.

Amounts are in minor units. `source_version` was drawn by `ledger.next_version` before the request
that fetched the object was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

JsonList = Sequence[Mapping[str, Any]]


class ChargeRow(NamedTuple):
    """A row of `ledger_charges`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: str
    disputed: bool
    customer_id: str | None
    balance_transaction_id: str | None
    failure_code: str | None
    payment_method_type: str | None
    card_brand: str | None
    payment_intent_id: str | None
    outcome_type: str | None
    outcome_reason: str | None
    risk_level: str | None
    card_funding: str | None
    card_country: str | None
    card_network: str | None


class RefundRow(NamedTuple):
    """A row of `ledger_refunds`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    currency: str
    status: str | None
    reason: str | None
    charge_id: str | None
    balance_transaction_id: str | None
    payment_intent_id: str | None
    failure_reason: str | None


class DisputeRow(NamedTuple):
    """A row of `ledger_disputes`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    currency: str
    status: str
    reason: str | None
    charge_id: str | None
    evidence_due_by: datetime | None
    payment_intent_id: str | None
    case_type: str | None
    network_reason_code: str | None
    has_evidence: bool | None
    submission_count: int | None


class BalanceTransactionRow(NamedTuple):
    """A row of `ledger_balance_transactions`; amounts are signed, its `payout_id` is ours."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    fee: int
    net: int
    currency: str
    type: str
    reporting_category: str
    exchange_rate: Decimal | None
    source_id: str | None
    available_on: datetime
    status: str | None


class CustomerRow(NamedTuple):
    """A row of `ledger_customers`; whether it was deleted is said by `mark_customer_deleted`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    currency: str | None


class PaymentIntentRow(NamedTuple):
    """A row of `ledger_payment_intents`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    amount_received: int
    currency: str
    status: str
    customer_id: str | None
    latest_charge_id: str | None
    cancellation_reason: str | None
    error_code: str | None
    decline_code: str | None


class EarlyFraudWarningRow(NamedTuple):
    """A row of `ledger_early_fraud_warnings`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    charge_id: str | None
    payment_intent_id: str | None
    fraud_type: str
    actionable: bool


class PayoutRow(NamedTuple):
    """A row of `ledger_payouts`; its `reconciled_at` is ours."""

    stripe_id: str
    created_at: datetime
    source_version: int
    amount: int
    currency: str
    status: str
    arrival_at: datetime
    automatic: bool
    method: str | None
    failure_code: str | None
    balance_transaction_id: str | None


class ProductRow(NamedTuple):
    """A row of `ledger_products`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    active: bool
    default_price_id: str | None


class PriceRow(NamedTuple):
    """A row of `ledger_prices`; `tiers` as JSON."""

    stripe_id: str
    created_at: datetime
    source_version: int
    product_id: str | None
    active: bool
    currency: str
    unit_amount: int | None
    unit_amount_decimal: Decimal | None
    type: str
    billing_scheme: str
    interval: str | None
    interval_count: int | None
    usage_type: str | None
    tiers_mode: str | None
    tiers: JsonList | None


class SubscriptionRow(NamedTuple):
    """A row of `ledger_subscriptions`; `discounts` as JSON."""

    stripe_id: str
    created_at: datetime
    source_version: int
    customer_id: str | None
    status: str
    currency: str
    started_at: datetime
    trial_start: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    pause_behavior: str | None
    collection_method: str | None
    discounts: JsonList


class SubscriptionItemRow(NamedTuple):
    """A row of `ledger_subscription_items`; the version is its subscription's."""

    stripe_id: str
    created_at: datetime
    source_version: int
    subscription_id: str
    price_id: str | None
    quantity: int | None
    period_start: datetime | None
    period_end: datetime | None
    discounts: JsonList


class InvoiceRow(NamedTuple):
    """A row of `ledger_invoices`."""

    stripe_id: str
    created_at: datetime
    source_version: int
    customer_id: str | None
    subscription_id: str | None
    status: str | None
    currency: str
    amount_due: int
    amount_paid: int
    amount_remaining: int
    subtotal: int
    total: int
    total_excluding_tax: int | None
    billing_reason: str | None
    period_start: datetime
    period_end: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    marked_uncollectible_at: datetime | None
    attempt_count: int
    collection_method: str | None


class InvoiceLineRow(NamedTuple):
    """A row of `ledger_invoice_lines`; version and `created_at` are its invoice's."""

    stripe_id: str
    created_at: datetime
    source_version: int
    invoice_id: str
    amount: int
    currency: str
    quantity: int | None
    period_start: datetime
    period_end: datetime
    price_id: str | None
    product_id: str | None
    subscription_id: str | None
    subscription_item_id: str | None
    proration: bool
    discount_amount: int


ParentRow = InvoiceRow | SubscriptionRow
ChildRow = InvoiceLineRow | SubscriptionItemRow
LedgerRow = (
    ChargeRow
    | RefundRow
    | DisputeRow
    | BalanceTransactionRow
    | CustomerRow
    | PaymentIntentRow
    | EarlyFraudWarningRow
    | PayoutRow
    | ProductRow
    | PriceRow
    | ParentRow
    | ChildRow
)
