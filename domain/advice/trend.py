"""Advice on revenue over time: its steadiness, its season and its direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import StatisticsError, correlation

from domain.advice.terms import Case, Finding, Silence
from domain.advice.thresholds import CLEARED, Side, Threshold, too_high
from domain.metrics import MonthMetrics
from domain.money import Money
from domain.readiness import ComponentKey, with_values
from domain.readiness.inputs import plain
from domain.readiness.wording import percent

VARIATION = too_high(
    "monthly_variation",
    "0.35",
    "Stripe Capital asks for a steady record with limited periods of low volume; from a third on"
    " single months no longer speak for the year",
    "docs.stripe.com/capital",
)
ALIKE = too_high(
    "year_on_year_correlation", "0.7", "From here on half of the swings repeat (0.7 squared)"
)
DECLINE = Threshold(
    "growth",
    Side.AT_MOST,
    Decimal("-0.10"),
    Decimal("-0.10") * CLEARED,
    "From here on the decline limits the whole score; Stripe Capital names growth as a factor",
    "docs.stripe.com/capital",
)
# Ten percent of nought is nought: the band is a tenth of the way to the next rule's line.
STALL = Threshold(
    "growth",
    Side.BELOW,
    Decimal(0),
    Decimal("0.01"),
    "Below nought the business shrinks; Stripe Capital names growth as a factor",
    "docs.stripe.com/capital",
)
SEASON_YEARS_MONTHS = 24


def smooth_revenue(case: Case) -> Finding | Silence:
    """Monthly net revenue varies by 35 % or more around its trend."""
    variation = case.value(ComponentKey.STABILITY)
    if variation is None or not case.complete:
        return Silence.UNKNOWN
    if not case.crosses(VARIATION, variation):
        return Silence.CLEAR
    worst = min(case.complete[-12:], key=lambda month: month.net_minor)
    return Finding(
        title="Even out monthly revenue",
        description=(
            f"Monthly net revenue varied by {percent(variation)} around its trend"
            f" ({case.window(ComponentKey.STABILITY)}); advice starts at"
            f" {percent(VARIATION.opens_at)}. The weakest month was {worst.month} with"
            f" {_net(worst)}. Plan pre-orders, retainers or an offer for the weak months. Aim for"
            f" {percent(VARIATION.goal)}."
        ),
        metrics=("net_revenue",),
        values={"monthly_variation": plain(variation), "worst_month": str(worst.month)},
        evidence=case.evidence(ComponentKey.STABILITY),
        months=12,
        improved=with_values(case.inputs, {ComponentKey.STABILITY: VARIATION.goal}),
    )


def _net(month: MonthMetrics) -> Money:
    return Money(month.net_minor, month.currency)


def seasonality_brief(case: Case) -> Finding | Silence:
    """It does, but the last 12 months follow the 12 before with a correlation of 0.7 or more."""
    variation = case.value(ComponentKey.STABILITY)
    alike = _year_on_year_correlation(case.complete)
    if variation is None or alike is None:
        return Silence.UNKNOWN
    if not (case.crosses(VARIATION, variation) and case.crosses(ALIKE, alike)):
        return Silence.CLEAR
    return Finding(
        title="Show lenders that the swings are a season",
        description=(
            f"Monthly net revenue varied by {percent(variation)}, but the last 12 months follow the"
            f" 12 before with a correlation of {alike}. Add a note with both years side by side to"
            " an application: a season that repeats is no risk of its own."
        ),
        metrics=("net_revenue",),
        values={"monthly_variation": plain(variation), "year_on_year_correlation": str(alike)},
        evidence=case.evidence(ComponentKey.STABILITY),
        months=SEASON_YEARS_MONTHS,
    )


def _year_on_year_correlation(months: Sequence[MonthMetrics]) -> Decimal | None:
    if len(months) < SEASON_YEARS_MONTHS:
        return None
    net = [month.net_minor for month in months[-SEASON_YEARS_MONTHS:]]
    try:
        return round(Decimal(correlation(net[:12], net[12:])), 2)
    except StatisticsError:  # a year without any variation resembles nothing
        return Decimal(0)


def growth_stall(case: Case) -> Finding | Silence:
    """Net revenue shrinks, by less than 10 %."""
    growth = case.value(ComponentKey.GROWTH)
    if growth is None:
        return Silence.UNKNOWN
    if not case.crosses(STALL, growth) or _is_declining(case, growth):
        return Silence.CLEAR
    return Finding(
        title=f"Get growth back from {percent(growth)}",
        description=(
            f"Net revenue changed by {percent(growth)} ({case.window(ComponentKey.GROWTH)})."
            " Compare new customers, returning customers and the average charge with the earlier"
            " months to see which fell, then review acquisition or prices accordingly. The advice"
            f" ends at {percent(STALL.goal)}."
        ),
        metrics=("net_revenue", "active_customers", "average_charge"),
        values={"growth": plain(growth)},
        evidence=case.evidence(ComponentKey.GROWTH),
        months=_growth_months(case),
        improved=with_values(case.inputs, {ComponentKey.GROWTH: STALL.goal}),
    )


def _is_declining(case: Case, growth: Decimal) -> bool:
    """Tell whether the other rule has the word: never both about one decline."""
    return replace(case, rule=decline_plan.__name__).crosses(DECLINE, growth)


def _growth_months(case: Case) -> int:
    measured = case.inputs.measurement(ComponentKey.GROWTH)
    return measured.n if measured else 0


def decline_plan(case: Case) -> Finding | Silence:
    """Net revenue shrinks by 10 % or more."""
    growth = case.value(ComponentKey.GROWTH)
    if growth is None:
        return Silence.UNKNOWN
    if not case.crosses(DECLINE, growth):
        return Silence.CLEAR
    return Finding(
        title=f"Turn the decline of {percent(-growth)} before applying",
        description=(
            f"Net revenue changed by {percent(growth)} ({case.window(ComponentKey.GROWTH)}); from"
            f" {percent(DECLINE.opens_at)} on, the decline limits the whole score. Write down what"
            " caused it and what is being done, and apply once the fall has slowed to"
            f" {percent(DECLINE.goal)}."
        ),
        metrics=("net_revenue",),
        values={"growth": plain(growth)},
        evidence=case.evidence(ComponentKey.GROWTH),
        months=_growth_months(case),
        improved=with_values(case.inputs, {ComponentKey.GROWTH: DECLINE.goal}),
    )
