"""Advice on the Stripe account itself: payouts that arrive, and verification that is finished."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.advice.terms import Case, Finding, Silence
from domain.advice.thresholds import any_at_all
from domain.readiness import ComponentKey, with_values

FAILED_PAYOUTS = any_at_all(
    "payouts_failed_90d",
    "A payout that fails is money that does not arrive; the funder would be repaid from it",
    "docs.stripe.com/payouts",
)
REQUIREMENTS = any_at_all(
    "requirements_due",
    "Stripe disables payouts when what it lists as currently due is not given in time",
    "docs.stripe.com/api/accounts/object",
)


def payout_fix(case: Case) -> Finding | Silence:
    """Payouts are disabled, or one failed within 90 days."""
    enabled, failed = case.inputs.payouts_enabled, case.signals.payouts_failed
    if enabled is None and failed is None:
        return Silence.UNKNOWN
    if enabled is False:
        fact = "Stripe has disabled payouts for this account"
        improved = replace(case.inputs, payouts_enabled=True)
    elif failed is not None and case.crosses(FAILED_PAYOUTS, failed):
        fact = f"{failed:,} payout{'' if failed == 1 else 's'} failed within the last 90 days"
        known = case.inputs.measurement(ComponentKey.PAYOUTS) is not None
        values = {ComponentKey.PAYOUTS: Decimal(0)} if known else {}
        improved = with_values(case.inputs, values)
    else:
        return Silence.UNKNOWN if failed is None else Silence.CLEAR
    return Finding(
        title="Get payouts through to the bank",
        description=(
            f"{fact}. Check the bank details, the requirements that Stripe lists as due, and the"
            " balance kept in reserve, in the Stripe Dashboard under payouts."
        ),
        metrics=("payout_failed_share", "payouts_enabled"),
        values={
            **({} if failed is None else {"payouts_failed_90d": str(failed)}),
            **({} if enabled is None else {"payouts_enabled": str(enabled).lower()}),
        },
        evidence=1.0,
        months=3,
        improved=improved,
    )


def verify_account(case: Case) -> Finding | Silence:
    """Stripe lists requirements of the account as currently due."""
    due = case.signals.requirements_due
    if due is None:
        return Silence.UNKNOWN
    if not case.crosses(REQUIREMENTS, due):
        return Silence.CLEAR
    several = "" if due == 1 else "s"
    return Finding(
        title="Finish the verification of the Stripe account",
        description=(
            f"Stripe lists {due:,} requirement{several} as currently due and disables payouts when"
            " they are not met in time. Open the account's settings in the Stripe Dashboard and"
            " give what is asked for."
        ),
        metrics=("requirements_due",),
        values={"requirements_due": str(due)},
        evidence=1.0,
        worsened=replace(case.inputs, payouts_enabled=False),
    )
