from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings

from domain.readiness import (
    ComponentKey,
    ReadinessInputs,
    Tier,
    assess,
    components_flat,
    explain,
    summary,
)
from tests.domain.months import GOOD, good_but, measured
from tests.domain.readiness.accounts import accounts

AGENCY = good_but(concentration=measured("0.60"))


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_explanation_is_json_of_strings_and_small_numbers(inputs: ReadinessInputs):
    told = explain(assess(inputs))
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_shown_points_and_points_lost_add_up_to_the_shown_weight(inputs: ReadinessInputs):
    for part in explain(assess(inputs))["components"]:
        shown = Decimal(part["points"]) + Decimal(part["points_lost"])
        assert abs(shown - Decimal(str(part["weight"]))) <= Decimal("0.15")


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_flat_components_are_ratios_and_include_the_two_summaries(inputs: ReadinessInputs):
    flat = components_flat(assess(inputs))
    assert {"revenue_stability", "risk_signals"} <= set(flat)
    assert all(isinstance(score, float) and 0 <= score <= 1 for score in flat.values())
    assert all(score == round(score, 4) for score in flat.values())


def test_risk_signals_are_the_weighted_mean_of_disputes_refunds_and_payments():
    inputs = good_but(
        disputes=measured("0.0075", 300),
        refunds=measured("0.10", 100),
        payments=measured("0.2", 100),
    )
    # Curves say 45, 50 and 20. Of 0.7 % neutral disputes 0.75 % count as 321.4 payments, and of
    # 12.5 % neutral failures 20 % as 160; half evidence are 300 and 100.
    disputes, payments = 321.428571 / 621.428571, 160 / 260
    expected = (13 * (50 - 5 * disputes) + 7 * 50 + 6 * (50 - 30 * payments)) / 26 / 100
    assert components_flat(assess(inputs))["risk_signals"] == pytest.approx(expected, abs=5e-5)


def test_flat_components_of_an_empty_account_are_neutral():
    assert components_flat(assess(ReadinessInputs())) == {
        "revenue_stability": 0.5,
        "risk_signals": 0.5,
    }


def test_revenue_stability_is_that_of_the_stability_component():
    flat = components_flat(assess(GOOD))
    assert flat["revenue_stability"] == flat["stability"]


def test_summary_has_the_short_fields():
    told = summary(assess(AGENCY))
    assert (told["score"], told["tier"], told["model_version"]) == (51, "needs_work", "readiness-2")
    assert told["binding"] == {"kind": "cap", "component": "concentration", "limit": "51.0"}
    assert {"debt", "cash", "collateral", "profit"} <= set(told["not_assessed"])
    assert told["stale"] is None


def test_strongest_and_weakest_do_not_overlap():
    told = summary(assess(AGENCY))
    strongest = [part["component"] for part in told["strongest"]]
    weakest = [part["component"] for part in told["weakest"]]
    assert len(strongest) == 3
    assert weakest[0] == "concentration"
    assert not set(strongest) & set(weakest)


def test_perfect_value_with_little_evidence_is_no_weakness():
    told = summary(assess(good_but(disputes=measured("0", 5))))
    assert "disputes" not in [part["component"] for part in told["weakest"]]


def test_good_value_with_little_evidence_is_not_the_weakest():
    assessment = assess(good_but(growth=measured("0.9", 6), refunds=measured("0.085", 3000)))
    growth = assessment.component(ComponentKey.GROWTH)
    refunds = assessment.component(ComponentKey.REFUNDS)
    assert growth is not None
    assert refunds is not None
    assert growth.points_lost > refunds.points_lost
    assert summary(assessment)["weakest"][0]["component"] == "refunds"


def test_confidence_is_shown_rounded_down():
    assessment = assess(GOOD)
    shown = Decimal(summary(assessment)["confidence"])
    assert shown <= Decimal(assessment.confidence) < shown + Decimal("0.01")


def test_component_is_explained_with_its_place_on_the_curve():
    told = {part["component"]: part for part in explain(assess(GOOD))["components"]}
    growth = told["growth"]
    assert growth["curve"] == [{"value": "0.1", "points": "62"}, {"value": "0.25", "points": "78"}]
    assert (growth["curve_points"], growth["evidence"], growth["score"]) == ("62.0", "0.71", "0.59")
    assert (growth["value"], growth["display"], growth["n"]) == ("0.1", "10.0 %", "15")
    assert growth["window"] == "3 months to 2026-10"
    assert "docs.stripe.com/capital" in growth["source"]


@pytest.mark.parametrize(
    ("component", "value", "display"),
    [
        ("scale", "12345.6", "12,345.60 USD"),
        ("history", "1", "1 month"),
        ("history", "14", "14 months"),
        ("growth", "-0.12", "-12.0 %"),
        ("growth", "-0.0001", "0.0 %"),
        ("disputes", "0.00456", "0.46 %"),
    ],
)
def test_value_is_displayed_as_a_person_reads_it(component: str, value: str, display: str):
    if component == "scale":
        value = f"{Decimal(value):.2f}"
    part = assess(good_but(**{component: measured(value)})).component(ComponentKey(component))
    assert part is not None
    assert part.display == display


def test_only_caps_that_limit_are_told():
    told = explain(assess(AGENCY))["caps"]
    assert [(cap["component"], cap["binds"]) for cap in told] == [("concentration", True)]
    assert "51.0" in told[0]["reason"]
    assert (told[0]["acts_on"], told[0]["source"]) == (
        "60.0 %",
        "Lenders call a largest customer above 50 % high (guides to SBA lending).",
    )


def test_dropped_components_are_told_with_reasons():
    told = explain(assess(good_but(payouts=None)))["dropped"]
    assert [part["component"] for part in told] == ["retention", "payouts"]
    assert all(part["reason"] for part in told)


def test_next_tier_says_how_many_points_are_missing():
    told = explain(assess(AGENCY))
    assert told["next_tier"] == {"tier": "funding_ready", "points_needed": "9.0"}
    assert told["tier_thresholds"] == {
        "needs_work": 40,
        "funding_ready": 60,
        "highly_attractive": 80,
    }


@settings(deadline=None, max_examples=100)
@given(accounts())
def test_points_needed_are_enough_and_not_a_tenth_more(inputs: ReadinessInputs):
    assessment = assess(inputs)
    told = explain(assessment)
    if told["next_tier"] is None or assessment.exact is None:
        return
    line = told["tier_thresholds"][told["next_tier"]["tier"]]
    reached = assessment.exact + float(told["next_tier"]["points_needed"])
    assert reached >= line - 1e-6
    assert reached < max(line, assessment.exact) + 0.1 + 1e-6


def test_highest_tier_that_lacks_only_confidence_needs_no_points():
    few = good_but(
        scale=measured(250_000),
        growth=measured(1, 6),
        stability=measured("0.05", 5),
        disputes=measured(0, 150),
        refunds=measured(0, 20),
        payments=measured(0, 20),
        payouts=None,
    )
    told = explain(assess(few))
    assert told["tier"] == "funding_ready"
    assert told["next_tier"] == {
        "tier": "highly_attractive",
        "points_needed": "0.0",
        "confidence_needed": "0.70",
    }


def test_top_and_stopped_and_stale_have_no_next_tier():
    best = good_but(scale=measured(250_000), growth=measured(1, 15))
    assert assess(best).tier is Tier.HIGHLY_ATTRACTIVE
    for inputs in (best, good_but(payouts_enabled=False), good_but(key_revoked=True)):
        assert explain(assess(inputs))["next_tier"] is None


def test_stale_assessment_is_told_without_a_number():
    told = summary(assess(good_but(data_age_days=Decimal(30))))
    assert told["score"] is None
    assert "30.0 days" in told["stale"]
