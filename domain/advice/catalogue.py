"""The catalogue of rules: what each looks at, what following it takes, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.advice import account, customers, disputes, payments, refunds, standing, trend
from domain.advice.terms import Case, Category, Effort, Finding, Silence
from domain.advice.thresholds import Threshold

Check = Callable[[Case], Finding | Silence]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its check, the thresholds it crosses, and the effort with its reason."""

    check: Check
    category: Category
    thresholds: tuple[Threshold, ...]
    effort: Effort
    effort_reason: str

    @property
    def id(self) -> str:
        """The name that `metric_refs.rule` holds."""
        return self.check.__name__

    @property
    def trigger(self) -> str:
        """The sentence that says when the rule speaks."""
        return (self.check.__doc__ or "").partition("\n")[0]


RULES: tuple[Rule, ...] = (
    Rule(
        disputes.disputes_reduce,
        Category.RISK,
        (disputes.ACTIVITY, disputes.DISPUTES),
        Effort.SOME,
        "descriptor, refund policy and Radar rules take weeks to show",
    ),
    Rule(
        disputes.disputes_fraud_3ds,
        Category.RISK,
        (disputes.FRAUD_SHARE, disputes.FRAUD_DISPUTES),
        Effort.LITTLE,
        "a Radar rule",
    ),
    Rule(
        disputes.disputes_evidence,
        Category.RISK,
        (disputes.RESPONSE_RATE, disputes.WIN_RATE, disputes.LOST),
        Effort.SOME,
        "evidence has to be collected for each dispute",
    ),
    Rule(
        disputes.efw_refund,
        Category.RISK,
        (disputes.WARNINGS,),
        Effort.LITTLE,
        "a refund a payment",
    ),
    Rule(
        refunds.refunds_rootcause,
        Category.RISK,
        (refunds.REFUNDS,),
        Effort.SOME,
        "finding a cause and fixing a product or a process",
    ),
    Rule(
        refunds.refund_spike,
        Category.RISK,
        (refunds.SPIKE, refunds.SPIKE_PAYMENTS),
        Effort.LITTLE,
        "reading one month's refunds",
    ),
    Rule(
        payments.dunning,
        Category.REVENUE,
        (payments.FAILURES, payments.FAILED),
        Effort.LITTLE,
        "settings of Stripe Billing",
    ),
    Rule(
        payments.insufficient_funds_timing,
        Category.REVENUE,
        (payments.INSUFFICIENT, payments.DECLINES),
        Effort.LITTLE,
        "another billing day",
    ),
    Rule(
        customers.diversify,
        Category.RISK,
        (customers.TOP_CUSTOMER, customers.HHI),
        Effort.MUCH,
        "new accounts have to be won",
    ),
    Rule(
        customers.annual_plans,
        Category.CASH_FLOW,
        (customers.MONTHLY_PLANS, customers.CHURN),
        Effort.SOME,
        "a price, an offer and the words for it",
    ),
    Rule(
        customers.churn_reduce,
        Category.REVENUE,
        (customers.RETENTION,),
        Effort.MUCH,
        "the product has to keep its customers",
    ),
    Rule(
        customers.expansion,
        Category.REVENUE,
        (customers.NET_RETENTION, customers.KEPT),
        Effort.MUCH,
        "something more to sell has to be made",
    ),
    Rule(
        trend.smooth_revenue,
        Category.CASH_FLOW,
        (trend.VARIATION,),
        Effort.MUCH,
        "other contracts or products",
    ),
    Rule(
        trend.seasonality_brief,
        Category.OPERATIONS,
        (trend.VARIATION, trend.ALIKE),
        Effort.LITTLE,
        "a page to write",
    ),
    Rule(
        trend.growth_stall,
        Category.REVENUE,
        (trend.STALL,),
        Effort.MUCH,
        "acquisition or prices have to change",
    ),
    Rule(
        trend.decline_plan,
        Category.REVENUE,
        (trend.DECLINE,),
        Effort.MUCH,
        "a turnaround",
    ),
    Rule(
        standing.wait_history,
        Category.OPERATIONS,
        (standing.HISTORY,),
        Effort.LITTLE,
        "waiting",
    ),
    Rule(
        standing.reach_floor,
        Category.REVENUE,
        (standing.FLOOR,),
        Effort.MUCH,
        "more has to be sold",
    ),
    Rule(
        account.payout_fix,
        Category.CASH_FLOW,
        (account.FAILED_PAYOUTS,),
        Effort.LITTLE,
        "details in the Stripe Dashboard",
    ),
    Rule(
        standing.data_complete,
        Category.DATA,
        (standing.UNATTRIBUTED,),
        Effort.LITTLE,
        "permissions of a key, or a field in a request",
    ),
    Rule(
        account.verify_account,
        Category.OPERATIONS,
        (account.REQUIREMENTS,),
        Effort.LITTLE,
        "a form in the Stripe Dashboard",
    ),
    Rule(
        standing.fund_pack,
        Category.OPERATIONS,
        (standing.PACK_SCORE, standing.PACK_CONFIDENCE),
        Effort.LITTLE,
        "an export",
    ),
)
