"""Daily facts, read from the Stripe ledger in the business's time zone.

What counts, and by which date (every amount in its own currency, never converted or added up):

- charges: `succeeded` ones that captured money, by charge date. The captured amount counts, so
  an authorization that was never captured is neither a sale nor a payment.
- attempts: charges that succeeded or failed, by charge date.
- failures: payments whose last state is a failure: payment intents that were tried, failed, and now
  wait for another way to pay or were canceled, by the date they began. A charge without an intent
  counts by itself if it failed and nobody tried again: an attempt of the same customer over the
  same amount within seven days is taken for the next try.
- refunds: by refund date, from the moment the money leaves the balance: `succeeded`, `pending`,
  and old ones without a status. Failed and cancelled refunds gave nothing back.
- disputes: by the date they were opened; inquiries (`warning_*`) and prevented ones are none
  (docs.stripe.com/disputes/measuring).
- fees and net: by ledger date, in the currency of settlement. Net takes the categories that
  change what was earned (docs.stripe.com/reports/reporting-categories) and is before fees.
- payouts, early fraud warnings, new customers: by the date that Stripe made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Date, String, bindparam, cast, func, select, text

from db.models import LedgerCharge, LedgerPayout
from db.models.ledger import UNRECONCILED
from db.repositories.ledger_days import LocalDays, find_extent, sum_days
from db.session import Session
from domain.access import Access
from domain.metrics import CustomerSpread, DayFacts
from domain.periods import Month, month_bounds

# A nightly reconciliation reads 40 payouts, the newest first: a new one is dealt with by then.
RECONCILED_WITHIN = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Window:
    """The instants [start, end) and the time zone that gives them their days."""

    start: datetime
    end: datetime
    zone: ZoneInfo


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


async def find_last_charge_at(session: Session, access: Access) -> datetime | None:
    """Return when the last charge that captured money was made, or None."""
    query = (
        select(LedgerCharge.created_at)
        .where(
            LedgerCharge.business_id == access.business_id,
            LedgerCharge.status == "succeeded",
            LedgerCharge.amount_captured > 0,
        )
        .order_by(LedgerCharge.created_at.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_unreconciled(
    session: Session, access: Access, zone: ZoneInfo, *, now: datetime
) -> dict[Month, int]:
    """Count the automatic payouts whose lines were never found to add up, by month of arrival.

    Those that arrived less than RECONCILED_WITHIN ago may still be looked at.
    """
    local = func.timezone(bindparam("zone", zone.key, String()), LedgerPayout.arrival_at)
    month = cast(func.date_trunc("month", local), Date)
    query = (
        select(month, func.count())
        .where(
            LedgerPayout.business_id == access.business_id,
            LedgerPayout.arrival_at < now - RECONCILED_WITHIN,
            text(UNRECONCILED),
        )
        .group_by(text("1"))
    )
    return {Month.of(day): count for day, count in (await session.execute(query)).all()}


async def list_days(session: Session, access: Access, window: Window) -> list[CurrencyDay]:
    """List the facts of every local day of the window on which anything happened."""
    extent = await find_extent(session, access.business_id)
    first, last = extent or (window.start, window.start)
    start, end = max(window.start, first), min(window.end, last + timedelta(seconds=1))
    within = LocalDays.between(start, end, window.zone)
    days = await sum_days(session, _parameters(access, window), within)
    return [CurrencyDay(currency, facts) for (currency, _), facts in days.items()]


# Month by month, so that the customers of one fit into memory; counting distinct names over all
# months would sort every charge.
_CUSTOMER_MONTHS = text("""
    SELECT months.month, spread.*
    FROM unnest(CAST(:months AS date[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS months(month, begins, ends)
    CROSS JOIN LATERAL (
        SELECT currency, count(customer_id) AS active,
               coalesce(max(paid) FILTER (WHERE customer_id IS NOT NULL), 0) AS largest,
               coalesce(sum(paid) FILTER (WHERE customer_id IS NULL), 0) AS guests,
               coalesce(sum(paid * paid) FILTER (WHERE customer_id IS NOT NULL), 0) AS squares
        FROM (
            SELECT currency, customer_id, sum(amount_captured) AS paid
            FROM ledger_charges
            WHERE business_id = :business_id
              AND created_at >= months.begins AND created_at < months.ends
              AND status = 'succeeded' AND amount_captured > 0
            GROUP BY 1, 2
        ) AS customers
        GROUP BY 1
    ) AS spread
    ORDER BY spread.currency, months.month
""")


async def list_customer_months(
    session: Session, access: Access, months: Sequence[Month], zone: ZoneInfo
) -> dict[tuple[str, Month], CustomerSpread]:
    """Return how the charges of local months spread over customers, by currency and month."""
    bounds = [month_bounds(month, zone) for month in months]
    parameters = {
        "business_id": access.business_id,
        "months": [month.first_day for month in months],
        "starts": [start for start, _ in bounds],
        "ends": [end for _, end in bounds],
    }
    rows = (await session.execute(_CUSTOMER_MONTHS, parameters)).all()
    return {
        (row.currency, Month.of(row.month)): CustomerSpread(
            row.active, int(row.largest), int(row.guests), int(row.squares)
        )
        for row in rows
    }


# The charge is looked up row by row: disputes are few, and a join might read every charge.
_DISPUTED = text("""
    WITH disputed AS MATERIALIZED (
        SELECT currency,
               (SELECT charge.created_at FROM ledger_charges AS charge
                WHERE charge.business_id = dispute.business_id
                  AND charge.stripe_id = dispute.charge_id) AS charged_at
        FROM ledger_disputes AS dispute
        WHERE business_id = :business_id AND created_at >= :start AND created_at < :end
          AND status NOT LIKE 'warning%' AND status <> 'prevented'
    )
    SELECT currency, CAST(charged_at AT TIME ZONE :zone AS date) AS day, count(*) AS disputes
    FROM disputed
    WHERE charged_at IS NOT NULL
    GROUP BY 1, 2
""")


async def count_disputed(
    session: Session, access: Access, window: Window
) -> dict[tuple[str, date], int]:
    """Count the disputes that were opened in the window by currency and local day of the charge."""
    rows = (await session.execute(_DISPUTED, _parameters(access, window))).all()
    return {(row.currency, row.day): row.disputes for row in rows}


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
