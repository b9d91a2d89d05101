"""Metrics as everybody else imports them: definitions, a month's numbers, totals over months."""

from __future__ import annotations

from domain.metric_definitions import METRICS, MetricDefinition, MetricName, TotalRule, Unit
from domain.metric_totals import missing_reason, observations, total
from domain.month_metrics import (
    NO_CURRENCY,
    RATIO_STEP,
    ColumnRatio,
    CustomerSpread,
    DayFacts,
    MonthMetrics,
    Trend,
    month_metrics,
    quiet_month,
    ratio_of,
    to_column_ratio,
    volatility,
)

__all__ = [
    "METRICS",
    "NO_CURRENCY",
    "RATIO_STEP",
    "ColumnRatio",
    "CustomerSpread",
    "DayFacts",
    "MetricDefinition",
    "MetricName",
    "MonthMetrics",
    "TotalRule",
    "Trend",
    "Unit",
    "missing_reason",
    "month_metrics",
    "observations",
    "quiet_month",
    "ratio_of",
    "to_column_ratio",
    "total",
    "volatility",
]
