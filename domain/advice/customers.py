"""Advice on customers: dependence on a few, who stays, who pays for a year, who grows."""

from __future__ import annotations

from decimal import Decimal

from domain.advice.terms import Case, Finding, Silence
from domain.advice.thresholds import Side, too_high, too_low
from domain.readiness import ComponentKey, with_values
from domain.readiness.inputs import plain
from domain.readiness.wording import percent

TOP_CUSTOMER = too_high(
    "top1_share_12m",
    "0.25",
    "Lenders ask about a largest customer from here on and call more than 50 % high",
    "guides to SBA lending",
)
HHI = too_high(
    "hhi_12m",
    "1800",
    "From 1,800 of 10,000 on, competition authorities call a market highly concentrated",
    "US Merger Guidelines 2023, guideline 1",
)
RETENTION = too_low(
    "gross_retention_12m",
    "0.85",
    "Below the 91 to 93 % that is usual, with room for small businesses' higher churn",
    "SaaS Capital's benchmark",
)
MONTHLY_PLANS = too_high(
    "monthly_plan_share", "0.90", "Nearly all revenue can leave within a month", side=Side.ABOVE
)
CHURN = too_high(
    "monthly_churn",
    "0.03",
    "3 % a month loses 31 % in a year; 7 to 9 % is usual",
    "SaaS Capital's benchmark",
    side=Side.ABOVE,
)
NET_RETENTION = too_low(
    "net_retention_12m",
    "1",
    "Below 100 % customers who stay do not make up for those who leave",
    "SaaS Capital's benchmark: 100 to 106 %",
)
KEPT = too_high(
    "gross_retention_12m", "0.90", "Below it, customers leave: keep them before selling them more"
)


def diversify(case: Case) -> Finding | Silence:
    """One customer brings 25 % or more of 12 months, or the HHI of customers is 1,800 or more."""
    share, hhi = case.value(ComponentKey.CONCENTRATION), case.signals.hhi
    if share is None:
        return Silence.UNKNOWN
    spread = hhi is None or not case.crosses(HHI, hhi)
    if spread and not case.crosses(TOP_CUSTOMER, share):
        return Silence.CLEAR
    goal = TOP_CUSTOMER.goal
    title, remedy = _dependence(share)
    return Finding(
        title=title,
        description=(
            f"One customer brought {percent(share)} of net revenue"
            f" ({case.window(ComponentKey.CONCENTRATION)}).{_hhi_words(hhi)} Lenders ask from"
            f" {percent(TOP_CUSTOMER.opens_at)} on and call more than 50 % high. {remedy}"
        ),
        metrics=("net_revenue", "active_customers"),
        values={
            "top1_share_12m": plain(share),
            **({} if hhi is None else {"hhi_12m": f"{hhi:.0f}"}),
        },
        evidence=1.0,
        months=12,
        improved=with_values(case.inputs, {ComponentKey.CONCENTRATION: min(share, goal)}),
    )


def _dependence(share: Decimal) -> tuple[str, str]:
    """Return the title and what to do: for one large customer, or for a few."""
    goal = TOP_CUSTOMER.goal
    if share > goal:
        return (
            f"Depend less on the customer who brings {percent(share)} of revenue",
            (
                "Put that customer on a contract with a term and a notice period, and plan new"
                f" accounts until the share is {percent(goal)}."
            ),
        )
    return (
        "Depend less on a few large customers",
        (
            "Put the largest customers on contracts with a term and a notice period, and plan new"
            f" accounts until the index is {HHI.goal:,.0f}."
        ),
    )


def _hhi_words(hhi: Decimal | None) -> str:
    if hhi is None:
        return ""
    return (
        f" The concentration index of all customers (HHI) is {hhi:,.0f} of 10,000; from"
        f" {HHI.opens_at:,.0f} on it counts as high."
    )


def churn_reduce(case: Case) -> Finding | Silence:
    """Less than 85 % of a year ago's recurring revenue is still there."""
    kept = case.value(ComponentKey.RETENTION)
    if kept is None:
        return Silence.UNKNOWN
    # Retention that is not scored is that of a business which does not live on subscriptions.
    scored = case.assessment.component(ComponentKey.RETENTION)
    if scored is None or not case.crosses(RETENTION, kept):
        return Silence.CLEAR
    return Finding(
        title=f"Keep more than {percent(kept)} of recurring revenue",
        description=(
            f"{percent(kept)} of the recurring revenue of a year ago is still there"
            f" ({case.window(ComponentKey.RETENTION)}); 91 to 93 % is usual for software"
            " subscriptions. Ask for the reason at every cancellation and offer a pause or a"
            f" smaller plan. Aim for {percent(RETENTION.goal)}."
        ),
        metrics=("mrr",),
        values={"gross_retention_12m": plain(kept)},
        evidence=case.evidence(ComponentKey.RETENTION),
        months=12,
        improved=with_values(case.inputs, {ComponentKey.RETENTION: RETENTION.goal}),
    )


def annual_plans(case: Case) -> Finding | Silence:
    """More than 90 % of recurring revenue is on monthly plans, and over 3 % churn a month."""
    monthly, churn = case.signals.monthly_plan_share, case.signals.monthly_churn
    if monthly is None or churn is None:
        return Silence.UNKNOWN
    if not (case.crosses(MONTHLY_PLANS, monthly) and case.crosses(CHURN, churn)):
        return Silence.CLEAR
    return Finding(
        title="Offer a yearly plan that is paid in advance",
        description=(
            f"{percent(monthly)} of recurring revenue is on monthly plans and {percent(churn)} of"
            " subscribers leave in a month. Offer a yearly plan, paid in advance and cheaper than"
            " its months, at sign-up and to those who have stayed. The advice ends at"
            f" {percent(MONTHLY_PLANS.goal)} on monthly plans or {percent(CHURN.goal)} churn."
        ),
        metrics=("mrr",),
        values={"monthly_plan_share": plain(monthly), "monthly_churn": plain(churn)},
        evidence=1.0,
        months=1,
    )


def expansion(case: Case) -> Finding | Silence:
    """Net retention is below 100 % although gross retention is 90 % or more."""
    net, kept = case.signals.net_retention, case.value(ComponentKey.RETENTION)
    if net is None or kept is None:
        return Silence.UNKNOWN
    if not (case.crosses(NET_RETENTION, net) and case.crosses(KEPT, kept)):
        return Silence.CLEAR
    return Finding(
        title="Give customers who stay something more to buy",
        description=(
            f"{percent(kept)} of the recurring revenue of a year ago is still there"
            f" ({case.window(ComponentKey.RETENTION)}), but with what those customers added it is"
            f" only {percent(net)}. Offer add-ons, or a price by seat or by use that grows with"
            f" them. The advice ends at {percent(NET_RETENTION.goal)}."
        ),
        metrics=("mrr",),
        values={"net_retention_12m": plain(net), "gross_retention_12m": plain(kept)},
        evidence=case.evidence(ComponentKey.RETENTION),
        months=12,
    )
