"""What a score was computed from comes back from JSON as it went in."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.readiness import (
    ComponentKey,
    GrowthBasis,
    Measurement,
    ReadinessInputs,
    assess,
    inputs_from_json,
    inputs_to_json,
)
from tests.domain.months import GOOD

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
MEASUREMENTS = st.none() | st.builds(Measurement, DECIMALS, st.integers(0, 10**9), st.text())
ANY_INPUTS = st.builds(
    ReadinessInputs,
    currency=st.text(),
    **dict.fromkeys([key.value for key in ComponentKey], MEASUREMENTS),
    growth_basis=st.none() | st.sampled_from(GrowthBasis),
    recurring_share=st.none() | DECIMALS,
    payouts_enabled=st.none() | st.booleans(),
    key_revoked=st.booleans(),
    data_age_days=st.none() | DECIMALS,
    unattributed_share=st.none() | DECIMALS,
    missing_permissions=st.lists(st.text()).map(tuple),
)


def through_text(inputs: ReadinessInputs) -> ReadinessInputs:
    return inputs_from_json(json.loads(json.dumps(inputs_to_json(inputs))))


@settings(deadline=None, max_examples=300)
@given(ANY_INPUTS)
def test_inputs_come_back_equal_and_to_the_last_digit(inputs: ReadinessInputs):
    read = through_text(inputs)
    assert read == inputs
    assert repr(read) == repr(inputs)  # 1.0 equals 1.00, but is not written alike


def test_score_of_inputs_that_came_back_is_the_same():
    assert assess(through_text(GOOD)) == assess(GOOD)


def test_field_that_was_not_stored_yet_is_unknown():
    content = inputs_to_json(GOOD)
    del content["payouts_enabled"]
    assert inputs_from_json(content) == replace(GOOD, payouts_enabled=None)


@pytest.mark.parametrize(
    "content",
    [
        {"currency": 3},
        {"scale": {"value": "much", "n": 3, "window": ""}},
        {"scale": {"value": "1", "n": "3", "window": ""}},
        {"growth_basis": "moon"},
        {"missing_permissions": 3},
        {"invented": 1},
    ],
)
def test_content_that_nobody_wrote_is_refused(content):
    with pytest.raises(InvalidInputError, match="Recompute the score"):
        inputs_from_json(content)


def test_all_digits_of_a_value_are_stored():
    inputs = replace(GOOD, recurring_share=Decimal("0.1000000000000000000000000000001"))
    assert inputs_to_json(inputs)["recurring_share"] == "0.1000000000000000000000000000001"
