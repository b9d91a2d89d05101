"""The metrics of a month, exact, from the facts of its days.

A month is the business's own (its time zone) and has one currency. Definitions are printed beside
every number that a person sees; `METRICS` holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from domain.errors import InvalidInputError, PeriodError
from domain.metric_definitions import METRICS, MetricDefinition, MetricName, TotalRule, Unit
from domain.money import exponent, to_decimal
from domain.periods import Month

__all__ = [
    "METRICS",
    "ColumnRatio",
    "DayFacts",
    "MetricDefinition",
    "MetricName",
    "MonthMetrics",
    "TotalRule",
    "Unit",
    "missing_reason",
    "month_metrics",
    "quiet_month",
    "ratio_of",
    "to_column_ratio",
    "total",
    "volatility",
]

RATIO_STEP = Decimal("0.0001")
# chargeback_ratio and refund_ratio are stored as DECIMAL(5,4).
COLUMN_RATIO_MAX = Decimal("9.9999")
NO_SUBSCRIPTIONS = "Subscriptions have not been read for this month."


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What happened on one local day, in one currency, in integer minor units.

    `gross_minor` is the captured amount of charges that succeeded on the day. `failed_count` counts
    payments that ended in failure, not declined attempts that were paid later. Disputes count on
    the day they were opened, without inquiries. `net_minor` is gross less refunds and dispute
    withdrawals plus dispute reversals, before fees, by the day of each ledger entry.
    """

    day: date
    gross_minor: int = 0
    charge_count: int = 0
    failed_count: int = 0
    refund_minor: int = 0
    refund_count: int = 0
    dispute_count: int = 0
    dispute_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0


@dataclass(frozen=True, slots=True)
class MonthMetrics:
    """The metrics of one month in one currency; `*_minor` are integer minor units.

    Ratios have 4 decimals (0.0123 is 1.23 %) and are None where there was nothing to divide by.
    `average_charge` is in major units. `through` is the last day counted: the month's last day, or
    an earlier one when `month_to_date`.
    """

    month: Month
    currency: str
    revenue_minor: int
    charge_count: int
    failed_count: int
    refund_minor: int
    refund_count: int
    chargeback_count: int
    chargeback_minor: int
    fee_minor: int
    net_minor: int
    active_customers: int
    refund_ratio: Decimal | None
    chargeback_ratio: Decimal | None
    revenue_volatility: Decimal | None
    average_charge: Decimal | None
    mrr_minor: int | None
    month_to_date: bool
    mrr_missing_reason: str | None
    through: date


@dataclass(frozen=True, slots=True)
class ColumnRatio:
    """A ratio as its DECIMAL(5,4) column can hold it, and a note where that is not the truth."""

    value: Decimal | None
    note: str | None


def month_metrics(
    month: Month,
    days: Sequence[DayFacts],
    *,
    currency: str,
    active_customers: int,
    through: date,
    mrr_minor: int | None = None,
    mrr_missing_reason: str | None = None,
) -> MonthMetrics:
    """Return the month's metrics from the facts of its days; days without facts may be left out.

    Raise PeriodError if a day lies outside the month, after `through`, or is given twice.
    """
    last = _last_counted_day(month, days, through)
    revenue = sum(day.gross_minor for day in days)
    charges = sum(day.charge_count for day in days)
    refunds = sum(day.refund_count for day in days)
    disputes = sum(day.dispute_count for day in days)
    no_mrr = (mrr_missing_reason or NO_SUBSCRIPTIONS) if mrr_minor is None else None
    return MonthMetrics(
        month=month,
        currency=currency.lower(),
        revenue_minor=revenue,
        charge_count=charges,
        failed_count=sum(day.failed_count for day in days),
        refund_minor=sum(day.refund_minor for day in days),
        refund_count=refunds,
        chargeback_count=disputes,
        chargeback_minor=sum(day.dispute_minor for day in days),
        fee_minor=sum(day.fee_minor for day in days),
        net_minor=sum(day.net_minor for day in days),
        active_customers=active_customers,
        refund_ratio=ratio_of(refunds, charges),
        chargeback_ratio=ratio_of(disputes, charges),
        revenue_volatility=volatility([day.gross_minor for day in days], day_count=last.day),
        average_charge=_average_charge(revenue, charges, currency),
        mrr_minor=mrr_minor,
        month_to_date=last < month.last_day,
        mrr_missing_reason=no_mrr,
        through=last,
    )


def quiet_month(month: Month, currency: str) -> MonthMetrics:
    """Return a whole month in which nothing happened."""
    return month_metrics(
        month, (), currency=currency, active_customers=0, through=month.last_day, mrr_minor=0
    )


def _last_counted_day(month: Month, days: Sequence[DayFacts], through: date) -> date:
    last = min(through, month.last_day)
    if last < month.first_day:
        raise PeriodError(f"{month} has not begun on {through}. Ask for an earlier month.")
    if len({day.day for day in days}) != len(days):
        raise PeriodError(f"A day of {month} is given twice. Give each day once.")
    outside = [day.day for day in days if not month.first_day <= day.day <= last]
    if outside:
        raise PeriodError(f"{outside[0]} does not lie in {month} up to {last}. Leave it out.")
    return last


def ratio_of(numerator: int, denominator: int) -> Decimal | None:
    """Return the ratio to 4 decimals, rounded half to even; None for a denominator of zero."""
    if denominator == 0:
        return None
    exact = Decimal(numerator) / Decimal(denominator)
    return exact.quantize(RATIO_STEP, rounding=ROUND_HALF_EVEN)


def volatility(daily_minor: Sequence[int], *, day_count: int) -> Decimal | None:
    """Return population standard deviation over mean of daily amounts, to 4 decimals.

    Days beyond those given count as zero up to `day_count`. None when the mean is zero.
    """
    amount = sum(daily_minor)
    if amount == 0:
        return None
    # sd / mean = sqrt(n * sum(x^2) - sum(x)^2) / sum(x): whole numbers up to the one square root.
    spread = day_count * sum(value * value for value in daily_minor) - amount * amount
    with localcontext(prec=60):
        exact = Decimal(spread).sqrt() / Decimal(amount)
        return exact.quantize(RATIO_STEP, rounding=ROUND_HALF_EVEN)


def _average_charge(revenue_minor: int, charges: int, currency: str) -> Decimal | None:
    if charges == 0:
        return None
    step = Decimal(1).scaleb(-exponent(currency))
    exact = to_decimal(revenue_minor, currency) / charges
    return exact.quantize(step, rounding=ROUND_HALF_EVEN)


def to_column_ratio(ratio: Decimal | None) -> ColumnRatio:
    """Return the ratio clamped to what DECIMAL(5,4) holds, with a note if that changed it."""
    if ratio is None or ratio <= COLUMN_RATIO_MAX:
        return ColumnRatio(ratio, None)
    return ColumnRatio(
        COLUMN_RATIO_MAX, f"The ratio is {ratio}; {COLUMN_RATIO_MAX} is the largest stored."
    )


_MONEY_FIELDS = {
    MetricName.REVENUE_TOTAL: "revenue_minor",
    MetricName.NET_REVENUE: "net_minor",
    MetricName.REFUND_AMOUNT: "refund_minor",
    MetricName.CHARGEBACK_AMOUNT: "chargeback_minor",
    MetricName.FEES: "fee_minor",
}
_COUNT_FIELDS = {
    MetricName.CHARGE_COUNT: "charge_count",
    MetricName.REFUND_COUNT: "refund_count",
    MetricName.CHARGEBACK_COUNT: "chargeback_count",
}
_RATIO_NUMERATORS = {
    MetricName.REFUND_RATIO: "refund_count",
    MetricName.CHARGEBACK_RATIO: "chargeback_count",
}


def total(metric: MetricName, months: Sequence[MonthMetrics]) -> Decimal | None:
    """Return the metric over all the months: money in major units, counts whole, ratios to 4.

    Sums where `METRICS` says so; ratios and the average charge from the summed parts; MRR of the
    last month; volatility and active customers only for a single month. None where there is no
    such number, which `missing_reason` explains. Raise InvalidInputError on mixed currencies.
    """
    if not months:
        return None
    currency = _one_currency(months)
    if metric in _MONEY_FIELDS:
        return to_decimal(_sum(_MONEY_FIELDS[metric], months), currency)
    if metric in _COUNT_FIELDS:
        return Decimal(_sum(_COUNT_FIELDS[metric], months))
    if metric in _RATIO_NUMERATORS:
        return ratio_of(_sum(_RATIO_NUMERATORS[metric], months), _sum("charge_count", months))
    if metric is MetricName.AVERAGE_CHARGE:
        return _average_charge(
            _sum("revenue_minor", months), _sum("charge_count", months), currency
        )
    return _of_one_month(metric, months)


def _of_one_month(metric: MetricName, months: Sequence[MonthMetrics]) -> Decimal | None:
    last = _latest(months)
    if metric is MetricName.MRR:
        return None if last.mrr_minor is None else to_decimal(last.mrr_minor, last.currency)
    if len(months) > 1:
        return None
    if metric is MetricName.ACTIVE_CUSTOMERS:
        return Decimal(last.active_customers)
    return last.revenue_volatility


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
    return "There were no successful charges in this period."


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
