"""The sentences and formatted numbers that explain an assessment."""

from __future__ import annotations

from decimal import Decimal

from domain.readiness.assessment import ComponentScore, DropKind, DroppedComponent
from domain.readiness.inputs import GrowthBasis, Measurement, ReadinessInputs
from domain.readiness.model import (
    NEUTRAL,
    RECURRING_FROM,
    SPECS,
    UNKNOWN_SCALE_LIMIT,
    ActsOn,
    CapSpec,
    ComponentKey,
    ComponentSpec,
    InputUnit,
)

# Who paid a year ago and still pays: twelve months apart, both complete.
RETENTION_MONTHS = 13

_FACTS: dict[ComponentKey, str] = {
    ComponentKey.SCALE: "Net revenue averaged {display} a month ({window})",
    ComponentKey.HISTORY: "Payments go back {display}",
    ComponentKey.GROWTH: "Net revenue changed by {display} ({window}, against {basis})",
    ComponentKey.STABILITY: "Monthly net revenue varied by {display} around its trend ({window})",
    ComponentKey.DISPUTES: "{display} of payments were disputed ({window})",
    ComponentKey.REFUNDS: "{display} of revenue was refunded ({window})",
    ComponentKey.PAYMENTS: "{display} of payments failed for good ({window})",
    ComponentKey.CONCENTRATION: "The largest customer brought {display} of net revenue ({window})",
    ComponentKey.RETENTION: "{display} of recurring revenue stayed over a year ({window})",
    ComponentKey.PAYOUTS: "{display} of payouts failed ({window})",
}
_BASES = {
    GrowthBasis.YEAR_EARLIER: "the same months a year earlier",
    GrowthBasis.PREVIOUS_QUARTER: "the 3 months before",
    None: "an earlier period",
}
# What the evidence counts, where more of it makes a component count more.
_OBSERVED: dict[ComponentKey, str] = {
    ComponentKey.GROWTH: "months",
    ComponentKey.STABILITY: "months",
    ComponentKey.DISPUTES: "payments",
    ComponentKey.REFUNDS: "payments",
    ComponentKey.PAYMENTS: "payments",
    ComponentKey.RETENTION: "customers",
    ComponentKey.PAYOUTS: "payouts",
}
# Below one percent a tenth of a percent decides, so these show a decimal more.
_FINE = frozenset({ComponentKey.DISPUTES})

_MISSING: dict[ComponentKey, tuple[DropKind, str]] = {
    ComponentKey.SCALE: (DropKind.TOO_LITTLE_DATA, "There is no complete month yet."),
    ComponentKey.HISTORY: (DropKind.TOO_LITTLE_DATA, "There is no payment yet."),
    ComponentKey.GROWTH: (
        DropKind.TOO_LITTLE_DATA,
        "Growth needs 6 complete months, with net revenue in the months compared with.",
    ),
    ComponentKey.STABILITY: (
        DropKind.TOO_LITTLE_DATA,
        "Stability needs 4 complete months with net revenue above zero on average.",
    ),
    ComponentKey.DISPUTES: (
        DropKind.TOO_LITTLE_DATA,
        "There was no successful payment in the last 3 complete months.",
    ),
    ComponentKey.REFUNDS: (
        DropKind.TOO_LITTLE_DATA,
        "There was no revenue in the last 3 complete months.",
    ),
    ComponentKey.PAYMENTS: (
        DropKind.TOO_LITTLE_DATA,
        "There was no payment in the last 3 complete months.",
    ),
    ComponentKey.CONCENTRATION: (
        DropKind.NOT_READ,
        "The customers behind the payments are not known.",
    ),
    ComponentKey.RETENTION: (
        DropKind.NOT_READ,
        "The subscriptions of the last 13 months are not known.",
    ),
    ComponentKey.PAYOUTS: (
        DropKind.NOT_READ,
        "No payouts of the last 3 complete months are known.",
    ),
}


def displayed(key: ComponentKey, value: Decimal, currency: str) -> str:
    """Return the raw value as a person reads it: `12,345.67 USD`, `14 months`, `-12.0 %`."""
    unit = SPECS[key].unit
    if unit is InputUnit.MONEY:
        return f"{value:,} {currency.upper()}"
    if unit is InputUnit.MONTHS:
        return f"{value:f} month{'' if value == 1 else 's'}"
    return percent(value, 2 if key in _FINE else 1)


def percent(ratio: Decimal, decimals: int = 1) -> str:
    """Return a ratio as a percentage, `12.3 %`, without a negative zero."""
    rounded = round(ratio * 100, decimals)
    return f"{abs(rounded) if rounded == 0 else rounded:.{decimals}f} %"


def component_reason(scored: ComponentScore, basis: GrowthBasis | None) -> str:
    """Return one sentence: what was measured, what it earns, and how far it is proven."""
    fact = _FACTS[scored.key].format(
        display=scored.display, window=scored.window, basis=_BASES[basis]
    )
    earned = f"{scored.points:.1f} of {scored.effective_weight:.1f} points"
    if scored.key not in _OBSERVED:
        return f"{fact}, which earns {earned}."
    return f"{fact}, which earns {earned}; {_proof(scored)}, the rest as neutral."


def _proof(scored: ComponentScore) -> str:
    counted = f"{scored.n:,} {_OBSERVED[scored.key]}"
    if SPECS[scored.key].neutral_share is not None and scored.curve_points < NEUTRAL:
        counted = f"{counted} with so many bad cases"
    return f"{counted} count as {scored.evidence * 100:.0f} % evidence"


def cap_reason(spec: CapSpec, limit: float, proven: str, measured: Measurement) -> str:
    """Return what the cap does, and where it acts on less than was measured, on how much."""
    label = SPECS[spec.key].label
    if limit >= 100:
        return f"{label} does not limit the score."
    held = f"{label} limits the score to {limit:.1f}, whatever the other components earn."
    if spec.acts_on is ActsOn.MEASURED:
        return held
    counted = f"{measured.n:,} {_OBSERVED[spec.key]}"
    bound = "at most" if spec.acts_on is ActsOn.PROVEN_REST else "at least"
    return f"{held} It acts on what {counted} prove: {bound} {proven}."


def unknown_scale_reason(inputs: ReadinessInputs) -> str:
    """Return why a business of unknown size is limited, and what to do."""
    return (
        f"The size of the business in USD is not known, which limits the score to"
        f" {UNKNOWN_SCALE_LIMIT:.1f}. {_rate_hint(inputs)}"
    )


def _rate_hint(inputs: ReadinessInputs) -> str:
    code = inputs.currency
    return f"State a rate: VAULTRA_REFERENCE_RATES={code}=<USD for 1 {code.upper()}>@<YYYY-MM-DD>."


def dropped_component(spec: ComponentSpec, inputs: ReadinessInputs) -> DroppedComponent:
    """Return why the component could not be scored."""
    kind, reason = _MISSING[spec.key]
    if spec.key is ComponentKey.SCALE and inputs.scale is not None:
        kind = DropKind.NO_EXCHANGE_RATE
        code = inputs.currency.upper()
        reason = f"The scale is in USD and there is no stated exchange rate for {code}."
        reason = f"{reason} {_rate_hint(inputs)}"
    if spec.key is ComponentKey.RETENTION:
        kind, reason = _retention(inputs)
    return DroppedComponent(spec.key, spec.label, kind, reason)


def _retention(inputs: ReadinessInputs) -> tuple[DropKind, str]:
    share, months = inputs.recurring_share, inputs.value(ComponentKey.HISTORY)
    if share is not None and float(share) <= RECURRING_FROM:
        line = f"{RECURRING_FROM * 100:.0f} %"
        reason = f"Only {percent(share)} of revenue is recurring; retention counts above {line}."
        return DropKind.NOT_APPLICABLE, reason
    if months is not None and months < RETENTION_MONTHS:
        return DropKind.TOO_LITTLE_DATA, f"Retention needs {RETENTION_MONTHS} complete months."
    return _MISSING[ComponentKey.RETENTION]
