"""What if: the same model over changed inputs, and what moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType

from domain.errors import InvalidInputError
from domain.readiness.assessment import Assessment, Cap, CapKind, DroppedComponent
from domain.readiness.difference import NOTHING, Difference, difference
from domain.readiness.inputs import GrowthBasis, Measurement, ReadinessInputs, with_values
from domain.readiness.model import SPECS, ComponentKey, InputUnit, Tier
from domain.readiness.scoring import assess

# Nobody plans further, and a lender believes no more.
MOST_MONTHS = 24
# What can be: from a refund of everything to ten times the revenue of a year ago.
RANGES: Mapping[ComponentKey, tuple[Decimal, Decimal]] = MappingProxyType(
    {
        ComponentKey.SCALE: (Decimal(0), Decimal(1_000_000_000)),
        ComponentKey.HISTORY: (Decimal(0), Decimal(600)),
        ComponentKey.GROWTH: (Decimal(-1), Decimal(10)),
        ComponentKey.STABILITY: (Decimal(0), Decimal(10)),
    }
)
_SHARE = (Decimal(0), Decimal(1))
# The windows whose counts go on growing while the history is shorter than they are.
_QUARTER, _YEAR = 3, 12
_QUARTERLY = (
    ComponentKey.DISPUTES,
    ComponentKey.REFUNDS,
    ComponentKey.PAYMENTS,
    ComponentKey.PAYOUTS,
)
# Months that a comparison spans: with the 3 before, and with the same 3 a year earlier.
_SHORT_SPAN, _LONG_SPAN = 6, 15

UNTIL: Mapping[ComponentKey, str] = MappingProxyType(
    {
        ComponentKey.SCALE: "revenue is higher",
        ComponentKey.HISTORY: "the history is longer",
        ComponentKey.GROWTH: "growth improves",
        ComponentKey.STABILITY: "monthly revenue is steadier",
        ComponentKey.DISPUTES: "disputes fall",
        ComponentKey.REFUNDS: "refunds fall",
        ComponentKey.PAYMENTS: "payment failures fall",
        ComponentKey.CONCENTRATION: "the largest customer's share falls",
        ComponentKey.RETENTION: "more recurring revenue stays",
        ComponentKey.PAYOUTS: "payouts are in order",
    }
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Inputs to replace, raw values as in `ReadinessInputs`: 3 % is 0.03.

    `more_months`: complete months that pass as the last ones did, before the values are replaced.
    """

    values: Mapping[ComponentKey, Decimal] = field(default_factory=dict)
    recurring_share: Decimal | None = None
    payouts_enabled: bool | None = None
    more_months: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is changed."""
        return not self.values and not self.more_months and self._others == (None, None)

    @property
    def _others(self) -> tuple[Decimal | None, bool | None]:
        return self.recurring_share, self.payouts_enabled


@dataclass(frozen=True, slots=True)
class Simulation:
    """A score as it would be, beside the one that it starts from.

    `not_scored` are changed inputs that the score does not look at, with the reason; `no_effect`
    says in a sentence why the score stays, None if it moves.
    """

    inputs: ReadinessInputs
    before: Assessment
    after: Assessment
    moved: Difference
    not_scored: tuple[DroppedComponent, ...]
    no_effect: str | None


def simulate(
    inputs: ReadinessInputs, changes: Changes, *, previous_tier: Tier | None = None
) -> Simulation:
    """Return the score with the changes; `previous_tier` is the tier of the present score.

    Raise InvalidInputError as `changed` does, and if the inputs are too old for a score.
    """
    after_inputs = changed(inputs, changes)
    before = assess(inputs, previous_tier=previous_tier)
    after = assess(after_inputs, previous_tier=previous_tier)
    if before.stale is not None:
        raise InvalidInputError(before.stale)
    moved = difference(before, after)
    return Simulation(
        inputs=after_inputs,
        before=before,
        after=after,
        moved=moved,
        not_scored=tuple(part for part in after.dropped if part.key in changes.values),
        no_effect=_no_effect(before, after, moved),
    )


def changed(inputs: ReadinessInputs, changes: Changes) -> ReadinessInputs:
    """Return the inputs with the changes made.

    Raise InvalidInputError for a value out of range, months that cannot be counted, or no change.
    """
    if changes.is_empty:
        raise InvalidInputError("Nothing is changed. Name an input and its new value.")
    for key, value in changes.values.items():
        _check(key, value)
    later = more_months(inputs, changes.more_months) if changes.more_months else inputs
    later = with_values(later, changes.values)
    if changes.recurring_share is not None:
        _check_range("recurring_share", changes.recurring_share, _SHARE, share=True)
        later = replace(later, recurring_share=changes.recurring_share)
    if changes.payouts_enabled is not None:
        later = replace(later, payouts_enabled=changes.payouts_enabled)
    return later


def range_of(key: ComponentKey) -> tuple[Decimal, Decimal]:
    """Return the smallest and the largest value that the input can have."""
    return RANGES.get(key, _SHARE)


def _check(key: ComponentKey, value: Decimal) -> None:
    unit = SPECS[key].unit
    _check_range(key.value, value, range_of(key), share=unit is InputUnit.RATIO)
    if unit is InputUnit.MONTHS and value != value.to_integral_value():
        raise InvalidInputError(f"{key.value} is in whole months; {value:f} is not.")


def _check_range(
    name: str, value: Decimal, bounds: tuple[Decimal, Decimal], *, share: bool
) -> None:
    low, high = bounds
    if value.is_finite() and low <= value <= high:
        return
    hint = "Write a share as a decimal: 0.03 is 3 %." if share else None
    raise InvalidInputError(f"{name} goes from {low:f} to {high:f}; {value} is not.", hint=hint)


def more_months(inputs: ReadinessInputs, months: int) -> ReadinessInputs:
    """Return the inputs after so many more complete months like the last ones.

    History and the counts behind the evidence grow as they would; every value stays. What is not
    measured yet stays unknown, as it depends on how those months go. Raise InvalidInputError
    without a complete month to go on like, or for months below 1 or above `MOST_MONTHS`.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise InvalidInputError(f"Months to go on go from 1 to {MOST_MONTHS}; {months} is not.")
    history = inputs.history
    if history is None or history.value < 1:
        raise InvalidInputError("There is no complete month yet that could go on.")
    before = int(history.value)
    grown: dict[str, Measurement] = {
        key.value: _accrued(known, key, before, before + months)
        for key in SPECS
        if (known := inputs.measurement(key)) is not None
    }
    # The keys are field names by construction, which the type of replace() cannot express.
    later = replace(inputs, **grown)  # type: ignore[arg-type]
    if later.growth is not None and later.growth.n >= _LONG_SPAN:
        later = replace(later, growth_basis=GrowthBasis.YEAR_EARLIER)
    return later


def _accrued(known: Measurement, key: ComponentKey, before: int, after: int) -> Measurement:
    """Return the measurement with the count that it would have after more months."""
    n = known.n
    if key is ComponentKey.HISTORY:
        return replace(known, value=Decimal(after), n=after)
    if key is ComponentKey.SCALE:
        n = min(after, _QUARTER)
    elif key is ComponentKey.STABILITY:
        n = min(after, _YEAR)
    elif key is ComponentKey.GROWTH:
        n = max(n, _LONG_SPAN if after >= _LONG_SPAN else _SHORT_SPAN)
    elif key in _QUARTERLY:
        n = known.n * min(after, _QUARTER) // min(before, _QUARTER)
    return replace(known, n=n)


def _no_effect(before: Assessment, after: Assessment, moved: Difference) -> str | None:
    if abs(moved.total) > NOTHING:
        return None
    cap = after.binding
    if cap is None:
        return f"No effect on the score ({before.score})."
    if after.uncapped < before.uncapped - NOTHING:
        return f"No effect on the score while {_held(cap)}."
    return f"No effect until {until(cap)}: {_held(cap)}."


def until(cap: Cap) -> str:
    """Return in words what has to change before the limit gives way."""
    return "payouts are enabled" if cap.kind is CapKind.HARD_STOP else UNTIL[cap.key]


def _held(cap: Cap) -> str:
    name = "disabled payouts" if cap.kind is CapKind.HARD_STOP else cap.label.lower()
    verb = "limit" if cap.kind is CapKind.HARD_STOP else "limits"
    return f"{name} {verb} it to {cap.limit:.1f}"
