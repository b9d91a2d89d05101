"""The way from a month's metrics to its stored snapshot, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from db.models import MetricSnapshot, SnapshotRevision
from db.repositories.snapshots import SnapshotValues
from domain.metric_definitions import DISPUTE_WINDOW_DAYS
from domain.metrics import (
    METRICS,
    MetricName,
    MonthMetrics,
    Trend,
    missing_reason,
    observations,
    ratio_of,
    to_column_ratio,
    total,
)
from domain.money import to_decimal
from domain.periods import Month
from domain.recurring.months import METHODS
from integrations.stripe.resources import CUSTOMERS, PAYMENT_INTENTS, PAYOUTS
from services.snapshot_schema import (
    DEFINITIONS_VERSION,
    Converted,
    DataQuality,
    OtherCurrency,
    SnapshotMetrics,
    StoredRecurring,
    StoredTrend,
)

__all__ = ["DEFINITIONS_VERSION", "Origin", "OtherCurrency", "SnapshotMetrics", "StoredMonth"]

LEDGER_METRICS = frozenset({MetricName.NET_REVENUE, MetricName.FEES, MetricName.NET_VOLUME})
# Lists that a sync can do without; of what was never read no number is told.
_PERMISSIONS: Mapping[MetricName, str] = {
    MetricName.FAILED_PAYMENTS: PAYMENT_INTENTS.permission,
    MetricName.PAYMENT_FAILURE_RATE: PAYMENT_INTENTS.permission,
    MetricName.PAYOUTS_PAID: PAYOUTS.permission,
    MetricName.PAYOUTS_FAILED: PAYOUTS.permission,
    MetricName.NEW_CUSTOMERS: CUSTOMERS.permission,
}
# Names that the domain and the schema share. Rows of metrics-1 have none of these numbers: a query
# tells of no metric that is made of them.
_ADDED_COUNTS = (
    "attempt_count",
    "line_count",
    "disputed_count",
    "warning_count",
    "new_customers",
    "paid_payouts",
    "failed_payouts",
    "zero_revenue_days",
    "largest_customer_minor",
    "unattributed_minor",
    "customer_squares",
)
_TRENDS = (
    "growth_month",
    "growth_year",
    "monthly_volatility",
    "gross_retention",
    "net_retention",
    "customer_churn",
)
_SINCE_THE_FIRST = frozenset(list(MetricName)[: list(MetricName).index(MetricName.NET_VOLUME)])


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the metrics of a rebuild come from."""

    time_zone: str
    data_as_of: datetime | None
    ledger_missing_reason: str | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What a month's snapshot tells beside the metrics of its main currency."""

    others: Mapping[str, OtherCurrency] = field(default_factory=dict)
    usd: Converted | None = None
    quality: DataQuality | None = None
    recurring: StoredRecurring | None = None


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """One stored snapshot as the domain's metrics of its month."""

    snapshot_id: UUID
    metrics: MonthMetrics
    stored: SnapshotMetrics


def to_values(metrics: MonthMetrics, origin: Origin, beside: Beside) -> SnapshotValues:
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
        metrics_json=_stored(metrics, origin, beside, notes).model_dump(mode="json"),
    )


def _stored(
    metrics: MonthMetrics, origin: Origin, beside: Beside, notes: list[str]
) -> SnapshotMetrics:
    ledger_known = origin.ledger_missing_reason is None
    added: dict[str, Any] = {name: getattr(metrics, name) for name in _ADDED_COUNTS}
    added |= {name: _stored_trend(getattr(metrics, name)) for name in _TRENDS}
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
        disputes_settled_on=metrics.month.last_day + timedelta(days=DISPUTE_WINDOW_DAYS),
        active_customers=metrics.active_customers,
        average_charge=metrics.average_charge,
        mrr_minor=metrics.mrr_minor,
        mrr_missing_reason=metrics.mrr_missing_reason,
        recurring=beside.recurring,
        other_currencies=dict(beside.others),
        usd=beside.usd,
        data_quality=beside.quality,
        notes=notes,
        **added,
    )


def _stored_trend(trend: Trend) -> StoredTrend:
    return StoredTrend(value=trend.value, n=trend.n, missing_reason=trend.missing_reason)


def from_row(row: MetricSnapshot | SnapshotRevision) -> StoredMonth:
    """Return the month that the row stores, or stored once.

    Where the balance is not known, net revenue is estimated for the score as charges less refunds
    and disputes; `value_of` never tells that estimate.
    """
    stored = SnapshotMetrics.model_validate(row.metrics_json)
    refunds, chargebacks = row.refund_count or 0, row.chargeback_count or 0
    estimate = stored.revenue_minor - stored.refund_minor - stored.chargeback_minor
    added: dict[str, Any] = {name: getattr(stored, name) or 0 for name in _ADDED_COUNTS}
    added |= {name: _trend(getattr(stored, name)) for name in _TRENDS}
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
        **added,
    )
    snapshot_id = row.id if isinstance(row, MetricSnapshot) else row.snapshot_id
    return StoredMonth(snapshot_id, metrics, stored)


def _trend(stored: StoredTrend | None) -> Trend:
    return Trend() if stored is None else Trend(stored.value, stored.n, stored.missing_reason)


def value_of(metric: MetricName, months: list[StoredMonth]) -> tuple[Decimal | None, str | None]:
    """Return the metric over the months, and the reason if there is no such number."""
    for month in months:
        unknown = _unknown(metric, month.stored)
        if unknown is not None:
            return None, unknown
    metrics = [month.metrics for month in months]
    return total(metric, metrics), missing_reason(metric, metrics)


def observed(metric: MetricName, months: list[StoredMonth]) -> int | None:
    """Return how many observations stand behind the metric's value."""
    return observations(metric, [month.metrics for month in months])


def note_on(metric: MetricName, months: list[StoredMonth]) -> str | None:
    """Return what has to be known about the metric's value, if anything."""
    recurring = months[-1].stored.recurring
    if metric is MetricName.MRR and recurring is not None:
        return METHODS[recurring.method]
    if metric is not MetricName.DISPUTE_RATE:
        return None
    settled_on, as_of = months[-1].stored.disputes_settled_on, months[-1].stored.data_as_of
    if settled_on is None or (as_of is not None and as_of.date() > settled_on):
        return None
    return f"Immature: charges of this period may still be disputed until {settled_on}."


def _unknown(metric: MetricName, stored: SnapshotMetrics) -> str | None:
    """Return why a stored month cannot tell the metric at all."""
    if metric not in _SINCE_THE_FIRST and stored.definitions_version != DEFINITIONS_VERSION:
        return "It was not computed when this month was stored. Sync, and it will be."
    if metric in LEDGER_METRICS:
        return stored.ledger_missing_reason
    needed, quality = _PERMISSIONS.get(metric), stored.data_quality
    if needed is None or quality is None or needed not in quality.missing_permissions:
        return None
    return f"{METRICS[metric].label} need the permission {needed}, which the key does not have."
