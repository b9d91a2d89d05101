"""Accounts of every sort to try the model on."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from domain.readiness import ComponentKey, Measurement, ReadinessInputs
from domain.readiness.model import SPECS

# The smallest and largest raw value to try, beyond both ends of each curve, in millionths.
RANGES: dict[ComponentKey, tuple[int, int]] = {
    ComponentKey.SCALE: (-(10**9), 10**12),
    ComponentKey.HISTORY: (0, 60 * 10**6),
    ComponentKey.GROWTH: (-2 * 10**6, 3 * 10**6),
    ComponentKey.STABILITY: (0, 3 * 10**6),
    ComponentKey.DISPUTES: (0, 60_000),
    ComponentKey.REFUNDS: (0, 500_000),
    ComponentKey.PAYMENTS: (0, 500_000),
    ComponentKey.CONCENTRATION: (0, 10**6),
    ComponentKey.RETENTION: (0, 1_200_000),
    ComponentKey.PAYOUTS: (0, 200_000),
}
BETTER_UP = {
    ComponentKey.SCALE,
    ComponentKey.HISTORY,
    ComponentKey.GROWTH,
    ComponentKey.RETENTION,
}
KEYS = st.sampled_from(list(ComponentKey))


def values_of(key: ComponentKey) -> st.SearchStrategy[Decimal]:
    """Any value, half of them at or between the corners of the key's own curve."""
    low, high = RANGES[key]
    corners = [round(x * 10**6) for x, _ in SPECS[key].curve.points]
    inside = st.integers(min(corners), max(corners)) | st.sampled_from(corners)
    return (st.integers(low, high) | inside).map(lambda number: Decimal(number).scaleb(-6))


def measurements(key: ComponentKey) -> st.SearchStrategy[Measurement]:
    return st.builds(Measurement, values_of(key), st.integers(0, 10_000), st.just("a while"))


def accounts(*, complete: bool = False) -> st.SearchStrategy[ReadinessInputs]:
    known = {
        key.value: measurements(key) if complete else st.none() | measurements(key)
        for key in ComponentKey
    }
    share = st.integers(0, 100).map(lambda percent: Decimal(percent) / 100)
    return st.builds(
        ReadinessInputs,
        currency=st.just("usd") if complete else st.sampled_from(["usd", "eur"]),
        recurring_share=share if complete else st.none() | share,
        payouts_enabled=st.sampled_from([None, True, False]),
        **known,
    )
