"""The allow-list of Stripe's payment objects: the fields that are ever decoded.

Everything else on the wire (names, addresses, card numbers' ends, descriptions, metadata) is
skipped by the decoder and never becomes a Python object. Field names and types follow API version
2026-10-28.endive; amounts are integer minor units, times UTC seconds.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Identified(msgspec.Struct, frozen=True, gc=False):
    """What every object and every part of one has."""

    id: str


class StripeObject(Identified, frozen=True, gc=False):
    """What every object has that can be listed by its time of creation."""

    created: int


class Card(msgspec.Struct, frozen=True, gc=False):
    """The card of a charge: what kind of card, never which one."""

    brand: str | None = None
    funding: str | None = None
    country: str | None = None
    network: str | None = None


class PaymentMethodDetails(msgspec.Struct, frozen=True, gc=False):
    """How a charge was paid."""

    type: str | None = None
    card: Card | None = None


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Why a charge went through or did not, and Radar's view of its risk."""

    type: str | None = None
    reason: str | None = None
    risk_level: str | None = None


class Charge(StripeObject, frozen=True, gc=False, kw_only=True):
    """A charge as the API shows it now; `amount_refunded` is cumulative."""

    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: str
    disputed: bool
    customer: str | None = None
    payment_intent: str | None = None
    balance_transaction: str | None = None
    failure_code: str | None = None
    outcome: Outcome | None = None
    payment_method_details: PaymentMethodDetails | None = None


class PaymentError(msgspec.Struct, frozen=True, gc=False):
    """Why the last attempt to pay failed; the payment method in it is not read."""

    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(StripeObject, frozen=True, gc=False, kw_only=True):
    """A payment from its first attempt to its success; it may fail many times in between."""

    amount: int
    amount_received: int
    currency: str
    status: str
    customer: str | None = None
    latest_charge: str | None = None
    cancellation_reason: str | None = None
    last_payment_error: PaymentError | None = None


class Refund(StripeObject, frozen=True, gc=False, kw_only=True):
    """A refund; `status` may still change for weeks."""

    amount: int
    currency: str
    status: str | None = None
    reason: str | None = None
    charge: str | None = None
    payment_intent: str | None = None
    balance_transaction: str | None = None
    failure_reason: str | None = None


class EvidenceDetails(msgspec.Struct, frozen=True, gc=False):
    """Until when evidence may be sent and whether it was; the evidence itself is not read."""

    due_by: int | None = None
    has_evidence: bool = False
    submission_count: int = 0


class DisputedCard(msgspec.Struct, frozen=True, gc=False):
    """What the card network calls the dispute."""

    case_type: str | None = None
    network_reason_code: str | None = None


class DisputedPayment(msgspec.Struct, frozen=True, gc=False):
    """How the disputed charge was paid."""

    card: DisputedCard | None = None


class Dispute(StripeObject, frozen=True, gc=False, kw_only=True):
    """A dispute; `status` changes for months."""

    amount: int
    currency: str
    status: str
    reason: str | None = None
    charge: str | None = None
    payment_intent: str | None = None
    evidence_details: EvidenceDetails | None = None
    payment_method_details: DisputedPayment | None = None


class EarlyFraudWarning(StripeObject, frozen=True, gc=False, kw_only=True):
    """An issuer's report of fraud, before any dispute; `actionable` until it is too late."""

    actionable: bool
    fraud_type: str
    charge: str | None = None
    payment_intent: str | None = None


class BalanceTransaction(StripeObject, frozen=True, gc=False, kw_only=True):
    """A line of the money ledger in its settlement currency; amounts are signed."""

    amount: int
    fee: int
    net: int
    currency: str
    type: str
    reporting_category: str
    available_on: int
    status: str | None = None
    exchange_rate: Decimal | None = None
    source: str | None = None


class Payout(StripeObject, frozen=True, gc=False, kw_only=True):
    """Money on its way to the bank, which is not read; a paid payout may still fail."""

    amount: int
    currency: str
    status: str
    arrival_date: int
    automatic: bool
    method: str | None = None
    failure_code: str | None = None
    balance_transaction: str | None = None


class Customer(StripeObject, frozen=True, gc=False, kw_only=True):
    """A customer: nothing about the person."""

    currency: str | None = None
