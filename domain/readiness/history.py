"""From months of metrics to the inputs of the score: complete months only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from domain.errors import InvalidInputError
from domain.metrics import MonthMetrics, quiet_month
from domain.money import Money, to_decimal
from domain.periods import last_complete_month, month_range
from domain.rates import StatedRate
from domain.readiness.inputs import GrowthBasis, Measurement, ReadinessInputs
from domain.readiness.trend import detrended_variation

QUARTER = 3
YEAR = 12

# Ratios are scored to 6 decimals: finer than a curve can show, and equal data give equal hashes.
INPUT_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What months of metrics do not tell; everything may be unknown.

    Shares are ratios from 0 to 1. `customer_count` stands behind `top1_share`; `cohort_customers`
    are those who paid 12 months ago and stand behind `gross_retention`; payouts are those of the
    last 3 complete months. `recurring_share` None: it
    is derived from the last complete month's MRR.
    """

    customer_count: int = 0
    unattributed_share: Decimal | None = None
    gross_retention: Decimal | None = None
    cohort_customers: int = 0
    recurring_share: Decimal | None = None
    payout_failed_share: Decimal | None = None
    payout_count: int = 0
    payouts_enabled: bool | None = None
    key_revoked: bool = False
    missing_permissions: tuple[str, ...] = ()


_NOTHING_ELSE = AccountFacts()


def complete_months(months: Sequence[MonthMetrics], as_of: date) -> tuple[MonthMetrics, ...]:
    """Return every complete month from the first with a payment to the last, in order.

    A month without metrics in between counts as one in which nothing happened. The list ends before
    the month of `as_of`, and before any month that is only counted to date. Raise InvalidInputError
    on mixed currencies or a month given twice.
    """
    _check(months)
    active = [metrics.month for metrics in months if metrics.charge_count > 0]
    if not active:
        return ()
    open_months = [metrics.month for metrics in months if metrics.month_to_date]
    last = min([last_complete_month(as_of), *(month.plus(-1) for month in open_months)])
    known = {metrics.month: metrics for metrics in months}
    currency = months[0].currency
    return tuple(
        known.get(month) or quiet_month(month, currency) for month in month_range(min(active), last)
    )


def _check(months: Sequence[MonthMetrics]) -> None:
    if len({metrics.currency for metrics in months}) > 1:
        raise InvalidInputError("Months in several currencies cannot be scored together.")
    if len({metrics.month for metrics in months}) != len(months):
        raise InvalidInputError("A month is given twice. Give each month once.")


def inputs_from_months(
    months: Sequence[MonthMetrics],
    *,
    top1_share: Decimal | None,
    as_of: date,
    data_age_days: Decimal | int | None,
    account: AccountFacts = _NOTHING_ELSE,
    rate: StatedRate | None = None,
) -> ReadinessInputs:
    """Return the score's inputs from a business's months; their order does not matter.

    Give at least the last 24 complete months if there are as many. `as_of` is the business's local
    day the data is from; `top1_share` the largest customer's share of 12 months' net revenue;
    `rate` what one unit of the months' currency is worth in US dollars, in which scale is measured.
    Without it the scale of another currency is not scored. Raise ConfigurationError for a rate of
    another currency than the months'.
    """
    complete = _since_silence(complete_months(months, as_of))
    growth, basis = _growth(complete)
    quarter, year = complete[-QUARTER:], complete[-YEAR:]
    return ReadinessInputs(
        currency=months[0].currency if months else "usd",
        scale=_scale(quarter, rate),
        history=_history(complete, months),
        growth=growth,
        stability=_stability(year, complete[-2 * YEAR : -YEAR]),
        disputes=_disputes(quarter),
        refunds=_refunds(quarter),
        payments=_payments(quarter),
        concentration=_concentration(top1_share, account.customer_count, year),
        retention=_observed(account.gross_retention, account.cohort_customers, year),
        payouts=_observed(account.payout_failed_share, account.payout_count, quarter),
        growth_basis=basis,
        recurring_share=_recurring_share(quarter, account),
        payouts_enabled=account.payouts_enabled,
        key_revoked=account.key_revoked,
        data_age_days=None if data_age_days is None else Decimal(data_age_days),
        unattributed_share=account.unattributed_share,
        missing_permissions=account.missing_permissions,
        rate=rate,
    )


def _since_silence(complete: Sequence[MonthMetrics]) -> Sequence[MonthMetrics]:
    """Return the months since the last whole year without a payment that was followed by one.

    A trial payment made years before the business opened is no history to a lender.
    """
    start, silent = 0, 0
    for index, metrics in enumerate(complete):
        if metrics.charge_count > 0:
            start = index if silent >= YEAR else start
            silent = 0
        else:
            silent += 1
    return complete[start:]


def _window(months: Sequence[MonthMetrics]) -> str:
    if not months:
        return "no complete month yet"
    count = len(months)
    return f"{count} month{'' if count == 1 else 's'} to {months[-1].month}"


def _ratio(numerator: int | Decimal, denominator: int | Decimal) -> Decimal:
    exact = Decimal(numerator) / Decimal(denominator)
    return exact.quantize(INPUT_STEP, rounding=ROUND_HALF_EVEN)


def _concentration(
    share: Decimal | None, customers: int, year: Sequence[MonthMetrics]
) -> Measurement | None:
    if share is None or not year:
        return None
    rounded = share.quantize(INPUT_STEP, rounding=ROUND_HALF_EVEN)
    return Measurement(rounded, customers, _window(year))


def _observed(
    share: Decimal | None, count: int, months: Sequence[MonthMetrics]
) -> Measurement | None:
    """A share of nothing is unknown: none of no payouts failed, but that is no record."""
    if share is None or count == 0:
        return None
    return Measurement(share.quantize(INPUT_STEP, rounding=ROUND_HALF_EVEN), count, _window(months))


def _net(months: Sequence[MonthMetrics]) -> Money:
    return Money(sum(metrics.net_minor for metrics in months), months[0].currency)


def _scale(quarter: Sequence[MonthMetrics], rate: StatedRate | None) -> Measurement | None:
    if not quarter:
        return None
    net, window = _net(quarter), _window(quarter)
    if rate is not None:
        net = rate.convert(net)
        window += f", 1 {rate.currency.upper()} = {rate.usd:f} USD on {rate.on}"
    average = (net.amount / len(quarter)).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
    return Measurement(average, len(quarter), window)


def _history(
    complete: Sequence[MonthMetrics], months: Sequence[MonthMetrics]
) -> Measurement | None:
    """Nought months are a fact once there is a payment; without one there is nothing to score."""
    if not any(metrics.charge_count > 0 for metrics in months):
        return None
    return Measurement(Decimal(len(complete)), len(complete), _window(complete))


def _growth(complete: Sequence[MonthMetrics]) -> tuple[Measurement | None, GrowthBasis | None]:
    """Compare with the same months a year before (no season), else with the 3 before.

    The evidence is the months that the comparison spans, 15 or 6, which makes the seasonal,
    shorter comparison count less.
    """
    offsets = ((YEAR, GrowthBasis.YEAR_EARLIER), (QUARTER, GrowthBasis.PREVIOUS_QUARTER))
    latest = sum(metrics.net_minor for metrics in complete[-QUARTER:])
    for offset, basis in offsets:
        span = offset + QUARTER
        earlier = sum(metrics.net_minor for metrics in complete[-span:][:QUARTER])
        if len(complete) >= span and earlier > 0:
            change = _ratio(latest - earlier, earlier)
            return Measurement(change, span, _window(complete[-QUARTER:])), basis
    return None, None


def _stability(year: Sequence[MonthMetrics], before: Sequence[MonthMetrics]) -> Measurement | None:
    variation = detrended_variation(
        [metrics.net_minor for metrics in year], [metrics.net_minor for metrics in before]
    )
    if variation is None:
        return None
    rounded = variation.quantize(INPUT_STEP, rounding=ROUND_HALF_EVEN)
    return Measurement(rounded, len(year), _window(year))


def _disputes(quarter: Sequence[MonthMetrics]) -> Measurement | None:
    payments = sum(metrics.charge_count for metrics in quarter)
    if payments == 0:
        return None
    disputes = sum(metrics.chargeback_count for metrics in quarter)
    return Measurement(_ratio(disputes, payments), payments, _window(quarter))


def _refunds(quarter: Sequence[MonthMetrics]) -> Measurement | None:
    revenue = sum(metrics.revenue_minor for metrics in quarter)
    if revenue <= 0:
        return None
    refunded = sum(metrics.refund_minor for metrics in quarter)
    payments = sum(metrics.charge_count for metrics in quarter)
    return Measurement(_ratio(refunded, revenue), payments, _window(quarter))


def _payments(quarter: Sequence[MonthMetrics]) -> Measurement | None:
    failed = sum(metrics.failed_count for metrics in quarter)
    attempted = failed + sum(metrics.charge_count for metrics in quarter)
    if attempted == 0:
        return None
    return Measurement(_ratio(failed, attempted), attempted, _window(quarter))


def _recurring_share(quarter: Sequence[MonthMetrics], account: AccountFacts) -> Decimal | None:
    if account.recurring_share is not None:
        return account.recurring_share
    if not quarter or quarter[-1].mrr_minor is None:
        return None
    average = _net(quarter).amount / len(quarter)
    if average <= 0:
        return None
    recurring = to_decimal(quarter[-1].mrr_minor, quarter[-1].currency)
    return min(_ratio(recurring, average), Decimal(1))
