"""A metric over several months: its total, why there is none, and how much stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import InvalidInputError
from domain.metric_definitions import METRICS, MetricName, TotalRule
from domain.money import to_decimal
from domain.month_metrics import MonthMetrics, Trend, average_charge, ratio_of

NO_CHARGES = "There were no successful charges in this period."
_NO_CUSTOMERS = "No charge of this period names a customer."
_WITHOUT_VALUE = {
    MetricName.PAYMENT_FAILURE_RATE: "Nobody tried to pay in this period.",
    MetricName.LARGEST_CUSTOMER_SHARE: _NO_CUSTOMERS,
    MetricName.CUSTOMER_CONCENTRATION: _NO_CUSTOMERS,
}

_MONEY_FIELDS = {
    MetricName.REVENUE_TOTAL: "revenue_minor",
    MetricName.NET_REVENUE: "net_minor",
    MetricName.NET_VOLUME: "net_volume_minor",
    MetricName.REFUND_AMOUNT: "refund_minor",
    MetricName.CHARGEBACK_AMOUNT: "chargeback_minor",
    MetricName.FEES: "fee_minor",
}
_COUNT_FIELDS = {
    MetricName.CHARGE_COUNT: "charge_count",
    MetricName.REFUND_COUNT: "refund_count",
    MetricName.CHARGEBACK_COUNT: "chargeback_count",
    MetricName.PAYMENT_ATTEMPTS: "attempt_count",
    MetricName.FAILED_PAYMENTS: "failed_count",
    MetricName.EARLY_FRAUD_WARNINGS: "warning_count",
    MetricName.NEW_CUSTOMERS: "new_customers",
    MetricName.ZERO_REVENUE_DAYS: "zero_revenue_days",
    MetricName.PAYOUTS_PAID: "paid_payouts",
    MetricName.PAYOUTS_FAILED: "failed_payouts",
}
# Numerator and denominator, each summed over the months.
_RATIO_FIELDS = {
    MetricName.REFUND_RATIO: ("refund_count", "charge_count"),
    MetricName.REFUND_AMOUNT_RATIO: ("refund_minor", "revenue_minor"),
    MetricName.CHARGEBACK_RATIO: ("chargeback_count", "charge_count"),
    MetricName.DISPUTE_RATE: ("disputed_count", "charge_count"),
    MetricName.PAYMENT_FAILURE_RATE: ("failed_count", "payment_count"),
    MetricName.UNATTRIBUTED_SHARE: ("unattributed_minor", "revenue_minor"),
}
_TREND_FIELDS = {
    MetricName.REVENUE_GROWTH_MONTH: "growth_month",
    MetricName.REVENUE_GROWTH_YEAR: "growth_year",
    MetricName.MONTHLY_VOLATILITY: "monthly_volatility",
    MetricName.GROSS_RETENTION: "gross_retention",
    MetricName.NET_RETENTION: "net_retention",
    MetricName.CUSTOMER_CHURN: "customer_churn",
}
# What is counted behind a metric; charges unless said otherwise, and nothing behind a trend's.
_OBSERVED = {
    MetricName.NET_REVENUE: "line_count",
    MetricName.NET_VOLUME: "line_count",
    MetricName.FEES: "line_count",
    MetricName.REFUND_AMOUNT: "refund_count",
    MetricName.REFUND_COUNT: "refund_count",
    MetricName.CHARGEBACK_AMOUNT: "chargeback_count",
    MetricName.CHARGEBACK_COUNT: "chargeback_count",
    MetricName.PAYMENT_ATTEMPTS: "attempt_count",
    MetricName.FAILED_PAYMENTS: "payment_count",
    MetricName.PAYMENT_FAILURE_RATE: "payment_count",
    MetricName.EARLY_FRAUD_WARNINGS: "warning_count",
    MetricName.NEW_CUSTOMERS: "new_customers",
    MetricName.LARGEST_CUSTOMER_SHARE: "active_customers",
    MetricName.CUSTOMER_CONCENTRATION: "active_customers",
    MetricName.REVENUE_VOLATILITY: "day_count",
    MetricName.ZERO_REVENUE_DAYS: "day_count",
    MetricName.PAYOUTS_PAID: "payout_count",
    MetricName.PAYOUTS_FAILED: "payout_count",
}


def total(metric: MetricName, months: Sequence[MonthMetrics]) -> Decimal | None:
    """Return the metric over all the months: money in major units, counts whole, ratios to 4.

    Sums where `METRICS` says so; ratios and the average charge from the summed parts; MRR of the
    last month; the rest only for a single month. None where there is no such number, which
    `missing_reason` explains. Raise InvalidInputError on mixed currencies.
    """
    if not months:
        return None
    currency = _one_currency(months)
    if metric in _MONEY_FIELDS:
        return to_decimal(_sum(_MONEY_FIELDS[metric], months), currency)
    if metric in _COUNT_FIELDS:
        return Decimal(_sum(_COUNT_FIELDS[metric], months))
    if metric in _RATIO_FIELDS:
        numerator, denominator = _RATIO_FIELDS[metric]
        return ratio_of(_sum(numerator, months), _sum(denominator, months))
    if metric is MetricName.AVERAGE_CHARGE:
        return average_charge(_sum("revenue_minor", months), _sum("charge_count", months), currency)
    return _of_one_month(metric, months)


def _of_one_month(metric: MetricName, months: Sequence[MonthMetrics]) -> Decimal | None:
    last = _latest(months)
    if metric is MetricName.MRR:
        return None if last.mrr_minor is None else to_decimal(last.mrr_minor, last.currency)
    if len(months) > 1:
        return None
    if metric in _TREND_FIELDS:
        return _trend(metric, last).value
    return {
        MetricName.ACTIVE_CUSTOMERS: Decimal(last.active_customers),
        MetricName.LARGEST_CUSTOMER_SHARE: last.largest_customer_share,
        MetricName.CUSTOMER_CONCENTRATION: last.customer_concentration,
    }.get(metric, last.revenue_volatility)


def _trend(metric: MetricName, month: MonthMetrics) -> Trend:
    trend: Trend = getattr(month, _TREND_FIELDS[metric])
    return trend


def missing_reason(metric: MetricName, months: Sequence[MonthMetrics]) -> str | None:
    """Return the sentence that says why `total` is None, or None where it has a value."""
    if total(metric, months) is not None:
        return None
    if not months:
        return "There is no data for this period."
    if metric is MetricName.MRR:
        return _latest(months).mrr_missing_reason
    if METRICS[metric].summable is TotalRule.NONE and len(months) > 1:
        return f"{METRICS[metric].label} is told month by month; it has no total."
    if metric in _TREND_FIELDS:
        return _trend(metric, _latest(months)).missing_reason
    return _WITHOUT_VALUE.get(metric, NO_CHARGES)


def observations(metric: MetricName, months: Sequence[MonthMetrics]) -> int | None:
    """Return how many observations stand behind the metric; None where they are not counted.

    Charges, refunds, disputes, lines of the balance, payments, payouts, customers, days or months:
    whatever the metric is made of.
    """
    if metric is MetricName.MRR or not months:
        return None
    if metric in _TREND_FIELDS:
        return _trend(metric, _latest(months)).n if len(months) == 1 else None
    field = _OBSERVED.get(metric, "charge_count")
    if field == "active_customers" and len(months) > 1:
        return None
    return _sum(field, months)


def _latest(months: Sequence[MonthMetrics]) -> MonthMetrics:
    return max(months, key=lambda metrics: metrics.month)


def _sum(field: str, months: Sequence[MonthMetrics]) -> int:
    return sum(int(getattr(metrics, field)) for metrics in months)


def _one_currency(months: Sequence[MonthMetrics]) -> str:
    currencies = sorted({metrics.currency for metrics in months})
    if len(currencies) > 1:
        raise InvalidInputError(
            f"Amounts in {', '.join(currencies)} cannot be added. Ask for one currency at a time."
        )
    return currencies[0]
