"""The catalogue of rules, and the advice that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from domain.advice.effects import Effect, effect_of, no_effect
from domain.advice.revenue import (
    churn_reduce,
    decline_plan,
    growth_stall,
    reach_floor,
    seasonality_brief,
    smooth_revenue,
)
from domain.advice.risk import (
    disputes_reduce,
    diversify,
    dunning,
    payout_fix,
    refund_spike,
    refunds_rootcause,
)
from domain.advice.standing import data_complete, fund_pack, wait_history
from domain.advice.terms import Advice, Case, Finding, Priority
from domain.metrics import MonthMetrics
from domain.readiness import Assessment, ReadinessInputs, complete_months

Rule = Callable[[Case], Finding | None]

RULES: tuple[Rule, ...] = (
    disputes_reduce,
    refunds_rootcause,
    refund_spike,
    dunning,
    diversify,
    churn_reduce,
    smooth_revenue,
    seasonality_brief,
    growth_stall,
    decline_plan,
    wait_history,
    reach_floor,
    payout_fix,
    data_complete,
    fund_pack,
)


def advise(
    inputs: ReadinessInputs,
    months: Sequence[MonthMetrics],
    assessment: Assessment,
    as_of: date,
) -> list[Advice]:
    """Return the advice that the data calls for, most important first.

    `assessment` must be that of `inputs`, and `inputs` those of `months` on `as_of`. Sorted by
    priority, then by predicted effect. While there is no score the only advice is how to get one.
    """
    active = [metrics.month for metrics in months if metrics.charge_count > 0]
    case = Case(
        inputs=inputs,
        complete=complete_months(months, as_of),
        first_month=min(active, default=None),
        assessment=assessment,
    )
    rules: tuple[Rule, ...] = (data_complete,) if assessment.stale else RULES
    found = [finding for rule in rules if (finding := rule(case)) is not None]
    advice = [_advice(finding, assessment) for finding in found]
    order = list(Priority)
    return sorted(advice, key=lambda item: (-order.index(item.priority), -item.effect))


def _advice(finding: Finding, assessment: Assessment) -> Advice:
    effect = _effect(finding, assessment)
    order = list(Priority)
    return Advice(
        rule=finding.rule,
        title=finding.title,
        description=finding.description,
        priority=max(effect.priority, finding.at_least, key=order.index),
        category=finding.category,
        metric_refs={
            "rule": finding.rule,
            "metrics": list(finding.metrics),
            "values": dict(finding.values),
            "thresholds": dict(finding.thresholds),
            "predicted_points": f"{effect.gain:.1f}",
            "model_version": assessment.model_version,
        },
        estimated_impact=finding.impact or effect.text,
        effect=effect.gain,
    )


def _effect(finding: Finding, assessment: Assessment) -> Effect:
    if finding.improved is None:
        return no_effect(assessment)
    return effect_of(assessment, finding.improved)
