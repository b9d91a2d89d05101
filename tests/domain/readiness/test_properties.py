"""What must hold for any account, tried on many: bounds, monotony, no cliffs, sums, one answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.metrics import MonthMetrics
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
    what_if,
    with_values,
)
from domain.readiness.model import CAPS, COMPONENTS, SPECS
from tests.calibration.figures import largest_jump, noisy_shop
from tests.domain.months import AS_OF, GOOD, history_of, measured
from tests.domain.readiness.accounts import BETTER_UP, KEYS, accounts, values_of

pytestmark = pytest.mark.slow


def exact_of(inputs: ReadinessInputs) -> float:
    exact = assess(inputs).exact
    assert exact is not None
    return exact


def parts_of(inputs: ReadinessInputs) -> list[float]:
    """Return the score, the mean and every limit: where one cap binds, the rest is not seen."""
    found = assess(inputs)
    return [exact_of(inputs), found.uncapped, *(cap.limit for cap in found.caps)]


def no_lower(after: ReadinessInputs, before: ReadinessInputs, slack: float = 1e-9) -> bool:
    pairs = zip(parts_of(after), parts_of(before), strict=True)
    return all(one >= other - slack for one, other in pairs)


def largest_change(after: ReadinessInputs, before: ReadinessInputs) -> float:
    pairs = zip(parts_of(after), parts_of(before), strict=True)
    return max(abs(one - other) for one, other in pairs)


def read(months: list[MonthMetrics]) -> ReadinessInputs:
    return inputs_from_months(
        months, top1_share=None, as_of=AS_OF, data_age_days=0, account=AccountFacts()
    )


@settings(deadline=None, max_examples=300)
@given(accounts())
def test_every_number_stays_within_its_bounds(inputs: ReadinessInputs):
    assessment = assess(inputs)
    assert assessment.score is not None
    assert assessment.exact is not None
    assert 0 <= assessment.score <= assessment.exact + 1e-6
    assert assessment.exact <= 100
    assert 0 <= assessment.confidence <= 1
    assert all(0 <= part.score <= 1 for part in assessment.components)
    assert all(0 <= cap.limit <= 100 for cap in assessment.caps)


@settings(deadline=None, max_examples=300)
@given(accounts())
def test_parts_sum_to_the_total(inputs: ReadinessInputs):
    assessment = assess(inputs)
    parts = assessment.components
    assert sum(part.points for part in parts) == pytest.approx(assessment.uncapped)
    if parts:
        whole = sum(part.points + part.points_lost for part in parts)
        assert whole == pytest.approx(100)
        assert sum(part.effective_weight for part in parts) == pytest.approx(100)


@settings(deadline=None, max_examples=300)
@given(accounts())
def test_every_component_is_assessed_or_dropped_with_a_reason(inputs: ReadinessInputs):
    assessment = assess(inputs)
    assessed = {part.key for part in assessment.components}
    dropped = {part.key for part in assessment.dropped}
    assert assessed | dropped == set(ComponentKey)
    assert not assessed & dropped
    assert all(part.reason for part in assessment.dropped)


@settings(deadline=None, max_examples=300)
@given(accounts())
def test_score_is_the_smaller_of_mean_and_caps_and_the_lowest_cap_binds(inputs: ReadinessInputs):
    assessment = assess(inputs)
    lowest = min((cap.limit for cap in assessment.caps), default=100.0)
    assert assessment.exact == pytest.approx(min(assessment.uncapped, lowest))
    binding = assessment.binding
    assert (binding is not None) == (lowest < assessment.uncapped)
    assert binding is None or binding.limit == lowest
    assert sum(cap.binds for cap in assessment.caps) <= 1


@settings(deadline=None, max_examples=500)
@given(st.data(), KEYS, accounts(complete=True))
def test_better_value_never_lowers_the_score(
    data: st.DataObject, key: ComponentKey, inputs: ReadinessInputs
):
    one, other = sorted([data.draw(values_of(key)), data.draw(values_of(key))])
    worse, better = (one, other) if key in BETTER_UP else (other, one)
    assert no_lower(with_values(inputs, {key: better}), with_values(inputs, {key: worse}))


@pytest.mark.parametrize("key", ComponentKey)
def test_score_runs_one_way_along_every_corner(key: ComponentKey):
    base = replace(GOOD, recurring_share=Decimal(1), retention=measured("0.9", 500))
    curves = [SPECS[key].curve, *(cap.curve for cap in CAPS if cap.key is key)]
    corners = sorted({Decimal(str(x)) for curve in curves for x, _ in curve.points})
    walked = [with_values(base, {key: value}) for value in corners]
    for worse, better in pairwise(walked if key in BETTER_UP else reversed(walked)):
        assert no_lower(better, worse)


@settings(deadline=None, max_examples=500)
@given(KEYS, accounts(complete=True))
def test_hundredth_of_a_percent_moves_the_score_by_less_than_a_sixth(
    key: ComponentKey, inputs: ReadinessInputs
):
    value = inputs.value(key)
    assert value is not None
    moved = with_values(inputs, {key: value * Decimal("1.0001")})
    assert largest_change(moved, inputs) < 1 / 6


def test_largest_jump_is_small_and_smaller_with_a_hundred_observations():
    assert 0.01 < largest_jump().points < 0.15
    assert largest_jump(least=100).points < 0.03


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 1_000_000) | st.sampled_from([299_985, 300_000, 399_970, 400_000]),
    accounts(complete=True),
)
def test_share_of_recurring_revenue_has_no_cliff_either(millionths: int, inputs: ReadinessInputs):
    share = Decimal(millionths).scaleb(-6)
    moved = replace(inputs, recurring_share=share * Decimal("1.0001"))
    assert largest_change(moved, replace(inputs, recurring_share=share)) < 0.1


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_same_inputs_give_the_same_assessment(inputs: ReadinessInputs):
    assert assess(inputs) == assess(replace(inputs))


@settings(deadline=None, max_examples=100)
@given(st.data(), KEYS, accounts(complete=True))
def test_what_if_is_a_recompute(data: st.DataObject, key: ComponentKey, inputs: ReadinessInputs):
    value = data.draw(values_of(key))
    known = inputs.measurement(key)
    assert known is not None
    changed = replace(inputs, **{key.value: replace(known, value=value)})
    assert what_if(inputs, {key: value}) == assess(changed)


CASES = st.sampled_from(
    [ComponentKey.DISPUTES, ComponentKey.REFUNDS, ComponentKey.PAYMENTS, ComponentKey.PAYOUTS]
)


def with_cases(inputs: ReadinessInputs, key: ComponentKey, bad: int, n: int) -> ReadinessInputs:
    """Return the inputs with so many bad cases among n observations; retained ones are good."""
    share = Decimal(bad) / n
    value = 1 - share if key is ComponentKey.RETENTION else share
    return replace(inputs, **{key.value: Measurement(value, n, "a while")})


@settings(deadline=None, max_examples=500)
@given(CASES | st.just(ComponentKey.RETENTION), accounts(complete=True), st.data())
def test_another_good_case_never_lowers_the_score(
    key: ComponentKey, inputs: ReadinessInputs, data: st.DataObject
):
    n = data.draw(st.integers(1, 3000))
    bad = data.draw(st.integers(0, min(n, 40)))
    assert no_lower(with_cases(inputs, key, bad, n + 1), with_cases(inputs, key, bad, n))


@settings(deadline=None, max_examples=500)
@given(CASES | st.just(ComponentKey.RETENTION), accounts(complete=True), st.data())
def test_another_bad_case_never_raises_the_score(
    key: ComponentKey, inputs: ReadinessInputs, data: st.DataObject
):
    n = data.draw(st.integers(1, 3000))
    bad = data.draw(st.integers(0, n))
    # Below the neutral share a bad case is evidence too: it may prove how few there are.
    neutral = SPECS[key].neutral_share
    assert neutral is not None
    slack = 1e-9 if bad / n >= neutral else 0.1
    one_more = with_cases(inputs, key, bad + 1, n + 1)
    assert no_lower(with_cases(inputs, key, bad, n), one_more, slack)


@settings(deadline=None, max_examples=300)
@given(KEYS, accounts(complete=True), st.integers(0, 5000), st.integers(0, 5000))
def test_more_evidence_never_moves_a_component_towards_neutral(
    key: ComponentKey, inputs: ReadinessInputs, one: int, other: int
):
    known = inputs.measurement(key)
    assert known is not None
    few, many = (
        assess(replace(inputs, **{key.value: replace(known, n=n)})) for n in sorted([one, other])
    )
    before, after = few.component(key), many.component(key)
    if before is not None and after is not None:
        assert abs(after.score - 0.5) >= abs(before.score - 0.5) - 1e-9
        assert after.evidence >= before.evidence - 1e-9
    assert limit_of(many, key) <= limit_of(few, key) + 1e-9


def limit_of(assessment: Assessment, key: ComponentKey) -> float:
    return min((cap.limit for cap in assessment.caps if cap.key is key), default=100.0)


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_weights_sum_to_100_whatever_is_dropped(inputs: ReadinessInputs):
    assert sum(spec.weight for spec in COMPONENTS) == 100
    parts = assess(inputs).components
    if parts:
        assert sum(part.effective_weight for part in parts) == pytest.approx(100)


@settings(deadline=None, max_examples=200)
@given(accounts(), st.integers(0, 40))
def test_empty_and_poor_accounts_raise_nothing(inputs: ReadinessInputs, months: int):
    nothing = replace(inputs, **dict.fromkeys((key.value for key in ComponentKey), None))
    for found in (assess(nothing), assess(read(history_of([0] * months, charges=0)))):
        assert (found.score, found.tier) == (0, Tier.NOT_READY)
        assert found.confidence == 0


def test_kept_tiers_stop_the_flicker_of_a_noisy_shop():
    noise = noisy_shop()
    assert noise.mean == pytest.approx(60, abs=1)
    assert 1.2 <= noise.deviation <= 3.2
    assert noise.flips * 2 < noise.flips_without


@given(st.floats(0, 100), st.floats(0, 1), st.sampled_from(list(Tier)))
def test_previous_tier_never_lowers_and_never_raises_above_itself(
    exact: float, confidence: float, previous: Tier
):
    order = list(Tier)
    alone, after = tier_for(exact, confidence), tier_for(exact, confidence, previous)
    assert order.index(alone) <= order.index(after)
    assert order.index(after) <= max(order.index(alone), order.index(previous))


NETS = st.lists(st.integers(0, 10**8), min_size=1, max_size=26)


@settings(deadline=None, max_examples=50)
@given(NETS, st.randoms(use_true_random=False))
def test_order_of_months_does_not_matter(nets: list[int], random: Random):
    months = history_of(nets)
    shuffled = random.sample(months, len(months))
    assert assess(read(shuffled)) == assess(read(months))


@settings(deadline=None, max_examples=50)
@given(NETS, st.integers(2, 1000))
def test_scaling_all_money_changes_only_the_scale(nets: list[int], factor: int):
    small = read(history_of(nets))
    large = read(history_of([net * factor for net in nets]))
    for key in ComponentKey:
        before, after = small.value(key), large.value(key)
        if key is ComponentKey.SCALE:
            assert before is not None
            # Both are rounded to whole cents.
            assert abs((after or 0) - before * factor) <= Decimal("0.005") * (factor + 1)
        elif before is None:
            assert after is None
        else:
            assert after == pytest.approx(before, abs=Decimal("0.000002"))
