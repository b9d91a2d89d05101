"""The allow-list: the fields of Stripe's objects that are ever decoded.

Everything else on the wire (names, addresses, card numbers' ends, descriptions, metadata) is
skipped by the decoder and never becomes a Python object. Field names and types follow API version
2026-10-28.endive; amounts are integer minor units, times UTC seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec


class StripeObject(msgspec.Struct, frozen=True, gc=False):
    """What every listed object has."""

    id: str
    created: int


class Card(msgspec.Struct, frozen=True, gc=False):
    """The card of a charge: its brand only."""

    brand: str | None = None


class PaymentMethodDetails(msgspec.Struct, frozen=True, gc=False):
    """How a charge was paid."""

    type: str | None = None
    card: Card | None = None


class Charge(StripeObject, frozen=True, gc=False, kw_only=True):
    """A charge as the API shows it now; `amount_refunded` is cumulative."""

    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: str
    disputed: bool
    customer: str | None = None
    balance_transaction: str | None = None
    failure_code: str | None = None
    payment_method_details: PaymentMethodDetails | None = None


class Refund(StripeObject, frozen=True, gc=False, kw_only=True):
    """A refund; `status` may still change for weeks."""

    amount: int
    currency: str
    status: str | None = None
    reason: str | None = None
    charge: str | None = None


class EvidenceDetails(msgspec.Struct, frozen=True, gc=False):
    """Until when evidence may be sent; the evidence itself is not read."""

    due_by: int | None = None


class Dispute(StripeObject, frozen=True, gc=False, kw_only=True):
    """A dispute; `status` changes for months."""

    amount: int
    currency: str
    status: str
    reason: str | None = None
    charge: str | None = None
    evidence_details: EvidenceDetails | None = None


class BalanceTransaction(StripeObject, frozen=True, gc=False, kw_only=True):
    """A line of the money ledger in its settlement currency; amounts are signed."""

    amount: int
    fee: int
    net: int
    currency: str
    type: str
    reporting_category: str
    available_on: int
    exchange_rate: Decimal | None = None
    source: str | None = None


class Customer(StripeObject, frozen=True, gc=False, kw_only=True):
    """A customer: nothing about the person."""

    currency: str | None = None


T = TypeVar("T", bound=StripeObject)


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """A list of Stripe: `/v1/<name>`, what its items are and what a key needs to read it."""

    name: str
    item: type[T]
    permission: str


CHARGES = Resource("charges", Charge, "rak_charge_read")
REFUNDS = Resource("refunds", Refund, "rak_charge_read")
DISPUTES = Resource("disputes", Dispute, "rak_dispute_read")
BALANCE_TRANSACTIONS = Resource(
    "balance_transactions", BalanceTransaction, "rak_balance_transaction_source_read"
)
CUSTOMERS = Resource("customers", Customer, "rak_customer_read")
ACCOUNT_PERMISSION = "rak_accounts_kyc_basic_read"
RESOURCES: tuple[Resource[Any], ...] = (
    BALANCE_TRANSACTIONS,
    CHARGES,
    REFUNDS,
    DISPUTES,
    CUSTOMERS,
)
PERMISSIONS = (ACCOUNT_PERMISSION, *dict.fromkeys(r.permission for r in RESOURCES))
