"""Advice on where the business stands: too young, below a floor, not fully seen, or ready."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.advice.funders import FUNDERS, Funder, Standing
from domain.advice.terms import Case, Finding, Priority, Silence
from domain.advice.thresholds import (
    CLEARED,
    CLEARED_ABOVE,
    OWN_JUDGEMENT,
    Side,
    Threshold,
    too_high,
)
from domain.money import to_decimal
from domain.readiness import (
    TIER_THRESHOLDS,
    Assessment,
    ComponentKey,
    DropKind,
    Measurement,
    ReadinessInputs,
    Tier,
    assess,
    with_values,
)
from domain.readiness.inputs import plain
from domain.readiness.model import RECURRING_FROM, TIER_HYSTERESIS
from domain.readiness.wording import percent

# Where funders' doors open, in complete months: Stripe Capital US, Stripe Capital UK, Clearco.
GATES = (3, 6, 12)
# Months only add up: there is nothing that could waver about the line.
HISTORY = Threshold(
    "history_months",
    Side.BELOW,
    Decimal(6),
    Decimal(6),
    "Stripe Capital opens at 3 months in the US and at 6 in the UK",
    "docs.stripe.com/capital/eligibility",
)
FLOOR = Threshold(
    "average_month_over_floor",
    Side.BELOW,
    Decimal(1),
    CLEARED_ABOVE,
    "A funder does not look at a business below the floor that it publishes",
    "docs.stripe.com/capital; clear.co/faq; lightercapital.com/faq",
)
UNATTRIBUTED = too_high(
    "unattributed_share",
    "0.30",
    "Above it the largest customer could be among those whom nobody can tell apart",
    side=Side.ABOVE,
)
# The score's own hysteresis, so that the pack lasts as long as the tier that is shown.
PACK_SCORE = Threshold(
    "score",
    Side.AT_LEAST,
    Decimal(TIER_THRESHOLDS[Tier.FUNDING_READY]),
    Decimal(TIER_THRESHOLDS[Tier.FUNDING_READY]) - Decimal(str(TIER_HYSTERESIS)),
    "The line of funding_ready; the tier is lost 2.5 points below it",
    OWN_JUDGEMENT,
)
PACK_CONFIDENCE = Threshold(
    "confidence",
    Side.AT_LEAST,
    Decimal("0.7"),
    Decimal("0.7") * CLEARED,
    "Below it most of the score is not proven by data",
    OWN_JUDGEMENT,
)
# Evidence without end: what confidence would be if nothing more could be proven.
_BOUNDLESS = 10**9


def wait_history(case: Case) -> Finding | Silence:
    """Fewer than 6 complete months since the first payment."""
    months, first = case.value(ComponentKey.HISTORY), case.first_month
    if months is None or first is None:
        return Silence.UNKNOWN
    if not case.crosses(HISTORY, months):
        return Silence.CLEAR
    doors = ", ".join(
        f"{gate} months on {first.plus(gate).first_day}" for gate in GATES if gate > months
    )
    return Finding(
        title=f"Keep payments on Stripe until there are {HISTORY.opens_at} months of history",
        description=(
            f"Payments go back to {first}, which makes {months:f} complete months. History limits"
            f" the score until it is longer, and funders open their doors at 3, 6 and 12 months:"
            f" {doors}."
        ),
        metrics=("history_months",),
        values={"history_months": plain(months), "first_month": str(first)},
        evidence=1.0,
        months=len(case.complete),
        improved=with_values(case.inputs, {ComponentKey.HISTORY: HISTORY.goal}),
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


def reach_floor(case: Case) -> Finding | Silence:
    """The average month is below the next floor that a funder publishes."""
    brought = standing(case)
    if brought is None:
        return Silence.UNKNOWN
    missed = (funder for funder in FUNDERS if _is_missed(case, brought, funder))
    funder = next(missed, None)
    return Silence.CLEAR if funder is None else _floor_finding(case, brought, funder)


def _is_missed(case: Case, brought: Standing, funder: Funder) -> bool:
    if funder.recurring and float(case.inputs.recurring_share or 0) <= RECURRING_FROM:
        return False
    # Only the floor that the open recommendation is about holds on until it clears.
    held = case.held is not None and case.held.get("funder") == funder.name
    return FLOOR.crossed(brought.monthly_for(funder) / funder.monthly, is_open=held)


def _floor_finding(case: Case, brought: Standing, funder: Funder) -> Finding:
    has, goal = round(brought.monthly_for(funder), 2), funder.monthly * FLOOR.goal
    kind = "recurring revenue" if funder.recurring else "net revenue"
    gap = max(funder.monthly - has, Decimal(0))
    return Finding(
        title=f"Reach {funder.name}'s floor of {funder.monthly:,} USD a month",
        description=(
            f"{kind.capitalize()} averages {has:,.2f} USD a month"
            f" ({case.window(ComponentKey.SCALE)}). {funder.name} publishes a floor of"
            f" {funder.monthly:,} USD ({funder.source}): {gap:,.2f} USD a month are missing. Plan"
            f" for {goal:,.2f} USD, so that one weak month does not fall below it."
        ),
        metrics=("mrr",) if funder.recurring else ("net_revenue",),
        values={
            "average_month": plain(has),
            "floor": plain(funder.monthly),
            "gap": plain(gap),
            "currency": "usd",
            "funder": funder.name,
        },
        evidence=1.0,
        months=3,
        improved=with_values(
            case.inputs, {ComponentKey.SCALE: max(brought.monthly, brought.monthly + goal - has)}
        ),
    )


def data_complete(case: Case) -> Finding | Silence:
    """Data is stale, a permission or a component is missing, or over 30 % has no customer."""
    gaps = _gaps(case)
    if not gaps:
        return Silence.CLEAR
    stale = case.assessment.stale is not None
    return Finding(
        title="Bring the data up to date" if stale else "Complete the data behind the score",
        description=" ".join(gaps.values()),
        metrics=("data_quality",),
        values={"gaps": ", ".join(gaps)},
        evidence=1.0,
        impact="a score instead of none" if stale else _confidence_gain(case),
        at_least=Priority.HIGH if stale else Priority.LOW,
    )


def _gaps(case: Case) -> dict[str, str]:
    """Return what is missing by name, each with the sentence that says what to do."""
    gaps = {"stale": case.assessment.stale} if case.assessment.stale else {}
    permissions, loose = case.inputs.missing_permissions, case.inputs.unattributed_share
    if permissions:
        names = ", ".join(sorted(permissions))
        gaps["permissions"] = f"Add to the restricted key: {names}."
    if loose is not None and _is_loose(case, loose):
        gaps[UNATTRIBUTED.name] = (
            f"{percent(loose)} of revenue has no customer: attach a customer to every payment."
        )
    if case.assessment.components and not case.assessment.stale:
        for part in case.assessment.dropped:
            if part.kind is DropKind.NOT_READ:
                gaps[part.key.value] = f"{part.label} is not scored: {_lowered(part.reason)}"
    return gaps


def _is_loose(case: Case, share: Decimal) -> bool:
    # Of the open recommendation's gaps only this one is a number that could waver.
    held = UNATTRIBUTED.name in (case.held or {}).get("gaps", "").split(", ")
    return UNATTRIBUTED.crossed(share, is_open=held)


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _confidence_gain(case: Case) -> str:
    best = assess(_fully_read(case.inputs, case.assessment)).confidence
    if best <= case.assessment.confidence:
        return f"no effect on the score ({case.assessment.score})"
    return f"confidence {case.assessment.confidence:.2f} to at most {best:.2f}"


def _fully_read(inputs: ReadinessInputs, assessment: Assessment) -> ReadinessInputs:
    unread = [part.key for part in assessment.dropped if part.kind is DropKind.NOT_READ]
    known = {key.value: Measurement(Decimal(0), _BOUNDLESS, "assumed") for key in unread}
    share = inputs.recurring_share
    if ComponentKey.RETENTION in unread and share is None:
        share = Decimal(1)
    # The keys are field names by construction, which the type of replace() cannot express.
    return replace(inputs, recurring_share=share, **known)  # type: ignore[arg-type]


def fund_pack(case: Case) -> Finding | Silence:
    """The score is 60 or more with a confidence of 0.7 or more."""
    score, exact = case.assessment.score, case.assessment.exact
    if score is None or exact is None:
        return Silence.UNKNOWN
    confidence = Decimal(case.assessment.confidence)
    # Opened by the score that is shown, held by the exact one, as the tier is.
    measured = Decimal(score) if case.held is None else Decimal(exact)
    if not (case.crosses(PACK_SCORE, measured) and case.crosses(PACK_CONFIDENCE, confidence)):
        return Silence.CLEAR
    return Finding(
        title="Apply: export the funding pack",
        description=(
            f"The score is {score} with a confidence of {confidence:.2f}. {_floors_met(case)}"
            " Export the pack and add what payments cannot show: debt, cash, collateral, profit."
            " A funder's rules on country and owners were not checked."
        ),
        metrics=("readiness_score",),
        values={"score": str(score), "confidence": f"{confidence:.2f}"},
        evidence=case.assessment.confidence,
        at_least=Priority.MEDIUM,
    )


def _floors_met(case: Case) -> str:
    brought = standing(case)
    if brought is None:
        return "Funders' published floors are in USD and were not compared."
    met = [f"{funder.name} ({funder.source})" for funder in FUNDERS if brought.meets(funder)]
    if not met:
        return "No funder's published floor known here is met yet."
    return f"Published floors met: {', '.join(met)}."
