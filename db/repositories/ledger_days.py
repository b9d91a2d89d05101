"""The ledger, summed by local day: one statement for each table, merged by currency and day.

What counts, and by which date, is said in `db.repositories.facts`. Charges and lines of the balance
are read day by day through their index: looking up the time zone for each row of them would take
longer than reading it (measured for a million charges: 1.6 s, not 2.3). Of other tables few rows
count, so each is grouped by its own local day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Label,
    RowMapping,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from db.models import (
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerEarlyFraudWarning,
    LedgerPaymentIntent,
    LedgerPayout,
    LedgerRefund,
)
from db.models.ledger import LedgerRow
from db.session import Session
from domain.metrics import NO_CURRENCY, DayFacts
from domain.periods import day_begins, local_date

NET_CATEGORIES = (
    "charge",
    "partial_capture_reversal",
    "refund",
    "refund_failure",
    "dispute",
    "dispute_reversal",
)
DayKey = tuple[str, date]


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Days of a time zone, with the instants at which each begins and ends."""

    days: list[date]
    starts: list[datetime]
    ends: list[datetime]

    @classmethod
    def between(cls, start: datetime, end: datetime, zone: ZoneInfo) -> LocalDays:
        """Return the days of the instants [start, end), the first and last cut to them."""
        days: list[date] = []
        day = local_date(start, zone)
        while day_begins(day, zone) < end:
            days.append(day)
            day += timedelta(days=1)
        begins = [max(day_begins(day, zone), start) for day in days]
        return cls(days, begins, [*begins[1:], end] if days else [])


_INSTANT = DateTime(timezone=True)
_BUSINESS = bindparam("business_id", type_=Uuid())
_ZONE = bindparam("zone", type_=String())


def _by_own_day(
    table: type[LedgerRow],
    *sums: Label[Any],
    where: ColumnElement[bool] | None = None,
    currency: ColumnElement[str] | None = None,
) -> Select[Any]:
    """Return the statement that groups a table's rows by currency and their local day."""
    day = cast(func.timezone(_ZONE, table.created_at), Date).label("day")
    code = getattr(table, "currency") if currency is None else currency  # noqa: B009
    query = select(code.label("currency"), day, *sums).where(
        table.business_id == _BUSINESS,
        table.created_at >= bindparam("start", type_=_INSTANT),
        table.created_at < bindparam("end", type_=_INSTANT),
    )
    return (query if where is None else query.where(where)).group_by(text("1"), text("2"))


def _day_by_day(
    table: type[LedgerCharge | LedgerBalanceTransaction], *sums: Label[Any]
) -> Select[Any]:
    """Return the statement that sums a table's rows by currency, one day after the other."""
    days = (
        func.unnest(
            bindparam("days", type_=ARRAY(Date())),
            bindparam("starts", type_=ARRAY(_INSTANT)),
            bindparam("ends", type_=ARRAY(_INSTANT)),
        )
        .table_valued(column("day", Date()), column("begins", _INSTANT), column("ends", _INSTANT))
        .render_derived("days")
    )
    of_day = (
        select(table.currency, *sums)
        .where(
            table.business_id == _BUSINESS,
            table.created_at >= days.c.begins,
            table.created_at < days.c.ends,
        )
        .group_by(table.currency)
        .lateral("of_day")
    )
    return select(days.c.day, *of_day.c).select_from(days.join(of_day, true()))


def _sum(column: InstrumentedAttribute[int], name: str, *only: ColumnElement[bool]) -> Label[Any]:
    total = func.sum(column).filter(*only) if only else func.sum(column)
    return cast(func.coalesce(total, 0), BigInteger).label(name)


def _count(name: str, *only: ColumnElement[bool]) -> Label[Any]:
    return (func.count().filter(*only) if only else func.count()).label(name)


_SUCCEEDED = LedgerCharge.status == "succeeded"
_NONE = literal(NO_CURRENCY, String())
STATEMENTS: Sequence[Select[Any]] = (
    _day_by_day(
        LedgerCharge,
        _sum(LedgerCharge.amount_captured, "gross_minor", _SUCCEEDED),
        _count("charge_count", _SUCCEEDED, LedgerCharge.amount_captured > 0),
        _count("attempt_count", LedgerCharge.status != "pending"),
        _count(
            "lone_failures",
            LedgerCharge.status == "failed",
            LedgerCharge.payment_intent_id.is_(None),
        ),
    ),
    _by_own_day(
        LedgerPaymentIntent,
        _count("failed_count"),
        where=and_(
            LedgerPaymentIntent.status.in_(["requires_payment_method", "canceled"]),
            LedgerPaymentIntent.error_code.is_not(None),
        ),
    ),
    _by_own_day(
        LedgerRefund,
        _sum(LedgerRefund.amount, "refund_minor"),
        _count("refund_count"),
        where=or_(LedgerRefund.status.in_(["succeeded", "pending"]), LedgerRefund.status.is_(None)),
    ),
    _by_own_day(
        LedgerDispute,
        _sum(LedgerDispute.amount, "dispute_minor"),
        _count("dispute_count"),
        where=and_(LedgerDispute.status.not_like("warning%"), LedgerDispute.status != "prevented"),
    ),
    _day_by_day(
        LedgerBalanceTransaction,
        _count("line_count"),
        _sum(LedgerBalanceTransaction.fee, "fee_minor"),
        _sum(
            LedgerBalanceTransaction.amount,
            "net_minor",
            LedgerBalanceTransaction.reporting_category.in_(NET_CATEGORIES),
        ),
    ),
    _by_own_day(
        LedgerPayout,
        _count("paid_payouts", LedgerPayout.status == "paid"),
        _count("failed_payouts", LedgerPayout.status == "failed"),
    ),
    _by_own_day(LedgerEarlyFraudWarning, _count("warning_count"), currency=_NONE),
    _by_own_day(LedgerCustomer, _count("new_customers"), currency=_NONE),
)
_EXTENTS = tuple(
    select(func.min(table.created_at), func.max(table.created_at)).where(
        table.business_id == _BUSINESS
    )
    for table in (LedgerCharge, LedgerBalanceTransaction)
)
# A window, not a join to the next attempt: a ledger just filled has no statistics yet, and without
# them the planner takes a nested loop over all pairs (measured: 31 s for 70,000 charges, not 0.3).
LONE_FAILURES = text("""
    WITH attempts AS (
        SELECT created_at, currency, status, customer_id,
               lead(created_at) OVER (
                   PARTITION BY customer_id, amount, currency
                   ORDER BY created_at, status = 'succeeded', stripe_id
               ) AS next_at
        FROM ledger_charges
        WHERE business_id = :business_id AND payment_intent_id IS NULL
          AND created_at >= :start AND created_at < CAST(:end AS timestamptz) + INTERVAL '8 days'
    )
    SELECT currency, CAST(created_at AT TIME ZONE :zone AS date) AS day, count(*) AS failed_count
    FROM attempts
    WHERE status = 'failed' AND created_at < :end
      AND (customer_id IS NULL OR next_at IS NULL OR next_at > created_at + INTERVAL '7 days')
    GROUP BY 1, 2
""")


async def sum_days(
    session: Session, parameters: Mapping[str, Any], days: LocalDays
) -> dict[DayKey, DayFacts]:
    """Return the facts of every local day on which anything happened, by currency and day.

    `parameters` are `business_id`, the instants `start` and `end`, and the name of the `zone`;
    `days` are all days from the one instant to the other.
    """
    bound = {**parameters, "days": days.days, "starts": days.starts, "ends": days.ends}
    found: dict[DayKey, dict[str, int]] = {}
    for statement in STATEMENTS:
        _add(found, (await session.execute(statement, bound)).mappings().all())
    lone = [facts.pop("lone_failures", 0) for facts in found.values()]
    if any(lone):
        _add(found, (await session.execute(LONE_FAILURES, parameters)).mappings().all())
    return {
        (currency, day): DayFacts(day=day, **facts)
        for (currency, day), facts in sorted(found.items())
        if any(facts.values())
    }


async def find_extent(session: Session, business_id: UUID) -> tuple[datetime, datetime] | None:
    """Return when the earliest and the latest of the rows that are read day by day were made."""
    moments: list[datetime] = []
    for statement in _EXTENTS:
        found = (await session.execute(statement, {"business_id": business_id})).one()
        moments += [moment for moment in found if moment is not None]
    return (min(moments), max(moments)) if moments else None


def _add(found: dict[DayKey, dict[str, int]], rows: Sequence[RowMapping]) -> None:
    for row in rows:
        facts = found.setdefault((row["currency"], row["day"]), {})
        for name, value in row.items():
            if name not in ("currency", "day"):
                facts[name] = facts.get(name, 0) + (value or 0)
