"""Advice on where the business stands: too young, not fully seen, or ready to apply."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.advice.funders import FUNDERS
from domain.advice.revenue import standing
from domain.advice.terms import Case, Category, Finding, Priority
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
from domain.readiness.wording import percent

# Where funders' doors open, in complete months: Stripe Capital US, Stripe Capital UK, Clearco.
GATES = (3, 6, 12)
HISTORY_BELOW = 6
UNATTRIBUTED_FROM = Decimal("0.30")
PACK_CONFIDENCE_FROM = Decimal("0.7")
# Evidence without end: what confidence would be if nothing more could be proven.
_BOUNDLESS = 10**9


def wait_history(case: Case) -> Finding | None:
    """Less than 6 complete months since the first payment."""
    months = case.value(ComponentKey.HISTORY)
    if months is None or months >= HISTORY_BELOW or case.first_month is None:
        return None
    first = case.first_month
    doors = ", ".join(
        f"{gate} months on {first.plus(gate).first_day}" for gate in GATES if gate > months
    )
    return Finding(
        rule="wait_history",
        title=f"Keep payments on Stripe until there are {HISTORY_BELOW} months of history",
        description=(
            f"Payments go back to {first}, which makes {months:f} complete months. History limits"
            f" the score until it is longer, and funders open their doors at 3, 6 and 12 months:"
            f" {doors}."
        ),
        category=Category.OPERATIONS,
        metrics=("history_months",),
        values={"history_months": plain(months), "first_month": str(first)},
        thresholds={"history_months": str(HISTORY_BELOW)},
        improved=with_values(case.inputs, {ComponentKey.HISTORY: Decimal(HISTORY_BELOW)}),
    )


def data_complete(case: Case) -> Finding | None:
    """The data is stale, a permission is missing, or a component could not be read."""
    gaps = _gaps(case)
    if not gaps:
        return None
    stale = case.assessment.stale is not None
    return Finding(
        rule="data_complete",
        title="Bring the data up to date" if stale else "Complete the data behind the score",
        description=" ".join(gaps.values()),
        category=Category.DATA,
        metrics=("data_quality",),
        values={"gaps": ", ".join(gaps)},
        thresholds={"unattributed_share": plain(UNATTRIBUTED_FROM)},
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
    if loose is not None and loose > UNATTRIBUTED_FROM:
        gaps["unattributed_share"] = (
            f"{percent(loose)} of revenue has no customer: attach a customer to every payment."
        )
    if case.assessment.components and not case.assessment.stale:
        for part in case.assessment.dropped:
            if part.kind is DropKind.NOT_READ:
                gaps[part.key.value] = f"{part.label} is not scored: {_lowered(part.reason)}"
    return gaps


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


def fund_pack(case: Case) -> Finding | None:
    """The score is funding ready with a confidence of at least 0.7."""
    score, confidence = case.assessment.score, Decimal(case.assessment.confidence)
    line = TIER_THRESHOLDS[Tier.FUNDING_READY]
    if score is None or score < line or confidence < PACK_CONFIDENCE_FROM:
        return None
    return Finding(
        rule="fund_pack",
        title="Apply: export the funding pack",
        description=(
            f"The score is {score} with a confidence of {confidence:.2f}. {_floors_met(case)}"
            " Export the pack and add what payments cannot show: debt, cash, collateral, profit."
            " A funder's rules on country and owners were not checked."
        ),
        category=Category.OPERATIONS,
        metrics=("readiness_score",),
        values={"score": str(score), "confidence": f"{confidence:.2f}"},
        thresholds={"score": str(line), "confidence": plain(PACK_CONFIDENCE_FROM)},
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
