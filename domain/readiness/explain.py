"""Assessments as JSON: decimals as strings, ready to be stored and shown."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from domain.readiness.assessment import Assessment, Cap, CapKind, ComponentScore
from domain.readiness.inputs import plain
from domain.readiness.model import (
    HIGHLY_ATTRACTIVE_CONFIDENCE,
    NEUTRAL,
    TIER_THRESHOLDS,
    ComponentKey,
    Tier,
)

_SHOWN = 3
# A component that keeps at least as much as no evidence would give is a strength.
_STRONG_FROM = NEUTRAL / 100
_RISKS = (ComponentKey.DISPUTES, ComponentKey.REFUNDS, ComponentKey.PAYMENTS)


def components_flat(assessment: Assessment) -> dict[str, float]:
    """Return scores of 0 to 1 by name, to 4 decimals, for `readiness_scores.components`.

    Assessed components by their key, and always `revenue_stability` (that of `stability`) and
    `risk_signals` (the weighted mean of disputes, refunds and payments). Either is 0.5, the model's
    value for no evidence, when none of its parts could be assessed.
    """
    scores = {part.key.value: round(part.score, 4) for part in assessment.components}
    stability = [ComponentKey.STABILITY]
    scores["revenue_stability"] = round(_mean_score(assessment, stability), 4)
    scores["risk_signals"] = round(_mean_score(assessment, _RISKS), 4)
    return scores


def _mean_score(
    assessment: Assessment, keys: list[ComponentKey] | tuple[ComponentKey, ...]
) -> float:
    parts = [part for part in assessment.components if part.key in keys]
    weight = sum(part.weight for part in parts)
    if weight == 0:
        return NEUTRAL / 100
    return sum(part.score * part.weight for part in parts) / weight


def summary(assessment: Assessment) -> dict[str, Any]:
    """Return the short form: score, tier, confidence, what binds, best and worst components.

    `score` is None when `stale` says why. Times are the caller's to add.
    """
    strongest = _strongest(assessment)
    return {
        "score": assessment.score,
        "tier": assessment.tier.value,
        "confidence": _confidence(assessment),
        "model_version": assessment.model_version,
        "stale": assessment.stale,
        "binding": _binding(assessment.binding),
        "not_assessed": list(assessment.not_assessed),
        "strongest": [_brief(part) for part in strongest],
        "weakest": [_brief(part) for part in _weakest(assessment, strongest)],
    }


def explain(assessment: Assessment) -> dict[str, Any]:
    """Return the long form: the summary, every component and cap, and the way to the next tier."""
    return summary(assessment) | {
        "uncapped": _tenth(assessment.uncapped),
        "components": [_component(part) for part in assessment.components],
        "caps": [_cap(cap) for cap in assessment.caps if cap.limit < 100],
        "dropped": [
            {"component": part.key.value, "label": part.label, "reason": part.reason}
            for part in assessment.dropped
        ],
        "tier_thresholds": {
            tier.value: line for tier, line in TIER_THRESHOLDS.items() if tier is not Tier.NOT_READY
        },
        "next_tier": _next_tier(assessment),
        "inputs_hash": assessment.inputs_hash,
    }


def _confidence(assessment: Assessment) -> str:
    # Rounded down, so that 0.70 is never shown where 0.7 is not reached.
    shown = Decimal(assessment.confidence) + Decimal("1e-9")
    return str(shown.quantize(Decimal("0.01"), rounding=ROUND_FLOOR))


def _strongest(assessment: Assessment) -> list[ComponentScore]:
    strong = [part for part in assessment.components if part.score >= _STRONG_FROM]
    return sorted(strong, key=lambda part: (-part.score, -part.weight))[:_SHOWN]


def _weakest(assessment: Assessment, strongest: list[ComponentScore]) -> list[ComponentScore]:
    """Return whose values cost most; what a good value loses to little evidence is no weakness."""
    losing = [
        part for part in assessment.components if part.curve_points < 100 and part not in strongest
    ]
    return sorted(losing, key=lambda part: -_cost_of_value(part))[:_SHOWN]


def _cost_of_value(part: ComponentScore) -> float:
    return part.effective_weight * part.evidence * (100 - part.curve_points) / 100


def _brief(part: ComponentScore) -> dict[str, Any]:
    return {
        "component": part.key.value,
        "label": part.label,
        "points": _tenth(part.points),
        "weight": _weight(part),
        "value": plain(part.value),
        "display": part.display,
    }


def _weight(part: ComponentScore) -> int | float:
    """Return what the component counts here, so that points and points lost add up to it."""
    rounded = round(part.effective_weight, 1)
    return int(rounded) if rounded.is_integer() else rounded


def _component(part: ComponentScore) -> dict[str, Any]:
    return _brief(part) | {
        "model_weight": part.weight,
        "score": f"{part.score:.2f}",
        "points_lost": _tenth(part.points_lost),
        "window": part.window,
        "n": str(part.n),
        "evidence": f"{part.evidence:.2f}",
        "curve_points": _tenth(part.curve_points),
        "curve": [{"value": f"{x:g}", "points": f"{y:g}"} for x, y in part.curve],
        "source": part.source,
        "reason": part.reason,
    }


def _cap(cap: Cap) -> dict[str, Any]:
    return {
        "component": cap.key.value,
        "label": cap.label,
        "kind": cap.kind.value,
        "limit": _tenth(cap.limit),
        "binds": cap.binds,
        "reason": cap.reason,
        "acts_on": cap.acts_on,
        "source": cap.source,
    }


def _binding(cap: Cap | None) -> dict[str, Any] | None:
    if cap is None:
        return None
    return {"kind": cap.kind.value, "component": cap.key.value, "limit": _tenth(cap.limit)}


def _next_tier(assessment: Assessment) -> dict[str, Any] | None:
    """Return what the next tier needs; None at the top, when stopped or without a score."""
    order = list(Tier)
    stopped = any(cap.kind is CapKind.HARD_STOP for cap in assessment.caps)
    if assessment.exact is None or stopped or assessment.tier is order[-1]:
        return None
    tier = order[order.index(assessment.tier) + 1]
    missing = max(Decimal(TIER_THRESHOLDS[tier]) - Decimal(assessment.exact), Decimal(0))
    needed = (missing - Decimal("1e-9")).quantize(Decimal("0.1"), rounding=ROUND_CEILING)
    needs: dict[str, Any] = {"tier": tier.value, "points_needed": str(abs(needed))}
    if tier is Tier.HIGHLY_ATTRACTIVE:
        needs["confidence_needed"] = f"{HIGHLY_ATTRACTIVE_CONFIDENCE:.2f}"
    return needs


def _tenth(number: float) -> str:
    return f"{number:.1f}"
