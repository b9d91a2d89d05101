"""Roll-ups: the ledger summed by local day and month, and which days have changed since."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import Model, Str20, Str50


class LedgerChange(Model):
    """A mark: rows of the ledger that were made on this UTC day have been written.

    Marks are only ever added, each by the transaction that writes the rows, and deleted by the
    rebuild that has seen them.
    """

    __tablename__ = "ledger_changes"
    __table_args__ = (Index(None, "business_id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    day: Mapped[date]
    kind: Mapped[Str50]


class MetricRollup(Model):
    """How a business's roll-ups were made; without a row, or with other values, they are not."""

    __tablename__ = "metric_rollups"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    time_zone: Mapped[str] = mapped_column(String(64))
    version: Mapped[Str20]
    first_built_at: Mapped[datetime]


class DailyMetrics(Model):
    """The ledger of one local day in one currency, in minor units."""

    __tablename__ = "daily_metrics"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    charge_count: Mapped[int] = mapped_column(BigInteger)
    attempt_count: Mapped[int] = mapped_column(BigInteger)
    failed_count: Mapped[int] = mapped_column(BigInteger)
    refund_minor: Mapped[int] = mapped_column(BigInteger)
    refund_count: Mapped[int] = mapped_column(BigInteger)
    dispute_count: Mapped[int] = mapped_column(BigInteger)
    dispute_minor: Mapped[int] = mapped_column(BigInteger)
    disputed_count: Mapped[int] = mapped_column(BigInteger)
    line_count: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    net_minor: Mapped[int] = mapped_column(BigInteger)
    paid_payouts: Mapped[int] = mapped_column(BigInteger)
    failed_payouts: Mapped[int] = mapped_column(BigInteger)
    warning_count: Mapped[int] = mapped_column(BigInteger)
    new_customers: Mapped[int] = mapped_column(BigInteger)


class MonthlyCustomers(Model):
    """How a local month's charges in one currency spread over customers, in minor units."""

    __tablename__ = "monthly_customers"

    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    active_customers: Mapped[int] = mapped_column(BigInteger)
    largest_minor: Mapped[int] = mapped_column(BigInteger)
    unattributed_minor: Mapped[int] = mapped_column(BigInteger)
    # The sum of squares: it may have twice the digits of an amount.
    squares_minor: Mapped[Decimal] = mapped_column(Numeric(38, 0))
