"""Asking every rule, and making advice of what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from domain.advice.catalogue import RULES, Rule
from domain.advice.effects import Effect, effect_of, no_effect, prevented
from domain.advice.priorities import priority_of
from domain.advice.signals import NO_SIGNALS, Signals
from domain.advice.standing import data_complete
from domain.advice.terms import Advice, Advised, Case, Finding, Priority, Silence
from domain.advice.thresholds import Threshold
from domain.metrics import MonthMetrics
from domain.readiness import Assessment, ReadinessInputs, complete_months
from domain.readiness.inputs import plain

_NONE_OPEN: Mapping[str, Mapping[str, str]] = {}


def advise(
    inputs: ReadinessInputs,
    months: Sequence[MonthMetrics],
    assessment: Assessment,
    as_of: date,
    *,
    signals: Signals = NO_SIGNALS,
    open_rules: Mapping[str, Mapping[str, str]] = _NONE_OPEN,
) -> Advised:
    """Return the advice that the data calls for, and the rules that are known to be clear.

    `assessment` must be that of `inputs`, and `inputs` those of `months` on `as_of`. `open_rules`
    are those whose recommendation is neither dismissed nor resolved, with the `values` it holds.
    The advice is sorted by priority, then by predicted effect. A rule that lacks what it needs to
    know neither speaks nor is clear. While there is no score the only rule that is asked is how to
    get one.
    """
    active = [metrics.month for metrics in months if metrics.charge_count > 0]
    case = Case(
        inputs=inputs,
        complete=complete_months(months, as_of),
        first_month=min(active, default=None),
        assessment=assessment,
        signals=signals,
        open=open_rules,
    )
    asked = [rule for rule in RULES if not assessment.stale or rule.check is data_complete]
    answers = [(rule, rule.check(replace(case, rule=rule.id))) for rule in asked]
    advice = [_advice(r, found, case) for r, found in answers if isinstance(found, Finding)]
    order = list(Priority)
    return Advised(
        tuple(sorted(advice, key=lambda item: (-order.index(item.priority), -item.effect))),
        frozenset(rule.id for rule, answer in answers if answer is Silence.CLEAR),
    )


def _advice(rule: Rule, finding: Finding, case: Case) -> Advice:
    effect = _effect(finding, case.assessment)
    earned = priority_of(effect, evidence=finding.evidence, effort=rule.effort)
    return Advice(
        rule=rule.id,
        title=finding.title,
        description=finding.description,
        priority=max(earned, finding.at_least, key=list(Priority).index),
        category=rule.category,
        metric_refs=_refs(rule, finding, effect, case.assessment),
        estimated_impact=finding.impact or effect.text,
        effect=effect.gain,
        months=tuple(m.month for m in case.complete[-finding.months :]) if finding.months else (),
    )


def _refs(rule: Rule, finding: Finding, effect: Effect, assessment: Assessment) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "metrics": list(finding.metrics),
        "values": dict(finding.values),
        "thresholds": [_threshold(threshold) for threshold in rule.thresholds],
        "predicted": {
            "kind": "prevents" if finding.worsened else "gains",
            "points_before": _points(effect.before),
            "points_after": _points(effect.after),
            "points": f"{effect.gain:.1f}",
        },
        "evidence": f"{finding.evidence:.2f}",
        "effort": rule.effort.value,
        "model_version": assessment.model_version,
    }


def _threshold(threshold: Threshold) -> dict[str, str | None]:
    clears = threshold.clears_at
    return {
        "name": threshold.name,
        "side": threshold.side.value,
        "opens_at": plain(threshold.opens_at),
        "clears_at": None if clears is None else plain(clears),
        "reason": threshold.reason,
        "source": threshold.source,
    }


def _points(exact: float | None) -> str | None:
    return None if exact is None else f"{exact:.1f}"


def _effect(finding: Finding, assessment: Assessment) -> Effect:
    if finding.worsened is not None:
        return prevented(assessment, finding.worsened)
    if finding.improved is not None:
        return effect_of(assessment, finding.improved)
    return no_effect(assessment)
