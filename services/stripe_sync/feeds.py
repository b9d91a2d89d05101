"""The lists that a sync reads, in their order, and how their items become rows of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from db.repositories.ledger import (
    BalanceTransactionRow,
    ChargeRow,
    CustomerRow,
    DisputeRow,
    LedgerRow,
    RefundRow,
)
from integrations.stripe.resources import (
    BALANCE_TRANSACTIONS,
    CHARGES,
    CUSTOMERS,
    DISPUTES,
    REFUNDS,
    BalanceTransaction,
    Charge,
    Customer,
    Dispute,
    PaymentMethodDetails,
    Refund,
    Resource,
    StripeObject,
)

T = TypeVar("T", bound=StripeObject)
_NO_DETAILS = PaymentMethodDetails()


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """One list; `to_row` takes an item and the page's server time (UTC seconds).

    `whole` lists are read from end to end by every sync, because their items change for months;
    of the others later syncs read only what was created lately. `weight` is the list's share of
    a first sync's work, in percent.
    """

    resource: Resource[T]
    to_row: Callable[[T, int], LedgerRow]
    whole: bool
    weight: int

    @property
    def name(self) -> str:
        """The list's name in Stripe's API, in cursors and in counts."""
        return self.resource.name


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _charge_row(charge: Charge, server_time: int) -> ChargeRow:
    details = charge.payment_method_details or _NO_DETAILS
    return ChargeRow(
        stripe_id=charge.id,
        created_at=_instant(charge.created),
        source_time=server_time,
        amount=charge.amount,
        amount_captured=charge.amount_captured,
        amount_refunded=charge.amount_refunded,
        currency=charge.currency,
        status=charge.status,
        disputed=charge.disputed,
        customer_id=charge.customer,
        balance_transaction_id=charge.balance_transaction,
        failure_code=charge.failure_code,
        payment_method_type=details.type,
        card_brand=details.card.brand if details.card else None,
    )


def _refund_row(refund: Refund, server_time: int) -> RefundRow:
    return RefundRow(
        stripe_id=refund.id,
        created_at=_instant(refund.created),
        source_time=server_time,
        amount=refund.amount,
        currency=refund.currency,
        status=refund.status,
        reason=refund.reason,
        charge_id=refund.charge,
    )


def _dispute_row(dispute: Dispute, server_time: int) -> DisputeRow:
    due_by = dispute.evidence_details.due_by if dispute.evidence_details else None
    return DisputeRow(
        stripe_id=dispute.id,
        created_at=_instant(dispute.created),
        source_time=server_time,
        amount=dispute.amount,
        currency=dispute.currency,
        status=dispute.status,
        reason=dispute.reason,
        charge_id=dispute.charge,
        evidence_due_by=None if due_by is None else _instant(due_by),
    )


def _balance_transaction_row(line: BalanceTransaction, server_time: int) -> BalanceTransactionRow:
    return BalanceTransactionRow(
        stripe_id=line.id,
        created_at=_instant(line.created),
        source_time=server_time,
        amount=line.amount,
        fee=line.fee,
        net=line.net,
        currency=line.currency,
        type=line.type,
        reporting_category=line.reporting_category,
        exchange_rate=line.exchange_rate,
        source_id=line.source,
        available_on=_instant(line.available_on),
    )


def _customer_row(customer: Customer, server_time: int) -> CustomerRow:
    return CustomerRow(
        stripe_id=customer.id,
        created_at=_instant(customer.created),
        source_time=server_time,
        currency=customer.currency,
    )


FEEDS: tuple[Feed[Any], ...] = (
    Feed(BALANCE_TRANSACTIONS, _balance_transaction_row, whole=False, weight=38),
    Feed(CHARGES, _charge_row, whole=False, weight=38),
    Feed(REFUNDS, _refund_row, whole=True, weight=8),
    Feed(DISPUTES, _dispute_row, whole=True, weight=2),
    Feed(CUSTOMERS, _customer_row, whole=False, weight=14),
)
