"""The score of single accounts, each for one rule of the model."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import floor

import pytest

from domain.errors import InvalidInputError
from domain.readiness import (
    CapKind,
    ComponentKey,
    DropKind,
    ReadinessInputs,
    Tier,
    assess,
    tier_for,
    what_if,
)
from tests.domain.months import GOOD, good_but, measured


def test_score_is_rounded_down_to_a_whole_number():
    assessment = assess(GOOD)
    assert assessment.exact is not None
    assert assessment.score == floor(assessment.exact)
    assert assessment.exact != assessment.score


def test_score_held_by_a_cap_is_the_cap_s_limit():
    assessment = assess(good_but(history=measured(6)))
    assert (assessment.score, assessment.exact) == (70, pytest.approx(70))


def test_empty_account_is_not_ready_with_no_confidence():
    assessment = assess(ReadinessInputs())
    assert (assessment.score, assessment.tier, assessment.confidence) == (0, Tier.NOT_READY, 0)
    assert {part.key for part in assessment.dropped} == set(ComponentKey)


def test_dropped_component_gives_its_weight_to_the_others():
    assessment = assess(good_but(payouts=None))
    scale = assessment.component(ComponentKey.SCALE)
    assert scale is not None
    # Retention does not apply either: 100 - 4 - 9 remain.
    assert scale.effective_weight == pytest.approx(100 * 14 / 87)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ComponentKey.GROWTH, DropKind.TOO_LITTLE_DATA),
        (ComponentKey.CONCENTRATION, DropKind.NOT_READ),
        (ComponentKey.PAYOUTS, DropKind.NOT_READ),
    ],
)
def test_unknown_component_is_dropped_for_its_own_reason(key: ComponentKey, kind: DropKind):
    dropped = {part.key: part.kind for part in assess(good_but(**{key.value: None})).dropped}
    assert dropped[key] is kind


def test_amounts_in_another_currency_are_not_scored_on_a_usd_scale():
    assessment = assess(good_but(currency="eur", scale=measured("500")))
    dropped = {part.key: part for part in assessment.dropped}
    assert dropped[ComponentKey.SCALE].kind is DropKind.NO_EXCHANGE_RATE
    assert "no stated exchange rate" in dropped[ComponentKey.SCALE].reason
    assert "VAULTRA_REFERENCE_RATES=eur=" in dropped[ComponentKey.SCALE].reason


def test_retention_does_not_apply_without_recurring_revenue():
    dropped = {part.key: part.kind for part in assess(GOOD).dropped}
    assert dropped == {ComponentKey.RETENTION: DropKind.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("months", "kind"), [(12, DropKind.TOO_LITTLE_DATA), (13, DropKind.NOT_READ)]
)
def test_retention_cannot_be_read_before_13_months(months: int, kind: DropKind):
    inputs = good_but(recurring_share=Decimal(1), history=measured(months))
    dropped = {part.key: part.kind for part in assess(inputs).dropped}
    assert dropped[ComponentKey.RETENTION] is kind


def test_retention_that_does_not_apply_costs_no_confidence():
    without = assess(GOOD).confidence
    unknown = assess(good_but(recurring_share=None)).confidence
    assert unknown == pytest.approx(without * 91 / 100)


def test_no_evidence_counts_as_neutral():
    part = assess(good_but(disputes=measured("0", n=0))).component(ComponentKey.DISPUTES)
    assert part is not None
    assert (part.score, part.evidence) == (0.5, 0)


def test_evidence_of_the_half_way_count_weighs_half():
    part = assess(good_but(disputes=measured("0", n=300))).component(ComponentKey.DISPUTES)
    assert part is not None
    assert part.score == pytest.approx(0.75)


def test_disabled_payouts_stop_at_not_ready():
    assessment = assess(good_but(payouts_enabled=False), previous_tier=Tier.NEEDS_WORK)
    assert (assessment.tier, assessment.score) == (Tier.NOT_READY, 39)
    assert assessment.binding is not None
    assert assessment.binding.kind is CapKind.HARD_STOP


@pytest.mark.parametrize(
    ("inputs", "word"),
    [(good_but(data_age_days=Decimal("7.01")), "Sync"), (good_but(key_revoked=True), "Reconnect")],
)
def test_stale_data_gives_a_reason_and_no_number(inputs: ReadinessInputs, word: str):
    assessment = assess(inputs, previous_tier=Tier.HIGHLY_ATTRACTIVE)
    assert (assessment.score, assessment.exact, assessment.binding) == (None, None, None)
    assert assessment.tier is Tier.NOT_READY
    assert word in str(assessment.stale)


@pytest.mark.parametrize("age", [None, Decimal(0), Decimal(7)])
def test_data_of_a_week_is_not_stale(age: Decimal | None):
    assert assess(good_but(data_age_days=age)).stale is None


@pytest.mark.parametrize(
    ("exact", "tier"),
    [
        (0, Tier.NOT_READY),
        (39.99, Tier.NOT_READY),
        (40, Tier.NEEDS_WORK),
        (59.99, Tier.NEEDS_WORK),
        (60, Tier.FUNDING_READY),
        (79.99, Tier.FUNDING_READY),
        (80, Tier.HIGHLY_ATTRACTIVE),
        (100, Tier.HIGHLY_ATTRACTIVE),
    ],
)
def test_tier_begins_at_its_line(exact: float, tier: Tier):
    assert tier_for(exact, 1.0) is tier


def test_highest_tier_needs_confidence():
    assert tier_for(95, 0.69) is Tier.FUNDING_READY
    assert tier_for(95, 0.70) is Tier.HIGHLY_ATTRACTIVE


@pytest.mark.parametrize(
    ("exact", "previous", "tier"),
    [
        (57.5, Tier.FUNDING_READY, Tier.FUNDING_READY),
        (57.4, Tier.FUNDING_READY, Tier.NEEDS_WORK),
        (58.0, Tier.NEEDS_WORK, Tier.NEEDS_WORK),
        (58.0, Tier.HIGHLY_ATTRACTIVE, Tier.FUNDING_READY),
        (60.0, Tier.NOT_READY, Tier.FUNDING_READY),
        (37.4, Tier.NEEDS_WORK, Tier.NOT_READY),
        (79.0, Tier.HIGHLY_ATTRACTIVE, Tier.HIGHLY_ATTRACTIVE),
    ],
)
def test_tier_is_lost_only_well_below_its_line_and_won_at_once(
    exact: float, previous: Tier, tier: Tier
):
    assert tier_for(exact, 1.0, previous) is tier


def test_previous_tier_changes_the_tier_and_nothing_else():
    inputs = good_but(history=measured(5))
    first, second = assess(inputs), assess(inputs, previous_tier=Tier.HIGHLY_ATTRACTIVE)
    assert replace(second, tier=first.tier) == first


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_number_that_is_none_is_refused(value: str):
    with pytest.raises(InvalidInputError, match="finite"):
        measured(value)


def test_negative_count_is_refused():
    with pytest.raises(InvalidInputError):
        measured("0.1", n=-1)


def hash_of(inputs: ReadinessInputs) -> str:
    return assess(inputs).inputs_hash


def test_hash_ignores_how_a_number_is_written():
    assert hash_of(good_but(scale=measured("3E+4"))) == hash_of(
        good_but(scale=measured("30000.00"))
    )


@pytest.mark.parametrize(
    "changed",
    [
        good_but(scale=measured("30000.01")),
        good_but(scale=measured("30000", n=2)),
        good_but(currency="eur"),
        good_but(payouts_enabled=None),
        good_but(data_age_days=Decimal(8)),
        good_but(growth=None),
    ],
)
def test_hash_changes_with_what_is_scored(changed: ReadinessInputs):
    assert hash_of(changed) != hash_of(GOOD)


def test_hash_does_not_change_by_time_alone():
    assert hash_of(good_but(data_age_days=Decimal(3))) == hash_of(GOOD)


def test_unknown_value_is_assumed_with_the_evidence_that_counts_half():
    part = what_if(good_but(growth=None), {ComponentKey.GROWTH: Decimal(1)}).component(
        ComponentKey.GROWTH
    )
    assert part is not None
    assert (part.evidence, part.window) == (0.5, "assumed")


def test_reason_names_value_points_and_evidence():
    part = assess(GOOD).component(ComponentKey.GROWTH)
    assert part is not None
    assert part.reason == (
        "Net revenue changed by 10.0 %"
        " (3 months to 2026-10, against the same months a year earlier),"
        f" which earns {part.points:.1f} of {part.effective_weight:.1f} points;"
        " 15 months count as 71 % evidence, the rest as neutral."
    )


@pytest.mark.parametrize("line", [40, 60, 80])
def test_last_bits_of_a_sum_do_not_lose_a_tier(line: int):
    assert tier_for(line - 1e-12, 1.0) is tier_for(line, 1.0)
