"""What the caps act on: what is proven, not what happened to a few."""

from __future__ import annotations

from decimal import Decimal
from math import comb

import pytest

from domain.readiness import Assessment, Cap, ComponentKey, Measurement, ReadinessInputs, assess
from domain.readiness.evidence import proven_share
from domain.readiness.model import SPECS
from tests.domain.months import GOOD, good_but, measured


def exact_bound(bad: int, n: int) -> float:
    """Return the Clopper-Pearson bound by bisection over the binomial's own sums."""
    low, high = 0.0, bad / n
    for _ in range(50):
        share = (low + high) / 2
        fewer = sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(bad))
        low, high = (share, high) if 1 - fewer < 0.05 else (low, share)
    return low


@pytest.mark.parametrize(
    ("bad", "n"), [(1, 20), (2, 40), (3, 200), (5, 200), (8, 200), (12, 276), (30, 300)]
)
def test_proven_share_is_near_the_exact_bound(bad: int, n: int):
    assert proven_share(bad / n, n) == pytest.approx(exact_bound(bad, n), abs=0.0004)


@pytest.mark.parametrize(("bad", "n"), [(1, 2), (6, 12), (50, 100)])
def test_proven_share_of_large_shares_is_off_by_a_few_points(bad: int, n: int):
    assert proven_share(bad / n, n) == pytest.approx(exact_bound(bad, n), abs=0.04)


@pytest.mark.parametrize(("share", "n"), [(0.0, 100), (0.5, 0), (-0.2, 50)])
def test_nothing_proves_nothing(share: float, n: int):
    assert proven_share(share, n) == 0


def limit_of(assessment: Assessment, key: ComponentKey) -> Cap:
    [cap] = [cap for cap in assessment.caps if cap.key is key]
    return cap


def disputed(bad: int, n: int) -> ReadinessInputs:
    return good_but(disputes=Measurement(Decimal(bad) / n, n, "3 months to 2026-10"))


def test_eight_disputes_in_200_payments_bind_and_one_in_20_does_not():
    many, one = assess(disputed(8, 200)), assess(disputed(1, 20))
    assert many.binding is not None
    assert many.binding.key is ComponentKey.DISPUTES
    assert many.score is not None
    assert many.score < 40
    assert one.binding is None
    assert limit_of(one, ComponentKey.DISPUTES).limit == 100


def test_disputes_go_on_limiting_beyond_the_networks_line():
    limits = [
        limit_of(assess(disputed(bad, 10_000)), ComponentKey.DISPUTES).limit
        for bad in (200, 300, 500)
    ]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] < 39
    assert limits[-1] == 20


def test_one_refund_among_four_payments_limits_nothing():
    assessment = assess(good_but(refunds=measured("0.25", 4), payments=measured("0.25", 4)))
    assert limit_of(assessment, ComponentKey.REFUNDS).limit == 100
    assert limit_of(assessment, ComponentKey.PAYMENTS).limit == 100


def test_software_that_loses_half_its_subscriptions_needs_work():
    leaking = good_but(recurring_share=Decimal(1), retention=measured("0.5", 200))
    # 100 of 200 lost prove 44.3 % lost at least; between 30 % and 60 % kept lie 39 and 59.
    cap = limit_of(assess(leaking), ComponentKey.RETENTION)
    proven = proven_share(0.5, 200)
    assert proven == pytest.approx(exact_bound(100, 200), abs=0.004)
    assert cap.limit == pytest.approx(59 - 20 * (0.6 - (1 - proven)) / 0.3)
    assert cap.binds


def test_retention_limits_as_far_as_it_applies():
    limits = [
        limit_of(
            assess(good_but(recurring_share=Decimal(share), retention=measured("0.3", 10**6))),
            ComponentKey.RETENTION,
        ).limit
        for share in ("0.30", "0.35", "0.40")
    ]
    assert limits == pytest.approx([100, 69.5, 39], abs=0.2)


def test_shop_that_sells_every_other_month_is_not_ready_for_funding():
    assert assess(good_but(stability=measured("1.0", 12))).score == 59


def test_shop_of_unknown_size_stays_below_the_highest_tier():
    best = good_but(growth=measured("1", 15), stability=measured("0.05", 12), currency="eur")
    assessment = assess(best)
    assert (assessment.score, assessment.uncapped > 80) == (79, True)
    binding = assessment.binding
    assert binding is not None
    assert binding.key is ComponentKey.SCALE
    assert "VAULTRA_REFERENCE_RATES=eur=" in binding.reason


def test_limit_tells_what_it_acts_on_and_where_its_lines_come_from():
    cap = limit_of(assess(disputed(8, 200)), ComponentKey.DISPUTES)
    assert cap.acts_on == "2.02 %"
    assert cap.reason == (
        f"Disputes limits the score to {cap.limit:.1f}, whatever the other components earn."
        " It acts on what 200 payments prove: at least 2.02 %."
    )
    assert "VAMP" in cap.source


@pytest.mark.parametrize("key", [key for key in ComponentKey if SPECS[key].neutral_share])
def test_neutral_share_is_where_the_curve_is_neutral(key: ComponentKey):
    share = SPECS[key].neutral_share
    assert share is not None
    value = 1 - share if key is ComponentKey.RETENTION else share
    assert SPECS[key].curve.at(value) == pytest.approx(50)


def test_bad_cases_count_as_the_payments_that_would_be_neutral_with_them():
    part = assess(disputed(8, 200)).component(ComponentKey.DISPUTES)
    assert part is not None
    # 8 is 0.7 % of 1,142.86; half the evidence are 300.
    assert part.evidence == pytest.approx(1142.857 / 1442.857, abs=1e-5)
    assert part.score == pytest.approx(0.5 * (1 - part.evidence))


def test_bad_cases_add_no_confidence():
    assert assess(disputed(8, 200)).confidence == assess(disputed(0, 200)).confidence


def test_good_shop_is_limited_by_nothing():
    assert {cap.limit for cap in assess(GOOD).caps} == {100}
