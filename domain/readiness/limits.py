"""The limits on a score: continuous caps that one input sets, and hard stops."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.readiness.assessment import Cap, CapKind
from domain.readiness.evidence import applicable_share, assessable, proven_share
from domain.readiness.inputs import Measurement, ReadinessInputs
from domain.readiness.model import (
    CAPS,
    PAYOUTS_DISABLED_LIMIT,
    SPECS,
    UNKNOWN_SCALE_LIMIT,
    ActsOn,
    CapSpec,
    ComponentKey,
)
from domain.readiness.wording import cap_reason, displayed, unknown_scale_reason


def limits_on(inputs: ReadinessInputs, uncapped: float) -> tuple[Cap, ...]:
    """Return every limit; the lowest binds if it is below the weighted mean."""
    known = [(spec, assessable(spec.key, inputs)) for spec in CAPS]
    caps = [_cap(spec, measured, inputs) for spec, measured in known if measured is not None]
    if inputs.scale is not None and assessable(ComponentKey.SCALE, inputs) is None:
        caps.append(_unknown_scale(inputs))
    if inputs.payouts_enabled is False:
        caps.append(_payouts_stop())
    lowest = min(caps, key=lambda cap: cap.limit, default=None)  # the first of equals
    if lowest is None or lowest.limit >= uncapped:
        return tuple(caps)
    return tuple(replace(cap, binds=True) if cap is lowest else cap for cap in caps)


def _cap(spec: CapSpec, measured: Measurement, inputs: ReadinessInputs) -> Cap:
    value = _acted_on(spec.acts_on, measured)
    limit = 100 - applicable_share(spec.key, inputs) * (100 - spec.curve.at(value))
    exact = measured.value if spec.acts_on is ActsOn.MEASURED else Decimal(value)
    shown = displayed(spec.key, exact, inputs.scale_currency)
    return Cap(
        key=spec.key,
        label=SPECS[spec.key].label,
        kind=CapKind.CAP,
        limit=limit,
        binds=False,
        reason=cap_reason(spec, limit, shown, measured),
        acts_on=shown,
        source=spec.source,
    )


def _acted_on(acts_on: ActsOn, measured: Measurement) -> float:
    value = float(measured.value)
    if acts_on is ActsOn.PROVEN_SHARE:
        return proven_share(value, measured.n)
    if acts_on is ActsOn.PROVEN_REST:
        return 1 - proven_share(1 - value, measured.n)
    return value


def _unknown_scale(inputs: ReadinessInputs) -> Cap:
    return Cap(
        key=ComponentKey.SCALE,
        label=SPECS[ComponentKey.SCALE].label,
        kind=CapKind.CAP,
        limit=UNKNOWN_SCALE_LIMIT,
        binds=False,
        reason=unknown_scale_reason(inputs),
        source="Nobody calls a business highly attractive without knowing its size.",
    )


def _payouts_stop() -> Cap:
    return Cap(
        key=ComponentKey.PAYOUTS,
        label=SPECS[ComponentKey.PAYOUTS].label,
        kind=CapKind.HARD_STOP,
        limit=PAYOUTS_DISABLED_LIMIT,
        binds=False,
        reason="Stripe has disabled payouts for this account, so it is not ready for funding.",
    )
