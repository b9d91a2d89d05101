"""Daily facts, read from the Stripe ledger in the business's time zone.

What counts, and by which date (every amount in its own currency, never converted or added up):

- charges: `succeeded` ones that captured money, by charge date. The captured amount counts, so
  an authorization that was never captured is neither a sale nor a payment.
- failures: `failed` charges that nobody tried again. The ledger has no payment intents, so an
  attempt of the same customer over the same amount within seven days is taken for the next try.
- refunds: by refund date, from the moment the money leaves the balance: `succeeded`, `pending`,
  and old ones without a status. Failed and cancelled refunds gave nothing back.
- disputes: by the date they were opened; inquiries (`warning_*`) and prevented ones are none
  (docs.stripe.com/disputes/measuring).
- fees and net: by ledger date, in the currency of settlement. Net takes the categories that
  change what was earned (docs.stripe.com/reports/reporting-categories) and is before fees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.types import BigInteger

from db.models import LedgerBalanceTransaction, LedgerCharge
from db.session import Session
from domain.access import Access
from domain.metrics import DayFacts
from domain.periods import Month

NET_CATEGORIES = (
    "charge",
    "partial_capture_reversal",
    "refund",
    "refund_failure",
    "dispute",
    "dispute_reversal",
)


@dataclass(frozen=True, slots=True)
class Window:
    """The instants [start, end) and the time zone that gives them their days."""

    start: datetime
    end: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class CurrencyFacts:
    """What the whole ledger holds in one currency of charge; amounts in minor units."""

    currency: str
    gross_minor: int
    charge_count: int
    first_charge_at: datetime
    last_charge_at: datetime


@dataclass(frozen=True, slots=True)
class CurrencyDay:
    """The facts of one local day in one currency."""

    currency: str
    facts: DayFacts


@dataclass(frozen=True, slots=True)
class CustomerShares:
    """How charges less refunds of a window spread over customers, in minor units.

    `unattributed_minor` was paid by guests, whom nothing groups; `customer_count` is without them.
    """

    total_minor: int
    largest_minor: int
    unattributed_minor: int
    customer_count: int


async def list_currencies(session: Session, access: Access) -> list[CurrencyFacts]:
    """List the currencies in which charges succeeded, by code."""
    query = (
        select(
            LedgerCharge.currency,
            func.sum(LedgerCharge.amount_captured, type_=BigInteger),
            func.count(),
            func.min(LedgerCharge.created_at),
            func.max(LedgerCharge.created_at),
        )
        .where(
            LedgerCharge.business_id == access.business_id,
            LedgerCharge.status == "succeeded",
            LedgerCharge.amount_captured > 0,
        )
        .group_by(LedgerCharge.currency)
        .order_by(LedgerCharge.currency)
    )
    rows = (await session.execute(query)).all()
    return [CurrencyFacts(*row) for row in rows]


async def find_first_charge_at(session: Session, access: Access) -> datetime | None:
    """Return when the first charge that captured money was made, or None."""
    query = (
        select(LedgerCharge.created_at)
        .where(
            LedgerCharge.business_id == access.business_id,
            LedgerCharge.status == "succeeded",
            LedgerCharge.amount_captured > 0,
        )
        .order_by(LedgerCharge.created_at)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_settlement_currencies(session: Session, access: Access) -> frozenset[str]:
    """List the currencies of the Stripe balance; empty if it was never read."""
    query = (
        select(LedgerBalanceTransaction.currency)
        .where(LedgerBalanceTransaction.business_id == access.business_id)
        .distinct()
    )
    return frozenset((await session.execute(query)).scalars())


# A window, not a join to the next attempt: a ledger just filled has no statistics yet, and without
# them the planner takes a nested loop over all pairs (measured: 31 s for 70,000 charges, not 0.3).
_DAYS = text("""
    WITH attempts AS (
        SELECT created_at, currency, status, customer_id,
               lead(created_at) OVER (
                   PARTITION BY customer_id, amount, currency
                   ORDER BY created_at, status = 'succeeded', stripe_id
               ) AS next_at
        FROM ledger_charges
        WHERE business_id = :business_id AND created_at >= :start
    ), lines AS (
        SELECT created_at, currency,
               amount_captured AS gross, 1 AS charges, 0 AS failed, 0 AS refund, 0 AS refunds,
               0 AS dispute, 0 AS disputes, 0 AS fee, 0 AS net
        FROM ledger_charges
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND status = 'succeeded' AND amount_captured > 0
        UNION ALL
        SELECT created_at, currency, 0, 0, 1, 0, 0, 0, 0, 0, 0
        FROM attempts
        WHERE status = 'failed' AND created_at < :end
          AND (customer_id IS NULL OR next_at IS NULL
               OR next_at > created_at + INTERVAL '7 days')
        UNION ALL
        SELECT created_at, currency, 0, 0, 0, amount, 1, 0, 0, 0, 0
        FROM ledger_refunds
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND coalesce(status, 'succeeded') IN ('succeeded', 'pending')
        UNION ALL
        SELECT created_at, currency, 0, 0, 0, 0, 0, amount, 1, 0, 0
        FROM ledger_disputes
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND status NOT LIKE 'warning%' AND status <> 'prevented'
        UNION ALL
        SELECT created_at, currency, 0, 0, 0, 0, 0, 0, 0, fee,
               CASE WHEN reporting_category IN :net_categories THEN amount ELSE 0 END
        FROM ledger_balance_transactions
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
    )
    SELECT currency, CAST(created_at AT TIME ZONE :zone AS date) AS day,
           CAST(sum(gross) AS bigint) AS gross, sum(charges) AS charges, sum(failed) AS failed,
           CAST(sum(refund) AS bigint) AS refund, sum(refunds) AS refunds,
           sum(disputes) AS disputes, CAST(sum(dispute) AS bigint) AS dispute,
           CAST(sum(fee) AS bigint) AS fee, CAST(sum(net) AS bigint) AS net
    FROM lines
    GROUP BY 1, 2
    ORDER BY 1, 2
""").bindparams(bindparam("net_categories", expanding=True))


async def list_days(session: Session, access: Access, window: Window) -> list[CurrencyDay]:
    """List the facts of every local day of the window on which anything happened."""
    parameters = {**_parameters(access, window), "net_categories": NET_CATEGORIES}
    rows = (await session.execute(_DAYS, parameters)).all()
    return [
        CurrencyDay(
            row.currency,
            DayFacts(
                day=row.day,
                gross_minor=row.gross,
                charge_count=row.charges,
                failed_count=row.failed,
                refund_minor=row.refund,
                refund_count=row.refunds,
                dispute_count=row.disputes,
                dispute_minor=row.dispute,
                fee_minor=row.fee,
                net_minor=row.net,
            ),
        )
        for row in rows
    ]


_ACTIVE_CUSTOMERS = text("""
    SELECT CAST(date_trunc('month', created_at AT TIME ZONE :zone) AS date) AS month,
           count(DISTINCT customer_id) AS customers
    FROM ledger_charges
    WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
      AND currency = :currency AND status = 'succeeded' AND amount_captured > 0
    GROUP BY 1
""")


async def count_active_customers(
    session: Session, access: Access, window: Window, *, currency: str
) -> dict[Month, int]:
    """Count the different customers who paid in each month; guests are not counted."""
    parameters = {**_parameters(access, window), "currency": currency}
    rows = (await session.execute(_ACTIVE_CUSTOMERS, parameters)).all()
    return {Month.of(row.month): row.customers for row in rows}


_CUSTOMER_SHARES = text("""
    WITH lines AS (
        SELECT customer_id, amount_captured AS amount, 1 AS charges
        FROM ledger_charges
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND currency = :currency AND status = 'succeeded' AND amount_captured > 0
        UNION ALL
        SELECT charge.customer_id, -refund.amount, 0
        FROM ledger_refunds AS refund
        JOIN ledger_charges AS charge
          ON charge.business_id = refund.business_id AND charge.stripe_id = refund.charge_id
        WHERE refund.business_id = :business_id
          AND refund.created_at >= :start AND refund.created_at < :end
          AND refund.currency = :currency
          AND coalesce(refund.status, 'succeeded') IN ('succeeded', 'pending')
    ), customers AS (
        SELECT customer_id, sum(amount) AS net, sum(charges) AS charges
        FROM lines
        GROUP BY customer_id
    )
    SELECT CAST(coalesce(sum(net), 0) AS bigint) AS total,
           CAST(coalesce(max(net) FILTER (WHERE customer_id IS NOT NULL), 0) AS bigint) AS largest,
           CAST(coalesce(sum(net) FILTER (WHERE customer_id IS NULL), 0) AS bigint) AS guests,
           count(*) FILTER (WHERE customer_id IS NOT NULL AND charges > 0) AS customers
    FROM customers
""")


async def get_customer_shares(
    session: Session, access: Access, window: Window, *, currency: str
) -> CustomerShares:
    """Return how the window's charges less refunds spread over customers."""
    parameters = {**_parameters(access, window), "currency": currency}
    row = (await session.execute(_CUSTOMER_SHARES, parameters)).one()
    return CustomerShares(row.total, row.largest, row.guests, row.customers)


def _parameters(access: Access, window: Window) -> dict[str, object]:
    return {
        "business_id": access.business_id,
        "start": window.start,
        "end": window.end,
        "zone": window.zone.key,
    }
