"""The metrics of a month, exact, from the facts of its days.

A month is the business's own (its time zone) and has one currency. Definitions are printed beside
every number that a person sees; `domain.metric_definitions` holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from domain.errors import PeriodError
from domain.money import exponent, to_decimal
from domain.periods import Month

RATIO_STEP = Decimal("0.0001")
# chargeback_ratio and refund_ratio are stored as DECIMAL(5,4).
COLUMN_RATIO_MAX = Decimal("9.9999")
# ISO 4217's code for no currency: what is counted, but has no amount.
NO_CURRENCY = "xxx"
NO_SUBSCRIPTIONS = "Subscriptions have not been read for this month."


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What happened on one local day, in one currency, in integer minor units.

    `gross_minor` is the captured amount of charges that succeeded on the day. `failed_count` counts
    payments that ended in failure, not declined attempts that were paid later. Disputes count on
    the day they were opened, without inquiries. `net_minor` is gross less refunds and dispute
    withdrawals plus dispute reversals, before fees, by the day of each ledger entry, of which there
    are `line_count`. `attempt_count` are charges that succeeded or failed, `disputed_count` the
    disputes of the day's charges, whenever they were opened. Warnings and new customers have no
    currency of their own and are told in NO_CURRENCY.
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
    attempt_count: int = 0
    disputed_count: int = 0
    line_count: int = 0
    paid_payouts: int = 0
    failed_payouts: int = 0
    warning_count: int = 0
    new_customers: int = 0


@dataclass(frozen=True, slots=True)
class CustomerSpread:
    """How a month's charges spread over customers, in integer minor units.

    `active` are the different customers who paid, `squares` the sum of their squared amounts,
    `unattributed_minor` what guests paid, whom nothing groups.
    """

    active: int = 0
    largest_minor: int = 0
    unattributed_minor: int = 0
    squares: int = 0


@dataclass(frozen=True, slots=True)
class Trend:
    """A number that compares months, or customers between them; `n` of them are compared.

    Without a value, `missing_reason` says why.
    """

    value: Decimal | None = None
    n: int = 0
    missing_reason: str | None = "It has not been computed for this month."


NO_TREND = Trend()


@dataclass(frozen=True, slots=True)
class MonthMetrics:
    """The metrics of one month in one currency; `*_minor` are integer minor units.

    Ratios have 4 decimals (0.0123 is 1.23 %) and are None where there was nothing to divide by.
    `average_charge` is in major units. `through` is the last day counted: the month's last day, or
    an earlier one when `month_to_date`. `disputed_count` are disputes of the month's charges,
    whenever they were opened. Payouts, warnings and new customers are counted over all currencies.
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
    attempt_count: int = 0
    line_count: int = 0
    disputed_count: int = 0
    warning_count: int = 0
    new_customers: int = 0
    paid_payouts: int = 0
    failed_payouts: int = 0
    zero_revenue_days: int = 0
    largest_customer_minor: int = 0
    unattributed_minor: int = 0
    customer_squares: int = 0
    growth_month: Trend = NO_TREND
    growth_year: Trend = NO_TREND
    monthly_volatility: Trend = NO_TREND
    gross_retention: Trend = NO_TREND
    net_retention: Trend = NO_TREND
    customer_churn: Trend = NO_TREND

    @property
    def net_volume_minor(self) -> int:
        """Net revenue less fees."""
        return self.net_minor - self.fee_minor

    @property
    def payment_count(self) -> int:
        """Payments that came to an end: charges that succeeded and payments that failed."""
        return self.charge_count + self.failed_count

    @property
    def payout_count(self) -> int:
        """Payouts that came to an end."""
        return self.paid_payouts + self.failed_payouts

    @property
    def day_count(self) -> int:
        """The days that are counted."""
        return self.through.day

    @property
    def largest_customer_share(self) -> Decimal | None:
        """What the largest customer paid of all revenue, None if no charge names one."""
        if self.active_customers == 0:
            return None
        return ratio_of(self.largest_customer_minor, self.revenue_minor)

    @property
    def customer_concentration(self) -> Decimal | None:
        """The Herfindahl index, 0 to 1: the sum of the customers' squared shares of revenue.

        Guests are taken for many small customers, so they add nothing.
        """
        if self.active_customers == 0:
            return None
        return ratio_of(self.customer_squares, self.revenue_minor * self.revenue_minor)


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
        average_charge=average_charge(revenue, charges, currency),
        mrr_minor=mrr_minor,
        month_to_date=last < month.last_day,
        mrr_missing_reason=no_mrr,
        through=last,
        attempt_count=sum(day.attempt_count for day in days),
        line_count=sum(day.line_count for day in days),
        disputed_count=sum(day.disputed_count for day in days),
        warning_count=sum(day.warning_count for day in days),
        new_customers=sum(day.new_customers for day in days),
        paid_payouts=sum(day.paid_payouts for day in days),
        failed_payouts=sum(day.failed_payouts for day in days),
        zero_revenue_days=last.day - sum(day.gross_minor > 0 for day in days),
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


def average_charge(revenue_minor: int, charges: int, currency: str) -> Decimal | None:
    """Return revenue over charges in major units, to the currency's scale; None without charges."""
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
