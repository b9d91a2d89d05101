from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings

from domain.advice import RULES, Advice, Priority, advise
from domain.readiness import ComponentKey, ReadinessInputs, assess, what_if
from tests.domain.months import AS_OF, good_but, history_of, measured
from tests.domain.readiness.accounts import accounts

MONTHS = history_of([3_000_000] * 30, charges=1000, disputes=9)


def advice_for(inputs: ReadinessInputs) -> dict[str, Advice]:
    return {item.rule: item for item in advise(inputs, MONTHS, assess(inputs), AS_OF).advice}


@settings(deadline=None, max_examples=150)
@given(accounts())
def test_advice_fits_its_columns_and_never_harms(inputs: ReadinessInputs):
    for item in advise(inputs, MONTHS, assess(inputs), AS_OF).advice:
        assert 0 < len(item.title) <= 255
        assert 0 < len(item.estimated_impact) <= 100
        assert len(item.priority.value) <= 20
        assert len(item.category.value) <= 50
        assert item.description.endswith(".")
        assert item.effect >= -1e-9


@settings(deadline=None, max_examples=150)
@given(accounts())
def test_advice_is_sorted_by_priority_and_then_by_effect(inputs: ReadinessInputs):
    order = list(Priority)
    found = advise(inputs, MONTHS, assess(inputs), AS_OF).advice
    ranks = [(-order.index(item.priority), -item.effect) for item in found]
    assert ranks == sorted(ranks)


def test_impact_is_the_difference_to_a_recompute():
    inputs = good_but(concentration=measured("0.60"))
    before, after = assess(inputs), what_if(inputs, {ComponentKey.CONCENTRATION: Decimal("0.225")})
    assert before.score is not None
    assert after.score is not None
    advice = advice_for(inputs)["diversify"]
    points = after.score - before.score
    assert points > 10
    assert advice.estimated_impact == f"+{points} points ({before.score} to {after.score})"
    assert advice.effect == pytest.approx((after.exact or 0) - (before.exact or 0))
    assert advice.metric_refs["predicted"] == {
        "kind": "gains",
        "points_before": f"{before.exact:.1f}",
        "points_after": f"{after.exact:.1f}",
        "points": f"{advice.effect:.1f}",
    }


def test_impact_behind_another_cap_waits_for_that_cap():
    inputs = good_but(growth=measured("-0.45", 15), concentration=measured("0.45"))
    assert advice_for(inputs)["diversify"].estimated_impact == "no effect until growth improves"


def test_gain_held_back_by_another_cap_ranks_a_step_lower():
    inputs = good_but(growth=measured("-0.50", 15), disputes=measured("0.012", 3000))
    alone = good_but(disputes=measured("0.012", 3000))
    assert advice_for(alone)["disputes_reduce"].priority is Priority.HIGH
    assert advice_for(inputs)["disputes_reduce"].priority is Priority.MEDIUM
    assert advice_for(good_but(growth=measured("-0.5", 15)))["decline_plan"].priority == "high"


def test_gain_that_meets_the_next_cap_says_so():
    inputs = good_but(growth=measured("-0.45", 15), concentration=measured("0.48"))
    impact = advice_for(inputs)["decline_plan"].estimated_impact
    assert impact.endswith("then customer concentration limits it")


def test_small_gain_is_less_than_a_point():
    inputs = good_but(refunds=measured("0.08", 5))
    assert "less than 1 point" in advice_for(inputs)["refunds_rootcause"].estimated_impact


def test_advice_without_a_number_in_the_model_has_no_effect():
    inputs = good_but()
    advice = advice_for(inputs)["fund_pack"]
    assert advice.estimated_impact == f"no effect on the score ({assess(inputs).score})"
    assert advice.priority is Priority.MEDIUM


def test_disabled_payouts_come_first():
    inputs = good_but(payouts_enabled=False, concentration=measured("0.3"))
    first = advise(inputs, MONTHS, assess(inputs), AS_OF).advice[0]
    assert first.rule == "payout_fix"
    assert advice_for(inputs)["diversify"].estimated_impact == "no effect until payouts are enabled"


def test_missing_data_promises_confidence_only():
    inputs = good_but(payouts=None)
    advice = advice_for(inputs)["data_complete"]
    confidence = assess(inputs).confidence
    # Payouts weigh 4 of the 91 that apply to a shop without subscriptions.
    assert advice.estimated_impact == (
        f"confidence {confidence:.2f} to at most {confidence + 4 / 91:.2f}"
    )


def test_every_rule_has_its_own_name():
    assert len({rule.id for rule in RULES}) == len(RULES)
