"""What applies to a business, and how much its observations prove."""

from __future__ import annotations

from math import sqrt

from domain.rates import BASE
from domain.readiness.inputs import Measurement, ReadinessInputs
from domain.readiness.model import (
    RECURRING_FROM,
    RECURRING_FULL,
    ComponentKey,
    ComponentSpec,
)

# One-sided 95 %: of businesses whose true share is the proven one, fewer than 1 in 20 would show
# as many cases by chance. Usual, and strict enough that one dispute in 20 payments proves nothing.
_Z = 1.645


def applicable_weight(spec: ComponentSpec, inputs: ReadinessInputs) -> float:
    """Return the spec's weight; retention's grows with the share of recurring revenue."""
    return spec.weight * applicable_share(spec.key, inputs)


def applicable_share(key: ComponentKey, inputs: ReadinessInputs) -> float:
    """Return how far the component applies, 0 to 1; only retention may apply in part."""
    if key is not ComponentKey.RETENTION or inputs.recurring_share is None:
        return 1.0
    grown = (float(inputs.recurring_share) - RECURRING_FROM) / (RECURRING_FULL - RECURRING_FROM)
    return min(max(grown, 0.0), 1.0)


def assessable(key: ComponentKey, inputs: ReadinessInputs) -> Measurement | None:
    """Return what the component can be assessed by, or None."""
    if key is ComponentKey.SCALE and inputs.scale_currency != BASE:
        return None
    if key is ComponentKey.RETENTION and inputs.recurring_share is None:
        return None
    return inputs.measurement(key)


def observed(spec: ComponentSpec, n: float) -> float:
    """Return how much n observations count, 0 to 1, whatever they say."""
    return 1.0 if spec.evidence_half is None else n / (n + spec.evidence_half)


def evidence_of(spec: ComponentSpec, measured: Measurement) -> float:
    """Return how much the measurement counts against a neutral 50, 0 to 1.

    Bad cases count as the observations among which so many would be neutral: 8 disputes among 200
    payments as 1,143 payments (0.7 % of which is 8). Otherwise a bad share would look better for
    resting on few payments, and one more good payment would make the score worse.
    """
    if spec.neutral_share is None:
        return observed(spec, measured.n)
    value = float(measured.value)
    bad = 1 - value if spec.key is ComponentKey.RETENTION else value
    return observed(spec, measured.n * max(1.0, bad / spec.neutral_share))


def proven_share(share: float, n: int) -> float:
    """Return the lower 95 % confidence bound of a share seen in n observations; 0 for n = 0.

    Wilson and Hilferty's approximation of the exact (Clopper-Pearson) bound, which unlike that one
    has a closed form and is defined for what-if values between two counts. It rises with the share
    at the same n and with n at the same share, and falls with n at the same count.
    """
    count = share * n
    if count <= 0:
        return 0.0
    spread = _Z * sqrt(max(1 - share, 0.0)) / (3 * sqrt(count))
    return share * max(1 - 1 / (9 * count) - spread, 0.0) ** 3
