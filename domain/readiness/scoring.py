"""The score: a pure function of its inputs and the model version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import floor

from domain.readiness.assessment import Assessment, Cap, CapKind, ComponentScore, DroppedComponent
from domain.readiness.evidence import applicable_weight, assessable, evidence_of, observed
from domain.readiness.inputs import Measurement, ReadinessInputs, hash_inputs, with_values
from domain.readiness.limits import limits_on
from domain.readiness.model import (
    COMPONENTS,
    HIGHLY_ATTRACTIVE_CONFIDENCE,
    NEUTRAL,
    SPECS,
    STALE_AFTER_DAYS,
    TIER_HYSTERESIS,
    TIER_THRESHOLDS,
    ComponentKey,
    ComponentSpec,
    Tier,
)
from domain.readiness.wording import component_reason, displayed, dropped_component

# Sums of weighted points miss a whole number by rounding of the last bits; a tier must not.
_EPSILON = 1e-9


def assess(inputs: ReadinessInputs, *, previous_tier: Tier | None = None) -> Assessment:
    """Return the assessment of the inputs; never raises, also not for an empty account.

    Unknown inputs are dropped and the rest reweighted. `previous_tier` is the tier of the stored
    score before this one: a tier is kept until the score is 2.5 points below its line.
    """
    weights = _weights(inputs)
    components = _components(inputs, weights)
    uncapped = sum(component.points for component in components)
    caps = limits_on(inputs, uncapped)
    exact = min([uncapped, 100.0, *(cap.limit for cap in caps)])
    confidence = _confidence(inputs, weights)
    stale = stale_reason(inputs)
    return Assessment(
        score=None if stale else floor(exact + _EPSILON),
        exact=None if stale else exact,
        uncapped=uncapped,
        tier=Tier.NOT_READY if stale else _tier(exact, confidence, caps, previous_tier),
        confidence=confidence,
        components=components,
        dropped=_dropped(inputs, weights),
        caps=tuple(replace(cap, binds=False) for cap in caps) if stale else caps,
        stale=stale,
        inputs_hash=hash_inputs(inputs),
    )


def what_if(inputs: ReadinessInputs, values: Mapping[ComponentKey, Decimal]) -> Assessment:
    """Return the assessment with some raw values replaced; everything else stays as it is."""
    return assess(with_values(inputs, values))


def tier_for(exact: float, confidence: float, previous: Tier | None = None) -> Tier:
    """Return the tier of an exact score, keeping the previous one within 2.5 points below it."""
    earned = _highest(exact, confidence)
    kept = _highest(exact + TIER_HYSTERESIS, confidence)
    order = list(Tier)
    if previous is None or order.index(previous) <= order.index(earned):
        return earned
    return min(kept, previous, key=order.index)


def _highest(exact: float, confidence: float) -> Tier:
    reached = [tier for tier, line in TIER_THRESHOLDS.items() if exact + _EPSILON >= line]
    best = reached[-1] if reached else Tier.NOT_READY
    if best is Tier.HIGHLY_ATTRACTIVE and confidence < HIGHLY_ATTRACTIVE_CONFIDENCE:
        return Tier.FUNDING_READY
    return best


def _tier(exact: float, confidence: float, caps: tuple[Cap, ...], previous: Tier | None) -> Tier:
    if any(cap.kind is CapKind.HARD_STOP for cap in caps):
        return Tier.NOT_READY
    return tier_for(exact, confidence, previous)


def stale_reason(inputs: ReadinessInputs) -> str | None:
    """Return why there can be no number, or None."""
    if inputs.key_revoked:
        return "Stripe no longer accepts the key. Reconnect the account for a score."
    if not inputs.is_outdated:
        return None
    return (
        f"The data is {inputs.data_age_days:.1f} days old, "
        f"more than {STALE_AFTER_DAYS}. Sync for a score."
    )


def _weights(inputs: ReadinessInputs) -> dict[ComponentKey, float]:
    """Return the weight of each component that can be assessed, before reweighting."""
    known = {
        spec.key: applicable_weight(spec, inputs)
        for spec in COMPONENTS
        if assessable(spec.key, inputs) is not None
    }
    return {key: weight for key, weight in known.items() if weight > 0}


def _confidence(inputs: ReadinessInputs, weights: Mapping[ComponentKey, float]) -> float:
    applicable = sum(applicable_weight(spec, inputs) for spec in COMPONENTS)
    proven = 0.0
    for key, weight in weights.items():
        measured = inputs.measurement(key)
        proven += weight * observed(SPECS[key], measured.n) if measured else 0.0
    return proven / applicable


def _components(
    inputs: ReadinessInputs, weights: Mapping[ComponentKey, float]
) -> tuple[ComponentScore, ...]:
    whole = sum(weights.values())
    scored = []
    for key, weight in weights.items():
        measured = inputs.measurement(key)
        if measured is not None:
            scored.append(_score(SPECS[key], measured, 100 * weight / whole, inputs))
    return tuple(scored)


def _score(
    spec: ComponentSpec, measured: Measurement, effective_weight: float, inputs: ReadinessInputs
) -> ComponentScore:
    value, evidence = float(measured.value), evidence_of(spec, measured)
    curve_points = spec.curve.at(value)
    score = (NEUTRAL + evidence * (curve_points - NEUTRAL)) / 100
    points = score * effective_weight
    scored = ComponentScore(
        key=spec.key,
        label=spec.label,
        unit=spec.unit,
        weight=spec.weight,
        effective_weight=effective_weight,
        value=measured.value,
        display=displayed(spec.key, measured.value, inputs.scale_currency),
        n=measured.n,
        window=measured.window,
        evidence=evidence,
        curve_points=curve_points,
        curve=tuple(dict.fromkeys(spec.curve.segment(value))),
        score=score,
        points=points,
        points_lost=effective_weight - points,
        reason="",
        source=spec.source,
    )
    return replace(scored, reason=component_reason(scored, inputs.growth_basis))


def _dropped(
    inputs: ReadinessInputs, weights: Mapping[ComponentKey, float]
) -> tuple[DroppedComponent, ...]:
    return tuple(dropped_component(spec, inputs) for spec in COMPONENTS if spec.key not in weights)
