"""Reconciliation: which lines of the balance a payout was made of, and whether they add up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, func, or_, select, text, update

from db.models import LedgerBalanceTransaction, LedgerPayout
from db.models.ledger import UNRECONCILED
from db.repositories.ledger import LedgerOwner
from db.session import Session

# Stripe holds reserves for up to 180 days (docs.stripe.com/connect/account-balances).
LONGEST_PENDING = timedelta(days=180)


class PayoutToReconcile(NamedTuple):
    """A paid automatic payout; `amount` in minor units, `balance_transaction_id` is its own line.

    Stripe pays it out, so the own line is negative and none of the lines that it is made of.
    """

    stripe_id: str
    amount: int
    currency: str
    balance_transaction_id: str | None
    arrival_at: datetime


async def list_unreconciled(
    session: Session, owner: LedgerOwner, *, since: datetime, limit: int
) -> Sequence[PayoutToReconcile]:
    """List payouts that arrived since then and were never found to add up, the newest first."""
    query = (
        select(
            LedgerPayout.stripe_id,
            LedgerPayout.amount,
            LedgerPayout.currency,
            LedgerPayout.balance_transaction_id,
            LedgerPayout.arrival_at,
        )
        .where(
            LedgerPayout.business_id == owner.business_id,
            LedgerPayout.arrival_at >= since,
            text(UNRECONCILED),
        )
        .order_by(LedgerPayout.arrival_at.desc(), LedgerPayout.stripe_id)
        .limit(limit)
    )
    return [PayoutToReconcile(*row) for row in (await session.execute(query)).all()]


async def list_missing_lines(
    session: Session, owner: LedgerOwner, line_ids: Collection[str]
) -> set[str]:
    """Return which of the lines the ledger does not hold."""
    query = select(LedgerBalanceTransaction.stripe_id).where(
        LedgerBalanceTransaction.business_id == owner.business_id,
        LedgerBalanceTransaction.stripe_id.in_(line_ids),
    )
    return set(line_ids) - set((await session.execute(query)).scalars())


async def assign_lines(
    session: Session, owner: LedgerOwner, payout_id: str, line_ids: Collection[str]
) -> None:
    """Note that the ledger's lines of these ids belong to a payout; no upsert changes that."""
    own = (
        LedgerBalanceTransaction.business_id == owner.business_id,
        LedgerBalanceTransaction.stripe_id.in_(line_ids),
        or_(
            LedgerBalanceTransaction.payout_id.is_(None),
            LedgerBalanceTransaction.payout_id != payout_id,
        ),
    )
    # Locked in the order in which an upsert locks them.
    locked = (
        select(LedgerBalanceTransaction.stripe_id)
        .where(*own)
        .order_by(LedgerBalanceTransaction.stripe_id.collate("C"))
        .with_for_update()
    )
    found = (await session.execute(locked)).scalars().all()
    await session.execute(
        update(LedgerBalanceTransaction)
        .where(
            LedgerBalanceTransaction.business_id == owner.business_id,
            LedgerBalanceTransaction.stripe_id.in_(found),
        )
        .values(payout_id=payout_id)
    )


async def net_of_lines(session: Session, owner: LedgerOwner, payout: PayoutToReconcile) -> int:
    """Add up the net of the payout's lines, without its own; 0 if it has none. Minor units."""
    line = LedgerBalanceTransaction
    query = select(func.coalesce(func.sum(line.net, type_=BigInteger), 0)).where(
        line.business_id == owner.business_id,
        line.payout_id == payout.stripe_id,
        line.stripe_id.is_distinct_from(payout.balance_transaction_id),
    )
    return int((await session.execute(query)).scalar_one())


async def mark_reconciled(
    session: Session, owner: LedgerOwner, payout_id: str, now: datetime
) -> None:
    """Note that the payout's lines add up to it; no upsert changes that."""
    await session.execute(
        update(LedgerPayout)
        .where(LedgerPayout.business_id == owner.business_id, LedgerPayout.stripe_id == payout_id)
        .values(reconciled_at=now)
    )


async def find_oldest_line_due(
    session: Session, owner: LedgerOwner, *, at: datetime
) -> datetime | None:
    """Return when the oldest line was made that must have become available by then; or None.

    It is stored as pending: no event tells that a line becomes available.
    """
    line = LedgerBalanceTransaction
    query = select(func.min(line.created_at)).where(
        line.business_id == owner.business_id,
        line.created_at >= at - LONGEST_PENDING,
        line.status == "pending",
        line.available_on <= at,
    )
    return (await session.execute(query)).scalar_one()
