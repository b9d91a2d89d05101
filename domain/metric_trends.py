"""What only several months tell: growth, and how much months vary around their trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN

from domain.metrics import RATIO_STEP, MonthMetrics, Trend, ratio_of
from domain.readiness.trend import MIN_MONTHS, detrended_variation

YEAR = 12
NOT_OVER = "This month is not over: it is told once it is complete."


def with_trends(
    months: Sequence[MonthMetrics], *, net_missing_reason: str | None
) -> list[MonthMetrics]:
    """Return the months, which follow each other without a gap, with their trends.

    Only complete months are compared. Growth is that of revenue; volatility that of net revenue,
    unless `net_missing_reason` says why there is none.
    """
    return [
        replace(
            month,
            growth_month=_growth(months, index, 1),
            growth_year=_growth(months, index, YEAR),
            monthly_volatility=_volatility(months[max(index - YEAR + 1, 0) : index + 1])
            if net_missing_reason is None
            else Trend(None, 0, net_missing_reason),
        )
        for index, month in enumerate(months)
    ]


def _growth(months: Sequence[MonthMetrics], index: int, offset: int) -> Trend:
    month = months[index]
    if month.month_to_date:
        return Trend(None, 0, NOT_OVER)
    earlier = month.month.plus(-offset)
    if index < offset:
        return Trend(None, 0, f"There are no figures for {earlier}, with which it is compared.")
    before = months[index - offset].revenue_minor
    value = ratio_of(month.revenue_minor - before, before)
    reason = None if before else f"There was no revenue in {earlier}, with which it is compared."
    return Trend(value, 2, reason)


def _volatility(year: Sequence[MonthMetrics]) -> Trend:
    if year[-1].month_to_date:
        return Trend(None, 0, NOT_OVER)
    if len(year) < MIN_MONTHS:
        few = f"It takes {MIN_MONTHS} complete months, and there are {len(year)}."
        return Trend(None, len(year), few)
    variation = detrended_variation([month.net_minor for month in year])
    if variation is None:
        return Trend(None, len(year), "Net revenue of these months is not above zero.")
    return Trend(variation.quantize(RATIO_STEP, rounding=ROUND_HALF_EVEN), len(year), None)
