"""Advice on revenue: its trend, its steadiness, who stays, and how far the next floor is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import StatisticsError, correlation

from domain.advice.funders import FUNDERS, Funder, Standing
from domain.advice.terms import CLEARED, CLEARED_ABOVE, Case, Category, Finding
from domain.metrics import MonthMetrics
from domain.money import Money, to_decimal
from domain.readiness import ComponentKey, with_values
from domain.readiness.inputs import plain
from domain.readiness.model import RECURRING_FROM
from domain.readiness.wording import percent

VARIATION_FROM = Decimal("0.35")
SEASON_CORRELATION_FROM = Decimal("0.7")
STALL_BELOW = Decimal(0)
DECLINE_FROM = Decimal("-0.10")
RETENTION_BELOW = Decimal("0.85")


def smooth_revenue(case: Case) -> Finding | None:
    """Monthly net revenue varies by at least 35 % around its trend."""
    variation = case.value(ComponentKey.STABILITY)
    if variation is None or variation < VARIATION_FROM or not case.complete:
        return None
    worst = min(case.complete[-12:], key=lambda month: month.net_minor)
    clear = VARIATION_FROM * CLEARED
    return Finding(
        rule="smooth_revenue",
        title="Even out monthly revenue",
        description=(
            f"Monthly net revenue varied by {percent(variation)} around its trend"
            f" ({case.window(ComponentKey.STABILITY)}); advice starts at"
            f" {percent(VARIATION_FROM)}. The weakest month was {worst.month} with {_net(worst)}."
            " Pre-orders, retainers or a plan for the weak months fill such gaps."
        ),
        category=Category.CASH_FLOW,
        metrics=("net_revenue",),
        values={"monthly_variation": plain(variation), "worst_month": str(worst.month)},
        thresholds={"monthly_variation": plain(VARIATION_FROM), "clears_at": plain(clear)},
        improved=with_values(case.inputs, {ComponentKey.STABILITY: clear}),
    )


def _net(month: MonthMetrics) -> Money:
    return Money(month.net_minor, month.currency)


def seasonality_brief(case: Case) -> Finding | None:
    """Revenue varies, but with the same shape as the year before: that can be explained."""
    variation = case.value(ComponentKey.STABILITY)
    if variation is None or variation < VARIATION_FROM:
        return None
    alike = _year_on_year_correlation(case.complete)
    if alike is None or alike < SEASON_CORRELATION_FROM:
        return None
    return Finding(
        rule="seasonality_brief",
        title="Show lenders that the swings are a season",
        description=(
            f"Monthly net revenue varied by {percent(variation)}, but the last 12 months follow the"
            f" 12 before with a correlation of {alike}. Add a note with both years side by side to"
            " an application: a season that repeats is no risk of its own."
        ),
        category=Category.OPERATIONS,
        metrics=("net_revenue",),
        values={"monthly_variation": plain(variation), "year_on_year_correlation": str(alike)},
        thresholds={
            "monthly_variation": plain(VARIATION_FROM),
            "year_on_year_correlation": plain(SEASON_CORRELATION_FROM),
        },
    )


def _year_on_year_correlation(months: Sequence[MonthMetrics]) -> Decimal | None:
    if len(months) < 24:
        return None
    net = [month.net_minor for month in months[-24:]]
    try:
        return round(Decimal(correlation(net[:12], net[12:])), 2)
    except StatisticsError:  # a year without any variation resembles nothing
        return None


def growth_stall(case: Case) -> Finding | None:
    """Net revenue shrinks, by less than 10 %."""
    growth = case.value(ComponentKey.GROWTH)
    if growth is None or not DECLINE_FROM < growth < STALL_BELOW:
        return None
    return Finding(
        rule="growth_stall",
        title=f"Get growth back from {percent(growth)}",
        description=(
            f"Net revenue changed by {percent(growth)} ({case.window(ComponentKey.GROWTH)})."
            " Compare new customers, returning customers and the average charge with the earlier"
            " months to see which fell, then review acquisition or prices accordingly."
        ),
        category=Category.REVENUE,
        metrics=("net_revenue", "active_customers", "average_charge"),
        values={"growth": plain(growth)},
        thresholds={"growth": plain(STALL_BELOW), "clears_at": plain(STALL_BELOW)},
        improved=with_values(case.inputs, {ComponentKey.GROWTH: STALL_BELOW}),
    )


def decline_plan(case: Case) -> Finding | None:
    """Net revenue shrinks by 10 % or more."""
    growth = case.value(ComponentKey.GROWTH)
    if growth is None or growth > DECLINE_FROM:
        return None
    clear = DECLINE_FROM * CLEARED
    return Finding(
        rule="decline_plan",
        title=f"Turn the decline of {percent(-growth)} before applying",
        description=(
            f"Net revenue changed by {percent(growth)} ({case.window(ComponentKey.GROWTH)}); from"
            f" {percent(DECLINE_FROM)} on, the decline limits the whole score. Write down what"
            " caused it and what is being done, and apply once the fall has slowed to"
            f" {percent(clear)}."
        ),
        category=Category.REVENUE,
        metrics=("net_revenue",),
        values={"growth": plain(growth)},
        thresholds={"growth": plain(DECLINE_FROM), "clears_at": plain(clear)},
        improved=with_values(case.inputs, {ComponentKey.GROWTH: clear}),
    )


def churn_reduce(case: Case) -> Finding | None:
    """Less than 85 % of a year ago's recurring revenue is still there."""
    kept = case.value(ComponentKey.RETENTION)
    scored = case.assessment.component(ComponentKey.RETENTION)
    if kept is None or scored is None or kept >= RETENTION_BELOW:
        return None
    clear = RETENTION_BELOW * CLEARED_ABOVE
    return Finding(
        rule="churn_reduce",
        title=f"Keep more than {percent(kept)} of recurring revenue",
        description=(
            f"{percent(kept)} of the recurring revenue of a year ago is still there"
            f" ({case.window(ComponentKey.RETENTION)}); 91 to 93 % is usual for software"
            " subscriptions. Ask for the reason at every cancellation and offer a pause or a"
            f" smaller plan. Aim for {percent(clear)}."
        ),
        category=Category.REVENUE,
        metrics=("mrr",),
        values={"gross_retention": plain(kept)},
        thresholds={"gross_retention": plain(RETENTION_BELOW), "clears_at": plain(clear)},
        improved=with_values(case.inputs, {ComponentKey.RETENTION: clear}),
    )


def standing(case: Case) -> Standing | None:
    """Return what the business brings to a funder; None unless amounts are in USD."""
    monthly = case.value(ComponentKey.SCALE)
    if monthly is None or case.inputs.currency != "usd":
        return None
    gross = sum(month.revenue_minor for month in case.complete[-12:])
    return Standing(
        monthly=monthly,
        recurring=monthly * (case.inputs.recurring_share or Decimal(0)),
        yearly=to_decimal(gross, "usd"),
        history_months=len(case.complete),
    )


def reach_floor(case: Case) -> Finding | None:
    """The average month is below the next floor that a funder publishes."""
    brought = standing(case)
    if brought is None:
        return None
    missed = [
        funder
        for funder in FUNDERS
        if brought.monthly_for(funder) < funder.monthly
        and (not funder.recurring or _lives_on_subscriptions(case))
    ]
    return _floor_finding(case, brought, missed[0]) if missed else None


def _lives_on_subscriptions(case: Case) -> bool:
    return float(case.inputs.recurring_share or 0) > RECURRING_FROM


def _floor_finding(case: Case, brought: Standing, funder: Funder) -> Finding:
    has = round(brought.monthly_for(funder), 2)
    gap = funder.monthly - has
    kind = "recurring revenue" if funder.recurring else "net revenue"
    return Finding(
        rule="reach_floor",
        title=f"Reach {funder.name}'s floor of {funder.monthly:,} USD a month",
        description=(
            f"{kind.capitalize()} averages {has:,.2f} USD a month"
            f" ({case.window(ComponentKey.SCALE)}). {funder.name} publishes a floor of"
            f" {funder.monthly:,} USD ({funder.source}): {gap:,.2f} USD a month are missing."
        ),
        category=Category.REVENUE,
        metrics=("mrr",) if funder.recurring else ("net_revenue",),
        values={"average_month": plain(has), "gap": plain(gap), "funder": funder.name},
        thresholds={"average_month": plain(funder.monthly)},
        improved=with_values(case.inputs, {ComponentKey.SCALE: brought.monthly + gap}),
    )
