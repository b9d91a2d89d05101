"""Businesses whose scores the model's design states; a plain mean would forgive their one fault.

Each is described by inputs in words of the design (a 60 % client, 1.9 % disputes, -35 %); where a
cap binds, its number follows from the design's table alone.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.readiness import ComponentKey, ReadinessInputs, Tier, assess
from tests.domain.months import good_but, measured

NEW_STORE = ReadinessInputs(
    scale=measured("3000", 2),
    history=measured(2, 2),
    disputes=measured("0.002", 200),
    refunds=measured("0.03", 200),
    payments=measured("0.04", 200),
    concentration=measured("0.05"),
    payouts=measured("0", 8),
    recurring_share=Decimal(0),
)
AGENCY = good_but(
    growth=measured("0.10", 15),
    stability=measured("0.25", 12),
    disputes=measured("0", 40),
    refunds=measured("0", 40),
    payments=measured("0.02", 40),
    concentration=measured("0.60", 9),
)
DROPSHIPPER = good_but(
    scale=measured("60000"),
    history=measured(10),
    growth=measured("0.5", 6),
    stability=measured("0.3", 10),
    disputes=measured("0.019", 6000),
    refunds=measured("0.12", 6000),
    payments=measured("0.08", 6000),
)
DECLINING_SHOP = good_but(growth=measured("-0.35", 15), refunds=measured("0.06", 3000))


@pytest.mark.parametrize(
    ("inputs", "binding", "exact", "tier"),
    [
        pytest.param(NEW_STORE, ComponentKey.HISTORY, 36.67, Tier.NOT_READY, id="new store"),
        pytest.param(AGENCY, ComponentKey.CONCENTRATION, 51.0, Tier.NEEDS_WORK, id="agency"),
        pytest.param(DROPSHIPPER, ComponentKey.DISPUTES, 37.5, Tier.NOT_READY, id="dropshipper"),
        pytest.param(
            DECLINING_SHOP, ComponentKey.GROWTH, 51.0, Tier.NEEDS_WORK, id="declining shop"
        ),
    ],
)
def test_one_fatal_weakness_binds(
    inputs: ReadinessInputs, binding: ComponentKey, exact: float, tier: Tier
):
    assessment = assess(inputs)
    assert assessment.binding is not None
    assert assessment.binding.key is binding
    assert assessment.exact == pytest.approx(exact, abs=0.05)
    assert assessment.tier is tier
    assert assessment.uncapped > exact + 10


def test_subscription_business_of_42k_a_month_is_highly_attractive():
    assessment = assess(
        good_but(
            scale=measured("42000"),
            growth=measured("0.4", 15),
            stability=measured("0.06", 12),
            disputes=measured("0.001", 1500),
            refunds=measured("0.01", 1500),
            payments=measured("0.05", 1500),
            retention=measured("0.91", 200),
            recurring_share=Decimal(1),
        )
    )
    assert assessment.exact == pytest.approx(88.3, abs=2)
    assert assessment.tier is Tier.HIGHLY_ATTRACTIVE
    assert assessment.binding is None


def test_seasonal_shop_is_funding_ready_in_spite_of_its_swings():
    assessment = assess(good_but(stability=measured("0.60", 12), growth=measured("0.05", 15)))
    assert assessment.exact == pytest.approx(73.9, abs=5)
    assert assessment.tier is Tier.FUNDING_READY


def test_business_without_a_fault_scores_about_95():
    assessment = assess(
        ReadinessInputs(
            scale=measured("300000"),
            history=measured(48),
            growth=measured("1.2", 15),
            stability=measured("0.04", 12),
            disputes=measured("0", 50_000),
            refunds=measured("0.01", 50_000),
            payments=measured("0.02", 50_000),
            concentration=measured("0.02"),
            retention=measured("0.97", 3000),
            payouts=measured("0", 60),
            recurring_share=Decimal(1),
        )
    )
    assert assessment.exact == pytest.approx(95.5, abs=1)
