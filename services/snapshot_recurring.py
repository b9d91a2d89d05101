"""Recurring revenue in a month's snapshot."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.metrics import MonthMetrics, Trend
from domain.recurring.months import RecurringHistory, RecurringMonth
from services.snapshot_schema import StoredRecurring

NO_SUBSCRIPTIONS = "Stripe has no subscriptions of this business, so there is no such number."
_NO_COHORT = "Nobody had a subscription a year earlier, or that month has no recurring revenue."
_NO_CHURN = "There was no subscription that could have ended."


def with_recurring(metrics: MonthMetrics, history: RecurringHistory) -> MonthMetrics:
    """Return the month with its recurring revenue, or with the reason why there is none."""
    found = history.months.get(metrics.month)
    if found is None or found.mrr_minor is None or not _has_any(history):
        is_read = found is not None and found.mrr_minor is not None
        reason = NO_SUBSCRIPTIONS if is_read else found.missing_reason if found else None
        told = reason or history.missing_reason or metrics.mrr_missing_reason
        unknown = Trend(None, 0, told)
        return replace(
            metrics,
            mrr_minor=None,
            mrr_missing_reason=told,
            gross_retention=unknown,
            net_retention=unknown,
            customer_churn=unknown,
        )
    cohort = found.cohort_customers or 0
    return replace(
        metrics,
        mrr_minor=found.mrr_minor,
        mrr_missing_reason=None,
        gross_retention=_trend(found.gross_retention, cohort, _NO_COHORT),
        net_retention=_trend(found.net_retention, cohort, _NO_COHORT),
        customer_churn=_trend(found.churn_rate, found.paying_customers or 0, _NO_CHURN),
    )


def _has_any(history: RecurringHistory) -> bool:
    """Tell whether there was recurring revenue in any month: a shop's zero says nothing."""
    return any(month.mrr_minor or month.active_subscriptions for month in history.months.values())


def stored_recurring(found: RecurringMonth | None) -> StoredRecurring | None:
    """Return what a snapshot keeps of the month's recurring revenue; None if there is none."""
    if found is None or found.mrr_minor is None or found.method is None:
        return None
    names = StoredRecurring.model_fields.keys()
    return StoredRecurring.model_validate({name: getattr(found, name) for name in names})


def _trend(value: Decimal | None, n: int, reason: str) -> Trend:
    return Trend(value, n, None if value is not None else reason)
