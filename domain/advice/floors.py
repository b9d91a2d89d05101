"""Funders' published criteria against what the payments show.

A criterion is met, not met, or cannot be seen: what Stripe does not show is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from domain.advice.published import PUBLISHED, Criterion, Measure, PublishedFloors
from domain.metrics import MonthMetrics
from domain.money import Money, exponent, to_decimal
from domain.rates import BASE, NO_RATES, StatedRates

QUARTER, YEAR = 3, 12


class Status(StrEnum):
    """How a criterion stands."""

    MET = "met"
    NOT_MET = "not_met"
    CANNOT_BE_SEEN = "cannot_be_seen"


@dataclass(frozen=True, slots=True)
class Brought:
    """What the business brings: amounts are None where they are not known.

    `monthly_net` averages the last 3 complete months, `yearly` sums the gross revenue of the last
    12, `recurring` averages the last 3 months' MRR; `country` is that of the Stripe account.
    """

    history_months: int
    monthly_net: Money | None
    yearly: Money | None
    recurring: Money | None
    country: str | None
    rates: StatedRates = NO_RATES


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """A criterion as it stands; `value` and `gap` (what is missing, None if met) are in its unit.

    `reason` says why it cannot be seen, or at which rate an amount was converted.
    """

    criterion: Criterion
    status: Status
    value: Decimal | str | None = None
    gap: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FunderResult:
    """A funder's criteria as they stand."""

    published: PublishedFloors
    criteria: tuple[CriterionResult, ...]

    @property
    def status(self) -> Status:
        """Not met if anything seen is not; met if anything was seen; else it cannot be seen."""
        seen = {part.status for part in self.criteria} - {Status.CANNOT_BE_SEEN}
        if Status.NOT_MET in seen:
            return Status.NOT_MET
        return Status.MET if seen and self._sees_an_amount else Status.CANNOT_BE_SEEN

    @property
    def _sees_an_amount(self) -> bool:
        """Tell whether every amount could be compared: months alone make no funder's floor."""
        amounts = [part for part in self.criteria if part.criterion.currency is not None]
        return bool(amounts) and all(part.status is Status.MET for part in amounts)


def brought_by(
    complete: Sequence[MonthMetrics], *, country: str | None, rates: StatedRates
) -> Brought:
    """Return what the complete months, in order, bring to a funder."""
    quarter, year = complete[-QUARTER:], complete[-YEAR:]
    recurring = [month.mrr_minor for month in quarter if month.mrr_minor is not None]
    known = len(recurring) == len(quarter)
    return Brought(
        history_months=len(complete),
        monthly_net=_average([month.net_minor for month in quarter], complete),
        yearly=_total([month.revenue_minor for month in year], complete),
        recurring=_average(recurring, complete) if known else None,
        country=country.upper() if country else None,
        rates=rates,
    )


def _total(amounts: Sequence[int], months: Sequence[MonthMetrics]) -> Money | None:
    return Money(sum(amounts), months[-1].currency) if amounts else None


def _average(amounts: Sequence[int], months: Sequence[MonthMetrics]) -> Money | None:
    if not amounts:
        return None
    average = Decimal(sum(amounts)) / len(amounts)
    minor = average.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    return Money(int(minor), months[-1].currency)


def compare_floors(brought: Brought) -> tuple[FunderResult, ...]:
    """Return every published floor as it stands, in the order of `PUBLISHED`."""
    return tuple(
        FunderResult(published, tuple(_compared(part, brought) for part in published.criteria))
        for published in PUBLISHED
    )


def _compared(criterion: Criterion, brought: Brought) -> CriterionResult:
    if criterion.measure is Measure.NOT_IN_STRIPE:
        return CriterionResult(criterion, Status.CANNOT_BE_SEEN, reason=criterion.reason)
    if criterion.measure is Measure.COUNTRY:
        return _in_country(criterion, brought.country)
    if criterion.measure is Measure.HISTORY_MONTHS:
        return _against(criterion, Decimal(brought.history_months), None)
    return _money(criterion, brought)


def _in_country(criterion: Criterion, country: str | None) -> CriterionResult:
    if country is None:
        reason = "The country of the Stripe account is not known. Sync Stripe once more."
        return CriterionResult(criterion, Status.CANNOT_BE_SEEN, reason=reason)
    status = Status.MET if country == criterion.country else Status.NOT_MET
    return CriterionResult(criterion, status, value=country)


def _money(criterion: Criterion, brought: Brought) -> CriterionResult:
    amount = _amount_of(criterion.measure, brought)
    if amount is None:
        return CriterionResult(criterion, Status.CANNOT_BE_SEEN, reason=_missing(criterion.measure))
    wanted = criterion.currency or BASE
    if amount.currency == wanted:
        return _against(criterion, to_decimal(amount.minor, wanted), None)
    foreign = [code for code in (amount.currency, wanted) if code != BASE]
    rates = {code: brought.rates.find(code) for code in foreign}
    if unstated := [code.upper() for code, rate in rates.items() if rate is None]:
        reason = f"There is no stated exchange rate for {' and '.join(unstated)}."
        return CriterionResult(criterion, Status.CANNOT_BE_SEEN, reason=reason)
    stated = [rate for rate in rates.values() if rate is not None]
    worth = {BASE: Decimal(1)} | {rate.currency: rate.usd for rate in stated}
    value = to_decimal(amount.minor, amount.currency) * worth[amount.currency] / worth[wanted]
    told = ", ".join(
        f"{rate.usd} USD for 1 {rate.currency.upper()} on {rate.on}" for rate in stated
    )
    cent = Decimal(1).scaleb(-exponent(wanted))
    return _against(criterion, value.quantize(cent, rounding=ROUND_HALF_EVEN), f"At {told}.")


def _amount_of(measure: Measure, brought: Brought) -> Money | None:
    if measure is Measure.MONTHLY_NET:
        return brought.monthly_net
    if measure is Measure.YEARLY_REVENUE:
        return brought.yearly
    monthly = brought.recurring
    if measure is Measure.YEARLY_RECURRING and monthly is not None:
        return Money(monthly.minor * YEAR, monthly.currency)
    return monthly


def _missing(measure: Measure) -> str:
    if measure in {Measure.MONTHLY_RECURRING, Measure.YEARLY_RECURRING}:
        return "The recurring revenue of the last 3 complete months is not known."
    return "There is no complete month yet."


def _against(criterion: Criterion, value: Decimal, reason: str | None) -> CriterionResult:
    floor = criterion.floor or Decimal(0)
    if value >= floor:
        return CriterionResult(criterion, Status.MET, value=value, reason=reason)
    return CriterionResult(criterion, Status.NOT_MET, value=value, gap=floor - value, reason=reason)
