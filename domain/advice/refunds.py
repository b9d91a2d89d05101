"""Advice on refunds: a high share of them, and a month that stands out."""

from __future__ import annotations

from decimal import Decimal
from statistics import median

from domain.advice.terms import Case, Finding, Silence
from domain.advice.thresholds import CLEARED, OWN_JUDGEMENT, Side, Threshold, at_least, too_high
from domain.metrics import MonthMetrics
from domain.readiness import ComponentKey, with_values
from domain.readiness.inputs import plain
from domain.readiness.wording import percent

REFUNDS = too_high(
    "refund_ratio_3m",
    "0.08",
    "No funder publishes a line; from here on there is a cause behind it, not chance",
)
SPIKE_FACTOR = 2
# The value compared is the month's ratio over the line, which depends on the months before.
SPIKE = Threshold(
    "refund_ratio_over_line",
    Side.ABOVE,
    Decimal(1),
    CLEARED,
    "The line is twice the median of 6 months, more than months differ by chance, and 2 % at least,"
    " below which refunds cost no points",
    OWN_JUDGEMENT,
)
SPIKE_FROM = Decimal("0.02")
SPIKE_PAYMENTS = at_least("payments_month", 20, "Among fewer payments one refund is no spike")
SPIKE_MONTHS = 6
SPIKE_KNOWN_MONTHS = 3


def refunds_rootcause(case: Case) -> Finding | Silence:
    """8 % or more of 3 months' revenue was refunded."""
    ratio = case.value(ComponentKey.REFUNDS)
    if ratio is None:
        return Silence.UNKNOWN
    if not case.crosses(REFUNDS, ratio):
        return Silence.CLEAR
    return Finding(
        title=f"Find out why {percent(ratio)} of revenue is refunded",
        description=(
            f"{percent(ratio)} of revenue was refunded ({case.window(ComponentKey.REFUNDS)});"
            f" advice starts at {percent(REFUNDS.opens_at)}. List the refunds by product and by"
            f" reason, and fix the largest group first. Aim for {percent(REFUNDS.goal)}."
        ),
        metrics=("refund_amount", "revenue_total"),
        values={"refund_ratio_3m": plain(ratio)},
        evidence=case.evidence(ComponentKey.REFUNDS),
        months=3,
        improved=with_values(case.inputs, {ComponentKey.REFUNDS: REFUNDS.goal}),
    )


def refund_spike(case: Case) -> Finding | Silence:
    """The last complete month refunded over twice the median of the 6 before, and over 2 %.

    The month to date is left out: its first days set last month's refunds against few new sales.
    """
    usual = _usual_refunds(case)
    ratio = _refunded(case.complete[-1]) if case.complete else None
    if usual is None or ratio is None:
        return Silence.UNKNOWN
    latest, line = case.complete[-1], max(usual * SPIKE_FACTOR, SPIKE_FROM)
    if not (
        case.crosses(SPIKE, ratio / line) and case.crosses(SPIKE_PAYMENTS, latest.charge_count)
    ):
        return Silence.CLEAR
    return Finding(
        title=f"Look into the refunds of {latest.month}",
        description=(
            f"{percent(ratio)} of {latest.month}'s revenue was refunded, against a median of"
            f" {percent(usual)} in the 6 months before. Look for one event behind it: a faulty"
            " batch, a late delivery, a price error, a double charge."
        ),
        metrics=("refund_amount", "revenue_total"),
        values={
            "refund_ratio_month": _short(ratio),
            "median_6_months": _short(usual),
            "refund_ratio_over_line": _short(ratio / line),
        },
        evidence=case.evidence(ComponentKey.REFUNDS),
        months=SPIKE_MONTHS + 1,
        improved=with_values(
            case.inputs, {ComponentKey.REFUNDS: _quarter_with_last(case, line * CLEARED)}
        ),
    )


def _usual_refunds(case: Case) -> Decimal | None:
    earlier = case.complete[-SPIKE_MONTHS - 1 : -1]
    known = [ratio for ratio in map(_refunded, earlier) if ratio is not None]
    if len(earlier) < SPIKE_MONTHS or len(known) < SPIKE_KNOWN_MONTHS:
        return None
    return median(known)


def _refunded(month: MonthMetrics) -> Decimal | None:
    if month.revenue_minor <= 0:
        return None
    return Decimal(month.refund_minor) / Decimal(month.revenue_minor)


def _quarter_with_last(case: Case, ratio: Decimal) -> Decimal:
    """Return the 3-month refund ratio if the last month had refunded the given share."""
    quarter, latest = case.complete[-3:], case.complete[-1]
    refunded = sum(month.refund_minor for month in quarter) - latest.refund_minor
    revenue = sum(month.revenue_minor for month in quarter)
    return (refunded + ratio * latest.revenue_minor) / revenue


def _short(ratio: Decimal) -> str:
    return plain(round(ratio, 4))
