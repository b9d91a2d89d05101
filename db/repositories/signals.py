"""What the rules of advice look at beside the score, read from the Stripe ledger.

Counts only, of every currency; the one query over amounts takes one currency. Windows are instants
[start, end) of a business's local days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import and_, exists, func, or_, select, text

from db.models import (
    LedgerCharge,
    LedgerDispute,
    LedgerEarlyFraudWarning,
    LedgerPayout,
)
from db.session import Session
from domain.access import Access


@dataclass(frozen=True, slots=True)
class Span:
    """The instants [start, end)."""

    start: datetime
    end: datetime


class DisputeGroup(NamedTuple):
    """Disputes of one reason and status, as many as were `opened`.

    `told` are those of which Stripe tells whether evidence was submitted, `answered` those of them
    for which it was. `due_at` is the earliest time by which evidence is due, not before now.
    """

    reason: str | None
    status: str
    opened: int
    told: int
    answered: int
    waiting: int
    due_at: datetime | None


async def group_disputes(
    session: Session, access: Access, span: Span, *, now: datetime
) -> list[DisputeGroup]:
    """Count the disputes opened in the span, without inquiries and prevented ones."""
    is_waiting = and_(
        LedgerDispute.status == "needs_response",
        or_(LedgerDispute.evidence_due_by.is_(None), LedgerDispute.evidence_due_by > now),
    )
    query = (
        select(
            LedgerDispute.reason,
            LedgerDispute.status,
            func.count(),
            func.count(LedgerDispute.submission_count),
            func.count().filter(LedgerDispute.submission_count > 0),
            func.count().filter(is_waiting),
            func.min(LedgerDispute.evidence_due_by).filter(is_waiting),
        )
        .where(
            LedgerDispute.business_id == access.business_id,
            LedgerDispute.created_at >= span.start,
            LedgerDispute.created_at < span.end,
            LedgerDispute.status.not_like("warning%"),
            LedgerDispute.status != "prevented",
        )
        .group_by(LedgerDispute.reason, LedgerDispute.status)
    )
    return [DisputeGroup(*row) for row in (await session.execute(query)).all()]


async def count_actionable_warnings(session: Session, access: Access, span: Span) -> int:
    """Count the span's early fraud warnings on charges neither refunded in full nor disputed."""
    warning, charge = LedgerEarlyFraudWarning, LedgerCharge
    disputed = exists().where(
        LedgerDispute.business_id == warning.business_id,
        LedgerDispute.charge_id == warning.charge_id,
    )
    query = (
        select(func.count())
        .select_from(warning)
        .join(
            charge,
            and_(charge.business_id == warning.business_id, charge.stripe_id == warning.charge_id),
        )
        .where(
            warning.business_id == access.business_id,
            warning.created_at >= span.start,
            warning.created_at < span.end,
            warning.actionable,
            charge.amount_refunded < charge.amount_captured,
            ~charge.disputed,
            ~disputed,
        )
    )
    return int((await session.execute(query)).scalar_one())


async def count_declines(session: Session, access: Access, span: Span) -> dict[str, int]:
    """Count the span's failed charges by the issuer's reason, else by Stripe's failure code."""
    code = func.coalesce(LedgerCharge.outcome_reason, LedgerCharge.failure_code, "unknown")
    query = (
        select(code, func.count())
        .where(
            LedgerCharge.business_id == access.business_id,
            LedgerCharge.created_at >= span.start,
            LedgerCharge.created_at < span.end,
            LedgerCharge.status == "failed",
        )
        .group_by(code)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


class CollectedInvoices(NamedTuple):
    """Invoices of subscriptions that Stripe tried to collect, and those not paid in time."""

    attempted: int
    failed: int


_SUBSCRIPTION_INVOICES = text("""
    SELECT count(*) AS attempted,
           count(*) FILTER (
               WHERE status <> 'paid' OR paid_at > finalized_at + INTERVAL '7 days'
           ) AS failed
    FROM ledger_invoices
    WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
      AND subscription_id IS NOT NULL AND amount_due > 0 AND attempt_count > 0
      AND coalesce(collection_method, 'charge_automatically') = 'charge_automatically'
      AND (status = 'paid' OR finalized_at <= CAST(:now AS timestamptz) - INTERVAL '7 days')
""")


async def count_subscription_invoices(
    session: Session, access: Access, span: Span, *, now: datetime
) -> CollectedInvoices:
    """Count the span's subscription invoices that were tried; 7 days are left to pay them."""
    parameters = {
        "business_id": access.business_id,
        "start": span.start,
        "end": span.end,
        "now": now,
    }
    row = (await session.execute(_SUBSCRIPTION_INVOICES, parameters)).one()
    return CollectedInvoices(row.attempted, row.failed)


async def count_failed_payouts(session: Session, access: Access, span: Span) -> int:
    """Count the payouts made in the span that failed."""
    query = select(func.count()).where(
        LedgerPayout.business_id == access.business_id,
        LedgerPayout.created_at >= span.start,
        LedgerPayout.created_at < span.end,
        LedgerPayout.status == "failed",
    )
    return int((await session.execute(query)).scalar_one())


_CONCENTRATION = text("""
    WITH lines AS (
        SELECT customer_id, amount_captured AS amount
        FROM ledger_charges
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND currency = :currency AND status = 'succeeded' AND amount_captured > 0
        UNION ALL
        SELECT charge.customer_id, -refund.amount
        FROM ledger_refunds AS refund
        JOIN ledger_charges AS charge
          ON charge.business_id = refund.business_id AND charge.stripe_id = refund.charge_id
        WHERE refund.business_id = :business_id
          AND refund.created_at >= :start AND refund.created_at < :end
          AND refund.currency = :currency
          AND coalesce(refund.status, 'succeeded') IN ('succeeded', 'pending')
    ), customers AS (
        SELECT customer_id, sum(amount) AS net FROM lines GROUP BY customer_id
    ), sums AS (
        SELECT sum(net) AS total,
               sum(net * net) FILTER (WHERE customer_id IS NOT NULL AND net > 0) AS squares
        FROM customers
    )
    SELECT CASE WHEN total > 0 AND squares IS NOT NULL
                THEN least(round(10000 * squares / (total * total), 2), 10000) END AS hhi
    FROM sums
""")


async def find_concentration(
    session: Session, access: Access, span: Span, *, currency: str
) -> Decimal | None:
    """Return the Herfindahl-Hirschman index of customers in charges less refunds, 0 to 10,000.

    Guests are in the total and in no square, as if each were a small customer. None where nothing
    was earned or no charge has a customer.
    """
    parameters = {
        "business_id": access.business_id,
        "start": span.start,
        "end": span.end,
        "currency": currency,
    }
    found: Decimal | None = (await session.execute(_CONCENTRATION, parameters)).scalar_one()
    return found
