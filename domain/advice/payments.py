"""Advice on collecting what customers owe: subscriptions that fail, and when they are charged."""

from __future__ import annotations

from decimal import Decimal

from domain.advice.signals import SubscriptionPayments
from domain.advice.terms import Case, Finding, Silence
from domain.advice.thresholds import at_least, too_high
from domain.readiness import ComponentKey, ReadinessInputs, with_values
from domain.readiness.inputs import plain
from domain.readiness.wording import percent

FAILURES = too_high(
    "subscription_failure_rate_3m",
    "0.08",
    "Retries and reminders bring most subscriptions below it; Shopify Capital counts failed"
    " billing attempts",
    "help.shopify.com",
)
FAILED = at_least("subscription_failures_3m", 5, "Fewer failures are chance, not a pattern")
INSUFFICIENT = too_high(
    "insufficient_funds_share_3m",
    "0.40",
    "From here on an empty account is the main cause, and the day of the charge the main remedy",
)
DECLINES = at_least("declines_3m", 10, "A share of fewer declines says nothing")


def dunning(case: Case) -> Finding | Silence:
    """8 % or more of 3 months' subscription payments failed for good, and at least 5."""
    paid = case.signals.subscriptions
    if paid is None:
        return Silence.UNKNOWN
    rate = paid.failure_rate
    if rate is None or not (case.crosses(FAILURES, rate) and case.crosses(FAILED, paid.failed)):
        return Silence.CLEAR
    top = _top_decline(case)
    return Finding(
        title=f"Recover the {percent(rate)} of subscription payments that fail for good",
        description=(
            f"{paid.failed:,} of {paid.attempted:,} subscription invoices of the last 3 complete"
            f" months were not paid within 7 days, {percent(rate)}.{_most_often(top)} Turn on"
            " smart retries and the card updater in Stripe Billing, and send reminders before and"
            f" after a payment fails. Aim for {percent(FAILURES.goal)}."
        ),
        metrics=("charge_count", "mrr"),
        values={
            "subscription_failure_rate_3m": plain(rate),
            "subscription_failures_3m": str(paid.failed),
            "subscription_payments_3m": str(paid.attempted),
            **({"top_decline": top} if top else {}),
        },
        evidence=paid.attempted / (paid.attempted + _HALF),
        months=3,
        improved=_with_recovered(case, paid),
    )


# The payments at which the score's own component for payment success counts half.
_HALF = 100


def _with_recovered(case: Case, paid: SubscriptionPayments) -> ReadinessInputs | None:
    """Return the inputs if only subscriptions' failures fell to where the trigger clears."""
    known = case.inputs.measurement(ComponentKey.PAYMENTS)
    if known is None or known.n == 0:
        return None
    recovered = paid.failed - FAILURES.goal * paid.attempted
    left = max(known.value - recovered / known.n, Decimal(0))
    return with_values(case.inputs, {ComponentKey.PAYMENTS: min(left, known.value)})


def _top_decline(case: Case) -> str | None:
    codes = case.signals.declines_by_code
    return min(codes, key=lambda code: (-codes[code], code)) if codes else None


def _most_often(code: str | None) -> str:
    return f" Banks decline most often for {code.replace('_', ' ')}." if code else ""


def insufficient_funds_timing(case: Case) -> Finding | Silence:
    """40 % or more of 3 months' declines are for insufficient funds, in a subscription business."""
    codes, paid = case.signals.declines_by_code, case.signals.subscriptions
    if codes is None or paid is None:
        return Silence.UNKNOWN
    declines, empty = sum(codes.values()), codes.get("insufficient_funds", 0)
    # Who sends no subscription invoices has no billing day to move.
    if declines == 0 or paid.attempted == 0:
        return Silence.CLEAR
    share = round(Decimal(empty) / declines, 6)
    if not (case.crosses(INSUFFICIENT, share) and case.crosses(DECLINES, declines)):
        return Silence.CLEAR
    return Finding(
        title="Charge subscriptions when customers have been paid",
        description=(
            f"{empty:,} of {declines:,} declined payments of the last 3 complete months,"
            f" {percent(share)}, were for insufficient funds. Move the billing day of subscriptions"
            " to the days after wages arrive, and retry on those days. The advice ends at"
            f" {percent(INSUFFICIENT.goal)}."
        ),
        metrics=("charge_count",),
        values={"insufficient_funds_share_3m": plain(share), "declines_3m": str(declines)},
        evidence=declines / (declines + int(DECLINES.opens_at)),
        months=3,
        improved=_with_funds(case, share),
    )


def _with_funds(case: Case, share: Decimal) -> ReadinessInputs | None:
    """Return the inputs if declines for funds fell to the goal, and final failures with them."""
    failing = case.value(ComponentKey.PAYMENTS)
    if failing is None:
        return None
    left = min((1 - share) / (1 - INSUFFICIENT.goal), Decimal(1))
    return with_values(case.inputs, {ComponentKey.PAYMENTS: failing * left})
