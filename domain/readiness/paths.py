"""The cheapest changes that reach a tier: found by bisection, each one recomputed.

Effort is the way along a component's own curve, in widths of it: 1 leads from the value that earns
nothing to the one that earns everything (linear in the value, for revenue in its logarithm). It
compares a fall of disputes with a rise of revenue; what either costs a business it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import combinations
from math import log10

from domain.periods import Month
from domain.readiness.assessment import Assessment
from domain.readiness.inputs import ReadinessInputs, with_values
from domain.readiness.model import CAPS, SPECS, ComponentKey, Curve, InputUnit, Tier
from domain.readiness.scoring import assess
from domain.readiness.simulation import MOST_MONTHS, more_months, range_of

MOST_PATHS = 3
# Values are found to a hundredth of a percent, to whole units of a currency.
STEP = Decimal("0.0001")
_MONEY_STEP = Decimal(1)
EVERYTHING = 100.0
# Of combinations of the same size, those with most room are worked out.
_MOST_COMBINATIONS = 8
# How finely several changes go on together; each is then taken back to its own step.
_PARTS = 1000

Values = dict[ComponentKey, Decimal]


@dataclass(frozen=True, slots=True)
class Step:
    """One input to bring from a value to another one, and how far that is in widths of its curve.

    Every better value than `after` will do as well.
    """

    key: ComponentKey
    before: Decimal
    after: Decimal
    effort: float


@dataclass(frozen=True, slots=True)
class Path:
    """Changes that together reach the tier, and the assessment that proves it."""

    steps: tuple[Step, ...]
    after: Assessment

    @property
    def effort(self) -> float:
        """The steps' efforts together."""
        return sum(step.effort for step in self.steps)


@dataclass(frozen=True, slots=True)
class Wait:
    """More months like the last ones: how many, the day on which they are over, and the score."""

    months: int
    on: date
    after: Assessment


@dataclass(frozen=True, slots=True)
class Paths:
    """What leads to a tier.

    `paths` are single changes, the least effort first, or else the one smallest combination. They
    hold from `from_month` on, if that is not None: before it nothing reaches the tier. `wait` is
    the tier reached by waiting alone. `enable_payouts`: all of it only once Stripe pays out again.
    """

    target: Tier
    reached: bool
    before: Assessment
    paths: tuple[Path, ...] = ()
    from_month: Wait | None = None
    wait: Wait | None = None
    enable_payouts: bool = False


def cheapest_paths(
    inputs: ReadinessInputs, target: Tier, *, as_of: date, previous_tier: Tier | None = None
) -> Paths:
    """Return the cheapest changes that reach the target from the present inputs.

    `as_of` is the business's local day that the inputs are from; months to come count from it.
    """
    search = _Search(target, previous_tier)
    before = search.assess(inputs)
    if search.is_reached(before) or before.stale is not None:
        return Paths(target, reached=before.stale is None, before=before)
    stopped = inputs.payouts_enabled is False
    start = replace(inputs, payouts_enabled=True) if stopped else inputs
    wait = search.waiting(start, as_of, {})
    base, from_month = start, None
    if not search.reaches(start, search.best(start)):
        from_month = search.waiting(start, as_of, search.best(start))
        base = more_months(start, from_month.months) if from_month else start
    found = search.paths(base) if from_month or base is start else ()
    return Paths(target, False, before, found, from_month, wait, enable_payouts=stopped)


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for one target; every answer comes from `assess`."""

    target: Tier
    previous_tier: Tier | None

    def assess(self, inputs: ReadinessInputs) -> Assessment:
        return assess(inputs, previous_tier=self.previous_tier)

    def is_reached(self, assessment: Assessment) -> bool:
        order = list(Tier)
        return assessment.exact is not None and (
            order.index(assessment.tier) >= order.index(self.target)
        )

    def reaches(self, inputs: ReadinessInputs, values: Values) -> bool:
        return self.is_reached(self.assess(with_values(inputs, values)))

    def best(self, inputs: ReadinessInputs) -> Values:
        """Return the best value of everything that effort can change."""
        scored = (part.key for part in self.assess(inputs).components)
        values = {key: _best(key, inputs) for key in scored if key is not ComponentKey.HISTORY}
        return {key: value for key, value in values.items() if _is_better(key, value, inputs)}

    def waiting(self, inputs: ReadinessInputs, as_of: date, values: Values) -> Wait | None:
        """Return the fewest months after which the values reach the target, None if none do."""
        if inputs.history is None or inputs.history.value < 1:
            return None
        for months in range(1, MOST_MONTHS + 1):
            later = self.assess(with_values(more_months(inputs, months), values))
            if self.is_reached(later):
                return Wait(months, Month.of(as_of).plus(months).first_day, later)
        return None

    def paths(self, inputs: ReadinessInputs) -> tuple[Path, ...]:
        """Return up to three single changes, or else the cheapest of the smallest combinations."""
        if self.reaches(inputs, {}):
            return ()
        best = self.best(inputs)
        for size in range(1, len(best) + 1):
            found = list(self._of_size(inputs, best, size))
            if found:
                found.sort(key=lambda path: path.effort)
                return tuple(found[: MOST_PATHS if size == 1 else 1])
        return ()

    def _of_size(self, inputs: ReadinessInputs, best: Values, size: int) -> Iterator[Path]:
        for limits in self._roomiest(inputs, best, size):
            path = self._path(inputs, self._least(inputs, limits))
            if self.is_reached(path.after):  # recomputed, not believed
                yield path

    def _roomiest(self, inputs: ReadinessInputs, best: Values, size: int) -> list[Values]:
        """Return the combinations that can reach the target, those that could go furthest first."""
        able: list[tuple[float, Values]] = []
        for keys in combinations(best, size):
            limits = {key: best[key] for key in keys}
            after = self.assess(with_values(inputs, limits))
            if self.is_reached(after):
                able.append((after.uncapped, limits))
        able.sort(key=lambda pair: -pair[0])
        return [limits for _, limits in able[: None if size == 1 else _MOST_COMBINATIONS]]

    def _least(self, inputs: ReadinessInputs, limits: Values) -> Values:
        """Return values with which the target is just reached.

        Each goes as far as it must even if all others are at their best; from there all go on
        together until the target is reached; then each goes back as far as it can, the one that
        went furthest first.
        """
        needed = {key: self._last_needed(inputs, limits, key) for key in limits}

        def values(part: int) -> Values:
            return {key: _between(key, needed[key], limits[key], part) for key in limits}

        least = values(_first(_PARTS, lambda part: self.reaches(inputs, values(part))))
        efforts = {
            key: effort(key, inputs.value(key) or value, value) for key, value in least.items()
        }
        for key in sorted(least, key=lambda key: (-efforts[key], key)):
            least[key] = self._last_needed(inputs, least, key)
        return least

    def _last_needed(self, inputs: ReadinessInputs, values: Values, key: ComponentKey) -> Decimal:
        """Return the value nearest to the present one that still reaches, the others as given."""
        start = _on_grid(key, inputs)
        way = _way(key, start, values[key])

        def still(part: int) -> bool:
            return self.reaches(inputs, values | {key: _moved(key, start, part)})

        return _moved(key, start, _first(way, still))

    def _path(self, inputs: ReadinessInputs, values: Values) -> Path:
        steps = [
            Step(key, before, value, effort(key, before, value))
            for key, value in values.items()
            if (before := inputs.value(key)) is not None and _is_better(key, value, inputs)
        ]
        steps.sort(key=lambda step: step.effort)
        values = {step.key: step.after for step in steps}
        return Path(tuple(steps), self.assess(with_values(inputs, values)))


def effort(key: ComponentKey, before: Decimal, after: Decimal) -> float:
    """Return how far apart the values are, in widths of the component's curve."""
    curve = SPECS[key].curve
    first, last = curve.points[0][0], curve.points[-1][0]
    left, right = float(before), float(after)
    if curve.log:
        left, right = log10(max(left, first)), log10(max(right, first))
        first, last = log10(first), log10(last)
    return abs(right - left) / (last - first)


def _rises(key: ComponentKey) -> bool:
    points = SPECS[key].curve.points
    return points[-1][1] > points[0][1]


def _best(key: ComponentKey, inputs: ReadinessInputs) -> Decimal:
    """Return the nearest value that neither the curve nor a cap wants better."""
    if SPECS[key].unit is InputUnit.MONEY:
        return _enough_money(key, inputs)
    curves: list[Curve] = [SPECS[key].curve, *(cap.curve for cap in CAPS if cap.key is key)]
    end = max if _rises(key) else min
    points = (curve.points[-1 if _rises(key) else 0][0] for curve in curves)
    return Decimal(str(end(points)))


def _enough_money(key: ComponentKey, inputs: ReadinessInputs) -> Decimal:
    """Return the least amount that earns everything; in which currency, `assess` knows."""

    def is_enough(amount: int) -> bool:
        part = assess(with_values(inputs, {key: Decimal(amount)})).component(key)
        return part is None or part.curve_points >= EVERYTHING

    return Decimal(_first(int(range_of(key)[1]), is_enough))


def _is_better(key: ComponentKey, value: Decimal, inputs: ReadinessInputs) -> bool:
    before = inputs.value(key)
    return before is not None and (value > before if _rises(key) else value < before)


def _step(key: ComponentKey) -> Decimal:
    return _MONEY_STEP if SPECS[key].unit is InputUnit.MONEY else STEP


def _on_grid(key: ComponentKey, inputs: ReadinessInputs) -> Decimal:
    """Return the present value, or the next worse one that is a whole number of steps."""
    step, rounding = _step(key), ROUND_FLOOR if _rises(key) else ROUND_CEILING
    value = inputs.value(key) or Decimal(0)
    return (value / step).to_integral_value(rounding) * step


def _way(key: ComponentKey, start: Decimal, end: Decimal) -> int:
    return int(abs(end - start) / _step(key))


def _moved(key: ComponentKey, start: Decimal, steps: int) -> Decimal:
    return start + (steps if _rises(key) else -steps) * _step(key)


def _between(key: ComponentKey, start: Decimal, end: Decimal, part: int) -> Decimal:
    """Return the value so many parts of the way from start to end, rounded to the better side."""
    if SPECS[key].curve.log and start > 0:
        value = start * (end / start) ** (Decimal(part) / _PARTS)
    else:
        value = start + (end - start) * part / _PARTS
    rounding = ROUND_CEILING if _rises(key) else ROUND_FLOOR
    return (value / _step(key)).to_integral_value(rounding) * _step(key)


def _first(last: int, holds: Callable[[int], bool]) -> int:
    """Return the first of 0 to `last` for which it holds, given that it holds from there on."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
