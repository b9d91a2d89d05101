"""The score: a pure function of its inputs and the model version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import floor

from domain.readiness.assessment import Assessment, Cap, CapKind, ComponentScore, DroppedComponent
from domain.readiness.inputs import Measurement, ReadinessInputs, hash_inputs, with_values
from domain.readiness.model import (
    CAPS,
    COMPONENTS,
    HIGHLY_ATTRACTIVE_CONFIDENCE,
    NEUTRAL,
    PAYOUTS_DISABLED_LIMIT,
    RECURRING_FROM,
    RECURRING_FULL,
    SPECS,
    STALE_AFTER_DAYS,
    TIER_HYSTERESIS,
    TIER_THRESHOLDS,
    CapSpec,
    ComponentKey,
    ComponentSpec,
    Tier,
)
from domain.readiness.wording import cap_reason, component_reason, displayed, dropped_component

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
    caps = _caps(inputs, uncapped)
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


def _applicable_weight(spec: ComponentSpec, inputs: ReadinessInputs) -> float:
    """Return the spec's weight; retention's grows with the share of recurring revenue."""
    if spec.key is not ComponentKey.RETENTION or inputs.recurring_share is None:
        return float(spec.weight)
    grown = (float(inputs.recurring_share) - RECURRING_FROM) / (RECURRING_FULL - RECURRING_FROM)
    return spec.weight * min(max(grown, 0.0), 1.0)


def _is_known(spec: ComponentSpec, inputs: ReadinessInputs) -> bool:
    if spec.key is ComponentKey.SCALE and inputs.currency != "usd":
        return False
    if spec.key is ComponentKey.RETENTION and inputs.recurring_share is None:
        return False
    return inputs.measurement(spec.key) is not None


def _weights(inputs: ReadinessInputs) -> dict[ComponentKey, float]:
    """Return the weight of each component that can be assessed, before reweighting."""
    known = {
        spec.key: _applicable_weight(spec, inputs) for spec in COMPONENTS if _is_known(spec, inputs)
    }
    return {key: weight for key, weight in known.items() if weight > 0}


def _evidence(key: ComponentKey, n: int) -> float:
    half = SPECS[key].evidence_half
    return 1.0 if half is None else n / (n + half)


def _confidence(inputs: ReadinessInputs, weights: Mapping[ComponentKey, float]) -> float:
    applicable = sum(_applicable_weight(spec, inputs) for spec in COMPONENTS)
    proven = 0.0
    for key, weight in weights.items():
        measured = inputs.measurement(key)
        proven += weight * _evidence(key, measured.n) if measured else 0.0
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
    value, evidence = float(measured.value), _evidence(spec.key, measured.n)
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
        display=displayed(spec.key, measured.value, inputs.currency),
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


def _caps(inputs: ReadinessInputs, uncapped: float) -> tuple[Cap, ...]:
    """Return every limit; the lowest binds if it is below the weighted mean."""
    caps = [_cap(spec, inputs) for spec in CAPS if _is_known(SPECS[spec.key], inputs)]
    if inputs.payouts_enabled is False:
        caps.append(_payouts_stop())
    lowest = min(caps, key=lambda cap: cap.limit, default=None)
    return tuple(
        replace(cap, binds=cap is lowest and cap.limit < uncapped)  # the first of equals
        for cap in caps
    )


def _cap(spec: CapSpec, inputs: ReadinessInputs) -> Cap:
    measured = inputs.measurement(spec.key)
    limit = 100.0
    if measured is not None:
        evidence = _evidence(spec.key, measured.n) if spec.evidenced else 1.0
        limit = 100 - evidence * (100 - spec.curve.at(float(measured.value)))
    label = SPECS[spec.key].label
    return Cap(spec.key, label, CapKind.CAP, limit, binds=False, reason=cap_reason(label, limit))


def _payouts_stop() -> Cap:
    return Cap(
        key=ComponentKey.PAYOUTS,
        label=SPECS[ComponentKey.PAYOUTS].label,
        kind=CapKind.HARD_STOP,
        limit=PAYOUTS_DISABLED_LIMIT,
        binds=False,
        reason="Stripe has disabled payouts for this account, so it is not ready for funding.",
    )
