"""What callers see of a difference adds up as they see it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings

from domain.readiness import assess, difference
from services.simulation_results import moves
from tests.domain.readiness.accounts import accounts


@settings(deadline=None, max_examples=60)
@given(accounts(), accounts())
def test_shown_points_add_up_to_the_shown_total(one, other):
    shown = moves(difference(assess(one), assess(other)))
    parts = [Decimal(part.points) for part in shown.components]
    parts += [Decimal(part.points) for part in shown.caps]
    assert sum(parts, Decimal(shown.model)) == Decimal(shown.total)
