"""What a stored snapshot holds beside its columns, and the way from it to metrics and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import MetricSnapshot
from db.repositories.snapshots import SnapshotValues
from domain.metrics import (
    MetricName,
    MonthMetrics,
    missing_reason,
    ratio_of,
    to_column_ratio,
    total,
)
from domain.money import to_decimal
from domain.periods import Month

# Changes when a metric's meaning changes, so that old and new numbers are never mixed unseen.
DEFINITIONS_VERSION = "metrics-1"
LEDGER_METRICS = frozenset({MetricName.NET_REVENUE, MetricName.FEES})


class OtherCurrency(BaseModel):
    """What was charged in a currency that is not the snapshot's; never added to it."""

    model_config = ConfigDict(frozen=True)

    gross_minor: int
    charge_count: int


class SnapshotMetrics(BaseModel):
    """`financial_metric_snapshots.metrics_json`: the metrics without a column, and their origin.

    `*_minor` are integer minor units of `currency`. `through` is the last local day counted.
    `net_minor` and `fee_minor` are None where the Stripe balance does not tell them, for the
    reason in `ledger_missing_reason`. `data_as_of` is the end of the last sync.
    """

    model_config = ConfigDict(frozen=True)

    definitions_version: str
    currency: str
    time_zone: str
    data_as_of: datetime | None
    month_to_date: bool
    through: date
    revenue_minor: int
    net_minor: int | None
    fee_minor: int | None
    ledger_missing_reason: str | None
    charge_count: int
    failed_count: int
    refund_minor: int
    chargeback_minor: int
    active_customers: int
    average_charge: Decimal | None
    mrr_minor: int | None
    mrr_missing_reason: str | None
    other_currencies: dict[str, OtherCurrency]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the metrics of a rebuild come from."""

    time_zone: str
    data_as_of: datetime | None
    ledger_missing_reason: str | None


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """One stored snapshot as the domain's metrics of its month."""

    snapshot_id: UUID
    metrics: MonthMetrics
    stored: SnapshotMetrics


def to_values(
    metrics: MonthMetrics, origin: Origin, others: Mapping[str, OtherCurrency]
) -> SnapshotValues:
    """Return the row that stores the month."""
    refund_ratio = to_column_ratio(metrics.refund_ratio)
    chargeback_ratio = to_column_ratio(metrics.chargeback_ratio)
    notes = [ratio.note for ratio in (refund_ratio, chargeback_ratio) if ratio.note]
    mrr = metrics.mrr_minor
    return SnapshotValues(
        period_start=metrics.month.first_day,
        period_end=metrics.month.last_day,
        revenue_total=to_decimal(metrics.revenue_minor, metrics.currency),
        revenue_volatility=metrics.revenue_volatility,
        chargeback_count=metrics.chargeback_count,
        chargeback_ratio=chargeback_ratio.value,
        refund_count=metrics.refund_count,
        refund_ratio=refund_ratio.value,
        mrr=None if mrr is None else to_decimal(mrr, metrics.currency),
        metrics_json=_stored(metrics, origin, others, notes).model_dump(mode="json"),
    )


def _stored(
    metrics: MonthMetrics, origin: Origin, others: Mapping[str, OtherCurrency], notes: list[str]
) -> SnapshotMetrics:
    ledger_known = origin.ledger_missing_reason is None
    return SnapshotMetrics(
        definitions_version=DEFINITIONS_VERSION,
        currency=metrics.currency,
        time_zone=origin.time_zone,
        data_as_of=origin.data_as_of,
        month_to_date=metrics.month_to_date,
        through=metrics.through,
        revenue_minor=metrics.revenue_minor,
        net_minor=metrics.net_minor if ledger_known else None,
        fee_minor=metrics.fee_minor if ledger_known else None,
        ledger_missing_reason=origin.ledger_missing_reason,
        charge_count=metrics.charge_count,
        failed_count=metrics.failed_count,
        refund_minor=metrics.refund_minor,
        chargeback_minor=metrics.chargeback_minor,
        active_customers=metrics.active_customers,
        average_charge=metrics.average_charge,
        mrr_minor=metrics.mrr_minor,
        mrr_missing_reason=metrics.mrr_missing_reason,
        other_currencies=dict(others),
        notes=notes,
    )


def from_row(row: MetricSnapshot) -> StoredMonth:
    """Return the month that the row stores.

    Where the balance is not known, net revenue is estimated for the score as charges less refunds
    and disputes; `value_of` never tells that estimate.
    """
    stored = SnapshotMetrics.model_validate(row.metrics_json)
    refunds, chargebacks = row.refund_count or 0, row.chargeback_count or 0
    estimate = stored.revenue_minor - stored.refund_minor - stored.chargeback_minor
    metrics = MonthMetrics(
        month=Month.of(row.period_start),
        currency=stored.currency,
        revenue_minor=stored.revenue_minor,
        charge_count=stored.charge_count,
        failed_count=stored.failed_count,
        refund_minor=stored.refund_minor,
        refund_count=refunds,
        chargeback_count=chargebacks,
        chargeback_minor=stored.chargeback_minor,
        fee_minor=stored.fee_minor or 0,
        net_minor=estimate if stored.net_minor is None else stored.net_minor,
        active_customers=stored.active_customers,
        refund_ratio=ratio_of(refunds, stored.charge_count),
        chargeback_ratio=ratio_of(chargebacks, stored.charge_count),
        revenue_volatility=row.revenue_volatility,
        average_charge=stored.average_charge,
        mrr_minor=stored.mrr_minor,
        month_to_date=stored.month_to_date,
        mrr_missing_reason=stored.mrr_missing_reason,
        through=stored.through,
    )
    return StoredMonth(row.id, metrics, stored)


def value_of(metric: MetricName, months: list[StoredMonth]) -> tuple[Decimal | None, str | None]:
    """Return the metric over the months, and the reason if there is no such number."""
    unknown = [month.stored.ledger_missing_reason for month in months]
    if metric in LEDGER_METRICS and any(unknown):
        return None, next(reason for reason in unknown if reason)
    metrics = [month.metrics for month in months]
    return total(metric, metrics), missing_reason(metric, metrics)
