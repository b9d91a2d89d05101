"""Two figures about the whole model: its largest jump, and how often a noisy shop changes tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

from domain.periods import Month
from domain.readiness import (
    AccountFacts,
    Assessment,
    ComponentKey,
    Measurement,
    ReadinessInputs,
    Tier,
    assess,
    inputs_from_months,
    tier_for,
    with_values,
)
from domain.readiness.evidence import proven_share
from domain.readiness.model import CAPS, SPECS, ActsOn
from tests.domain.months import GOOD, month_of

SEED = 20261122
STEP = Decimal("1.0001")
COUNTS = (1, 2, 3, 5, 20, 100, 300, 1_000, 10_000)
MANY = 100


@dataclass(frozen=True)
class Jump:
    """A change of the score by a change of one input by 0.01 %."""

    points: float
    key: ComponentKey
    value: Decimal
    n: int


@cache
def largest_jump(*, least: int = 0) -> Jump:
    """Return the largest change of the score that 0.01 % of one input makes.

    `least` is the number of observations from which on it is sought. Tried at and beside all
    corners of the input's curve and cap, for few and for many observations, in an otherwise good
    account.
    """
    return max(_jumps(least), key=lambda jump: jump.points)


def _jumps(least: int) -> Iterator[Jump]:
    base = replace(GOOD, recurring_share=Decimal(1), retention=Measurement(Decimal(1), 500, ""))
    for key in ComponentKey:
        for n in (n for n in COUNTS if n >= least):
            for value in _corners(key, n):
                at = replace(base, **{key.value: Measurement(value, n, "")})
                points = abs(_exact(with_values(at, {key: value * STEP})) - _exact(at))
                yield Jump(points, key, value, n)


def _corners(key: ComponentKey, n: int) -> set[Decimal]:
    """Where the curve or the cap of the input turns, and places close by."""
    corners = {Decimal(str(x)) for x, _ in SPECS[key].curve.points}
    for cap in (cap for cap in CAPS if cap.key is key):
        corners |= {_proving(x, n, cap.acts_on) for x, _ in cap.curve.points}
    return {corner * Decimal(step) for corner in corners for step in ("0.9999", "1", "1.0001")}


def _proving(corner: float, n: int, acts_on: ActsOn) -> Decimal:
    """Return what must be observed for the cap to act on the corner, by bisection."""
    if acts_on is ActsOn.MEASURED:
        return Decimal(str(corner))
    wanted = corner if acts_on is ActsOn.PROVEN_SHARE else 1 - corner
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if proven_share(middle, n) < wanted else (low, middle)
    return Decimal(str(round(low if acts_on is ActsOn.PROVEN_SHARE else 1 - low, 9)))


def _exact(inputs: ReadinessInputs) -> float:
    exact = assess(inputs).exact
    assert exact is not None
    return exact


@dataclass(frozen=True)
class Noise:
    """Months, mean and spread of a noisy shop's score; changes of tier, with and without memory."""

    months: int
    mean: float
    deviation: float
    flips: int
    flips_without: int


def noisy_shop(*, years: int = 50, seed: int = SEED) -> Noise:
    """Return how often a shop near the line of funding_ready changes its tier.

    Nothing about the shop changes: its months vary by a sixth and its disputes by chance. It is
    assessed every month, over the last 24, with the tier that it had.
    """
    rng, first = Random(seed), Month(1990, 1)
    months = [
        month_of(
            first.plus(index),
            round(340_000 * max(0.1, rng.gauss(1, 0.18))),
            charges=300,
            disputes=sum(rng.random() < 0.003 for _ in range(300)),
            failed=15,
        )
        for index in range(24 + years * 12)
    ]
    kept: list[Assessment] = []
    for end in range(24, len(months)):
        inputs = inputs_from_months(
            months[end - 24 : end],
            top1_share=Decimal("0.3"),
            as_of=_day_after(months[end - 1].month),
            data_age_days=0,
            account=AccountFacts(customer_count=50, recurring_share=Decimal(0)),
        )
        kept.append(assess(inputs, previous_tier=kept[-1].tier if kept else None))
    alone = [_fresh_tier(found) for found in kept]
    scores = [found.exact for found in kept if found.exact is not None]
    return Noise(
        len(kept), fmean(scores), pstdev(scores), _flips([k.tier for k in kept]), _flips(alone)
    )


def _fresh_tier(found: Assessment) -> Tier:
    assert found.exact is not None
    return tier_for(found.exact, found.confidence)


def _day_after(month: Month) -> date:
    return month.plus(1).first_day


def _flips(tiers: Sequence[Tier]) -> int:
    return sum(one is not other for one, other in pairwise(tiers))
