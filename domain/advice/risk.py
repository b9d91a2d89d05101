"""Advice on what lenders fear: disputes, refunds, failed payments, one large customer, payouts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from statistics import median

from domain.advice.terms import CLEARED, Case, Category, Finding
from domain.metrics import MonthMetrics
from domain.readiness import ComponentKey, with_values
from domain.readiness.inputs import plain
from domain.readiness.model import RECURRING_FROM
from domain.readiness.wording import percent

DISPUTES_FROM = Decimal("0.005")
DISPUTES_AT_LEAST = 5
REFUNDS_FROM = Decimal("0.08")
SPIKE_FACTOR = 2
# Below 2 % refunds cost no points, and among a few payments one refund is no spike.
SPIKE_FROM = Decimal("0.02")
SPIKE_PAYMENTS = 20
SPIKE_MONTHS = 6
SPIKE_KNOWN_MONTHS = 3
TOP_CUSTOMER_FROM = Decimal("0.25")
FAILURES_FROM = Decimal("0.08")
# As for retention: the line above which a business lives on subscriptions.
DUNNING_RECURRING_FROM = Decimal(str(RECURRING_FROM))


def disputes_reduce(case: Case) -> Finding | None:
    """At least 0.5 % disputes in 3 months, and at least 5 of them."""
    activity, quarter = case.value(ComponentKey.DISPUTES), case.complete[-3:]
    disputes = sum(month.chargeback_count for month in quarter)
    if activity is None or activity < DISPUTES_FROM or disputes < DISPUTES_AT_LEAST:
        return None
    payments = sum(month.charge_count for month in quarter)
    clear = DISPUTES_FROM * CLEARED
    return Finding(
        rule="disputes_reduce",
        title=f"Bring disputes down from {percent(activity, 2)} of payments",
        description=(
            f"{disputes:,} disputes on {payments:,} payments ({case.window(ComponentKey.DISPUTES)})"
            f" are {percent(activity, 2)}. Advice starts at {percent(DISPUTES_FROM, 2)}; Visa and"
            " Mastercard act at 1.50 %. Make the statement descriptor recognisable, refund before a"
            " complaint becomes a dispute, and tighten Radar rules on risky payments."
            f" Aim for {percent(clear, 2)}."
        ),
        category=Category.RISK,
        metrics=("chargeback_count", "chargeback_ratio"),
        values={"dispute_activity_3m": plain(activity), "disputes_3m": str(disputes)},
        thresholds={
            "dispute_activity_3m": plain(DISPUTES_FROM),
            "disputes_3m": str(DISPUTES_AT_LEAST),
            "clears_at": plain(clear),
        },
        improved=with_values(case.inputs, {ComponentKey.DISPUTES: clear}),
    )


def refunds_rootcause(case: Case) -> Finding | None:
    """At least 8 % of 3 months' revenue refunded."""
    ratio = case.value(ComponentKey.REFUNDS)
    if ratio is None or ratio < REFUNDS_FROM:
        return None
    clear = REFUNDS_FROM * CLEARED
    return Finding(
        rule="refunds_rootcause",
        title=f"Find out why {percent(ratio)} of revenue is refunded",
        description=(
            f"{percent(ratio)} of revenue was refunded ({case.window(ComponentKey.REFUNDS)});"
            f" advice starts at {percent(REFUNDS_FROM)}. List the refunds by product and by reason,"
            f" and fix the largest group first. Aim for {percent(clear)}."
        ),
        category=Category.RISK,
        metrics=("refund_amount", "revenue_total"),
        values={"refund_ratio_3m": plain(ratio)},
        thresholds={"refund_ratio_3m": plain(REFUNDS_FROM), "clears_at": plain(clear)},
        improved=with_values(case.inputs, {ComponentKey.REFUNDS: clear}),
    )


def refund_spike(case: Case) -> Finding | None:
    """The last complete month refunded more than twice the median of the 6 before.

    The month to date is left out: its first days set last month's refunds against few new sales.
    """
    usual = _usual_refunds(case)
    if usual is None or case.complete[-1].charge_count < SPIKE_PAYMENTS:
        return None
    latest, ratio = case.complete[-1], _refunded(case.complete[-1])
    line = max(usual * SPIKE_FACTOR, SPIKE_FROM)
    if ratio is None or ratio <= line:
        return None
    return Finding(
        rule="refund_spike",
        title=f"Look into the refunds of {latest.month}",
        description=(
            f"{percent(ratio)} of {latest.month}'s revenue was refunded, against a median of"
            f" {percent(usual)} in the 6 months before. Look for one event behind it: a faulty"
            " batch, a late delivery, a price error, a double charge."
        ),
        category=Category.RISK,
        metrics=("refund_amount", "revenue_total"),
        values={"refund_ratio_month": _short(ratio), "median_6_months": _short(usual)},
        thresholds={"refund_ratio_month": _short(line), "clears_at": _short(line * CLEARED)},
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


def diversify(case: Case) -> Finding | None:
    """One customer brings at least a quarter of 12 months' net revenue."""
    share = case.value(ComponentKey.CONCENTRATION)
    if share is None or share < TOP_CUSTOMER_FROM:
        return None
    clear = TOP_CUSTOMER_FROM * CLEARED
    return Finding(
        rule="diversify",
        title=f"Depend less on the customer who brings {percent(share)} of revenue",
        description=(
            f"One customer brought {percent(share)} of net revenue"
            f" ({case.window(ComponentKey.CONCENTRATION)}). Lenders ask from"
            f" {percent(TOP_CUSTOMER_FROM)} on and call more than 50 % high. Put that customer on a"
            f" contract with a term and a notice period, and plan new accounts until the share is"
            f" {percent(clear)}."
        ),
        category=Category.RISK,
        metrics=("net_revenue", "active_customers"),
        values={"top1_share_12m": plain(share)},
        thresholds={"top1_share_12m": plain(TOP_CUSTOMER_FROM), "clears_at": plain(clear)},
        improved=with_values(case.inputs, {ComponentKey.CONCENTRATION: clear}),
    )


def dunning(case: Case) -> Finding | None:
    """At least 8 % of payments fail for good in a business that lives on subscriptions."""
    rate, recurring = case.value(ComponentKey.PAYMENTS), case.inputs.recurring_share
    if rate is None or rate < FAILURES_FROM:
        return None
    if recurring is None or recurring < DUNNING_RECURRING_FROM:
        return None
    clear = FAILURES_FROM * CLEARED
    return Finding(
        rule="dunning",
        title=f"Recover the {percent(rate)} of payments that fail for good",
        description=(
            f"{percent(rate)} of payments failed and were not paid later"
            f" ({case.window(ComponentKey.PAYMENTS)}); {percent(recurring)} of revenue is"
            " recurring. Turn on smart retries and the card updater, and send payment reminders."
            f" Aim for {percent(clear)}."
        ),
        category=Category.REVENUE,
        metrics=("charge_count", "mrr"),
        values={"payment_failure_rate": plain(rate), "recurring_share": plain(recurring)},
        thresholds={
            "payment_failure_rate": plain(FAILURES_FROM),
            "recurring_share": plain(DUNNING_RECURRING_FROM),
            "clears_at": plain(clear),
        },
        improved=with_values(case.inputs, {ComponentKey.PAYMENTS: clear}),
    )


def payout_fix(case: Case) -> Finding | None:
    """Payouts are disabled, or some failed."""
    failed = case.value(ComponentKey.PAYOUTS)
    if case.inputs.payouts_enabled is False:
        fact = "Stripe has disabled payouts for this account"
        improved = replace(case.inputs, payouts_enabled=True)
    elif failed:
        fact = f"{percent(failed)} of payouts failed ({case.window(ComponentKey.PAYOUTS)})"
        improved = with_values(case.inputs, {ComponentKey.PAYOUTS: Decimal(0)})
    else:
        return None
    enabled = "false" if case.inputs.payouts_enabled is False else "true"
    return Finding(
        rule="payout_fix",
        title="Get payouts through to the bank",
        description=(
            f"{fact}. Check the bank details, the requirements that Stripe lists as due, and the"
            " balance kept in reserve, in the Stripe Dashboard under payouts."
        ),
        category=Category.CASH_FLOW,
        metrics=("payout_failed_share", "payouts_enabled"),
        values={"payout_failed_share": plain(failed or Decimal(0)), "payouts_enabled": enabled},
        thresholds={"payout_failed_share": "0", "payouts_enabled": "true"},
        improved=improved,
    )
