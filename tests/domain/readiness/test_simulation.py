"""What if: the same model over other inputs, and a sentence where nothing moves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.readiness import (
    CapEffect,
    Changes,
    ComponentKey,
    GrowthBasis,
    Measurement,
    ReadinessInputs,
    Tier,
    assess,
    difference,
    inputs_from_json,
    inputs_to_json,
    more_months,
    range_of,
    shown_parts,
    simulate,
    with_values,
)
from domain.readiness.simulation import UNTIL
from tests.domain.months import GOOD
from tests.domain.readiness.accounts import accounts

CONCENTRATED = with_values(GOOD, {ComponentKey.CONCENTRATION: Decimal("0.60")})


@st.composite
def changes(draw: st.DrawFn) -> Changes:
    keys = draw(st.sets(st.sampled_from(list(ComponentKey)), min_size=1, max_size=4))
    values = {key: draw(_values(key)) for key in keys}
    return Changes(values, payouts_enabled=draw(st.sampled_from([None, True, False])))


def _values(key: ComponentKey) -> st.SearchStrategy[Decimal]:
    low, high = (int(bound) for bound in range_of(key))
    if key is ComponentKey.HISTORY:
        return st.integers(low, high).map(Decimal)
    millionths = st.integers(low * 10**6, high * 10**6)
    return millionths.map(lambda number: Decimal(number).scaleb(-6))


@settings(deadline=None, max_examples=200)
@given(accounts(), changes(), st.sampled_from([None, *Tier]))
def test_what_if_equals_the_computation_from_the_changed_inputs(inputs, wanted, tier):
    kept = inputs_from_json(inputs_to_json(inputs))
    expected = replace(
        inputs,
        **{
            key.value: Measurement(value, known.n, known.window)
            for key, value in wanted.values.items()
            if (known := inputs.measurement(key))
        },
    )
    simulated = simulate(kept, wanted, previous_tier=tier)
    for key in wanted.values.keys() - {k for k in ComponentKey if inputs.measurement(k)}:
        expected = replace(expected, **{key.value: simulated.inputs.measurement(key)})
    if wanted.payouts_enabled is not None:
        expected = replace(expected, payouts_enabled=wanted.payouts_enabled)
    assert simulated.after == assess(expected, previous_tier=tier)
    assert simulated.before == assess(inputs, previous_tier=tier)


@settings(deadline=None, max_examples=200)
@given(accounts(), accounts())
def test_parts_of_a_difference_sum_to_the_difference(one, other):
    before, after = assess(one), assess(other)
    parts = difference(before, after)
    assert before.exact is not None
    assert after.exact is not None
    told = [part.points for part in (*parts.components, *parts.caps)]
    assert sum(told) + parts.model == pytest.approx(after.exact - before.exact, abs=1e-9)
    assert parts.total == after.exact - before.exact
    assert parts.model == 0


@given(st.lists(st.floats(-100, 100), max_size=12))
def test_shown_parts_sum_to_the_shown_total(parts):
    shown = shown_parts(parts)
    assert abs(sum(shown) - Decimal(sum(parts))) <= Decimal("0.0500001")
    assert all(
        abs(Decimal(part) - told) < Decimal("0.1") for part, told in zip(parts, shown, strict=True)
    )


def test_what_an_older_model_judged_otherwise_is_a_part_of_its_own():
    before, after = assess(CONCENTRATED), assess(GOOD)
    assert before.exact is not None
    assert after.exact is not None
    parts = difference(before, after, stored=(before.exact - 4, after.exact))
    assert parts.model == pytest.approx(4)
    told = [part.points for part in (*parts.components, *parts.caps)]
    assert sum(told) + parts.model == pytest.approx(parts.total)


def test_cap_that_ceases_to_bind_gives_back_what_it_took():
    before, after = assess(CONCENTRATED), assess(GOOD)
    [cap] = difference(before, after).caps
    assert (cap.key, cap.effect) == (ComponentKey.CONCENTRATION, CapEffect.CEASED)
    assert cap.points == pytest.approx(before.uncapped - (before.exact or 0))
    [came] = difference(after, before).caps
    assert (came.effect, came.points) == (CapEffect.BEGAN, pytest.approx(-cap.points))


def test_change_behind_another_cap_has_no_effect_until_that_one_is_gone():
    told = simulate(CONCENTRATED, Changes({ComponentKey.REFUNDS: Decimal("0.0")}))
    assert told.after.exact == told.before.exact
    assert told.no_effect is not None
    assert told.no_effect.startswith("No effect until the largest customer's share falls:")


def test_setback_behind_a_cap_is_not_said_to_wait_for_it():
    told = simulate(CONCENTRATED, Changes({ComponentKey.REFUNDS: Decimal("0.12")}))
    assert told.no_effect is not None
    assert told.no_effect.startswith("No effect on the score while customer concentration limits")


def test_change_of_nothing_that_counts_says_so_and_why():
    told = simulate(
        replace(GOOD, recurring_share=Decimal("0.1")),
        Changes({ComponentKey.RETENTION: Decimal("0.5")}),
    )
    assert [part.key for part in told.not_scored] == [ComponentKey.RETENTION]
    assert told.no_effect == f"No effect on the score ({told.before.score})."


def test_what_moved_is_told_by_component():
    told = simulate(GOOD, Changes({ComponentKey.REFUNDS: Decimal("0.10")}))
    [part] = told.moved.components
    assert part.before is not None
    assert part.after is not None
    assert part.key is ComponentKey.REFUNDS
    assert (part.before.value, part.after.value) == (
        GOOD.value(ComponentKey.REFUNDS),
        Decimal("0.10"),
    )
    assert part.points == pytest.approx(part.after.points - part.before.points)


def test_every_component_that_can_hold_a_score_has_its_until():
    assert set(UNTIL) == set(ComponentKey)


def young(months: int, **known: Measurement) -> ReadinessInputs:
    """A shop with so many complete months, 40 payments each."""
    counted = 40 * min(months, 3)
    share = Decimal("0.01")
    return ReadinessInputs(
        scale=Measurement(Decimal(6000), min(months, 3), "w"),
        history=Measurement(Decimal(months), months, "w"),
        disputes=Measurement(share, counted, "w"),
        refunds=Measurement(share, counted, "w"),
        payments=Measurement(share, counted, "w"),
        **known,
    )


def test_months_to_come_lengthen_the_history_and_the_counts_and_nothing_else():
    assert more_months(young(1), 1) == young(2)
    assert more_months(young(2), 2) == young(4)
    assert more_months(young(3), 5) == young(8)


def test_months_to_come_add_to_the_evidence_up_to_the_length_of_the_window():
    later = more_months(young(5, stability=Measurement(Decimal("0.2"), 5, "w")), 20)
    assert later.stability == Measurement(Decimal("0.2"), 12, "w")


def test_growth_is_compared_with_the_year_before_once_there_is_one():
    inputs = young(8, growth=Measurement(Decimal("0.1"), 6, "w"))
    inputs = replace(inputs, growth_basis=GrowthBasis.PREVIOUS_QUARTER)
    soon, later = more_months(inputs, 6), more_months(inputs, 7)
    assert (soon.growth, soon.growth_basis) == (inputs.growth, GrowthBasis.PREVIOUS_QUARTER)
    assert later.growth == Measurement(Decimal("0.1"), 15, "w")
    assert later.growth_basis is GrowthBasis.YEAR_EARLIER


def test_months_to_come_in_steps_are_the_same_months():
    assert more_months(more_months(young(1), 2), 3) == more_months(young(1), 5)


@pytest.mark.parametrize("months", [0, -1, 25])
def test_months_that_cannot_be_counted_are_refused(months):
    with pytest.raises(InvalidInputError, match="from 1 to 24"):
        more_months(young(3), months)


def test_nothing_can_go_on_without_a_complete_month():
    with pytest.raises(InvalidInputError, match="no complete month"):
        more_months(ReadinessInputs(), 2)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (ComponentKey.REFUNDS, "3", "refunds goes from 0 to 1"),
        (ComponentKey.DISPUTES, "-0.01", "disputes goes from 0 to 1"),
        (ComponentKey.GROWTH, "-1.5", "growth goes from -1 to 10"),
        (ComponentKey.SCALE, "-5", "scale goes from 0"),
        (ComponentKey.SCALE, "NaN", "NaN is not"),
        (ComponentKey.HISTORY, "2.5", "whole months"),
        (ComponentKey.HISTORY, "Infinity", "history goes from 0"),
    ],
)
def test_value_out_of_range_is_refused_with_the_range(key, value, said):
    with pytest.raises(InvalidInputError, match=said):
        simulate(GOOD, Changes({key: Decimal(value)}))


def test_no_change_is_no_question():
    with pytest.raises(InvalidInputError, match="Nothing is changed"):
        simulate(GOOD, Changes())


def test_inputs_too_old_for_a_score_are_too_old_for_a_what_if():
    with pytest.raises(InvalidInputError, match="Sync for a score"):
        simulate(replace(GOOD, data_age_days=Decimal(8)), Changes(more_months=1))
