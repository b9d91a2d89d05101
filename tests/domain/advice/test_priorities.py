"""Priority: never lower for more effect or more evidence, never higher for more effort."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.advice import RULES, Effort, Priority
from domain.advice.effects import Effect
from domain.advice.priorities import priority_of

POINTS = st.floats(0, 100)
SHARES = st.floats(0, 1)
EFFORTS = st.sampled_from(Effort)


def rank(gain: float, potential: float, evidence: float, effort: Effort) -> int:
    effect = Effect(gain, potential, "")
    return list(Priority).index(priority_of(effect, evidence=evidence, effort=effort))


@given(POINTS, POINTS, POINTS, POINTS, SHARES, EFFORTS)
def test_more_effect_never_lowers_the_priority(
    gain: float, more: float, potential: float, further: float, evidence: float, effort: Effort
):
    assert rank(gain + more, potential + further, evidence, effort) >= rank(
        gain, potential, evidence, effort
    )


@given(POINTS, POINTS, SHARES, SHARES, EFFORTS)
def test_more_evidence_never_lowers_the_priority(
    gain: float, potential: float, one: float, other: float, effort: Effort
):
    less, more = sorted((one, other))
    assert rank(gain, potential, more, effort) >= rank(gain, potential, less, effort)


@given(POINTS, POINTS, SHARES)
def test_more_effort_never_raises_the_priority(gain: float, potential: float, evidence: float):
    ranks = [rank(gain, potential, evidence, effort) for effort in Effort]
    assert ranks == sorted(ranks, reverse=True)


def test_priority_is_points_times_evidence_over_effort():
    # 10 points half proven are 5, which is high for weeks of work and 3.3 for months of it.
    effect = Effect(10.0, 0.0, "")
    assert priority_of(effect, evidence=0.5, effort=Effort.SOME) is Priority.HIGH
    assert priority_of(effect, evidence=0.5, effort=Effort.MUCH) is Priority.MEDIUM
    assert priority_of(effect, evidence=0.1, effort=Effort.MUCH) is Priority.LOW


def test_gain_that_is_held_back_counts_one_step_less():
    held = Effect(0.0, 10.0, "")
    assert priority_of(held, evidence=1.0, effort=Effort.SOME) is Priority.MEDIUM


def test_every_rule_states_its_effort_with_a_reason_and_each_threshold_with_a_source():
    for rule in RULES:
        assert rule.effort_reason, rule.id
        assert rule.thresholds, rule.id
        for threshold in rule.thresholds:
            assert threshold.reason, rule.id
            assert threshold.source, rule.id
