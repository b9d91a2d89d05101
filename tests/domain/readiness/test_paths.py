"""The cheapest way to a tier: exact, recomputed, and never claimed where it does not lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.readiness import (
    ComponentKey,
    Paths,
    Tier,
    assess,
    cheapest_paths,
    more_months,
    with_values,
)
from domain.readiness.paths import STEP, effort
from tests.domain.months import GOOD
from tests.domain.readiness.accounts import accounts

TODAY = date(2026, 11, 22)
ORDER = list(Tier)
RISING = {ComponentKey.SCALE, ComponentKey.GROWTH, ComponentKey.RETENTION}


def paths_to(inputs, target: Tier = Tier.FUNDING_READY) -> Paths:
    return cheapest_paths(inputs, target, as_of=TODAY)


def reaches(inputs, target: Tier) -> bool:
    return ORDER.index(assess(inputs).tier) >= ORDER.index(target)


def later(inputs, paths: Paths):
    """Return the inputs on which the paths stand."""
    start = replace(inputs, payouts_enabled=True) if paths.enable_payouts else inputs
    return more_months(start, paths.from_month.months) if paths.from_month else start


@settings(deadline=None, max_examples=60)
@given(accounts(), st.sampled_from(ORDER[1:]))
def test_every_path_reaches_the_target_when_it_is_computed_again(inputs, target):
    found = paths_to(inputs, target)
    assert found.reached == reaches(inputs, target)
    base = later(inputs, found)
    for path in found.paths:
        changed = with_values(base, {step.key: step.after for step in path.steps})
        assert path.after == assess(changed)
        assert reaches(changed, target)
    if found.wait is not None:
        assert ORDER.index(found.wait.after.tier) >= ORDER.index(target)


def assert_no_step_too_far(inputs, target: Tier) -> Paths:
    found = paths_to(inputs, target)
    base = later(inputs, found)
    for path in found.paths:
        values = {step.key: step.after for step in path.steps}
        for step in path.steps:
            unit = Decimal(1) if step.key is ComponentKey.SCALE else STEP
            less = step.after - unit if step.key in RISING else step.after + unit
            assert not reaches(with_values(base, values | {step.key: less}), target)
    return found


@settings(deadline=None, max_examples=40)
@given(accounts(), st.sampled_from(ORDER[1:]))
def test_no_step_of_a_path_goes_further_than_it_must(inputs, target):
    assert_no_step_too_far(inputs, target)


def test_no_step_of_a_combination_goes_further_than_it_must():
    worse = {
        ComponentKey.SCALE: Decimal(3_000),
        ComponentKey.GROWTH: Decimal("-0.30"),
        ComponentKey.STABILITY: Decimal("0.5"),
        ComponentKey.DISPUTES: Decimal("0.012"),
        ComponentKey.REFUNDS: Decimal("0.20"),
        ComponentKey.CONCENTRATION: Decimal("0.6"),
    }
    [path] = assert_no_step_too_far(with_values(GOOD, worse), Tier.FUNDING_READY).paths
    assert len(path.steps) > 2


def test_value_to_reach_is_the_one_that_the_caps_points_give():
    # The cap falls from 100 at 35 % to 59 at 50 %: 60 is at 35 % + 15 % * 40 / 41.
    found = paths_to(with_values(GOOD, {ComponentKey.CONCENTRATION: Decimal("0.60")}))
    [path] = found.paths
    [step] = path.steps
    exact = Decimal("0.35") + Decimal("0.15") * 40 / 41
    assert (step.before, step.after) == (Decimal("0.60"), exact.quantize(STEP, "ROUND_FLOOR"))
    # The curve spans 10 % to 75 %.
    assert step.effort == pytest.approx(float(Decimal("0.60") - step.after) / 0.65)


def test_single_changes_come_with_the_least_effort_first():
    worse = {
        ComponentKey.GROWTH: Decimal("-0.05"),
        ComponentKey.STABILITY: Decimal("0.35"),
        ComponentKey.REFUNDS: Decimal("0.10"),
    }
    paths = paths_to(with_values(GOOD, worse), Tier.HIGHLY_ATTRACTIVE).paths
    efforts = [path.effort for path in paths]
    assert len(efforts) == 3
    assert all(len(path.steps) == 1 for path in paths)
    assert efforts == sorted(efforts)


def test_effort_is_measured_in_widths_of_the_curve():
    assert effort(ComponentKey.REFUNDS, Decimal("0.30"), Decimal("0.02")) == pytest.approx(1)
    assert effort(ComponentKey.REFUNDS, Decimal("0.16"), Decimal("0.02")) == pytest.approx(0.5)
    assert effort(ComponentKey.SCALE, Decimal(100), Decimal(250_000)) == pytest.approx(1)
    assert effort(ComponentKey.SCALE, Decimal(100), Decimal(5_000)) == pytest.approx(0.5)


def test_where_no_single_change_reaches_the_smallest_combination_is_given():
    inputs = with_values(
        GOOD, {ComponentKey.CONCENTRATION: Decimal("0.60"), ComponentKey.REFUNDS: Decimal("0.38")}
    )
    [path] = paths_to(inputs).paths
    assert {step.key for step in path.steps} == {ComponentKey.CONCENTRATION, ComponentKey.REFUNDS}


def test_history_is_waited_for_and_has_a_date():
    # The cap of history is 45 at 3 months and 70 at 6: at 5 months it is 61.7.
    found = paths_to(with_values(GOOD, {ComponentKey.HISTORY: Decimal(2)}))
    assert found.wait is not None
    assert (found.wait.months, found.wait.on) == (3, date(2027, 2, 1))
    assert found.paths == ()


def test_changes_that_need_history_as_well_hold_from_a_date_on():
    inputs = with_values(
        GOOD, {ComponentKey.HISTORY: Decimal(2), ComponentKey.CONCENTRATION: Decimal("0.60")}
    )
    found = paths_to(inputs)
    assert found.wait is None
    assert found.from_month is not None
    assert found.from_month.on == date(2027, 2, 1)
    assert [step.key for path in found.paths for step in path.steps] == [ComponentKey.CONCENTRATION]


def test_target_that_is_reached_needs_nothing():
    found = paths_to(GOOD)
    assert (found.reached, found.paths, found.wait) == (True, (), None)


def test_disabled_payouts_come_before_everything_else():
    found = paths_to(
        replace(with_values(GOOD, {ComponentKey.GROWTH: Decimal("-0.4")}), payouts_enabled=False)
    )
    assert found.enable_payouts
    assert [step.key for path in found.paths for step in path.steps] == [ComponentKey.GROWTH]


def test_account_without_a_payment_is_promised_nothing():
    found = paths_to(type(GOOD)())
    assert (found.reached, found.paths, found.from_month, found.wait) == (False, (), None, None)
